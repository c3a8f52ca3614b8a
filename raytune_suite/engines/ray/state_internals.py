"""Every private touch of Ray that concerns the files in which it saves the state of a study.

`tests/engines/ray/test_state_internals.py` has a test for each function. Checked with Ray 2.60.
"""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import shutil
from collections import deque
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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

    Ray removes the outdated checkpoints of a trial at once, even those that the last snapshot names. Here they are kept
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
