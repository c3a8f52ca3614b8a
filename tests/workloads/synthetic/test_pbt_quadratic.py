"""The toy problem of PBT: it is cheap, and its state is exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ray.tune.trainable import trainable as ray_trainable

from raytune_suite.errors import ArgumentError
from raytune_suite.workloads import workload
from raytune_suite.workloads.synthetic.pbt_quadratic import PBTQuadratic, exact

if TYPE_CHECKING:
    from pathlib import Path

CONFIG: dict[str, Any] = {"h0": 0.3, "h1": 0.7}


@pytest.fixture(autouse=True)
def _keep_ray_results_out_of_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_trainable, "DEFAULT_STORAGE_PATH", str(tmp_path / "ray_results"))


def walk(trainable: PBTQuadratic, count: int) -> list[dict[str, float]]:
    return [trainable.step() for _ in range(count)]


def saved(trainable: PBTQuadratic, folder: Path) -> str:
    folder.mkdir()
    trainable.save_checkpoint(str(folder))
    return str(folder)


def test_a_training_ends_at_its_exact_value_whatever_the_seed() -> None:
    toy = workload("synthetic/pbt-quadratic")
    for seed in (0, 1):
        assert walk(PBTQuadratic({**CONFIG, "seed": seed}), toy.max_t)[-1]["value"] == exact(CONFIG)
    assert exact(CONFIG) == pytest.approx(1.2 - 0.81 * ((1 - 0.006) ** 162 + (1 - 0.014) ** 162))


def test_more_weight_is_better_and_no_weight_stays_at_the_start() -> None:
    toy = workload("synthetic/pbt-quadratic")
    assert exact({"h0": 1, "h1": 1}) == toy.optimum == pytest.approx(1.2 - 1.62 * 0.98**162)
    assert toy.bounds == (toy.optimum, exact({"h0": 0, "h1": 0}))
    assert exact({"h0": 1, "h1": 1}) > exact({"h0": 1, "h1": 0.9}) > exact({"h0": 0.9, "h1": 0.9}) > exact(CONFIG)
    rising = [report["value"] for report in walk(PBTQuadratic({"h0": 0.0, "h1": 1.0}), 81)]
    assert rising == sorted(rising)
    assert rising[-1] < 1.2 - 0.81, "the paper's member that never learns about theta 0"


def test_a_clone_can_do_better_than_either_member_in_the_paper(tmp_path: Path) -> None:
    first = PBTQuadratic({"h0": 1.0, "h1": 0.0})
    walk(first, 40)
    second = PBTQuadratic({"h0": 0.0, "h1": 1.0})
    second.load_checkpoint(saved(first, tmp_path / "checkpoint"))
    assert walk(second, 41)[-1]["value"] > exact({"h0": 1.0, "h1": 0.0}) + 0.3


@pytest.mark.parametrize("steps", [0, 1, 40])
def test_a_restored_training_continues_bit_for_bit(steps: int, tmp_path: Path) -> None:
    whole = walk(PBTQuadratic(CONFIG), 81)
    first, second = PBTQuadratic(CONFIG), PBTQuadratic(CONFIG)
    walk(first, steps)
    checkpoint = saved(first, tmp_path / "checkpoint")
    walk(first, 1)
    second.load_checkpoint(checkpoint)
    assert walk(second, 81 - steps) == whole[steps:]


def test_a_clone_keeps_the_donors_theta_and_its_own_weights(tmp_path: Path) -> None:
    donor, clone = PBTQuadratic(CONFIG), PBTQuadratic({"h0": 0.0, "h1": 0.0})
    before = walk(donor, 10)[-1]
    clone.load_checkpoint(saved(donor, tmp_path / "checkpoint"))
    assert clone.step() == before


def test_a_reset_trainable_is_equivalent_to_a_new_one() -> None:
    used = PBTQuadratic({"h0": 1.0, "h1": 0.0})
    walk(used, 5)
    assert used.reset_config(dict(CONFIG)) is True
    assert walk(used, 5) == walk(PBTQuadratic(CONFIG), 5)


@pytest.mark.parametrize("value", [1.2, -0.1, None, float("nan"), "one"])
def test_weights_outside_the_space_are_rejected(value: Any) -> None:
    with pytest.raises(ArgumentError, match="`h1` is "):
        PBTQuadratic({"h0": 0.5, "h1": value})
