"""The workload "table/digits-mlp": trainings of "live/digits-mlp" that were run once and are part of this package.

The table has 1,024 configs with ten seeds each, which are looked up in microseconds: real learning curves without
torch, a download or a GPU. It was created by benchmarks/tables/make_digits_table.py; the manifest beside it records the
machine and the versions.
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
from raytune_suite.workloads.tabular.table import Table, replace_nonfinite, table_workload

if TYPE_CHECKING:
    from raytune_suite.types import Config
    from raytune_suite.workloads.base import Workload

SCHEMA = 1
"""The version of the manifest and of the arrays that this module reads."""

FILE = Path(__file__).with_name("digits-mlp.npz")
"""The path of the table; its manifest is beside it."""


def digits_table() -> Workload:
    """Create the workload. Space, metric and seeds are those of the live workload; it has no state.

    The first of its bounds is the best mean of a row over the test seeds. The second is that of the live workload, the
    loss of guessing: the worst loss in the table, of a training that diverged, is about 1e32, and if regret were
    normalized by that, all other losses would look equal.

    Raises:
        DataError: If the table's file is missing, truncated or altered.
    """
    live = digits_mlp()
    created = table_workload(
        table(),
        name="table/digits-mlp",
        summary="1,024 configs x 27 epochs x 10 seeds of live/digits-mlp, trained by us, looked up by the nearest",
        metric=live.metric,
        mode=live.mode,
        tuning_seeds=live.tuning_seeds,
        test_seeds=live.test_seeds,
    )
    return replace(created, bounds=(created.bounds[0], live.bounds[1]) if created.bounds and live.bounds else None)


@cache
def table() -> Table:
    """Read and check the table of this package, once per process."""
    return read_table(FILE)


def read_table(path: Path) -> Table:
    """Read the table at `path`; its manifest is beside it, with the suffix ".json".

    Losses that are not finite are replaced by the worst loss that any training reported.

    Raises:
        DataError: If a file is missing, or the table does not match the manifest.
    """
    remedy = "reinstall raytune-suite, or check the file out again"
    try:
        manifest = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        sha256 = digest(path)
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise DataError(
            f"the table {str(path)!r} is missing, or its manifest is missing or not JSON: {remedy}"
        ) from error
    if manifest["schema"] != SCHEMA or manifest["sha256"] != sha256:
        raise DataError(
            f"the table {str(path)!r} is truncated or altered: it has the SHA-256 {sha256}, but its manifest "
            f"{manifest['sha256']} (schema {manifest['schema']}); {remedy}"
        )
    with np.load(path) as file:
        arrays = dict(file)
    return Table(
        space=digits_mlp().space,
        configs=configs(arrays),
        metrics={name: replace_nonfinite(arrays[name], "min") for name in manifest["metrics"]},
        seeds=tuple(manifest["seeds"]),
        resource=np.arange(1.0, manifest["epochs"] + 1),
        seconds=np.repeat(arrays["seconds"][:, np.newaxis], manifest["epochs"], axis=1),
    )


def configs(arrays: dict[str, Any]) -> list[Config]:
    """Return the configs in a table's arrays, which are called config/NAME."""
    columns = {name.removeprefix("config/"): a.tolist() for name, a in arrays.items() if name.startswith("config/")}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
