"""An upper bound on the regret of the best observation (Makarova et al. 2022, "Automatic Termination for
Hyperparameter Optimization", AutoML).

The constants are those of Optuna's `RegretBoundEvaluator`: the better half of the observations, at least 20, and the
confidence 0.9.
"""  # noqa: D205 - the title does not fit into one line

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from raytune_suite.models.candidates import maximize
from raytune_suite.models.gaussian_process import GaussianProcess, Hyperparameters, fit
from raytune_suite.models.kernels import Embedding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.models.layout import Array, Layout

DELTA = 0.1
"""The probability with which the bound may be violated."""

LEAST, MOST = 20, 300
"""The least and the most observations with which the process is fitted."""

_CANDIDATES = 2048
_ANCHORS = 5


def better_half(losses: Array) -> NDArray[np.intp]:
    """The positions of the better half of the losses, best first: at least `LEAST` and at most `MOST`."""
    return np.argsort(losses, kind="stable")[: min(max(len(losses) // 2, LEAST), MOST)]


def regret_bound(points: Array, losses: Array, layout: Layout, rng: np.random.Generator) -> float:
    """Bound the difference between the best observed function value and the minimum over the space.

    The bound is the lowest upper confidence bound among the observed points minus the lowest lower confidence bound in
    the space (section 3.1).

    Args:
        points: The observed points of the `better_half`, the best first, of shape (n, dimensions), n at least 2.
        losses: Their losses, finite, of shape (n,).
        layout: What the columns mean.
        rng: Draws the candidates for the minimum in the space.

    Returns:
        The bound in units of the loss, at least 0; infinity if all losses are the same, which says nothing, or too
        large for their deviation to be computed.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scale = float(losses.std())
    if scale == 0 or not math.isfinite(scale):
        return math.inf
    targets, embedding = (losses - losses.mean()) / scale, Embedding.of(layout)
    start = Hyperparameters.initial(len(layout), 1)
    process = GaussianProcess.condition(
        points, targets, embedding, fit([embedding(points)], [targets], embedding, start), 0
    )
    width = math.sqrt(confidence_width(len(layout), len(points)))

    def lower_bounds(where: Array) -> Array:
        mean, variance = process.predict(where)
        return np.asarray(mean - width * np.sqrt(variance))

    mean, variance = process.predict(points)
    upper = float(np.min(mean + width * np.sqrt(variance)))
    lower = float(np.min(lower_bounds(points)))
    lowest = maximize(lambda where: -lower_bounds(where), layout, points[:_ANCHORS], (), rng, count=_CANDIDATES)
    if lowest is not None:
        lower = min(lower, float(lower_bounds(lowest[None])[0]))
    return max(upper - lower, 0.0) * scale


def confidence_width(dimensions: int, observations: int) -> float:
    """The squared width of the confidence bounds in standard deviations, beta of theorem 1 of Srinivas et al. 2010.

    It is divided by 5, as both papers do in their experiments. For the size of the domain, which is infinite here, it
    has the number of parameters, as in Optuna.

    Example:
        >>> round(confidence_width(2, 20), 2)
        3.79
    """
    return 2 * math.log(dimensions * observations**2 * math.pi**2 / (6 * DELTA)) / 5
