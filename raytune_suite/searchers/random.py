"""Random search (Bergstra & Bengio 2012, "Random Search for Hyper-Parameter Optimization")."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from raytune_suite.searchers.base import AskTellSearcher
from raytune_suite.spaces import FEATURES

if TYPE_CHECKING:
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation


@final
class RandomSearcher(AskTellSearcher):
    """Independent random configs."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    learns: ClassVar[bool] = False

    def setup(self, space: Space) -> None:
        """Keep the space."""
        self._sample = space.sample

    def ask(self) -> Config:
        """Draw a config."""
        return self._sample(self.rng)

    def tell(self, observation: Observation) -> None:
        """Do nothing: there is nothing to learn."""
