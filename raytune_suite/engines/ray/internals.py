"""Private touches of Ray, each with the reason for it.

The files `*internals.py` beside this one, and the simulated controller, which mirrors Ray's, are the only ones in the
package that import Ray's private modules. `tests/engines/ray/test_internals.py` has a test for each function here.
Checked with Ray 2.60.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

import ray
from ray._private.ray_constants import FUNCTION_SIZE_ERROR_THRESHOLD
from ray.exceptions import OutOfMemoryError, RayActorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ray import tune
    from ray.tune import Callback

    from raytune_suite.schedulers import StudyScheduler, StudySearcher


_logger = logging.getLogger("raytune_suite")

MOST_BYTES: int = FUNCTION_SIZE_ERROR_THRESHOLD
"""The largest pickled trainable that Ray sends to the processes of trials."""

_TRAIN_CALLBACKS, _TRIAL_WORKERS = "RAY_TRAIN_CALLBACKS", "raytune_suite.engines.ray.train_internals.TrialWorkers"
"""The variable that names callbacks for each trainer, and ours."""


def stopper_of(controller: Any) -> Any:
    """The stopper of Ray's controller."""
    return controller._stopper  # noqa: SLF001 - there is no public way


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


@contextlib.contextmanager
def own_process_groups() -> Iterator[None]:
    """Give the processes of Ray that start meanwhile process groups of their own, as Ray itself does on Windows.

    Otherwise a SIGTERM to the driver's group, such as `timeout` sends, ends Ray before the driver has ended the study:
    the driver waits a minute for Ray, and is then ended by Ray's client. The kernel ends them when the driver dies.
    """
    services: Any = import_module("ray._private.services")
    if os.name == "nt" or not import_module("ray._private.utils").detect_fate_sharing_support():
        yield
        return
    original = services.ConsolePopen
    services.ConsolePopen = functools.partial(original, process_group=0)
    try:
        yield
    finally:
        services.ConsolePopen = original


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
