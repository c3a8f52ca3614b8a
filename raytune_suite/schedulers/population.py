"""What PBT and PB2 share: arguments, lineages, and the replay of a lineage.

The result of a population method is not one config but a schedule of configs, the *lineage* of the best member
(Jaderberg et al. 2017, section 4.4). Evaluating it requires training with the schedule from scratch.
"""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Unpack, final

from ray.tune.schedulers import TrialScheduler

from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers.arguments import COMMON, SchedulerArgs
from raytune_suite.schedulers.base import StudyScheduler
from raytune_suite.schedulers.clone_guard import CloneGuard
from raytune_suite.schedulers.stock import StockScheduler
from raytune_suite.spaces import FEATURES, Space
from raytune_suite.types import COUNT, Stage
from raytune_suite.validation import number, optional, sequence, text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ray.tune.experiment import Trial

_logger = logging.getLogger("raytune_suite")

_WITHOUT_SEARCHER = SimpleNamespace(search_alg=None)
"""Replaces the controller when a trial is added: Ray's classes only check that it has no searcher."""


class PopulationArgs(NamedTuple):
    """The checked arguments of a population method.

    Attributes:
        space: The compiled space.
        names: The names of the parameters that may change.
        stock: The arguments of Ray's class.
    """

    space: Space
    names: tuple[str, ...]
    stock: dict[str, Any]


POPULATION = {
    **COMMON,
    "interval": optional(COUNT),
    "quantile": number(above=0, most=0.5),  # half of the population
    "mutable": optional(sequence(text("the name of a parameter"), "a list of names of parameters")),
}
"""What the arguments of population methods must be."""


class Lineages:
    """A mixin for Ray's PBT and PB2 that records the lineages of the members as they clone each other.

    Attributes:
        lineages: The stages that led to each trial's current state, by trial id.
        guard: Compares clones with their sources.
    """

    lineages: dict[str, list[Stage]]
    guard: CloneGuard

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:  # noqa: ARG002 - Ray's signature
        """Start a lineage; unlike in Ray's classes, a searcher may propose the first config."""
        super().on_trial_add(_WITHOUT_SEARCHER, trial)  # type: ignore[misc] # Ray's class comes next
        self.lineages[trial.trial_id] = [Stage(0, trial.config)]

    def turn(self, trial: Trial) -> tuple[float, int]:
        """The key that orders waiting members: their resource, then how often they have cloned others."""
        trained: float = self._trial_state[trial].last_train_time  # type: ignore[attr-defined] # Ray's class has it
        return trained, len(self.lineages[trial.trial_id])

    def _quantiles(self) -> tuple[list[Trial], list[Trial]]:
        """Like Ray's, but never clone failed members: if all have failed, the study would otherwise not end."""
        lower, upper = super()._quantiles()  # type: ignore[misc] # Ray's class comes next
        upper = [trial for trial in upper if math.isfinite(self._trial_state[trial].last_score)]  # type: ignore[attr-defined] # as above
        return (lower if upper else []), upper

    def _exploit(self, tune_controller: Any, trial: Trial, trial_to_clone: Trial) -> None:
        """Set the trial's lineage to that of the cloned member, followed by a new stage."""
        super()._exploit(tune_controller, trial, trial_to_clone)  # type: ignore[misc] # Ray's class comes next
        cloned_at = self._trial_state[trial_to_clone].last_train_time  # type: ignore[attr-defined] # as above
        before = [
            stage for stage in self.lineages[trial_to_clone.trial_id] if stage.start < cloned_at or not stage.start
        ]
        self.lineages[trial.trial_id] = [*before, Stage(cloned_at, trial.config)]
        self.guard.cloned(trial.trial_id, trial_to_clone.trial_id, cloned_at)


