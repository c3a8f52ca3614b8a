"""The engine that runs a study on Ray: the wiring of Ray's `Tuner`, with its fastest settings.

With Ray's defaults a trial costs more than a second of overhead: each starts a process that imports ray anew, and
three loggers write each result. Here an actor is used again for the next trial where the trainable allows it, and
the loggers are off unless asked for. `benchmarks/perf/ray_overhead.py` measures what that brings.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import math
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray import tune
from ray._private import services
from ray.exceptions import RayActorError
from ray.train._internal.storage import get_fs_and_path
from ray.tune import Callback
from ray.tune.execution import class_cache
from ray.tune.execution.tune_controller import TuneController

from raytune_suite.engines.callbacks.decision_log import DecisionLog
from raytune_suite.engines.callbacks.progress import Progress
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.ray import checkpointing, cluster_state
from raytune_suite.engines.ray.cluster_monitor import ClusterMonitor
from raytune_suite.engines.ray.storage_probe import check_shared_folder
from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.schedulers import StudySearcher
from raytune_suite.schedulers.population import PopulationScheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from raytune_suite.engines.callbacks.budget import StudyStopper
    from raytune_suite.schedulers import StudyScheduler

    Trainable = Callable[[dict[str, Any]], Any] | type[tune.Trainable] | str


_logger = logging.getLogger("raytune_suite")

TRIAL_ENVIRONMENT = dict(class_cache.DEFAULT_ENV_VARS)
"""The variables that Ray Tune sets for the process of each trial."""


@dataclass(frozen=True)
class Settings:
    """How Ray shall run a study. The defaults are the fastest that we measured.

    Attributes:
        reuse_actors: Whether a trial takes over the process of one that has ended. None: where the trainable allows
            it, which is every function, and every class with a `reset_config` of its own.
        loggers: Whether Ray's CSV, JSON and TensorBoard loggers write each result.
        snapshot_s: Seconds between two snapshots of the study's state, from which a killed study is resumed. At least
            this, and never more than a twentieth of the time is spent on them.
        max_failures: How often a trial that crashes is tried again from its last checkpoint; -1 for ever. One whose
            machine was lost goes on elsewhere without being counted.
        checkpoint_s: Seconds between two checkpoints of a running trial of a class that saves and loads its state, so
            that it goes on from there if it is lost. At least this, and never more than a twentieth of its time is
            spent on them; `math.inf` for none but when it is paused. A function saves what it likes, and a population
            its members as often as it copies them.
        keep_checkpoints: How many checkpoints of a trial are kept. None: two where it is saved as it runs, else all.
    """

    reuse_actors: bool | None = None
    loggers: bool = False
    snapshot_s: float = 5.0
    max_failures: int = 0
    checkpoint_s: float = 30.0
    keep_checkpoints: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run of the engine left.

    Attributes:
        grid: Ray's result grid; None where the study was simulated.
        path: Where the study lies.
        interrupted: Whether Ctrl-C ended it.
        callbacks: The callbacks as they are now; after a resume they are others than those handed in.
        scheduler: The scheduler, likewise.
        decisions: The decision log, on Ray without times; None where the study began without one, or was interrupted
            in virtual time.
        overhead: The real seconds that all but the trainings took; None where trainings run beside it.
    """

    grid: tune.ResultGrid | None
    path: str
    interrupted: bool
    callbacks: list[Callback]
    scheduler: StudyScheduler
    decisions: DecisionLog | None
    overhead: float | None = None


def connect() -> None:
    """Connect to the cluster that `RAY_ADDRESS` names or to which this machine belongs, else start Ray on it.

    The machine belongs to one after `ray start`, which `ray up` calls too: so `ray submit` needs no address. The Ray
    that is started here has no dashboard, and its idle processes have the environment of a trial's and have imported
    ray.tune already: that is most of the second which a trial waits for its process.
    """
    if ray.is_initialized():
        return
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if "RAY_ADDRESS" in os.environ or services.find_bootstrap_address(None) is not None:  # as ray.init finds it
        ray.init(**options)
    else:
        os.environ |= {name: value for name, value in TRIAL_ENVIRONMENT.items() if name not in os.environ}
        ray.init(include_dashboard=False, _system_config={"preload_python_modules": ["ray.tune"]}, **options)


