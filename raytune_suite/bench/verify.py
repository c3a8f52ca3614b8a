"""Verify that a comparison is reproducible: repeat some of its runs in fresh processes, and compare them bit by bit."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from raytune_suite import seeding
from raytune_suite.bench import store
from raytune_suite.bench.plan import plan as make_plan
from raytune_suite.bench.processes import run_locally
from raytune_suite.bench.protocol import read as read_protocol
from raytune_suite.engines.callbacks import decision_log
from raytune_suite.errors import ArgumentError
from raytune_suite.types import DECISIONS

if TYPE_CHECKING:
    from raytune_suite.bench.plan import Plan
    from raytune_suite.bench.run import Run
    from raytune_suite.bench.runner import Watcher

REPRODUCIBLE = ("results", "trajectories", "runs")
"""The tables that must be reproduced; timings never are."""

SAMPLE = 10
"""The default number of runs to repeat."""


@dataclass(frozen=True)
class VerificationResult:
    """The result of a verification.

    Attributes:
        repeated: The runs that were repeated.
        differing: Those of them with another result, and a description of the difference.
        tables: The tables of the comparison that differ from those of its runs.
    """

    repeated: tuple[Run, ...]
    differing: tuple[tuple[Run, str], ...]
    tables: tuple[str, ...]


def verify(
    out: Path, *, sample: int = SAMPLE, seed: int = 0, processes: int = 1, watcher: Watcher
) -> VerificationResult:
    """Repeat a random sample of the runs of a comparison.

    Args:
        out: The folder of the comparison.
        sample: The number of runs to repeat.
        seed: The seed of the sample.
        processes: The number of runs at once.
        watcher: Is notified of the progress.

    Raises:
        ArgumentError: If there is no comparison, or if it cannot be repeated: it was started from Python, by another
            version, or with the engine "ray", where the order of reports depends on real time.
    """
    store.read(out)
    plan = _plan(out)
    done = [run for run in plan.runs if store.status(out, run.id) == store.DONE]
    if not done:
        raise ArgumentError(
            f"no run of the comparison in {str(out)!r} can be repeated by this version: all of them failed, are "
            "unsupported, or were produced by another version or with other workloads"
        )
    chosen = seeding.stream(seed, "verify").permutation(len(done))[:sample]
    repeated = [done[index] for index in sorted(chosen.tolist())]
    differing = []
    watcher.begin(len(repeated), 0)
    with tempfile.TemporaryDirectory(prefix="verify-") as temporary:

        def begin(run: Run) -> Path:
            folder = Path(temporary, run.id)
            folder.mkdir()
            return folder

        for event in run_locally(repeated, processes, begin):
            if event is None:
                watcher.tick()
                continue
            message = event.fault or difference(store.run_folder(out, event.run.id), event.folder)
            watcher.ended(event.run, message or store.DONE)
            if message:
                differing.append((event.run, message))
    watcher.end()
    by_id = sorted(differing, key=lambda pair: pair[0].id)
    return VerificationResult(tuple(repeated), tuple(by_id), tuple(_altered_tables(out, plan)))


def difference(stored: Path, repeated: Path) -> str:
    """Describe the first difference between two folders of the same run; "" if they agree bit by bit."""
    for name in REPRODUCIBLE:
        before, now = (store.read_table(folder, name) for folder in (stored, repeated))
        message = table_difference(name, before, now)
        if message:
            return message
    logs = [decision_log.read(folder / DECISIONS) for folder in (stored, repeated)]
    first = decision_log.difference(*logs)
    return "" if first is None else f"row {first.row} of the decision log: {first.message}"


def table_difference(name: str, before: Any, now: Any) -> str:
    """Describe the first difference between two tables; NaN equals NaN."""
    if len(before) != len(now):
        return f"{name} has {len(before)} rows, now {len(now)}"
    for column in before.column_names:
        pairs = zip(before[column].to_pylist(), now[column].to_pylist(), strict=True)
        for row, (left, right) in enumerate(pairs):
            if repr(left) != repr(right):
                return f"row {row} of {name}: {column} was {left!r}, now {right!r}"
    return ""


def _plan(out: Path) -> Plan:
    """Plan the runs of the comparison from its protocol.

    Raises:
        ArgumentError: If there is no protocol file, or the engine was Ray.
    """
    path = out / store.PROTOCOL
    if not path.is_file():
        raise ArgumentError(
            f"{str(path)!r} does not exist: repeat a comparison started from Python by calling `compare` again"
        )
    protocol = read_protocol(path)
    if protocol.engine != "simulated":
        raise ArgumentError(
            f"the engine of the comparison is {protocol.engine!r}, which runs in real time: only simulated runs are "
            "reproducible bit by bit"
        )
    return make_plan(protocol, skip_missing=True)


def _altered_tables(out: Path, plan: Plan) -> list[str]:
    """Return the tables of the comparison that are not the concatenation of those of its runs."""
    ended = [run for run in plan.runs if store.status(out, run.id) is not None]
    altered = []
    for name in REPRODUCIBLE:
        expected = pa.concat_tables([store.read_table(store.run_folder(out, run.id), name) for run in ended])
        if table_difference(name, store.read_table(out, name), expected):
            altered.append(name)
    return altered
