"""Where a comparison lies: one folder per run, and the tables and the manifest that are assembled from them.

    OUT/protocol.toml                   what was asked for
    OUT/manifest.json                   with what it was done
    OUT/{results,trajectories,runs,timings}.parquet
    OUT/runs/RUN/                       the same four tables of one run, its decision log, its key, with what it was
                                        made, and its log

A run's folder is written under another name and renamed when all of it is on the disk, so that it is there whole or not
at all, whatever ends the runner. The manifest is written last, and the old one goes before the first table changes: the
protocol, the tables and the manifest of a folder that can be read belong together.

The tables of the comparison are those of its runs one after the other, in the order of (workload, method, method seed):
the same runs give the same bytes. Seconds of a real clock are in the timings alone.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from raytune_suite.bench.protocol import read as read_protocol
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

SCHEMA = 1
"""The version of all that is described here; another one cannot be read."""

PROTOCOL, MANIFEST, RUNS = "protocol.toml", "manifest.json", "runs"
KEY, MADE, LOG = "key.json", "made.json", "log.txt"

EXACT, TEST_SEEDS, TUNING_METRIC = "exact", "test seeds", "tuning metric"
"""By what an incumbent is judged (`judged_by`): its value without noise, which no method has seen; fresh trainings; or,
where the run has no test seeds, the very value that was tuned."""

DONE, FAILED, REFUSED = "done", "failed", "refused"
"""What became of a run (`status`). A method is refused where it needs a state that the workload does not have, or
cannot serve its space."""

_RUN = [("workload", pa.string()), ("method", pa.string()), ("method_seed", pa.int64())]

TABLES: dict[str, Any] = {
    "results": pa.schema(
        [
            *_RUN,
            ("fraction", pa.float64()),
            ("cost", pa.float64()),
            ("resource", pa.float64()),
            ("config", pa.string()),
            ("tuning_score", pa.float64()),
            ("test_score", pa.float64()),
            ("test_seeds", pa.list_(pa.int64())),
            ("test_scores", pa.list_(pa.float64())),
            ("gap", pa.float64()),
            ("tuning_regret", pa.float64()),
            ("test_regret", pa.float64()),
            ("exact_regret", pa.float64()),
            ("regret", pa.float64()),
            ("judged_by", pa.string()),
        ]
    ),
    "trajectories": pa.schema(
        [
            *_RUN,
            ("cost", pa.float64()),
            ("time", pa.float64()),
            ("resource", pa.float64()),
            ("tuning_score", pa.float64()),
            ("tuning_regret", pa.float64()),
            ("exact_regret", pa.float64()),
        ]
    ),
    "runs": pa.schema(
        [
            *_RUN,
            ("status", pa.string()),
            ("error", pa.string()),
            ("trials", pa.int64()),
            ("reports", pa.int64()),
            ("spent", pa.float64()),
            ("simulated_seconds", pa.float64()),
        ]
    ),
    "timings": pa.schema(
        [*_RUN, ("wall_seconds", pa.float64()), ("cpu_seconds", pa.float64()), ("overhead_seconds", pa.float64())]
    ),
}
"""The columns of each table; `Results` says what they mean."""


@dataclass(frozen=True)
class Results:
    """What a comparison has found. Every table has workload, method (its label in the protocol) and method_seed.

    Attributes:
        manifest: Schema, versions, machine, protocol, and what each workload and each method is.
        results: One row per judged incumbent: fraction (of the budget: 1/3, 2/3, 1), cost (spent when the incumbent was
            found, in full trainings), resource (how far it had been trained then), config (JSON), tuning_score,
            test_score (the mean; NaN without test seeds, or where a training failed), test_seeds, test_scores, gap
            (test less tuning score, turned so that more is worse on the test seeds), tuning_regret and test_regret
            (normalized by the workload's bounds; NaN where it has none; 1 or more where a test training failed),
            exact_regret (normalized, without noise; NaN where no optimum is known), regret (the one by which it is
            judged) and judged_by: "tuning metric" without test seeds, else "exact" where a noise-free value is known
            and trainings have no state, else "test seeds"; alike for all methods of a workload. A fraction at which
            nothing had been found yet has no row.
        trajectories: One row per change of the incumbent: cost (in full trainings), time (simulated seconds; real
            ones with the engine "ray"), resource, tuning_score, tuning_regret, exact_regret.
        runs: One row per run: status ("done", "failed" or "refused"), error, trials, reports, spent (in full
            trainings), simulated_seconds.
        timings: One row per finished run: wall_seconds, cpu_seconds, and overhead_seconds, those of decisions.
    """

    manifest: dict[str, Any]
    results: pd.DataFrame
    trajectories: pd.DataFrame
    runs: pd.DataFrame
    timings: pd.DataFrame


def read(folder: str | Path) -> Results:
    """Read a comparison.

    Raises:
        ArgumentError: If none is there, it was written by a version with another schema, or its protocol is not the one
            by which it was done.
    """
    place = Path(folder).expanduser()
    missing = [name for name in (MANIFEST, *map(_file, TABLES)) if not (place / name).is_file()]
    if missing and (place / RUNS).is_dir():
        raise ArgumentError(
            f"the comparison in {str(place)!r} is not finished: the same `raytune-suite bench run` goes on with it"
        )
    if missing:
        raise ArgumentError(
            f"there is no comparison in {str(place)!r}: {missing[0]} is missing; `raytune-suite bench run` writes one"
        )
    manifest: dict[str, Any] = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    if manifest.get("schema") != SCHEMA:
        raise ArgumentError(
            f"the comparison in {str(place)!r} has schema {manifest.get('schema')!r}, but this version reads "
            f"{SCHEMA}: run it again into another folder"
        )
    _check_protocol(place / PROTOCOL, manifest)
    return Results(manifest, **{name: read_table(place, name).to_pandas() for name in TABLES})


def _check_protocol(place: Path, manifest: dict[str, Any]) -> None:
    """Refuse a protocol that was changed since; its name, which may be that of the file, doesn't matter.

    Raises:
        ArgumentError: If it asks for anything else than the manifest says.
    """
    if not place.is_file():
        return
    asked = dataclasses.replace(read_protocol(place), name=manifest["protocol"]["name"])
    if asked.digest != manifest["protocol_sha256"]:
        raise ArgumentError(
            f"{str(place)!r} is not the protocol by which the comparison was done: carry it out with "
            "`raytune-suite bench run` into another folder, or put the old one back"
        )


def read_table(folder: Path, name: str) -> Any:
    """One table of a comparison or of a run, as Arrow has it.

    Raises:
        ArgumentError: If its columns are not those of `TABLES`.
    """
    table = pq.read_table(folder / _file(name), partitioning=None)
    if table.schema != TABLES[name]:
        raise ArgumentError(
            f"{str(folder / _file(name))!r} has the columns {table.column_names}, but {name} have {TABLES[name].names}"
        )
    return _relabelled(table) if name == "results" else table


def write_table(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of one table into a folder. A row must have all columns."""
    columns = {field.name: pa.array([row[field.name] for row in rows], field.type) for field in TABLES[name]}
    _replace(folder / _file(name), pa.table(columns, TABLES[name]))


def run_folder(out: Path, run_id: str) -> Path:
    """Where a run lies."""
    return out / RUNS / run_id


def status(out: Path, run_id: str) -> str | None:
    """What became of a run; None if it has not ended, never began, or its table cannot be read."""
    folder = run_folder(out, run_id)
    try:
        return str(read_table(folder, "runs")["status"][0].as_py())
    except (OSError, IndexError, pa.ArrowException, ArgumentError):
        return None


def keep(temporary: Path, out: Path, run_id: str) -> None:
    """Let the whole folder of a run count from now on, in place of one that failed before.

    All of it is on the disk before it gets its name. The one before is put aside first under a name with a dot, so that
    at no time a part of it counts.
    """
    for file in (*temporary.iterdir(), temporary):
        _to_disk(file)
    place, old = run_folder(out, run_id), temporary.with_name(f"{temporary.name}-old")
    if place.exists():
        place.rename(old)
    temporary.rename(place)
    _to_disk(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def assemble(out: Path, run_ids: Iterable[str], manifest: dict[str, Any], protocol: str) -> None:
    """Write the comparison's tables from those of its runs, in this order, and the protocol and the manifest to them.

    `protocol` is the text of its file; "" if it was made in Python: then none is left there.
    """
    (out / MANIFEST).unlink(missing_ok=True)
    if protocol:
        write_text(out / PROTOCOL, protocol)
    else:
        (out / PROTOCOL).unlink(missing_ok=True)
    folders = [run_folder(out, run_id) for run_id in run_ids]
    for name, schema in TABLES.items():
        tables = [read_table(folder, name) for folder in folders]
        _replace(out / _file(name), pa.concat_tables([schema.empty_table(), *tables]).combine_chunks())
    write_text(out / MANIFEST, json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def write_text(place: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = place.with_name(f"{place.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(place)


def _relabelled(results: Any) -> Any:
    """The table "results" with `judged_by` as it is now: runs of before called a tuned value without noise "exact"."""
    tuned = pc.and_(pc.equal(results["judged_by"], EXACT), pc.equal(pc.list_value_length(results["test_seeds"]), 0))
    place = results.schema.get_field_index("judged_by")
    return results.set_column(
        place, results.schema.field(place), pc.if_else(tuned, TUNING_METRIC, results["judged_by"])
    )


def _to_disk(place: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file(name: str) -> str:
    return f"{name}.parquet"


def _replace(place: Path, table: Any) -> None:
    partial = place.with_name(f"{place.name}.partial")
    pq.write_table(table, partial)
    partial.replace(place)
