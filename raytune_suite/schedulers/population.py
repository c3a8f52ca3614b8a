"""What PBT and PB2 share: arguments, lineages, and the replay of a lineage.

The result of a population method is not a config but a schedule of configs, the *lineage* of the best member
(Jaderberg et al. 2017, section 4.4). To evaluate it, the schedule must be trained again from scratch.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Unpack, final

from ray.tune.schedulers import TrialScheduler

from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers.base import SchedulerArgs, StudyScheduler
from raytune_suite.schedulers.stock import StockScheduler
from raytune_suite.spaces import FEATURES, Space
from raytune_suite.types import Stage, check_count

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ray.tune.experiment import Trial

_WITHOUT_SEARCHER = SimpleNamespace(search_alg=None)
"""What Ray's classes see in place of the controller when a trial is added: they reject a searcher, and use no more."""


class PopulationArgs(NamedTuple):
    """The checked arguments of a population method.

    Attributes:
        space: The compiled space.
        names: The names of the parameters that may change.
        stock: The arguments for Ray's class.
    """

    space: Space
    names: tuple[str, ...]
    stock: dict[str, Any]


class Lineages:
    """A mixin for Ray's PBT and PB2 that records the lineages of the members as they clone each other.

    Attributes:
        lineages: By trial id, the stages behind the trial's present state.
    """

    lineages: dict[str, list[Stage]]

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:  # noqa: ARG002 - Ray's signature
        """Start a lineage. A searcher may propose the first configs."""
        super().on_trial_add(_WITHOUT_SEARCHER, trial)  # type: ignore[misc] # Ray's class comes next
        self.lineages[trial.trial_id] = [Stage(0, trial.config)]

    def turn(self, trial: Trial) -> tuple[float, int]:
        """The key by which waiting members are ordered: how much they were trained, and how often they cloned."""
        trained: float = self._trial_state[trial].last_train_time  # type: ignore[attr-defined] # Ray's class has it
        return trained, len(self.lineages[trial.trial_id])

    def _quantiles(self) -> tuple[list[Trial], list[Trial]]:
        """As Ray's, but members that failed are not cloned: if all have failed, that would never end."""
        lower, upper = super()._quantiles()  # type: ignore[misc] # Ray's class comes next
        upper = [trial for trial in upper if math.isfinite(self._trial_state[trial].last_score)]  # type: ignore[attr-defined] # as above
        return (lower if upper else []), upper

    def _exploit(self, tune_controller: Any, trial: Trial, trial_to_clone: Trial) -> None:
        """Continue the lineage of the member that is cloned."""
        super()._exploit(tune_controller, trial, trial_to_clone)  # type: ignore[misc] # Ray's class comes next
        cloned_at = self._trial_state[trial_to_clone].last_train_time  # type: ignore[attr-defined] # as above
        before = [
            stage for stage in self.lineages[trial_to_clone.trial_id] if stage.start < cloned_at or not stage.start
        ]
        self.lineages[trial.trial_id] = [*before, Stage(cloned_at, trial.config)]


