"""Whether a comparison repeats: some of its runs are done again in fresh processes, and compared to the bit."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from raytune_suite import seeding
from raytune_suite.bench import store
from raytune_suite.bench.plan import plan as make_plan
from raytune_suite.bench.processes import locally
from raytune_suite.bench.protocol import read as read_protocol
from raytune_suite.engines.callbacks import decision_log
from raytune_suite.errors import ArgumentError
from raytune_suite.types import DECISIONS

if TYPE_CHECKING:
    from raytune_suite.bench.plan import Plan
    from raytune_suite.bench.run import Run
    from raytune_suite.bench.runner import Watcher

REPEATED = ("results", "trajectories", "runs")
"""The tables that must repeat; timings never do."""

SAMPLE = 10
"""So many runs are done again unless told otherwise."""


@dataclass(frozen=True)
class Verdict:
    """What a check has found.

    Attributes:
        repeated: The runs that were done again.
        differing: Those of them that came out otherwise, and where.
        tables: The tables of the comparison that are not those of its runs.
    """

    repeated: tuple[Run, ...]
    differing: tuple[tuple[Run, str], ...]
    tables: tuple[str, ...]


def verify(out: Path, *, sample: int = SAMPLE, seed: int = 0, processes: int = 1, watcher: Watcher) -> Verdict:
    """Do a random sample of the runs of a comparison again.

    Args:
        out: Where the comparison lies.
        sample: How many runs.
        seed: Chooses them.
        processes: Runs at once.
        watcher: Is told how it goes.

    Raises:
        ArgumentError: If there is no comparison, it was made in Python or by another version, or on Ray, where the
            order of reports is that of real time.
    """
    store.read(out)
    plan = _plan(out)
    done = [run for run in plan.runs if store.status(out, run.id) == store.DONE]
    if not done:
        raise ArgumentError(
            f"no run of the comparison in {str(out)!r} could be done again by this version: all have failed or were "
            "refused, or were done by another version or with other workloads"
        )
    chosen = seeding.stream(seed, "verify").permutation(len(done))[:sample]
    again = [done[index] for index in sorted(chosen.tolist())]
    differing = []
    watcher.begin(len(again), 0)
    with tempfile.TemporaryDirectory(prefix="verify-") as temporary:

        def begin(run: Run) -> Path:
            folder = Path(temporary, run.id)
            folder.mkdir()
            return folder

        for event in locally(again, processes, begin):
            if event is None:
                watcher.tick()
                continue
            words = event.fault or difference(store.run_folder(out, event.run.id), event.folder)
            watcher.ended(event.run, words or store.DONE)
            if words:
                differing.append((event.run, words))
    watcher.end()
    return Verdict(tuple(again), tuple(sorted(differing, key=lambda pair: pair[0].id)), tuple(_altered(out, plan)))


def difference(kept: Path, again: Path) -> str:
    """Where two folders of the same run differ, in words; "" where they agree to the bit."""
    for name in REPEATED:
        one, other = (store.read_table(folder, name) for folder in (kept, again))
        words = table_difference(name, one, other)
        if words:
            return words
    logs = [decision_log.read(folder / DECISIONS) for folder in (kept, again)]
    found = decision_log.difference(*logs)
    return "" if found is None else f"row {found.row} of the decision log: {found.message}"


def table_difference(name: str, one: Any, other: Any) -> str:
    """Where two tables differ, in words; NaN equals NaN."""
    if len(one) != len(other):
        return f"{name} has {len(one)} rows, now {len(other)}"
    for column in one.column_names:
        pairs = zip(one[column].to_pylist(), other[column].to_pylist(), strict=True)
        for row, (left, right) in enumerate(pairs):
            if repr(left) != repr(right):
                return f"row {row} of {name}: {column} was {left!r}, now {right!r}"
    return ""


def _plan(out: Path) -> Plan:
    """What the comparison was asked to do.

    Raises:
        ArgumentError: If nobody can tell, or it was done on Ray.
    """
    place = out / store.PROTOCOL
    if not place.is_file():
        raise ArgumentError(
            f"{str(place)!r} is missing: a comparison of Python's `compare` is repeated by calling it again"
        )
    protocol = read_protocol(place)
    if protocol.engine != "simulated":
        raise ArgumentError(f"the engine was {protocol.engine!r}, in real time: only simulated runs repeat to the bit")
    return make_plan(protocol, skip_missing=True)


def _altered(out: Path, plan: Plan) -> list[str]:
    """The tables of the comparison that are not those of its runs, one after the other."""
    ended = [run for run in plan.runs if store.status(out, run.id) is not None]
    altered = []
    for name in REPEATED:
        parts = pa.concat_tables([store.read_table(store.run_folder(out, run.id), name) for run in ended])
        if table_difference(name, store.read_table(out, name), parts):
            altered.append(name)
    return altered
