"""The workload "table/digits-mlp": all trainings of "live/digits-mlp" that a study needs, done once and shipped.

1,024 configs with ten seeds each, looked up in microseconds: real learning curves without torch, a download or a GPU.
benchmarks/tables/make_digits_table.py has made it; the manifest beside it says where and with what.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.datasets import digest
from raytune_suite.errors import DataError
from raytune_suite.workloads.live.digits_mlp import digits_mlp
from raytune_suite.workloads.tabular.table import Table, scored, table_workload

if TYPE_CHECKING:
    from raytune_suite.types import Config
    from raytune_suite.workloads.base import Workload

SCHEMA = 1
"""The version of the manifest and of the arrays that this module reads."""

FILE = Path(__file__).with_name("digits-mlp.npz")
"""The table; its manifest lies beside it."""


def digits_table() -> Workload:
    """Make the workload. Its space, metric and seeds are those of the live one; it has no state.

    The first of its bounds is the best mean that a row has over the test seeds. The second is that of the live one, the
    loss of guessing: the worst in the table is 1e32 or so, of a training that diverged, beside which all are alike.

    Raises:
        DataError: If the table's file is missing, truncated or altered.
    """
    live = digits_mlp()
    made = table_workload(
        table(),
        name="table/digits-mlp",
        summary="1,024 configs x 27 epochs x 10 seeds of live/digits-mlp, trained by us, looked up by the nearest",
        metric=live.metric,
        mode=live.mode,
        tuning_seeds=live.tuning_seeds,
        test_seeds=live.test_seeds,
    )
    return replace(made, bounds=(made.bounds[0], live.bounds[1]) if made.bounds and live.bounds else None)


@cache
def table() -> Table:
    """The shipped table, read and checked once per process."""
    return read_table(FILE)


def read_table(path: Path) -> Table:
    """Read the table at `path`; its manifest is beside it, with the suffix ".json".

    The error of a diverged training is what it was, but a loss that is not finite counts as the worst that any training
    has reported.

    Raises:
        DataError: If either file is missing, or the table is not what the manifest says.
    """
    remedy = "install raytune-suite anew, or check the file out again"
    try:
        manifest = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        sha256 = digest(path)
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise DataError(f"the table {str(path)!r} or its manifest is missing or no JSON: {remedy}") from error
    if manifest["schema"] != SCHEMA or manifest["sha256"] != sha256:
        raise DataError(
            f"the table {str(path)!r} has the SHA-256 {sha256}, but the manifest beside it names "
            f"{manifest['sha256']} (schema {manifest['schema']}): it is truncated or altered; {remedy}"
        )
    with np.load(path) as file:
        arrays = dict(file)
    return Table(
        space=digits_mlp().space,
        configs=configs(arrays),
        metrics={name: scored(arrays[name], "min") for name in manifest["metrics"]},
        seeds=tuple(manifest["seeds"]),
        resource=np.arange(1.0, manifest["epochs"] + 1),
        seconds=np.repeat(arrays["seconds"][:, np.newaxis], manifest["epochs"], axis=1),
    )


def configs(arrays: dict[str, Any]) -> list[Config]:
    """The configs of a table: the arrays that are called config/NAME."""
    columns = {name.removeprefix("config/"): a.tolist() for name, a in arrays.items() if name.startswith("config/")}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