class PopulationScheduler(StockScheduler):
    """The base of PBT and PB2. They change the configs of running trials, so they must know the space."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"conditional", "grid"}
    instead: ClassVar[str] = "use asha, hyperband or median"
    pauses: ClassVar[bool] = True
    needs_state: ClassVar[bool] = True
    rewinds: ClassVar[bool] = True
    stops_failed: ClassVar[bool] = False  # a member that failed is the worst, and is replaced
    population: ClassVar[bool] = True

    def __init__(self, stock: TrialScheduler, **args: Unpack[SchedulerArgs]) -> None:
        """`stock` is one of Ray's classes with `Lineages` mixed in.

        Raises:
            ArgumentError: If an argument cannot be used.
        """
        if args.get("max_concurrent") is not None:
            raise ArgumentError(
                "`max_concurrent` would starve the members of a population, which take turns on what the cluster can "
                "place: leave it out, and choose `resources` so that as many fit as should run at once"
            )
        super().__init__(stock, **args)
        self.stock.lineages = {}
        self._asked_to_save: set[str] = set()
        self._at_report: dict[tuple[str, float], list[Stage]] = {}

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:
        """Pass on, after checking that a checkpoint that was requested has been saved."""
        if trial.trial_id in self._asked_to_save:
            self.check_state(trial)
        self._at_report[trial.trial_id, result[self.time_attr]] = self.stock.lineages[trial.trial_id]
        decision = super().decide(controller, trial, result, loss)
        if self.stock._trial_state[trial].last_checkpoint is not None:  # noqa: SLF001 - Ray has no public way to it
            self._asked_to_save.add(trial.trial_id)
        return decision

    def choose(self, controller: Any) -> Trial | None:  # noqa: ARG002 - the base's signature
        """The waiting member that was trained least; of several, the one that has cloned others least often.

        Ray takes the first of several. A member that fails again and again is put back each time to the resource of
        the member that it clones, and would be chosen each time: no other would ever be trained.
        """
        waiting = [trial for trial in self.live() if trial.status in (trial.PENDING, trial.PAUSED)]
        return min(waiting, key=self.stock.turn, default=None)

    def before_save(self) -> None:
        """Wait for the checkpoints that are being written, as an exploit would."""
        for state in self.stock._trial_state.values():  # noqa: SLF001 - Ray has no public way to it
            if hasattr(state.last_checkpoint, "resolve"):
                result = state.last_checkpoint.resolve()
                state.last_checkpoint = result.checkpoint if result else None
                state.last_result = result.metrics if result else state.last_result

    def lineage(self, trial_id: str, resource: float | None = None) -> list[Stage]:
        """The stages behind a trial's report at `resource`, or behind its present state; the first starts at 0."""
        now: list[Stage] = self.stock.lineages[trial_id]
        return now if resource is None else self._at_report.get((trial_id, resource), now)


def check_population_args(
    args: SchedulerArgs, *, interval: int | None, quantile: float, mutable: Sequence[str] | None
) -> PopulationArgs:
    """Check the arguments that the population methods share.

    Args:
        args: The arguments that every scheduler takes.
        interval: The resource between two decisions on a member; None: a tenth of `max_t`, at least 1.
        quantile: The fraction of the population that is copied, and the fraction that is replaced.
        mutable: The names of the parameters that may change during training; None: all of them.

    Raises:
        ArgumentError: If the space is missing or an argument cannot be used.
        SpaceError: If the space is malformed or has a feature that a population cannot serve.
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
    check_count("interval", interval)
    if not 0 < quantile <= 0.5:  # noqa: PLR2004 - half of the population
        raise ArgumentError(f"`quantile` is {quantile!r}, but must be greater than 0 and at most 0.5")
    stock = {
        "time_attr": args.get("time_attr", "training_iteration"),
        "perturbation_interval": interval,
        "quantile_fraction": quantile,
        "log_config": False,  # Ray would write files meanwhile; the lineages are part of the state
    }
    return PopulationArgs(compiled, names, stock)


@final
class ReplayScheduler(StudyScheduler):
    """Trains every trial with the configs of a lineage, each from its resource on."""

    pauses: ClassVar[bool] = True
    stops_failed: ClassVar[bool] = False

    def __init__(self, stages: Sequence[Stage], *, keep: Collection[str], **args: Unpack[SchedulerArgs]) -> None:
        """`stages` are those of `StudyScheduler.lineage`; of the values named in `keep` each trial keeps its own."""
        super().__init__(**args)
        self.stages = [{k: v for k, v in stage.config.items() if k not in keep} for stage in stages]
        self.starts = [stage.start for stage in stages]
        self._stage: dict[str, int] = {}

    def added(self, controller: Any, trial: Trial) -> None:  # noqa: ARG002 - the base's signature
        """Start at the first stage, whose config the caller must have given to the trial."""
        self._stage[trial.trial_id] = 0

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        """Pause where the next stage starts."""
        following = self._stage[trial.trial_id] + 1
        due = following < len(self.stages) and result[self.time_attr] >= self.starts[following]
        return str(TrialScheduler.PAUSE if due else TrialScheduler.CONTINUE)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None:
        """Nothing to do."""

    def choose(self, controller: Any) -> Trial | None:  # noqa: ARG002 - the base's signature
        """Resume a paused trial with its next stage."""
        for trial in self.live():
            if trial.status == trial.PAUSED:
                stage = self._stage[trial.trial_id] = self._stage[trial.trial_id] + 1
                resumed: Any = trial  # Ray's method is untyped
                resumed.set_config({**trial.config, **self.stages[stage]})
                return trial
        return None
