"""Evaluators that look up reports, and evaluators that train in this process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray import tune

from raytune_suite.engines.simulated.evaluators import CurveEvaluator, InProcessEvaluator, Training
from raytune_suite.errors import StudyError
from raytune_suite.types import Curve
from tests.engines.simulated.studies import LEARNER, MAX_T, Learner, cost, curve

GOOD, POOR = {"x": 0.7, "y": 0.1}, {"x": 0.0, "y": 0.1}


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def reports(training: Training, count: int) -> list[tuple[float, dict[str, Any]]]:
    return [(training.begin(), training.result()) for _ in range(count)]


# ---- curves ---------------------------------------------------------------------------------------------------------


def test_a_curve_is_reported_point_by_point_and_evaluated_once() -> None:
    evaluated = []

    def counting(config: dict[str, Any]) -> Curve:
        evaluated.append(config)
        return Curve(
            np.array([2.0, 4.0]), {"loss": np.array([0.5, 0.25]), "n": np.array([7, 8])}, np.array([10.0, 1.0])
        )

    first = reports(CurveEvaluator(counting, "epoch").start(GOOD), 2)
    assert first == [
        (10.0, {"epoch": 2, "loss": 0.5, "n": 7, "done": False}),
        (1.0, {"epoch": 4, "loss": 0.25, "n": 8, "done": True}),
    ]
    assert len(evaluated) == 1
    assert {type(value) for _, report in first for value in report.values()} <= {int, float, bool}


def test_a_fractional_resource_is_not_rounded() -> None:
    halves = Curve(np.array([0.5, 1.0]), {"loss": np.ones(2)}, np.ones(2))
    assert [report["epoch"] for _, report in reports(CurveEvaluator(lambda _: halves, "epoch").start({}), 2)] == [
        0.5,
        1.0,
    ]


def test_a_resumed_curve_is_not_evaluated_again_and_a_clone_follows_the_curve_of_its_config() -> None:
    evaluated = []
    curves = CurveEvaluator(lambda config: evaluated.append(config) or curve(config))  # type: ignore[func-returns-value] # counts
    first = curves.start(GOOD)
    before = reports(first, 3)
    resumed, clone = curves.start(dict(GOOD)), curves.start(POOR)
    for training in (resumed, clone):
        training.load(first.save())
    assert [report["loss"] for _, report in before + reports(resumed, 2)] == curve(GOOD).metrics["loss"].tolist()[:5]
    assert reports(clone, 1)[0][1]["loss"] == curve(POOR).metrics["loss"][3]
    assert evaluated == [GOOD, POOR]


def test_a_curve_has_no_report_after_its_end() -> None:
    training = CurveEvaluator(curve).start(GOOD)
    assert reports(training, MAX_T)[-1][1]["done"]
    with pytest.raises(StudyError, match="after 9 reports"):
        training.begin()


def test_a_curve_with_more_times_than_values_is_rejected() -> None:
    uneven = Curve(np.array([1.0, 2.0]), {"loss": np.ones(2)}, np.ones(3))
    with pytest.raises(StudyError, match="has 3 times, but 2 values"):
        CurveEvaluator(lambda _: uneven).start({}).begin()


# ---- in this process ------------------------------------------------------------------------------------------------


def test_a_training_in_process_reports_no_wall_clock_times() -> None:
    seconds, result = reports(LEARNER.start(GOOD), 2)[1]
    assert seconds == cost(GOOD)
    assert result == {"loss": pytest.approx(1 / 3), "training_iteration": 2, "done": False}


def test_a_state_can_be_loaded_with_another_config() -> None:
    donor, clone = LEARNER.start(GOOD), LEARNER.start(POOR)
    (_, last), *_ = reversed(reports(donor, 3))
    clone.load(donor.save())
    ((_, result),) = reports(clone, 1)
    assert result["training_iteration"] == 4
    assert result["loss"] < last["loss"] < reports(LEARNER.start(POOR), 4)[-1][1]["loss"]


class AsDict(Learner):
    """Returns its state as a dict, which Ray writes to a file."""

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # type: ignore[override] # Ray accepts both
        Path(checkpoint_dir, "folder").mkdir()
        return {"progress": self.progress}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.progress = checkpoint["progress"]


def test_a_state_may_be_a_dict() -> None:
    evaluator = InProcessEvaluator(AsDict, cost)
    first, second = evaluator.start(GOOD), evaluator.start(GOOD)
    reports(first, 2)
    second.load(first.save())
    assert reports(first, 1) == reports(second, 1)


def test_a_training_gets_a_copy_of_the_config() -> None:
    class Spoiler(Learner):
        def setup(self, config: dict[str, Any]) -> None:
            super().setup(config)
            config.clear()

    config = dict(GOOD)
    InProcessEvaluator(Spoiler, cost).start(config)
    assert config == GOOD


def test_trainings_remove_their_folders(tmp_path: Path) -> None:
    class Hopeless(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            raise ValueError(config)

    training = LEARNER.start(GOOD)
    reports(training, 1)
    training.save()
    assert len(list(tmp_path.iterdir())) == 1
    training.close()
    with pytest.raises(ValueError, match=r"0\.7"):
        InProcessEvaluator(Hopeless, cost).start(GOOD)
    assert not list(tmp_path.iterdir())
