"""Studies that are extended, retried, or stopped by rules; on the simulated clock but for one on Ray."""

from __future__ import annotations

import tempfile
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.engines.callbacks.decision_log import difference, read
from raytune_suite.engines.simulated.controller import Controller
from raytune_suite.errors import ArgumentError, SpaceError, StudyInterrupted
from tests.tuning.test_tune_simulated import branin, of_class, study

ONE = rts.Simulation(workers=1)
NO_TEST: dict[str, Any] = {"test_seeds": []}
LONG = [pytest.mark.e2e, pytest.mark.long]


class Training(tune.Trainable):
    """Halves its loss in each step; configs with x above `limit` crash."""

    limit = 2.0

    def setup(self, config: dict[str, Any]) -> None:
        self.loss = config["x"]

    def step(self) -> dict[str, Any]:
        if self.config["x"] > self.limit:
            raise ValueError("a bug")
        self.loss /= 2
        return {"loss": self.loss}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {"loss": self.loss}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.loss = checkpoint["loss"]


def decisions(folder: Path) -> Any:
    return read(folder / "decisions.parquet")


@pytest.mark.parametrize(
    ("method", "workers"),
    [
        ("asha", 4),
        *(pytest.param(*case, marks=LONG) for case in [("asha", 1), ("bohb", 1), ("dehb", 4), ("tpe", 1)]),
    ],
)
@pytest.mark.slow
def test_an_extended_study_is_the_one_that_had_the_larger_budget_from_the_start(
    method: str, workers: int, tmp_path: Path
) -> None:
    engine = rts.Simulation(workers=workers)
    study(method, tmp_path, name="long", budget=4, engine=engine)
    study(method, tmp_path, name="study", budget=2, engine=engine)
    extended = study(method, tmp_path, name="study", budget=4, engine=engine, resume=True)
    assert difference(decisions(tmp_path / "long"), decisions(tmp_path / "study")) is None
    assert extended.reports.equals(rts.load_study(tmp_path / "long").reports)
    assert extended.test_scores is not None


@pytest.mark.slow
def test_an_extension_that_is_interrupted_and_resumed_makes_the_same_decisions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study("asha", tmp_path, name="long", budget=6)
    study("asha", tmp_path, name="study", budget=3)
    run, steps = Controller.run, iter(range(100))
    monkeypatch.setattr(Controller, "run", lambda self, _: run(self, lambda: next(steps) >= 20))
    with pytest.raises(StudyInterrupted):
        study("asha", tmp_path, name="study", budget=6, resume=True)
    monkeypatch.setattr(Controller, "run", run)
    assert rts.load_study(tmp_path / "study").status == "interrupted"
    study("asha", tmp_path, name="study", budget=6, resume=True)
    assert difference(decisions(tmp_path / "long"), decisions(tmp_path / "study")) is None


@pytest.mark.parametrize(
    ("limit", "more"), [({"num_samples": 3}, {"num_samples": 5}), ({"time_limit": 4}, {"time_limit": 12})]
)
@pytest.mark.slow
def test_every_limit_can_be_raised_and_what_was_done_is_kept(
    limit: dict[str, Any], more: dict[str, Any], tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"name": "study", "budget": None, "engine": ONE, **NO_TEST}
    first = study("asha", tmp_path, **limit, **arguments)
    extended = study("asha", tmp_path, **more, **arguments, resume=True)
    assert len(extended.reports) > len(first.reports)
    assert extended.reports[: len(first.reports)]["value"].equals(first.reports["value"])
    again = study("asha", tmp_path, **{**more, **arguments, "name": "again"})
    assert [row.value for row in decisions(tmp_path / "study")] == [row.value for row in decisions(tmp_path / "again")]
    assert again.best_config == extended.best_config


