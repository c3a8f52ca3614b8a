"""`AskTellSearcher`: the one base of all searchers; a leaf writes `setup`, `ask` and `tell`.

The base owns what is the same for all of them: the direction of the metric (a leaf always minimizes a loss), NaN and
missing metrics, errored, paused and killed trials, reports that come twice after a restore, configs to evaluate
first, native Python types, and saving everything with the study, the random stream's state included.
"""

from __future__ import annotations

import abc
import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, Unpack, final

from ray import cloudpickle
from ray.tune.search import Searcher

from raytune_suite import seeding
from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.spaces import Space
from raytune_suite.types import FAILED, FIDELITY, Config, Mode, Observation, as_loss, as_number, check_mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np


_NOTHING = (0.0, 0.0)
"""The level and the resource of a trial that has reached none yet."""


class Exhausted(Exception):  # noqa: N818 - it is a signal, as StopIteration is
    """What `ask` raises when there is no config left to propose, now or later."""


class SearcherArgs(TypedDict, total=False):
    """The arguments that every searcher takes, all by keyword.

    Attributes:
        space: The search space, in Ray Tune's own objects. Without it the one given to `tune.Tuner` is used.
        metric: The name of the reported value to optimize. Without it `tune.TuneConfig` gives it.
        mode: "min" or "max", as for the metric.
        time_attr: The reported value that counts how much a trial has been trained.
        max_t: The most resource of a trial, in units of `time_attr`. Only those that assign fidelities need it.
        levels: The resources at which trials are judged (`StudyScheduler.levels`), rising; a multi-fidelity searcher
            learns there. None: at each report.
        seed: Drives all draws of this searcher.
        points_to_evaluate: Configs to propose first, in this order.
    """

    space: dict[str, Any] | None
    metric: str | None
    mode: str | None
    time_attr: str
    max_t: int | None
    levels: Sequence[float] | None
    seed: int
    points_to_evaluate: Sequence[Config]


