"""`rts.compare`: names, user-defined methods, and the returned tables."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from ray.tune.search import Searcher

import raytune_suite as rts
from raytune_suite.bench import store
from raytune_suite.bench.custom_methods import build_custom_method, factory_identity
from raytune_suite.errors import ArgumentError, StudyError, UnknownNameError
from raytune_suite.methods import Method, make_method
from raytune_suite.schedulers.asha import ASHA
from raytune_suite.searchers.random import RandomSearcher
from raytune_suite.tuning.task import workload_task

if TYPE_CHECKING:
    from pathlib import Path

SIZE: dict[str, Any] = {"budget": 2, "method_seeds": "0-1", "processes": 2}
BRANIN = "synthetic/branin"


class Middle(Searcher):
    """Always proposes the middle of a space of intervals."""

    def __init__(self, space: dict[str, Any], metric: str, mode: str) -> None:
        super().__init__(metric, mode)
        self.space = space

    def suggest(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {name: (domain.lower + domain.upper) / 2 for name, domain in self.space.items()}


def halving(space: dict[str, Any], metric: str, mode: str, max_t: int, eta: int = 3) -> Method:
    """The same searcher, with ASHA as scheduler."""
    return Method("halving", Middle(space, metric, mode), ASHA(max_t=max_t, eta=eta))


class Raising(Middle):
    """Fails on every suggestion."""

    def suggest(self, trial_id: str) -> dict[str, Any]:
        raise ZeroDivisionError(trial_id)


@pytest.mark.process
def test_a_user_defined_searcher_can_be_compared(tmp_path: Path) -> None:
    result = rts.compare({"middle": Middle, "stopped": halving, "random": "random"}, [BRANIN], **SIZE, out=tmp_path)
    assert result.folder == tmp_path
    assert result.runs["status"].tolist() == ["done"] * 6
    assert set(result.results["method"]) == {"middle", "stopped", "random"}
    middle = result.results[result.results["method"] == "middle"]
    workload = rts.workload(BRANIN)
    centre = {name: (domain.lower + domain.upper) / 2 for name, domain in workload.space.items()}
    assert workload.bounds is not None
    best, worst = workload.bounds
    expected = workload.regret(centre) / (worst - best)
    assert middle["regret"].tolist() == pytest.approx([expected] * 6)
    assert result.regret.loc[BRANIN, "middle"] == pytest.approx(expected)


def test_a_comparison_shows_its_progress_and_why_pairs_are_not_supported(capsys: pytest.CaptureFixture[str]) -> None:
    size = {**SIZE, "method_seeds": "0", "processes": 1, "judge_at": [1], "progress": True}
    result = rts.compare(["random", "pbt"], [BRANIN, "synthetic/pbt-quadratic"], **size)
    ((workload, method, reason),) = result.refused.itertuples(index=False)
    assert (workload, method) == (BRANIN, "pbt")
    assert f"not supported: pbt on {BRANIN}: {reason}" in capsys.readouterr().err
    early, late = (table["random"].to_numpy(dtype=float) for table in (result.regret_at(1), result.regret))
    assert (early >= late).all()
    assert result.regret_at(1.5).isna().all(axis=None)
    assert repr(result).startswith(f"<Comparison of pbt, random on {BRANIN}, synthetic/pbt-quadratic: 4 runs in ")


def tpe(space: dict[str, Any], metric: str, mode: str, max_t: int, seed: int) -> Method:
    """A method of this package, built from the arguments that the factory receives."""
    return make_method("tpe", space, metric=metric, mode=mode, max_t=max_t, seed=seed)


def population(space: dict[str, Any], metric: str, mode: str, max_t: int, seed: int) -> Method:
    """The same with a scheduler that also has the space."""
    return make_method("pbt", space, metric=metric, mode=mode, max_t=max_t, seed=seed)


def alone(space: dict[str, Any], metric: str, mode: str, seed: int) -> Searcher:
    """A searcher of this package without a scheduler."""
    return RandomSearcher(space=space, metric=metric, mode=mode, seed=seed)


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "factory", "workload"),
    [
        ("tpe", tpe, BRANIN),
        pytest.param("random", alone, BRANIN, marks=[pytest.mark.e2e, pytest.mark.long]),
        ("pbt", population, "synthetic/pbt-quadratic"),
    ],
)
def test_a_factory_of_a_registered_method_gives_the_same_results_as_its_name(
    name: str, factory: Any, workload: str
) -> None:
    size = {**SIZE, "method_seeds": "1"}
    result = rts.compare({"factory": factory, "name": name}, [workload], tuning_seeds=[0], test_seeds=[5], **size)
    custom, registered = (result.results[result.results["method"] == label] for label in ("factory", "name"))
    assert len(custom) == 3
    columns = ["config", "tuning_score", "test_score", "cost"]
    assert custom[columns].to_numpy().tolist() == registered[columns].to_numpy().tolist()


@pytest.mark.process
def test_failures_count_in_the_regret_and_unsupported_pairs_do_not(tmp_path: Path) -> None:
    methods: dict[str, Any] = {"flaky": Flaky, "pbt": "pbt", "random": "random"}
    plain = dataclasses.replace(rts.workload("synthetic/pbt-quadratic"), name="unbounded", bounds=None)
    result = rts.compare(methods, [BRANIN, plain], tuning_seeds=[0], test_seeds=[5], **SIZE, out=tmp_path)
    own = result.results[(result.results["method"] == "flaky") & (result.results["fraction"] == 1)]
    (good,) = own.loc[own["workload"] == BRANIN, "regret"]
    assert result.regret.loc[BRANIN, "flaky"] == pytest.approx((1 + min(good, 1)) / 2)
    assert result.regret.columns.tolist() == ["flaky", "pbt", "random"]
    assert result.regret["pbt"].isna().all()
    assert result.regret.loc["unbounded"].isna().all()


@pytest.mark.process
def test_a_comparison_from_python_removes_the_protocol_of_an_earlier_one(comparison: Path, tmp_path: Path) -> None:
    shutil.copytree(comparison, tmp_path, dirs_exist_ok=True)
    rts.compare(["random"], [BRANIN], **SIZE, out=tmp_path)
    assert not (tmp_path / store.PROTOCOL).exists()


@pytest.mark.process
def test_the_same_call_gives_the_same_results_and_repeats_no_run(tmp_path: Path) -> None:
    first = rts.compare(["random"], [BRANIN], **SIZE, out=tmp_path / "a")
    stamps = {file: file.stat().st_mtime_ns for file in tmp_path.glob("a/runs/*/*")}
    second = rts.compare(["random"], [BRANIN], **SIZE, out=tmp_path / "a")
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("a/runs/*/*")} == stamps
    elsewhere = rts.compare(["random"], [BRANIN], **SIZE)
    for other in (second, elsewhere):
        pd.testing.assert_frame_equal(first.results, other.results)
        pd.testing.assert_frame_equal(first.trajectories, other.trajectories)
    folder = elsewhere.folder
    assert folder.exists()
    del other, elsewhere
    assert not folder.exists()


@pytest.mark.process
def test_a_user_defined_workload_can_be_compared_on() -> None:
    custom = dataclasses.replace(rts.workload(BRANIN), name="mine", max_t=9)
    result = rts.compare({"asha": "asha"}, [custom], method_args={"asha": {"eta": 2}}, **{**SIZE, "budget": 6})
    assert result.results["workload"].unique().tolist() == ["mine"]
    assert result.results["resource"].max() == 9
    assert result.manifest["methods"] == {"asha": {"method": "asha", "args": {"eta": 2}}}


@pytest.mark.process
def test_the_error_of_the_first_run_is_raised_if_all_runs_fail() -> None:
    with pytest.raises(StudyError, match=r"bad on .*: .*ZeroDivisionError"):
        rts.compare({"bad": Raising}, [BRANIN], **SIZE)


class Flaky(Middle):
    """Fails with the second method seed."""

    def __init__(self, space: dict[str, Any], metric: str, mode: str, seed: int) -> None:
        super().__init__(space, metric, mode)
        self.seed = seed

    def suggest(self, trial_id: str) -> dict[str, Any]:
        return {"x": 1 / 0} if self.seed == 1 else super().suggest(trial_id)


@pytest.mark.parametrize(
    ("arguments", "error", "part"),
    [
        ({"methods": []}, ArgumentError, "`methods`"),
        ({"methods": "asha"}, ArgumentError, r"`methods` is 'asha'"),
        ({"workloads": BRANIN}, ArgumentError, "`workloads` is 'synthetic/branin'"),
        ({"methods": [dict]}, ArgumentError, "<class 'dict'>"),
        ({"methods": {"x": 3}}, ArgumentError, r"`methods\['x'\]` is 3"),
        ({"methods": {"x": dict}}, ArgumentError, "'x'"),
        ({"methods": ["ashaa"]}, ArgumentError, "'ashaa'.*'asha'"),
        ({"workloads": ["synthetic/brannin"]}, ArgumentError, "'synthetic/branin'"),
        ({"method_args": {"bohb": {}}}, ArgumentError, "`method_args`.*'bohb'"),
        ({"method_args": {"asha": {"et": 3}}}, ArgumentError, "'eta'"),
        ({"budget": 0}, ArgumentError, "`budget` is 0"),
        ({"engine": "fast"}, ArgumentError, "`engine` is 'fast'"),
        ({"workloads": [BRANIN, BRANIN]}, ArgumentError, "asha on synthetic/branin"),
    ],
)
def test_invalid_arguments_are_rejected_before_anything_runs(
    arguments: dict[str, Any], error: type[Exception], part: str, tmp_path: Path
) -> None:
    arguments = {"methods": ["asha"], "workloads": [BRANIN], **SIZE, "out": tmp_path / "out", **arguments}
    with pytest.raises(error, match=part):
        rts.compare(arguments.pop("methods"), arguments.pop("workloads"), **arguments)
    assert not (tmp_path / "out").exists()


def test_configs_of_a_plain_searcher_get_the_tuning_seed() -> None:
    task = workload_task(BRANIN, tuning_seeds=[3], test_seeds=[4])
    method = build_custom_method("middle", Middle, {}, task, 0)
    assert (method.searcher.suggest("a") or {})["seed"] == 3


def test_a_factory_is_identified_by_the_content_of_its_file() -> None:
    assert factory_identity(Middle) != factory_identity(halving)
    assert factory_identity(Middle).partition("#")[2] == factory_identity(halving).partition("#")[2]
    assert factory_identity(eval("lambda space: None")) != factory_identity(eval("lambda space: 1"))  # noqa: S307 - defined without a file


@pytest.mark.e2e
def test_a_script_without_a_main_guard_is_executed_once(tmp_path: Path) -> None:
    program = tmp_path / "script.py"
    program.write_text(
        "import raytune_suite as rts\nprint('started')\n"
        f"print(rts.compare(['random'], ['{BRANIN}'], budget=2, method_seeds='0-1').regret.shape)\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    assert done.stdout.split("\n") == ["started", "(1, 1)", ""], done.stderr


def test_unknown_names_raise_the_packages_own_error() -> None:
    with pytest.raises(UnknownNameError):
        rts.workload("synthetic/brannin")
