"""What the process of one run does: it runs, writes its folder, and ends when the runner has ended.

Importing this module imports what every run needs, so that a fork server can do it once for all of them.
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

from ray import cloudpickle

from raytune_suite.bench import store
from raytune_suite.bench.run import Run, execute, write_ended
from raytune_suite.engines.callbacks.study_log import last_line
from raytune_suite.errors import RaytuneSuiteError

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 1
"""Of each run: more would only wait for each other, and other numbers of threads round otherwise."""

ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(THREADS))
"""What numpy and torch read when they are first imported."""


def pickled(run: Run) -> bytes:
    """A run for another process, with a user's own code in it if there is any."""
    return bytes(cloudpickle.dumps(run))


def work(payload: bytes, folder: Path) -> None:
    """Do a run in this process, and write what came of it into an existing folder, failures included."""
    run: Run = cloudpickle.loads(payload)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(THREADS)
    try:
        execute(run, folder)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the other runs go on
        traceback.print_exc()
        told = str(error) if isinstance(error, RaytuneSuiteError) else last_line(traceback.format_exc())
        shutil.rmtree(folder / "study", ignore_errors=True)
        write_ended(run, folder, store.FAILED, told.replace(str(folder), "."))


def main(payload: bytes, folder: Path) -> None:
    """The process of one run: all that it prints goes into its log; Ctrl-C is the runner's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    log = os.open(folder / store.LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(log, stream.fileno())
    with suppress(FileNotFoundError):  # the runner has ended, and the next one has cleaned up
        work(payload, folder)


def remote() -> Callable[[bytes], dict[str, bytes]]:
    """`work` for a Ray worker that may be on another machine: the files of the folder come back, by their names."""

    def on_worker(payload: bytes) -> dict[str, bytes]:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="run-") as temporary:
            folder = Path(temporary)
            work(payload, folder)
            return {file.name: file.read_bytes() for file in folder.iterdir()}

    return on_worker


def _end_with(runner: Any) -> None:
    """End this process at once when the runner has ended, however that came about."""
    runner.join()
    os.kill(os.getpid(), signal.SIGKILL)
