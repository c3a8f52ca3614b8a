"""`AskTellSearcher`, the base class of all searchers; a subclass implements `setup`, `ask` and `tell`.

The base handles what all searchers have in common: the direction of the metric (a subclass always minimizes a loss),
NaN and missing metrics, errored, paused and killed trials, reports that are repeated after a restore, configs to
evaluate first, native Python types, and saving the whole state with the study, including that of the random stream.
"""

from __future__ import annotations

import abc
import copy
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, Unpack, final

from ray import cloudpickle
from ray.tune.search import Searcher

from raytune_suite import seeding
from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.searchers.inbox import Inbox
from raytune_suite.searchers.levels import next_level, reached_level
from raytune_suite.searchers.repeats import Repeats
from raytune_suite.spaces import Space
from raytune_suite.spaces.values import copied
from raytune_suite.types import (
    COUNT,
    FAILED,
    FIDELITY,
    MODE,
    Config,
    Mode,
    Observation,
    as_loss,
    as_resource,
    check_mode,
)
from raytune_suite.validation import checked, instance, number, optional, reject_unknown, sequence, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np

    from raytune_suite.searchers.inbox import Files
    from raytune_suite.types import KnownTrial


_logger = logging.getLogger("raytune_suite")

_NO_LEVEL = (0.0, 0.0)
"""The level and the resource of a trial that has not reached a level yet."""


COMMON = {
    "metric": optional(text("the name of a reported value")),
    "mode": optional(MODE),
    "time_attr": text("the name of a reported value"),
    "max_t": optional(COUNT),
    "levels": optional(sequence(number(above=0), "a list of increasing resources")),
    "seed": seeding.SEED,
    "points_to_evaluate": optional(sequence(instance(dict, "a config"), "a list of configs, which are dicts")),
}
"""What the arguments of every searcher must be; the space is checked when it is compiled."""


class Exhausted(Exception):  # noqa: N818 - a signal, as StopIteration is
    """Raised by `ask` when there is no config left to propose, now or later."""


class SearcherArgs(TypedDict, total=False):
    """The keyword arguments that every searcher accepts.

    Attributes:
        space: The search space, as Ray Tune's domains or compiled. By default that of `tune.Tuner` is used.
        metric: The name of the reported value to optimize. By default that of `tune.TuneConfig` is used.
        mode: "min" or "max". By default that of `tune.TuneConfig` is used.
        time_attr: The reported value that measures how far a trial is trained.
        max_t: The maximum resource of a trial, in units of `time_attr`; only searchers that assign fidelities need it.
        levels: The increasing resources at which the scheduler decides (`StudyScheduler.levels`); a multi-fidelity
            searcher learns at these. None means at every report.
        seed: The seed of all random draws of this searcher.
        points_to_evaluate: Configs to propose first, in this order. Missing parameters are drawn at random.
    """

    space: dict[str, Any] | Space | None
    metric: str | None
    mode: str | None
    time_attr: str
    max_t: int | None
    levels: Sequence[float] | None
    seed: int
    points_to_evaluate: Sequence[Config] | None


