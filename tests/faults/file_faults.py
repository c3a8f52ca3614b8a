"""A layer between Python and the operating system that fails or is killed at the n-th operation on files."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPERATIONS = ("open", "pwrite", "fsync", "replace", "ftruncate", "unlink")
"""The functions of `os` through which studies are stored."""


class Killed(BaseException):
    """The process is dead: no later operation on files happens any more, not even in a `finally`."""


def kill_this_process() -> None:
    """What `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def pretend_death() -> None:
    """Leave the code that is being tested, in a process that lives on."""
    raise Killed


def _no_flush(_descriptor: int) -> None:
    """Flushing to the disk takes long, and no test cuts the power."""


class FileFaults:
    """Counts operations on files, and lets those from the n-th on fail.

    Attributes:
        count: The operations so far.
    """

    def __init__(self, at: int | None, error: int | None, times: float, die: Callable[[], None]) -> None:
        self.count = 0
        self._at, self._error, self._until, self._die = at, error, (at or 0) + times, die

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        if name == "fsync":
            call = _no_flush

        def operation(*args: Any, **options: Any) -> Any:
            number, self.count = self.count, self.count + 1
            if self._at is None or not self._at <= number < self._until:
                return call(*args, **options)
            if name == "pwrite" and number == self._at:  # a part of it is written
                descriptor, content, offset = args
                call(descriptor, bytes(content)[: len(content) // 2], offset)
            if self._error is None:
                self._die()
            raise OSError(self._error, os.strerror(self._error or 0))

        return operation


@contextlib.contextmanager
def file_faults(
    at: int | None = None,
    error: int | None = None,
    times: float = float("inf"),
    die: Callable[[], None] = pretend_death,
) -> Iterator[FileFaults]:
    """Let the operations from number `at` on fail with `error`, `times` of them; with no error, `die` ends the process.

    Without `at` they are only counted. Files that a killed process had open stay open.
    """
    layer = FileFaults(at, error, times, die)
    originals = {name: getattr(os, name) for name in OPERATIONS}
    for name, call in originals.items():
        setattr(os, name, layer.wrap(name, call))
    try:
        yield layer
    finally:
        for name, call in originals.items():
            setattr(os, name, call)
