"""Execute many runs at once, each in its own process: on this machine, or as tasks of a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager
from multiprocessing import connection, forkserver
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.bench import worker
from raytune_suite.engines.simulated.suspension import interrupts_handled_by
from raytune_suite.errors import ArgumentError
from raytune_suite.optional import EXTRAS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from raytune_suite.bench.run import Run

TICK = 1.0
"""The longest time in seconds between two yields."""


class EndedRun(NamedTuple):
    """A run that has ended.

    Attributes:
        run: The run.
        folder: The folder that it has written.
        fault: Why its process ended before the folder was complete; "" if it is complete.
    """

    run: Run
    folder: Path
    fault: str


def run_locally(
    runs: Sequence[Run], processes: int, begin: Callable[[Run], Path]
) -> Generator[EndedRun | None, None, None]:
    """Execute runs on this machine; yield each as it ends, and None about once a second in between.

    The processes are forked by a server that has imported everything once. They end when this process ends.

    Args:
        runs: The runs to execute.
        processes: The number of runs at once.
        begin: Creates the folder of a run.
    """
    context = multiprocessing.get_context("forkserver")
    with _worker_environment():
        context.set_forkserver_preload([worker.__name__, *_packages(runs)])
        forkserver.ensure_running()
    waiting = [*reversed(runs)]
    active: dict[Any, tuple[Any, Run, Path]] = {}
    try:
        while waiting or active:
            while waiting and len(active) < processes:
                run = waiting.pop()
                folder = begin(run)
                process = context.Process(target=worker.main, args=(worker.pickle_run(run), folder), daemon=True)
                with _without_main_script(), _interrupts_held():
                    process.start()
                    active[process.sentinel] = process, run, folder
            ended = connection.wait([*active], timeout=TICK)
            for sentinel in ended:
                process, run, folder = active.pop(sentinel)
                process.join()
                fault = "" if process.exitcode == 0 else f"its process ended with exit code {process.exitcode}"
                process.close()
                yield EndedRun(run, folder, fault)
            if not ended:
                yield None
    finally:
        for process, _, _ in active.values():
            process.kill()
            process.join()


def run_on_ray(
    runs: Sequence[Run], address: str, begin: Callable[[Run], Path]
) -> Generator[EndedRun | None, None, None]:
    """Execute runs as tasks of the Ray cluster at an address ("auto": the running one), as many as it has CPUs.

    Yields the same as `run_locally`.

    Raises:
        ArgumentError: If there is no cluster at that address.
    """
    import ray

    started_here = not ray.is_initialized()
    if started_here:
        try:
            ray.init(address=address, log_to_driver=False)
        except ConnectionError as error:
            raise ArgumentError(
                f"no Ray cluster at {address!r}: start one with `ray start --head`, or omit `--ray`"
            ) from error
    try:
        as_task = ray.remote(num_cpus=1, max_calls=1, runtime_env={"env_vars": worker.ENVIRONMENT})
        task: Any = as_task(worker.remote_function())
        pending = {task.remote(worker.pickle_run(run)): run for run in runs}
        while pending:
            ended, _ = ray.wait([*pending], timeout=TICK)
            for reference in ended:
                run = pending.pop(reference)
                folder = begin(run)
                fault = ""
                try:
                    for name, content in ray.get(reference).items():
                        (folder / name).write_bytes(content)
                except ray.exceptions.RayError as error:
                    fault = str(error).strip().splitlines()[-1]
                yield EndedRun(run, folder, fault)
            if not ended:
                yield None
    finally:
        if started_here:
            ray.shutdown()


def _packages(runs: Sequence[Run]) -> list[str]:
    """Return the optional packages that these runs need; some are slow to import."""
    extras = {extra for run in {(run.workload, run.label): run for run in runs}.values() for extra in run.extras()}
    return sorted({module for extra in extras for module in EXTRAS[extra]})


@contextmanager
def _worker_environment() -> Iterator[None]:
    """Set the environment variables of workers while the fork server starts."""
    before = {name: os.environ.get(name) for name in worker.ENVIRONMENT}
    os.environ.update(worker.ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_main_script() -> Iterator[None]:
    """Keep the process that starts now from importing the caller's script.

    It does not need the script: a user's own code is serialized with the run, by value.
    """
    script = sys.modules["__main__"]
    spec, file = script.__spec__, script.__dict__.pop("__file__", None)
    script.__spec__ = None
    try:
        yield
    finally:
        script.__spec__ = spec
        if file is not None:
            script.__file__ = file


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM while a process starts: a process of which only half was sent prints a traceback."""
    held: list[int] = []
    with interrupts_handled_by(lambda number, _frame: held.append(number)):
        yield
    for number in held[:1]:
        signal.raise_signal(number)
