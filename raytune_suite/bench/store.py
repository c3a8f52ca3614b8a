"""The folder of a comparison: one folder per run, and the tables and the manifest that are assembled from them.

    OUT/protocol.toml                   the specification
    OUT/manifest.json                   everything needed to reproduce it
    OUT/{results,trajectories,runs,timings}.parquet
    OUT/runs/RUN/                       the same four tables of one run, its decision log (decisions.parquet), its key
                                        (key.json), its provenance (made.json) and its output (log.txt)

The folder of a run is written under a temporary name and renamed when it is complete on the disk, so that it exists
either completely or not at all, even if the runner is killed. The old manifest is removed before the first table
changes, and the new one is written last: if a comparison can be read, its protocol, tables and manifest are consistent.

The tables of the comparison concatenate those of its runs, in the order of (workload, method, method seed): the same
runs result in the same bytes. Only the timings contain seconds of a real clock.
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
from raytune_suite.errors import ArgumentError, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

SCHEMA = 1
"""The version of this layout; other versions cannot be read."""

PROTOCOL, MANIFEST, RUNS = "protocol.toml", "manifest.json", "runs"
KEY, PROVENANCE, LOG = "key.json", "made.json", "log.txt"

EXACT, TEST_SEEDS, TUNING_METRIC = "exact", "test seeds", "tuning metric"
"""How an incumbent is evaluated (`judged_by`): by its value without noise, which no method sees; by fresh trainings;
or, without test seeds, by the metric that was tuned."""

DONE, FAILED, REFUSED = "done", "failed", "refused"
"""The outcome of a run (`status`). It is "refused" if the method does not support the workload: it needs a training
state that the workload does not have, or cannot handle its space."""

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
"""The columns of each table; `Results` documents them."""


@dataclass(frozen=True)
class Results:
    """The results of a comparison. Every table has workload, method (its label in the protocol) and method_seed.

    Attributes:
        manifest: Schema, versions, machine, protocol, and the definition of each workload and each method.
        results: One row per evaluated incumbent: fraction (of the budget: 1/3, 2/3, 1), cost (spent when the incumbent
            was found, in full trainings), resource (to which it had been trained by then), config (JSON), tuning_score,
            test_score (the mean; NaN without test seeds, or if a training failed), test_seeds, test_scores, gap
            (test minus tuning score, with the sign such that positive is worse on the test seeds), tuning_regret and
            test_regret (normalized by the workload's bounds; NaN if it has none; 1 or more if a test training failed),
            exact_regret (normalized, without noise; NaN if no optimum is known), regret (the one that counts) and
            judged_by, which says which one that is: "tuning metric" without test seeds, else "exact" if a noise-free
            value is known and trainings have no state, else "test seeds"; the same for all methods on a workload. A
            fraction without an incumbent has no row.
        trajectories: One row per change of the incumbent: cost (in full trainings), time (simulated seconds; real
            ones with the engine "ray"), resource, tuning_score, tuning_regret, exact_regret.
        runs: One row per run: status ("done", "failed" or "refused"), error, trials, reports, spent (in full
            trainings), simulated_seconds.
        timings: One row per finished run: wall_seconds, cpu_seconds, and overhead_seconds (spent on decisions).
    """

    manifest: dict[str, Any]
    results: pd.DataFrame
    trajectories: pd.DataFrame
    runs: pd.DataFrame
    timings: pd.DataFrame


def read(folder: str | Path) -> Results:
    """Read a comparison.

    Raises:
        ArgumentError: If there is none, it has another schema version, or its protocol was changed.
    """
    path = Path(folder).expanduser()
    missing = [name for name in (MANIFEST, *map(_file, TABLES)) if not (path / name).is_file()]
    if missing and (path / RUNS).is_dir():
        raise ArgumentError(
            f"the comparison in {str(path)!r} is not finished: resume it with the same `raytune-suite bench run`"
        )
    if missing:
        raise ArgumentError(
            f"no comparison in {str(path)!r}: {missing[0]} is missing; create one with `raytune-suite bench run`"
        )
    manifest = _read_manifest(path)
    _check_protocol(path / PROTOCOL, manifest)
    return Results(manifest, **{name: read_table(path, name).to_pandas() for name in TABLES})


def _read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of a comparison.

    Raises:
        ArgumentError: If it is damaged, or has another schema version.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path / MANIFEST, error) from error
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if schema != SCHEMA:
        raise ArgumentError(
            f"the schema of the comparison in {str(path)!r} is {schema!r}, but must be {SCHEMA} for this version: run "
            "it again into another folder"
        )
    if not isinstance(manifest.get("protocol"), dict) or not isinstance(manifest.get("protocol_sha256"), str):
        raise _damaged(path / MANIFEST, "it has no protocol")
    return dict(manifest)


def _damaged(path: Path, error: object) -> ArgumentError:
    return ArgumentError(
        f"{str(path)!r} is damaged ({shortened(str(error), 200)}): repeat the same `raytune-suite bench run`, which "
        "writes it again and keeps the runs that are whole"
    )


def _check_protocol(path: Path, manifest: dict[str, Any]) -> None:
    """Reject a protocol that was changed after the comparison; its name, which may be the file's, doesn't matter.

    Raises:
        ArgumentError: If the protocol differs from the one in the manifest.
    """
    if not path.is_file():
        return
    protocol = dataclasses.replace(read_protocol(path), name=manifest["protocol"]["name"])
    if protocol.digest != manifest["protocol_sha256"]:
        raise ArgumentError(
            f"{str(path)!r} was changed after the comparison: restore the original, or run the changed protocol with "
            "`raytune-suite bench run` into another folder"
        )


def read_table(folder: Path, name: str) -> Any:
    """Read a table of a comparison or of a run, as an Arrow table.

    Raises:
        ArgumentError: If the file is damaged, or its columns are not those of `TABLES`.
    """
    try:
        table = pq.read_table(folder / _file(name), partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(folder / _file(name), error) from error
    if table.schema != TABLES[name]:
        raise ArgumentError(
            f"the columns of {str(folder / _file(name))!r} are {table.column_names}, but must be {TABLES[name].names}"
        )
    return _relabel(table) if name == "results" else table


def write_table(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows of a table into a folder. Each row must have all columns."""
    columns = {field.name: pa.array([row[field.name] for row in rows], field.type) for field in TABLES[name]}
    _replace(folder / _file(name), pa.table(columns, TABLES[name]))


def run_folder(out: Path, run_id: str) -> Path:
    """Return the folder of a run."""
    return out / RUNS / run_id


def status(out: Path, run_id: str) -> str | None:
    """Return the status of a run; None if it has not ended or not begun, or one of its tables cannot be read."""
    folder = run_folder(out, run_id)
    try:
        tables = {name: read_table(folder, name) for name in TABLES}
        return str(tables["runs"]["status"][0].as_py())
    except (IndexError, ArgumentError):
        return None


def commit_run(temporary: Path, out: Path, run_id: str) -> None:
    """Rename the temporary folder of a run to its final name, replacing one that failed before.

    Everything is on the disk before the folder gets its name. The previous folder is first renamed to a name with a
    dot, so that a partially deleted folder is never visible.
    """
    for file in (*temporary.iterdir(), temporary):
        _fsync(file)
    final, old = run_folder(out, run_id), temporary.with_name(f"{temporary.name}-old")
    if final.exists():
        final.rename(old)
    temporary.rename(final)
    _fsync(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def assemble(out: Path, run_ids: Iterable[str], manifest: dict[str, Any], protocol: str) -> None:
    """Concatenate the tables of the runs, in this order, and write them with the protocol and the manifest.

    `protocol` is the text of the protocol file; if it is "" (created in Python), an existing file is removed.
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


def write_text(path: Path, text: str) -> None:
    """Write a file atomically."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _relabel(results: Any) -> Any:
    """Update `judged_by` in the table "results": older runs called a tuned value without noise "exact"."""
    tuned = pc.and_(pc.equal(results["judged_by"], EXACT), pc.equal(pc.list_value_length(results["test_seeds"]), 0))
    index = results.schema.get_field_index("judged_by")
    return results.set_column(
        index, results.schema.field(index), pc.if_else(tuned, TUNING_METRIC, results["judged_by"])
    )


def _fsync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file(name: str) -> str:
    return f"{name}.parquet"


def _replace(path: Path, table: Any) -> None:
    partial = path.with_name(f"{path.name}.partial")
    pq.write_table(table, partial)
    partial.replace(path)