class PopulationScheduler(StockScheduler):
    """The base class of PBT and PB2, which need the space because they change the configs of running trials."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"conditional", "grid"}
    instead: ClassVar[str] = "use asha, hyperband or median"
    pauses: ClassVar[bool] = True
    needs_state: ClassVar[bool] = True
    rewinds: ClassVar[bool] = True
    stops_failed: ClassVar[bool] = False  # a failed member ranks last and is replaced
    population: ClassVar[bool] = True

    def __init__(self, stock: TrialScheduler, **args: Unpack[SchedulerArgs]) -> None:
        """`stock` is an instance of one of Ray's classes with `Lineages` mixed in.

        Raises:
            ArgumentError: If an argument cannot be used.
        """
        if args.get("max_concurrent") is not None:
            raise ArgumentError(
                f"`max_concurrent` is {args['max_concurrent']!r}, but a population method does not support it, because "
                "all members take turns on the available resources: omit it, and set `resources` so that no more "
                "trials fit on the cluster than should run at once"
            )
        super().__init__(stock, **args)
        self.stock.lineages, self.stock.guard = {}, CloneGuard()
        self._asked_to_save: set[str] = set()
        self._at_report: dict[tuple[str, float], list[Stage]] = {}

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:
        """Check that a requested checkpoint has been saved, then return the decision of Ray's class."""
        if trial.trial_id in self._asked_to_save:
            self.check_state(trial)
        self._at_report[trial.trial_id, result[self.time_attr]] = self.stock.lineages[trial.trial_id]
        if self.stock.guard.reported(trial.trial_id, result[self.time_attr], loss, trial.config):
            _logger.warning(
                "members that copied the same checkpoint report the same %s to the last bit, although their configs "
                "differ: the new values seem to have no effect. Apply the config after loading the checkpoint: a "
                "PyTorch optimizer takes its learning rate from the checkpoint, so set `group['lr'] = config['lr']` "
                "for each group of `optimizer.param_groups` after `load_state_dict`",
                self._metric,
            )
        decision = super().decide(controller, trial, result, loss)
        if self.stock._trial_state[trial].last_checkpoint is not None:  # noqa: SLF001 - Ray has no public way to it
            self._asked_to_save.add(trial.trial_id)
        return decision

    def choose(self, controller: Any) -> Trial | None:  # noqa: ARG002 - the base's signature
        """Return the waiting member with the least training; break ties by how rarely it has cloned others.

        Ray breaks ties by order. A member that fails repeatedly returns to the resource of the member that it clones,
        so Ray would choose it every time, and no other member would be trained.
        """
        waiting = [trial for trial in self.live() if trial.status in (trial.PENDING, trial.PAUSED)]
        return min(waiting, key=self.stock.turn, default=None)

    def before_save(self) -> None:
        """Wait until pending checkpoints are written, as an exploit step does."""
        for state in self.stock._trial_state.values():  # noqa: SLF001 - Ray has no public way to it
            if hasattr(state.last_checkpoint, "resolve"):
                result = state.last_checkpoint.resolve()
                state.last_checkpoint = result.checkpoint if result else None
                state.last_result = result.metrics if result else state.last_result

    def lineage(self, trial_id: str, resource: float | None = None) -> list[Stage]:
        """The stages behind a trial's report at `resource`, or behind its current state; the first starts at 0."""
        now: list[Stage] = self.stock.lineages[trial_id]
        return now if resource is None else self._at_report.get((trial_id, resource), now)


def check_population_args(
    args: SchedulerArgs, *, interval: int | None, quantile: float, mutable: Sequence[str] | None
) -> PopulationArgs:
    """Check the arguments that population methods share.

    Args:
        args: The arguments that every scheduler takes.
        interval: The resource between two decisions on a member. None means a tenth of `max_t`, at least 1.
        quantile: The fraction of the population that is cloned, and the fraction that is replaced.
        mutable: The names of the parameters that may change during training. None means all.

    Raises:
        ArgumentError: If the space is missing or an argument cannot be used.
        SpaceError: If the space is malformed or has a feature that population methods do not support.
    """
    space = args.get("space")
    if space is None:
        raise ArgumentError("a population method needs `space`: it changes the configs of running trials")
    compiled = Space.of(space)
    compiled.check_supported(
        "a population method", supported=PopulationScheduler.features, remedy=PopulationScheduler.instead
    )
    names = tuple(compiled.names if mutable is None else mutable)
    for name in names:
        if name not in compiled.names:
            raise ArgumentError(f"`mutable` has {name!r}, which is not a parameter; known: {', '.join(compiled.names)}")
    if not names:
        raise ArgumentError("`mutable` is empty: name at least one parameter that a population method may change")
    if interval is None:
        interval = max(1, (args.get("max_t") or 10) // 10)
    stock = {
        "time_attr": args.get("time_attr", "training_iteration"),
        "perturbation_interval": interval,
        "quantile_fraction": quantile,
        "log_config": False,  # Ray would write files; the lineages are part of the state anyway
    }
    return PopulationArgs(compiled, names, stock)


@final
class ReplayScheduler(StudyScheduler):
    """Trains every trial with the configs of a lineage, switching to each at the resource where its stage starts."""

    pauses: ClassVar[bool] = True
    stops_failed: ClassVar[bool] = False

    def __init__(self, stages: Sequence[Stage], *, keep: Collection[str], **args: Unpack[SchedulerArgs]) -> None:
        """`stages` come from `StudyScheduler.lineage`; trials keep their own values of the parameters in `keep`."""
        super().__init__(**args)
        self.stages = [{k: v for k, v in stage.config.items() if k not in keep} for stage in stages]
        self.starts = [stage.start for stage in stages]
        self._stage: dict[str, int] = {}

    def added(self, controller: Any, trial: Trial) -> None:  # noqa: ARG002 - the base's signature
        """Start at the first stage; the caller must have created the trial with its config."""
        self._stage[trial.trial_id] = 0

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Pause the trial where its next stage starts."""
        following = self._stage[trial.trial_id] + 1
        due = following < len(self.stages) and result[self.time_attr] >= self.starts[following]
        return str(TrialScheduler.PAUSE if due else TrialScheduler.CONTINUE)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:
        """Do nothing."""

    def choose(self, controller: Any) -> Trial | None:  # noqa: ARG002 - the base's signature
        """Resume a paused trial with its next stage."""
        for trial in self.live():
            if trial.status == trial.PAUSED:
                stage = self._stage[trial.trial_id] = self._stage[trial.trial_id] + 1
                resumed: Any = trial  # Ray's method is untyped
                resumed.set_config({**trial.config, **self.stages[stage]})
                return trial
        return None
