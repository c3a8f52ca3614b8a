"""Mistakes that are common in a first study: the error suggests what to write instead."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import scipy.stats
from ray import tune
from ray.tune.schedulers import FIFOScheduler

import raytune_suite as rts
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.storage import Folder
from raytune_suite.errors import ArgumentError, SpaceError, StudyError, UnknownNameError
from raytune_suite.schedulers.fifo import FIFO
from raytune_suite.searchers.random import RandomSearcher
from raytune_suite.spaces import FEATURES
from raytune_suite.tuning.result import check_outcome
from raytune_suite.types import Objective

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Observation


class Origin(rts.AskTellSearcher):
    """A searcher that declares no features."""

    def setup(self, space: Space) -> None:
        self.compiled = space

    def ask(self) -> Config:
        return self.compiled.decode(self.rng.random(len(self.compiled)))

    def tell(self, observation: Observation) -> None:
        pass


class Complete(Origin):
    """The same, with features."""

    features: ClassVar[frozenset[str]] = frozenset(FEATURES)


def branin(method: Any, folder: Path) -> rts.StudyResult:
    return rts.tune(workload="synthetic/branin", method=method, budget=2, engine="simulated", storage_path=folder)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0.1, 0.2], r"tune\.choice\(\[0\.1, 0\.2\]\)"),
        (0.1, r"tune\.loguniform"),
        (tune.loguniform, r"'lr' is the function tune\.loguniform"),
        (scipy.stats.loguniform(1e-4, 1), r"'lr' .* scipy"),
    ],
    ids=["list", "number", "function", "scipy"],
)
def test_what_is_no_domain_is_rejected_with_one(value: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        rts.Space({"lr": value})


def test_a_value_outside_a_prior_s_domain_is_named_like_the_argument() -> None:
    with pytest.raises(SpaceError, match=r"^`center` is 5"):
        rts.prior(tune.uniform(0, 1), center=5)


def test_a_searcher_in_place_of_a_method_is_rejected_with_the_method(tmp_path: Path) -> None:
    for searcher in (Complete, Complete()):
        with pytest.raises(ArgumentError, match=r"`method` .*Method\('mine', searcher"):
            branin(searcher, tmp_path)


def test_the_sides_of_a_method_are_checked(tmp_path: Path) -> None:
    fifo = rts.SCHEDULERS["fifo"](max_t=rts.workload("synthetic/branin").max_t)
    with pytest.raises(ArgumentError, match=r"`method\.scheduler` .*StockScheduler"):
        branin(rts.Method("mine", Complete(), FIFOScheduler()), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"`method\.searcher` is 3"):
        branin(rts.Method("mine", 3, fifo), tmp_path)  # type: ignore[arg-type]
    assert branin(rts.Method("mine", Complete(), fifo), tmp_path).method == "mine"


def test_a_searcher_without_features_is_rejected() -> None:
    with pytest.raises(ArgumentError, match=r"Origin .*`features`"):
        Origin()
    assert RandomSearcher().features


def test_a_workload_in_the_place_of_a_trainable_is_rejected_with_the_argument() -> None:
    with pytest.raises(ArgumentError, match="`workload='synthetic/branin'`"):
        rts.tune("synthetic/branin", budget=2)


@pytest.mark.parametrize(
    ("reported", "message"),
    [
        ([], r"`ray\.tune\.report\(\{'loss': value\}\)`"),
        (["_metric", "config/lr"], r"returned a number.*\{'loss': value\}"),
        (["config/lr", "val_loss"], r"did you mean 'val_loss'\? \(reported: val_loss\)$"),
        (["accuracy", "config/lr"], r"'loss' \(reported: accuracy\)$"),
    ],
    ids=["nothing", "number", "similar", "other"],
)
def test_a_study_without_the_metric_says_how_to_report_it(reported: list[str], message: str, tmp_path: Path) -> None:
    log = StudyLog(Objective("loss", "min", max_t=9), FIFO())
    log.unmetered = reported
    with pytest.raises(StudyError, match=message):
        check_outcome(log, Folder.at(str(tmp_path)))


def test_a_folder_that_is_no_study_is_rejected_with_the_studies_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no study", encoding="utf-8")
    with pytest.raises(StudyError, match=r"^there is no study at") as caught:
        rts.load_study(tmp_path)
    assert "contains 1" not in str(caught.value)
    result = branin("random", tmp_path)
    assert math.isfinite(rts.load_study(result.path).best_value)
    with pytest.raises(StudyError, match=f"this folder contains 1, such as '{result.path.rpartition('/')[2]}'"):
        rts.load_study(tmp_path)


class Unsaved(tune.Trainable):
    """Trains to its `length`, and saves nothing."""

    def setup(self, config: Config) -> None:
        self.config, self.done = config, 0

    def step(self) -> dict[str, Any]:
        self.done += 1
        return {"loss": self.config["x"] / self.done, "done": self.done >= self.config["length"]}


def unsaved(folder: Path, method: str, length: int = 9) -> rts.StudyResult:
    space = {"x": tune.uniform(0, 1), "length": length}
    common: dict[str, Any] = {"metric": "loss", "mode": "min", "engine": "simulated", "storage_path": folder}
    return rts.tune(Unsaved, space, method=method, max_t=9, budget=20, **common)


@pytest.mark.parametrize("method", ["hyperband", "bohb", "pasha", "priorband", "pbt"])
def test_a_class_without_checkpoints_is_rejected_by_methods_that_pause(method: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="`save_checkpoint` and `load_checkpoint`"):
        unsaved(tmp_path, method)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("length", "warns"), [(4, True), (9, False)])
def test_a_max_t_that_no_training_reaches_is_named(
    length: int, *, warns: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "raytune_suite"):
        unsaved(tmp_path, "asha", length)
    assert any("`max_t`=9" in line and "training_iteration=4" in line for line in caplog.messages) == warns


@pytest.mark.parametrize(
    ("other", "ours"),
    [("n_trials", "num_samples"), ("direction", "mode"), ("config", "space"), ("scheduler", "method")],
)
def test_the_names_of_ray_tune_and_optuna_are_translated(other: str, ours: str) -> None:
    argument: dict[str, Any] = {other: 1}
    with pytest.raises(UnknownNameError) as caught:
        rts.tune(**argument)
    assert caught.value.suggestion == ours
    with pytest.raises(UnknownNameError) as caught:
        rts.make_method("random", **argument)
    assert f"'{other}'" in str(caught.value)


def test_parallel_coordinates_need_two_parameters(tmp_path: Path) -> None:
    result = unsaved(tmp_path, "random")
    for kind in ("contours", "parallel-coordinates"):
        with pytest.raises(ArgumentError, match="parameters"):
            rts.plot_study(result, tmp_path / "study.png", kind=kind)
