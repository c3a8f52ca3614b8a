"""The draw of the bracket in which a new trial starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite import rungs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(eq=False)
class BracketDraw:
    """Draws brackets, by the searcher's weights of their first levels if it has any.

    Attributes:
        starts: The first level of each bracket, in ascending order.
        odds: The probabilities without weights.
        rng: The random stream.
        weights: The searcher's weights; None if there are none.
    """

    starts: list[float]
    odds: NDArray[np.float64]
    rng: np.random.Generator
    weights: dict[float, float] | None = None

    def update(self, searcher: Any) -> None:
        """Take the searcher's weights; Ray's own searchers have none."""
        weights = getattr(searcher, "bracket_weights", None)
        self.weights = None if weights is None else weights()

    def draw(self) -> int:
        """Draw the position of a bracket."""
        if len(self.starts) == 1:
            return 0
        odds = self.odds if self.weights is None else rungs.trusted_odds(self.starts, self.odds, self.weights)
        return int(self.rng.choice(len(self.starts), p=odds))
