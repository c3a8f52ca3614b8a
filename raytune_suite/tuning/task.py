"""What is tuned: the arguments of `tune` that say it, checked and completed, from wherever they came."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite import seeding
from raytune_suite.engines.ray.engine import check_trainable
from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require_extra
from raytune_suite.types import SEED, check_mode
from raytune_suite.workloads import Workload
from raytune_suite.workloads import workload as find_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.engines.ray.engine import Trainable
    from raytune_suite.types import Config, Curve, Mode


@dataclass(frozen=True)
class Problem:
    """What is tuned, whether it came as arguments or as a workload.

    Attributes:
        trainable: What trains.
        space: The search space, without the seed.
        metric: The metric's name.
        mode: "min" or "max".
        time_attr: The reported value that counts the resource.
        max_t: The most resource of a trial, or None.
        tuning_seeds: The training seeds that the method may see; empty where the trainable is given none.
        test_seeds: Those that judge its choice.
        defaults: Arguments of methods that the workload suggests.
        curve: A config and a training seed give the whole curve; None where models are trained.
        cost: The declared seconds of one unit of resource; None where nobody has declared them.
        stateless: Why its trainings cannot be copied or changed midway; "" if they can.
    """

    trainable: Trainable
    space: dict[str, Any]
    metric: str
    mode: Mode
    time_attr: str
    max_t: int | None
    tuning_seeds: tuple[int, ...]
    test_seeds: tuple[int, ...]
    defaults: dict[str, Any] = dataclasses.field(default_factory=dict)
    curve: Callable[[Config, int], Curve] | None = None
    cost: Callable[[Config], float] | None = None
    stateless: str = ""

    @property
    def full_space(self) -> dict[str, Any]:
        """The space with the training seed in it, where there are seeds."""
        return {**self.space, SEED: self.tuning_seeds[0]} if self.tuning_seeds else self.space


def make_problem(
    trainable: Any,
    space: dict[str, Any] | None,
    workload: str | Workload | None,
    *,
    arguments: dict[str, Any],
    tuning_seeds: Sequence[int] | None,
    test_seeds: Sequence[int] | None,
) -> Problem:
    """Check what is tuned, and complete it from the workload.

    Raises:
        ArgumentError: If something is missing, given twice, or cannot be used.
    """
    if workload is not None:
        return of_workload(
            workload, trainable, space, arguments=arguments, tuning_seeds=tuning_seeds, test_seeds=test_seeds
        )
    for key, value in (("trainable", trainable), ("space", space), ("metric", arguments["metric"])):
        if value is None:
            raise ArgumentError(f"`{key}` is missing: give `trainable`, `space`, `metric` and `mode`, or a `workload`")
    seeds = _check_seeds("tuning_seeds", tuning_seeds if tuning_seeds is not None else [0] if test_seeds else [])
    tests = _check_seeds("test_seeds", test_seeds or [])
    shared = sorted(set(seeds) & set(tests))
    if shared:
        raise ArgumentError(f"the seeds {shared} are among `tuning_seeds` and `test_seeds`: the method has seen them")
    checked = check_trainable(trainable)
    is_class = inspect.isclass(checked)
    if len(seeds) > 1 and not is_class:
        raise ArgumentError(
            f"`tuning_seeds` has {len(seeds)} seeds, but a function can be trained on one at a time only: "
            "give one, or write a ray.tune.Trainable class"
        )
    if not isinstance(space, dict):
        raise ArgumentError(f"`space` is {space!r}, but must be a dict of ray.tune domains")
    if seeds and SEED in space:
        raise ArgumentError(f"the space has an entry {SEED!r}, where the trainable shall find its seed: rename it")
    return Problem(
        trainable=checked,
        space=space,
        metric=str(arguments["metric"]),
        mode=check_mode(arguments["mode"]),
        time_attr=arguments["time_attr"] or "training_iteration",
        max_t=arguments["max_t"],
        tuning_seeds=seeds,
        test_seeds=tests,
    )


def of_workload(
    workload: str | Workload,
    trainable: Any,
    space: dict[str, Any] | None,
    *,
    arguments: dict[str, Any],
    tuning_seeds: Sequence[int] | None,
    test_seeds: Sequence[int] | None,
) -> Problem:
    """What a workload says, as arguments."""
    given = [key for key, value in {"trainable": trainable, "space": space, **arguments}.items() if value is not None]
    if given:
        raise ArgumentError(f"`{given[0]}` and `workload` are both given, but the workload brings its own")
    found = find_workload(workload) if isinstance(workload, str) else workload
    if found.extra is not None:
        require_extra(found.extra, f"workload {found.name!r}")
    problem = make_problem(
        found.trainable,
        found.space,
        None,
        arguments={"metric": found.metric, "mode": found.mode, "max_t": found.max_t, "time_attr": found.time_attr},
        tuning_seeds=found.tuning_seeds if tuning_seeds is None else tuning_seeds,
        test_seeds=found.test_seeds if test_seeds is None else test_seeds,
    )
    stateless = f"workload {found.name!r} has no state: its curves belong to one config each"
    return dataclasses.replace(
        problem,
        defaults={"min_t": found.min_t, "eta": found.eta, "mutable": found.mutable or None},
        curve=found.curve,
        cost=found.cost,
        stateless="" if found.has_state else stateless,
    )


def _check_seeds(name: str, seeds: Sequence[int]) -> tuple[int, ...]:
    checked = tuple(seeding.check_seed(seed) for seed in seeds)
    if len(set(checked)) < len(checked):
        raise ArgumentError(f"`{name}` is {list(checked)}, but must not hold a seed twice")
    return checked
