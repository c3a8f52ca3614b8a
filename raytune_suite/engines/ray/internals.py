"""Every private touch of Ray, each with the reason for it; nothing else in the package (but the simulated controller,
which mirrors Ray's) imports Ray's private modules. `tests/engines/ray/test_internals.py` has a test for each function.

Checked with Ray 2.60.
"""  # noqa: D205 - the first sentence does not fit into one line

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import pickle
import shutil
from collections import deque
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import ray
from ray.exceptions import OutOfMemoryError, RayActorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ray import tune
    from ray.tune import Callback

    from raytune_suite.schedulers import StudyScheduler, StudySearcher


_logger = logging.getLogger("raytune_suite")
TUNER = "tuner.pkl"
"""The file in a study's folder that holds its `Tuner`, which Ray writes once and `Tuner.restore` reads."""

_STATE_FILES = (
    "experiment_state-*.json",
    "search_gen_state-*.json",
    "basic-variant-state-*.json",
    "searcher-state-*.pkl",
    "callback-states-*.pkl",
)
"""The files in which Ray saves the state of a study; `*` is the time at which a run of it began."""

_TRAIN_CALLBACKS, _TRIAL_WORKERS = "RAY_TRAIN_CALLBACKS", "raytune_suite.engines.ray.train_internals.TrialWorkers"
"""The variable that names callbacks for each trainer, and ours."""

_NUMBERS = frozenset({bool, int, float})
"""The types of values that any pickler pickles alike."""


class TakeSnapshot(Protocol):
    """Stores the state of a study."""

    def __call__(self, state: Callable[[], dict[str, bytes]], *, force: bool, final: bool) -> bool:
        """Call `state` and store the files that it returns, or do nothing if it is not time yet.

        Args:
            state: Has Ray save the state; returns the files by name.
            force: Whether Ray asks for it now, since it is about to delete checkpoints that the last snapshot names.
            final: Whether the study ends with it.

        Returns:
            Whether a snapshot was stored.
        """


def is_state_file(name: str) -> bool:
    """Whether Ray saves the state of a study in files of this name."""
    return any(fnmatch(name, pattern) for pattern in _STATE_FILES)


@contextlib.contextmanager
def study_snapshots(take: TakeSnapshot) -> Iterator[None]:
    """Let `take` store the state of a study where Ray would copy it over the files of its last snapshot.

    Ray writes four files into a folder of the driver and copies them one by one, in place, into the study's folder: a
    kill or a full disk in between leaves a state that cannot be read, or worse, a mixture. Here Ray writes them into a
    folder of their own, and its copy has only the other files of the driver, such as the errors of trials.

    Ray removes the outdated checkpoints of a trial at once, also those that the last snapshot names. Here they are kept
    until the next one is stored.
    """
    checkpoints: Any = import_module("ray.train._internal.checkpoint_manager")
    delete, outdated = checkpoints._delete_fs_path, list[dict[str, Any]]()  # noqa: SLF001 - there is no public way
    manager_class: Any = import_module("ray.tune.execution.experiment_state")._ExperimentCheckpointManager  # noqa: SLF001
    serialize_plans: Any = import_module("ray.tune.impl.out_of_band_serialize_dataset").out_of_band_serialize_dataset
    original = manager_class.sync_up_experiment_state

    def sync_up(self: Any, save_fn: Any, force: bool = False, wait: bool = False) -> None:
        controller = save_fn.__self__
        if not controller.get_trials():
            return  # Ray cannot restore a study without trials

        def state() -> dict[str, bytes]:
            with serialize_plans(), _compact_json():
                return _saved_state(controller, save_fn)

        if take(state, force=force or self._should_force_sync_up, final=wait):
            self._trial_num_checkpoints_since_last_sync.clear()
            self._should_force_sync_up = False
            staging = self._storage.experiment_driver_staging_path
            Path(staging).mkdir(parents=True, exist_ok=True)
            self._storage.syncer.sync_up(staging, self._storage.experiment_fs_path)
            while outdated:
                with contextlib.suppress(OSError):  # it is gone already if the study was resumed from an older snapshot
                    delete(**outdated.pop())
        if wait:
            with contextlib.suppress(
                Exception
            ):  # what is copied are logs: the state is stored, or `take` knows why not
                self._storage.syncer.wait()

    manager_class.sync_up_experiment_state = sync_up
    checkpoints._delete_fs_path = lambda **where: outdated.append(where)  # noqa: SLF001 - as above
    try:
        yield
    finally:
        manager_class.sync_up_experiment_state = original
        checkpoints._delete_fs_path = delete  # noqa: SLF001 - as above


