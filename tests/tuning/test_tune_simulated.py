"""`rts.tune` on the simulated clock, through the public interface; Ray is not started."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import re
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import ray
from ray import tune

import raytune_suite as rts
from raytune_suite.automatic import AUTO
from raytune_suite.engines import journal, snapshots, study_snapshots
from raytune_suite.engines.callbacks.decision_log import difference, read
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.engines.snapshots import SnapshotWriter
from raytune_suite.engines.storage import Folder
from raytune_suite.engines.study_lock import study_lock
from raytune_suite.errors import ArgumentError, MissingPackageError, StudyError, StudyInterrupted, StudyLockedError
from raytune_suite.methods import METHODS, parts
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.workloads.synthetic.formulas import QUADRATIC_START, quadratic, quadratic_step
from raytune_suite.workloads.synthetic.pbt_quadratic import RATE
from tests.conformance import common

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BUDGET = 3
LONG = [pytest.mark.e2e, pytest.mark.long]
SEEDS: dict[str, Any] = {"tuning_seeds": [0], "test_seeds": [5, 6]}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    common.cheapen(monkeypatch.setattr)
    started = ray.is_initialized()  # by another test of this session
    yield
    assert ray.is_initialized() == started


def branin() -> rts.Workload:
    """Return Branin's function, of whose curves studies see the first steps only."""
    return dataclasses.replace(rts.workload("synthetic/branin"), max_t=9)


def workload_for(method: str) -> rts.Workload:
    """Return a small synthetic workload that the method supports."""
    if SCHEDULERS[parts(method)[1]].needs_state:
        return dataclasses.replace(rts.workload("synthetic/pbt-quadratic"), max_t=27)
    short = branin()
    if method != "grid":
        return short
    values = tune.grid_search([0.1, 0.5, 0.9])
    return dataclasses.replace(short, name="grid", space=dict.fromkeys(short.space, values))


def study(method: Any, folder: Path, **changes: Any) -> rts.StudyResult:
    """Run a small study on the simulated clock."""
    arguments = {"budget": BUDGET, "engine": "simulated", "storage_path": folder, "progress": False, **SEEDS, **changes}
    return rts.tune(workload=arguments.pop("workload", None) or workload_for(method), method=method, **arguments)


def of_class(trainable: Any, folder: Path, **changes: Any) -> rts.StudyResult:
    """Run a small study of a trainable on the simulated clock."""
    arguments = {"space": {"x": tune.uniform(0, 1)}, "metric": "loss", "mode": "min", "max_t": 9, "method": "asha"}
    return rts.tune(
        trainable,
        **{**arguments, "engine": "simulated", "budget": 3, "storage_path": folder, "progress": False, **changes},
    )


class Halving(tune.Trainable):
    """Halves its loss in each step."""

    def setup(self, config: dict[str, Any]) -> None:
        self.loss = config["x"]

    def step(self) -> dict[str, Any]:
        self.loss /= 2
        return {"loss": self.loss}


QUICK = ("asha", "grid", "pbt")
"""Methods whose searchers and schedulers differ most; the golden traces have all, and `make e2e` tunes with all."""


@pytest.mark.parametrize(
    "method",
    [pytest.param(name, marks=[] if name in QUICK else LONG) for name in METHODS],
)
@pytest.mark.slow
def test_every_method_tunes_a_synthetic_workload_within_the_budget(method: str, tmp_path: Path) -> None:
    result = study(method, tmp_path, name="study")
    workload = workload_for(method)
    assert (result.method, result.metric, result.mode) == (method, workload.metric, workload.mode)
    assert result.max_t == workload.max_t
    assert result.result_grid is None
    assert set(result.best_config) == set(workload.space)
    assert result.best_value == result.incumbent["value"].iloc[-1]
    assert result.reports["cost"].tolist() == list(range(1, len(result.reports) + 1))
    if method not in ("grid", "median"):  # grid has nine configs, and median stops some early at the end
        assert len(result.reports) == BUDGET * workload.max_t
    assert len(result.reports) <= BUDGET * workload.max_t
    assert result.reports["elapsed"].is_monotonic_increasing
    assert set(result.trials["outcome"]) <= {"trained in full", "stopped early", "unfinished"}
    assert result.test_scores is not None
    assert result.test_scores["seed"].tolist() == SEEDS["test_seeds"]
    assert len(result.lineage) >= 1
    assert result.lineage[-1].config.items() >= result.best_config.items()


