"""A simulated study that was suspended continues exactly as if it had not been interrupted."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from ray import cloudpickle, tune
from ray.tune.search import BasicVariantGenerator

from raytune_suite.engines.callbacks.decision_log import Decision, DecisionLog, difference
from raytune_suite.engines.simulated.clock import Clock
from raytune_suite.engines.simulated.controller import Controller
from raytune_suite.engines.simulated.evaluators import InProcessEvaluator
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.engines.simulated.suspension import resume, suspend
from raytune_suite.engines.simulated.trial_factory import make_search, pending_depth
from raytune_suite.errors import StudyError
from raytune_suite.schedulers import StudySearcher
from tests.engines.simulated.studies import CURVES, LEARNER, METRIC, Learner, cost, method, samples, study_log, variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.engines.callbacks.study_log import StudyLog
    from raytune_suite.engines.simulated.evaluators import Evaluator

METHODS = ["asha", "hyperband", "async-hyperband", "bohb", "dehb", "pbt"]
EVALUATORS: dict[str, Evaluator] = {"curves": CURVES, "in-process": LEARNER}


class Study(NamedTuple):
    """A controller, and what is suspended with it."""

    controller: Controller
    decisions: DecisionLog
    log: StudyLog


def create(name: str, folder: Path, evaluator: Evaluator, **settings: Any) -> Study:
    """A study of a method, wired as the simulated engine does it."""
    made = variant(name)
    clock: Clock[Any] = Clock()
    decisions, log = DecisionLog("loss", "training_iteration", clock), study_log(made.scheduler)
    searcher = StudySearcher(made.searcher, made.scheduler)
    assert made.scheduler.set_search_properties("loss", "min")
    search_alg = make_search(
        searcher, space=None, num_samples=samples(name), max_failures=settings.pop("max_failures", 0),
        checkpoint_every=0, folder=str(folder), **METRIC,
    )  # fmt: skip
    depth = made.scheduler.max_concurrent or pending_depth(search_alg, 4)
    made.scheduler.observers.append(decisions)
    controller = Controller(
        search_alg, made.scheduler, evaluator, workers=4, max_pending=depth, clock=clock,
        callbacks=[log], **settings,
    )  # fmt: skip
    return Study(controller, decisions, log)


def after(steps: int) -> Callable[[], bool]:
    """Interrupts a run after so many events."""
    left = iter(range(steps))
    return lambda: next(left, None) is None


def interrupt(study: Study, steps: int, evaluator: Evaluator) -> Study:
    """The study in other objects, after so many more events."""
    if study.controller.run(after(steps)):
        return study
    suspended = suspend(study.controller, study._replace(controller=None))  # type: ignore[arg-type] # restored below
    study.controller.close()
    gc.collect()
    controller, extra = resume(suspended, evaluator, tempfile.mkdtemp())
    assert controller is not study.controller
    assert extra.log is controller.callbacks[0]
    return Study(controller, extra.decisions, extra.log)


def assert_equal(study: Study, calm: Study) -> None:
    """Assert that two studies have the same outcome."""
    assert difference(study.decisions.rows, calm.decisions.rows) is None  # here NaN equals NaN
    assert study.log.reports == calm.log.reports
    assert study.controller.clock.now == calm.controller.clock.now
    trials, calm_trials = (
        [(trial.trial_id, trial.status, trial.config, trial.last_result) for trial in each.controller.trials]
        for each in (study, calm)
    )
    assert trials == calm_trials


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize("kind", EVALUATORS)
@pytest.mark.parametrize("name", METHODS)
def test_a_suspended_study_continues_exactly(name: str, kind: str, tmp_path: Path) -> None:
    evaluator = EVALUATORS[kind]
    calm = create(name, tmp_path, evaluator)
    assert calm.controller.run()
    study = create(name, tmp_path, evaluator)
    for steps in (0, 1, 2, 9, 20, 33):
        study = interrupt(study, steps, evaluator)
    assert study.controller.run()
    assert_equal(study, calm)


def test_a_study_is_not_changed_by_suspending_it(tmp_path: Path) -> None:
    calm, study = (create("hyperband", tmp_path, LEARNER) for _ in range(2))
    calm.controller.run()
    while not study.controller.run(after(7)):
        suspend(study.controller)
    assert_equal(study, calm)


class Fragile(Learner):
    """Crashes in its second step for some configs, each time."""

    def step(self) -> dict[str, Any]:
        if self.iteration == 1 and self.config["x"] < 0.3:
            raise ValueError(self.config)
        return super().step()


def test_faults_and_crashes_stay_as_they_are(tmp_path: Path) -> None:
    evaluator = InProcessEvaluator(Fragile, cost)
    settings: dict[str, Any] = {
        "max_failures": 1,
        "faults": [Fault(3.0, 1, 4.0), Fault(5.0, 0, 2.0, preempted=True), Fault(30.0, 2, 1.0)],
    }
    calm, study = (create("asha", tmp_path, evaluator, **settings) for _ in range(2))
    calm.controller.run()
    for _ in range(10):
        study = interrupt(study, 8, evaluator)
    study.controller.run()
    assert_equal(study, calm)
    assert {"ERROR"} < {row.decision for row in calm.decisions.rows}


def test_a_fresh_process_continues(tmp_path: Path) -> None:
    calm, study = (create("bohb", tmp_path, LEARNER) for _ in range(2))
    calm.controller.run()
    assert not study.controller.run(after(40))
    (tmp_path / "study").write_bytes(suspend(study.controller, study.decisions))
    study.controller.close()
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-W", "error", "-m", "tests.engines.simulated.test_suspension", str(tmp_path)],
        cwd=Path(__file__).parents[3], env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows: list[Decision] = cloudpickle.loads((tmp_path / "rows").read_bytes())
    assert rows == calm.decisions.rows


# ---- what cannot be suspended ---------------------------------------------------------------------------------------


class Unsaved(tune.Trainable):
    """Has no checkpoints."""

    def step(self) -> dict[str, Any]:
        return {"loss": 1.0}


def test_a_trainable_without_checkpoints_cannot_be_suspended_once_it_has_trained(tmp_path: Path) -> None:
    evaluator = InProcessEvaluator(Unsaved, cost)
    study = create("asha", tmp_path, evaluator)
    study.controller.run(after(0))
    assert suspend(study.controller)
    study.controller.run(after(3))
    with pytest.raises(StudyError, match=r"Unsaved.*`save_checkpoint`"):
        suspend(study.controller)
    study.controller.close()


def test_a_part_that_cannot_be_pickled_is_reported(tmp_path: Path) -> None:
    search_alg = make_search(
        BasicVariantGenerator(), space={"x": tune.uniform(0, 1), "y": 0.1}, num_samples=3, max_failures=0,
        checkpoint_every=0, folder=str(tmp_path), **METRIC,
    )  # fmt: skip
    scheduler = method("random").scheduler
    controller = Controller(search_alg, scheduler, CURVES, workers=1, max_pending=1)
    controller.run(after(2))
    with pytest.raises(StudyError, match="generator"):
        suspend(controller)


def test_bytes_of_another_program_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be resumed"):
        resume(b"something else", CURVES, str(tmp_path))


def main(folder: Path) -> None:
    """Continue the study in `folder` and write its decisions there."""
    controller, decisions = resume((folder / "study").read_bytes(), LEARNER, tempfile.mkdtemp(dir=folder))
    controller.run()
    (folder / "rows").write_bytes(cloudpickle.dumps(decisions.rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
