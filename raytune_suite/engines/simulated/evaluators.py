"""What a simulated worker does: one interface for trainings that are looked up, predicted, or executed.

The controller requests the reports of a training one by one, in two steps: `begin` returns the virtual seconds that the
next report takes, and `result` returns the report once the clock has reached its time. Between the two a training may
run in the background.
"""

from __future__ import annotations

import copy
import io
import shutil
import tarfile
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, final

from ray import tune

from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.types import Config, Curve


class Training(Protocol):
    """The training of one config, from its start or from a saved state until it is stopped or paused.

    An exception in any of the methods is a crash of the trial. A study can be suspended only if its trainings can be
    pickled between `begin` and `result`; a training may refer to its evaluator, which is not pickled with it.
    """

    def begin(self) -> float:
        """Start to train up to the next report; returns the virtual seconds that this takes."""

    def result(self) -> dict[str, Any]:
        """Wait for the report that was begun and return it as a dict that the caller may keep and change.

        "done" is True in the last report. The controller adds what Ray adds: "training_iteration" if it is missing,
        and times in virtual seconds. A function that returns without a last report is expressed as in Ray, by a dict
        with "__duplicate__".
        """

    def save(self) -> Any:
        """The state after the last report, for `load` of another training; None if there is nothing to save."""

    def load(self, state: Any) -> None:
        """Continue from a state; called at most once, before `begin`. The state may be that of another config."""

    def close(self) -> None:
        """Release the resources of the training; a report that was begun is discarded."""


class Evaluator(Protocol):
    """Starts trainings."""

    def start(self, config: Config) -> Training:
        """The training of a config."""


# ---- looked up or predicted ---------------------------------------------------------------------------------------


@final
class CurveEvaluator:
    """Trainings whose reports are all known from the start: looked up in a table, or predicted by a surrogate.

    Example:
        >>> import numpy as np
        >>> from raytune_suite.types import Curve
        >>> def curve(config):
        ...     return Curve(np.array([1.0, 2.0]), {"loss": config["x"] / np.array([1.0, 2.0])}, np.array([5.0, 5.0]))
        >>> training = CurveEvaluator(curve).start({"x": 3.0})
        >>> training.begin(), training.result()
        (5.0, {'training_iteration': 1, 'loss': 3.0, 'done': False})
    """

    def __init__(self, curve: Callable[[Config], Curve], time_attr: str = "training_iteration") -> None:
        """Evaluate configs by a function.

        Args:
            curve: Returns all reports of a config. It is called when a training begins, and once per trial if the
                trial is only paused and resumed.
            time_attr: The name under which the resource is reported.
        """
        self._curve, self._time_attr = curve, time_attr
        self._resource: tuple[Any, list[Any]] = (None, [])

    def start(self, config: Config) -> Training:
        """The training of a config."""
        return _CurveTraining(self, config)

    def rows(self, config: Config) -> _CurveRows:
        """The curve of `config` as lists.

        Raises:
            StudyError: If its arrays differ in length.
        """
        curve = self._curve(config)
        if self._resource[0] is not curve.resource:  # all curves of a table share it
            whole = bool((curve.resource == curve.resource.round()).all())
            self._resource = curve.resource, (curve.resource.astype(int) if whole else curve.resource).tolist()
        columns = [
            (self._time_attr, self._resource[1]),
            *((name, values.tolist()) for name, values in curve.metrics.items()),
        ]
        rows = _CurveRows(config, columns, curve.seconds.tolist())
        for name, values in columns:
            if len(values) != len(rows.seconds):
                raise StudyError(
                    f"the curve of {config} has {len(rows.seconds)} times, but {len(values)} values of {name!r}: "
                    "return one of each per report"
                )
        return rows


class _CurveRows(NamedTuple):
    """A curve as lists: all columns by name, and the seconds from report to report."""

    config: Config
    columns: list[tuple[str, list[Any]]]
    seconds: list[float]


class _CurveTraining:
    """A position on a curve. Its state is the position, and the curve for a training of the same config."""

    __slots__ = ("_config", "_evaluator", "_index", "_rows")

    def __init__(self, evaluator: CurveEvaluator, config: Config) -> None:
        self._evaluator, self._config = evaluator, config
        self._index = 0
        self._rows: _CurveRows | None = None

    def begin(self) -> float:
        if self._rows is None:
            self._rows = self._evaluator.rows(self._config)
        if self._index >= len(self._rows.seconds):
            raise StudyError(f"the curve of {self._config} ends after {self._index} reports, but another was requested")
        return self._rows.seconds[self._index]

    def result(self) -> dict[str, Any]:
        rows: Any = self._rows  # set by `begin`
        index = self._index
        report = {name: values[index] for name, values in rows.columns}
        self._index = index + 1
        report["done"] = self._index == len(rows.seconds)
        return report

    def save(self) -> tuple[int, _CurveRows | None]:
        return self._index, self._rows

    def load(self, state: tuple[int, _CurveRows | None]) -> None:
        self._index, rows = state
        if rows is not None and rows.config == self._config:
            self._rows = rows

    def close(self) -> None:
        pass


