"""The digits network: the same config and seed give the same curve, whatever was saved, reset or run before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from ray.tune.trainable import trainable as ray_trainable  # noqa: E402 - after the skip

from raytune_suite.errors import ArgumentError  # noqa: E402
from raytune_suite.workloads import workload  # noqa: E402
from raytune_suite.workloads.live.digits import TRAINING_IMAGES  # noqa: E402
from raytune_suite.workloads.live.digits_mlp import DigitsMLP, digits_mlp  # noqa: E402
from raytune_suite.workloads.live.digits_training import digits  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {
    "lr": 0.1,
    "momentum": 0.8,
    "weight_decay": 1e-5,
    "dropout": 0.1,
    "batch": 64,
    "width": 64,
    "seed": 3,
}


@pytest.fixture(autouse=True)
def _keep_ray_results_out_of_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_trainable, "DEFAULT_STORAGE_PATH", str(tmp_path / "ray_results"))


def make(**changes: Any) -> DigitsMLP:
    return DigitsMLP(GOOD | changes)


def curve(trainable: DigitsMLP, epochs: int) -> list[dict[str, float]]:
    return [trainable.step() for _ in range(epochs)]


def saved(trainable: DigitsMLP, folder: Path) -> str:
    folder.mkdir()
    trainable.save_checkpoint(str(folder))
    return str(folder)


@pytest.mark.slow
def test_a_good_config_learns_and_a_bad_one_does_not() -> None:
    good, bad = curve(make(), 15)[-1], curve(make(lr=1e-4, momentum=0.0), 15)[-1]
    assert good["val_error"] < 0.05
    assert good["test_error"] < 0.06
    assert bad["val_error"] > 0.5
    assert bad["val_loss"] > 10 * good["val_loss"]


def test_a_step_reports_the_metric_of_the_workload_and_consistent_numbers() -> None:
    result = make().step()
    assert workload("live/digits-mlp").metric in result
    assert result["val_accuracy"] == 1 - result["val_error"]
    assert all(isinstance(value, float) for value in result.values())


@pytest.mark.slow
def test_rays_save_and_restore_also_keep_the_iteration(tmp_path: Path) -> None:
    first, second = make(), make()
    first.train()  # type: ignore[no-untyped-call]  # Ray
    second.restore(first.save(str(tmp_path / "checkpoint")))
    restored, uninterrupted = second.train(), first.train()  # type: ignore[no-untyped-call]  # Ray
    assert restored["training_iteration"] == uninterrupted["training_iteration"] == 2
    assert restored["val_loss"] == uninterrupted["val_loss"]


def test_a_clone_keeps_the_donors_weights_and_its_own_hyperparameters(tmp_path: Path) -> None:
    donor = make()
    before = curve(donor, 4)[-1]
    checkpoint = saved(donor, tmp_path / "checkpoint")
    frozen, perturbed = make(), make()
    frozen.reset_config(GOOD | {"lr": 0.0})
    perturbed.reset_config(GOOD | {"lr": 0.05, "momentum": 0.5, "weight_decay": 1e-3, "dropout": 0.3, "batch": 100})
    for clone in (frozen, perturbed):
        clone.load_checkpoint(checkpoint)
    assert frozen.step()["val_loss"] == before["val_loss"], "with lr 0 the donor's network does not change"
    following = perturbed.step()
    assert following["val_loss"] < 2 * before["val_loss"], "it continues from the donor's weights"
    assert following != donor.step(), "its hyperparameters differ from the donor's"
    assert vars(perturbed.training)["hyperparameters"].batch == 100


def test_a_clone_continues_at_the_donors_epoch(tmp_path: Path) -> None:
    donor, clone = make(), make()
    curve(donor, 3)
    curve(clone, 1)
    clone.load_checkpoint(saved(donor, tmp_path / "checkpoint"))
    assert vars(clone.training)["epoch"] == 3
    assert clone.step() == donor.step()


def test_a_change_of_width_is_rejected_and_the_width_is_not_mutable(tmp_path: Path) -> None:
    checkpoint = saved(make(), tmp_path / "checkpoint")
    with pytest.raises(ArgumentError, match=r"`width` is 32, .*64"):
        make(width=32).load_checkpoint(checkpoint)
    assert set(digits_mlp().space) - set(digits_mlp().mutable) == {"width"}


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"dropout": 1.02}, r"`dropout` is 1.02, .*\[0, 1\)"),
        ({"lr": float("nan")}, "`lr` is nan"),
        ({"batch": 0}, "`batch` is 0"),
        ({"momentum": None}, "`momentum` is None"),
        ({"seed": -1}, "`seed` is -1"),
    ],
)
def test_invalid_values_are_rejected_by_name(changes: dict[str, Any], culprit: str) -> None:
    with pytest.raises(ArgumentError, match=culprit):
        make(**changes)


def test_a_diverged_training_reports_its_loss_and_does_not_crash() -> None:
    result = curve(make(lr=1e6, momentum=0.99), 2)[-1]
    assert not np.isfinite(result["val_loss"])
    assert result["val_error"] > 0.5


def test_the_splits_have_the_documented_sizes() -> None:
    sizes = {name: len(split.classes) for name, split in digits().items()}
    assert sizes == {"train": TRAINING_IMAGES, "validation": 360, "test": 359}
    assert all(set(split.classes.tolist()) == set(range(10)) for split in digits().values())


def test_the_declared_cost_grows_with_the_width_and_with_the_number_of_steps() -> None:
    cost = digits_mlp().cost
    assert cost(GOOD | {"width": 16}) < cost(GOOD | {"width": 17}) < cost(GOOD | {"width": 128})
    assert cost(GOOD | {"batch": 256}) < cost(GOOD | {"batch": 64}) < cost(GOOD | {"batch": 16})
    assert 27 * cost(GOOD | {"width": 128, "batch": 16}) < 1, "seconds of the costliest config"
