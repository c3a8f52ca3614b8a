"""How many trials fit on machines, counting all bundles of a trial together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Bundle = frozenset[tuple[str, float]]
"""The resources that one process of a trial occupies on one node, such as `{("CPU", 4.0), ("GPU", 1.0)}`."""

Demand = tuple[Bundle, ...]
"""The bundles of a trial; usually one."""

STRATEGIES = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")
"""How Ray places bundles on machines; see `ray.util.placement_group`."""

ROUNDING = 1e-9
"""Tolerance so that three bundles of 1/3 GPU fit on one GPU."""


def count_trials(
    demand: Demand, machines: Iterable[Mapping[str, float]], strategy: str = STRATEGIES[0], most: float = math.inf
) -> int:
    """Return how many trials with these bundles fit on machines that are free; at most `most`, if that is finite.

    The bundles are placed one by one on the first machine with room, the largest first. That never counts a trial too
    many; a better placement than this one may exist.

    Args:
        demand: The bundles of a trial.
        machines: The resources of each machine.
        strategy: Ray's placement strategy. STRICT_PACK places a trial on one machine, STRICT_SPREAD each bundle on its
            own.
        most: Where to stop counting.

    Example:
        >>> worker = frozenset({("CPU", 1.0), ("GPU", 2.0)})
        >>> count_trials((worker, worker), [{"CPU": 8, "GPU": 4}, {"CPU": 8, "GPU": 2}, {"CPU": 8, "GPU": 2}])
        2
        >>> count_trials((worker, worker), [{"CPU": 8, "GPU": 4}, {"CPU": 8, "GPU": 2}], "STRICT_SPREAD")
        1
    """
    free = [dict(machine) for machine in machines]
    if len(demand) == 1:
        return int(min(most, sum(_count(demand[0], machine) for machine in free)))
    if strategy == "STRICT_PACK":
        return count_trials((_total(demand),), free, most=most)
    bundles = sorted(demand, key=lambda bundle: tuple(-dict(bundle).get(name, 0.0) for name in ("GPU", "CPU")))
    count, full = 0, dict.fromkeys(bundles, 0)
    while count < most and _place(bundles, free, full, apart=strategy == "STRICT_SPREAD"):
        count += 1
    return count


def _place(bundles: Sequence[Bundle], free: list[dict[str, float]], full: dict[Bundle, int], *, apart: bool) -> bool:
    """Take the resources of one trial from the machines; returns whether it fits.

    `full` counts for each bundle the first machines that have no room for it, and never will.
    """
    used: set[int] = set()
    for bundle in bundles:
        while full[bundle] < len(free) and not _count(bundle, free[full[bundle]]):
            full[bundle] += 1
        rest = range(full[bundle], len(free))
        index = next((i for i in rest if not (apart and i in used) and _count(bundle, free[i])), None)
        if index is None:
            return False
        used.add(index)
        for name, amount in bundle:
            free[index][name] -= amount
    return True


def _count(bundle: Bundle, machine: Mapping[str, float]) -> int:
    """How often a bundle fits on a machine."""
    return min((int(machine.get(name, 0) / amount + ROUNDING) for name, amount in bundle), default=2**31)


def _total(demand: Demand) -> Bundle:
    total: dict[str, float] = {}
    for name, amount in (each for bundle in demand for each in bundle):
        total[name] = total.get(name, 0.0) + amount
    return frozenset(total.items())
