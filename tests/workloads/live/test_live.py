"""Every live workload in the registry: its seed determines all draws, and its state is exact."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("gymnasium")

from ray.tune.trainable import trainable as ray_trainable  # noqa: E402 - after the skip

import raytune_suite as rts  # noqa: E402
from raytune_suite.errors import ArgumentError  # noqa: E402
from raytune_suite.workloads import WORKLOADS, workload  # noqa: E402
from raytune_suite.workloads.live import ppo_training  # noqa: E402
from raytune_suite.workloads.live.gpt_language import GPTLanguage  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

SIZES = ("live/gpt-language-3m", "live/gpt-language-30m")
"""Those that differ from live/gpt-language by numbers only."""

LIVE = [name for name in WORKLOADS if name.startswith("live/") and name not in SIZES]


@pytest.fixture(autouse=True)
def _keep_ray_results_out_of_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_trainable, "DEFAULT_STORAGE_PATH", str(tmp_path / "ray_results"))


@pytest.fixture(autouse=True)
def _shorten_sentences_and_rollouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GPTLanguage, "length", 8)
    monkeypatch.setattr(GPTLanguage, "steps_per_report", 2)
    monkeypatch.setattr(ppo_training, "ROLLOUT", 58)
    monkeypatch.setattr(ppo_training, "ROLLOUTS", 1)
    monkeypatch.setattr(ppo_training, "EPISODES", 4)


ADAMW = {"name": "adamw", "beta1": 0.9, "beta2": 0.95, "schedule": "constant"}


def config_of(name: str, draw: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a config of the workload's space, with large batches so that trainings are fast."""
    config = rts.Space(workload(name).space).sample(np.random.default_rng(draw))
    cheap: dict[str, Any] = {"batch": 200, "epochs": 2, "minibatch": 400, "lr": 0.005}
    if "resnet" in name:
        cheap |= {"batch": 512, "width": 4, "depth": 1}
    if "gpt" in name:
        cheap |= {"batch": 2, "width": 16, "depth": 1, "warmup": 0.0, "optimizer": ADAMW}
    return config | {key: value for key, value in cheap.items() if key in config} | {"seed": 3} | changes


def make(name: str, config: dict[str, Any] | None = None) -> Any:
    return workload(name).trainable(config or config_of(name))


def curve(trainable: Any, steps: int) -> list[dict[str, float]]:
    return [trainable.step() for _ in range(steps)]


def saved(trainable: Any, folder: Path) -> str:
    folder.mkdir()
    trainable.save_checkpoint(str(folder))
    return str(folder)


@pytest.mark.parametrize("name", LIVE)
def test_a_step_reports_the_metric_and_only_floats(name: str) -> None:
    result = make(name).step()
    assert workload(name).metric in result
    assert all(isinstance(value, float) for value in result.values())