def check_cluster(storage_path: str, resources: Mapping[str, float] | None) -> None:
    """Refuse what this cluster can never do. On one machine that takes a millisecond.

    Raises:
        ArgumentError: If no machine has the resources of a trial, and nothing would start one that has. If there are
            several machines, and one does not see the local folder `storage_path`.
    """
    connect()
    machines = cluster_state.alive_nodes()
    asked = cluster_state.to_bundle(resources or {})
    if not cluster_state.can_place((asked,), machines.values()) and _autoscaler() is None:
        raise ArgumentError(
            f"`resources` asks for {cluster_state.format_resources(asked)} in each trial, which no machine can give: "
            f"{cluster_state.describe_nodes(machines.values())}, and no autoscaler that starts others"
        )
    folder = local_folder(storage_path)
    if folder is not None and len(machines) > 1:
        check_shared_folder(folder, machines.values())


def allows_reuse(trainable: Trainable) -> bool:
    """Whether an actor of this trainable can train another config after the first."""
    if inspect.isclass(trainable) and issubclass(trainable, tune.Trainable):
        return trainable.reset_config is not tune.Trainable.reset_config
    return not isinstance(trainable, str)


def exists(storage_path: str, name: str) -> bool:
    """Whether a study lies there that can be resumed."""
    return tune.Tuner.can_restore(_join(storage_path, name))


def run(
    trainable: Trainable,
    *,
    searcher: Any,
    scheduler: StudyScheduler,
    metric: str,
    mode: str,
    num_samples: int,
    time_limit: float | None,
    stopper: StudyStopper,
    resources: Mapping[str, float] | None,
    storage_path: str,
    name: str,
    callbacks: Sequence[Callback],
    resume: bool,
    settings: Settings,
) -> Outcome:
    """Run a study, or go on with it, until it ends or is interrupted.

    Args:
        trainable: Any trainable of Ray's.
        searcher: A Ray searcher that has its space.
        scheduler: A scheduler of this package.
        metric: The metric's name.
        mode: "min" or "max".
        num_samples: The most trials; -1 for no limit.
        time_limit: Seconds; None for no limit.
        stopper: Ends the study.
        resources: What a trial occupies, such as `{"cpu": 1, "gpu": 0.5}`; None for one CPU.
        storage_path: The folder of the study's folder.
        name: The study's folder.
        callbacks: Ray callbacks, the study's log among them.
        resume: Whether to go on with what lies there.
        settings: How Ray shall do it.

    Raises:
        StudyError: If Ray gave up; the study can be resumed.
    """
    connect()
    given: Any = trainable  # a registered name will do, though the type of Ray says otherwise
    placed = tune.with_resources(given, dict(resources)) if resources else given
    path = _join(storage_path, name)
    reuse = allows_reuse(trainable) if settings.reuse_actors is None else settings.reuse_actors
    if not reuse and settings.reuse_actors is None:
        _logger.warning(
            "each trial starts a process of its own, which takes seconds: give %s a `reset_config` to save them",
            getattr(trainable, "__name__", trainable),
        )
    interrupt = _Interrupt(path if resume else None)
    periodic = math.isfinite(settings.checkpoint_s) and checkpointing.saves(trainable, scheduler)
    with _environment(settings, _pending(scheduler, num_samples)), _idle_processes(), _quiet():
        if resume:
            tuner = tune.Tuner.restore(path, trainable=placed)
        else:
            log = DecisionLog(metric, scheduler.time_attr)
            tuner = tune.Tuner(
                placed,
                tune_config=tune.TuneConfig(
                    metric=metric,
                    mode=mode,
                    search_alg=StudySearcher(searcher, scheduler),
                    scheduler=log.watch(scheduler),
                    num_samples=num_samples,
                    time_budget_s=time_limit,
                    reuse_actors=reuse,
                ),
                run_config=tune.RunConfig(
                    name=name,
                    storage_path=storage_path,
                    stop=stopper,
                    verbose=0,
                    callbacks=[*callbacks, log],
                    failure_config=tune.FailureConfig(max_failures=settings.max_failures),
                    checkpoint_config=tune.CheckpointConfig(
                        num_to_keep=settings.keep_checkpoints or (checkpointing.KEPT if periodic else None)
                    ),
                ),
            )
        inner: Any = tuner._local_tuner  # noqa: SLF001 - the only way to the objects that a restore has made
        restored: list[Callback] = list(inner._run_config.callbacks)  # noqa: SLF001 - as above
        watch = ClusterMonitor(
            next(callback for callback in restored if isinstance(callback, StudyLog)),
            local_folder(storage_path),
            _autoscaler,
            on_terminal=any(isinstance(callback, Progress) for callback in restored),
        )
        passing = [interrupt, watch, *([checkpointing.Checkpoints(settings.checkpoint_s)] if periodic else [])]
        inner._run_config.callbacks = [*restored, *passing]  # noqa: SLF001 - they are not for pickle
        try:
            with _lost_machines(watch):
                grid = tuner.fit()
        except StudyError:
            raise
        except Exception as error:
            if watch.fault:
                raise StudyError(watch.fault) from None
            if inner._tune_config.scheduler.fault is not None:  # noqa: SLF001 - as above
                raise StudyError(inner._tune_config.scheduler.fault) from None  # noqa: SLF001 - as above
            raise StudyError(f"Ray gave up the study {path!r}: {error}") from error
    decisions = next((callback for callback in restored if isinstance(callback, DecisionLog)), None)
    studied = inner._tune_config.search_alg.scheduler  # noqa: SLF001 - as above; the one in the config is watched
    return Outcome(grid, path, interrupt.happened, restored, studied, decisions)


