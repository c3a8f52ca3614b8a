"""The process of one run: execute the run, write its folder, and exit when the runner exits.

Importing this module imports everything that every run needs, so that a fork server does so once for all runs.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scipy.special  # noqa: F401 - most searchers import it late
from ray import cloudpickle

from raytune_suite.bench import store
from raytune_suite.bench.run import Run, execute, write_without_results
from raytune_suite.engines.callbacks.error_text import last_line
from raytune_suite.errors import RaytuneSuiteError

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 1
"""Threads per run. More would compete for the same CPUs, and rounding depends on the number of threads."""

ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(THREADS))
"""The variables that numpy and torch read when they are first imported."""


def pickle_run(run: Run) -> bytes:
    """Serialize a run for another process, including a user's own code."""
    return bytes(cloudpickle.dumps(run))


def execute_pickled(payload: bytes, folder: Path) -> None:
    """Execute a run in this process, and write its result or its failure into an existing folder."""
    run: Run = cloudpickle.loads(payload)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(THREADS)
    try:
        execute(run, folder)
    except Exception as error:  # noqa: BLE001 - any failure is recorded, and the other runs continue
        traceback.print_exc()
        message = str(error) if isinstance(error, RaytuneSuiteError) else last_line(traceback.format_exc())
        shutil.rmtree(folder / "study", ignore_errors=True)
        write_without_results(run, folder, store.FAILED, message.replace(str(folder), "."))


def main(payload: bytes, folder: Path) -> None:
    """Execute a run as a separate process: redirect all output to the run's log, and leave signals to the runner."""
    for number in (signal.SIGINT, signal.SIGTERM):  # of the whole group of processes
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_exit_with_runner, args=(multiprocessing.parent_process(),), daemon=True).start()
    with suppress(FileNotFoundError):  # the runner has exited, and the next one has removed the folder
        log = os.open(folder / store.LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log, stream.fileno())
        execute_pickled(payload, folder)


def remote_function() -> Callable[[bytes], dict[str, bytes]]:
    """Return a version of `execute_pickled` for Ray workers on other machines: it returns the files by their names."""

    def on_worker(payload: bytes) -> dict[str, bytes]:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="run-") as temporary:
            folder = Path(temporary)
            execute_pickled(payload, folder)
            return {file.name: file.read_bytes() for file in folder.iterdir()}

    return on_worker


def _exit_with_runner(runner: Any) -> None:
    """Kill this process as soon as the runner has ended, for whatever reason."""
    runner.join()
    os.kill(os.getpid(), signal.SIGKILL)
