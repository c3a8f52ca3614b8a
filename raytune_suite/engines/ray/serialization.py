"""A check that a trainable can be sent to other processes: Ray's own errors have dozens of lines, or no reason."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ray import cloudpickle

from raytune_suite.engines.base import trainable_name
from raytune_suite.engines.ray.internals import MOST_BYTES
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.engines.base import Trainable


def check_serializable(trainable: Trainable) -> None:
    """Check that Ray can send a trainable to other processes.

    Raises:
        ArgumentError: If it cannot be pickled, or is larger than Ray permits; the message names the variable.
    """
    if isinstance(trainable, str):
        return
    start = f"`trainable` {trainable_name(trainable)}"
    try:
        size = len(cloudpickle.dumps(trainable))
    except Exception as error:  # noqa: BLE001 - whatever an object of the user's raises
        name = next((name for name, value in _variables(trainable) if _size(value) is None), None)
        where = f", because of its variable {name!r}" if name is not None else ""
        raise ArgumentError(
            f"{start} cannot be sent to other processes{where} ({error}): create such an object inside the trainable"
        ) from None
    if size > MOST_BYTES:
        sizes = {name: _size(value) or 0 for name, value in _variables(trainable)}
        name = max(sizes, key=sizes.__getitem__, default=None)
        where = f", most of it in its variable {name!r}" if name is not None else ""
        raise ArgumentError(
            f"{start} has {_mebibytes(size)} when it is sent to other processes{where}, but at most "
            f"{_mebibytes(MOST_BYTES)} are allowed: load data inside the trainable, or pass them with "
            "`ray.tune.with_parameters(trainable, data=data)`"
        )


def _variables(trainable: Any) -> Iterator[tuple[str, Any]]:
    """Yield the global and enclosing variables that a function, or a method of a class, uses."""
    functions = [trainable] if inspect.isfunction(trainable) else [*vars(trainable).values()]
    for function in functions:
        if inspect.isfunction(function):
            used = inspect.getclosurevars(function)
            yield from {**used.globals, **used.nonlocals}.items()


def _size(value: Any) -> int | None:
    """The bytes of a pickled value; None if it cannot be pickled."""
    try:
        return len(cloudpickle.dumps(value))
    except Exception:  # noqa: BLE001 - as above
        return None


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