@pytest.mark.parametrize("method", ["asha", pytest.param("pbt", marks=LONG)])
@pytest.mark.slow
def test_two_runs_are_bitwise_equal(method: str, tmp_path: Path) -> None:
    one, other = (study(method, tmp_path, name=name) for name in ("one", "other"))
    first, second = (tmp_path / name / "decisions.parquet" for name in ("one", "other"))
    assert first.read_bytes() == second.read_bytes()
    pd.testing.assert_frame_equal(one.reports, other.reports)
    assert one.best_config == other.best_config


@pytest.mark.slow
def test_another_seed_gives_another_study(tmp_path: Path) -> None:
    one, other = (study("asha", tmp_path, seed=seed) for seed in (0, 1))
    assert one.best_config != other.best_config


def test_the_tables_are_written_to_the_study_folder(tmp_path: Path) -> None:
    result = study("asha", tmp_path, name="study", engine=rts.Simulation(workers=2))
    folder = tmp_path / "study"
    assert result.path == str(folder)
    for name in ("reports", "incumbent", "test_scores"):
        pd.testing.assert_frame_equal(pd.read_parquet(folder / f"{name}.parquet"), getattr(result, name))
    rows = read(folder / "decisions.parquet")
    assert [(row.trial, row.resource, row.value) for row in rows] == list(
        result.reports[["trial", "resource", "value"]].itertuples(index=False, name=None)
    )
    assert [row.time for row in rows] == result.reports["elapsed"].tolist()
    assert {row.decision for row in rows} == {"CONTINUE", "STOP"}
    manifest = json.loads((folder / "study.json").read_text())
    assert (manifest["engine"], manifest["simulation"]["workers"]) == ("simulated", 2)
    assert manifest["method"] == "asha"


def test_the_best_config_is_evaluated_on_seeds_that_the_method_has_not_seen(tmp_path: Path) -> None:
    workload = rts.workload("synthetic/counting-ones")
    assert workload.curve is not None
    result = study("asha", tmp_path, workload=workload, test_seeds=[7, 9])
    assert result.test_scores is not None
    expected = [float(workload.curve(result.best_config, seed).metrics["value"][-1]) for seed in (7, 9)]
    assert result.test_scores["value"].tolist() == expected
    assert result.test_value == pytest.approx(sum(expected) / 2)
    assert result.reports["value"].iloc[0] not in expected


@pytest.mark.slow
def test_a_population_is_evaluated_by_its_lineage(tmp_path: Path) -> None:
    result = study("pbt", tmp_path, method_args={"interval": 9}, num_samples=4, budget=None)
    assert len(result.lineage) > 1
    assert result.test_value == pytest.approx(result.best_value)  # the workload has no noise


@pytest.mark.slow
def test_the_lineage_of_each_incumbent_is_the_schedule_of_its_training(tmp_path: Path) -> None:
    seeds = {"tuning_seeds": [0], "test_seeds": []}
    result = study(
        "pbt",
        tmp_path,
        method_args={"interval": 9},
        num_samples=4,
        budget=None,
        seed=0,
        **seeds,
        workload=rts.workload("synthetic/pbt-quadratic"),
    )
    assert len(result.lineages) == len(result.incumbent)
    assert len({len(lineage) for lineage in result.lineages}) > 1
    for row, lineage in zip(result.incumbent.to_dict("records"), result.lineages, strict=True):
        theta = QUADRATIC_START
        for step in range(int(row["resource"])):
            config = [config for start, config in lineage if start <= step][-1]
            theta = quadratic_step(theta, (config["h0"], config["h1"]), RATE)
        assert quadratic(theta) == row["value"]


@pytest.mark.slow
def test_several_tuning_seeds_give_the_mean_of_trainings_in_lockstep(tmp_path: Path) -> None:
    workload = rts.workload("synthetic/counting-ones")
    seeds = {"tuning_seeds": [0, 2, 3], "test_seeds": []}
    looked_up = study("asha", tmp_path, workload=workload, name="curves", **seeds)
    trained = of_class(
        workload.trainable,
        tmp_path,
        space=workload.space,
        metric="value",
        mode=workload.mode,
        max_t=workload.max_t,
        budget=BUDGET,
        engine=rts.Simulation(cost=workload.cost),
        name="classes",
        **seeds,
    )
    columns = ["trial", "resource", "value", "cost", "complete"]
    pd.testing.assert_frame_equal(looked_up.reports[columns], trained.reports[columns], check_exact=True)
    assert looked_up.reports["elapsed"].tolist() == pytest.approx(trained.reports["elapsed"].tolist())
    one, other = (read(tmp_path / name / "decisions.parquet") for name in ("curves", "classes"))
    assert difference(one, other, times=False) is None