@contextlib.contextmanager
def _compact_json() -> Iterator[None]:
    """Let Ray write the states of trials fast: most of a snapshot's time goes into them.

    They are not indented, since Python's encoder in C cannot do that. The queues of recent values, two per metric of
    each trial, are pickled by the pickler in C, which takes a tenth of cloudpickle's time.
    """
    encoder: Any = import_module("ray.tune.utils.serialization").TuneFunctionEncoder
    before, default = encoder.__init__, encoder.default

    def compact(self: Any, **options: Any) -> None:
        before(self, **{**options, "indent": None})

    def quick(self: Any, obj: Any) -> Any:
        if type(obj) is deque and all(type(each) in _NUMBERS for each in obj):
            return {"_type": "CLOUDPICKLE_FALLBACK", "value": pickle.dumps(obj).hex()}
        return default(self, obj)

    encoder.__init__, encoder.default = compact, quick
    try:
        yield
    finally:
        encoder.__init__, encoder.default = before, default


def _saved_state(controller: Any, save: Callable[[], None]) -> dict[str, bytes]:
    """What `save` writes into the driver's folder, by name; it is redirected into a folder that Ray does not copy."""
    storage = controller._storage  # noqa: SLF001 - `save` reads the folder there
    controller._storage = copy.copy(storage)  # noqa: SLF001 - as above
    controller._storage._timestamp = f"{storage._timestamp}-state-{os.getpid()}"  # noqa: SLF001 - a part of the folder
    folder = Path(controller._storage.experiment_driver_staging_path)  # noqa: SLF001 - as above
    try:
        save()
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    finally:
        controller._storage = storage  # noqa: SLF001 - as above
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def restored_from(
    files: Mapping[str, bytes],
    on_failure: Callable[[Exception], None],
    on_restored: Callable[[Any], None] = lambda _: None,
) -> Iterator[None]:
    """Let Ray restore searcher and callbacks from these files, and call `on_failure` if it cannot restore the study.

    Otherwise `on_restored` is called with Ray's controller, which has the search algorithm and the stopper.

    Ray reads them from the driver's folder, into which it would first copy all JSON and pickle files of the study's
    folder, and from there back again. If a restore fails, Ray logs the error and starts the study from scratch. It also
    restores decisions that wait for a checkpoint which was lost, and would carry them out at the next, too early.
    """
    controller_class: Any = import_module("ray.tune.execution.tune_controller").TuneController
    manager_class: Any = import_module("ray.tune.execution.experiment_state")._ExperimentCheckpointManager  # noqa: SLF001
    resume, sync_down = controller_class.resume, manager_class.sync_down_experiment_state

    def write_files(self: Any) -> None:
        folder = Path(self._storage.experiment_driver_staging_path)
        folder.mkdir(parents=True, exist_ok=True)
        _remove_state(folder)
        for name in filter(is_state_file, files):
            (folder / name).write_bytes(files[name])

    def resume_once(self: Any, *args: Any, **options: Any) -> None:
        try:
            resume(self, *args, **options)
            self._cached_trial_decisions.clear()
            _move_new_trials(self)
            on_restored(self)
        except Exception as error:
            on_failure(error)
            raise
        finally:
            _remove_state(Path(self._storage.experiment_driver_staging_path))

    controller_class.resume, manager_class.sync_down_experiment_state = resume_once, write_files
    try:
        yield
    finally:
        controller_class.resume, manager_class.sync_down_experiment_state = resume, sync_down


@contextlib.contextmanager
def state_before_end(take: Callable[[dict[str, bytes]], None]) -> Iterator[None]:
    """Call `take` with the files of the state of a study once, before its stopper ends it.

    When Ray ends a study, it ends all trials that still run, so that its last state cannot be extended.
    """
    controller_class: Any = import_module("ray.tune.execution.tune_controller").TuneController
    serialize_plans: Any = import_module("ray.tune.impl.out_of_band_serialize_dataset").out_of_band_serialize_dataset
    original = controller_class._stop_experiment_if_needed  # noqa: SLF001 - where Ray ends a study
    taken = False

    def stop(self: Any) -> None:
        nonlocal taken
        if not taken and self.get_trials() and self._stopper.stop_all():
            taken = True
            with serialize_plans(), _compact_json():
                take(_saved_state(self, self.save_to_dir))
        original(self)

    controller_class._stop_experiment_if_needed = stop  # noqa: SLF001 - as above
    try:
        yield
    finally:
        controller_class._stop_experiment_if_needed = original  # noqa: SLF001 - as above


def stopper_of(controller: Any) -> Any:
    """The stopper of Ray's controller."""
    return controller._stopper  # noqa: SLF001 - there is no public way


