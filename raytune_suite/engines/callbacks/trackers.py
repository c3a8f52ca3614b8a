"""Experiment trackers by name: one run per trial in MLflow, Weights & Biases, TensorBoard or trackio.

Ray's callbacks for these are not used: that of W&B starts a process per trial, so that it needs Ray, and after a
restore each creates the runs of unfinished trials a second time. Here a run is found again by the number of its trial.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import logging
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, final

from ray.tune import Callback
from ray.tune.utils import flatten_dict

from raytune_suite.engines.callbacks.trial_record import without_number
from raytune_suite.engines.flat_results import flattened
from raytune_suite.engines.storage import local_folder
from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require
from raytune_suite.types import ADDED_BY_RAY, as_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ray.tune.experiment import Trial

_logger = logging.getLogger("raytune_suite")

PROJECT = "raytune_suite"
"""The project in W&B, unless WANDB_PROJECT names another."""


class TrackedRun(Protocol):
    """The run of a trial in a tracker."""

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Log the metrics of a report."""

    def finish(self, *, failed: bool) -> None:
        """End the run."""


class Tracker(NamedTuple):
    """A tracker.

    Attributes:
        module: The module that it needs.
        extra: The extra that installs it.
        start: Starts the run of a trial, given the path of the study, the number of the trial and its config.
        check: Raises an ArgumentError if it could not track the study at this path.
    """

    module: str
    extra: str
    start: Callable[[str, int, dict[str, Any]], TrackedRun]
    check: Callable[[str], None] = lambda _path: None


@final
class TrackerCallback(Callback):
    """A Ray Tune callback that logs each trial to a tracker. A tracker that fails is switched off with a warning."""

    def __init__(self, name: str, path: str) -> None:
        """`name` is that of the tracker, and `path` that of the study."""
        self.name, self.path = name, path
        self._numbers: dict[str, int] = {}
        self._listed = 0  # how many trials the engine had when they were last numbered
        self._runs: dict[str, TrackedRun] = {}
        self._off = False

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """Start a run, or continue that of a trial that was paused or restored."""
        listed, self._listed = self._listed, len(trials)
        for each in without_number(trials, self._numbers, len(trials) - listed):
            self._numbers[each.trial_id] = len(self._numbers)
        self._safely(lambda: self._run(trial))

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002 - Ray's signature
        trials: list[Trial],  # noqa: ARG002
        trial: Trial,
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """Log the numbers of a report."""
        step = int(result["training_iteration"])
        self._safely(lambda: self._run(trial).log(numbers(result), step))

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """End a run."""
        self._finish(trial.trial_id, failed=False)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """End a run as failed."""
        self._finish(trial.trial_id, failed=True)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        """End the runs of the trials that have not ended."""
        for trial_id in [*self._runs]:
            self._finish(trial_id, failed=False)

    def get_state(self) -> dict[str, Any]:
        """The numbers of the trials."""
        return {"numbers": dict(self._numbers)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the numbers of the trials."""
        self._numbers = dict(state["numbers"])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_runs": {}}

    def _run(self, trial: Trial) -> TrackedRun:
        key = trial.trial_id
        if key not in self._runs:
            config = flatten_dict(dict(trial.config))
            self._runs[key] = TRACKERS[self.name].start(self.path, self._numbers[key], config)
        return self._runs[key]

    def _finish(self, trial_id: str, *, failed: bool) -> None:
        if trial_id in self._runs:
            self._safely(lambda: self._runs.pop(trial_id).finish(failed=failed))

    def _safely(self, call: Callable[[], Any]) -> None:
        if self._off:
            return
        try:
            call()
        except Exception as error:  # noqa: BLE001 - a study does not end because a server is down
            self._off = True
            _logger.warning("the tracker %s is switched off, because it failed: %s", self.name, error)


def make_trackers(names: Iterable[str], path: str) -> tuple[TrackerCallback, ...]:
    """Return the callbacks of the trackers for the study at `path`.

    Raises:
        MissingPackageError: If the package of a tracker is not installed.
        ArgumentError: If a tracker cannot track this study.
    """
    unique = tuple(dict.fromkeys(names))
    for name in unique:
        require(TRACKERS[name].module, extra=TRACKERS[name].extra)
        TRACKERS[name].check(path)
    return tuple(TrackerCallback(name, path) for name in unique)


def numbers(result: dict[str, Any]) -> dict[str, float]:
    """The finite numbers that a trainable has reported, by name; nested ones are joined by "/".

    Example:
        >>> numbers({"loss": 0.5, "valid": {"loss": 1}, "note": "x", "pid": 3, "config": {"lr": 0.1}})
        {'loss': 0.5, 'valid/loss': 1.0}
    """
    read = {
        name: as_number(value) for name, value in flattened(result).items() if name.split("/")[0] not in ADDED_BY_RAY
    }
    return {name: float(value) for name, value in read.items() if value is not None and math.isfinite(value)}


def study_and_run(path: str, number: int) -> tuple[str, str]:
    """The name of the study, and of the run of a trial.

    Example:
        >>> study_and_run("/studies/mine", 7)
        ('mine', 'mine-0007')
    """
    study = path.rstrip("/").rsplit("/", 1)[-1]
    return study, f"{study}-{number:04d}"


@final
class MLflowRun:
    """A run of the experiment that is named like the study, at the server that MLFLOW_TRACKING_URI names."""

    def __init__(self, path: str, number: int, config: dict[str, Any]) -> None:
        """Find the run, or create it with the config as parameters."""
        study, name = study_and_run(path, number)
        self._client = require("mlflow", extra="mlflow").MlflowClient()
        experiment = self._client.get_experiment_by_name(study)
        where = self._client.create_experiment(study) if experiment is None else experiment.experiment_id
        tag = f"{PROJECT}.trial"
        known = self._client.search_runs([where], f"tags.`{tag}` = '{number}'", max_results=1)
        if known:
            self._id = known[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            return
        self._id = self._client.create_run(where, run_name=name, tags={tag: str(number)}).info.run_id
        for key, value in config.items():
            self._client.log_param(self._id, re.sub(r"[^\w\-. /:]", "_", key), value)

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Log the metrics of a report."""
        for name, value in metrics.items():
            self._client.log_metric(self._id, re.sub(r"[^\w\-. /:]", "_", name), value, step=step)

    def finish(self, *, failed: bool) -> None:
        """End the run."""
        self._client.set_terminated(self._id, "FAILED" if failed else "FINISHED")


@final
class WandbRun:
    """A run of W&B in the group that is named like the study; WANDB_MODE=offline needs no account."""

    def __init__(self, path: str, number: int, config: dict[str, Any]) -> None:
        """Start or resume the run."""
        wandb: Any = require("wandb", extra="wandb")
        study, name = study_and_run(path, number)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            group=study,
            name=name,
            id=re.sub(r"[^\w-]", "-", name)[-64:],
            config=config,
            resume=None if wandb_mode() == "offline" else "allow",
            reinit="create_new",  # the runs of parallel trials are open at once
            settings=wandb.Settings(console="off", silent=True, x_disable_stats=True),
        )

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Log the metrics of a report."""
        self._run.log(metrics, step=step)

    def finish(self, *, failed: bool) -> None:
        """End the run."""
        self._run.finish(exit_code=int(failed))


def wandb_mode() -> str:
    """The mode in which W&B runs: "online", "offline" or "disabled"."""
    return os.environ.get("WANDB_MODE", "online").lower()


def check_wandb(path: str) -> None:  # noqa: ARG001 - as the others
    """Check that W&B will not ask for a key on the terminal when the first trial starts.

    Raises:
        ArgumentError: If it would.
    """
    wandb: Any = require("wandb", extra="wandb")
    if wandb_mode() == "online" and not os.environ.get("WANDB_API_KEY") and not wandb.login(prompt=False):
        raise ArgumentError(
            "`trackers` has 'wandb', but you are not logged in: run `wandb login`, or set WANDB_MODE=offline"
        )


@final
class TensorBoardRun:
    """Event files in the folder tensorboard/ of the study, with the config for the tab HPARAMS."""

    def __init__(self, path: str, number: int, config: dict[str, Any]) -> None:
        """Open a new file of events beside those that there are."""
        tensorboard: Any = require("tensorboardX", extra="tensorboard")
        _, name = study_and_run(path, number)
        self._config = {
            key: value if isinstance(value, (str, bool, int, float)) else str(value) for key, value in config.items()
        }
        self._last: dict[str, float] = {}
        self._writer = tensorboard.SummaryWriter(str(Path(str(local_folder(path)), "tensorboard", name)))

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Log the metrics of a report."""
        self._last = metrics
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, global_step=step)
        self._writer.flush()

    def finish(self, *, failed: bool) -> None:  # noqa: ARG002 - TensorBoard has no failures
        """Write the config with the last metrics, and close the file."""
        summary: Any = require("tensorboardX.summary", extra="tensorboard")
        for part in summary.hparams(self._config, self._last):
            self._writer.file_writer.add_summary(part)
        self._writer.close()


