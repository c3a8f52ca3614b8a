"""Every private touch of Ray Train. `tests/engines/ray/test_train_internals.py` has a test for each of them.

A trial that calls `TorchTrainer(...).fit()` starts a controller process, which starts the workers. Ray Train constructs
the callback `TrialWorkers` in the trial's process and runs it in the controller's. It is imported only where a trainer
is used. Checked with Ray 2.60.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, final

import ray
from ray._private.state import actors
from ray.train._internal.session import _TrainSession, get_session
from ray.train.v2._internal.callbacks import placement_group_callback
from ray.train.v2._internal.execution.callback import ControllerCallback, ReportCallback
from ray.train.v2._internal.execution.controller import placement_group_cleaner
from ray.train.v2._internal.execution.controller.controller import TrainController
from ray.train.v2._internal.execution.worker_group import WorkerGroup
from ray.train.v2._internal.execution.worker_group.placement_group_handle import DefaultPlacementGroupHandle
from ray.tune.integration import ray_train
from ray.util.placement_group import PlacementGroup, get_current_placement_group, placement_group

from raytune_suite.engines.ray.worker_bundles import describe_misfit, group_name, usable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray.train import Checkpoint

POLL_S = "0.5"
"""The default seconds between two polls of the workers by the controller. Ray's two delay each report by as much."""

CHECKPOINT = "_checkpoint_of_workers"
"""The metric in which a checkpoint of the workers travels from the controller to the trial's process."""


@final
class TrialWorkers(ControllerCallback, ReportCallback):
    """Connects the workers of a trainer to the trial that has started it.

    - If the trial has bundles for workers, the workers use those; Ray Train would reserve their resources once more.
    - If it has none, the workers' resources are released when the trial is stopped. Ray Train does so only on a
      cluster with a dashboard.
    - The checkpoints that workers report become those of the trial, and the workers start from the trial's.

    Attributes:
        bundles: The resources of the workers' bundles by their index in the trial's placement group; empty if the trial
            has none.
        checkpoint: The checkpoint from which the trial continues; None if it starts from the beginning, or once the
            workers have reported another.
        trial_id: The id of the trial.
    """

    def __init__(self) -> None:
        """Create the callback in the process of a trial."""
        self.bundles: dict[int, Mapping[str, float]] = {}
        self.checkpoint: Checkpoint | None = None
        self.trial_id = ""
        session = get_session()
        self._in_trial = session is not None and session.world_rank is None
        if session is None or not self._in_trial:
            return
        os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", POLL_S)
        self.checkpoint, self.trial_id = session.loaded_checkpoint, session.trial_id
        group = get_current_placement_group()
        if group is not None:
            self.bundles = worker_bundles(group)
        report_checkpoints()

    def after_controller_start(self, train_run_context: Any) -> None:
        """Prepare the controller's process.

        Raises:
            ValueError: If the trial has bundles for workers, but they do not fit these workers.
        """
        cleaning: Any = placement_group_callback
        cleaning.PlacementGroupCleaner = Cleaner
        if not self._in_trial:
            return
        controller, reporting = _patched(TrainController), _patched(ray_train.TuneReportCallback)
        controller.worker_group_cls = type("TrialWorkerGroup", (_TrialWorkerGroup,), {"trial": self})
        reporting.after_report = _report
        if self.bundles:
            scaling = train_run_context.scaling_config
            worker: Mapping[str, float] = scaling._resources_per_worker_not_none  # noqa: SLF001 - what Ray Train reads
            problem = describe_misfit(scaling.min_workers, worker, self.bundles)
            if problem:
                raise ValueError(problem)
            # Ray Tune removes the placement group of a trial
            callback = cleaning.PlacementGroupCleanerCallback
            callback.after_controller_start = callback.after_worker_group_start = _do_nothing

    def after_report(self, training_report: Any, metrics: list[dict[str, Any]]) -> None:  # noqa: ARG002 - Ray's signature
        """Workers that are restarted continue from their latest checkpoint, no longer from the trial's."""
        if training_report.checkpoint is not None:
            self.checkpoint = None


