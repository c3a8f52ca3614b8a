"""`rts.compare`: names, a user's own methods, and what comes back."""

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
from raytune_suite.bench.custom_methods import identity, invite
from raytune_suite.errors import ArgumentError, StudyError, UnknownNameError
from raytune_suite.methods import Method, make_method
from raytune_suite.schedulers.asha import ASHA
from raytune_suite.searchers.random import RandomSearcher
from raytune_suite.tuning.task import of_workload

if TYPE_CHECKING:
    from pathlib import Path

SIZE: dict[str, Any] = {"budget": 2, "method_seeds": "0-1", "processes": 2}
BRANIN = "synthetic/branin"


class Middle(Searcher):
    """Proposes the middle of a space of intervals again and again."""

    def __init__(self, space: dict[str, Any], metric: str, mode: str) -> None:
        super().__init__(metric, mode)
        self.space = space

    def suggest(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {name: (domain.lower + domain.upper) / 2 for name, domain in self.space.items()}


def halving(space: dict[str, Any], metric: str, mode: str, max_t: int, eta: int = 3) -> Method:
    """The same, stopped by ASHA."""
    return Method("halving", Middle(space, metric, mode), ASHA(max_t=max_t, eta=eta))


class Raising(Middle):
    """Fails whenever it is asked."""

    def suggest(self, trial_id: str) -> dict[str, Any]:
        raise ZeroDivisionError(trial_id)


def test_a_users_searcher_is_compared_with_a_method(tmp_path: Path) -> None:
    found = rts.compare({"middle": Middle, "stopped": halving, "random": "random"}, [BRANIN], **SIZE, out=tmp_path)
    assert found.folder == tmp_path
    assert found.runs["status"].tolist() == ["done"] * 6
    assert set(found.results["method"]) == {"middle", "stopped", "random"}
    middle = found.results[found.results["method"] == "middle"]
    workload = rts.workload(BRANIN)
    centre = {name: (domain.lower + domain.upper) / 2 for name, domain in workload.space.items()}
    assert workload.bounds is not None
    best, worst = workload.bounds
    expected = workload.regret(centre) / (worst - best)
    assert middle["regret"].tolist() == pytest.approx([expected] * 6)
    assert found.regret.loc[BRANIN, "middle"] == pytest.approx(expected)


def tpe(space: dict[str, Any], metric: str, mode: str, max_t: int, seed: int) -> Method:
    """What one writes first: a method of this package, made from what is offered."""
    return make_method("tpe", space, metric=metric, mode=mode, max_t=max_t, seed=seed)


def population(space: dict[str, Any], metric: str, mode: str, max_t: int, seed: int) -> Method:
    """The same with a scheduler that has the space, too."""
    return make_method("pbt", space, metric=metric, mode=mode, max_t=max_t, seed=seed)


def alone(space: dict[str, Any], metric: str, mode: str, seed: int) -> Searcher:
    """Only a searcher of this package."""
    return RandomSearcher(space=space, metric=metric, mode=mode, seed=seed)


@pytest.mark.parametrize(
    ("name", "factory", "workload"),
    [
        ("tpe", tpe, BRANIN),
        ("random", alone, BRANIN),
        ("pbt", population, "synthetic/pbt-quadratic"),
    ],
)
def test_a_factory_of_a_named_method_finds_what_the_name_does(name: str, factory: Any, workload: str) -> None:
    found = rts.compare({"mine": factory, "theirs": name}, [workload], tuning_seeds=[0], test_seeds=[5], **SIZE)
    mine, theirs = (found.results[found.results["method"] == label] for label in ("mine", "theirs"))
    assert len(mine) == 6
    columns = ["config", "tuning_score", "test_score", "cost"]
    assert mine[columns].to_numpy().tolist() == theirs[columns].to_numpy().tolist()


def test_the_regret_forgives_no_failure_and_leaves_out_what_was_refused(tmp_path: Path) -> None:
    methods: dict[str, Any] = {"flaky": Flaky, "pbt": "pbt", "random": "random"}
    plain = dataclasses.replace(rts.workload("synthetic/pbt-quadratic"), name="unbounded", bounds=None)
    found = rts.compare(methods, [BRANIN, plain], tuning_seeds=[0], test_seeds=[5], **SIZE, out=tmp_path)
    own = found.results[(found.results["method"] == "flaky") & (found.results["fraction"] == 1)]
    (good,) = own.loc[own["workload"] == BRANIN, "regret"]
    assert found.regret.loc[BRANIN, "flaky"] == pytest.approx((1 + min(good, 1)) / 2)
    assert found.regret.columns.tolist() == ["flaky", "pbt", "random"]
    assert found.regret["pbt"].isna().all()
    assert found.regret.loc["unbounded"].isna().all()


def test_python_leaves_no_protocol_of_another_comparison(comparison: Path, tmp_path: Path) -> None:
    shutil.copytree(comparison, tmp_path, dirs_exist_ok=True)
    rts.compare(["random"], [BRANIN], **SIZE, out=tmp_path)
    assert not (tmp_path / store.PROTOCOL).exists()


def test_the_same_call_finds_the_same_and_does_nothing_twice(tmp_path: Path) -> None:
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


def test_a_workload_made_by_hand_can_be_compared_on() -> None:
    mine = dataclasses.replace(rts.workload(BRANIN), name="mine", max_t=9)
    found = rts.compare({"asha": "asha"}, [mine], method_args={"asha": {"eta": 2}}, **{**SIZE, "budget": 6})
    assert found.results["workload"].unique().tolist() == ["mine"]
    assert found.results["resource"].max() == 9
    assert found.manifest["methods"] == {"asha": {"method": "asha", "args": {"eta": 2}}}


def test_if_all_fails_it_says_why() -> None:
    with pytest.raises(StudyError, match=r"all 2 runs have failed; the first one, bad on .*: .*ZeroDivisionError"):
        rts.compare({"bad": Raising}, [BRANIN], **SIZE)


class Flaky(Middle):
    """Fails with the second method seed."""

    def __init__(self, space: dict[str, Any], metric: str, mode: str, seed: int) -> None:
        super().__init__(space, metric, mode)
        self.seed = seed

    def suggest(self, trial_id: str) -> dict[str, Any]:
        return {"x": 1 / 0} if self.seed == 1 else super().suggest(trial_id)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"methods": []}, ArgumentError, "`methods` or `workloads` is empty"),
        ({"methods": "asha"}, ArgumentError, r"`methods` is 'asha', but must be a list: write \['asha'\]"),
        ({"workloads": BRANIN}, ArgumentError, "`workloads` is 'synthetic/branin', but must be a list"),
        ({"methods": [dict]}, ArgumentError, "which needs a label: write {'mine': ...}"),
        ({"methods": {"x": 3}}, ArgumentError, "`methods` has 'x': 3"),
        ({"methods": {"x": dict}}, ArgumentError, "must make a Ray searcher or a Method"),
        ({"methods": ["ashaa"]}, ArgumentError, "unknown method 'ashaa': did you mean 'asha'"),
        ({"workloads": ["synthetic/brannin"]}, ArgumentError, "did you mean 'synthetic/branin'"),
        ({"method_args": {"bohb": {}}}, ArgumentError, "`method_args` has 'bohb', which is none of the methods"),
        ({"method_args": {"asha": {"et": 3}}}, ArgumentError, "did you mean 'eta'"),
        ({"budget": 0}, ArgumentError, "`budget` is 0"),
        ({"engine": "fast"}, ArgumentError, "`engine` is 'fast'"),
        ({"workloads": [BRANIN, BRANIN]}, ArgumentError, "is asked for twice"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_runs(
    arguments: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    given = {"methods": ["asha"], "workloads": [BRANIN], **SIZE, "out": tmp_path / "out", **arguments}
    with pytest.raises(error, match=words):
        rts.compare(given.pop("methods"), given.pop("workloads"), **given)
    assert not (tmp_path / "out").exists()


def test_a_searcher_that_knows_no_seeds_trains_on_the_tuning_seed() -> None:
    problem = of_workload(BRANIN, None, None, arguments={}, tuning_seeds=[3], test_seeds=[4])
    method = invite("middle", Middle, {}, problem, 0)
    assert (method.searcher.suggest("a") or {})["seed"] == 3


def test_runs_of_a_factory_are_known_by_its_file() -> None:
    assert identity(Middle) != identity(halving)
    assert identity(Middle).partition("#")[2] == identity(halving).partition("#")[2]
    assert identity(eval("lambda space: None")) != identity(eval("lambda space: 1"))  # noqa: S307 - as if typed in


def test_a_script_without_a_guard_is_run_once(tmp_path: Path) -> None:
    program = tmp_path / "script.py"
    program.write_text(
        "import raytune_suite as rts\nprint('begun')\n"
        f"print(rts.compare(['random'], ['{BRANIN}'], budget=2, method_seeds='0-1').regret.shape)\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.stdout.split("\n") == ["begun", "(1, 1)", ""], done.stderr


def test_unknown_names_stay_the_packages_own_errors() -> None:
    with pytest.raises(UnknownNameError):
        rts.workload("synthetic/brannin")