@pytest.mark.e2e
def test_the_same_seed_gives_the_same_curves_in_a_fresh_process(tmp_path: Path) -> None:
    program = (
        "import json, sys, torch; from ray.tune.trainable import trainable as ray_trainable\n"
        "from raytune_suite.workloads import workload; ray_trainable.DEFAULT_STORAGE_PATH = sys.argv[2]\n"
        "from raytune_suite.workloads.live.gpt_language import GPTLanguage\n"
        "from raytune_suite.workloads.live import ppo_training\n"
        "GPTLanguage.length, GPTLanguage.steps_per_report = 8, 2\n"
        "ppo_training.ROLLOUT, ppo_training.ROLLOUTS, ppo_training.EPISODES = 58, 1, 4\n"
        "torch.manual_seed(1)\n"
        "trainables = [workload(name).trainable(config) for name, config in json.loads(sys.argv[1]).items()]\n"
        "print(json.dumps([trainable.step() for trainable in trainables]))"
    )
    configs = json.dumps({name: config_of(name) for name in LIVE}, default=float)
    command = [sys.executable, "-W", "ignore", "-c", program, configs, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert json.loads(done.stdout) == [make(name).step() for name in LIVE]


@pytest.mark.parametrize("name", [LIVE[0], *(pytest.param(name, marks=pytest.mark.e2e) for name in LIVE[1:])])
@pytest.mark.slow
def test_another_seed_has_another_curve_and_no_seed_means_seed_zero(name: str) -> None:
    assert make(name, config_of(name, seed=4)).step() != make(name).step()
    without = {key: value for key, value in config_of(name).items() if key != "seed"}
    assert make(name, without).step() == make(name, config_of(name, seed=0)).step()


@pytest.mark.parametrize("name", LIVE)
@pytest.mark.slow
def test_a_restored_training_continues_bit_for_bit(name: str, tmp_path: Path) -> None:
    whole = curve(make(name), 3)
    first = make(name)
    curve(first, 1)
    kept = first.training.state()
    checkpoint = saved(first, tmp_path / "checkpoint")
    curve(first, 1)  # what the training does afterwards does not change its checkpoint
    second = make(name)
    curve(second, 1)
    second.load_checkpoint(checkpoint)
    assert curve(second, 2) == whole[1:]
    assert set(kept) == set(second.training.state())


@pytest.mark.parametrize("name", LIVE)
@pytest.mark.slow
def test_a_reset_trainable_is_equivalent_to_a_new_one(name: str) -> None:
    used = make(name, config_of(name, draw=20, seed=9))
    curve(used, 1)
    assert used.reset_config(config_of(name)) is True
    assert curve(used, 2) == curve(make(name), 2)


@pytest.mark.parametrize("name", LIVE)
@pytest.mark.slow
def test_mutable_parameters_may_change_midway_and_take_effect(name: str, tmp_path: Path) -> None:
    donor = make(name)
    curve(donor, 1)
    checkpoint = saved(donor, tmp_path / "checkpoint")
    following = donor.step()
    other = config_of(name, draw=40, lr=0.01)
    changed = config_of(name) | {key: other[key] for key in workload(name).mutable}
    clone = make(name, changed)
    clone.load_checkpoint(checkpoint)
    assert clone.step() != following


@pytest.mark.parametrize("name", LIVE)
@pytest.mark.slow
def test_the_global_generators_are_not_used(name: str, tmp_path: Path) -> None:
    def states() -> tuple[Any, ...]:
        numpy_state: Any = np.random.get_state()  # noqa: NPY002 - the state of the global one
        return random.getstate(), numpy_state[1].tolist(), numpy_state[2], torch.get_rng_state().tolist()

    before = states()
    trainable = make(name)
    reference = trainable.step()
    trainable.load_checkpoint(saved(trainable, tmp_path / "checkpoint"))
    trainable.reset_config(config_of(name))
    assert states() == before
    torch.manual_seed(123)
    assert trainable.step() == reference


@pytest.mark.parametrize("value", [None, float("nan"), -0.1, "much"])
@pytest.mark.parametrize("name", LIVE)
def test_each_invalid_value_is_rejected_by_name(name: str, value: Any) -> None:
    for parameter in workload(name).space:
        with pytest.raises(ArgumentError, match=f"`{parameter}` is "):
            make(name, config_of(name, **{parameter: value}))


@pytest.mark.parametrize(
    ("name", "method"),
    [
        pytest.param(name, method, marks=() if name == "live/digits-mlp" else (pytest.mark.e2e, pytest.mark.long))
        for name in LIVE
        for method in ("asha", "pbt")
    ],
)
@pytest.mark.slow
def test_each_is_tuned_on_the_simulated_clock(name: str, method: str, tmp_path: Path) -> None:
    small = replace(workload(name), max_t=3)
    if method == "pbt" and "optimizer" in small.space:  # pbt accepts no conditional parameters
        small = replace(small, space=small.space | {"optimizer": ADAMW})
    limits: dict[str, Any] = {"budget": 2} if method == "asha" else {"num_samples": 2, "method_args": {"interval": 1}}
    result = rts.tune(
        workload=small,
        method=method,
        engine="simulated",
        tuning_seeds=[0],
        test_seeds=[5],
        storage_path=tmp_path,
        **limits,
    )
    assert set(result.best_config) == set(small.space)
    assert result.reports["elapsed"].max() > 0


@pytest.mark.parametrize("name", SIZES)
def test_the_larger_transformers_have_the_same_training_and_larger_networks(name: str) -> None:
    small, large = workload("live/gpt-language"), workload(name)
    assert issubclass(large.trainable, small.trainable)
    assert min(large.space["width"].categories) > max(small.space["width"].categories)
    assert set(large.space) == set(small.space)
    assert large.bounds is not None
    assert large.bounds[0] == pytest.approx(1.59, abs=0.01), "the entropy rate of the language, nearly"
