"""What is tuned: the arguments of `tune` that describe it, checked and completed, or a workload instead of them."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray import tune
from ray.tune import TuneError
from ray.tune.registry import get_trainable_cls
from ray.tune.trainable import FunctionTrainable

from raytune_suite import seeding
from raytune_suite.engines.base import StudySpec, trainable_name
from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require_extra
from raytune_suite.types import COUNT, SEED, Objective, check_mode
from raytune_suite.validation import optional, text
from raytune_suite.workloads import WORKLOADS, Workload
from raytune_suite.workloads import workload as find_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.engines.base import Trainable
    from raytune_suite.types import Config, Curve


@dataclass(frozen=True)
class TuningTask:
    """What is tuned, whether it came as arguments or as a workload.

    Attributes:
        trainable: A function of a config, a `tune.Trainable` class, or the name of a registered trainable.
        space: The search space, without the training seed.
        objective: What is optimized, and how training is measured.
        tuning_seeds: The training seeds that the method may see; empty if the trainable takes none.
        test_seeds: The training seeds on which the chosen config is evaluated.
        defaults: Method arguments that the workload suggests.
        curve: A function (config, training seed) -> whole learning curve; None if models are trained.
        cost: The declared seconds between two reports of a config; None if not declared.
        stateless: Why its trainings cannot be copied or changed midway; "" if they can.
        unsaved: Why its trainings cannot be paused; "" if they can, or if only running them shows it.
        can_pause: Whether its trainings are known to save and load checkpoints; what a function does shows only while
            it runs.
    """

    trainable: Trainable
    space: dict[str, Any]
    objective: Objective
    tuning_seeds: tuple[int, ...] = ()
    test_seeds: tuple[int, ...] = ()
    defaults: dict[str, Any] = dataclasses.field(default_factory=dict)
    curve: Callable[[Config, int], Curve] | None = None
    cost: Callable[[Config], float] | None = None
    stateless: str = ""
    unsaved: str = ""
    can_pause: bool = False

    @property
    def full_space(self) -> dict[str, Any]:
        """The space, with the first tuning seed in it if there are seeds."""
        return {**self.space, SEED: self.tuning_seeds[0]} if self.tuning_seeds else self.space

    def spec(self, **how: Any) -> StudySpec:
        """A study of this task; `how` are the other fields of `StudySpec`."""
        return StudySpec(trainable=self.trainable, objective=self.objective, curve=self.curve, cost=self.cost, **how)

    @property
    def label(self) -> str:
        """The name of the trainable."""
        return trainable_name(self.trainable)


def make_task(  # noqa: PLR0917 - the arguments of `tune`, in the same order
    trainable: Any,
    space: dict[str, Any] | None,
    workload: str | Workload | None,
    metric: str | None,
    mode: str | None,
    max_t: int | None,
    time_attr: str | None,
    tuning_seeds: Sequence[int] | None,
    test_seeds: Sequence[int] | None,
) -> TuningTask:
    """Check what is tuned; the arguments are those of `tune`.

    Raises:
        ArgumentError: If an argument is missing, or passed together with a workload that defines it, or cannot be used.
        MissingPackageError: If the workload needs a package that is not installed.
    """
    arguments = {"trainable": trainable, "space": space, "metric": metric, "mode": mode}
    if workload is not None:
        passed = {**arguments, "max_t": max_t, "time_attr": time_attr}
        for name, value in passed.items():
            if value is not None:
                raise ArgumentError(f"`{name}` and `workload` are both set, but the workload defines its own `{name}`")
        return workload_task(workload, tuning_seeds=tuning_seeds, test_seeds=test_seeds)
    for name, value in arguments.items():
        if value is None and name != "mode":
            raise ArgumentError(_missing(name, trainable))
    if not isinstance(space, dict):
        rllib = "`raytune_suite.integrations.rllib.trainable_and_space` makes one of it"
        fix = rllib if hasattr(space, "algo_class") else ""
        raise ArgumentError.invalid("space", space, "a dict of ray.tune domains", fix)
    seeds = _check_seeds("tuning_seeds", tuning_seeds if tuning_seeds is not None else [0] if test_seeds else [])
    tests = _check_seeds("test_seeds", test_seeds or [])
    shared = sorted(set(seeds) & set(tests))
    if shared:
        raise ArgumentError(f"`test_seeds` and `tuning_seeds` share {shared}, but the method must not see test seeds")
    checked = check_trainable(trainable)
    if len(seeds) > 1 and not inspect.isclass(checked):
        raise ArgumentError(
            f"`tuning_seeds` has {len(seeds)} seeds, but a function can train on one seed only: "
            "pass one, or write a ray.tune.Trainable class"
        )
    if seeds and SEED in space:
        raise ArgumentError(f"`space` has an entry {SEED!r}, which is reserved for the training seed: rename it")
    objective = make_objective(metric, mode, max_t, time_attr)
    stateless, saves = _lacks_checkpoints(checked), _saves_checkpoints(checked)
    return TuningTask(checked, space, objective, seeds, tests, stateless=stateless, unsaved=stateless, can_pause=saves)


def _missing(name: str, trainable: Any) -> str:
    """What to do if the argument `name` of `tune` is missing."""
    if isinstance(trainable, str) and trainable in WORKLOADS:
        return f"`{name}` is missing: to tune the workload {trainable!r}, pass `workload={trainable!r}`"
    return f"`{name}` is missing: pass `trainable`, `space`, `metric` and `mode`, or a `workload`"


def _lacks_checkpoints(trainable: Trainable) -> str:
    """Why trainings of a class cannot be copied; "" if they can, or if only running them shows it."""
    if not inspect.isclass(trainable) or issubclass(trainable, FunctionTrainable):
        return ""
    missing = [
        name
        for name in ("save_checkpoint", "load_checkpoint")
        if getattr(trainable, name) is getattr(tune.Trainable, name)
    ]
    return f"`trainable` {trainable_name(trainable)} has no `{'` and `'.join(missing)}`" if missing else ""


def _saves_checkpoints(trainable: Trainable) -> bool:
    """Whether trainings of a class certainly save and load checkpoints."""
    is_class = inspect.isclass(trainable) and not issubclass(trainable, FunctionTrainable)
    return is_class and not _lacks_checkpoints(trainable)


def make_objective(metric: str | None, mode: str | None, max_t: int | None, time_attr: str | None) -> Objective:
    """Check what is optimized; the arguments are those of `tune`.

    Raises:
        ArgumentError: If one cannot be used.
    """
    time_attr = time_attr or "training_iteration"
    for name, reported in (("metric", metric), ("time_attr", time_attr)):
        text("the name of a reported value").check(name, reported)
    return Objective(str(metric), check_mode(mode), time_attr, optional(COUNT).check("max_t", max_t))


def workload_task(
    workload: str | Workload, *, tuning_seeds: Sequence[int] | None = None, test_seeds: Sequence[int] | None = None
) -> TuningTask:
    """The tuning task of a workload, by default with the workload's own seeds.

    Raises:
        UnknownNameError: If there is no such workload.
        ArgumentError: If the seeds cannot be used.
        MissingPackageError: If the workload needs a package that is not installed.
    """
    known = find_workload(workload) if isinstance(workload, str) else workload
    if not isinstance(known, Workload):
        raise ArgumentError.invalid("workload", workload, "the name of a workload or a Workload")
    if known.extra is not None:
        require_extra(known.extra, f"workload {known.name!r}")
    task = make_task(
        known.trainable,
        known.space,
        None,
        metric=known.metric,
        mode=known.mode,
        max_t=known.max_t,
        time_attr=known.time_attr,
        tuning_seeds=known.tuning_seeds if tuning_seeds is None else tuning_seeds,
        test_seeds=known.test_seeds if test_seeds is None else test_seeds,
    )
    stateless = f"workload {known.name!r} has no state: its curves belong to one config each"
    return dataclasses.replace(
        task,
        defaults={"min_t": known.min_t, "eta": known.eta, "mutable": known.mutable or None},
        curve=known.curve,
        cost=known.cost,
        stateless="" if known.has_state else stateless,
        unsaved="" if known.curve is not None else task.unsaved,
    )


def check_trainable(trainable: Any) -> Trainable:
    """Return `trainable` if Ray can train it.

    Raises:
        ArgumentError: If it is not a function of one config, a class of `tune.Trainable` or a registered name.
    """
    checked: Trainable = trainable
    if isinstance(trainable, str):
        if not trainable_exists(trainable):
            fix = "register it first, or pass the function or class itself"
            raise ArgumentError.invalid("trainable", trainable, "a trainable registered with ray.tune", fix)
        return checked
    if inspect.isclass(trainable):
        if issubclass(trainable, tune.Trainable):
            return checked
        raise ArgumentError(f"`trainable` is the class {trainable.__name__}, but must derive from ray.tune.Trainable")
    if not callable(trainable):
        raise ArgumentError.invalid("trainable", trainable, "a function of a config or a tune.Trainable class")
    try:
        inspect.signature(trainable).bind({})
    except (TypeError, ValueError):
        name = trainable_name(trainable)
        raise ArgumentError(f"`trainable` is the function {name}, but it must take one argument, the config") from None
    return checked


def trainable_exists(name: str) -> bool:
    """Whether a trainable is registered with Ray under this name."""
    try:
        return get_trainable_cls(name) is not None
    except (TuneError, ValueError):
        return False


def _check_seeds(name: str, seeds: Sequence[int]) -> tuple[int, ...]:
    checked: tuple[int, ...] = seeding.SEEDS.check(name, seeds)
    if len(set(checked)) < len(checked):
        raise ArgumentError(f"`{name}` is {list(checked)}, but must not contain a seed twice")
    return checked
