"""The studies of the conformance tests: the simulated controller with scripted trainings, and a log of its decisions.

A study can be killed at any moment and restored from its snapshot, as Ray restores one whose driver has crashed.
"""

from __future__ import annotations

import copy
import math
import shutil
import tempfile
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ray import cloudpickle
from ray.tune import Callback
from ray.tune.result import RESULT_DUPLICATE
from ray.tune.schedulers import TrialScheduler

from raytune_suite.engines.simulated.controller import Controller
from raytune_suite.engines.simulated.snapshot import Snapshot, record_trials, restore_snapshot, take_snapshot
from raytune_suite.engines.simulated.trial_factory import TrialGenerator, make_search
from raytune_suite.spaces import Space
from raytune_suite.types import split_config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ray.tune.experiment import Trial

    from raytune_suite.engines.simulated.snapshot import TrialStates

METRIC = "loss"
LONGEST = 500
"""No training of a test is longer; one that is has not been stopped."""


class Learner(Protocol):
    """The state of a training, which a checkpoint copies. It must not change the objects that it refers to."""

    def step(self, config: dict[str, Any]) -> float:
        """Train for one iteration; returns the loss."""

    def cost(self, config: dict[str, Any]) -> float:
        """The virtual seconds of an iteration."""


class Curve:
    """A learning curve that depends on the config alone; the best config is at .37 in each unit coordinate."""

    def __init__(self, space: dict[str, Any] | Space) -> None:
        self.space = Space.of(space)
        self.progress = 0.0
        self._rates: dict[str, float] = {}

    def step(self, config: dict[str, Any]) -> float:
        self.progress += self.rate(config)
        return 1 / (1 + self.progress) + 0.3 * (1 - self.rate(config))

    def cost(self, config: dict[str, Any]) -> float:
        return 0.5 + self.rate(config)

    def rate(self, config: dict[str, Any]) -> float:
        """How fast it learns, from 0 to 1."""
        key = repr(config)
        if key not in self._rates:
            units = self.space.encode(split_config(config).hyperparameters)
            off = [abs(unit - 0.37) for unit in units if not math.isnan(unit)]
            self._rates[key] = math.exp(-3 * sum(off) / len(off))
        return self._rates[key]


class Report(NamedTuple):
    """One row of the log of decisions; `number` counts the trials in the order of their creation."""

    number: int
    iteration: int
    loss: float | None
    decision: str


@dataclass(frozen=True)
class Setup:
    """How a study is run.

    Attributes:
        space: The search space.
        samples: The number of trials.
        learner: Creates the state of a training.
        mode: The direction of the metric, which is the negated loss for "max".
        workers: The number of trials that run at once.
        max_pending: The number of trials that are requested in advance; Ray requests one if there is a searcher.
        end: The iteration at which a trial ends by itself.
        fault: What happens at a report of a trial: "crash", "nan", "inf", "missing", "string", "end", "return" or None.
        max_failures: How often a crashed trial is retried.
        convert: Turns the loss into the reported value.
        save_each: Whether a trial saves a checkpoint at each report, or only when it is paused.
        forgets: Whether a training restarts from scratch each time that it is resumed.
        stride: The number of "steps" per report.
        snapshots: Whether the states of the trials are recorded after each event, as Ray does now and then. It records
            only what was marked as changed, and does not mark a trial that is stopped while it is paused.
    """

    space: dict[str, Any]
    samples: int = 20
    learner: Callable[[Space], Learner] = Curve
    mode: str = "min"
    workers: int = 1
    max_pending: int = 1
    end: int = LONGEST
    fault: Callable[[int, int], str | None] = lambda _number, _iteration: None
    max_failures: int = 0
    convert: Callable[[float], Any] = float
    save_each: bool = True
    forgets: bool = False
    stride: int = 1
    snapshots: bool = False


@dataclass(frozen=True)
class KilledStudy:
    """What is left of a study that was killed: its snapshot, and what its program would create again."""

    snapshot: Snapshot
    numbers: dict[str, int]
    pristine: bytes
    setup: Setup