class _Interrupt(Callback):
    """Notes that Ctrl-C came. Ray ends the study in good order on the first, and tells nobody.

    It also notices that a study which should have been restored was not: Ray then starts it again, silently.
    """

    def __init__(self, restored_from: str | None) -> None:
        self._restored_from = restored_from
        self.happened = False
        self._installed = False

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        if self._restored_from is not None and not trials:
            raise StudyError(
                f"the last snapshot of the study {self._restored_from!r} cannot be read, so that it cannot go on: "
                "what it had reported is in its folder; start it again under another name"
            )
        self._restored_from = None
        if self._installed or threading.current_thread() is not threading.main_thread():
            return
        self._installed = True
        rays = signal.getsignal(signal.SIGINT)

        def note(number: int, frame: Any) -> None:
            self.happened = True
            if callable(rays):
                rays(number, frame)

        signal.signal(signal.SIGINT, note)


@contextlib.contextmanager
def _environment(settings: Settings, pending: int | None) -> Iterator[None]:
    """Ray reads these settings from the environment, and only there; `pending` is how many trials wait at most."""
    values = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "0" if settings.loggers else "1",
        "TUNE_GLOBAL_CHECKPOINT_S": str(settings.snapshot_s),
        "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # ours is kinder: a metric may come at every tenth report only
        "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # they are in the study's folder, and the first is told at the end
        "RAY_AIR_NEW_OUTPUT": "0",  # the new output prints a box even where it shall be silent
        "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    }
    if pending is not None:
        values["TUNE_MAX_PENDING_TRIALS_PG"] = str(pending)
    before = {name: os.environ.get(name) for name in values}
    handler = signal.getsignal(signal.SIGINT)
    os.environ.update({name: value for name, value in values.items() if name not in os.environ})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGINT, handler)


@contextlib.contextmanager
def _idle_processes() -> Iterator[None]:
    """Let trials have Ray's idle processes where those have the environment of a trial's anyway.

    Ray Tune asks for processes with `TRIAL_ENVIRONMENT`, and Ray never gives an idle one to whoever asks for an
    environment, whatever it is. A Ray that this process has started has inherited its variables.
    """
    inherited = _own() and TRIAL_ENVIRONMENT.items() <= os.environ.items()
    before = class_cache.DEFAULT_ENV_VARS
    class_cache.DEFAULT_ENV_VARS = {} if inherited else before
    try:
        yield
    finally:
        class_cache.DEFAULT_ENV_VARS = before


