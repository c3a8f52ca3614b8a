"""Sobol search: a scrambled low-discrepancy sequence in place of independent draws.

The sequence of Sobol 1967, scrambled as in Owen 1998, is that of `scipy.stats.qmc`. In few dimensions it covers the
space more evenly than random search with the same number of configs (Bergstra & Bengio 2012, section 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from raytune_suite.searchers.base import AskTellSearcher
from raytune_suite.spaces import FEATURES

if TYPE_CHECKING:
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation

BLOCK = 64
"""The number of points drawn at once: a power of two, at which a Sobol sequence is balanced."""


@final
class SobolSearcher(AskTellSearcher):
    """The points of a scrambled Sobol sequence."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    learns: ClassVar[bool] = False

    def setup(self, space: Space) -> None:
        """Start the sequence."""
        from scipy.stats import qmc  # late: `scipy.stats` takes more than a second and 40 MB

        self._decode = space.decode
        self._sequence = qmc.Sobol(len(space), rng=self.rng)
        self._block = np.empty((0, len(space)))

    def ask(self) -> Config:
        """Return the next point of the sequence."""
        if len(self._block) == 0:
            self._block = self._sequence.random(BLOCK)
        point, self._block = self._block[0], self._block[1:]
        return self._decode(point)

    def tell(self, observation: Observation) -> None:
        """Do nothing: there is nothing to learn."""
