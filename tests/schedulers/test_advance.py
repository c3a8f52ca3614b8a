"""Trials whose resource does not advance end the study with an error that names what they report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.errors import StudyError
from raytune_suite.schedulers.advance import IDLE, STALLED, WITHOUT, Advance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def faults(advance: Advance, reports: list[dict[str, Any]]) -> list[int]:
    """The positions of the reports after which the study cannot continue."""
    return [n for n, report in enumerate(reports) if advance.reported("a", "loss", {"loss": 1.0, **report}) is not None]


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([{"epoch": n} for n in range(1, 300)], []),
        ([{}] * WITHOUT, [WITHOUT - 1]),
        ([{"epoch": math.nan}] * WITHOUT, [WITHOUT - 1]),
        ([{"epoch": "one"}] * WITHOUT, [WITHOUT - 1]),
        ([*[{}] * (WITHOUT - 1), {"epoch": 1}] * 3, [29] if STALLED < 30 else []),
        ([{"epoch": 3}] * (STALLED + 1), [STALLED]),
        ([{"epoch": -n} for n in range(STALLED + 1)], [STALLED]),
        ([{"epoch": n // 50} for n in range(300)], []),
        ([{"epoch": 1, "iterations_since_restore": 1}] * 300, []),
    ],
)
def test_a_resource_must_advance(reports: list[dict[str, Any]], expected: list[int]) -> None:
    assert faults(Advance("epoch"), reports)[:1] == expected


def test_reports_without_the_metric_may_lack_the_resource_for_longer() -> None:
    advance = Advance("epoch")
    answers = [advance.reported("a", "loss", {"seconds": 1.0}) for _ in range(STALLED)]
    assert [answer is None for answer in answers] == [True] * (STALLED - 1) + [False]


def test_trials_that_end_without_a_resource_end_the_study() -> None:
    assert Advance("epochs").ended("a", "loss", {"loss": 1.0, "epoch": 3}) is not None
    advance = Advance("epoch")
    assert [advance.ended(str(n), "loss", {"loss": 1.0, "epoch": 0}) is None for n in range(IDLE)] == [True] * (
        IDLE - 1
    ) + [False]
    assert Advance("training_iteration").ended("a", "loss", {"loss": 1.0}) is None  # which the engine counts


class Training(tune.Trainable):
    """Reports what a subclass wants, for ever."""

    def setup(self, config: dict[str, Any]) -> None:
        self.loss, self.steps = config["x"], 0

    def more(self) -> dict[str, Any]:
        return {}

    def step(self) -> dict[str, Any]:
        self.steps += 1
        return {"loss": self.loss, **self.more()}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {"steps": self.steps}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.steps = checkpoint["steps"]


class Misspelled(Training):
    def more(self) -> dict[str, Any]:
        return {"epochs": self.steps}


class NotANumber(Training):
    def more(self) -> dict[str, Any]:
        return {"epoch": math.nan}


class Constant(Training):
    def more(self) -> dict[str, Any]:
        return {"epoch": 0}


class Short(Training):
    def more(self) -> dict[str, Any]:
        return {"epochs": 1, "done": True}


@pytest.mark.parametrize("kind", [Misspelled, NotANumber, Constant, Short])
@pytest.mark.parametrize("method", ["random", "asha", "hyperband", "pbt", "dehb"])
def test_a_study_ends_with_an_error_instead_of_training_forever(
    kind: type[Training], method: str, tmp_path: Path
) -> None:
    space = {"x": tune.uniform(0, 1)}
    options: dict[str, Any] = {"engine": "simulated", "storage_path": tmp_path, "progress": False, "budget": 3}
    with pytest.raises(StudyError, match="epoch"):
        rts.tune(kind, space, metric="loss", mode="min", max_t=9, time_attr="epoch", method=method, **options)


def train(report: Callable[[int], dict[str, Any]]) -> Callable[[dict[str, Any]], None]:
    def function(config: dict[str, Any]) -> None:
        for n in range(10**9):
            tune.report({"loss": config["x"], **report(n)})

    return function


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_study_on_ray_ends_with_the_same_error(tmp_path: Path) -> None:
    options: dict[str, Any] = {"storage_path": str(tmp_path), "progress": False, "budget": 3}
    with pytest.raises(StudyError, match="'epochs'"):
        rts.tune(
            train(lambda n: {"epochs": n}),
            {"x": tune.uniform(0, 1)},
            metric="loss",
            mode="min",
            max_t=9,
            time_attr="epoch",
            **options,
        )
