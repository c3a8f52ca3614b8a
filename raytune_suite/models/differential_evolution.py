"""The operators of differential evolution in the unit cube (Storn & Price 1997, "Differential Evolution", J. Global
Optimization 11:341; DE/rand/1/bin), and the population that they work on.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector: TypeAlias = NDArray[np.float64]

PARENTS = 3
"""How many different parents a mutation needs."""


@dataclass(eq=False)
class Subpopulation:
    """Points of the unit cube and their losses.

    Attributes:
        vectors: Of shape (size, dimensions).
        losses: Of shape (size,): NaN where the vector was never evaluated, infinity where that failed.
        turn: The slot whose turn it is to be the target.
    """

    vectors: Vector
    losses: Vector
    turn: int = 0

    @classmethod
    def random(cls, size: int, dimensions: int, rng: np.random.Generator) -> Subpopulation:
        """Uniform vectors, none of them evaluated."""
        return cls(rng.random((size, dimensions)), np.full(size, np.nan))

    @property
    def evaluated(self) -> Vector:
        """The vectors that have a loss, of shape (evaluated, dimensions)."""
        return self.vectors[~np.isnan(self.losses)]

    def best(self, count: int) -> Vector:
        """The `count` evaluated vectors of least loss, best first; fewer where there are no more."""
        order = np.argsort(self.losses, kind="stable")  # NaN comes last
        return self.vectors[order[: min(count, len(self.evaluated))]]

    def target(self) -> int:
        """The next slot; each has its turn."""
        slot = self.turn
        self.turn = (slot + 1) % len(self.vectors)
        return slot

    def select(self, slot: int, vector: Vector, loss: float) -> None:
        """Let the trial vector take the target's place unless it is worse (Storn & Price, eq. 4, ties accepted)."""
        if not loss > self.losses[slot]:
            self.vectors[slot], self.losses[slot] = vector, loss


def parent_pool(best: Vector, everyone: Vector, rng: np.random.Generator) -> Vector:
    """`best`, filled up to `PARENTS` rows from `everyone`, and from nowhere in particular if that is not enough."""
    missing = PARENTS - len(best)
    if missing <= 0:
        return best
    chosen = everyone[rng.permutation(len(everyone))[:missing]]
    return np.concatenate([best, chosen, rng.random((missing - len(chosen), best.shape[1]))])


def rand_1(pool: Vector, factor: float, rng: np.random.Generator) -> Vector:
    """The mutant `r1 + F (r2 - r3)` of three different rows of the pool (eq. 2)."""
    first, second, third = pool[rng.choice(len(pool), PARENTS, replace=False)]
    mutant: Vector = first + factor * (second - third)
    return mutant


def binomial_crossover(target: Vector, mutant: Vector, probability: float, rng: np.random.Generator) -> Vector:
    """Each coordinate from the mutant with this probability, one at least, the others from the target (eq. 3)."""
    crossed = rng.random(len(target)) < probability
    crossed[rng.integers(len(target))] = True
    return np.where(crossed, mutant, target)


def repair(vector: Vector, rng: np.random.Generator) -> Vector:
    """`vector` with fresh uniform draws for the coordinates outside of the unit cube."""
    fresh = rng.random(len(vector))
    return np.where((vector < 0) | (vector > 1), fresh, vector)
