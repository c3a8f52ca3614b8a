"""The table in this package: it matches its manifest, its rows can be reproduced, and it can be tuned on."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import raytune_suite as rts
from raytune_suite.datasets import digest
from raytune_suite.errors import ArgumentError, DataError
from raytune_suite.spaces import Space
from raytune_suite.workloads.live.digits_mlp import digits_mlp, seconds_per_epoch
from raytune_suite.workloads.tabular.digits_mlp import FILE, configs, read_table

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST: dict[str, Any] = json.loads(FILE.with_suffix(".json").read_text())


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    with np.load(FILE) as file:
        return dict(file)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for suffix in (".npz", ".json"):
        shutil.copy(FILE.with_suffix(suffix), tmp_path)
    return tmp_path / FILE.name


def test_the_manifest_matches_the_file(arrays: dict[str, Any]) -> None:
    assert MANIFEST["sha256"] == digest(FILE)
    assert FILE.stat().st_size + FILE.with_suffix(".json").stat().st_size < 5e6
    shape = (MANIFEST["rows"], len(MANIFEST["seeds"]), MANIFEST["epochs"])
    assert shape == (1024, 10, 27)
    assert {arrays[metric].shape for metric in MANIFEST["metrics"]} == {shape}
    for row, config in enumerate(configs(arrays)):
        declared = eval(MANIFEST["seconds_per_epoch"], {"ceil": math.ceil}, config)  # noqa: S307 - our own formula
        assert declared == arrays["seconds"][row]


def test_the_table_matches_the_live_workload() -> None:
    live, tabular = digits_mlp(), rts.workload("table/digits-mlp")
    assert MANIFEST["space"] == Space(live.space).describe() == Space(tabular.space).describe()
    for field in ("metric", "mode", "min_t", "max_t", "eta", "tuning_seeds", "test_seeds"):
        assert getattr(tabular, field) == getattr(live, field)
    assert (tabular.tuning_seeds, tabular.test_seeds) == ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9))
    config = read_table(FILE).configs[100]
    assert tabular.cost(config) == pytest.approx(seconds_per_epoch(config))


@pytest.mark.e2e
def test_five_rows_trained_again_are_the_same(arrays: dict[str, Any]) -> None:
    """They are equal bit for bit on the same type of CPU with the same version of torch.

    Elsewhere sums are rounded differently: all losses agree within 1e-5 after an epoch, and most within 2 % to the end.
    In an unstable training, a rounding error grows until the training differs as much as with another seed.
    """
    torch = pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    from benchmarks.tables.make_digits_table import cpu, train

    rng = np.random.default_rng(3)
    rows, places = rng.choice(MANIFEST["rows"], 5, replace=False), rng.choice(10, 5, replace=False)
    drawn = [configs(arrays)[row] for row in rows]
    assert min(len({config[name] for config in drawn}) for name in ("batch", "width")) > 1
    trained = [train(config, MANIFEST["seeds"][place]) for config, place in zip(drawn, places, strict=True)]
    here = np.array([one["val_loss"] for one in trained])
    there = arrays["val_loss"][rows, places]
    np.testing.assert_allclose(here[:, 0], there[:, 0], rtol=1e-5)
    assert np.median(np.abs(here / there - 1).max(axis=1)) < 0.02
    if (cpu(), torch.__version__) == (MANIFEST["cpu"], MANIFEST["packages"]["torch"]):
        for metric in MANIFEST["metrics"]:
            again = np.array([one[metric] for one in trained])
            np.testing.assert_array_equal(again, arrays[metric][rows, places])


def test_a_curve_is_the_row_of_its_seed(arrays: dict[str, Any]) -> None:
    tabular = rts.workload("table/digits-mlp")
    assert tabular.curve is not None
    config = configs(arrays)[17]
    curve = tabular.curve(config | {"seed": 7}, 7)
    assert np.array_equal(curve.metrics["test_loss"], arrays["test_loss"][17, 7])
    assert curve.resource.tolist() == list(range(1, 28))
    assert curve.seconds.tolist() == [seconds_per_epoch(config)] * 27


def test_regret_is_normalized_by_the_best_row_and_by_guessing(arrays: dict[str, Any]) -> None:
    best = arrays["val_loss"][:, 5:, -1].astype(np.float64).mean(axis=1)
    assert rts.workload("table/digits-mlp").bounds == (np.nanmin(best), math.log(10))


def test_the_seeds_differ_and_good_configs_learn(arrays: dict[str, Any]) -> None:
    last = arrays["val_error"][:, :, -1]
    assert last.mean(axis=1).min() < 0.03
    assert 0.5 < (last.mean(axis=1) < 0.5).mean() < 1
    assert (np.ptp(arrays["val_loss"][:, :, 0], axis=1) > 0).all()


@pytest.mark.parametrize("cut", [1, 1000, None])
def test_a_truncated_table_is_rejected(copy: Path, cut: int | None) -> None:
    whole = copy.read_bytes()
    copy.write_bytes(whole[: -cut if cut else 0])
    with pytest.raises(DataError, match=r"digits-mlp\.npz.*truncated"):
        read_table(copy)


def test_an_altered_table_is_rejected(copy: Path) -> None:
    whole = bytearray(copy.read_bytes())
    whole[len(whole) // 2] ^= 1
    copy.write_bytes(whole)
    with pytest.raises(DataError, match=r"digits-mlp\.npz.*altered"):
        read_table(copy)


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_a_missing_file_is_named(copy: Path, suffix: str) -> None:
    copy.with_suffix(suffix).unlink()
    with pytest.raises(DataError, match=r"digits-mlp\.npz.*missing"):
        read_table(copy)


def test_a_loss_that_is_not_finite_counts_as_the_worst_finite_one(copy: Path, arrays: dict[str, Any]) -> None:
    changed = arrays | {"val_loss": arrays["val_loss"].copy()}
    changed["val_loss"][3, 2, 20:] = [math.nan, math.inf, *[math.nan] * 5]
    np.savez(copy, **changed)
    copy.with_suffix(".json").write_text(json.dumps(MANIFEST | {"sha256": digest(copy)}))
    losses = read_table(copy).metrics["val_loss"]
    worst = np.nanmax(np.where(np.isinf(changed["val_loss"]), np.nan, changed["val_loss"]))
    assert (losses[3, 2, 20:] == worst).all()
    assert np.array_equal(losses[3, 2, :20], arrays["val_loss"][3, 2, :20])


@pytest.mark.parametrize(
    "method", ["asha", *(pytest.param(name, marks=[pytest.mark.e2e, pytest.mark.long]) for name in ("bohb", "dehb"))]
)
@pytest.mark.slow
def test_it_is_tuned_on_the_simulated_clock(method: str, tmp_path: Path) -> None:
    result = rts.tune(
        workload="table/digits-mlp", method=method, budget=50, engine="simulated", storage_path=tmp_path, seed=1
    )
    assert result.best_value < 0.5
    assert result.test_value is not None


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_it_is_tuned_on_ray(tmp_path: Path) -> None:
    result = rts.tune(workload="table/digits-mlp", method="asha", num_samples=2, storage_path=tmp_path, seed=1)
    assert result.test_scores is not None
    assert result.test_scores["seed"].tolist() == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("engine", ["ray", "simulated"])
def test_a_population_is_rejected_by_name(engine: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"'pbt'.*'table/digits-mlp'"):
        rts.tune(workload="table/digits-mlp", method="pbt", num_samples=4, engine=engine, storage_path=tmp_path)
    assert not list(tmp_path.iterdir())
