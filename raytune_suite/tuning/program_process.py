"""The process of a user's program."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Self, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KILL_AFTER = 5.0
"""The seconds between SIGTERM and SIGKILL."""


@final
class ProgramProcess:
    """The processes of a program, which end with this context."""

    def __init__(self, words: list[str], environment: Mapping[str, str], directory: str | None) -> None:
        """Run `words` with these environment variables in this folder, or in the current one."""
        self._words, self._environment, self._directory = words, environment, directory

    def __enter__(self) -> Self:
        self._popen = subprocess.Popen(  # noqa: S603 - the user's own program
            self._words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self._environment),
            cwd=self._directory,
            text=True,
            errors="replace",
            bufsize=1,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - it calls prctl only
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._popen.poll() is None:
            self._signal(signal.SIGTERM)
            threading.Thread(target=self._kill_later, daemon=True).start()  # Ray waits for 2 s only
            try:
                self._popen.wait(timeout=1.0)
            except subprocess.TimeoutExpired:
                return
        if self._popen.stdout is not None:
            self._popen.stdout.close()

    def lines(self) -> Iterator[str]:
        """Yield what the program prints, line by line."""
        assert self._popen.stdout is not None  # noqa: S101 - see `__enter__`
        yield from self._popen.stdout

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self._popen.poll() is None

    def wait(self) -> int:
        """Wait until the program ends; returns its exit status."""
        return self._popen.wait()

    def _kill_later(self) -> None:
        try:
            self._popen.wait(timeout=KILL_AFTER)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._popen.pid, number)
        except ProcessLookupError:
            return


_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Have the kernel end the program if the process of the trial is killed."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM)
