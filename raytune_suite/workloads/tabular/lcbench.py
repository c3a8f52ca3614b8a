"""The tables of LCBench: funnel-shaped networks on 35 data sets, 2,000 configs each, one training per config.

"lcbench/Fashion-MNIST" is read from the authors' file of all data sets, which has about a gigabyte. The metric is
"val_accuracy" in percent, to be maximized. A unit of resource is an epoch: of the 52 reports, the first was made before
the training and the last after it; as usual, both are left out. Seconds are the differences of the recorded times.

Constant hyperparameters and the other metrics in the file are not read. A missing value belongs to a crashed training
and is replaced by the worst value on the data set. `exact` is the only training of a config.

Source: L. Zimmer, M. Lindauer, F. Hutter, "Auto-PyTorch Tabular: Multi-Fidelity MetaLearning for Efficient and Robust
AutoDL" (2021), doi.org/10.1109/TPAMI.2021.3067763; format and space: github.com/automl/LCBench (api.py, README.md).
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune

from raytune_suite import datasets
from raytune_suite.errors import DataError, UnknownNameError
from raytune_suite.workloads.tabular.table import Table, replace_nonfinite, table_workload

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.types import Mode
    from raytune_suite.workloads.base import Workload

FILE = "lcbench/data_2k.json"
"""The path of the authors' file in the catalogue of `raytune_suite.datasets`."""

DATASETS = (
    "adult airlines albert Amazon_employee_access APSFailure Australian bank-marketing "
    "blood-transfusion-service-center car christine cnae-9 connect-4 covertype credit-g dionis fabert "
    "Fashion-MNIST helena higgs jannis jasmine jungle_chess_2pcs_raw_endgame_complete kc1 "
    "KDDCup09_appetency kr-vs-kp mfeat-factors MiniBooNE nomao numerai28.6 phoneme segment shuttle "
    "sylvine vehicle volkert"
)
"""The names of the data sets in OpenML."""

LOGS: dict[str, tuple[str, Mode]] = {
    "val_accuracy": ("Train/val_accuracy", "max"),
    "test_accuracy": ("Train/test_result", "max"),
    "val_cross_entropy": ("Train/val_cross_entropy", "min"),
}
"""For each metric its name in the file, and its direction."""

LEAST_SECONDS = 1e-3
"""The least cost of an epoch, since two recorded times may be equal."""


def names() -> tuple[str, ...]:
    """Return the names of the data sets."""
    return tuple(DATASETS.split())


def space() -> dict[str, Any]:
    """Return the space that is described in LCBench's README."""
    return {
        "batch_size": tune.lograndint(16, 513),
        "learning_rate": tune.loguniform(1e-4, 1e-1),
        "momentum": tune.uniform(0.1, 0.99),
        "weight_decay": tune.uniform(1e-5, 1e-1),
        "num_layers": tune.randint(1, 6),
        "max_units": tune.lograndint(64, 1025),
        "max_dropout": tune.uniform(0.0, 1.0),
    }


def lcbench(name: str) -> Workload:
    """Create the workload of a data set, such as "Fashion-MNIST".

    Raises:
        UnknownNameError: If there is no such data set.
        DataError: If the file is missing or is not LCBench's; the message has the command that downloads it.
    """
    if name not in names():
        raise UnknownNameError("data set of LCBench", name, names())
    return table_workload(
        read(datasets.path(FILE), name),
        name=f"lcbench/{name}",
        summary=f"LCBench's table of a network of 1 to 5 layers on {name}; 2,000 configs, 50 epochs, one seed",
        metric="val_accuracy",
        mode="max",
        tuning_seeds=(0,),
        test_seeds=(),
    )


@lru_cache(maxsize=4)
def read(path: Path, name: str) -> Table:
    """Read the table of one data set; the others in the file are not parsed.

    Raises:
        DataError: If the file is not in LCBench's format.
        SpaceError: If one of its configs is outside the space.
    """
    text = path.read_text(encoding="utf-8")
    start = re.search(rf'"{re.escape(name)}"\s*:\s*(?=\{{\s*"\d+"\s*:)', text)  # no other key has numbered configs
    if start is None:
        raise DataError(f"{str(path)!r} has no data set {name!r}: it is not the file of LCBench")
    try:
        runs = list(json.JSONDecoder().raw_decode(text, start.end())[0].values())
        configs = [{key: run["config"][key] for key in space()} for run in runs]
        logs = [run["log"] for run in runs]
        times = np.array([log["time"] for log in logs], dtype=np.float64)
        metrics = {
            metric: replace_nonfinite(np.array([log[tag] for log in logs], dtype=np.float64)[:, np.newaxis, 1:-1], mode)
            for metric, (tag, mode) in LOGS.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{str(path)!r} is not in LCBench's format: {error!r}") from error
    seconds = np.diff(np.maximum.accumulate(times, axis=1)[:, :-1], axis=1)
    return Table(
        space=space(),
        configs=configs,
        metrics=metrics,
        seeds=(0,),
        resource=np.arange(1.0, seconds.shape[1] + 1),
        seconds=np.maximum(seconds, LEAST_SECONDS),
    )
