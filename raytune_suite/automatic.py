"""The method "auto": which method suits a study, decided once, from what is known before the study starts.

No method is best everywhere: whether one can learn across fidelities, needs checkpoints, or has enough trials to fit a
model depends on the study. `candidates` yields methods in the order of preference; `methods.choose_method` takes the
first one that can run. docs/methods.md has the measurements behind the order.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.rungs import halving_levels, max_bracket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.spaces import Space

AUTO = "auto"
"""The name under which a method is chosen."""

SUMMARY = "one of the methods below, chosen by the space, the fidelities, the limits and the number of workers"

LEAST_TRAININGS = 5
"""The number of full trainings from which on a model of several fidelities has enough to learn from."""

PAUSED_TRAININGS = 25
"""The number of full trainings below which trials are paused, if they can be, instead of stopped."""

PAUSED_PER_WORKER = 2
"""The same for the number of full trainings per parallel trial."""

BRACKETS = 3
"""The number of brackets: some trials start at higher rungs, in case the lowest mislead."""

ALL_BRACKETS_PER_WORKER = 8
"""The number of full trainings per parallel trial from which on paused trials use all brackets."""

MANY_WORKERS = 32
"""The number of parallel trials above which proposals must be cheap and differ without a search."""

MANY_PARAMETERS = 40
"""The number of parameters above which distances between configs say little."""

GP_PARAMETERS, GP_TRAININGS, FOREST_TRAININGS = 20, 250, 300
"""The most parameters and full trainings for which a Gaussian process or a forest is worth its time."""

FEW_RUNGS = 2
"""The rungs below `max_t` of a study with few trainings."""

GRID = 1000
"""The most configs of a grid that is chosen for a study without limits."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What is known about a study before it starts.

    Attributes:
        max_t: The maximum resource of a trial; None if trials end by themselves.
        time_attr: The reported value that measures the resource.
        budget: The total of all trials, in full trainings; None for no limit.
        num_samples: The maximum number of trials; None for no limit.
        time_limit: Seconds; None for no limit.
        workers: How many trials run at once; None if unknown.
        min_t: The least resource at which trials are compared.
        eta: The reduction factor.
        can_pause: Whether trainings are known to save and load checkpoints, so that they can be paused.
        warm: Whether the searcher is to learn from earlier studies, which not every one does.
    """

    max_t: int | None = None
    time_attr: str = "training_iteration"
    budget: float | None = None
    num_samples: int | None = None
    time_limit: float | None = None
    workers: int | None = None
    min_t: int = 1
    eta: float = 3
    can_pause: bool = False
    warm: bool = False

    @property
    def trainings(self) -> float:
        """The most full trainings that the study may spend; infinite if it is not limited by them."""
        return min(limit for limit in (self.budget, self.num_samples, math.inf) if limit is not None)

    @property
    def endless(self) -> bool:
        """Whether only a method that ends by itself would end the study."""
        return math.isinf(self.trainings) and (self.time_limit is None or math.isinf(self.time_limit))


@dataclass(frozen=True, kw_only=True)
class MethodChoice:
    """A method that was chosen.

    Attributes:
        method: Its name.
        reason: Why it was chosen: what follows "because".
        arguments: Its arguments.
    """

    method: str
    reason: str
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"method {AUTO}: {self.method}{f' ({arguments})' if arguments else ''}, because {self.reason}"


def candidates(space: Space, conditions: Conditions) -> Iterator[MethodChoice]:
    """Yield methods for a study, the most suitable first.

    Example:
        >>> from ray import tune
        >>> from raytune_suite.spaces import Space
        >>> space = Space({"lr": tune.loguniform(1e-4, 1.0), "layers": tune.randint(1, 5)})
        >>> [choice.method for choice in candidates(space, Conditions(max_t=81, budget=30))]
        ['mfes+asha', 'tpe+asha', 'sobol+asha']
        >>> print(next(candidates(space, Conditions(budget=3))))
        method auto: sobol, because no `max_t` is set, and 3 trials are too few for a model
    """
    if "grid" in space.features:
        yield MethodChoice(method="grid", reason="the space has a tune.grid_search")
        return
    size, trainings = _size(space), GRID if conditions.endless else conditions.trainings
    if size is not None and size <= trainings < math.inf:
        yield MethodChoice(method="grid", reason=f"all {size} configs of the space can be trained in full")
    if conditions.max_t is None or conditions.max_t == 1:
        yield from _without_fidelities(space, conditions)
    else:
        yield from _with_fidelities(space, conditions)


def _without_fidelities(space: Space, conditions: Conditions) -> Iterator[MethodChoice]:
    """Yield methods that train every config in full."""
    why = "no `max_t` is set" if conditions.max_t is None else "`max_t` is 1"
    trainings, dimensions = conditions.trainings, len(space)
    numbers = sum(parameter.kind != "categorical" for parameter in space.parameters)
    if trainings < dimensions / 2 + 4:
        yield MethodChoice(
            method="sobol" if space.prior is None else "priorband+fifo",
            reason=f"{why}, and {trainings:g} trials are too few for a model",
        )
    elif (conditions.workers or 1) > MANY_WORKERS:
        yield MethodChoice(method="tpe", reason=f"{why}, and {conditions.workers} trials run at once")
    elif 2 * numbers >= dimensions and dimensions <= GP_PARAMETERS and trainings <= GP_TRAININGS:
        yield MethodChoice(method="gp", reason=f"{why}, and most parameters are numbers")
    elif trainings <= FOREST_TRAININGS:
        choices = f"{dimensions - numbers} of them choices"
        yield MethodChoice(method="forest+fifo", reason=f"{why}, and there are {dimensions} parameters, {choices}")
    many = "it learns from earlier studies" if conditions.warm else "there are many trials"
    yield MethodChoice(method="tpe", reason=f"{why}, and {many}")
    yield MethodChoice(method="sobol", reason=why)


def _with_fidelities(space: Space, conditions: Conditions) -> Iterator[MethodChoice]:
    """Yield methods that stop or pause poor trials early."""
    max_t, trainings = conditions.max_t or 1, conditions.trainings
    fidelities = f"trials can be compared before {conditions.time_attr} {max_t}"
    if trainings < LEAST_TRAININGS:
        arguments = {"eta": 4, "min_t": max(1, math.ceil(max_t / 4**FEW_RUNGS))}
        reason = f"{fidelities}, and {trainings:g} full trainings are too few for a model"
        sequence = "sobol" if space.prior is None else "priorband"
        if conditions.can_pause:
            method = f"{sequence}+async-hyperband"
            yield MethodChoice(method=method, reason=f"{reason}, and trials can be paused", arguments={"brackets": 1})
        yield MethodChoice(method=f"{sequence}+asha", reason=reason, arguments=arguments)
    elif (conditions.workers or 1) > MANY_WORKERS:
        yield MethodChoice(method="tpe+asha", reason=f"{fidelities}, and {conditions.workers} trials run at once")
    elif len(space) > MANY_PARAMETERS:
        yield MethodChoice(method="tpe+asha", reason=f"{fidelities}, and the space has {len(space)} parameters")
    elif conditions.can_pause and trainings < max(PAUSED_TRAININGS, PAUSED_PER_WORKER * (conditions.workers or 1)):
        reason = f"{fidelities} and paused, which saves training in a short study"
        arguments = {"brackets": _paused_brackets(max_t, conditions)}
        yield MethodChoice(method="mfes+async-hyperband", reason=reason, arguments=arguments)
    rungs = len(halving_levels(conditions.min_t, max_t, conditions.eta))
    reason = f"{fidelities}, and models learn which fidelities to trust"
    yield MethodChoice(method="mfes+asha", reason=reason, arguments={"brackets": min(BRACKETS, rungs)})
    yield MethodChoice(method="tpe+asha", reason=f"{fidelities}, and its arguments are set")
    yield MethodChoice(method="sobol+asha", reason=fidelities)


def _paused_brackets(max_t: int, conditions: Conditions) -> int:
    """Return the number of brackets of trials that can be paused.

    With more parallel trials than full trainings, the first trials of the higher brackets would use up the budget.
    """
    ladders = max_bracket(conditions.min_t, max_t, conditions.eta) + 1
    per_worker = math.nan if conditions.workers is None else conditions.trainings / conditions.workers
    if per_worker < 1:
        return 1
    return ladders if per_worker >= ALL_BRACKETS_PER_WORKER else min(BRACKETS, ladders)


def _size(space: Space) -> int | None:
    """Return the number of configs of a finite space; None if there are infinitely many."""
    return None if space.features & {"continuous", "unbounded"} else space.grid_size
