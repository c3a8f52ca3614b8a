"""A search for scikit-learn, by its own conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ray import tune
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GroupKFold, KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from raytune_suite.errors import ArgumentError
from raytune_suite.integrations.sklearn import TuneSearchCV

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
SPACE = {"logisticregression__C": tune.loguniform(1e-6, 100)}
PIPELINE = make_pipeline(StandardScaler(), LogisticRegression())


def search(folder: Path, **arguments: Any) -> TuneSearchCV:
    usual = {"estimator": PIPELINE, "space": SPACE, "engine": "simulated", "budget": 6, "storage_path": folder}
    return TuneSearchCV(**{**usual, **arguments})


@pytest.mark.parametrize("resource", [None, "samples", "folds", "partial_fit"])
@pytest.mark.parametrize("method", ["auto", "hyperband", "tpe"])
def test_it_finds_a_good_estimator(resource: str | None, method: str, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"resource": resource, "method": method}
    if resource is None and method == "hyperband":
        pytest.skip("there is nothing to decide early")
    if resource == "partial_fit":
        space = {"alpha": tune.loguniform(1e-6, 1e2)}
        arguments |= {"estimator": SGDClassifier(random_state=0), "space": space, "max_epochs": 9}
    found = search(tmp_path, **arguments).fit(X, Y)
    assert found.best_score_ > 0.85
    assert found.score(X, Y) > 0.85
    assert found.predict(X).shape == Y.shape
    assert found.n_features_in_ == X.shape[1]
    assert list(found.classes_) == [0, 1, 2]
    assert len(found.cv_results_["params"]) == len(found.cv_results_["mean_test_score"]) == len(found.study_.trials)
    if resource is not None and method != "tpe":
        assert len(found.cv_results_["params"]) > 6
        assert len(set(found.cv_results_["n_resources"])) > 1


def test_the_score_is_that_of_scikit_learn(tmp_path: Path) -> None:
    from sklearn.model_selection import cross_val_score

    found = search(tmp_path, num_samples=3, budget=None, method="random").fit(X, Y)
    for params, score in zip(found.cv_results_["params"], found.cv_results_["mean_test_score"], strict=True):
        assert score == pytest.approx(cross_val_score(clone(PIPELINE).set_params(**params), X, Y).mean())
    best = found.cv_results_["params"][int(np.argmin(found.cv_results_["rank_test_score"]))]
    assert best == found.best_params_
    assert found.best_estimator_.get_params()["logisticregression__C"] == best["logisticregression__C"]


def test_the_same_state_chooses_the_same(tmp_path: Path) -> None:
    first, second = (search(tmp_path / str(one), resource="samples").fit(X, Y) for one in range(2))
    assert first.cv_results_["params"] == second.cv_results_["params"]
    assert first.best_params_ == second.best_params_


def test_regression_groups_and_scoring(tmp_path: Path) -> None:
    features, target = make_regression(60, 5, noise=1, random_state=0)
    space = {"alpha": tune.loguniform(1e-3, 1e3)}
    arguments: dict[str, Any] = {"cv": GroupKFold(3), "scoring": "neg_mean_squared_error", "method": "random"}
    found = search(tmp_path, estimator=Ridge(), space=space, **arguments)
    found.fit(features, target, groups=np.arange(60) // 6)
    assert found.n_splits_ == 3
    assert found.best_score_ < 0


@pytest.mark.parametrize("resource", [None, "samples"])
def test_a_precomputed_kernel_is_split_by_rows_and_columns(resource: str | None, tmp_path: Path) -> None:
    space = {"C": tune.loguniform(0.1, 10)}
    found = search(tmp_path, estimator=SVC(kernel="precomputed"), space=space, resource=resource).fit(X @ X.T, Y)
    assert found.best_score_ > 0.8


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("targets", [np.eye(3, dtype=int)[Y], Y[:, None]], ids=["multilabel", "column"])
def test_the_targets_may_have_two_dimensions(targets: Any, tmp_path: Path) -> None:
    space = {"n_neighbors": tune.randint(1, 9)}
    arguments: dict[str, Any] = {"estimator": KNeighborsClassifier(), "space": space, "resource": "samples"}
    found = search(tmp_path, budget=2, cv=KFold(3, shuffle=True, random_state=0), **arguments).fit(X, targets)
    assert found.best_score_ > 0.8


def test_a_candidate_that_raises_is_the_worst(tmp_path: Path) -> None:
    space = {"solver": tune.choice(["lbfgs", "no such"])}
    found = search(tmp_path, estimator=LogisticRegression(), space=space, method="grid", budget=None).fit(X, Y)
    assert found.best_params_ == {"solver": "lbfgs"}
    assert sorted(found.cv_results_["outcome"]) == ["failed", "trained in full"]


def test_without_refit_there_is_no_estimator(tmp_path: Path) -> None:
    found = search(tmp_path, budget=2, refit=False).fit(X, Y)
    assert set(found.best_params_) == set(SPACE)
    with pytest.raises(AttributeError, match="refit"):
        found.predict(X)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resource", "n_estimators"),
        ("resource", "partial_fit"),
        ("max_epochs", 0),
        ("random_state", None),
        ("scoring", ["accuracy", "f1_macro"]),
        ("refit", np.argmin),
    ],
)
def test_bad_arguments_are_rejected_before_the_search(name: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=name):
        search(tmp_path, **{name: value}).fit(X, Y)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("inner", [LogisticRegression(), Ridge()], ids=lambda inner: type(inner).__name__)
def test_it_is_an_estimator_of_scikit_learn(inner: Any, tmp_path: Path) -> None:
    space = {"tol": tune.loguniform(1e-5, 1e-3)}
    found = search(tmp_path, estimator=inner, space=space, method="random", budget=1, cv=2)
    failed = [
        (check["check_name"], str(check["exception"]))
        for check in check_estimator(found, on_fail=None, on_skip=None)
        if check["status"] == "failed"
    ]
    assert failed == []
