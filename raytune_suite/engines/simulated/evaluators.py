"""What a simulated worker does: one interface for trainings that are looked up, predicted, or really done.

A training is asked for its reports one by one, in two steps: `begin` tells what the next one costs in virtual
seconds, and `result` hands it over when the clock has come there. Between the two a training may go on by itself.
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
    from collections.abc import Callable

    from raytune_suite.types import Config, Curve


class Training(Protocol):
    """The training of one config, from its start or from a saved state until it is stopped or paused.

    Whatever raises here is a crash of the trial.
    """

    def begin(self) -> float:
        """Start to train up to the next report; returns the virtual seconds that this takes."""

    def result(self) -> dict[str, Any]:
        """The report that was begun, as a dict that the caller may keep and change; waits until it is there.

        "done" is True with the last one. The controller adds what Ray adds: "training_iteration" where it is missing,
        and times in virtual seconds.
        """

    def save(self) -> Any:
        """The state after the last report, for `load` of another training; None where there is nothing to save."""

    def load(self, state: Any) -> None:
        """Go on from a state; called once at most, before anything else. It may be that of another config."""

    def close(self) -> None:
        """The training is not needed any more; a report that was begun is dropped."""


class Evaluation(Protocol):
    """Starts trainings."""

    def start(self, config: Config) -> Training:
        """The training of a config."""


# ---- looked up or predicted ---------------------------------------------------------------------------------------


@final
class Curves:
    """Trainings whose reports are all known when they start: looked up in a table, or predicted by a surrogate.

    Example:
        >>> import numpy as np
        >>> from raytune_suite.types import Curve
        >>> def curve(config):
        ...     return Curve(np.array([1.0, 2.0]), {"loss": config["x"] / np.array([1.0, 2.0])}, np.array([5.0, 5.0]))
        >>> training = Curves(curve).start({"x": 3.0})
        >>> training.begin(), training.result()
        (5.0, {'training_iteration': 1, 'loss': 3.0, 'done': False})
    """

    def __init__(self, curve: Callable[[Config], Curve], time_attr: str = "training_iteration") -> None:
        """`curve` tells all reports of a config; it is asked when a training of it begins, and once for each trial
        that is only paused and resumed. `time_attr` is the name under which the resource is reported.
        """  # noqa: D205 - the sentence does not fit into one line
        self._curve, self._time_attr = curve, time_attr
        self._resource: tuple[Any, list[Any]] = (None, [])

    def start(self, config: Config) -> Training:
        """The training of a config."""
        return _Walk(self, config)

    def rows(self, config: Config) -> _Rows:
        """The curve of `config` as lists.

        Raises:
            StudyError: If its arrays do not have the same length.
        """
        curve = self._curve(config)
        if self._resource[0] is not curve.resource:  # all curves of a table have the same
            whole = bool((curve.resource == curve.resource.round()).all())
            self._resource = curve.resource, (curve.resource.astype(int) if whole else curve.resource).tolist()
        columns = [
            (self._time_attr, self._resource[1]),
            *((name, values.tolist()) for name, values in curve.metrics.items()),
        ]
        rows = _Rows(config, columns, curve.seconds.tolist())
        for name, values in columns:
            if len(values) != len(rows.seconds):
                raise StudyError(
                    f"the curve of {config} has {len(rows.seconds)} times, but {len(values)} values of {name!r}: "
                    "give one of each per report"
                )
        return rows


class _Rows(NamedTuple):
    """A curve as lists: all columns by name, and the seconds from report to report."""

    config: Config
    columns: list[tuple[str, list[Any]]]
    seconds: list[float]


class _Walk:
    """Goes along a curve; its state is how far it is, and the curve for whoever trains the same config."""

    __slots__ = ("_config", "_curves", "_index", "_rows")

    def __init__(self, curves: Curves, config: Config) -> None:
        self._curves, self._config = curves, config
        self._index = 0
        self._rows: _Rows | None = None

    def begin(self) -> float:
        if self._rows is None:
            self._rows = self._curves.rows(self._config)
        if self._index >= len(self._rows.seconds):
            raise StudyError(f"the curve of {self._config} has ended after {self._index} reports: nothing can follow")
        return self._rows.seconds[self._index]

    def result(self) -> dict[str, Any]:
        rows: Any = self._rows  # `begin` comes before
        index = self._index
        report = {name: values[index] for name, values in rows.columns}
        self._index = index + 1
        report["done"] = self._index == len(rows.seconds)
        return report

    def save(self) -> tuple[int, _Rows | None]:
        return self._index, self._rows

    def load(self, state: tuple[int, _Rows | None]) -> None:
        self._index, rows = state
        if rows is not None and rows.config == self._config:
            self._rows = rows

    def close(self) -> None:
        pass


# ---- trained in this process --------------------------------------------------------------------------------------

_BY_THE_WALL = frozenset(
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
class InProcess:
    """Trainings of a Ray class trainable, done in this process, one step at a time as the clock comes to them.

    Trainings take turns, so the trainable must draw from generators of its own, not from global ones.
    """

    def __init__(self, trainable: type[tune.Trainable], cost: Callable[[Config], float]) -> None:
        """`cost` is the declared virtual seconds of a step of a config."""
        self._cost = cost
        members = {"_setup_logdir": _own_folder, "__module__": trainable.__module__, "__doc__": trainable.__doc__}
        self._trainable: Any = type(trainable.__name__, (trainable,), members)

    def start(self, config: Config) -> Training:
        """The training of a config."""
        return _Local(self._trainable, copy.deepcopy(config), self._cost(config))


def _own_folder(trainable: Any) -> None:
    """In place of Ray's method, which without a cluster makes a folder below the user's home."""
    trainable._logdir = trainable.own_folder  # noqa: SLF001 - of Ray, whose method this is


class _Local:
    def __init__(self, trainable: Any, config: Config, seconds: float) -> None:
        self._folder, self._seconds = tempfile.mkdtemp(prefix="training-"), seconds
        self._trainable = trainable.__new__(trainable)
        self._trainable.own_folder = self._folder
        try:
            self._trainable.__init__(config)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def begin(self) -> float:
        return self._seconds

    def result(self) -> dict[str, Any]:
        result = self._trainable.train()
        return {name: value for name, value in result.items() if name not in _BY_THE_WALL}

    def save(self) -> tuple[bytes, Any]:
        with tempfile.TemporaryDirectory() as folder:
            saved = self._trainable.save(folder)
            return _pack(folder), saved

    def load(self, state: tuple[bytes, Any]) -> None:
        packed, saved = state
        with tempfile.TemporaryDirectory() as folder:
            _unpack(packed, folder)
            unpacked = copy.copy(saved)
            unpacked.checkpoint = tune.Checkpoint.from_directory(folder)
            self._trainable.restore(unpacked)

    def close(self) -> None:
        try:
            self._trainable.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _pack(folder: str) -> bytes:
    """The contents of a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(folder, arcname=".")
    return buffer.getvalue()


def _unpack(packed: bytes, folder: str) -> None:
    """Put the contents into a folder."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
