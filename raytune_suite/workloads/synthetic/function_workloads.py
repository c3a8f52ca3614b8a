"""The workloads of the synthetic functions.

By default they have r = 1, R = 81 and eta = 3. This gives five rungs, the fidelities of CountingOnes in the papers, and
the settings with which the reference packages are run. A resource t corresponds to the fraction t / 81 of the highest
fidelity. The declared cost of a full training is about a second.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ray import tune

from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.synthetic.synthetic_functions import Branin, Choice, CountingOnes, Currin, MFHartmann

if TYPE_CHECKING:
    from raytune_suite.workloads.synthetic.synthetic_functions import SyntheticFunction


def synthetic(function: SyntheticFunction, summary: str) -> Workload:
    """Create the workload of a function."""
    space: dict[str, Any] = {
        name: tune.choice(list(kind.values)) if isinstance(kind, Choice) else tune.uniform(kind.low, kind.high)
        for name, kind in function.parameters.items()
    }
    return Workload(
        name=f"synthetic/{function.name}",
        summary=summary,
        curve=function.curve,
        space=space,
        metric="value",
        mode=function.mode,
        cost=function.seconds_per_unit,
        max_t=function.max_t,
        bounds=function.bounds,
        optimum=function.bounds[0],
        exact=function.exact,
    )


def mf_hartmann(dimensions: int = 3, variant: str = "default", max_t: int = 81) -> Workload:
    """Create the workload of MFHartmann3 or MFHartmann6 in one of the variants of `formulas.VARIANTS`.

    Raises:
        ArgumentError: If `dimensions` is neither 3 nor 6, or `max_t` is above 100.
        UnknownNameError: If the variant is unknown.
    """
    function = MFHartmann(dimensions=dimensions, variant=variant, max_t=max_t)
    return synthetic(
        function, f"MFHartmann{dimensions}, {variant}: cheap fidelities are biased and noisy, the best exact"
    )


def counting_ones(categorical: int = 8, continuous: int = 8, max_t: int = 81) -> Workload:
    """Create the workload of CountingOnes; the papers of BOHB and DEHB also have 50 + 50 dimensions.

    Raises:
        ArgumentError: If a count is below 1, or `max_t` is so large that a unit of resource has no draw.
    """
    function = CountingOnes(categorical=categorical, continuous=continuous, max_t=max_t)
    return synthetic(function, f"CountingOnes of {categorical} choices and {continuous} probabilities, as BOHB's paper")


def branin(noise: float = 0.0, max_t: int = 81) -> Workload:
    """Create the workload of MF-Branin with noise of this standard deviation.

    Raises:
        ArgumentError: If `noise` is negative.
    """
    return synthetic(Branin(noise=noise, max_t=max_t), "MF-Branin: two numbers, cheap fidelities are biased, all exact")


def currin(noise: float = 0.0, max_t: int = 81) -> Workload:
    """Create the workload of MF-Currin, to be maximized, with noise of this standard deviation.

    Raises:
        ArgumentError: If `noise` is negative.
    """
    return synthetic(Currin(noise=noise, max_t=max_t), "MF-Currin: two numbers, to be maximized, all fidelities exact")


mfh3_good = partial(mf_hartmann, 3, "good")
mfh3_terrible = partial(mf_hartmann, 3, "terrible")
mfh6 = partial(mf_hartmann, 6)
mfh6_moderate = partial(mf_hartmann, 6, "moderate")
