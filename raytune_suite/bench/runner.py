"""Carry out the runs of a comparison: skip those that are finished, and report those that fail at the end."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from raytune_suite.bench import store
from raytune_suite.bench.manifest import build_manifest
from raytune_suite.bench.processes import run_locally, run_on_ray
from raytune_suite.bench.provenance import count_outdated, current_provenance, recorded_provenance, write_provenance
from raytune_suite.bench.run import Run, write_without_results
from raytune_suite.bench.worker import THREADS
from raytune_suite.errors import ArgumentError, StudyInterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raytune_suite.bench.plan import Plan

LOCK = ".lock"


class Watcher(Protocol):
    """Is notified of the progress of runs."""

    def begin(self, total: int, done: int) -> None:
        """Start, with the number of all runs and of those that are already finished."""

    def ended(self, run: Run, status: str) -> None:
        """Notify that a run has ended."""

    def tick(self) -> None:
        """Notify, about once a second, that no run has ended in the meantime."""

    def end(self) -> None:
        """Stop: all runs have ended, or were interrupted."""


@dataclass(frozen=True)
class Summary:
    """The outcome of carrying out a plan.

    Attributes:
        folder: The folder of the comparison.
        finished_before: The number of runs that were already finished.
        done: The number of runs that were completed now.
        failed: The runs that failed, and why.
        refused: The number of runs whose method does not support the workload.
        outdated: The number of stored runs from other code or packages, or of unknown provenance.
    """

    folder: Path
    finished_before: int
    done: int
    failed: tuple[tuple[Run, str], ...]
    refused: int
    outdated: int


def carry_out(
    plan: Plan, out: Path, *, processes: int | None = None, ray: str | None = None, watcher: Watcher
) -> Summary:
    """Execute the unfinished runs of a plan, and assemble the tables.

    Args:
        plan: The runs.
        out: The folder of the comparison; runs that an earlier call finished there are not repeated.
        processes: The number of runs at once on this machine; by default the number of CPUs available to this process.
            Runs that start their own Ray are executed one at a time.
        ray: The address of a Ray cluster that executes the runs as tasks; "auto" for the running one.
        watcher: Is notified of the progress.

    Raises:
        ArgumentError: If another runner is using the folder.
        StudyInterrupted: After Ctrl-C; the message says how to resume.
    """
    try:
        (out / store.RUNS).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ArgumentError(f"{str(out)!r} is, or lies below, a file: use a folder for the results") from error
    except OSError as error:
        raise ArgumentError(f"the folder {str(out)!r} cannot be created: {error.strerror}") from error
    with _lock(out):
        _clean(out)
        provenance = current_provenance()
        before = {run.id: store.status(out, run.id) for run in plan.runs}
        unfinished = [run for run in plan.runs if before[run.id] != store.DONE]
        refused = [run for run in unfinished if run.id in plan.refused]
        todo = [run for run in unfinished if run.id not in plan.refused]
        for run in refused:
            if before[run.id] != store.REFUSED:
                folder = _begin(out, run)
                write_without_results(run, folder, store.REFUSED, plan.refused[run.id])
                _commit(folder, out, run, provenance)
        starts_ray = any(run.engine == "ray" or run.compute for run in todo)
        at_once = 1 if starts_ray else processes or len(os.sched_getaffinity(0))
        watcher.begin(len(plan.runs), len(plan.runs) - len(todo))
        try:
            _execute(todo, out, at_once, ray, watcher=watcher, provenance=provenance)
        except KeyboardInterrupt:
            left = sum(store.status(out, run.id) is None for run in plan.runs)
            raise StudyInterrupted(
                f"interrupted; {len(plan.runs) - left} of {len(plan.runs)} runs are stored in {out}: "
                "run the same command again to resume"
            ) from None
        finally:
            watcher.end()
            _clean(out)
        recorded = recorded_provenance(out, plan.runs)
        manifest = build_manifest(plan, threads=THREADS, provenance=provenance, recorded=recorded)
        store.assemble(out, [run.id for run in plan.runs], manifest, plan.protocol.text)
    failed = tuple((run, _error(out, run)) for run in todo if store.status(out, run.id) == store.FAILED)
    return Summary(
        folder=out,
        finished_before=len(plan.runs) - len(unfinished),
        done=len(todo) - len(failed),
        failed=failed,
        refused=len(refused),
        outdated=count_outdated(recorded, provenance),
    )


def _execute(
    todo: list[Run], out: Path, processes: int, ray: str | None, *, watcher: Watcher, provenance: dict[str, Any]
) -> None:
    """Execute runs; each is stored as soon as it has ended."""

    def begin(run: Run) -> Path:
        return _begin(out, run)

    with closing(run_locally(todo, processes, begin) if ray is None else run_on_ray(todo, ray, begin)) as events:
        for event in events:
            if event is None:
                watcher.tick()
                continue
            run, folder, fault = event
            if fault:
                shutil.rmtree(folder / "study", ignore_errors=True)
                write_without_results(run, folder, store.FAILED, fault)
            _commit(folder, out, run, provenance)
            watcher.ended(run, str(store.status(out, run.id)))


def _clean(out: Path) -> None:
    """Remove the folders of runs that did not end."""
    for stale in (out / store.RUNS).glob(".*"):
        shutil.rmtree(stale, ignore_errors=True)  # the process of a killed runner may take a moment to end


def _begin(out: Path, run: Run) -> Path:
    """Create a temporary folder for the files of a run."""
    folder = out / store.RUNS / f".{run.id}-{os.getpid()}"
    folder.mkdir()
    return folder


def _commit(folder: Path, out: Path, run: Run, provenance: dict[str, Any]) -> None:
    """Store a run, with its provenance."""
    write_provenance(folder, provenance)
    store.commit_run(folder, out, run.id)


def _error(out: Path, run: Run) -> str:
    return str(store.read_table(store.run_folder(out, run.id), "runs")["error"][0].as_py())


@contextmanager
def _lock(out: Path) -> Iterator[None]:
    """Lock a folder against other runners for as long as this process lives.

    Raises:
        ArgumentError: If another runner holds the lock.
    """
    with (out / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArgumentError(
                f"another `raytune-suite bench run` is using {str(out)!r}: wait until it ends, or use another --out"
            ) from None
        yield
