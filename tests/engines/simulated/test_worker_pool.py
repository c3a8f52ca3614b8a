"""The pool of Ray workers: equal decisions to those in this process, crashes, lost workers, and cleanup."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import ray
from ray import cloudpickle, tune
from ray.tune.experiment import Trial

import raytune_suite as rts
from raytune_suite.engines.callbacks.decision_log import ERROR, difference
from raytune_suite.engines.simulated import worker_pool
from raytune_suite.engines.simulated.engine import Simulation
from raytune_suite.engines.simulated.evaluators import InProcessEvaluator
from raytune_suite.engines.simulated.worker_pool import WorkerPoolEvaluator
from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.tuning.task import workload_task
from tests.conformance import common
from tests.engines.simulated import interrupted_studies
from tests.engines.simulated.studies import LEARNER, MAX_T, METRIC, Learner, cost, method, samples, simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

CURVE = workload_task("synthetic/mfh3")
GOOD, POOR = {"x": 0.7, "y": 0.1}, {"x": 0.0, "y": 0.1}

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Ray workers cannot import the tests
pytestmark = pytest.mark.usefixtures("ray_session")


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    common.cheapen(monkeypatch.setattr)


def faulty(file: Path) -> Any:
    """A trainable whose fault a file names when a training is set up, so that all faults share a pool."""

    class Faulty(Learner):
        def setup(self, config: dict[str, Any]) -> None:
            self.fault = file.read_text()
            if self.fault == "setup" and config["x"] < 0.4:
                raise MemoryError(f"x is {config['x']}")
            super().setup(config)

        def step(self) -> dict[str, Any]:
            if self.fault == f"step {self.iteration + 1}" and self.config["x"] < 0.4:
                raise ValueError(f"x is {self.config['x']}")
            if self.fault == "death" and self.iteration == 5:  # once, of the trial that reaches its sixth step first
                with contextlib.suppress(FileExistsError):
                    file.with_suffix(".dead").touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
            return super().step()

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            if self.fault == "save":
                raise OSError(f"{checkpoint_dir} is full")
            super().save_checkpoint(checkpoint_dir)

    return Faulty


@pytest.fixture(scope="module")
def fault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that names the fault of the trainings in `both`."""
    return tmp_path_factory.mktemp("fault") / "fault"


@pytest.fixture(autouse=True)
def _no_fault(fault: Path) -> None:
    fault.write_text("none")


@contextlib.contextmanager
def pool(trainable: Any = Learner, compute: int = 2, cpu: float = 0.5) -> Iterator[WorkerPoolEvaluator]:
    """Ray workers that fit on any machine."""
    with WorkerPoolEvaluator(trainable, cost, compute=compute, resources={"cpu": cpu}) as trainings:
        yield trainings


def alive() -> set[str]:
    """Return the ids of this process's live actors."""
    actors = ray._private.state.actors().items()
    return {name for name, actor in actors if actor["State"] != "DEAD"}


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def train(training: Any, steps: int) -> dict[str, Any]:
    """Return the last of `steps` reports."""
    for _ in range(steps):
        training.begin()
        result: dict[str, Any] = training.result()
    return result


# ---- the same decisions ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(fault: Path) -> Iterator[WorkerPoolEvaluator]:
    """A pool of two workers for nearly all studies, since a worker takes seconds to start."""
    with pool(faulty(fault), compute=2, cpu=0) as trainings:
        yield trainings


@pytest.mark.parametrize(
    "name",
    ["asha", "pbt", *(pytest.param(name, marks=[pytest.mark.e2e, pytest.mark.long]) for name in ("hyperband", "dehb"))],
)
def test_decisions_match_this_process(name: str, both: WorkerPoolEvaluator) -> None:
    in_process, in_pool = (
        simulate(method(name), evaluation, num_samples=samples(name)).decisions.rows for evaluation in (LEARNER, both)
    )
    assert max(row.resource for row in in_process) == MAX_T
    assert in_pool == in_process
    assert all(worker.trainings == 0 for worker in both._workers)


def test_both_workers_train(both: WorkerPoolEvaluator) -> None:
    trainings = [both.start(GOOD) for _ in range(4)]
    for training in trainings:
        training.begin()
    assert [worker.trainings for worker in both._workers] == [2, 2]
    for training in trainings:
        assert training.result() == {"loss": 0.5, "training_iteration": 1, "done": False}
        training.close()


def test_a_state_moves_to_another_worker_and_config(both: WorkerPoolEvaluator) -> None:
    donor, clone = both.start(GOOD), both.start(POOR)
    last = train(donor, 3)
    state = donor.save()
    assert donor.begin() == cost(GOOD)  # continues before the clone has begun
    clone.load(state)
    assert clone.save().reference is state.reference  # it has not moved yet
    assert clone.begin() == cost(POOR)
    result = clone.result()
    assert result["training_iteration"] == 4
    assert result["loss"] < last["loss"] == 0.25
    donor.close()
    clone.close()
    assert both.start(GOOD).save() is None


