"""Clones whose new config has no effect are noticed; those whose config has one are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.schedulers.clone_guard import CloneGuard

if TYPE_CHECKING:
    from pathlib import Path


class Descent(tune.Trainable):
    """Gradient descent on a parabola, whose learning rate is a part of its checkpoints, as in PyTorch's optimizers."""

    def setup(self, config: dict[str, Any]) -> None:
        self.lr, self.x = config["lr"], 1.0

    def step(self) -> dict[str, float]:
        self.x -= self.lr * self.x
        return {"loss": self.x**2}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, float]:  # noqa: ARG002 - Ray's signature
        return {"lr": self.lr, "x": self.x}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.lr, self.x = checkpoint["lr"], checkpoint["x"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


class Remedied(Descent):
    """Sets the learning rate after loading a checkpoint."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        super().load_checkpoint(checkpoint)
        self.lr = self.config["lr"]


def train(trainable: Any, folder: Path, **changes: Any) -> rts.StudyResult:
    space = {"lr": tune.loguniform(1e-3, 0.5)}
    how = {"method": "pbt", "engine": "simulated", "method_args": {"interval": 2}, "max_t": 20, **changes}
    return rts.tune(
        trainable,
        space,
        metric="loss",
        mode="min",
        num_samples=6,
        storage_path=folder,
        name="study",
        progress=False,
        **how,
    )


def warned(caplog: pytest.LogCaptureFixture) -> bool:
    return any("load_state_dict" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("method", "trainable"),
    [
        ("pbt", Descent),
        ("pbt", Remedied),
        pytest.param("pb2", Descent, marks=[pytest.mark.e2e, pytest.mark.long]),
    ],
)
@pytest.mark.slow
def test_it_warns_where_the_new_config_has_no_effect(
    method: str, trainable: type[Descent], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(trainable, tmp_path, method=method, max_t=20 if method == "pbt" else 10)
    assert warned(caplog) == (trainable is Descent)


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("trainable", [Descent, Remedied])
def test_it_warns_on_ray(trainable: type[Descent], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(trainable, tmp_path, engine="ray")
    assert warned(caplog) == (trainable is Descent)


def reports(guard: CloneGuard, trial: str, values: dict[float, float], config: int) -> list[bool]:
    return [guard.reported(trial, at, value, {"lr": config}) for at, value in values.items()]


def test_a_source_that_is_ahead_is_compared_with_what_it_has_reported() -> None:
    guard = CloneGuard()
    reports(guard, "source", {1: 0.9, 2: 0.8, 3: 0.7, 4: 0.6}, 1)
    reports(guard, "clone", {1: 1.9}, 2)
    guard.cloned("clone", "source", 1)
    assert reports(guard, "clone", {2: 0.8, 3: 0.7, 4: 0.6, 5: 0.5}, 3) == [False, False, True, False]


def test_clones_of_the_same_checkpoint_are_compared_with_each_other() -> None:
    guard = CloneGuard()
    reports(guard, "source", {1: 0.9}, 1)
    guard.cloned("a", "source", 1)
    guard.cloned("b", "source", 1)
    reports(guard, "a", {2: 0.8, 3: 0.7, 4: 0.6}, 2)
    assert reports(guard, "b", {2: 0.8, 3: 0.7, 4: 0.6}, 3)[-1]


@pytest.mark.parametrize(
    ("clone", "config"),
    [
        ({2: 0.8, 3: 0.7, 4: 0.61}, 3),  # the config has an effect
        ({2: 0.8, 3: 0.8, 4: 0.8}, 3),
        ({2: 0.8, 3: 0.7, 4: 0.6}, 1),  # it is the same config
    ],
)
def test_it_does_not_warn(clone: dict[float, float], config: int) -> None:
    guard = CloneGuard()
    reports(guard, "source", {1: 0.9, 2: 0.8, 3: 0.7, 4: 0.6}, 1)
    guard.cloned("clone", "source", 1)
    assert not any(reports(guard, "clone", clone, config))


def test_a_metric_that_never_changes_says_nothing() -> None:
    guard = CloneGuard()
    reports(guard, "source", dict.fromkeys(range(1, 9), 1.0), 1)
    guard.cloned("clone", "source", 1)
    assert not any(reports(guard, "clone", dict.fromkeys(range(2, 9), 1.0), 2))


def test_a_member_that_copies_another_one_is_compared_with_its_clones_no_more() -> None:
    guard = CloneGuard()
    reports(guard, "source", {1: 0.9}, 1)
    guard.cloned("clone", "source", 1)
    guard.cloned("source", "other", 1)
    reports(guard, "source", {2: 0.8, 3: 0.7, 4: 0.6}, 5)
    assert not any(reports(guard, "clone", {2: 0.8, 3: 0.7, 4: 0.6}, 2))
    assert guard.repeated == 0
