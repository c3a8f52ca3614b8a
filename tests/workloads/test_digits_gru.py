"""The digits' GRU: it learns, and keeps the width of its checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from ray.tune.trainable import trainable as ray_trainable

from raytune_suite.errors import ArgumentError
from raytune_suite.workloads.digits_gru import DigitsGRU, digits_gru

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {
    "lr": 0.1,
    "momentum": 0.9,
    "batch": 16,
    "width": 32,
    "weight_decay": 1e-5,
    "dropout": 0.1,
    "seed": 3,
}


@pytest.fixture(autouse=True)
def _keep_ray_results_out_of_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_trainable, "DEFAULT_STORAGE_PATH", str(tmp_path / "ray_results"))


def test_a_good_config_learns_and_a_bad_one_does_not() -> None:
    good, bad = DigitsGRU(GOOD), DigitsGRU(GOOD | {"lr": 1e-4, "momentum": 0.0, "batch": 256})
    assert [good.step() for _ in range(15)][-1]["val_error"] < 0.06
    assert [bad.step() for _ in range(5)][-1]["val_error"] > 0.5


def test_a_change_of_width_is_refused_and_the_workload_says_so(tmp_path: Path) -> None:
    DigitsGRU(GOOD).save_checkpoint(str(tmp_path))
    with pytest.raises(ArgumentError, match=r"`width` is 5, but the checkpoint's network has \d+: it cannot change"):
        DigitsGRU(GOOD | {"width": 5}).load_checkpoint(str(tmp_path))
    assert set(digits_gru().space) - set(digits_gru().mutable) == {"width"}


def test_the_declared_cost_grows_with_the_width_and_with_the_number_of_steps() -> None:
    cost = digits_gru().cost
    assert cost(GOOD | {"width": 8}) < cost(GOOD | {"width": 9}) < cost(GOOD | {"width": 32})
    assert cost(GOOD | {"batch": 256}) < cost(GOOD | {"batch": 64}) < cost(GOOD | {"batch": 16})
    assert 27 * cost(GOOD | {"width": 32, "batch": 16}) < 3.1, "seconds of the costliest config"
