"""The operators of differential evolution in the unit cube (Storn & Price 1997, "Differential Evolution", J. Global
Optimization 11:341; DE/rand/1/bin), and the subpopulations on which they operate.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector: TypeAlias = NDArray[np.float64]

PARENTS = 3
"""The number of distinct parents of a mutation."""


@dataclass(eq=False)
class Subpopulation:
    """Points of the unit cube and their losses.

    Attributes:
        vectors: The points, of shape (size, dimensions).
        losses: The losses, of shape (size,): NaN for a point that was never evaluated, infinity for a failed one.
        turn: The slot that is the next target.
    """

    vectors: Vector
    losses: Vector
    turn: int = 0

    @classmethod
    def random(cls, size: int, dimensions: int, rng: np.random.Generator) -> Subpopulation:
        """Draw uniform vectors that are not evaluated yet."""
        return cls(rng.random((size, dimensions)), np.full(size, np.nan))

    @property
    def evaluated(self) -> Vector:
        """The vectors that have a loss, of shape (evaluated, dimensions)."""
        return self.vectors[~np.isnan(self.losses)]

    def best(self, count: int) -> Vector:
        """Return the `count` evaluated vectors with the lowest losses, best first, or all if there are fewer."""
        order = np.argsort(self.losses, kind="stable")  # NaN comes last
        return self.vectors[order[: min(count, len(self.evaluated))]]

    def target(self) -> int:
        """Return the slot of the next target; slots take turns."""
        slot = self.turn
        self.turn = (slot + 1) % len(self.vectors)
        return slot

    def select(self, slot: int, vector: Vector, loss: float) -> None:
        """Replace the target by the trial vector unless that is worse (Storn & Price, eq. 4, ties accepted)."""
        if not loss > self.losses[slot]:
            self.vectors[slot], self.losses[slot] = vector, loss


def parent_pool(best: Vector, everyone: Vector, rng: np.random.Generator) -> Vector:
    """Fill `best` up to `PARENTS` rows with random rows of `everyone`, then with uniform draws."""
    missing = PARENTS - len(best)
    if missing <= 0:
        return best
    chosen = everyone[rng.permutation(len(everyone))[:missing]]
    return np.concatenate([best, chosen, rng.random((missing - len(chosen), best.shape[1]))])


def rand_1(pool: Vector, factor: float, rng: np.random.Generator) -> Vector:
    """Return the mutant `r1 + F (r2 - r3)` of three distinct rows of the pool (eq. 2)."""
    first, second, third = pool[rng.choice(len(pool), PARENTS, replace=False)]
    mutant: Vector = first + factor * (second - third)
    return mutant


def binomial_crossover(target: Vector, mutant: Vector, probability: float, rng: np.random.Generator) -> Vector:
    """Take each coordinate, and at least one, with this probability from the mutant, else from the target (eq. 3)."""
    crossed = rng.random(len(target)) < probability
    crossed[rng.integers(len(target))] = True
    return np.where(crossed, mutant, target)


def repair(vector: Vector, rng: np.random.Generator) -> Vector:
    """Replace the coordinates outside the unit cube by uniform draws."""
    fresh = rng.random(len(vector))
    return np.where((vector < 0) | (vector > 1), fresh, vector)
