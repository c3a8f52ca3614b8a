"""Stop rules: what ends a study, or one of its trials, besides the limits.

A rule is a `Stopper` of Ray Tune: called with each report, it returns whether to end the trial; `stop_all` returns
whether to end the study. Any stopper of Ray, and any function of a trial's id and a result, is a rule, too.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from ray.tune import Stopper
from ray.tune.stopper import FunctionStopper

from raytune_suite.engines.callbacks.budget import Cost
from raytune_suite.engines.flat_results import flattened
from raytune_suite.errors import ArgumentError, near
from raytune_suite.spaces.values import stable_repr
from raytune_suite.types import FAILED, as_loss, as_number, as_resource
from raytune_suite.validation import check_fields, number

if TYPE_CHECKING:
    from raytune_suite.types import Mode, Objective


@final
@dataclass
class Target(Stopper):
    """Ends the study when the metric reaches a value.

    Attributes:
        metric: The metric's name.
        value: The value.
        mode: "min" or "max".
    """

    metric: str
    value: float
    mode: Mode
    _reached: bool = field(default=False, init=False, repr=False)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray's signature
        """Look at a report; ends no trial."""
        loss = as_loss(flattened(result).get(self.metric), self.mode)
        self._reached |= loss <= as_loss(self.value, self.mode) and loss != FAILED
        return False

    def stop_all(self) -> bool:
        """Whether the value is reached."""
        return self._reached


@final
@dataclass
class NoImprovement(Stopper):
    """Ends the study when its best result has not improved while it trained for as long as `trainings` full trainings.

    The best result is that of `StudyResult`: that of the trial that was trained furthest, and of those the best.

    Attributes:
        trainings: The number of full trainings.

    Raises:
        ArgumentError: If it is not above 0.
    """

    trainings: float
    _objective: Objective | None = field(default=None, init=False, repr=False)
    _best: tuple[float, float] | None = field(default=None, init=False, repr=False)
    _improved: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        check_fields(self, trainings=number(above=0))

    def bind(self, objective: Objective) -> None:
        """Prepare for a study.

        Raises:
            ArgumentError: If it has no `max_t`.
        """
        if objective.max_t is None:
            raise ArgumentError("`NoImprovement` counts full trainings: give `max_t`, the length of one")
        self._objective, self._cost, self._best, self._improved = objective, Cost(objective.time_attr), None, 0.0

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Count a report; ends no trial."""
        objective = self._objective
        if objective is None:
            raise ArgumentError("`NoImprovement` is a rule of `rts.tune(stop=...)`; Ray has ExperimentPlateauStopper")
        self._cost.add(trial_id, result)
        flat = flattened(result)
        loss, resource = as_loss(flat.get(objective.metric), objective.mode), as_resource(flat.get(objective.time_attr))
        if loss == FAILED or resource is None:
            return False
        rank = (-math.inf if resource >= (objective.max_t or math.inf) else -resource, loss)
        if self._best is None or rank < self._best:
            self._best, self._improved = rank, self._cost.spent
        return False

    def stop_all(self) -> bool:
        """Whether there was no improvement for too long."""
        length = 1 if self._objective is None else self._objective.max_t or 1
        return self._best is not None and self._cost.spent - self._improved >= self.trainings * length


@final
@dataclass
class TrialTime(Stopper):
    """Ends a trial that has trained for so many seconds, at its next report.

    Attributes:
        seconds: The seconds; virtual ones on the simulated clock.

    Raises:
        ArgumentError: If they are not above 0.
    """

    seconds: float

    def __post_init__(self) -> None:
        check_fields(self, seconds=number(above=0))

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray's signature
        """Whether the time is over."""
        return float(result.get("time_total_s", 0.0)) >= self.seconds

    def stop_all(self) -> bool:
        """Never."""
        return False


def make_rules(stop: Any, objective: Objective) -> tuple[Stopper, ...]:
    """The rules of a study from the argument `stop` of `tune`, as copies that belong to this study.

    Raises:
        ArgumentError: If it is no rule.
    """
    if stop is None:
        return ()
    rules: list[Stopper] = []
    for each in stop if isinstance(stop, Sequence) and not isinstance(stop, str) else [stop]:
        if isinstance(each, Mapping):
            rules += [_target(name, value, objective) for name, value in each.items()]
        elif isinstance(each, Stopper):
            rules.append(copy.deepcopy(each))
        elif callable(each) and not inspect.isclass(each) and _takes_two(each):
            rules.append(FunctionStopper(each))
        else:
            requirement = (
                "a dict such as {'val_loss': 0.05}, a Stopper, a function (trial_id, result), or a list of these"
            )
            raise ArgumentError.invalid("stop", each, requirement)
    for rule in rules:
        if isinstance(rule, NoImprovement):
            rule.bind(objective)
    return tuple(rules)


def _target(name: Any, value: Any, objective: Objective) -> Target:
    if name != objective.metric:
        raise ArgumentError(
            f"`stop` has the key {name!r}{near(str(name), [objective.metric])}, but only the metric "
            f"{objective.metric!r} has a direction: write a function of trial_id and result for other values"
        )
    plain = as_number(value)
    if plain is None or not math.isfinite(plain):
        raise ArgumentError.invalid(f"stop[{name!r}]", value, "a finite number")
    return Target(name, plain, objective.mode)


def _takes_two(function: Any) -> bool:
    try:
        inspect.signature(function).bind("trial", {})
    except (TypeError, ValueError):
        return False
    return True


def rule_text(rule: Stopper) -> str:
    """What a rule is called in a study's manifest; the same in every process.

    Example:
        >>> rule_text(NoImprovement(20)), rule_text(TrialTime(3600))
        ('NoImprovement(trainings=20)', 'TrialTime(seconds=3600)')
    """
    if isinstance(rule, Target | NoImprovement | TrialTime):
        return repr(rule)
    if isinstance(rule, FunctionStopper):
        function: Any = rule._fn  # noqa: SLF001 - there is no public way
        return str(getattr(function, "__qualname__", type(function).__name__)).rpartition(".")[2].strip("<>")
    return stable_repr((type(rule).__name__, sorted(vars(rule).items())))
