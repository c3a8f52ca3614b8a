"""Acquisition functions, for losses that are minimized."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from raytune_suite.models.layout import Array

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_FAR = -1e4
"""The standardized improvement below which the asymptotic expansion is exact to more digits than the formula."""


def log_expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Compute the logarithm of the expected improvement below `best` (Ament et al. 2023, "Unexpected Improvements to
    Expected Improvement for Bayesian Optimization", NeurIPS, eq. 9 and appendix A.1).

    The expected improvement itself underflows to 0 where an improvement is unlikely, so that all candidates tie; its
    logarithm stays finite and ordered.

    Args:
        mean: The predicted means, of any shape.
        deviation: The predicted standard deviations, greater than 0, of the same shape.
        best: The loss to improve on.
    """  # noqa: D205 - the title does not fit into one line
    return log_improvement((best - mean) / deviation) + np.log(deviation)


def log_improvement(z: Array) -> Array:
    """Compute `log(phi(z) + z Phi(z))`, the log expected improvement of a standard normal, without underflow."""
    logs = np.empty_like(z)
    near, far = z > -1, z <= _FAR
    middle = ~near & ~far
    u = z[near]
    logs[near] = np.log(np.exp(-0.5 * u**2 - _LOG_SQRT_2PI) + u * special.ndtr(u))
    u = z[middle]
    # phi(u) + u Phi(u) = phi(u) (1 + u Phi(u) / phi(u)), and Phi(u) / phi(u) = sqrt(pi / 2) erfcx(-u / sqrt(2))
    tail = np.sqrt(np.pi / 2) * special.erfcx(-u / np.sqrt(2))
    logs[middle] = -0.5 * u**2 - _LOG_SQRT_2PI + np.log1p(u * tail)
    u = z[far]
    logs[far] = -0.5 * u**2 - _LOG_SQRT_2PI - 2 * np.log(-u)
    return logs