class AskTellSearcher(Searcher, abc.ABC):
    """A Ray Tune searcher with ask and tell inside.

    Attributes:
        features: The features of a space (`Space.features`) that this searcher serves; others are refused by name.
        instead: What to take for a space that it cannot serve.
        extra: The extra of this package that it needs, or None.
        multi_fidelity: Whether `tell` is called at each level that a trial reaches, too, or only at its end.
        assigns: Whether its configs say, under the key `FIDELITY`, how far they are to be trained.
        space: The compiled space, or None until Ray has given it.
        rng: This searcher's own random stream.
        asking: The id of the trial that `ask` proposes a config for.
    """

    features: ClassVar[frozenset[str]]
    instead: ClassVar[str] = "use the searcher grid, or tune.choice in place of tune.grid_search"
    extra: ClassVar[str | None] = None
    multi_fidelity: ClassVar[bool] = False
    assigns: ClassVar[bool] = False
    finite: ClassVar[bool] = False

    def __init__(self, **args: Unpack[SearcherArgs]) -> None:
        """See `SearcherArgs`. Leaves add arguments of their own.

        Raises:
            ArgumentError: If the mode or the seed is none.
            SpaceError: If the space is malformed, has a feature that this searcher cannot serve, or does not hold
                one of the configs to evaluate first.
        """
        mode = args.get("mode")
        super().__init__(metric=args.get("metric"), mode=None if mode is None else check_mode(mode))
        self._mode = mode
        self.time_attr = args.get("time_attr", "training_iteration")
        self.max_t = args.get("max_t")
        levels = args.get("levels")
        self.levels = None if levels is None else tuple(levels)
        self.seed = seeding.check_seed(args.get("seed", 0))
        self.rng: np.random.Generator = seeding.stream(self.seed, "searcher", type(self).__name__)
        self.space: Space | None = None
        self.asking = ""
        self._first = [copy.deepcopy(config) for config in args.get("points_to_evaluate", ())]
        self._live: dict[str, Config] = {}
        self._seen: dict[str, tuple[float, float]] = {}
        self._told: dict[str, tuple[float, float]] = {}
        space = args.get("space")
        if space is not None:
            self._set_space(space)

    # ---- what a leaf writes -----------------------------------------------------------------------------------

    @abc.abstractmethod
    def setup(self, space: Space) -> None:
        """Make the model of `space`; called once, before anything else. `rng` and `seed` are there."""

    @abc.abstractmethod
    def ask(self) -> Config | None:
        """The next config, or None where there is none before more results have come.

        Raises:
            Exhausted: If there will be none any more.
        """

    @abc.abstractmethod
    def tell(self, observation: Observation) -> None:
        """Learn from an observation."""

    def dropped(self, trial_id: str) -> None:
        """A trial has ended before it reported or crashed: there is nothing to learn, and nothing to wait for."""

    # ---- Ray's interface --------------------------------------------------------------------------------------

    @final
    def set_search_properties(
        self,
        metric: str | None,
        mode: str | None,
        config: dict[str, Any],
        **spec: Any,  # noqa: ARG002 - Ray passes more than is needed
    ) -> bool:
        """Take what `tune.TuneConfig` and `tune.Tuner` say; False where it contradicts the constructor's arguments."""
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
            return Space(config).describe() == self.space.describe()
        self._set_space(config)
        return True

    @final
    def suggest(self, trial_id: str) -> Any:
        """Propose a config for the trial; None for "not now", `Searcher.FINISHED` for "never again".

        Raises:
            ArgumentError: If nobody has given the space, the metric or the mode yet.
        """
        self._require_complete()
        self.asking = trial_id
        try:
            config = self._first.pop(0) if self._first else self.ask()
        except Exhausted:
            return str(Searcher.FINISHED)
        if config is None:
            return None
        self._live[trial_id] = config
        return copy.deepcopy(config)

    @final
    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Note a report. One at a resource that was seen before is a replay after a fault and changes nothing."""
        report = self._read(result)
        if trial_id not in self._live or report is None:
            return
        if trial_id in self._seen and report[0] <= self._seen[trial_id][0]:
            return
        self._seen[trial_id] = report
        if self.multi_fidelity:
            resource, loss = report
            level = reached(self.levels, self._told.get(trial_id, _NOTHING)[0], resource)
            if level is not None:
                self._told[trial_id] = (level, resource)
                self.tell(Observation(trial_id, self._live[trial_id], level, loss, final=False))

    @final
    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Learn how a trial ended.

        Ray calls this without a result for a trial that a scheduler killed while it was paused, and with the last
        result, never seen by `on_trial_result`, for one that a scheduler stopped. A crash counts as the worst.
        """
        if trial_id not in self._live:
            return
        config, seen = self._live.pop(trial_id), self._seen.pop(trial_id, None)
        told = self._told.pop(trial_id, _NOTHING)
        last = self._read(result) if result else None
        if error:
            report = (seen[0] if seen else 0.0, FAILED)
        elif last or seen or result:
            report = last or seen or (0.0, FAILED)
        else:
            self.dropped(trial_id)
            return
        if self.multi_fidelity:
            report = (self._final_level(told, report[0], error=error), report[1])
        self.tell(Observation(trial_id, config, *report, final=True))

    @final
    def save(self, checkpoint_path: str) -> None:
        """Save everything; Ray calls this with each snapshot of a study."""
        Path(checkpoint_path).write_bytes(cloudpickle.dumps(self.__dict__))

    @final
    def restore(self, checkpoint_path: str) -> None:
        """Become what was saved."""
        self.__dict__.update(cloudpickle.loads(Path(checkpoint_path).read_bytes()))

    # ---- within -----------------------------------------------------------------------------------------------

    def _final_level(self, told: tuple[float, float], resource: float, *, error: bool) -> float:
        """The level for which the end of a trial counts; `told` is the last that it reached, and where."""
        level, at = told
        if not error and resource <= at:
            return level  # paused or stopped there
        found = None if error else reached(self.levels, level, resource)
        return found or heading(self.levels, level) or level

    def _set_space(self, param_space: dict[str, Any]) -> None:
        space = Space(param_space)
        space.refuse(f"searcher {type(self).__name__}", supported=self.features, remedy=self.instead)
        if self.assigns and FIDELITY in {path.split("/")[0] for path in (*space.names, *space.constants)}:
            raise SpaceError(f"the space has an entry {FIDELITY!r}, where the searcher writes the fidelity: rename it")
        for config in self._first:
            try:
                space.check(config)
            except SpaceError as error:
                raise SpaceError(f"`points_to_evaluate` has a config that is not in the space: {error}") from None
        self.space = space
        self.setup(space)

    def _require_complete(self) -> None:
        for name, value in (("space", self.space), ("metric", self._metric), ("mode", self._mode)):
            if value is None:
                raise ArgumentError(
                    f"{type(self).__name__} has no `{name}`: give it to the searcher, "
                    f"or to `tune.{'Tuner(param_space=...)' if name == 'space' else f'TuneConfig({name}=...)'}`"
                )

    def _read(self, result: Mapping[str, Any]) -> tuple[float, float] | None:
        """(resource, loss) of a result; None where the metric or the resource is not in it."""
        resource = as_number(result.get(self.time_attr))
        if self._metric is None or self._metric not in result or resource is None:
            return None
        mode: Mode = check_mode(self._mode)
        return resource, as_loss(result[self._metric], mode)


def reached(levels: Sequence[float] | None, before: float, resource: float) -> float | None:
    """The highest of the levels above `before` that a trial has reached at `resource`; None if there is none.

    Where no levels are known, each resource is one.

    Example:
        >>> reached((1, 3, 9), 1, 4), reached((1, 3, 9), 3, 4), reached(None, 3, 4)
        (3, None, 4)
    """
    if levels is None:
        return resource if resource > before else None
    return max((level for level in levels if before < level <= resource), default=None)


def heading(levels: Sequence[float] | None, before: float) -> float | None:
    """The lowest level above `before`: the one that a trial is on its way to."""
    return min((level for level in levels or () if level > before), default=None)
