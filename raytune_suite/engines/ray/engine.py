"""The engine that runs a study on Ray: it wires Ray's `Tuner` with the fastest settings.

With Ray's defaults a trial costs more than a second of overhead: each starts a process that imports Ray again, and
three loggers write each result. Here the next trial reuses a process where the trainable allows it, and the loggers
are off unless requested. `benchmarks/perf/ray_overhead.py` measures the difference.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import logging
import math
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import ray
from ray import tune
from ray.tune import Callback
from ray.tune.registry import get_trainable_cls

from raytune_suite.engines import extension, snapshots, stored_study
from raytune_suite.engines.base import Outcome, trainable_name
from raytune_suite.engines.callbacks.budget import StudyStopper
from raytune_suite.engines.callbacks.decision_log import DecisionLog
from raytune_suite.engines.callbacks.notebook import progress_callback
from raytune_suite.engines.callbacks.progress import Progress
from raytune_suite.engines.callbacks.stored_log import StoredReports
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.ray import checkpointing, cluster_state, internals, machine_prices, state_internals
from raytune_suite.engines.ray.capacity import check_capacity, requested
from raytune_suite.engines.ray.cluster_monitor import ClusterMonitor
from raytune_suite.engines.ray.gpu_monitor import GPUMonitor
from raytune_suite.engines.ray.out_of_memory import MemoryRetries
from raytune_suite.engines.ray.serialization import check_serializable
from raytune_suite.engines.ray.settings import Settings
from raytune_suite.engines.ray.state_files import unpack
from raytune_suite.engines.ray.state_internals import TUNER
from raytune_suite.engines.ray.storage_probe import check_shared_folder
from raytune_suite.engines.ray.surroundings import environment, silenced
from raytune_suite.engines.ray.trial_failures import TrialFailures
from raytune_suite.engines.ray.watchdog import Watchdog
from raytune_suite.engines.resources import has_workers
from raytune_suite.engines.seed_averaging import on_seeds
from raytune_suite.engines.study_snapshots import StudySnapshots
from raytune_suite.errors import StudyError
from raytune_suite.schedulers import StudySearcher

if TYPE_CHECKING:
    from raytune_suite.engines.base import StudySpec, Trainable
    from raytune_suite.engines.ray.machine_prices import Meter
    from raytune_suite.engines.snapshots import Generation
    from raytune_suite.engines.storage import Folder

_logger = logging.getLogger("raytune_suite")


@final
@dataclass(frozen=True)
class RayEngine:
    """Runs studies on Ray: on the cluster to which this machine belongs, or on a Ray that it starts here.

    Attributes:
        settings: How Ray runs them.
    """

    settings: Settings = dataclasses.field(default_factory=Settings)

    @property
    def workers(self) -> int | None:
        """Unknown: a cluster may grow, and connecting to one takes seconds, which a rejected call would waste."""
        return None

    def describe(self) -> dict[str, Any]:
        """The name, how often trials are retried, and the other settings, which do not decide the outcome."""
        settings = dataclasses.asdict(self.settings)
        return {"engine": "ray", "max_failures": settings.pop("max_failures"), "settings": settings}

    def can_resume(self, study: Folder) -> bool:
        """Whether a complete snapshot of a study is stored in its folder."""
        return snapshots.latest(study).snapshot is not None

    def without_faults(self) -> RayEngine:
        """This engine: it injects no faults."""
        return self

    def check(self, spec: StudySpec) -> None:
        """Connect to Ray and check what the cluster can do. On one machine that takes a millisecond.

        Raises:
            ArgumentError: If the trainable cannot be sent to other processes. If no machine has the resources of a
                trial, and nothing would start one that has. If there are several machines, and one does not see the
                local folder `storage_path`.
        """
        connect()
        check_serializable(spec.trainable)  # connected, so that what `tune.with_parameters` got is in the object store
        check_capacity(spec.resources, grows=_autoscaler() is not None)
        machine_prices.check_prices(spec)
        nodes = cluster_state.alive_nodes()
        folder = spec.files.local
        if folder is not None and len(nodes) > 1:
            check_shared_folder(folder.parent, nodes.values())

    def run(self, spec: StudySpec) -> Outcome:
        """Run a study, or continue it, until it ends or is interrupted.

        Raises:
            StudyError: If Ray gave up; the study can be resumed.
        """
        connect()
        study = spec.files
        stored = stored_study.resume(study) if spec.resume else stored_study.create(study)
        interrupt = _Interrupt(spec.path, stored.generation)
        state = {} if stored.generation is None else stored.generation.files
        with (
            environment(self.settings, _max_pending(spec)),
            internals.reused_processes(),
            state_internals.restored_from(
                state,
                interrupt.failed_to_restore,
                lambda controller: _apply_limits(spec, stored, log, meter, controller),
            ),
            internals.fresh_process_after_failed_reset(),
            silenced(),
            contextlib.closing(stored.journals),
        ):
            with stored_study.storage_errors(study):
                tuner = self._new(spec) if stored.generation is None else self._restored(spec, study, stored.generation)
                constant = {
                    TUNER: study.read(TUNER),
                    stored_study.MANIFEST: spec.manifest,
                }
            callbacks, searcher, scheduler = internals.study_objects(tuner)
            log = next(callback for callback in callbacks if isinstance(callback, StudyLog))
            decisions = next((callback for callback in callbacks if isinstance(callback, DecisionLog)), None)
            log.attach(stored.journals, None if stored.generation is None else StoredReports.of(study).rows)
            if decisions is not None:
                decisions.attach(stored.journals)
            monitor = ClusterMonitor(
                log,
                None if study.local is None else study.local.parent,
                _autoscaler,
                on_terminal=any(isinstance(callback, Progress) for callback in callbacks),
            )
            checkpoints = [checkpointing.Checkpoints(self.settings.checkpoint_s)] if self._saves(spec) else []
            watchdog = Watchdog(self.settings.silent_s, internals.kill_process if self.settings.stop_silent else None)
            meter = machine_prices.make_meter(spec, log)
            meter.limit(internals.stopper_of_new(tuner))
            retries = MemoryRetries()
            internals.add_callbacks(tuner, [interrupt, monitor, watchdog, GPUMonitor(), *checkpoints, meter, retries])
            failures = TrialFailures(monitor, retries, copies_checkpoints=scheduler.needs_state)
            saved = StudySnapshots(
                stored.writer,
                stored.journals,
                period=self.settings.snapshot_s,
                constant=constant,
                check=spec.check_lock,
                publish=functools.partial(unpack, study),  # for Ray's own tools
            )
            try:
                with (
                    internals.trial_failures(failures),
                    internals.memory_kills(),
                    state_internals.study_snapshots(saved.take),
                    state_internals.state_before_end(functools.partial(_keep, spec, stored, constant)),
                ):
                    grid = tuner.fit()
            except StudyError:
                raise
            except Exception as error:
                fault = saved.fault or monitor.fault or failures.fault or scheduler.fault
                if fault:
                    raise StudyError(fault) from None
                raise StudyError(f"Ray ended the study {spec.path!r} with an error: {error}") from error
        if saved.fault:
            raise StudyError(saved.fault)
        return Outcome(
            log=log,
            scheduler=searcher.scheduler,
            decisions=decisions,
            interrupted=interrupt.happened,
            result_grid=grid,
        )

    def finish(self, study: Folder) -> None:
        """Keep the last snapshot, with which `Tuner.restore` and a call with `resume=True` read the study."""

    def _new(self, spec: StudySpec) -> tune.Tuner:
        objective, scheduler = spec.objective, spec.scheduler
        log = StudyLog(objective, scheduler)
        log.budget = spec.budget
        decisions = DecisionLog(objective.metric, objective.time_attr)
        scheduler.observers.append(decisions)
        progress = [progress_callback(log, spec.title)] if spec.title is not None else []
        kept = self.settings.keep_checkpoints or checkpointing.kept(scheduler)
        return tune.Tuner(
            _placed(spec),
            tune_config=tune.TuneConfig(
                metric=objective.metric,
                mode=objective.mode,
                search_alg=StudySearcher(spec.searcher, scheduler),
                scheduler=scheduler,
                num_samples=-1 if spec.num_samples is None else spec.num_samples,
                reuse_actors=self._reuses_actors(spec),
            ),
            run_config=tune.RunConfig(
                name=spec.name,
                storage_path=spec.storage_path,
                storage_filesystem=spec.storage_filesystem,
                stop=StudyStopper(
                    spec.budget,
                    metric=objective.metric,
                    time_attr=objective.time_attr,
                    time_limit=spec.time_limit,
                    rules=spec.stop,
                ),
                verbose=0,
                callbacks=[log, *spec.callbacks, *progress, decisions],
                failure_config=tune.FailureConfig(max_failures=self.settings.max_failures),
                checkpoint_config=tune.CheckpointConfig(num_to_keep=kept),
            ),
        )

    @staticmethod
    def _restored(spec: StudySpec, study: Folder, generation: Generation) -> tune.Tuner:
        unpack(study, generation.files)
        try:
            return tune.Tuner.restore(spec.path, _placed(spec), storage_filesystem=spec.storage_filesystem)
        except Exception as error:
            raise StudyError(_not_restored(spec.path, generation, error)) from error

    def _saves(self, spec: StudySpec) -> bool:
        """Whether running trials are saved periodically."""
        return math.isfinite(self.settings.checkpoint_s) and checkpointing.saves(_trained(spec), spec.scheduler)

    def _reuses_actors(self, spec: StudySpec) -> bool:
        if self.settings.reuse_actors is not None:
            return self.settings.reuse_actors
        trained = _trained(spec)
        if has_workers(spec.resources) and not inspect.isclass(trained):
            return False  # its thread still waits for its workers when it is stopped
        reuse = allows_reuse(trained)
        if not reuse:
            _logger.warning(
                "each trial starts its own process, which takes seconds: add a `reset_config` to %s to avoid that",
                trainable_name(spec.trainable),
            )
        return reuse


def connect() -> None:
    """Connect to the cluster that `RAY_ADDRESS` names or to which this machine belongs, else start Ray here.

    A machine belongs to a cluster after `ray start`, which `ray up` also calls: so `ray submit` needs no address. A Ray
    that is started here has no dashboard. Its idle processes have a trial's environment and have imported Ray Tune,
    which saves most of the second that a trial would wait for its process.
    """
    if ray.is_initialized():
        return
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if "RAY_ADDRESS" in os.environ or internals.running_cluster() is not None:
        ray.init(**options)
    else:
        variables = internals.trial_environment()
        os.environ |= {name: value for name, value in variables.items() if name not in os.environ}
        with internals.own_process_groups():
            ray.init(include_dashboard=False, _system_config=internals.system_config(), **options)


def allows_reuse(trainable: Trainable) -> bool:
    """Whether a process of this trainable can train another config after the first."""
    if isinstance(trainable, str):
        trainable = get_trainable_cls(trainable)
    if inspect.isclass(trainable) and issubclass(trainable, tune.Trainable):
        return trainable.reset_config is not tune.Trainable.reset_config
    return True


def _apply_limits(
    spec: StudySpec, stored: stored_study.StoredStudy, log: StudyLog, meter: Meter, controller: Any
) -> None:
    """Give a study that Ray has restored its limits, see `extension.apply`."""
    log.budget = spec.budget
    meter.limit(internals.stopper_of(controller))
    extension.apply(
        spec,
        None if stored.generation is None else extension.change_of(stored.generation),
        search_alg=controller.search_alg,
        stopper=internals.stopper_of(controller),
        scheduler=controller.search_alg.searcher.scheduler,
        log=log,
    )


def _keep(
    spec: StudySpec, stored: stored_study.StoredStudy, constant: Mapping[str, bytes], files: dict[str, bytes]
) -> None:
    """Store the state in which a limit ends the study."""
    if spec.extendable:
        with contextlib.suppress(OSError):  # the last snapshot says so
            extension.keep(spec.files, {**files, **constant}, stored.journals.seal())


def _trained(spec: StudySpec) -> Trainable:
    """The trainable that Ray trains: with several seeds, one that averages them."""
    if len(spec.seeds) <= 1:
        return spec.trainable
    return on_seeds(spec.trainable, spec.seeds)  # type: ignore[arg-type] # `make_task` checked that it is a class


def _placed(spec: StudySpec) -> Any:
    trained: Any = _trained(spec)  # a registered name is fine, though Ray's types say otherwise
    if not spec.resources:
        return trained
    request = dict(spec.resources) if isinstance(spec.resources, Mapping) else spec.resources
    return tune.with_resources(trained, request)


def _autoscaler() -> cluster_state.AutoscalerStatus | None:
    return None if internals.started_here() else cluster_state.autoscaler_status()


def _max_pending(spec: StudySpec) -> int | None:
    """How many trials may wait for machines at once, which is how many an autoscaler sees; None for Ray's choice.

    With a searcher Ray lets only one wait, so that an autoscaler would start one machine after the other. Without an
    autoscaler, trials wait for their processes to start, see `requested`.
    """
    scheduler, scaler = spec.scheduler, _autoscaler()
    if scheduler.max_concurrent is not None:
        return scheduler.max_concurrent if scaler is not None else requested(scheduler.max_concurrent, spec.resources)
    if scaler is None or not scaler.known:
        return None
    if scheduler.population:
        return spec.num_samples
    if scaler.grows:
        _logger.warning(
            "this cluster grows while trials wait, but without `max_concurrent` only one trial waits at a time: set "
            "`max_concurrent` to the number of trials that its pools can hold, so that their machines start together"
        )
    return None


class _Interrupt(Callback):
    """Records Ctrl-C and SIGTERM: Ray then ends the study cleanly, but does not say that it was interrupted.

    A second one ends it at once.

    It also detects a study that should have been restored and was not: Ray then silently starts it again.
    """

    def __init__(self, path: str, generation: Generation | None) -> None:
        self._path, self._generation = path, generation
        self.happened = False
        self._installed = False
        self._fault = ""

    def failed_to_restore(self, error: Exception) -> None:
        if self._generation is not None:
            self._fault = _not_restored(self._path, self._generation, error)

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        if self._fault:
            raise StudyError(self._fault)
        if self._installed or threading.current_thread() is not threading.main_thread():
            return
        self._installed = True
        rays_handler = signal.getsignal(signal.SIGINT)

        def record(_number: int, frame: Any) -> None:
            if self.happened:
                raise KeyboardInterrupt
            self.happened = True
            if callable(rays_handler):
                rays_handler(signal.SIGINT, frame)
            signal.signal(signal.SIGINT, record)  # Ray's handler has removed itself

        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, record)


def _not_restored(path: str, generation: Generation, error: Exception) -> str:
    return (
        f"the study {path!r} cannot be resumed from {stored_study.describe(generation)} ({type(error).__name__}: "
        f"{error}): use the trainable, and the versions of Python and of the packages, with which it was started"
    )
