"""The synthetic workloads: the functions of `problems` with Ray Tune's spaces.

All have r = 1, R = 81, eta = 3 unless told otherwise: five rungs, the papers' fidelities of CountingOnes, and what the
reference packages are run with. A resource t is the fidelity z = t / 81 of the range of each function. The declared
cost is of the order of a second for a full training.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ray import tune

from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.synthetic.synthetic_functions import Branin, Choice, CountingOnes, Currin, MFHartmann

if TYPE_CHECKING:
    from raytune_suite.workloads.synthetic.synthetic_functions import SyntheticFunction


def synthetic(problem: SyntheticFunction, summary: str) -> Workload:
    """The workload of a problem, under its name."""
    space: dict[str, Any] = {
        name: tune.choice(list(kind.values)) if isinstance(kind, Choice) else tune.uniform(kind.low, kind.high)
        for name, kind in problem.parameters.items()
    }
    return Workload(
        name=f"synthetic/{problem.name}",
        summary=summary,
        curve=problem.curve,
        space=space,
        metric="value",
        mode=problem.mode,
        cost=problem.seconds_per_unit,
        max_t=problem.max_t,
        bounds=problem.bounds,
        optimum=problem.bounds[0],
        exact=problem.exact,
    )


def mf_hartmann(dimensions: int = 3, variant: str = "default", max_t: int = 81) -> Workload:
    """MFHartmann3 or 6 in one of the variants of `functions.VARIANTS`, with z = 100 t / max_t.

    Raises:
        ArgumentError: If there is none of so many dimensions, or `max_t` is above 100.
        UnknownNameError: If the variant is unknown.
    """
    problem = MFHartmann(dimensions=dimensions, variant=variant, max_t=max_t)
    return synthetic(
        problem, f"MFHartmann{dimensions}, {variant}: cheap fidelities are biased and noisy, the best exact"
    )


def counting_ones(categorical: int = 8, continuous: int = 8, max_t: int = 81) -> Workload:
    """CountingOnes; BOHB's and DEHB's papers also have 50 + 50 dimensions.

    Raises:
        ArgumentError: If a count is below 1, or `max_t` leaves no draw for a unit of resource.
    """
    problem = CountingOnes(categorical=categorical, continuous=continuous, max_t=max_t)
    return synthetic(problem, f"CountingOnes of {categorical} choices and {continuous} probabilities, as BOHB's paper")


def branin(noise: float = 0.0, max_t: int = 81) -> Workload:
    """MF-Branin, exact unless `noise` gives a standard deviation.

    Raises:
        ArgumentError: If `noise` is negative.
    """
    return synthetic(Branin(noise=noise, max_t=max_t), "MF-Branin: two numbers, cheap fidelities are biased, all exact")


def currin(noise: float = 0.0, max_t: int = 81) -> Workload:
    """MF-Currin, to be maximized, exact unless `noise` gives a standard deviation.

    Raises:
        ArgumentError: If `noise` is negative.
    """
    return synthetic(Currin(noise=noise, max_t=max_t), "MF-Currin: two numbers, to be maximized, all fidelities exact")


mfh3_good = partial(mf_hartmann, 3, "good")
mfh3_terrible = partial(mf_hartmann, 3, "terrible")
mfh6 = partial(mf_hartmann, 6)
mfh6_moderate = partial(mf_hartmann, 6, "moderate")
