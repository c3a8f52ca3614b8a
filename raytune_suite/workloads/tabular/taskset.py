"""TaskSet's text classification by recurrent networks: 1,000 random configs of Adam, each trained once.

"taskset/FixedTextRNNClassification_imdb_patch32_GRU128_bs128" is a GRU on IMDB. The losses are mean cross-entropies in
nats: "valid_loss" is the metric, "train_loss" and "test_loss" are also reported. A training has 51 reports, the first
before the training and then one every 200 of 10,000 steps; report k is resource k. Each config has a single training,
with seed 0: a choice can be evaluated only by the metric, and `exact` is that training.

- **Space**: the eight hyperparameters "Adam8p" of the paper, all log-uniform; beta1 and beta2 are replaced by their
  distance to 1.
- **Crashes**: about a tenth of the trainings diverge, to NaN or to losses up to 1e17. Losses that are missing, or
  higher than that of every untrained network (the highest first report), are replaced by that.
- **Cost** is declared as 1 second for every report of every config, since the files have no times.

Source: L. Metz et al., "Using a thousand optimization tasks to learn hyperparameter search strategies" (2020),
arxiv.org/abs/2002.11887; the files are those of github.com/machinelearningnuremberg/DPL.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune

from raytune_suite import datasets
from raytune_suite.errors import DataError, UnknownNameError
from raytune_suite.workloads.tabular.table import Table, table_workload

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from raytune_suite.types import Config
    from raytune_suite.workloads.base import Workload

ABOUT = {
    "FixedTextRNNClassification_imdb_patch128_LSTM128_bs64": "an LSTM on IMDB's reviews, 128 tokens each",
    "FixedTextRNNClassification_imdb_patch32_GRU128_bs128": "a GRU on IMDB's reviews, 32 tokens each",
    "FixedTextRNNClassification_imdb_patch128_LSTM128_avg_bs64": "an averaged LSTM on IMDB's reviews, 128 tokens each",
    "FixedTextRNNClassification_imdb_patch128_LSTM128_embed128_bs64": (
        "an LSTM with 128 embeddings on IMDB's reviews, 128 tokens each"
    ),
    "FixedTextRNNClassification_imdb_patch32_GRU64_avg_bs128": "an averaged GRU on IMDB's reviews, 32 tokens each",
    "FixedTextRNNClassification_imdb_patch32_IRNN64_relu_avg_bs128": (
        "an averaged IRNN on IMDB's reviews, 32 tokens each"
    ),
    "FixedTextRNNClassification_imdb_patch32_IRNN64_relu_last_bs128": "an IRNN on IMDB's reviews, 32 tokens each",
    "FixedTextRNNClassification_imdb_patch32_LSTM128_E128_bs128": (
        "an LSTM with 128 embeddings on IMDB's reviews, 32 tokens each"
    ),
    "FixedTextRNNClassification_imdb_patch32_LSTM128_bs128": "an LSTM on IMDB's reviews, 32 tokens each",
    "FixedTextRNNClassification_imdb_patch32_VRNN128_tanh_bs128": "a tanh RNN on IMDB's reviews, 32 tokens each",
    "FixedTextRNNClassification_imdb_patch32_VRNN64_relu_avg_bs128": (
        "an averaged ReLU RNN on IMDB's reviews, 32 tokens each"
    ),
    "FixedTextRNNClassification_imdb_patch32_VRNN64_tanh_avg_bs128": (
        "an averaged tanh RNN on IMDB's reviews, 32 tokens each"
    ),
}
"""What each task trains."""

DISTANCES = {"beta1": "one_minus_beta1", "beta2": "one_minus_beta2"}
"""The hyperparameters that are replaced by their distance to 1, and the names of the distances."""

SPLITS = ("train", "valid", "test")


def names() -> tuple[str, ...]:
    """Return the names of the tasks."""
    return tuple(ABOUT)


def adam8p() -> dict[str, Any]:
    """Return the space, in which all parameters are log-uniform."""
    return {
        "learning_rate": tune.loguniform(1e-8, 10),
        "one_minus_beta1": tune.loguniform(1e-4, 1),
        "one_minus_beta2": tune.loguniform(1e-6, 1),
        "epsilon": tune.loguniform(1e-10, 1e3),
        "l1": tune.loguniform(1e-8, 10),
        "l2": tune.loguniform(1e-8, 10),
        "linear_decay": tune.loguniform(1e-7, 1e-4),
        "exponential_decay": tune.loguniform(1e-6, 1e-3),
    }


def taskset(name: str) -> Workload:
    """Create the workload of a task.

    Raises:
        UnknownNameError: If there is no such task.
        DataError: If its file is missing, truncated or altered; the message has the command that downloads it.
    """
    if name not in ABOUT:
        raise UnknownNameError("task of TaskSet", name, ABOUT)
    return table_workload(
        read(datasets.path(f"taskset/{name}.json")),
        name=f"taskset/{name}",
        summary=f"TaskSet: Adam's eight hyperparameters for {ABOUT[name]}; 1,000 configs, 51 reports, one seed",
        metric="valid_loss",
        mode="min",
        tuning_seeds=(0,),
        test_seeds=(),
        min_t=2,  # the first report precedes the training, and does not depend on the config
    )


@cache
def read(path: Path) -> Table:
    """Read the table in a file, once per process.

    Raises:
        DataError: If the file is not in TaskSet's format.
        SpaceError: If one of its configs is outside the space.
    """
    rows = json.loads(path.read_text(encoding="utf-8"))
    try:
        configs = [use_distances(row["hp"]) for row in rows]
        losses = {f"{split}_loss": np.array([row[split]["loss"] for row in rows], dtype=float) for split in SPLITS}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{str(path)!r} is not in TaskSet's format: {error!r}") from error
    reports = losses["valid_loss"].shape[1]
    return Table(
        space=adam8p(),
        configs=configs,
        metrics={name: limit_to_untrained(values)[:, np.newaxis] for name, values in losses.items()},
        seeds=(0,),
        resource=np.arange(1.0, reports + 1),
        seconds=np.ones((len(configs), reports)),
    )


def use_distances(hyperparameters: Config) -> Config:
    """Convert the hyperparameters in a file to a config of the space.

    Example:
        >>> use_distances({"l1": 0.5, "beta1": 0.75})
        {'l1': 0.5, 'one_minus_beta1': 0.25}
    """
    return {
        DISTANCES.get(name, name): 1 - value if name in DISTANCES else value for name, value in hyperparameters.items()
    }


def limit_to_untrained(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace losses, of shape (n, t), that are NaN or above the highest finite first loss by that loss.

    Example:
        >>> limit_to_untrained(np.array([[0.7, 0.5], [0.75, np.nan], [0.6, 1e17]])).tolist()
        [[0.7, 0.5], [0.75, 0.75], [0.6, 0.75]]
    """
    first = losses[:, 0]
    highest = first[np.isfinite(first)].max()
    return np.where(losses <= highest, losses, highest)
