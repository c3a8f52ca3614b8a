"""The search for the point with the highest acquisition value in a mixed and conditional space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from raytune_suite.models.layout import Array, Layout

WIDE, NARROW = 0.1, 0.02
"""Standard deviations of the perturbations of a number in the unit interval."""

REFINED = 4
"""The number of points whose neighbors are searched in each round."""

NEIGHBOURS = 8
"""The number of neighbors of each kind that are drawn around each of these points."""


def perturb(layout: Layout, centers: Array, deviation: float, rng: np.random.Generator, *, single: bool) -> Array:
    """Draw a neighbor of each center, of shape (centers, dimensions).

    Numbers move by a Gaussian step that is reflected at the ends of the unit interval; categories are drawn again with
    probability `max(1 / d, 0.1)`. Values of parameters that become active are uniform.

    Args:
        layout: What the columns mean.
        centers: The points, of shape (centers, dimensions).
        deviation: The standard deviation of a step.
        rng: The random stream.
        single: Whether each neighbor differs in one active parameter only (a one-exchange neighbor).
    """
    fresh = layout.draw(len(centers), rng)
    steps = deviation * rng.standard_normal(centers.shape)
    choices = rng.random(centers.shape)
    full = np.where(np.isnan(centers), fresh, centers)
    numbers = layout.options == 0
    if single:
        order = np.where(np.isnan(centers), 2.0, choices)  # never an inactive parameter
        moves = np.arange(centers.shape[1]) == np.argmin(order, axis=1)[:, None]
    else:
        moves = numbers | (choices < max(1 / len(layout), 0.1))
    moved = np.where(numbers, reflect(full + steps), fresh)
    return layout.deactivate(layout.snap(np.where(moves, moved, full)))


def reflect(values: Array) -> Array:
    """Reflect numbers at 0 and 1 until they lie between them.

    Example:
        >>> reflect(np.array([-0.25, 0.5, 1.25, 2.25]))
        array([0.25, 0.5 , 0.75, 0.25])
    """
    folded = np.abs(values) % 2
    return np.asarray(np.minimum(folded, 2 - folded))


def crowded(layout: Layout, points: Array, others: Array) -> NDArray[np.bool_]:
    """Return whether each point is close to one of the others, of shape (points,).

    Close means the same categories, the same active parameters, and numbers that differ by at most `NARROW`.
    """
    near = np.ones((len(points), len(others)), dtype=bool)
    for column, options in enumerate(layout.options):
        a, b = points[:, column, None], others[:, column]
        near &= (np.abs(a - b) <= (0 if options else NARROW)) | (np.isnan(a) & np.isnan(b))
    return np.asarray(near.any(axis=1))


def proposals(layout: Layout, anchors: Array, rng: np.random.Generator, *, count: int, around: int) -> Array:
    """Draw `count` uniform points and `around` perturbations of each anchor."""
    pools = [layout.sample(count, rng)]
    if len(anchors):
        centers = np.repeat(anchors, around // 4, axis=0)
        pools += [
            perturb(layout, centers, width, rng, single=single) for width in (WIDE, NARROW) for single in (True, False)
        ]
    return np.concatenate(pools)


def maximize(
    acquisition: Callable[[Array], Array],
    layout: Layout,
    anchors: Array,
    taken: Collection[bytes],
    rng: np.random.Generator,
    *,
    count: int = 256,
    around: int = 32,
    rounds: int = 4,
) -> Array | None:
    """Return the point with the highest acquisition value that is not taken; None if all candidates are taken.

    The candidates are uniform points, perturbations of the anchors, and in each round the neighbors of the best
    candidates so far, in smaller and smaller steps.

    Args:
        acquisition: Computes the values of points, of shape (points,).
        layout: What the columns mean.
        anchors: Points in whose neighborhood good ones are expected, such as the best so far.
        taken: The keys (`Layout.keys`) of points that must not be returned.
        rng: The random stream.
        count: The number of uniform candidates.
        around: The number of perturbations of each anchor, a multiple of 4.
        rounds: The number of rounds of local search.
    """
    pool = proposals(layout, anchors, rng, count=count, around=around)
    values = acquisition(pool)
    deviation = WIDE / 2
    for _ in range(rounds):
        best = pool[np.argsort(-values, kind="stable")[:REFINED]]
        centers = np.repeat(best, NEIGHBOURS, axis=0)
        near = [perturb(layout, centers, deviation, rng, single=single) for single in (True, False)]
        pool = np.concatenate([pool, *near])
        values = np.concatenate([values, acquisition(pool[len(values) :])])
        deviation /= 2
    order = np.argsort(-values, kind="stable")
    for start in range(0, len(order), 64):
        part = pool[order[start : start + 64]]
        for point, key in zip(part, layout.keys(part), strict=True):
            if key not in taken:
                chosen: Array = point
                return chosen
    return None