def test_a_user_defined_class_is_trained_in_this_process(tmp_path: Path) -> None:
    result = of_class(Halving, tmp_path, engine=rts.Simulation(workers=1, cost=lambda config: 1 + config["x"]))
    x, first = float(result.trials["config/x"].iloc[0]), result.reports.iloc[0]
    assert (first["elapsed"], first["value"]) == (1 + x, x / 2)


def test_a_time_limit_is_in_virtual_seconds(tmp_path: Path) -> None:
    result = of_class(Halving, tmp_path, budget=None, time_limit=20, method="random")
    assert result.reports["elapsed"].max() == 20  # each step takes one


class Interrupt(tune.Callback):
    """Sends Ctrl-C, or another signal, after `step` steps."""

    def __init__(self, step: int, number: signal.Signals = signal.SIGINT) -> None:
        self.step, self.number = step, number

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        if iteration == self.step:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("method", ["asha", *(pytest.param(name, marks=LONG) for name in ("bohb", "dehb"))])
@pytest.mark.slow
def test_a_study_interrupted_by_ctrl_c_resumes_with_the_same_decisions(method: str, tmp_path: Path) -> None:
    uninterrupted = study(method, tmp_path, name="uninterrupted")
    with pytest.raises(StudyInterrupted, match="resume=True"):
        study(method, tmp_path, name="study", callbacks=[Interrupt(20)])
    assert not (tmp_path / "study" / "decisions.parquet").exists()
    resumed = study(method, tmp_path, name="study", resume=True)
    assert resumed.reports.equals(uninterrupted.reports)
    assert resumed.best_config == uninterrupted.best_config
    assert difference(*(read(tmp_path / name / "decisions.parquet") for name in ("study", "uninterrupted"))) is None


@pytest.mark.slow
def test_a_study_ended_by_sigterm_resumes_with_the_same_decisions(tmp_path: Path) -> None:
    uninterrupted = study("asha", tmp_path, name="uninterrupted")
    with pytest.raises(StudyInterrupted, match="--name 'two words'"):
        study("asha", tmp_path, name="two words", callbacks=[Interrupt(20, signal.SIGTERM)])
    assert study("asha", tmp_path, name="two words", resume=True).reports.equals(uninterrupted.reports)


class KilledError(BaseException):
    """Ends a study at once, as a kill does."""


