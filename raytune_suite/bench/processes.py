"""The two ways to do many runs at once, each in a process of its own: on this machine, or as tasks of a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
import sys
from contextlib import contextmanager
from multiprocessing import connection, forkserver
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.bench import worker
from raytune_suite.errors import ArgumentError
from raytune_suite.optional import EXTRAS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from raytune_suite.bench.run import Run

TICK = 1.0
"""Seconds after which one that waits looks up."""


class Ended(NamedTuple):
    """A run has ended.

    Attributes:
        run: Which.
        folder: What it has written.
        fault: Why its process ended before it had written all of it; "" if all is well.
    """

    run: Run
    folder: Path
    fault: str


def locally(runs: Sequence[Run], processes: int, begin: Callable[[Run], Path]) -> Generator[Ended | None, None, None]:
    """Do runs on this machine; yields those that have ended, and None about once a second.

    The processes are forked by a server that has imported everything once. They end when this one does.

    Args:
        runs: What is to be done.
        processes: How many at once.
        begin: Makes the folder of a run.
    """
    context = multiprocessing.get_context("forkserver")
    with _environment():
        context.set_forkserver_preload([worker.__name__, *_packages(runs)])
        forkserver.ensure_running()
    waiting = [*reversed(runs)]
    active: dict[Any, tuple[Any, Run, Path]] = {}
    try:
        while waiting or active:
            while waiting and len(active) < processes:
                run = waiting.pop()
                folder = begin(run)
                process = context.Process(target=worker.main, args=(worker.pickled(run), folder), daemon=True)
                with _no_script():
                    process.start()
                active[process.sentinel] = process, run, folder
            ended = connection.wait([*active], timeout=TICK)
            for sentinel in ended:
                process, run, folder = active.pop(sentinel)
                process.join()
                fault = "" if process.exitcode == 0 else f"its process ended with exit code {process.exitcode}"
                process.close()
                yield Ended(run, folder, fault)
            if not ended:
                yield None
    finally:
        for process, _, _ in active.values():
            process.kill()
            process.join()


def on_ray(runs: Sequence[Run], address: str, begin: Callable[[Run], Path]) -> Generator[Ended | None, None, None]:
    """The same as tasks of the Ray cluster at an address, as many at once as it has CPUs; "auto" is the one here."""
    import ray

    ours = not ray.is_initialized()
    if ours:
        try:
            ray.init(address=address, log_to_driver=False)
        except ConnectionError as error:
            raise ArgumentError(
                f"there is no Ray cluster at {address!r}: start one with `ray start --head`, or leave `--ray` out"
            ) from error
    try:
        task: Any = ray.remote(num_cpus=1, max_calls=1, runtime_env={"env_vars": worker.ENVIRONMENT})(worker.remote())
        pending = {task.remote(worker.pickled(run)): run for run in runs}
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
                yield Ended(run, folder, fault)
            if not ended:
                yield None
    finally:
        if ours:
            ray.shutdown()


def _packages(runs: Sequence[Run]) -> list[str]:
    """The optional packages that these runs need; some are slow to import."""
    extras = {extra for run in {(run.workload, run.label): run for run in runs}.values() for extra in run.extras()}
    return sorted({module for extra in extras for module in EXTRAS[extra]})


@contextmanager
def _environment() -> Iterator[None]:
    """The environment of the fork server, here for the moment in which it starts."""
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
def _no_script() -> Iterator[None]:
    """Keep the process that starts now from running the caller's script again, to find what is defined there.

    It needs nothing of that: a user's own code comes with the run, by value.
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
