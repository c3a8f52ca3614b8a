"""Third-party tables: ARLBench, TaskSet and LCBench."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import raytune_suite as rts
from raytune_suite.errors import DataError, RaytuneSuiteError, UnknownNameError
from raytune_suite.workloads import FAMILIES, family_names, workload
from raytune_suite.workloads.tabular import arlbench, lcbench, taskset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    DataFile = Callable[[str], Path]


def lcbench_file(folder: Path) -> None:
    """Write a file in the format of LCBench, with two data sets of four configs."""
    config: dict[str, Any] = {
        "learning_rate": 0.01,
        "momentum": 0.5,
        "weight_decay": 0.01,
        "num_layers": 3,
        "max_units": 128,
    }
    config |= {"batch_size": 64, "optimizer": "sgd"}
    runs: dict[str, Any] = {}
    for run in range(4):
        reports = [10.0 * run + epoch for epoch in range(52)]
        log: dict[str, Any] = dict.fromkeys((tag for tag, _ in lcbench.LOGS.values()), reports)
        log |= {"time": [0.5 * epoch for epoch in range(52)], "epoch": [*range(52)]}
        runs[str(run)] = {"config": config | {"max_dropout": run / 4}, "log": log, "results": {"classes": 2}}
    runs["3"]["log"]["Train/val_accuracy"] = [float("nan")] * 52
    (folder / "lcbench").mkdir()
    (folder / lcbench.FILE).write_text(json.dumps({"adult": runs, "credit-g": {**runs, "4": runs["0"]}}))


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unknown_name_is_rejected_with_a_suggestion(family: str) -> None:
    name = family_names(family)[0]
    with pytest.raises(UnknownNameError, match=f"'{name.rpartition('/')[2]}'"):
        workload(f"{name}x")
    with pytest.raises(UnknownNameError, match=f"'{name}'") as caught:
        workload(f"x{name}")
    assert caught.value.name == f"x{name}"


@pytest.mark.parametrize("name", [*arlbench.names()])
def test_a_landscape_of_arlbench_is_complete(name: str, data_file: DataFile) -> None:
    table = arlbench.read(data_file(f"arlbench/{name}.csv"), name)
    tabular = workload(f"arlbench/{name}")
    assert table.metrics["return"].shape == (256, 10, 10)
    assert [table.row(config) for config in table.configs] == list(range(256)), "all are in the space"
    assert np.isfinite(table.metrics["return"]).all()
    assert tabular.bounds is not None
    means = table.metrics["return"][:, 5:, -1].mean(axis=1)
    assert tabular.bounds == pytest.approx((means.max(), means.min()))
    assert (tabular.tuning_seeds, tabular.test_seeds, tabular.max_t) == ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9), 10)
    assert tabular.optimum is None


def test_a_crash_never_wins() -> None:
    returns = np.array([-1200.0, np.nan, -150.0, 1e-8])
    scores = arlbench.replace_crashes(returns, arlbench.TASKS["cc_pendulum_sac"].returns)
    assert scores.tolist() == [-1200, -1200, -150, -1200]


def test_a_choice_with_fewer_tuning_seeds_looks_better_and_is_worse(data_file: DataFile) -> None:
    """Scores are 0 for the median config and 1 for the best on all ten seeds, averaged over all subsets of seeds."""
    name = "box2d_lunar_lander_dqn"
    last = arlbench.read(data_file(f"arlbench/{name}.csv"), name).last("return", range(10))
    middle, best = np.median(last.mean(axis=1)), last.mean(axis=1).max()
    scores = []
    for count in (1, 3, 5):
        pairs = []
        for tuned in itertools.combinations(range(10), count):
            others = [seed for seed in range(10) if seed not in tuned]
            means = last[:, list(tuned)].mean(axis=1)
            pairs.append((means.max(), last[means.argmax(), others].mean()))
        scores.append((np.mean(pairs, axis=0) - middle) / (best - middle))
    assert np.array(scores) == pytest.approx(np.array([[1.363, 0.614], [1.148, 0.734], [1.071, 0.778]]), abs=0.001)


@pytest.mark.parametrize(("name", "best"), [*zip(taskset.names()[:2], (0.40599, 0.37770), strict=True)])
def test_a_task_of_taskset_is_complete_and_no_loss_is_above_that_of_an_untrained_network(
    name: str, best: float, data_file: DataFile
) -> None:
    table = taskset.read(data_file(f"taskset/{name}.json"))
    tabular = workload(f"taskset/{name}")
    assert table.metrics["valid_loss"].shape == (1000, 1, 51)
    assert [table.row(config) for config in table.configs] == list(range(1000))
    losses = table.metrics["valid_loss"]
    assert tabular.bounds is not None
    assert np.allclose(tabular.bounds, (best, losses[:, 0, 0].max()), rtol=0, atol=1e-5)
    assert tabular.bounds[1] == losses.max()
    assert tabular.regret(table.configs[int(table.metrics["valid_loss"][:, 0, -1].argmin())]) == 0
    assert tabular.test_seeds == ()
    assert tabular.min_t == 2, "the first report precedes the training"


def test_lcbench_is_read_in_its_authors_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path))
    with pytest.raises(DataError, match="`raytune-suite data fetch lcbench"):
        workload("lcbench/adult")
    lcbench_file(tmp_path)
    tabular = workload("lcbench/adult")
    table = lcbench.read(tmp_path / lcbench.FILE, "adult")
    curve = table.curve(table.configs[2], seed=0)
    assert curve.metrics["val_accuracy"].tolist() == [20.0 + epoch for epoch in range(1, 51)]
    assert curve.seconds.tolist() == [0.5] * 50
    assert tabular.bounds == (70.0, 1.0)
    assert tabular.regret(table.configs[3]) == 69.0, "a crash is replaced by the worst value"
    assert len(lcbench.read(tmp_path / lcbench.FILE, "credit-g").configs) == 5
    with pytest.raises(DataError, match="'higgs'"):
        workload("lcbench/higgs")


@pytest.mark.parametrize("method", ["asha", "bohb", "dehb"])
@pytest.mark.parametrize(
    "name", ["arlbench/cc_cartpole_ppo", "arlbench/cc_pendulum_sac", f"taskset/{taskset.names()[1]}", "lcbench/adult"]
)
def test_methods_tune_a_table(
    name: str, method: str, data_file: DataFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.startswith("lcbench"):
        monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path))
        lcbench_file(tmp_path)
    else:
        data_file(name + (".csv" if name.startswith("arlbench") else ".json"))
    how: dict[str, Any] = {"storage_path": tmp_path, "progress": False, "engine": "simulated", "seed": 0}
    result = rts.tune(workload=name, method=method, num_samples=6, **how)
    assert result.best_config


def test_pbt_is_rejected_by_name(data_file: DataFile, tmp_path: Path) -> None:
    data_file("arlbench/cc_cartpole_ppo.csv")
    with pytest.raises(RaytuneSuiteError, match="arlbench/cc_cartpole_ppo"):
        rts.tune(workload="arlbench/cc_cartpole_ppo", method="pbt", num_samples=4, storage_path=tmp_path)


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_landscape_is_tuned_on_ray(data_file: DataFile, tmp_path: Path) -> None:
    data_file("arlbench/cc_pendulum_sac.csv")
    how: dict[str, Any] = {"storage_path": tmp_path, "progress": False, "seed": 0}
    result = rts.tune(workload="arlbench/cc_pendulum_sac", method="random", num_samples=2, **how)
    assert result.best_config["buffer_prio_sampling"]["on"] in {True, False}