@pytest.fixture
def kill_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Kill the next studies after so many snapshots, which are taken after each event."""
    monkeypatch.setattr(study_snapshots, "SHARE", math.inf)
    write = SnapshotWriter.write

    def after(count: int) -> None:
        left = iter(range(count))

        def write_and_die(writer: SnapshotWriter, *args: Any) -> int:
            number = write(writer, *args)
            if next(left, None) is None:
                raise KilledError
            return number

        monkeypatch.setattr(SnapshotWriter, "write", write_and_die)

    return after


@pytest.mark.parametrize("method", ["bohb", pytest.param("pbt", marks=pytest.mark.e2e)])
@pytest.mark.slow
def test_a_killed_study_resumes_from_its_last_snapshot(
    method: str, tmp_path: Path, kill_after: Callable[[int], None]
) -> None:
    engine = rts.Simulation(snapshot_s=0)
    undisturbed = study(method, tmp_path, name="undisturbed")
    for resume, snapshots_taken in ((False, 3), (True, 11)):
        kill_after(snapshots_taken)
        with pytest.raises(KilledError):
            study(method, tmp_path, name="study", engine=engine, resume=resume)
    assert len(rts.load_study(tmp_path / "study").reports) > 0
    kill_after(10_000)
    resumed = study(method, tmp_path, name="study", resume=True)
    assert resumed.reports.equals(undisturbed.reports)
    assert difference(*(read(tmp_path / name / "decisions.parquet") for name in ("study", "undisturbed"))) is None
    assert snapshots.latest(Folder.at(str(tmp_path / "study"))).snapshot is None


def test_a_class_without_checkpoints_is_trained_without_snapshots(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_snapshots, "SHARE", math.inf)
    result = of_class(Halving, tmp_path, name="study", engine=rts.Simulation(snapshot_s=0))
    assert result.reports["cost"].iloc[-1] == 3 * 9
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "save_checkpoint" in caplog.text


@pytest.mark.parametrize("method", ["pbt", "pb2"])
def test_a_population_is_rejected_for_a_class_without_checkpoints(method: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="save_checkpoint"):
        of_class(Halving, tmp_path, method=method)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", ["pbt", "pb2", "tpe+pbt"])
def test_a_population_is_rejected_for_curves_of_fixed_configs(method: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=f"'{re.escape(method)}'.*'synthetic/branin'"):
        study(method, tmp_path, workload=rts.workload("synthetic/branin"))
    assert not list(tmp_path.iterdir())


def test_a_function_is_rejected(tmp_path: Path) -> None:
    def train(config: dict[str, Any]) -> None:
        tune.report({"loss": config["x"]})

    with pytest.raises(ArgumentError, match="'train'"):
        of_class(train, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_study_that_has_ended_or_never_began_cannot_be_resumed(tmp_path: Path) -> None:
    study("asha", tmp_path, name="study")
    for name in ("study", "nowhere"):
        with pytest.raises(ArgumentError, match=f"`name` is '{name}'"):
            study("asha", tmp_path, name=name, resume=True)


@pytest.mark.parametrize("engine", ["simulator", None, 4, rts.Simulation])
def test_an_unknown_engine_is_rejected(engine: Any, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="`engine` is"):
        study("asha", tmp_path, engine=engine)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_the_number_of_workers_must_be_a_positive_integer(workers: Any) -> None:
    with pytest.raises(ArgumentError, match="`workers` is"):
        rts.Simulation(workers=workers)


def test_a_workload_whose_packages_are_missing_is_rejected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("raytune_suite.optional.available", lambda _extra: False)
    with pytest.raises(MissingPackageError, match=r"raytune-suite\[torch\]"):
        study("asha", tmp_path, workload="live/digits-mlp")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_evaluation_of_another_study_is_not_resumed(tmp_path: Path) -> None:
    """Ctrl-C during the evaluation on the test seeds leaves a suspended study in the folder."""
    leftover = Folder.at(str(tmp_path / "study" / "test"))
    SnapshotWriter(leftover).write({"simulation.pkl": b"of another study"}, {})
    result = study("asha", tmp_path, name="study", test_seeds=[7])
    assert result.test_scores is not None
    assert snapshots.latest(leftover).snapshot is None


def test_a_method_object_is_rejected_like_the_name_of_the_method(tmp_path: Path) -> None:
    workload = rts.workload("synthetic/branin")
    space = {**workload.space, "seed": 0}
    population = rts.make_method("pbt", space, max_t=workload.max_t)
    with pytest.raises(ArgumentError, match="'synthetic/branin'"):
        study(population, tmp_path, workload=workload)
    made = rts.make_method("dehb", max_t=workload.max_t)
    mismatched = rts.Method("mismatched", made.searcher, rts.make_method("asha", max_t=workload.max_t).scheduler)
    with pytest.raises(ArgumentError, match="'mismatched'"):
        study(mismatched, tmp_path, workload=workload)


def test_settings_without_effect_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="`cost`"):
        study("asha", tmp_path, engine=rts.Simulation(cost=lambda _config: 1.0))
    with pytest.raises(ArgumentError, match="`resources`"):
        study("asha", tmp_path, resources={"gpu": 99})
    with pytest.raises(ArgumentError, match="`resources`"):
        study("asha", tmp_path, resources=[{}, {"cpu": 1}, {"cpu": 1}])
    with pytest.raises(ArgumentError, match="`resources`"):
        of_class(Halving, tmp_path, resources=[{}, {"cpu": 1}], engine=rts.Simulation(compute=1))
    assert not list(tmp_path.iterdir())


def test_a_callable_object_is_rejected_like_the_function_that_it_wraps(tmp_path: Path) -> None:
    """The message names the wrapped function, since the simulated clock does not support functions."""

    def train(factor: float, config: dict[str, Any]) -> None:
        tune.report({"loss": factor * config["x"]})

    with pytest.raises(ArgumentError, match="'train'"):
        of_class(functools.partial(train, 2.0), tmp_path)


def test_a_crash_is_reported_with_its_type_and_message(tmp_path: Path) -> None:
    class Broken(Halving):
        def step(self) -> dict[str, Any]:
            raise ValueError("no data")

    with pytest.raises(StudyError, match="ValueError: no data") as caught:
        of_class(Broken, tmp_path)
    assert "error.txt" not in str(caught.value)


def test_faults_are_not_injected_into_the_final_evaluation(tmp_path: Path) -> None:
    engine = rts.Simulation(workers=2, faults=[Fault(1.5, 0), Fault(1.5, 1)], max_failures=0)
    result = of_class(Halving, tmp_path, engine=engine, budget=5, method="random", test_seeds=[7, 8])
    assert result.test_scores is not None
    assert result.test_scores["value"].notna().all()


def test_a_study_that_another_process_runs_is_neither_started_nor_resumed(tmp_path: Path) -> None:
    with study_lock(Folder.at(str(tmp_path / "study"))):
        for resume in (False, True):
            if resume:
                (tmp_path / "study" / "study.json").write_text("{}")
            with pytest.raises((StudyLockedError, StudyError)):
                study("asha", tmp_path, name="study", resume=resume)
    assert not (tmp_path / "study" / "reports.jsonl").exists()


def test_a_running_study_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[rts.StudyResult] = []

    class Reader(tune.Callback):
        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
            if iteration in (1, 20):
                seen.append(rts.load_study(tmp_path / "study"))

    monkeypatch.setattr(journal, "FLUSH_S", 0.0)
    result = study("asha", tmp_path, name="study", callbacks=[Reader()])
    assert [running.status for running in seen] == ["running", "running"]
    assert 0 < len(seen[1].reports) < len(result.reports)
    assert seen[1].reports.equals(result.reports[: len(seen[1].reports)])
    assert math.isfinite(seen[1].best_value)
    without_incumbent = dataclasses.replace(seen[0], incumbent=seen[0].incumbent[:0])
    with pytest.raises(StudyError, match="yet"):
        assert without_incumbent.best_value
    read_again = rts.load_study(tmp_path / "study")
    pd.testing.assert_frame_equal(read_again.trials, result.trials)
    assert (read_again.status, read_again.lineages) == ("finished", result.lineages)


@pytest.mark.slow
def test_a_study_can_be_resumed_with_other_settings_that_do_not_decide_its_outcome(tmp_path: Path) -> None:
    with pytest.raises(StudyInterrupted):
        study("asha", tmp_path, name="study", callbacks=[Interrupt(20)], budget=np.int64(BUDGET))
    manifest = json.loads((tmp_path / "study" / "study.json").read_text())
    assert manifest["budget"] == BUDGET
    del manifest["simulation"]["checkpoint_every"]  # as if an earlier version had not known it
    manifest["settings"]["compute"] = 4
    (tmp_path / "study" / "study.json").write_text(json.dumps(manifest))
    with pytest.raises(ArgumentError, match=r"`simulation\.workers`"):
        study("asha", tmp_path, name="study", resume=True, engine=rts.Simulation(workers=2))
    study("asha", tmp_path, name="study", resume=True)


def test_where_there_is_no_study_none_is_read(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study"):
        rts.load_study(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match=re.escape(str(tmp_path))):
        rts.load_study(tmp_path)


@pytest.mark.slow
def test_the_chosen_method_is_stored_and_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments: dict[str, Any] = {"name": "study", "workload": branin(), "progress": None, "budget": 12}
    with pytest.raises(rts.StudyInterrupted):
        study(AUTO, tmp_path, callbacks=[Interrupt(20)], **arguments)
    assert "method auto: mfes+async-hyperband (brackets=3), because" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "study" / "study.json").read_text())
    assert (manifest["method"], manifest["method_args"]) == ("mfes+async-hyperband", {"brackets": 3})
    manifest["auto"]["reason"] = "it was stored"
    (tmp_path / "study" / "study.json").write_text(json.dumps(manifest))
    assert study(AUTO, tmp_path, resume=True, **arguments).method == "mfes+async-hyperband"
    assert "because it was stored (chosen when this study started)" in capsys.readouterr().err


def test_a_study_of_a_named_method_is_not_resumed_with_another(tmp_path: Path) -> None:
    with pytest.raises(rts.StudyInterrupted):
        study("asha", tmp_path, name="study", callbacks=[Interrupt(20)])
    with pytest.raises(ArgumentError, match=r"`method`.*'asha'"):
        study(AUTO, tmp_path, workload="synthetic/branin", name="study", resume=True)


@pytest.mark.slow
def test_a_chosen_method_equals_the_named_one(tmp_path: Path) -> None:
    chosen = study(AUTO, tmp_path, workload="synthetic/branin", name="chosen", budget=3)
    manifest = json.loads((tmp_path / "chosen" / "study.json").read_text())
    assert (manifest["method"], manifest["method_args"]) == ("sobol+async-hyperband", {"brackets": 1})
    named = study(
        manifest["method"],
        tmp_path,
        name="named",
        workload="synthetic/branin",
        budget=3,
        method_args=manifest["method_args"],
    )
    assert chosen.method == named.method
    assert chosen.reports.equals(named.reports)
