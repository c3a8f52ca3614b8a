"""Suspending a simulated study between two events, so that it continues later as if it had never been interrupted.

In contrast to a snapshot (see `snapshot`) nothing is lost: the clock with its events, the trials, searcher, scheduler,
callbacks and trainings are pickled as one graph of objects. A step that is in progress is executed again from the last
state of its training when it is due, or has finished already in a worker; its report is the same.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import signal
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
from ray import cloudpickle
from ray.tune.experiment import Trial

from raytune_suite.engines.arrow_memory import returned_memory
from raytune_suite.engines.simulated.trial_factory import move_storage
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raytune_suite.engines.simulated.controller import Controller
    from raytune_suite.engines.simulated.evaluators import Evaluator

_CODEC = "zstd"
"""The compression of a suspended study: a snapshot of 100,000 trials is held in memory while it is written."""


def suspend(controller: Controller, extra: Any = None) -> bytes:
    """Pickle and compress a study whose `Controller.run` was interrupted. The controller could continue.

    Args:
        controller: The controller.
        extra: Any other object of the study. What it shares with the controller, such as its callbacks, is shared
            after `resume`, too.

    Raises:
        StudyError: If a part of the study cannot be pickled, or a training in progress cannot be saved.
    """
    try:
        with returned_memory():
            buffer = pa.BufferOutputStream()
            with pa.CompressedOutputStream(buffer, _CODEC) as file:
                pickler: Any = _StudyPickler(file, controller.evaluator)
                pickler.dump((controller, extra))
            suspended: bytes = buffer.getvalue().to_pybytes()
    except StudyError:
        raise
    except Exception as error:
        raise StudyError(
            f"the study cannot be suspended, since a part of it cannot be pickled ({type(error).__name__}: {error})"
        ) from error
    return suspended


def resume(suspended: bytes, evaluator: Evaluator, folder: str) -> tuple[Controller, Any]:
    """Restore what `suspend` returned; the `run` of the controller continues the study.

    Args:
        suspended: The study. Unpickling executes code, so it must come from a trusted source.
        evaluator: An evaluator equal to that of the study, which is not pickled with it.
        folder: An existing folder for the files of the study.

    Returns:
        The controller, and the `extra` of `suspend`.

    Raises:
        StudyError: If the bytes cannot be unpickled, as with other versions of the packages.
    """
    try:
        with pa.CompressedInputStream(pa.BufferReader(suspended), _CODEC) as file:
            pickled = io.BytesIO(file.read())
        controller, extra = _StudyUnpickler(pickled, evaluator).load()
    except Exception as error:
        raise StudyError(
            f"the suspended study cannot be resumed ({type(error).__name__}: {error}): "
            "use the versions of Python and of the packages with which it was suspended"
        ) from error
    move_storage(controller.search_alg, controller.trials, folder)
    return controller, extra


@contextlib.contextmanager
def interrupts_handled_by(handle: Callable[[int, Any], None]) -> Iterator[None]:
    """Let a function handle Ctrl-C and SIGTERM.

    In another than the main thread, and where they are ignored, nothing changes.
    """
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    in_main_thread = threading.current_thread() is threading.main_thread()
    handled = [number for number in previous if in_main_thread and previous[number] not in (signal.SIG_IGN, None)]
    for number in handled:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, previous[number])


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Defer Ctrl-C and SIGTERM while a study runs; yields the `until` for `Controller.run`.

    A second one raises KeyboardInterrupt at once.
    """
    interrupted = False

    def handle(_signal: int, _frame: Any) -> None:
        nonlocal interrupted
        if interrupted:
            raise KeyboardInterrupt
        interrupted = True

    with interrupts_handled_by(handle):
        yield lambda: interrupted


class _StudyPickler(cloudpickle.Pickler):
    """Pickles trials whole (Ray's `__getstate__` would prepare them for a restart) and leaves out the evaluator."""

    def __init__(self, file: Any, evaluator: Evaluator) -> None:
        super().__init__(file)  # type: ignore[no-untyped-call] # of Ray, inherited
        self._evaluator = evaluator

    def reducer_override(self, obj: Any) -> Any:  # `persistent_id` would be called for each number and string, too
        if obj is self._evaluator:
            return _evaluator, ()
        if isinstance(obj, Trial):
            return _new, (type(obj),), _whole(obj), None, None, _set_state
        if type(obj).__name__ in _PARTS_OF_TRIALS and type(obj).__module__.startswith("ray."):
            return _new, (type(obj),), _whole(obj), None, None, _set_state
        return super().reducer_override(obj)  # type: ignore[no-untyped-call] # of Ray, inherited


_PARTS_OF_TRIALS = frozenset({"_TrainingRunMetadata", "_TemporaryTrialState", "_CheckpointManager"})


def _evaluator() -> Evaluator:
    """Stands for the evaluator in the bytes of a study."""
    raise NotImplementedError


def _whole(obj: Any) -> dict[str, Any]:
    return dict(obj.__dict__)


def _new(cls: type[Any]) -> Any:
    return object.__new__(cls)


def _set_state(obj: Any, state: dict[str, Any]) -> None:
    obj.__dict__.update(state)


class _StudyUnpickler(pickle.Unpickler):
    """Puts an evaluator in place of the one that was left out."""

    def __init__(self, file: io.BytesIO, evaluator: Evaluator) -> None:
        super().__init__(file)
        self._evaluator = evaluator

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, _evaluator.__name__):
            return lambda: self._evaluator
        return super().find_class(module, name)