def test_a_study_is_not_shortened(tmp_path: Path) -> None:
    of_class(Training, tmp_path, name="study", budget=3)
    for name, changes in {"budget": {"budget": 2}, "max_t": {"max_t": 3}, "seed": {"seed": 1}}.items():
        with pytest.raises(ArgumentError, match=f"`{name}` is"):
            of_class(Training, tmp_path, name="study", **{"budget": 3, **changes}, resume=True)
    assert (tmp_path / "study" / "decisions.parquet").exists()


@pytest.mark.parametrize("method", ["dehb", pytest.param("random-fidelity", marks=LONG), "pbt"])
def test_a_method_that_cannot_raise_max_t_says_so(method: str, tmp_path: Path) -> None:
    of_class(Training, tmp_path, name="study", method=method, budget=3)
    with pytest.raises(ArgumentError, match="`max_t` is 27"):
        of_class(Training, tmp_path, name="study", method=method, budget=3, max_t=27, resume=True)


HIGHER = ["async-hyperband", "tpe+asha", "mfes+async-hyperband", "hyperband", "bohb", "median", "random"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["asha", *(pytest.param(name, marks=LONG) for name in HIGHER)])
def test_a_study_with_a_higher_max_t_keeps_what_it_has_learned(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = of_class(Training, tmp_path, name="study", method=method, budget=6)
    copytree(tmp_path / "study", tmp_path / "other" / "study")
    full = first.trials[first.trials["outcome"] == "trained in full"].sort_values("value")
    more = of_class(Training, tmp_path, name="study", method=method, budget=6, max_t=27, resume=True)
    assert more.reports[: len(first.reports)]["value"].equals(first.reports["value"])
    assert more.max_t == 27
    assert more.reports["resource"].max() == 27
    assert more.incumbent["resource"].iloc[-1] == 27
    assert more.reports["complete"].equals(more.reports["resource"] == 27)
    again = more.trials.iloc[len(first.trials) :]["config/x"].tolist()
    assert again[: -(-len(full) // 3)] == full["config/x"].tolist()[: -(-len(full) // 3)]  # the best are trained again
    loaded = rts.load_study(tmp_path / "study")
    assert loaded.reports.equals(more.reports)
    assert loaded.best_config == more.best_config
    # a kill in the extension changes nothing
    run, steps = Controller.run, iter(range(100))
    monkeypatch.setattr(Controller, "run", lambda self, _: run(self, lambda: next(steps) >= 20))
    with pytest.raises(StudyInterrupted):
        of_class(Training, tmp_path / "other", name="study", method=method, budget=6, max_t=27, resume=True)
    monkeypatch.setattr(Controller, "run", run)
    same = of_class(Training, tmp_path / "other", name="study", method=method, budget=6, max_t=27, resume=True)
    assert same.reports.equals(more.reports)
    longer = of_class(Training, tmp_path, name="study", method=method, budget=6, max_t=81, resume=True)
    assert longer.incumbent["resource"].iloc[-1] > 9


class KilledError(BaseException):
    """Ends a study at once, as a kill does."""


def interrupt(monkeypatch: pytest.MonkeyPatch, *arguments: Any, **options: Any) -> None:
    """Interrupt a study of a class after 20 events."""
    run, steps = Controller.run, iter(range(100))
    with monkeypatch.context() as patch:
        patch.setattr(Controller, "run", lambda self, _: run(self, lambda: next(steps) >= 20))
        with pytest.raises(StudyInterrupted):
            of_class(*arguments, **options)


def test_trials_of_a_higher_max_t_count_as_no_samples_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common: dict[str, Any] = {"name": "study", "method": "random", "budget": None}
    of_class(Training, tmp_path, **common, num_samples=6)
    more: dict[str, Any] = {**common, "num_samples": 8, "max_t": 27, "resume": True}
    interrupt(monkeypatch, Training, tmp_path, **more)
    assert len(of_class(Training, tmp_path, **more).trials) == 8 + 2


def test_trials_of_a_higher_max_t_are_trained_with_the_same_seed(tmp_path: Path) -> None:
    class Seeded(Training):
        def step(self) -> dict[str, Any]:
            return {"loss": float(self.config["seed"])}

    common: dict[str, Any] = {"name": "study", "method": "random", "budget": None, "tuning_seeds": [5]}
    of_class(Seeded, tmp_path, **common, num_samples=6)
    more = of_class(Seeded, tmp_path, **common, num_samples=6, max_t=27, resume=True)
    assert more.trials["value"].tolist() == [5.0] * 8


@pytest.mark.parametrize(("method", "x"), [("grid", tune.quniform(0, 1, 0.25)), ("sobol", tune.uniform(0, 1))])
def test_no_config_is_proposed_again_with_a_higher_max_t(method: str, x: Any, tmp_path: Path) -> None:
    common: dict[str, Any] = {"name": "study", "method": method, "budget": None, "space": {"x": x}}
    of_class(Training, tmp_path, **common, num_samples=3)
    more = of_class(Training, tmp_path, **common, num_samples=5, max_t=27, resume=True)
    assert more.trials["config/x"].nunique() == 5
    assert len(more.trials) == 5 + 1  # the best one again


def test_a_change_is_not_lost_by_a_kill_before_it_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise KilledError

    common: dict[str, Any] = {"name": "study", "method": "random", "max_t": 27, "resume": True}
    of_class(Training, tmp_path, **{**common, "max_t": 9, "resume": False}, budget=3)
    with monkeypatch.context() as patch:
        patch.setattr(Controller, "run", killed)
        with pytest.raises(KilledError):
            of_class(Training, tmp_path, **common, budget=3)
    assert of_class(Training, tmp_path, **common, budget=4).reports["resource"].max() == 27


class Crossing(Training):
    """The ranking of configs is reversed after five steps."""

    def step(self) -> dict[str, Any]:
        x, self.loss = self.config["x"], self.loss + 1  # the steps, and x
        return {"loss": x if self.loss - x < 6 else 1 - x}


@pytest.mark.slow
@pytest.mark.parametrize(("trainable", "highest"), [pytest.param(Training, 9, marks=pytest.mark.e2e), (Crossing, 27)])
def test_pasha_with_a_higher_max_t_trains_longer_only_if_the_ranking_changes(
    trainable: type[Training], highest: int, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"method": "pasha", "budget": None, "engine": ONE}
    first = of_class(trainable, tmp_path, **arguments, name="study", num_samples=27)
    more = of_class(trainable, tmp_path, **arguments, name="study", num_samples=54, max_t=27, resume=True)
    long = of_class(trainable, tmp_path, **arguments, name="long", num_samples=54, max_t=27)
    assert more.reports["resource"].max() == long.reports["resource"].max() == highest
    # Up to the old `max_t`, the study is the one that had the higher one from the start.
    until = first.reports.columns[:3].tolist()
    merged = first.reports[until].merge(long.reports[until], how="left", indicator=True)
    assert set(merged["_merge"]) == {"both"}
    if trainable is Training:  # no paused trial counts as failed: one in three is promoted, and the best trained again
        reached = [result.reports.groupby("trial")["resource"].max() for result in (more, long)]
        assert [(each >= 3).sum() for each in reached] == [18, 18]


@pytest.mark.slow
def test_failed_trials_run_again_as_new_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments: dict[str, Any] = {"name": "study", "budget": None, "num_samples": 6, "method": "random"}
    monkeypatch.setattr(Training, "limit", 0.5)
    first = of_class(Training, tmp_path, **arguments)
    failed = first.trials[first.trials["outcome"] == "failed"]
    assert 0 < len(failed) < 6
    with pytest.raises(ArgumentError, match="resume=True"):
        of_class(Training, tmp_path, **arguments, retry="failed")
    monkeypatch.setattr(Training, "limit", 2.0)
    retried = of_class(Training, tmp_path, **arguments, retry="failed", resume=True)
    assert retried.trials["config/x"][6:].tolist() == failed["config/x"].tolist()
    assert set(retried.trials["outcome"][6:]) == {"trained in full"}
    assert retried.trials["retried"].tolist() == [number in failed.index for number in range(6)] + [False] * len(failed)
    with pytest.raises(ArgumentError, match="no trial"):
        of_class(Training, tmp_path, **arguments, retry="failed", resume=True)
    more = of_class(Training, tmp_path, **{**arguments, "num_samples": 7}, resume=True)
    assert len(more.trials) == 7 + len(failed)


def test_the_same_call_resumes_an_interrupted_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments: dict[str, Any] = {"name": "study", "budget": None, "method": "random"}
    monkeypatch.setattr(Training, "limit", 0.5)
    first = of_class(Training, tmp_path, **arguments, num_samples=6)
    monkeypatch.setattr(Training, "limit", 2.0)
    again: dict[str, Any] = {**arguments, "num_samples": 8, "retry": "failed", "resume": True}
    interrupt(monkeypatch, Training, tmp_path, **again)
    assert len(of_class(Training, tmp_path, **again).trials) == 8 + (first.trials["outcome"] == "failed").sum()


def test_failed_trials_need_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Training, "limit", 0.3)
    of_class(Training, tmp_path, name="study", method="random", budget=5)
    with pytest.raises(ArgumentError, match="raise `budget`"):
        of_class(Training, tmp_path, name="study", method="random", budget=5, resume=True, retry="failed")


def test_a_changed_space_names_the_parameter(tmp_path: Path) -> None:
    of_class(Training, tmp_path, name="study")
    with pytest.raises(SpaceError, match="'x' is from"):
        of_class(Training, tmp_path, name="study", space={"x": tune.uniform(0.5, 1)}, resume=True)


@pytest.mark.slow
def test_a_target_ends_the_study(tmp_path: Path) -> None:
    result = of_class(Training, tmp_path, stop={"loss": 0.01}, budget=30, name="study")
    assert result.reports["value"].iloc[-1] <= 0.01
    assert (result.reports["value"][:-1] > 0.01).all()
    with pytest.raises(ArgumentError, match="'los'"):
        of_class(Training, tmp_path, stop={"los": 0.01})
    longer = of_class(Training, tmp_path, stop=None, budget=30, name="study", resume=True)
    assert len(longer.reports) == 30 * 9


def test_a_study_ends_without_improvement(tmp_path: Path) -> None:
    result = of_class(Training, tmp_path, stop=rts.NoImprovement(2), budget=30, method="random")
    assert len(result.reports) < 30 * 9
    assert len(result.reports) - 1 - result.incumbent.index[-1] >= 0
    assert result.reports["cost"].iloc[-1] - result.incumbent["cost"].iloc[-1] == 2 * 9


@pytest.mark.slow
def test_a_regret_bound_ends_a_study_and_counts_what_was_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = rts.RegretBound(0.005)
    arguments: dict[str, Any] = {"budget": 60, "method": "random", "max_t": 1, "engine": ONE}
    ends = of_class(Training, tmp_path, **arguments, name="study", stop=rule)
    assert 20 <= len(ends.reports) < 60
    assert ends.best_value < 0.005  # the least loss is 0
    # a kill changes nothing
    run, steps = Controller.run, iter(range(10_000))
    monkeypatch.setattr(Controller, "run", lambda self, _: run(self, lambda: next(steps) >= 10))
    with pytest.raises(StudyInterrupted):
        of_class(Training, tmp_path, **arguments, name="killed", stop=rule)
    monkeypatch.setattr(Controller, "run", run)
    resumed = of_class(Training, tmp_path, **arguments, name="killed", stop=rule, resume=True)
    assert resumed.reports["value"].equals(ends.reports["value"])
    # a rule that is added later uses the trials before it
    first = of_class(Training, tmp_path, **{**arguments, "budget": len(ends.reports) + 1}, name="later")
    later = of_class(Training, tmp_path, **arguments, name="later", stop=rule, resume=True)
    assert len(first.reports) <= len(later.reports) <= len(first.reports) + 5
    with pytest.raises(ArgumentError, match="RegretBound"):
        of_class(Training, tmp_path, method="pbt", stop=rule)


def test_a_trial_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    result = of_class(Training, tmp_path, stop=[rts.TrialTime(4)], method="random")
    assert set(result.trials["outcome"]) == {"stopped early", "unfinished"}
    assert result.reports["resource"].max() == 4
    stopped = result.trials["outcome"] == "stopped early"
    assert set(result.trials["stopped_by"][stopped]) == {"TrialTime"}


def test_stoppers_of_ray_and_functions_are_rules(tmp_path: Path) -> None:
    def long(_trial: str, result: dict[str, Any]) -> bool:
        return bool(result["training_iteration"] >= 3)

    for rule in (long, tune.stopper.MaximumIterationStopper(3)):
        result = of_class(Training, tmp_path, stop=rule, method="random")
        assert result.reports["resource"].max() == 3
    both = tune.stopper.CombinedStopper(tune.stopper.MaximumIterationStopper(3), rts.NoImprovement(2))
    result = of_class(Training, tmp_path, stop=both, budget=30, method="random")
    assert result.reports["resource"].max() == 3
    assert result.reports["cost"].iloc[-1] - result.incumbent["cost"].iloc[-1] == 2 * 9
    for wrong in (3, "loss", [lambda: True], rts.NoImprovement):
        with pytest.raises(ArgumentError, match="`stop` is"):
            of_class(Training, tmp_path, stop=wrong)


def function(config: dict[str, Any]) -> None:
    """Report and save nine times."""
    for step in range(9):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "step").write_text(str(step))
            tune.report({"loss": config["x"] / (step + 1)}, checkpoint=tune.Checkpoint(folder))


@pytest.mark.e2e
@pytest.mark.usefixtures("ray_session")
def test_a_study_on_ray_is_extended_and_keeps_two_checkpoints_of_a_function(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"metric": "loss", "mode": "min", "max_t": 9, "storage_path": tmp_path, "name": "study"}
    arguments |= {"method": "asha", "max_concurrent": 1, "progress": False}
    space = {"x": tune.uniform(0, 1)}
    first = rts.tune(function, space, **arguments, budget=1)
    extended = rts.tune(function, space, **arguments, budget=2, resume=True)
    long = rts.tune(function, space, **{**arguments, "name": "long"}, budget=2)
    assert extended.reports["value"][: len(first.reports) - 1].tolist() == first.reports["value"][:-1].tolist()
    done = extended.trials["outcome"] != "unfinished"
    assert extended.trials["config/x"][done].tolist() == long.trials["config/x"][: done.sum()].tolist()
    assert extended.best_checkpoint is not None
    with extended.best_checkpoint.as_directory() as folder:
        assert Path(folder, "step").exists()
    assert len(list(Path(extended.best_checkpoint.path).parent.glob("checkpoint_*"))) == 2
    loaded = rts.load_study(extended.path).best_checkpoint
    assert loaded is not None
    assert loaded.path == extended.best_checkpoint.path


@pytest.mark.slow
def test_a_study_whose_method_was_chosen_is_extended_with_it(tmp_path: Path) -> None:
    first = study("auto", tmp_path, workload=branin(), name="study", budget=3)
    more = study("auto", tmp_path, workload=branin(), name="study", budget=6, resume=True)
    assert more.method == first.method
    assert len(more.reports) > len(first.reports)


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_max_t_is_raised_on_ray(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"name": "study", "engine": "ray", "max_concurrent": 1, "budget": 2}
    first = of_class(Training, tmp_path, **arguments)
    more = of_class(Training, tmp_path, **arguments, max_t=27, resume=True)
    assert more.reports["resource"].max() == 27
    assert more.reports["complete"].equals(more.reports["resource"] == 27)
    assert len(more.trials) > len(first.trials)
    assert rts.load_study(more.path).reports.equals(more.reports)