def check_tensorboard(path: str) -> None:
    """Check that the study has a folder on this machine.

    Raises:
        ArgumentError: If it has not.
    """
    if local_folder(path) is None:
        raise ArgumentError(
            f"`trackers` has 'tensorboard', which writes into the study's folder, but that is {path!r}: "
            "use a local `storage_path`, or another tracker"
        )


@final
class TrackioRun:
    """A run of the trackio project that is named like the study."""

    def __init__(self, path: str, number: int, config: dict[str, Any]) -> None:
        """Start or resume the run."""
        trackio: Any = require("trackio", extra="trackio")
        study, name = study_and_run(path, number)
        options = {"resume": "allow", "embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
        # `init` would end the run that is active in its context, and it prints
        with contextlib.redirect_stdout(io.StringIO()):
            self._run = contextvars.Context().run(trackio.init, study, name=name, config=config, **options)

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Log the metrics of a report."""
        self._run.log(metrics, step=step)

    def finish(self, *, failed: bool) -> None:  # noqa: ARG002 - trackio has no failures
        """End the run."""
        with contextlib.redirect_stdout(io.StringIO()):
            self._run.finish()


TRACKERS: dict[str, Tracker] = {
    "mlflow": Tracker("mlflow", "mlflow", MLflowRun),
    "wandb": Tracker("wandb", "wandb", WandbRun, check_wandb),
    "tensorboard": Tracker("tensorboardX", "tensorboard", TensorBoardRun, check_tensorboard),
    "trackio": Tracker("trackio", "trackio", TrackioRun),
}
"""The trackers, by name."""
