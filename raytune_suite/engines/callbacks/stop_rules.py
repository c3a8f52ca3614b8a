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

import numpy as np
from ray.tune import Stopper
from ray.tune.stopper import CombinedStopper, FunctionStopper

from raytune_suite import seeding
from raytune_suite.engines.callbacks.budget import Cost
from raytune_suite.engines.flat_results import flattened
from raytune_suite.errors import ArgumentError
from raytune_suite.spaces.values import stable_repr
from raytune_suite.types import COUNT, FAILED, FIDELITY, as_loss, as_number, as_resource
from raytune_suite.validation import check_fields, integer, number

if TYPE_CHECKING:
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Mode, Objective


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
            raise ArgumentError("`NoImprovement` counts full trainings: set `max_t`, the length of one")
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


@final
@dataclass
class RegretBound(Stopper):
    """Ends the study when its best config is probably at most `error` worse than the best one in the space.

    A Gaussian process of the trials that were trained longest, which is to `max_t` if there is one, bounds the
    difference with a probability of 0.9 (`models.regret_bound`). All trials of the study count, even those before the
    rule was added.

    Attributes:
        error: The difference that does not matter, in units of the metric, such as its deviation between seeds.
        min_trials: The least number of these trials.
        every: After how many new ones the bound is computed again; of many trials, after a tenth.
        bound: The last bound; infinite before the first.

    Raises:
        ArgumentError: If `error` is not above 0, or another argument cannot be used.
    """

    error: float
    min_trials: int = 20
    every: int = 5
    bound: float = field(default=math.inf, init=False, repr=False)
    _objective: Objective | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_fields(self, error=number(above=0), min_trials=integer(2), every=COUNT)

    def bind(self, objective: Objective, space: Space) -> None:
        """Prepare for a study, which has no trials yet."""
        self.bound, self._objective, self._space = math.inf, objective, space
        self._highest = objective.max_t or 0.0
        self._observed: dict[str, tuple[float, Config]] = {}
        self._due = self.min_trials

    def add(self, trial_id: str, config: Config, resource: float, loss: float) -> bool:
        """Take an observation; returns whether it is one at the highest resource."""
        if resource < self._highest or loss == FAILED:
            return False
        if resource > self._highest and (self._objective is None or self._objective.max_t is None):
            self._highest = resource
            self._observed.clear()
        self._observed[trial_id] = (loss, {key: value for key, value in config.items() if key != FIDELITY})
        return True

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Take a report, and compute the bound if it is due; ends no trial."""
        objective = self._objective
        if objective is None:
            raise ArgumentError("`RegretBound` is a rule of `rts.tune(stop=...)`, which passes it the space")
        flat = flattened({name: value for name, value in result.items() if name != "config"})
        loss, resource = as_loss(flat.get(objective.metric), objective.mode), as_resource(flat.get(objective.time_attr))
        if resource is None or not self.add(trial_id, result["config"], resource, loss):
            return False
        count = len(self._observed)
        if count >= self._due:
            self._due = count + max(self.every, count // 10)
            self.bound = self._compute()
        return False

    def stop_all(self) -> bool:
        """Whether the best config is good enough."""
        return self.bound <= self.error

    def _compute(self) -> float:
        from raytune_suite.models.layout import Layout
        from raytune_suite.models.regret_bound import better_half, regret_bound  # late: with scipy
        from raytune_suite.models.threads import one_thread

        observed = list(self._observed.values())
        losses = np.array([loss for loss, _ in observed])
        chosen = better_half(losses)
        layout = Layout.of(self._space)
        points = layout.points(np.array([self._space.encode(observed[position][1]) for position in chosen]))
        with one_thread():
            return regret_bound(points, losses[chosen], layout, seeding.stream(0, "RegretBound", len(losses)))


def make_rules(stop: Any, objective: Objective) -> tuple[Stopper, ...]:
    """The rules of a study from the argument `stop` of `tune`, as copies that belong to this study.

    Raises:
        ArgumentError: If it is not a rule.
    """
    if stop is None:
        return ()
    rules: list[Stopper] = []
    for each in stop if isinstance(stop, Sequence) and not isinstance(stop, str) else [stop]:
        if isinstance(each, Mapping):
            rules += [_target(name, value, objective) for name, value in each.items()]
        elif isinstance(each, CombinedStopper):  # what it does is what a list does, whose rules are bound
            rules += make_rules(each._stoppers, objective)  # noqa: SLF001 - there is no public way
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


def bind_bounds(rules: Sequence[Stopper], objective: Objective, space: Space, *, population: bool) -> None:
    """Give the regret bounds among the rules of a study its space.

    Raises:
        ArgumentError: If the method is a population, or the space has no parameters.
    """
    for rule in rules:
        if not isinstance(rule, RegretBound):
            continue
        if population:
            raise ArgumentError("`RegretBound` needs one config per trial, but a population changes configs")
        if not len(space):
            raise ArgumentError("`RegretBound` needs a parameter in `space`, but all are constants")
        rule.bind(objective, space)


def renewed(old: Sequence[Stopper], new: Sequence[Stopper]) -> tuple[Stopper, ...]:
    """The rules of a study that is extended with the same ones: regret bounds are new, since its space may be."""
    return tuple(after if isinstance(after, RegretBound) else before for before, after in zip(old, new, strict=True))


def _target(name: Any, value: Any, objective: Objective) -> Target:
    if name != objective.metric:
        raise ArgumentError(
            f"`stop` has the key {name!r}, but only the metric {objective.metric!r} has a direction: "
            "write a function of trial_id and result for other values"
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
    if isinstance(rule, Target | NoImprovement | TrialTime | RegretBound):
        return repr(rule)
    if isinstance(rule, FunctionStopper):
        function: Any = rule._fn  # noqa: SLF001 - there is no public way
        return str(getattr(function, "__qualname__", type(function).__name__)).rpartition(".")[2].strip("<>")
    return stable_repr((type(rule).__name__, sorted(vars(rule).items())))