@pytest.mark.e2e
def test_a_whole_study_through_tune_with_one_worker_is_the_same(tmp_path: Path) -> None:
    logs, before = [], alive()
    for compute in (None, 1):
        result = rts.tune(
            Learner, {"x": tune.uniform(0, 1), "y": tune.loguniform(1e-3, 1)}, method="asha", max_t=MAX_T, seed=1,
            num_samples=6, engine=Simulation(cost=cost, compute=compute), resources={"cpu": 0.5} if compute else None,
            storage_path=tmp_path, name=f"with-{compute}", progress=False, **METRIC,
        )  # fmt: skip
        logs.append((Path(result.path) / "decisions.parquet").read_bytes())
    assert logs[0] == logs[1]
    wait_for(lambda: alive() <= before)


@pytest.mark.e2e
@pytest.mark.long
def test_the_digits_workload_gives_the_same_log_with_any_number_of_workers(tmp_path: Path) -> None:
    logs = []
    for compute in (0, 1, 2):
        result = rts.tune(
            workload="live/digits-mlp", method="bohb", budget=1.5, tuning_seeds=[0], test_seeds=[], progress=False,
            engine=Simulation(compute=compute), storage_path=tmp_path, name=f"with-{compute}",
        )  # fmt: skip
        logs.append((Path(result.path) / "decisions.parquet").read_bytes())
    assert logs[0] == logs[1] == logs[2]