def worker_bundles(group: PlacementGroup) -> dict[int, Mapping[str, float]]:
    """Return the bundles of a trial's placement group that are meant for its workers, by their index.

    The first bundle is that of the trial's own process, unless that process needs no resources.
    """
    own = any(amount for key, amount in ray.get_runtime_context().get_assigned_resources().items() if ":" not in key)
    return dict(list(enumerate(group.bundle_specs))[int(own) :])


def report_checkpoints() -> None:
    """Let this process report the checkpoints of workers, which come with their metrics, as those of the trial."""
    session = _patched(_TrainSession)
    original = session.report
    if hasattr(original, "for_workers"):
        return

    def report(self: Any, metrics: dict[str, Any], checkpoint: Any = None) -> None:
        metrics = dict(metrics)
        original(self, metrics, metrics.pop(CHECKPOINT, checkpoint))

    report.for_workers = True  # type: ignore[attr-defined]
    session.report = report


def _report(self: Any, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None) -> None:  # noqa: ARG001
    """`TuneReportCallback.after_report`, which sends the path of a checkpoint only."""
    sent = dict(metrics[0])
    if checkpoint is not None:
        sent |= {ray_train.CHECKPOINT_PATH_KEY: checkpoint.path, CHECKPOINT: checkpoint}
    self._training_actor_item_queue.put(sent)


def _patched(place: Any) -> Any:
    """A class of which methods are replaced, without its types."""
    return place


def _do_nothing(self: Any, *args: Any) -> None:
    """A method of a callback that is not needed."""


class _TrialWorkerGroup(WorkerGroup):
    """The workers of a trial."""

    trial: ClassVar[TrialWorkers]

    def _create_placement_group(self, scaling_config: Any, worker_group_context: Any) -> Any:
        group = get_current_placement_group()
        if self.trial.bundles and group is not None:
            return _TrialGroup(group)
        if scaling_config.use_tpu:
            return super()._create_placement_group(scaling_config, worker_group_context)
        own = placement_group(
            [worker_group_context.resources_per_worker] * worker_group_context.num_workers,
            strategy=worker_group_context.placement_strategy,
            bundle_label_selector=worker_group_context.label_selector,
            name=group_name(self.trial.trial_id),
        )
        return DefaultPlacementGroupHandle(own)

    def _create_workers(
        self,
        num_workers: int,
        placement_group: Any,
        resources_per_worker: dict[str, float],
        placement_group_bundle_indices: list[int] | None = None,
        *others: Any,
        **options: Any,
    ) -> Any:
        if placement_group_bundle_indices is None and self.trial.bundles:
            placement_group_bundle_indices = usable(resources_per_worker, self.trial.bundles)[:num_workers]
        return super()._create_workers(
            num_workers, placement_group, resources_per_worker, placement_group_bundle_indices, *others, **options
        )

    def _init_train_context_on_workers(self, workers: Any, sync_actor: Any, arguments: dict[str, list[Any]]) -> None:
        if self.trial.checkpoint is not None:
            arguments = {**arguments, "checkpoint": [self.trial.checkpoint] * len(workers)}
        super()._init_train_context_on_workers(workers, sync_actor, arguments)


class _TrialGroup(DefaultPlacementGroupHandle):
    """The placement group of a trial, which Ray Tune removes."""

    def shutdown(self) -> None:
        """Leave it to Ray Tune."""


class Cleaner(placement_group_cleaner.PlacementGroupCleaner):
    """Removes the workers' placement group when their controller is dead; a detached actor.

    Ray's own asks the dashboard whether the controller is alive, and without one it never ends. This one asks Ray's
    control service.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        module: Any = placement_group_cleaner
        module.is_actor_alive = is_alive


def is_alive(actor_id: str, timeout: float = 0) -> bool:  # noqa: ARG001 - Ray's signature
    """Return whether an actor is alive, or about to be."""
    known = actors(actor_id)
    return bool(known) and known["State"] != "DEAD"
