"""Which bundles of a trial's resources its workers use, and the names of the placement groups of other workers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "workers of trial "


def group_name(trial_id: str) -> str:
    """A unique name for the placement group that workers of a trial occupy beside that of the trial."""
    return f"{_PREFIX}{trial_id} {uuid.uuid4().hex}"


def trial_of(name: str) -> str | None:
    """Return the id of the trial whose workers occupy the placement group of this name; None if it has another name.

    Example:
        >>> trial_of(group_name("3f5c01")), trial_of("another")
        ('3f5c01', None)
    """
    return name.removeprefix(_PREFIX).partition(" ")[0] if name.startswith(_PREFIX) else None


def usable(worker: Mapping[str, float], bundles: Mapping[int, Mapping[str, float]]) -> list[int]:
    """Return the indices of the bundles that have the resources of a worker.

    Example:
        >>> usable({"CPU": 1, "GPU": 1}, {1: {"CPU": 1, "GPU": 1}, 2: {"CPU": 4}})
        [1]
    """
    return [
        index
        for index, bundle in bundles.items()
        if all(bundle.get(name, 0) >= amount for name, amount in worker.items())
    ]


def describe_misfit(number: int, worker: Mapping[str, float], bundles: Mapping[int, Mapping[str, float]]) -> str:
    """Return why `number` workers do not fit into the bundles, "" if they do.

    Example:
        >>> describe_misfit(1, {"GPU": 1}, {1: {"CPU": 1}})[:37]
        '`resources` has bundles for 0 workers'
        >>> describe_misfit(1, {"GPU": 1}, {1: {"GPU": 2}})
        ''
    """
    fitting = len(usable(worker, bundles))
    if fitting >= number:
        return ""
    return (
        f"`resources` has bundles for {fitting} workers with {dict(worker)}, but the trainer has {number}: after the "
        f"bundle of the trial itself, add one bundle per worker, or change `ScalingConfig`. The workers' bundles are "
        f"{[dict(bundle) for bundle in bundles.values()]}"
    )
