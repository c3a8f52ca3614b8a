"""Random search over configs and fidelities alike: what a multi-fidelity method has to beat.

Each config is trained to a rung drawn at random, all of them equally likely, and never further. It is the random search
of NePS's and HPOSuite's comparisons where the fidelity is not ignored; `random` trains every config to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Unpack, final

from raytune_suite import rungs
from raytune_suite.errors import ArgumentError
from raytune_suite.searchers.base import AskTellSearcher, SearcherArgs
from raytune_suite.spaces import FEATURES
from raytune_suite.types import FIDELITY

if TYPE_CHECKING:
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation


@final
class RandomFidelitySearcher(AskTellSearcher):
    """Independent draws of configs, and of the rungs `min_t * eta**k` and `max_t` under `FIDELITY`."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    assigns: ClassVar[bool] = True

    def __init__(self, *, min_t: int = 1, eta: float = 3, **args: Unpack[SearcherArgs]) -> None:
        """`min_t` is the least resource of a rung, `eta` the factor from one to the next.

        Raises:
            ArgumentError: If these make no ladder, or `max_t` is missing.
        """
        max_t = args.get("max_t")
        if max_t is None:
            raise ArgumentError("RandomFidelitySearcher needs `max_t`: the most resource that a trial may have")
        self._rungs = rungs.increasing([round(level) for level in rungs.geometric(min_t, max_t, eta)])
        super().__init__(**args)

    def setup(self, space: Space) -> None:
        """Keep the space; the configs to evaluate first are trained to their end."""
        self._sample = space.sample
        self._first = [{**config, FIDELITY: self._rungs[-1]} for config in self._first]

    def ask(self) -> Config:
        """A fresh draw."""
        return {**self._sample(self.rng), FIDELITY: self._rungs[self.rng.integers(len(self._rungs))]}

    def tell(self, observation: Observation) -> None:
        """Nothing to learn."""
