"""Does the runs of a comparison: those that are done already are left alone, and what fails is told at the end."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from raytune_suite.bench import store
from raytune_suite.bench.manifest import manifest
from raytune_suite.bench.processes import locally, on_ray
from raytune_suite.bench.provenance import making, makings, note, others
from raytune_suite.bench.run import Run, write_ended
from raytune_suite.bench.worker import THREADS
from raytune_suite.errors import ArgumentError, StudyInterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raytune_suite.bench.plan import Plan

LOCK = ".lock"


class Watcher(Protocol):
    """Is told how it goes."""

    def begin(self, total: int, done: int) -> None:
        """So many runs there are, and so many are done already."""

    def ended(self, run: Run, status: str) -> None:
        """A run has ended."""

    def tick(self) -> None:
        """Time has passed."""

    def end(self) -> None:
        """That was all, or Ctrl-C."""


@dataclass(frozen=True)
class Summary:
    """What came of a comparison.

    Attributes:
        folder: Where it lies.
        found: The runs of the plan that had been done before.
        done: Those that were done now.
        failed: The runs that failed, and why.
        refused: How many are refused.
        others: How many of those that are there were made by other code or packages, or nobody knows by which.
    """

    folder: Path
    found: int
    done: int
    failed: tuple[tuple[Run, str], ...]
    refused: int
    others: int


def carry_out(
    plan: Plan, out: Path, *, processes: int | None = None, ray: str | None = None, watcher: Watcher
) -> Summary:
    """Do what of a plan is not done yet, and assemble the tables.

    Args:
        plan: What is to be done.
        out: Where it is kept; what an earlier call has done there is not done again.
        processes: Runs at once on this machine; by default as many as this process may use CPUs. Runs that start a Ray
            of their own are done one by one.
        ray: The address of a Ray cluster whose tasks the runs shall be; "auto" for the one that is there.
        watcher: Is told how it goes.

    Raises:
        ArgumentError: If another runner is at work in that folder.
        StudyInterrupted: After Ctrl-C; the message says how to go on.
    """
    try:
        (out / store.RUNS).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ArgumentError(f"{str(out)!r} is a file or lies below one: give a folder for the results") from error
    with _lock(out):
        _clean(out)
        made = making()
        before = {run.id: store.status(out, run.id) for run in plan.runs}
        open_runs = [run for run in plan.runs if before[run.id] != store.DONE]
        refused = [run for run in open_runs if run.id in plan.refused]
        todo = [run for run in open_runs if run.id not in plan.refused]
        for run in refused:
            if before[run.id] != store.REFUSED:
                folder = _begin(out, run)
                write_ended(run, folder, store.REFUSED, plan.refused[run.id])
                _keep(folder, out, run, made)
        own_ray = any(run.engine == "ray" or run.compute for run in todo)
        at_once = 1 if own_ray else processes or len(os.sched_getaffinity(0))
        watcher.begin(len(plan.runs), len(plan.runs) - len(todo))
        try:
            _do(todo, out, at_once, ray, watcher=watcher, made=made)
        except KeyboardInterrupt:
            left = sum(store.status(out, run.id) is None for run in plan.runs)
            raise StudyInterrupted(
                f"interrupted; {len(plan.runs) - left} of {len(plan.runs)} runs are kept in {out}: "
                "the same command goes on with the others"
            ) from None
        finally:
            watcher.end()
            _clean(out)
        made_with = makings(out, plan.runs)
        said = manifest(plan, threads=THREADS, made=made, made_with=made_with)
        store.assemble(out, [run.id for run in plan.runs], said, plan.protocol.text)
    failed = tuple((run, _error(out, run)) for run in todo if store.status(out, run.id) == store.FAILED)
    found = len(plan.runs) - len(open_runs)
    return Summary(out, found, len(todo) - len(failed), failed, len(refused), others(made_with, made))


def _do(todo: list[Run], out: Path, processes: int, ray: str | None, *, watcher: Watcher, made: dict[str, Any]) -> None:
    """Do runs; each is kept as soon as it has ended."""

    def begin(run: Run) -> Path:
        return _begin(out, run)

    with closing(locally(todo, processes, begin) if ray is None else on_ray(todo, ray, begin)) as events:
        for event in events:
            if event is None:
                watcher.tick()
                continue
            run, folder, fault = event
            if fault:
                shutil.rmtree(folder / "study", ignore_errors=True)
                write_ended(run, folder, store.FAILED, fault)
            _keep(folder, out, run, made)
            watcher.ended(run, str(store.status(out, run.id)))


def _clean(out: Path) -> None:
    """Remove what runs have left that did not end."""
    for stale in (out / store.RUNS).glob(".*"):
        shutil.rmtree(stale, ignore_errors=True)  # a process of a killed runner may take a moment to end


def _begin(out: Path, run: Run) -> Path:
    """A folder for what a run writes, which does not count yet."""
    folder = out / store.RUNS / f".{run.id}-{os.getpid()}"
    folder.mkdir()
    return folder


def _keep(folder: Path, out: Path, run: Run, made: dict[str, Any]) -> None:
    """Let a run count, with a note of what it was made with."""
    note(folder, made)
    store.keep(folder, out, run.id)


def _error(out: Path, run: Run) -> str:
    return str(store.read_table(store.run_folder(out, run.id), "runs")["error"][0].as_py())


@contextmanager
def _lock(out: Path) -> Iterator[None]:
    """Keep other runners out of a folder for as long as this process lives.

    Raises:
        ArgumentError: If one is there.
    """
    with (out / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArgumentError(
                f"another `raytune-suite bench run` is at work in {str(out)!r}: wait for it, or give another --out"
            ) from None
        yield
