"""Mistakes that are common in a first study: the error suggests what to write instead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import scipy.stats
from ray import tune
from ray.tune.schedulers import FIFOScheduler

import raytune_suite as rts
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.storage import Folder
from raytune_suite.errors import ArgumentError, SpaceError, StudyError
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