@contextlib.contextmanager
def _lost_machines(watch: ClusterMonitor) -> Iterator[None]:
    """Let trials go on whose machine was lost. Ray does not count that as a failure if it was announced, and else does.

    It also makes Ray forget that such a trial was about to take over another's process: it would wait for it for ever.
    And of such a one Ray tells twice, of the process and of the task, by when the trial waits for its next process:
    it would take the second for its end.
    """
    process = TuneController._process_trial_failure  # noqa: SLF001 - where Ray decides
    told: Any = None

    def decide(self: Any, trial: Any, exception: Any) -> None:
        nonlocal told
        if exception is told:
            return
        told = exception
        watch.check_failure(exception)
        if isinstance(exception, RayActorError):
            watch.log.refresh(self.get_trials())  # it may have been made a moment ago
            if watch.handle_actor_death(trial, exception, _place(exception)):
                exception._preempted = True  # noqa: SLF001 - as if announced
                trial.temporary_state.restoring_from = None  # else it counts as a checkpoint that cannot be read
            self._resetting_trials.discard(trial)
        process(self, trial, exception)

    TuneController._process_trial_failure = decide  # type: ignore[method-assign] # noqa: SLF001 - as above
    try:
        yield
    finally:
        TuneController._process_trial_failure = process  # type: ignore[method-assign] # noqa: SLF001 - as above


def _place(error: RayActorError) -> str:
    """The id of the node on which the actor was; "" if it had none."""
    actor: Any = ray._private.state.actors(error.actor_id) if error.actor_id else None  # noqa: SLF001 - tells it all
    if not actor:
        return ""
    return str(actor["Address"]["NodeID"])


def _own() -> bool:
    """Whether this process has started its Ray: it has one machine, and no autoscaler."""
    node: Any = ray._private.worker._global_node  # noqa: SLF001 - nothing else tells who started Ray
    return node is not None and bool(node.head)


def _autoscaler() -> cluster_state.AutoscalerStatus | None:
    return None if _own() else cluster_state.autoscaler_status()


def _pending(scheduler: StudyScheduler, num_samples: int) -> int | None:
    """How many trials may wait for a machine at once, which is how many an autoscaler hears of; None for Ray's choice.

    Ray lets one wait where there is a searcher, so that an autoscaler would start one machine after the other.
    """
    if scheduler.max_concurrent is not None:
        return scheduler.max_concurrent
    scaler = _autoscaler()
    if scaler is None or not scaler.known:
        return None
    if isinstance(scheduler, PopulationScheduler):
        return num_samples if num_samples > 0 else None
    if scaler.grows:
        _logger.warning(
            "this cluster grows when trials wait, and without `max_concurrent` one waits at a time: give as "
            "`max_concurrent` how many trials its pools can hold, and they start together"
        )
    return None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray's log to its errors; we say ourselves what happened."""
    loggers = [logging.getLogger(name) for name in ("ray.tune", "ray.train", "ray.air")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _join(storage_path: str, name: str) -> str:
    return f"{storage_path.rstrip('/')}/{name}"


def local_folder(path: str) -> Path | None:
    """The folder `path` if it lies in a local file system, else None."""
    filesystem, place = get_fs_and_path(path)
    return Path(place) if filesystem.type_name == "local" else None


def check_trainable(trainable: Any) -> Trainable:
    """Return `trainable` if Ray can train it.

    Raises:
        ArgumentError: If it is no function of one config, no class of `tune.Trainable` and no registered name.
    """
    checked: Trainable = trainable
    if isinstance(trainable, str):
        return checked
    if inspect.isclass(trainable):
        if issubclass(trainable, tune.Trainable):
            return checked
        raise ArgumentError(f"the class {trainable.__name__} is no trainable: derive it from ray.tune.Trainable")
    if not callable(trainable):
        raise ArgumentError(
            f"`trainable` is {trainable!r}, but must be a function of a config or a tune.Trainable class"
        )
    try:
        inspect.signature(trainable).bind({})
    except (TypeError, ValueError):
        name = getattr(trainable, "__name__", repr(trainable))
        raise ArgumentError(f"the function {name} must take one argument, the config") from None
    return checked