class AskTellSearcher(Searcher, abc.ABC):
    """A Ray Tune searcher with an ask-and-tell interface.

    Attributes:
        features: The features of a space (`Space.features`) that this searcher supports; spaces with others are
            rejected.
        instead: The remedy that is suggested for a rejected space.
        extra: The extra of this package that this searcher needs, or None.
        multi_fidelity: Whether `tell` is also called at each level that a trial reaches, not only at its end.
        assigns: Whether its configs hold, under the key `FIDELITY`, how far to train them.
        finite: Whether it proposes a fixed number of configs and then ends the study without a budget, as a grid does.
        learns: Whether it learns from trials that it did not propose.
        space: The compiled space, or None until Ray passes it.
        rng: This searcher's random stream.
        trial_id: The id of the trial for which `ask` proposes a config.
        entry_level: The level to which that trial is trained first; 0 if the scheduler does not know.
        retrained: How many configs were trained again because `max_t` was raised; they do not count as samples.
    """

    features: ClassVar[frozenset[str]]
    instead: ClassVar[str] = "use the searcher grid, or tune.choice in place of tune.grid_search"
    extra: ClassVar[str | None] = None
    multi_fidelity: ClassVar[bool] = False
    assigns: ClassVar[bool] = False
    finite: ClassVar[bool] = False
    learns: ClassVar[bool] = True
    retrained: int = 0

    @checked(**COMMON)
    def __init__(self, **args: Unpack[SearcherArgs]) -> None:
        """See `SearcherArgs` for the arguments; subclasses may add their own.

        Raises:
            ArgumentError: If the mode or the seed is invalid.
            SpaceError: If the space is malformed, has a feature that this searcher does not support, or does not
                contain one of the configs to evaluate first.
        """
        reject_unknown(type(self).__name__, args, SearcherArgs.__annotations__)
        if not hasattr(self, "features"):
            raise ArgumentError(
                f"the class {type(self).__name__} has no attribute `features`, which says what it supports: write "
                "`features = frozenset(FEATURES) - {'grid'}` if it is all that `raytune_suite.spaces.FEATURES` names"
            )
        mode = args.get("mode")
        super().__init__(metric=args.get("metric"), mode=mode)
        self._mode = mode
        self.time_attr = args.get("time_attr", "training_iteration")
        self.max_t = args.get("max_t")
        levels = args.get("levels")
        self.levels = None if levels is None else tuple(levels)
        self.seed = seeding.check_seed(args.get("seed", 0))
        self.rng: np.random.Generator = seeding.stream(self.seed, "searcher", type(self).__name__)
        self.space: Space | None = None
        self.trial_id = ""
        self.entry_level = 0.0
        self._points = [copy.deepcopy(config) for config in args.get("points_to_evaluate") or ()]
        self._repeats: Repeats | None = None
        self._inbox: Inbox | None = None
        self._live: dict[str, Config] = {}
        self._known: list[KnownTrial] = []
        self._last_report: dict[str, tuple[float, float]] = {}
        self._last_level: dict[str, tuple[float, float]] = {}
        space = args.get("space")
        if space is not None:
            self._set_space(space)

    # ---- implemented by subclasses ----------------------------------------------------------------------------

    @abc.abstractmethod
    def setup(self, space: Space) -> None:
        """Prepare to search `space`. Called before `ask` and `tell`; `rng` and `seed` are already set."""

    @abc.abstractmethod
    def ask(self) -> Config | None:
        """Return the next config, or None if there is none until more results arrive.

        Raises:
            Exhausted: If there are no more configs.
        """

    @abc.abstractmethod
    def tell(self, observation: Observation) -> None:
        """Learn from an observation."""

    def dropped(self, trial_id: str) -> None:
        """Handle a trial that ended without a report or a crash, so that no observation of it follows."""

    def proposed(self, configs: Sequence[Config]) -> None:
        """Do not propose these configs again: the searcher that this one replaces has proposed them."""

    def bracket_weights(self) -> dict[float, float] | None:
        """Return how well each level predicts the ranking of configs at the highest, by resource.

        The weights are not negative, and their sum is 1. A scheduler with several brackets may start more trials in
        brackets whose first rung has a high weight. None means that the searcher does not know.
        """
        return None

    # ---- Ray's interface --------------------------------------------------------------------------------------

    @final
    def set_search_properties(
        self,
        metric: str | None,
        mode: str | None,
        config: dict[str, Any],
        **spec: Any,  # noqa: ARG002 - Ray passes more than is needed
    ) -> bool:
        """Accept the settings of `tune.TuneConfig` and `tune.Tuner`; return False if they contradict previous ones."""
        if metric is not None:
            if self._metric not in (None, metric):
                return False
            self._metric = metric
        if mode is not None:
            if self._mode not in (None, mode):
                return False
            self._mode = check_mode(mode)
        if not config:
            return self.space is not None
        if self.space is not None:
            return Space.of(config).describe() == self.space.describe()
        self._set_space(config)
        return True

    @final
    def suggest(self, trial_id: str) -> Any:
        """Propose a config for a trial; return None if there is none now, and `Searcher.FINISHED` if there are no more.

        Raises:
            ArgumentError: If the space, the metric or the mode is not set yet.
        """
        self._require_complete()
        self.trial_id = trial_id
        self._take_points()
        try:
            config = self._place(self._points.pop(0)) if self._points else self._ask()
        except Exhausted:
            return str(Searcher.FINISHED)
        if config is None:
            return None
        if self._repeats is not None:
            self._repeats.add(config)
        self._live[trial_id] = config
        return copied(config)

    @final
    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record a report. Reports up to a resource that was reported before are replays after a fault; ignore them."""
        report = self._read(result)
        if trial_id not in self._live or report is None:
            return
        if trial_id in self._last_report and report[0] <= self._last_report[trial_id][0]:
            return
        self._last_report[trial_id] = report
        if self.multi_fidelity:
            resource, loss = report
            level = reached_level(self.levels, self._last_level.get(trial_id, _NO_LEVEL)[0], resource)
            if level is not None:
                self._last_level[trial_id] = (level, resource)
                self.tell(Observation(trial_id, self._live[trial_id], level, loss, final=False))

    @final
    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Learn how a trial ended. A crash counts as the worst loss.

        Ray calls this without a result if a scheduler killed the trial while it was paused, and with a last result that
        `on_trial_result` has not received if a scheduler stopped it.
        """
        if trial_id not in self._live:
            return
        config, previous = self._live.pop(trial_id), self._last_report.pop(trial_id, None)
        last_level = self._last_level.pop(trial_id, _NO_LEVEL)
        last = self._read(result) if result else None
        if error:
            report = (previous[0] if previous else 0.0, FAILED)
        elif last or previous or result:
            report = last or previous or (0.0, FAILED)
        else:
            self.dropped(trial_id)
            return
        if self.multi_fidelity:
            report = (self._final_level(last_level, report[0], error=error), report[1])
        self.tell(Observation(trial_id, config, *report, final=True))

    @final
    def enqueue(self, configs: Sequence[Config]) -> None:
        """Propose these configs next, in this order."""
        self._points[:0] = copy.deepcopy(list(configs))

    @final
    def watch(self, files: Files) -> None:
        """Propose the configs that are added to a study's files (`inbox.put`) before others."""
        self._inbox = Inbox(None) if self._inbox is None else self._inbox
        self._inbox.files = files

    @final
    def learn(self, trials: Iterable[KnownTrial]) -> None:
        """Learn from trials that this searcher did not propose; a searcher that takes over learns from them, too."""
        known = list(trials)
        self._known += known
        self._learn(known)

    def _learn(self, trials: Iterable[KnownTrial]) -> None:
        for trial in trials:
            level = _NO_LEVEL
            for resource, loss in trial.reports:
                reached = reached_level(self.levels, level[0], resource) if self.multi_fidelity else None
                if reached is not None:
                    level = (reached, resource)
                    self.tell(Observation(trial.name, trial.config, reached, loss, final=False))
            if trial.ended and trial.reports:
                resource, loss = trial.reports[-1]
                at = self._final_level(level, resource, error=loss == FAILED) if self.multi_fidelity else resource
                self.tell(Observation(trial.name, trial.config, at, loss, final=True))

    @final
    def avoid_repeats(self) -> None:
        """Propose no config twice if the space is finite, and end the study when all have been proposed."""
        if self.space is not None and not self.assigns and not self.finite:
            self._repeats = Repeats.of(self.space, self.seed)

    @final
    def take_over(self, other: AskTellSearcher, trials: Sequence[KnownTrial]) -> None:
        """Continue in place of a searcher with a smaller space, whose `trials` are those so far.

        Raises:
            ArgumentError: If the configs of this searcher belong together, so that it cannot change its space.
        """
        if self.assigns:
            raise ArgumentError(f"`space` has changed, but {type(self).__name__} evolves configs of one space: undo it")
        self.rng = seeding.stream(self.seed, "searcher", type(self).__name__, str(len(trials)))
        if self.space is not None:
            self.setup(self.space)  # again: generators that were created there would repeat their draws
        self._live, self._last_report, self._last_level = other._live, other._last_report, other._last_level
        self._inbox, self._points, self.retrained = other._inbox, other._points, other.retrained
        if self.learns:
            self.learn(other._known)
            self._learn(trials)
        self.proposed([trial.config for trial in trials])
        for trial in trials:
            if self._repeats is not None:
                self._repeats.add(trial.config)

    def _place(self, config: Config) -> Config:
        """Return what to propose for a config that does not come from `ask`, for the trial `trial_id`."""
        return config

    @final
    def save(self, checkpoint_path: str) -> None:
        """Save the whole state; Ray calls this with each snapshot of a study."""
        Path(checkpoint_path).write_bytes(cloudpickle.dumps(self.__dict__))

    @final
    def restore(self, checkpoint_path: str) -> None:
        """Restore a saved state."""
        self.__dict__.update(cloudpickle.loads(Path(checkpoint_path).read_bytes()))

    # ---- internal ---------------------------------------------------------------------------------------------

    def _final_level(self, last_level: tuple[float, float], resource: float, *, error: bool) -> float:
        """Return the level to which a trial's end belongs, given its last level and the resource reported there."""
        level, at = last_level
        if not error and resource <= at:
            return level  # paused or stopped there
        reached = None if error else reached_level(self.levels, level, resource)
        return reached or next_level(self.levels, level) or level

    def _set_space(self, param_space: dict[str, Any] | Space) -> None:
        space = Space.of(param_space)
        space.check_supported(f"searcher {type(self).__name__}", supported=self.features, remedy=self.instead)
        if self.assigns and FIDELITY in {path.split("/")[0] for path in (*space.names, *space.constants)}:
            raise SpaceError(f"the space has an entry {FIDELITY!r}, which is reserved for the fidelity: rename it")
        if space.prior is not None and not self.finite:
            expected = space.decode(space.prior.mode())
            self._points = [expected, *(config for config in self._points if config != expected)]
        drawn = seeding.stream(self.seed, "searcher", "points to evaluate")
        for position, config in enumerate(self._points):
            try:
                self._points[position] = space.fill(config, drawn)
            except SpaceError as error:
                raise SpaceError(f"`points_to_evaluate` has a config outside the space: {error}") from None
        self.space = space
        self.setup(space)

    def _take_points(self) -> None:
        """Take the configs that were added to the study's folder; a warning names those that cannot be used."""
        if self._inbox is None or self.space is None:
            return
        read = self._inbox.read
        configs = self._inbox.poll()
        if not configs:
            return
        drawn = seeding.stream(self.seed, "searcher", "enqueued", str(read))
        for config in configs:
            try:
                self._points.append(self.space.fill(config, drawn))
            except SpaceError as error:
                _logger.warning("the enqueued config %s is ignored: %s", config, error)

    def _ask(self) -> Config | None:
        """What `ask` returns, or another config if that has been proposed and must not be repeated."""
        if self._repeats is None:
            return self.ask()
        if self._repeats.exhausted:
            raise Exhausted
        config = self.ask()
        return None if config is None else self._repeats.replaced(config)

    def _require_complete(self) -> None:
        for name, value in (("space", self.space), ("metric", self._metric), ("mode", self._mode)):
            if value is None:
                raise ArgumentError(
                    f"{type(self).__name__} has no `{name}`: pass it to the searcher, "
                    f"or to `tune.{'Tuner(param_space=...)' if name == 'space' else f'TuneConfig({name}=...)'}`"
                )

    def _read(self, result: Mapping[str, Any]) -> tuple[float, float] | None:
        """Return (resource, loss) of a result; None if it lacks the metric or the resource."""
        resource = as_resource(result.get(self.time_attr))
        if self._metric is None or self._metric not in result or resource is None:
            return None
        mode: Mode = check_mode(self._mode)
        return resource, as_loss(result[self._metric], mode)
