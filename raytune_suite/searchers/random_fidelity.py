"""Random search over configs and fidelities: the baseline that a multi-fidelity method has to beat.

Each config is trained to a rung that is drawn uniformly at random, and never further. This is the multi-fidelity random
search in the comparisons of NePS and HPOSuite; the searcher `random` trains every config to the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Unpack, final

from raytune_suite import rungs
from raytune_suite.errors import ArgumentError
from raytune_suite.searchers.base import COMMON, AskTellSearcher, SearcherArgs
from raytune_suite.spaces import FEATURES
from raytune_suite.types import COUNT, FIDELITY
from raytune_suite.validation import checked

if TYPE_CHECKING:
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation


@final
class RandomFidelitySearcher(AskTellSearcher):
    """Independent random configs, each with a random rung (`min_t * eta**k` or `max_t`) under `FIDELITY`."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    learns: ClassVar[bool] = False
    assigns: ClassVar[bool] = True

    @checked(**COMMON, min_t=COUNT, eta=rungs.ETA)
    def __init__(self, *, min_t: int = 1, eta: float = 3, **args: Unpack[SearcherArgs]) -> None:
        """Create the searcher.

        Args:
            min_t: The least resource of a rung.
            eta: The factor between one rung and the next.
            args: See `SearcherArgs`; `max_t` is required.

        Raises:
            ArgumentError: If an argument is invalid, or `max_t` is missing.
        """
        max_t = args.get("max_t")
        if max_t is None:
            raise ArgumentError("RandomFidelitySearcher needs `max_t`, the maximum resource of a trial")
        self._rungs = rungs.increasing([round(level) for level in rungs.geometric(min_t, max_t, eta)])
        super().__init__(**args)

    def setup(self, space: Space) -> None:
        """Keep the space."""
        self._sample = space.sample

    def ask(self) -> Config:
        """Draw a config and its fidelity."""
        return {**self._sample(self.rng), FIDELITY: self._rungs[self.rng.integers(len(self._rungs))]}

    def tell(self, observation: Observation) -> None:
        """Do nothing: there is nothing to learn."""

    def _place(self, config: Config) -> Config:
        """Train the user's config to the highest rung."""
        return {**config, FIDELITY: self._rungs[-1]}