def _move_new_trials(controller: Any) -> None:
    """Let new trials be stored where the study is now, if its folder was moved; Ray does that for old ones only."""
    experiment = getattr(controller.search_alg, "_experiment", None)
    if experiment is not None:
        for name in ("storage_filesystem", "storage_fs_path", "experiment_dir_name"):
            setattr(experiment.storage, name, getattr(controller._storage, name))  # noqa: SLF001 - there is no public way


def _remove_state(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if is_state_file(path.name):
            path.unlink()


def drop_latest_checkpoint(trial: Any) -> bool:
    """Let a trial be restored from the checkpoint before its latest; returns whether there is one."""
    manager: Any = trial.run_metadata.checkpoint_manager
    latest = manager.latest_checkpoint_result.checkpoint.path
    results = [result for result in manager._checkpoint_results if result.checkpoint.path != latest]  # noqa: SLF001 - as below
    manager._checkpoint_results = results  # noqa: SLF001 - there is no public way
    manager._latest_checkpoint_result = results[-1] if results else None  # noqa: SLF001 - as above
    trial.run_metadata.invalidate_cache()
    return bool(results)


def system_config() -> dict[str, Any]:
    """A new `_system_config` for `ray.init`, which adds entries to it.

    Idle worker processes import Ray Tune in advance, which takes about a second.
    """
    return {"preload_python_modules": ["ray.tune"]}


def trial_environment() -> dict[str, str]:
    """The environment variables of a trial's process: those that Ray Tune sets, and the callback for Ray Train."""
    callbacks = [name for name in os.environ.get(_TRAIN_CALLBACKS, "").split(",") if name not in ("", _TRIAL_WORKERS)]
    variables: dict[str, str] = import_module("ray.tune.execution.class_cache").DEFAULT_ENV_VARS
    return {**variables, _TRAIN_CALLBACKS: ",".join([*callbacks, _TRIAL_WORKERS])}


def running_cluster() -> str | None:
    """The address of the cluster to which this machine belongs, as `ray.init` finds it; None if there is none."""
    address: str | None = import_module("ray._private.services").find_bootstrap_address(None)
    return address


def started_here() -> bool:
    """Whether this process has started the Ray that it is connected to, which then has one machine."""
    node: Any = import_module("ray._private.worker")._global_node  # noqa: SLF001 - no public function tells
    return node is not None and bool(node.head)


def node_of(error: RayActorError) -> str:
    """The id of the node on which the actor ran that died with `error`; "" if it had not been placed."""
    actor: Any = import_module("ray._private.state").actors(error.actor_id) if error.actor_id else None
    return str(actor["Address"]["NodeID"]) if actor else ""


@contextlib.contextmanager
def reused_processes() -> Iterator[None]:
    """Give trials `trial_environment()`, and let them use Ray's idle worker processes if those have it already.

    Ray Tune requests processes with the variables of `trial_environment()`, and Ray never assigns an idle process to a
    request with an environment. A Ray that this process started has inherited the variables, so that none is needed.
    """
    class_cache: Any = import_module("ray.tune.execution.class_cache")
    before, variables = class_cache.DEFAULT_ENV_VARS, trial_environment()
    class_cache.DEFAULT_ENV_VARS = {} if started_here() and variables.items() <= os.environ.items() else variables
    try:
        yield
    finally:
        class_cache.DEFAULT_ENV_VARS = before


def kill_process(trial: Any) -> None:
    """Kill the process of a running trial, which Ray then reports as a crash of the trial."""
    actor = trial.temporary_state.ray_actor
    if actor is not None:
        ray.kill(actor)


@contextlib.contextmanager
def fresh_process_after_failed_reset() -> Iterator[None]:
    """Start a trial in a new process if its `reset_config` returns False, and reuse no process from then on.

    Ray ends the trial with the status ERROR instead, without a message, and notifies neither searcher nor scheduler.
    """
    controller_class: Any = import_module("ray.tune.execution.tune_controller").TuneController
    original = controller_class._on_trial_reset  # noqa: SLF001 - where Ray gives up

    def on_reset(self: Any, trial: Any, success: bool) -> None:
        if success:
            original(self, trial, success)
            return
        if self._reuse_actors:
            why = "`reset_config` returned False, or the function of a stopped trial still waits, as for workers"
            _logger.warning("%s: each trial starts its own process from now on", why)
        self._reuse_actors = False
        self._resetting_trials.remove(trial)
        actor = self._trial_to_actor.pop(trial)
        self._actor_to_trial.pop(actor)
        trial.set_ray_actor(None)
        self._remove_actor(tracked_actor=actor)
        self._cleanup_cached_actors(force_all=True)
        self._set_trial_status(trial, "PENDING")
        self._staged_trials.add(trial)
        self._schedule_trial_actor(trial)

    controller_class._on_trial_reset = on_reset  # noqa: SLF001 - as above
    try:
        yield
    finally:
        controller_class._on_trial_reset = original  # noqa: SLF001 - as above


@contextlib.contextmanager
def trial_failures(on_failure: Callable[[Any, Any, Exception], bool]) -> Iterator[None]:
    """Call `on_failure(controller, trial, error)` for each failure of a trial before Ray handles it.

    If it returns True, the failure is excused: Ray then restarts the trial from its last checkpoint without counting
    it. Ray excuses only losses of machines that were announced, and never an error that the trial raised.

    Two faults of Ray are repaired on the way. An excused trial that was about to take over another trial's process
    would wait for that process forever. And Ray reports the failure of such a trial twice, for the process and for the
    task, the second time when the trial already waits for its next process: the second report is dropped.
    """
    controller_class: Any = import_module("ray.tune.execution.tune_controller").TuneController
    handle = controller_class._process_trial_failure  # noqa: SLF001 - where Ray decides
    last: Any = None

    def decide(self: Any, trial: Any, exception: Any) -> None:
        nonlocal last
        if exception is last:
            return
        last = exception
        if on_failure(self, trial, exception):
            exception._preempted = True  # noqa: SLF001 - as if it had been announced
            trial.temporary_state.restoring_from = None  # else it counts as a checkpoint that cannot be read
            if not isinstance(exception, RayActorError):
                trial.run_metadata.num_failures -= 1  # Ray is about to add 1
        if isinstance(exception, RayActorError | OutOfMemoryError):
            self._resetting_trials.discard(trial)
        handle(self, trial, exception)

    controller_class._process_trial_failure = decide  # noqa: SLF001 - as above
    try:
        yield
    finally:
        controller_class._process_trial_failure = handle  # noqa: SLF001 - as above


@contextlib.contextmanager
def memory_kills() -> Iterator[None]:
    """Let only the trial fail whose process Ray has killed to free memory; that error would end the whole study."""
    names = ("ray.air.execution._internal.actor_manager", "ray.tune.execution.tune_controller")
    modules: list[Any] = [import_module(name) for name in names]
    for module in modules:
        module.RayActorError = (RayActorError, OutOfMemoryError)  # it serves isinstance only
    try:
        yield
    finally:
        for module in modules:
            module.RayActorError = RayActorError


def study_objects(tuner: tune.Tuner) -> tuple[list[Callback], StudySearcher, StudyScheduler]:
    """The callbacks, the searcher and the scheduler of a tuner; `Tuner.restore` makes new ones and hands out none."""
    inner: Any = tuner._local_tuner  # noqa: SLF001 - there is no public way
    config = inner._tune_config  # noqa: SLF001 - as above
    return list(inner._run_config.callbacks), config.search_alg, config.scheduler  # noqa: SLF001 - as above


def stopper_of_new(tuner: tune.Tuner) -> Any:
    """The stopper of a tuner that starts a study."""
    inner: Any = tuner._local_tuner  # noqa: SLF001 - there is no public way
    return inner._run_config.stop  # noqa: SLF001 - as above


def add_callbacks(tuner: tune.Tuner, callbacks: list[Callback]) -> None:
    """Add callbacks that are not saved with the study: those in `RunConfig` are pickled when a `Tuner` is made."""
    inner: Any = tuner._local_tuner  # noqa: SLF001 - there is no public way
    inner._run_config.callbacks = [*inner._run_config.callbacks, *callbacks]  # noqa: SLF001 - as above


def autoscaler_status() -> dict[str, Any] | Any:
    """What the cluster's autoscaler last reported: a dict from its first version, a protobuf message from its second.

    The dict is empty if there is no autoscaler.
    """
    client: Any = import_module("ray.experimental.internal_kv").internal_kv_get_gcs_client()
    if import_module("ray.autoscaler.v2.utils").is_autoscaler_v2(fetch_from_server=True, gcs_client=client):
        reply: Any = import_module("ray.core.generated.autoscaler_pb2").GetClusterStatusReply()
        reply.ParseFromString(client.get_cluster_status())
        return reply
    status = client.internal_kv_get(b"__autoscaling_status")
    return json.loads(status) if status else {}


def validate_cluster_config(config: dict[str, Any]) -> None:
    """Fill in the defaults of a cluster file and validate it, as `ray up` does before it starts anything.

    Raises:
        Exception: Whatever Ray raises if it rejects the file, including AssertionError; it may print the reason.
    """
    util: Any = import_module("ray.autoscaler._private.util")
    logger = logging.getLogger(util.__name__)
    level = logger.level
    logger.setLevel(logging.ERROR)  # it logs each default that it fills in
    try:
        util.validate_config(util.prepare_config(config))
    finally:
        logger.setLevel(level)
