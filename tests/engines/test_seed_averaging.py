"""Training on several seeds in lockstep equals training on each seed and averaging."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from ray import tune

from raytune_suite.engines.ray.engine import allows_reuse
from raytune_suite.engines.seed_averaging import mean, on_seeds


class Counter(tune.Trainable):
    """Adds up its steps, starting at its seed, and saves the sum as a file or as a dict."""

    as_file = True

    def setup(self, config: dict[str, Any]) -> None:
        self.count = float(config["seed"])
        self.step_size = config["x"]

    def step(self) -> dict[str, Any]:
        self.count += self.step_size
        return {"loss": self.count, "note": "same", "done": self.count > 8}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any] | None:
        if not self.as_file:
            return {"count": self.count}
        Path(checkpoint_dir, "count.json").write_text(json.dumps(self.count))
        return None

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.count = json.loads(Path(checkpoint, "count.json").read_text()) if self.as_file else checkpoint["count"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


class InMemory(Counter):
    as_file = False


class NeverReset(tune.Trainable):
    pass


def test_numbers_are_averaged_and_other_values_are_those_of_the_first_copy() -> None:
    trainable = on_seeds(Counter, [0, 4])({"x": 1})
    assert trainable.step() == {"loss": 3.0, "loss_std": 2.0, "note": "same", "done": False}


def test_it_is_done_when_all_copies_are_done() -> None:
    trainable = on_seeds(Counter, [0, 7])({"x": 2})
    assert [trainable.step()["done"] for _ in range(5)] == [False, False, False, False, True]


@pytest.mark.parametrize("kind", [Counter, InMemory])
def test_each_copy_is_saved_and_restored(kind: type[tune.Trainable], tmp_path: Path) -> None:
    trainable = on_seeds(kind, [0, 4])({"x": 1})
    trainable.step()
    trainable.save_checkpoint(str(tmp_path))
    fresh = on_seeds(kind, [0, 4])({"x": 1})
    restored: Any = str(tmp_path)
    fresh.load_checkpoint(restored)
    assert fresh.step() == trainable.step()


def test_a_reset_keeps_the_seed_of_each_copy() -> None:
    trainable = on_seeds(Counter, [0, 4])({"x": 1})
    trainable.step()
    assert trainable.reset_config({"x": 3})
    assert trainable.step()["loss"] == 5.0


def test_an_actor_is_reused_only_if_the_trainable_allows_it() -> None:
    assert allows_reuse(on_seeds(Counter, [0, 1]))
    assert not allows_reuse(on_seeds(NeverReset, [0, 1]))
    assert allows_reuse(lambda config: None)  # noqa: ARG005 - any function


def test_the_mean_is_nan_if_one_copy_lacks_a_number() -> None:
    assert math.isnan(mean([{"loss": 1.0}, {"loss": "?"}])["loss"])
    assert math.isnan(mean([{}, {"loss": 1.0}])["loss"])


def test_a_copy_has_the_same_config_and_iteration_as_alone() -> None:
    class Schedule(tune.Trainable):
        def step(self) -> dict[str, Any]:
            return {"loss": self.config["x"] * 0.5**self.iteration, "done": self.iteration == 2}

        def reset_config(self, new_config: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray's signature
            return True

    alone: Any = Schedule({"x": 8.0, "seed": 0})
    together: Any = on_seeds(Schedule, [0, 1])({"x": 8.0})
    for _ in range(3):
        expected, actual = alone.train(), together.train()
        assert (actual["loss"], actual["done"]) == (expected["loss"], expected["done"])
    together.reset_config({"x": 2.0})
    together._iteration = 0
    assert together.train()["loss"] == 2.0


def test_a_copy_that_is_done_is_not_trained_further() -> None:
    trainable = on_seeds(Counter, [0, 7])({"x": 2})
    losses = [trainable.step()["loss"] for _ in range(3)]
    assert losses == [(2 + 9) / 2, (4 + 9) / 2, (6 + 9) / 2]


@pytest.mark.parametrize("head", [{}, {"CPU": 1.0, "GPU": 0.5}])
def test_copies_share_a_process_and_have_workers_of_their_own(head: dict[str, float]) -> None:
    class Distributed(tune.Trainable):
        @classmethod
        def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
            return tune.PlacementGroupFactory([head, *[{"CPU": config["cpus"]}] * 2], strategy="SPREAD")

    request = on_seeds(Distributed, [0, 1, 2]).default_resource_request({"cpus": 2.0})
    assert request == tune.PlacementGroupFactory([head, {"CPU": 6.0}, {"CPU": 6.0}], strategy="SPREAD")
    assert on_seeds(tune.Trainable, [0, 1]).default_resource_request({}) is None
