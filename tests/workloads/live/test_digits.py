"""The digits' CNN and GRU: they learn, and keep the width of their checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from ray.tune.trainable import trainable as ray_trainable

from raytune_suite.errors import ArgumentError
from raytune_suite.workloads import workload

if TYPE_CHECKING:
    from pathlib import Path

COMMON = {"lr": 0.1, "weight_decay": 1e-5, "dropout": 0.1, "seed": 3}
GOOD: dict[str, dict[str, Any]] = {
    "live/digits-cnn": {**COMMON, "momentum": 0.8, "batch": 32, "width": 8},
    "live/digits-gru": {**COMMON, "momentum": 0.9, "batch": 16, "width": 32},
}
every_network = pytest.mark.parametrize("name", GOOD)


@pytest.fixture(autouse=True)
def _keep_ray_results_out_of_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_trainable, "DEFAULT_STORAGE_PATH", str(tmp_path / "ray_results"))


@pytest.mark.parametrize(
    "name", ["live/digits-cnn", pytest.param("live/digits-gru", marks=[pytest.mark.e2e, pytest.mark.long])]
)
@pytest.mark.e2e
def test_a_good_config_learns_and_a_bad_one_does_not(name: str) -> None:
    train: Any = workload(name).trainable
    good, bad = train(GOOD[name]), train(GOOD[name] | {"lr": 1e-4, "momentum": 0.0, "batch": 256})
    assert [good.step() for _ in range(15)][-1]["val_error"] < 0.06
    assert [bad.step() for _ in range(5)][-1]["val_error"] > 0.5


@every_network
def test_a_change_of_width_is_rejected_and_the_width_is_not_mutable(name: str, tmp_path: Path) -> None:
    registered = workload(name)
    train: Any = registered.trainable
    train(GOOD[name]).save_checkpoint(str(tmp_path))
    with pytest.raises(ArgumentError, match=r"`width` is 5, .*\d+"):
        train(GOOD[name] | {"width": 5}).load_checkpoint(str(tmp_path))
    assert set(registered.space) - set(registered.mutable) == {"width"}


@pytest.mark.parametrize(("name", "widest"), [("live/digits-cnn", 16), ("live/digits-gru", 32)])
def test_the_declared_cost_grows_with_the_width_and_with_the_number_of_steps(name: str, widest: int) -> None:
    cost, good = workload(name).cost, GOOD[name]
    assert cost(good | {"width": 8}) < cost(good | {"width": 9}) < cost(good | {"width": widest})
    assert cost(good | {"batch": 256}) < cost(good | {"batch": 64}) < cost(good | {"batch": 16})
    assert 27 * cost(good | {"width": widest, "batch": 16}) < 3.1, "seconds of the costliest config"
