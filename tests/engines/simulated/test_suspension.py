"""A suspended simulated study continues exactly as without the interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ray import cloudpickle, tune

from raytune_suite.engines.simulated.evaluators import InProcessEvaluator
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.engines.simulated.suspension import deferred_interrupt, resume, suspend
from raytune_suite.errors import StudyError
from tests.engines.simulated.interrupted_studies import after, assert_equal, create, interrupt
from tests.engines.simulated.studies import CURVES, LEARNER, Learner, cost

if TYPE_CHECKING:
    from raytune_suite.engines.callbacks.decision_log import Decision
    from raytune_suite.engines.simulated.evaluators import Evaluator

METHODS = ["asha", "hyperband", "async-hyperband", "bohb", "dehb", "pbt"]
EVALUATORS: dict[str, Evaluator] = {"curves": CURVES, "in-process": LEARNER}


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("asha", "in-process"),
        ("hyperband", "curves"),
        ("pbt", "in-process"),
        *(
            pytest.param(name, "curves", marks=[pytest.mark.e2e, pytest.mark.long])
            for name in METHODS
            if name != "hyperband"
        ),
    ],
)
@pytest.mark.slow
def test_a_suspended_study_continues_exactly(name: str, kind: str, tmp_path: Path) -> None:
    evaluator = EVALUATORS[kind]
    calm = create(name, tmp_path, evaluator)
    assert calm.controller.run()
    study = create(name, tmp_path, evaluator)
    for steps in (0, 1, 2, 20, 33):
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


@pytest.mark.slow
def test_suspending_changes_no_faults_or_crashes(tmp_path: Path) -> None:
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


@pytest.mark.process
@pytest.mark.e2e
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
    """Cannot save checkpoints."""

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


def test_an_object_that_cannot_be_pickled_is_reported(tmp_path: Path) -> None:
    study = create("asha", tmp_path, CURVES)
    with pytest.raises(StudyError, match="lock"):
        suspend(study.controller, threading.Lock())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_only_the_first_signal_is_deferred(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with deferred_interrupt() as interrupted:
        assert not interrupted()
        signal.raise_signal(number)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_thread_cannot_defer_ctrl_c() -> None:
    seen = []

    def run() -> None:
        with deferred_interrupt() as interrupted:
            seen.append(interrupted())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [False]


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
