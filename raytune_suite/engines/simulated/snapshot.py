"""Snapshots as Ray takes them, so that a simulated study can be killed and restored like one on Ray.

A snapshot has what Ray's experiment checkpoint has ("TC" is `ray/tune/execution/tune_controller.py` of Ray 2.60): the
trials, each as of the last time that it was marked as changed; the search algorithm and its searcher; the state of the
callbacks; the attributes of the controller that survive a restart. All else is lost, as when the driver crashes: the
scheduler is saved only if a `StudySearcher` carries it, and running trials restart from their last checkpoints.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ray import cloudpickle
from ray.tune.experiment import Trial

from raytune_suite.engines.simulated.trial_factory import move_storage

if TYPE_CHECKING:
    from raytune_suite.engines.simulated.controller import Controller

TrialStates = dict[str, tuple[str, str]]
"""For each trial by id: the state that Ray writes of it, as JSON, and of its results and checkpoints."""


@dataclass(frozen=True)
class Snapshot:
    """What is left of a study whose process was killed.

    Attributes:
        trials: The recorded states of the trials, in the order in which they were first recorded.
        files: The files of the search algorithm, by name.
        callbacks: The states of the callbacks, pickled.
        attributes: The attributes of the controller that Ray saves, pickled.
    """

    trials: TrialStates
    files: dict[str, bytes]
    callbacks: bytes
    attributes: bytes


def record_trials(controller: Controller, states: TrialStates) -> None:
    """Record in `states` the trials that have changed since the last call (TC `_get_trial_checkpoints`)."""
    for trial in controller.trials if controller.unsaved is None else controller.unsaved:
        states[trial.trial_id] = trial.get_json_state()
    controller.unsaved = {}


def take_snapshot(controller: Controller, states: TrialStates | None = None) -> Snapshot:
    """Take a snapshot between two events (TC `save_to_dir`).

    Args:
        controller: The controller.
        states: What `record_trials` recorded before. Ray records after each event or less often; it does not mark all
            changes of a trial, so the result may depend on how often.
    """
    states = {} if states is None else states
    record_trials(controller, states)
    with tempfile.TemporaryDirectory(prefix="snapshot-") as folder:
        controller.search_alg.save_to_dir(folder, session_str="simulated")
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}
    attributes = {
        "iteration": controller.iteration,
        "time": controller.clock.now,
        "stopper": controller.stopper,
    }
    callbacks = [callback.get_state() for callback in controller.callbacks]
    return Snapshot(dict(states), files, cloudpickle.dumps(callbacks), cloudpickle.dumps(attributes))


def restore_snapshot(controller: Controller, snapshot: Snapshot) -> None:
    """Restore a snapshot into a controller that has not run, with new objects (TC `resume`).

    Trials that had not ended become PENDING and will start from their last checkpoints. Faults that were due before
    the time of the snapshot are dropped.
    """
    attributes = cloudpickle.loads(snapshot.attributes)
    controller.clock.skip_to(attributes.pop("time"))
    controller.__dict__.update(attributes)
    trials = [_restored(*states) for states in snapshot.trials.values()]
    experiment = getattr(controller.search_alg, "_experiment", None)
    with tempfile.TemporaryDirectory(prefix="snapshot-") as folder:
        for name, content in snapshot.files.items():
            Path(folder, name).write_bytes(content)
        if controller.search_alg.has_checkpoint(folder):
            controller.search_alg.restore_from_dir(folder)
    if experiment is not None:
        move_storage(controller.search_alg, trials, experiment.storage.storage_fs_path)
    for callback, state in zip(controller.callbacks, cloudpickle.loads(snapshot.callbacks), strict=True):
        if state:
            callback.set_state(state)
    for trial in sorted(trials, key=lambda trial: trial.run_metadata.last_result_time, reverse=True):
        if not trial.is_finished():
            trial.set_status(Trial.PENDING)
        controller.add(trial)


def _restored(state: str, metadata: str) -> Trial:
    trial: Trial = Trial.from_json_state(state)
    trial.restore_run_metadata(metadata)
    trial.create_placement_group_factory()
    return trial