@pytest.mark.parametrize("name", ["asha", "pbt"])
def test_a_study_in_workers_is_suspended_and_continues_exactly(
    name: str, both: WorkerPoolEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    calm = interrupted_studies.create(name, tmp_path, both)
    calm.controller.run()
    study = interrupted_studies.create(name, tmp_path, both)
    for steps in (0, 1, 9, 20):
        study = interrupted_studies.interrupt(study, steps, both)
    study.controller.run()
    interrupted_studies.assert_equal(study, calm)
    assert all(worker.trainings == 0 for worker in both._workers)


# ---- crashes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "error"), [("step 3", "ValueError"), ("setup", "MemoryError")])
def test_an_exception_crashes_its_trial_and_no_other(
    where: str, error: str, fault: Path, both: WorkerPoolEvaluator
) -> None:
    fault.write_text(where)
    outcome = simulate(method("random"), both)
    training = both.start(POOR)
    with pytest.raises(Exception, match=f"{error}: x is 0.0"):
        train(training, 3)
    training.close()
    broken = [trial for trial in outcome.trials if trial.status == Trial.ERROR]
    assert [trial.config["x"] < 0.4 for trial in outcome.trials] == [trial in broken for trial in outcome.trials]
    assert broken
    assert {trial.last_result["training_iteration"] for trial in outcome.trials if trial not in broken} == {MAX_T}


def test_a_crash_in_a_step_gives_the_same_log_as_in_this_process(fault: Path, both: WorkerPoolEvaluator) -> None:
    fault.write_text("step 1")
    there = simulate(method("asha"), both, max_failures=1).decisions.rows
    here = simulate(method("asha"), InProcessEvaluator(faulty(fault), cost), max_failures=1).decisions.rows
    assert difference(there, here, times=True) is None
    assert ERROR in {row.decision for row in here}


def test_a_checkpoint_that_cannot_be_saved_raises_at_once(fault: Path, both: WorkerPoolEvaluator) -> None:
    fault.write_text("save")
    training = both.start(GOOD)
    training.begin()
    training.result()
    with pytest.raises(OSError, match="is full"):
        training.save()
    training.close()


def test_a_checkpoint_in_the_middle_of_a_step_is_rejected(both: WorkerPoolEvaluator) -> None:
    training = both.start(GOOD)
    training.begin()
    with pytest.raises(StudyError, match="middle of a step"):
        training.save()
    training.result()
    training.close()


# ---- lost processes -------------------------------------------------------------------------------------------------


def losses(outcome: Any) -> dict[tuple[str, float], float]:
    """Return what each config reported at each resource."""
    return {(row.config, row.resource): row.value for row in outcome.decisions.rows if row.decision != ERROR}


@pytest.mark.parametrize("compute", [2, pytest.param(1, marks=[pytest.mark.e2e, pytest.mark.long])])
def test_trials_on_a_worker_that_dies_restart_from_their_last_checkpoints(
    compute: int, fault: Path, both: WorkerPoolEvaluator
) -> None:
    fault.write_text("death")
    fault.with_suffix(".dead").unlink(missing_ok=True)
    settings: dict[str, Any] = {"num_samples": 6, "max_failures": 1, "checkpoint_every": 1}
    alone = pool(faulty(fault), compute=1, cpu=0)
    with alone if compute == 1 else contextlib.nullcontext(both) as trainings:
        first = trainings._workers[0]
        outcome = simulate(method("random"), trainings, **settings)
        assert fault.with_suffix(".dead").exists()
        assert first not in trainings._workers or compute == 2
        assert len(trainings._workers) + len(trainings._starting) == compute
    expected = simulate(method("random"), LEARNER, **settings)
    assert losses(outcome) == losses(expected)
    assert {trial.status for trial in outcome.trials} == {Trial.TERMINATED}
    lost = [row.resource for row in outcome.decisions.rows if row.decision == ERROR]
    assert 1 <= len(lost) <= 4
    again = len(outcome.decisions.rows) - len(expected.decisions.rows) - len(lost)
    assert 0 <= again <= len(lost)  # a report is repeated if its checkpoint was not saved yet


@pytest.mark.e2e
@pytest.mark.long
def test_without_retries_the_trials_on_a_worker_that_dies_fail(fault: Path) -> None:
    fault.write_text("death")
    fault.with_suffix(".dead").unlink(missing_ok=True)
    with pool(faulty(fault), 2) as trainings:
        outcome = simulate(method("random"), trainings, num_samples=8)
    broken = [trial for trial in outcome.trials if trial.status == Trial.ERROR]
    assert 1 <= len(broken) <= 4
    assert {trial.last_result["training_iteration"] for trial in outcome.trials if trial not in broken} == {MAX_T}
    fault.with_suffix(".dead").unlink()
    with pool(faulty(fault), 1) as trainings:
        training = trainings.start(GOOD)
        with pytest.raises(StudyError, match="died"):
            train(training, 6)
        training.close()


# ---- start and end --------------------------------------------------------------------------------------------------


class Slow(Learner):
    """Takes 0.2 s for a step."""

    def step(self) -> dict[str, Any]:
        time.sleep(0.2)
        return super().step()


@pytest.mark.e2e
def test_ctrl_c_leaves_no_workers_behind(tmp_path: Path) -> None:
    class Later(tune.Callback):
        def on_trial_complete(self, *_: Any, **__: Any) -> None:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    before = alive()
    with pytest.raises(rts.StudyInterrupted):
        rts.tune(
            Slow, {"x": tune.uniform(0, 1), "y": tune.loguniform(1e-3, 1)}, method="random", max_t=MAX_T,
            num_samples=1000, callbacks=[Later()], engine=Simulation(cost=cost, compute=1), resources={"cpu": 0.5},
            storage_path=tmp_path, name="study", progress=False, **METRIC,
        )  # fmt: skip
    wait_for(lambda: alive() <= before)


@pytest.mark.e2e
@pytest.mark.long
def test_workers_remove_their_files() -> None:
    class Reporting(Learner):
        def step(self) -> dict[str, Any]:
            return {**super().step(), "folder": self.logdir}

    with pool(Reporting, 1) as trainings:
        stopped, running = trainings.start(GOOD), trainings.start(GOOD)
        for training in (stopped, running):
            training.begin()
        first, second = (Path(training.result()["folder"]) for training in (stopped, running))
        stopped.close()
        wait_for(lambda: not first.exists())
        assert second.exists()
    assert not second.exists()


@pytest.mark.e2e
@pytest.mark.long
def test_a_study_starts_with_the_workers_that_fit(caplog: pytest.LogCaptureFixture) -> None:
    cpu = ray.cluster_resources()["CPU"]
    with pool(compute=3, cpu=cpu) as trainings:
        assert "room for 1 of 3 Ray workers" in caplog.text
        outcome = simulate(method("random"), trainings, num_samples=4)
        ray.kill(trainings._workers[0].actor)
        wait_for(lambda: not trainings._collect_started() and len(trainings._workers) == 2)  # type: ignore[func-returns-value]
    assert outcome.decisions.rows == simulate(method("random"), LEARNER, num_samples=4).decisions.rows


@pytest.mark.e2e
@pytest.mark.long
def test_waiting_for_a_worker_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(worker_pool, "WARNING_INTERVAL_S", 0.5)
    cpu = ray.cluster_resources()["CPU"]
    with pool(compute=1, cpu=cpu) as first:
        timer = threading.Timer(2.0, first._close)
        timer.start()
        with pool(compute=1, cpu=cpu):
            assert f"still waiting for a Ray worker with {{'CPU': {cpu}}}" in caplog.text
        timer.join()


def test_a_trainable_that_cannot_be_pickled_raises_before_the_study() -> None:
    class Unsent(Learner):
        def __reduce__(self) -> Any:
            raise AssertionError

    Unsent.lock = threading.Lock()  # type: ignore[attr-defined] # cannot be pickled
    with pytest.raises(TypeError, match="lock"), pool(Unsent, 1):
        pass


def test_compute_is_a_positive_integer_and_for_trainables_only() -> None:
    for wrong in (-1, 1.5, True):
        with pytest.raises(ArgumentError, match=f"`compute` is {wrong}"):
            Simulation(compute=wrong)  # type: ignore[arg-type] # wrong on purpose
    made = method("random")
    looked_up = CURVE.spec(searcher=made.searcher, scheduler=made.scheduler, storage_path="", name="")
    with pytest.raises(ArgumentError, match="`compute` is 2"):
        Simulation(compute=2).check(looked_up)
