"""Ray reports a curve: the same numbers, wherever the training was saved, restored, reset or sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ray.tune.trainable import trainable as ray_trainable

import raytune_suite as rts
from raytune_suite.errors import ArgumentError
from raytune_suite.types import Curve
from raytune_suite.workloads import WORKLOADS, workload
from raytune_suite.workloads.curves import CurveTrainable, curve_trainable

if TYPE_CHECKING:
    from pathlib import Path

BY_CURVE = [name for name in WORKLOADS if name.startswith("synthetic/") and workload(name).curve is not None]


@pytest.fixture(autouse=True)
def _keep_ray_results_out_of_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_trainable, "DEFAULT_STORAGE_PATH", str(tmp_path / "ray_results"))


def three(config: dict[str, Any], seed: int) -> Curve:
    """Three reports at 10, 20, 50."""
    loss = config["x"] + seed + np.array([0.5, 0.25, 0.125])
    return Curve(np.array([10.0, 20, 50]), {"loss": loss, "error": 2 * loss}, np.ones(3))


def sampled(name: str, seed: int) -> dict[str, Any]:
    return {key: domain.sample(random_state=seed) for key, domain in workload(name).space.items()}


def steps(trainable: Any, count: int) -> list[dict[str, Any]]:
    return [trainable.step() for _ in range(count)]


def saved(trainable: Any, folder: Path) -> str:
    folder.mkdir()
    trainable.save_checkpoint(str(folder))
    return str(folder)


@pytest.mark.parametrize("name", BY_CURVE)
def test_a_trainable_reports_the_curve_and_is_done_at_its_end(name: str) -> None:
    synthetic, config = workload(name), sampled(name, 0)
    assert synthetic.curve is not None
    walk = steps(synthetic.trainable({**config, "seed": 3}), synthetic.max_t)
    assert [report[synthetic.metric] for report in walk] == synthetic.curve(config, 3).metrics[
        synthetic.metric
    ].tolist()
    assert [report["done"] for report in walk] == [False] * (synthetic.max_t - 1) + [True]


@pytest.mark.parametrize("name", BY_CURVE)
def test_no_seed_means_seed_zero(name: str) -> None:
    synthetic, config = workload(name), sampled(name, 0)
    assert steps(synthetic.trainable(config), 5) == steps(synthetic.trainable({**config, "seed": 0}), 5)


def test_another_seed_has_another_curve() -> None:
    trainable_class, config = workload("synthetic/mfh3-good").trainable, sampled("synthetic/mfh3-good", 0)
    assert trainable_class({**config, "seed": 1}).step() != trainable_class({**config, "seed": 2}).step()


@pytest.mark.parametrize("done", [0, 1, 40])
def test_a_restored_training_continues_where_it_was(done: int, tmp_path: Path) -> None:
    trainable_class, config = workload("synthetic/mfh3-good").trainable, sampled("synthetic/mfh3-good", 0)
    whole = steps(trainable_class(config), 81)
    first, second = trainable_class(config), trainable_class(config)
    steps(first, done)
    checkpoint = saved(first, tmp_path / "checkpoint")
    steps(first, 1)
    second.load_checkpoint(checkpoint)  # type: ignore[arg-type]  # Ray declares another checkpoint
    assert steps(second, 81 - done) == whole[done:]


def test_rays_save_and_restore_also_keep_the_iteration(tmp_path: Path) -> None:
    trainable_class, config = workload("synthetic/counting-ones").trainable, sampled("synthetic/counting-ones", 0)
    first, second = trainable_class(config), trainable_class(config)
    first.train()
    second.restore(first.save(str(tmp_path / "checkpoint")))
    restored, uninterrupted = second.train(), first.train()
    assert restored["training_iteration"] == uninterrupted["training_iteration"] == 2
    assert restored["value"] == uninterrupted["value"]


def test_a_reset_trainable_is_equivalent_to_a_new_one() -> None:
    trainable_class = workload("synthetic/mfh3-good").trainable
    used = trainable_class(sampled("synthetic/mfh3-good", 1))
    steps(used, 7)
    config = {**sampled("synthetic/mfh3-good", 0), "seed": 2}
    assert used.reset_config(config) is True
    assert steps(used, 81) == steps(trainable_class(config), 81)


def test_another_resource_is_reported_with_all_metrics() -> None:
    walker = curve_trainable("three", three, "steps")({"x": 1.0, "seed": 1})
    assert steps(walker, 3) == [
        {"loss": 2.5, "error": 5.0, "steps": 10, "done": False},
        {"loss": 2.25, "error": 4.5, "steps": 20, "done": False},
        {"loss": 2.125, "error": 4.25, "steps": 50, "done": True},
    ]
    assert isinstance(curve_trainable("three", three, "steps")({"x": 1.0}).step()["steps"], int), "as a counter is"
    with pytest.raises(ArgumentError, match="3 reports"):
        walker.step()


def test_a_curve_gets_the_hyperparameters_alone() -> None:
    seen: list[Any] = []

    def recorded(config: dict[str, Any], seed: int) -> Curve:
        seen.append((config, seed))
        return three(config, seed)

    curve_trainable("recorded", recorded, "steps")({"x": 1.0, "seed": 4, "fidelity": 9})
    assert seen == [({"x": 1.0}, 4)]


def test_a_resource_that_ray_cannot_count_is_rejected() -> None:
    with pytest.raises(ArgumentError, match=r"\[10.0, 20.0, 50.0\].*'training_iteration'"):
        curve_trainable("three", three, "training_iteration")({"x": 1.0})


@pytest.mark.parametrize("seed", [-1, 0.5, "one"])
def test_an_invalid_seed_is_rejected(seed: Any) -> None:
    with pytest.raises(ArgumentError, match="`seed` is"):
        curve_trainable("three", three, "steps")({"x": 1.0, "seed": seed})


def test_the_class_has_the_workloads_name() -> None:
    trainable_class = workload("synthetic/mfh6-moderate").trainable
    assert issubclass(trainable_class, CurveTrainable)
    assert trainable_class.__name__ == "synthetic-mfh6-moderate"


@pytest.mark.usefixtures("ray_session")
@pytest.mark.e2e
@pytest.mark.long
def test_a_study_on_ray_sees_the_numbers_of_the_curves(tmp_path: Path) -> None:
    synthetic = workload("synthetic/mfh3-good")
    assert synthetic.curve is not None
    result = rts.tune(
        workload=synthetic,
        method="asha",
        num_samples=3,
        max_concurrent=1,
        tuning_seeds=[0, 1],
        test_seeds=[5],
        storage_path=tmp_path,
        name="walk",
        progress=False,
    )
    best = {name: result.best_config[name] for name in synthetic.space}
    last = result.incumbent.iloc[-1]
    at = int(last["resource"]) - 1
    curves = [synthetic.curve(best, seed).metrics["value"][at] for seed in (0, 1)]
    assert last["value"] == pytest.approx(float(np.mean(curves)), abs=1e-12)
    assert result.test_value == synthetic.exact(best) if synthetic.exact else False
    assert set(result.trials["outcome"]) <= {"trained in full", "stopped early"}