# ---- trained in this process --------------------------------------------------------------------------------------

_WALL_CLOCK_FIELDS = frozenset(
    {
        "config",
        "date",
        "hostname",
        "iterations_since_restore",
        "node_ip",
        "pid",
        "time_since_restore",
        "time_this_iter_s",
        "time_total_s",
        "timestamp",
        "trial_id",
    }
)
"""What Ray's `Trainable.train` adds about the process, or in seconds of the wall clock."""


@final
class InProcessEvaluator:
    """Trains a Ray class trainable in this process, one step at a time as the clock reaches them.

    Trainings take turns, so the trainable must draw from its own generators, not from global ones. Those of a class
    with `advance_together` (see `FusedTrainable`) are fused: when a report is due that has not been computed yet, all
    steps that have begun are executed by one call.
    """

    def __init__(self, trainable: type[tune.Trainable], cost: Callable[[Config], float]) -> None:
        """Train `trainable`; `cost` returns the declared virtual seconds of a step of a config."""
        self.cost = cost
        members = {"_setup_logdir": _use_own_folder, "__module__": trainable.__module__, "__doc__": trainable.__doc__}
        self.trainable: Any = type(trainable.__name__, (trainable,), members)
        self._together: Callable[[Sequence[Any]], None] | None = getattr(trainable, "advance_together", None)
        self._begun: dict[_InProcessTraining, None] = {}

    def start(self, config: Config) -> Training:
        """The training of a config."""
        return _InProcessTraining(self, config)

    # ---- for the trainings ------------------------------------------------------------------------------------

    def begin(self, training: _InProcessTraining) -> None:
        """Note that a step has begun."""
        if self._together is not None:
            self._begun[training] = None

    def execute(self, training: _InProcessTraining) -> None:
        """Execute the step of a fused training and all others that have begun, unless that has happened already."""
        if self._together is None or training not in self._begun:
            return
        begun, self._begun = [*self._begun], {}
        try:
            self._together([each.trainable for each in begun])
        except Exception:  # noqa: BLE001 - whatever a training raises
            self._begun = dict.fromkeys(each for each in begun if each is not training)
            # Each is trained alone when its report is due, so that only the trial at fault crashes.

    def discard(self, training: _InProcessTraining) -> None:
        """Forget a step that has begun."""
        self._begun.pop(training, None)


def _use_own_folder(trainable: Any) -> None:
    """Replace Ray's method, which without a cluster creates a folder in the user's home."""
    trainable._logdir = trainable.own_folder  # noqa: SLF001 - what Ray's method sets


class _InProcessTraining:
    """A trainable in this process. It is pickled as its config and its state, which need `save_checkpoint`."""

    def __init__(self, evaluator: InProcessEvaluator, config: Config) -> None:
        self._evaluator, self._config = evaluator, config
        self._trained = False
        self._start_state: tuple[bytes, Any] | None = None
        own_config = copy.deepcopy(config)
        self._seconds = evaluator.cost(config)
        self._folder = tempfile.mkdtemp(prefix="training-")
        self.trainable = evaluator.trainable.__new__(evaluator.trainable)
        self.trainable.own_folder = self._folder
        try:
            self.trainable.__init__(own_config)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def begin(self) -> float:
        self._evaluator.begin(self)
        return self._seconds

    def result(self) -> dict[str, Any]:
        self._trained = True
        self._evaluator.execute(self)
        result = self.trainable.train()
        return {name: value for name, value in result.items() if name not in _WALL_CLOCK_FIELDS}

    def save(self) -> tuple[bytes, Any]:
        with tempfile.TemporaryDirectory() as folder:
            saved = self.trainable.save(folder)
            return _pack(folder), saved

    def load(self, state: tuple[bytes, Any]) -> None:
        self._start_state = state
        packed, saved = state
        with tempfile.TemporaryDirectory() as folder:
            _unpack(packed, folder)
            unpacked = copy.copy(saved)
            unpacked.checkpoint = tune.Checkpoint.from_directory(folder)
            self.trainable.restore(unpacked)

    def close(self) -> None:
        self._evaluator.discard(self)
        try:
            self.trainable.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            state = self.save() if self._trained else self._start_state
        except Exception as error:
            raise cannot_be_suspended(f"of {self._evaluator.trainable.__name__}", error) from error
        return _continue_training, (self._evaluator, self._config, state)


def cannot_be_suspended(what: str, error: Exception) -> StudyError:
    """The error of a study with a training that cannot be saved; `what` completes "a training ..."."""
    return StudyError(
        f"the study cannot be suspended, since a training {what} could not be saved ({type(error).__name__}: {error}): "
        "give the trainable `save_checkpoint` and `load_checkpoint`"
    )


def _continue_training(evaluator: Evaluator, config: Config, state: Any) -> Training:
    """The training of `config` from `state`, or from its start if that is None."""
    training = evaluator.start(config)
    if state is not None:
        training.load(state)
    training.begin()
    return training


def _pack(folder: str) -> bytes:
    """The files in a folder as an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(folder, arcname=".")
    return buffer.getvalue()


def _unpack(packed: bytes, folder: str) -> None:
    """Extract an archive into a folder."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