class Study:
    """A study in progress.

    Attributes:
        controller: The simulated controller.
        scheduler: The scheduler.
        log: All reports with their decisions.
        configs: For each report, the number and the config of the trial.
        numbers: The number of each trial by its id.
        steps: The number of events that were handled.
        most_running: The maximum number of trials that ran at once.
        ended: The last training of each trial that has left its worker, by number.
    """

    def __init__(self, search_alg: Any, scheduler: Any, setup: Setup, pristine: bytes) -> None:
        self.search_alg, self.scheduler, self.setup, self._pristine = search_alg, scheduler, setup, pristine
        self.space = Space(setup.space)
        self.log: list[Report] = []
        self.configs: list[tuple[int, dict[str, Any]]] = []
        self.numbers: dict[str, int] = {}
        self.most_running = 0
        self.ended: dict[int, ScriptedTraining] = {}
        self.crashed: set[tuple[int, int]] = set()
        self.failing_saves = self.steps = self._known = 0
        self.report = Report(0, 0, None, "")
        self.decision: str | None = None
        self._states: TrialStates = {}
        self.controller = Controller(
            search_alg,
            _RecordingScheduler(scheduler, self),
            self,
            workers=setup.workers,
            max_pending=setup.max_pending,
            checkpoint_every=int(setup.save_each),
            callbacks=[_Recorder(self)],
        )

    @property
    def trials(self) -> Sequence[Trial]:
        return self.controller.trials

    @property
    def finished(self) -> bool:
        return self.controller.finished

    @property
    def running(self) -> int:
        """How many trials are on a worker."""
        return len(self.controller.running_trials())

    @property
    def saving(self) -> bool:
        """Whether a checkpoint is being saved."""
        return any(running.trial.is_saving for running in self.controller.running_trials())

    @property
    def pausing(self) -> bool:
        """Whether a trial will pause once its checkpoint is saved."""
        return any(running.decision == TrialScheduler.PAUSE for running in self.controller.running_trials())

    def run(self, reports: int | None = None) -> Study:
        """Run to the end, or until the log has so many reports."""
        while not self.finished and (reports is None or len(self.log) < reports):
            self.step()
        return self

    def run_failing_saves(self, times: int) -> Study:
        """Run to the end; the first `times` checkpoints of a pause cannot be saved, so that the trials crash."""
        self.failing_saves = times
        return self.run()

    def settle(self) -> Study:
        """Run until no checkpoint is being saved."""
        while self.saving:
            self.step()
        return self

    def step(self) -> None:
        """Handle one event."""
        self.steps += 1
        self.controller.step()
        assert self.report.iteration <= LONGEST, "a training was never stopped"
        if self.setup.snapshots:
            record_trials(self.controller, self._states)

    def kill(self) -> KilledStudy:
        """End the process of the study."""
        return KilledStudy(take_snapshot(self.controller, self._states), dict(self.numbers), self._pristine, self.setup)

    def start(self, config: dict[str, Any]) -> ScriptedTraining:
        """The training of a config, for the controller."""
        self.number_trials()
        trial = next(trial for trial in self.controller.get_live_trials() if trial.config is config)
        training = ScriptedTraining(self, trial)
        self.most_running = max(self.most_running, self.running)
        return training

    def number_trials(self) -> None:
        """Number the trials that are new."""
        if len(self.trials) > self._known:
            self._known = len(self.trials)
            for trial in self.trials:
                self.numbers.setdefault(trial.trial_id, len(self.numbers))


class ScriptedTraining:
    """A training with the faults of its setup."""

    def __init__(self, study: Study, trial: Trial) -> None:
        self.study, self.trial = study, trial
        self.number = study.numbers[trial.trial_id]
        self.learner = study.setup.learner(study.space)
        self.iteration = 0

    def begin(self) -> float:
        return self.learner.cost(self.trial.config)

    def result(self) -> dict[str, Any]:
        study, setup = self.study, self.study.setup
        fault = setup.fault(self.number, self.iteration + 1)
        if fault == "crash" and (self.number, self.iteration + 1) not in study.crashed:
            study.crashed.add((self.number, self.iteration + 1))
            raise RuntimeError(fault)
        if fault == "return":
            return {RESULT_DUPLICATE: True, "done": True}
        self.iteration += 1
        loss = self.learner.step(self.trial.config)
        value: Any = {"nan": math.nan, "inf": math.inf, "string": "n/a"}.get(str(fault), loss)
        if not isinstance(value, str):
            value = setup.convert(-value if setup.mode == "max" else value)
        result = {"training_iteration": self.iteration, "epoch": self.iteration, METRIC: value}
        result |= {"steps": setup.stride * self.iteration, "done": fault == "end" or self.iteration >= setup.end}
        if fault == "missing":
            del result[METRIC]
        study.configs.append((self.number, self.trial.config))
        failed = fault in ("nan", "inf", "string", "missing")
        study.report, study.decision = Report(self.number, self.iteration, None if failed else loss, ""), None
        return result

    def save(self) -> tuple[Learner, int] | None:
        study = self.study
        if study.failing_saves and study.pausing:
            study.failing_saves -= 1
            raise OSError("no space left")
        return None if study.setup.forgets else (copy.copy(self.learner), self.iteration)

    def load(self, state: tuple[Learner, int]) -> None:
        self.learner, self.iteration = copy.copy(state[0]), state[1]

    def close(self) -> None:
        self.study.ended[self.number] = self


class _RecordingScheduler:
    """Passes everything on, and records decisions."""

    def __init__(self, scheduler: Any, study: Study) -> None:
        self._scheduler, self._study = scheduler, study

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> Any:
        decision = self._study.decision = self._scheduler.on_trial_result(controller, trial, result)
        return decision

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)


class _Recorder(Callback):
    """Numbers the trials and completes the log."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._study.number_trials()

    def on_trial_result(self, *_: Any, **__: Any) -> None:
        study = self._study  # a training that reports its end is stopped without asking the scheduler
        study.log.append(study.report._replace(decision=study.decision or str(TrialScheduler.STOP)))


def start(searcher: Any, scheduler: Any, setup: Setup) -> Study:
    """A study of these objects, wired as `tune.Tuner` does; `searcher` may be a search algorithm of Ray's."""
    pristine = cloudpickle.dumps((searcher, scheduler))
    is_algorithm = hasattr(searcher, "next_trial")
    search_alg = searcher if is_algorithm else TrialGenerator(searcher)
    assert is_algorithm or search_alg.set_search_properties(METRIC, setup.mode, setup.space)
    assert scheduler.set_search_properties(METRIC, setup.mode)
    folder = tempfile.mkdtemp(prefix="study-")
    make_search(
        search_alg,
        space=setup.space if is_algorithm else None,
        metric=METRIC,
        mode=setup.mode,
        num_samples=setup.samples,
        max_failures=setup.max_failures,
        checkpoint_every=0,
        folder=folder,
    )
    study = Study(search_alg, scheduler, setup, pristine)
    weakref.finalize(study, shutil.rmtree, folder, ignore_errors=True)
    return study


def restore(killed: KilledStudy, **changes: Any) -> Study:
    """Restore a study that was killed."""
    searcher, scheduler = cloudpickle.loads(killed.pristine)
    study = start(searcher, scheduler, replace(killed.setup, **changes))
    study.numbers = dict(killed.numbers)
    restore_snapshot(study.controller, killed.snapshot)
    return study
