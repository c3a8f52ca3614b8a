"""The formulas of the synthetic functions, in pure numpy and without noise.

They map a point `x` of shape (d,) and fidelities of shape (n,) to values of shape (n,). The module
`synthetic_functions` evaluates them for configs and training seeds, and adds the noise. Neither needs Ray.

Sources: MFHartmann from the package mf-prior-bench (Mallik et al. 2023, "PriorBand"); CountingOnes from Falkner et al.
2018, "BOHB", section 5.1; MF-Branin and MF-Currin from Kandasamy et al. 2017, "Multi-fidelity Bayesian Optimisation
with Continuous Approximations", in the form of the package Dragonfly; the quadratic from Jaderberg et al. 2017,
"Population Based Training of Neural Networks", figure 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Hartmann(NamedTuple):
    """The constants of a Hartmann function of d dimensions.

    Attributes:
        a: The inverse widths of its four wells, of shape (4, d).
        p: The centers of the wells, of shape (4, d).
        best: The minimizer, of shape (d,).
        optimum: The minimum.
    """

    a: Floats
    p: Floats
    best: tuple[float, ...]
    optimum: float


ALPHA = (1.0, 1.2, 3.0, 3.2)
"""The depths of the four wells."""

HARTMANN: dict[int, Hartmann] = {
    3: Hartmann(
        a=np.array([[3.0, 10, 30], [0.1, 10, 35], [3.0, 10, 30], [0.1, 10, 35]]),
        p=1e-4 * np.array([[3689.0, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
        best=(0.11458888171096103, 0.5556488941292563, 0.8525469847803095),
        optimum=-3.8627797873326624,
    ),
    6: Hartmann(
        a=np.array(
            [
                [10.0, 3, 17, 3.5, 1.7, 8],
                [0.05, 10, 17, 0.1, 8, 14],
                [3, 3.5, 1.7, 10, 17, 8],
                [17, 8, 0.05, 10, 0.1, 14],
            ]
        ),
        p=1e-4
        * np.array(
            [
                [1312.0, 1696, 5569, 124, 8283, 5886],
                [2329, 4135, 8307, 3736, 1004, 9991],
                [2348, 1451, 3522, 2883, 3047, 6650],
                [4047, 8828, 8732, 5743, 1091, 381],
            ]
        ),
        best=(
            0.2016895143546786,
            0.15001069292118097,
            0.4768739775473111,
            0.27533243018030845,
            0.3116516151076288,
            0.6573005338278364,
        ),
        optimum=-3.3223680114155143,
    ),
}
"""The constants by dimension, as in mf-prior-bench, with minimizers that were refined to the last digit."""


class Variant(NamedTuple):
    """The error of an MFHartmann function at low fidelities: `bias` flattens the wells, `noise` is added."""

    bias: float
    noise: float


VARIANTS: dict[str, Variant] = {
    "default": Variant(0.5, 0.1),
    "good": Variant(2.5, 2.0),
    "moderate": Variant(3.0, 3.0),
    "bad": Variant(3.5, 4.0),
    "terrible": Variant(4.0, 5.0),
}
"""The variants of mf-prior-bench."""


def hartmann_share(z: Floats) -> Floats:
    """Map fidelities `z` from 1 to 100 to the share of the error that remains: `1 - ln z / ln 100`, from 1 to 0."""
    return np.array([1 - math.log(level) / math.log(100) for level in z.tolist()])


def mf_hartmann(x: Floats, z: Floats, *, bias: float) -> Floats:
    """MFHartmann without noise: `-sum_i (alpha_i - bias (1 - s)) exp(-sum_j A_ij (x_j - P_ij)^2)`, `s = ln z / ln 100`.

    Exponentials and sums are computed by Python, because those of numpy differ in the last bit between versions.

    Args:
        x: A point of the unit cube, of shape (3,) or (6,).
        z: Fidelities from 1 to 100, of shape (n,).
        bias: The depth that each well loses at z = 1.

    Example:
        >>> x = np.array(HARTMANN[3].best)
        >>> mf_hartmann(x, np.array([1.0, 11, 100]), bias=0.5).round(5).tolist()
        [-3.07619, -3.48576, -3.86278]
    """
    constants = HARTMANN[len(x)]
    distances = (constants.a * (x - constants.p) ** 2).tolist()
    wells = [math.exp(-math.fsum(row)) for row in distances]
    depth = math.fsum(alpha * well for alpha, well in zip(ALPHA, wells, strict=True))
    values: Floats = bias * math.fsum(wells) * hartmann_share(z) - depth
    return values


DRAWS = 93312
"""At its highest fidelity, CountingOnes draws each continuous dimension `DRAWS` / d times in d dimensions."""


def counting_ones(ones: Floats, means: Floats) -> Floats:
    """CountingOnes: `-(ones + the sum of the means) / d`, from 0 to -1.

    Args:
        ones: The categorical dimensions, each 0 or 1, of shape (c,).
        means: The mean of the draws of each continuous dimension at each fidelity, of shape (k, n).

    Returns:
        The values at each fidelity, of shape (n,).

    Example:
        >>> counting_ones(np.array([1.0, 0.0]), np.array([[0.5, 0.25], [1.0, 0.75]])).tolist()
        [-0.625, -0.5]
    """
    values: Floats = -(ones.sum() + means.sum(axis=0)) / (len(ones) + len(means))
    return values


def branin(x: Floats, z: Floats) -> Floats:
    """MF-Branin with its three fidelities equal: `(x2 - b x1^2 + c x1 - 6)^2 + 10 (1 - t) cos x1 + 10`.

    b = 5.1 / (4 pi^2) - 0.01 (1 - z), c = 5 / pi - 0.1 (1 - z), t = 1 / (8 pi) + 0.005 (1 - z).

    Args:
        x: A point of [-5, 10] x [0, 15], of shape (2,).
        z: Fidelities from 0 to 1, of shape (n,).

    Example:
        >>> branin(np.array([math.pi, 2.275]), np.array([0, 0.25, 0.5, 1])).round(5).tolist()
        [0.49431, 0.4615, 0.43449, 0.39789]
    """
    x1, x2 = float(x[0]), float(x[1])
    b = 5.1 / (4 * math.pi**2) - 0.01 * (1 - z)
    c = 5 / math.pi - 0.1 * (1 - z)
    t = 1 / (8 * math.pi) + 0.005 * (1 - z)
    values: Floats = (x2 - b * x1**2 + c * x1 - 6) ** 2 + 10 * (1 - t) * math.cos(x1) + 10
    return values


def currin(x: Floats, z: Floats) -> Floats:
    """MF-Currin: `(1 - alpha exp(-1 / (2 x2))) (2300 x1^3 + 1900 x1^2 + 2092 x1 + 60) / (100 x1^3 + 500 x1^2 + 4 x1 + 20)`.

    As in Dragonfly, alpha = 1 - 0.1 z: the highest fidelity, z = 1, has alpha = 0.9, and the function of the textbooks,
    with alpha = 1, is the lowest fidelity.

    Args:
        x: A point of the unit square, of shape (2,).
        z: Fidelities from 0 to 1, of shape (n,).

    Example:
        >>> currin(np.array([0.5, 0.5]), np.array([0, 1])).round(5).tolist()
        [7.40512, 7.83608]
    """  # noqa: E501 - the formula is on one line
    x1, x2 = float(x[0]), float(x[1])
    decay = math.exp(-1 / (2 * x2)) if x2 > 0 else 0.0
    ratio = (2300 * x1**3 + 1900 * x1**2 + 2092 * x1 + 60) / (100 * x1**3 + 500 * x1**2 + 4 * x1 + 20)
    values: Floats = (1 - (1 - 0.1 * z) * decay) * ratio
    return values


QUADRATIC_START = (0.9, 0.9)
"""The initial theta, as in the figure."""


def quadratic(theta: tuple[float, float]) -> float:
    """The true objective of PBT's toy problem, `1.2 - (t0^2 + t1^2)`, to be maximized.

    Example:
        >>> round(quadratic((0.9, 0.9)), 9)
        -0.42
    """
    return 1.2 - (theta[0] ** 2 + theta[1] ** 2)


def quadratic_step(theta: tuple[float, float], h: tuple[float, float], rate: float) -> tuple[float, float]:
    """Make one step of gradient ascent on the surrogate objective `1.2 - (h0 t0^2 + h1 t1^2)`.

    Example:
        >>> quadratic_step((0.5, 0.5), (1.0, 0.0), 0.25)
        (0.25, 0.5)
    """
    return theta[0] * (1 - 2 * rate * h[0]), theta[1] * (1 - 2 * rate * h[1])
