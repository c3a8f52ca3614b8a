"""`TuneSearchCV`: a search for scikit-learn, with any method of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune as ray_tune
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from raytune_suite import seeding
from raytune_suite.engines.simulated.engine import Simulation
from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.integrations.cross_validation import ETA, CrossValidation, Data, sample_counts, spread
from raytune_suite.tuning.arguments import make_engine
from raytune_suite.tuning.tune import tune
from raytune_suite.validation import integer, one_of, optional
from raytune_suite.workloads import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from raytune_suite.engines.base import Engine
    from raytune_suite.methods import Method
    from raytune_suite.tuning.result import StudyResult

RESOURCE = optional(one_of("partial_fit", "samples", "folds"))


def _delegates(name: str) -> Callable[[Any], bool]:
    """Whether the best estimator, or before the fit the given one, has a method."""

    def has(search: Any) -> bool:
        getattr(getattr(search, "best_estimator_", search.estimator), name)  # its own AttributeError tells it
        return True

    return has


class TuneSearchCV(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Search the parameters of an estimator by cross-validation, in parallel on Ray.

    With `resource`, multi-fidelity methods train many candidates a little and few in full, as scikit-learn's
    `HalvingRandomSearchCV` does, but asynchronously and with any searcher. A candidate that raises counts as the worst.

    Attributes:
        best_params_: The parameters that were chosen.
        best_score_: Their mean score over the folds.
        best_estimator_: The estimator with them, trained on all samples; only with `refit`.
        cv_results_: Per candidate "params", "mean_test_score", "n_resources", "rank_test_score" and "outcome".
        scorer_: The scorer.
        n_splits_: The number of folds.
        study_: The `StudyResult`.
    """

    def __init__(
        self,
        estimator: Any,
        space: dict[str, Any],
        *,
        resource: str | None = None,
        max_epochs: int = 27,
        method: str | Method = "auto",
        method_args: Mapping[str, Any] | None = None,
        num_samples: int | None = None,
        budget: float | None = 20,
        time_limit: float | None = None,
        cv: Any = None,
        scoring: Any = None,
        refit: bool = True,
        random_state: int = 0,
        resources: Mapping[str, float] | None = None,
        max_concurrent: int | None = None,
        engine: str | Engine = "ray",
        storage_path: str | Path = "~/ray_results",
        name: str | None = None,
    ) -> None:
        """Create the search; `fit` runs it.

        Args:
            estimator: The estimator.
            space: The search space in Ray Tune's domains, by the names of parameters, such as "svc__C".
            resource: What early decisions save: "partial_fit" trains epoch by epoch, "samples" on a growing number of
                samples, "folds" evaluates fold by fold. None trains each candidate in full.
            max_epochs: The epochs of a full training by "partial_fit".
            method: As in `rts.tune`.
            method_args: As in `rts.tune`.
            num_samples: The maximum number of candidates.
            budget: The total in full trainings, each on all folds.
            time_limit: Seconds.
            cv: The folds, as in scikit-learn's searches: a number, a splitter, or None for five.
            scoring: A name of a score or a function, as there. Greater is better.
            refit: Whether to train the best candidate on all samples.
            random_state: The seed of the method.
            resources: As in `rts.tune`.
            max_concurrent: As in `rts.tune`.
            engine: As in `rts.tune`; "simulated" trains in this process, one candidate at a time.
            storage_path: As in `rts.tune`.
            name: As in `rts.tune`.
        """
        self.estimator, self.space, self.resource, self.max_epochs = estimator, space, resource, max_epochs
        self.method, self.method_args = method, method_args
        self.num_samples, self.budget, self.time_limit = num_samples, budget, time_limit
        self.cv, self.scoring, self.refit, self.random_state = cv, scoring, refit, random_state
        self.resources, self.max_concurrent, self.engine = resources, max_concurrent, engine
        self.storage_path, self.name = storage_path, name

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> TuneSearchCV:  # noqa: N803 - scikit-learn's name
        """Run the search, and train the best candidate.

        Args:
            X: The samples.
            y: Their targets.
            groups: The groups of the samples, for splitters that need them.

        Raises:
            RaytuneSuiteError: As `rts.tune`.
        """
        X, y, groups = indexable(X, y, groups)  # noqa: N806 - as above
        data = self._data(X, y, groups)
        try:
            result = self._search(data)
        except StudyError as error:
            self._raise_own_error(X, y, error)
            raise
        self.study_, self.scorer_, self.n_splits_ = result, data.scorer, len(data.folds)
        self.cv_results_ = _table(result)
        self.best_params_ = {key: value for key, value in result.best_config.items() if key in self.space}
        self.best_score_ = result.best_value
        if self.refit:
            params = {key: clone(value, safe=False) for key, value in self.best_params_.items()}
            self.best_estimator_ = clone(self.estimator).set_params(**params)
            self.best_estimator_.fit(X) if y is None else self.best_estimator_.fit(X, y)
        return self

    def _data(self, X: Any, y: Any, groups: Any) -> Data:  # noqa: N803 - as in `fit`
        """The folds, the scorer and the steps."""
        RESOURCE.check("resource", self.resource)
        integer(0).check("random_state", self.random_state)
        if isinstance(self.scoring, list | tuple | set | dict):
            raise ArgumentError.invalid("scoring", self.scoring, "one score, which is optimized: a name or a function")
        if callable(self.refit):
            raise ArgumentError.invalid("refit", self.refit, "True or False", "the best candidate is that of the study")
        integer(1).check("max_epochs", self.max_epochs)
        if self.resource == "partial_fit" and not hasattr(self.estimator, "partial_fit"):
            raise ArgumentError(
                f"`resource` is 'partial_fit', which {type(self.estimator).__name__} does not have: use 'samples'"
            )
        classifier = is_classifier(self.estimator)
        classes = np.ravel(y) if classifier and type_of_target(y) in ("binary", "multiclass") else None
        folds = list(check_cv(self.cv, y, classifier=classifier).split(X, y, groups))
        if self.resource == "samples":
            rng = seeding.stream(self.random_state, "cross-validation")
            folds = [(spread(train, classes, rng), test) for train, test in folds]
        least = 2 * len(folds) * (1 if classes is None else len(np.unique(classes)))
        steps = {
            "partial_fit": range(1, self.max_epochs + 1),
            "samples": sample_counts(max(len(train) for train, _ in folds), least),
            "folds": range(1, len(folds) + 1),
        }.get(str(self.resource), (1,))
        scorer = check_scoring(self.estimator, scoring=self.scoring)
        return Data(self.estimator, X, y, folds, scorer, self.resource, tuple(steps))

    def _search(self, data: Data) -> StudyResult:
        engine = make_engine(self.engine, None)
        return tune(
            workload=self._workload(data, simulated=isinstance(engine, Simulation)),
            method=self.method,
            method_args=self.method_args,
            num_samples=self.num_samples,
            budget=self.budget,
            time_limit=self.time_limit,
            resources=self.resources,
            max_concurrent=self.max_concurrent,
            seed=self.random_state,
            engine=engine,
            storage_path=self.storage_path,
            name=self.name,
        )

    def _raise_own_error(self, X: Any, y: Any, error: StudyError) -> None:  # noqa: N803 - as in `fit`
        """Raise what the estimator has to say about data that no candidate could be trained on."""
        try:
            clone(self.estimator).fit(X, y)
        except Exception as own:
            raise own from error

    def _workload(self, data: Data, *, simulated: bool) -> Workload:
        """What is tuned."""
        trainable: Any = (
            type("CrossValidationHere", (CrossValidation,), {"data": data})
            if simulated
            else ray_tune.with_parameters(CrossValidation, data=data)
        )
        return Workload(
            name=f"sklearn/{type(self.estimator).__name__}",
            summary="cross-validation of an estimator",
            trainable=trainable,
            space=self.space,
            metric="score",
            mode="max",
            cost=lambda _config: 1.0,
            time_attr="resource",
            min_t=data.steps[0],
            max_t=data.steps[-1],
            eta=ETA,
            tuning_seeds=(0,),
            test_seeds=(),
        )

    # ---- the best estimator ------------------------------------------------------------------------------------

    @property
    def classes_(self) -> Any:
        """The classes that the best estimator knows."""
        return self._best("classes_").classes_

    @property
    def n_features_in_(self) -> int:
        """The number of features that the best estimator was trained on."""
        try:
            return int(self._best("n_features_in_").n_features_in_)
        except Exception as error:  # the type that `hasattr` understands
            raise AttributeError(f"{type(self).__name__} has no `n_features_in_` yet: call `fit`") from error

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803 - as in `fit`
        """The score of the best estimator."""
        best = self._best("score")
        return float(self.scorer_(best, X) if y is None else self.scorer_(best, X, y))

    @available_if(_delegates("predict"))  # type: ignore[untyped-decorator]
    def predict(self, X: Any) -> Any:  # noqa: N803 - as in `fit`
        """Call `predict` of the best estimator."""
        return self._best("predict").predict(X)

    @available_if(_delegates("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:  # noqa: N803 - as in `fit`
        """Call `predict_proba` of the best estimator."""
        return self._best("predict_proba").predict_proba(X)

    @available_if(_delegates("predict_log_proba"))  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Any:  # noqa: N803 - as in `fit`
        """Call `predict_log_proba` of the best estimator."""
        return self._best("predict_log_proba").predict_log_proba(X)

    @available_if(_delegates("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Any:  # noqa: N803 - as in `fit`
        """Call `decision_function` of the best estimator."""
        return self._best("decision_function").decision_function(X)

    @available_if(_delegates("transform"))  # type: ignore[untyped-decorator]
    def transform(self, X: Any) -> Any:  # noqa: N803 - as in `fit`
        """Call `transform` of the best estimator."""
        return self._best("transform").transform(X)

    def _best(self, name: str) -> Any:
        check_is_fitted(self, "study_")
        if not self.refit:
            raise AttributeError(f"`refit` is False, so there is no estimator with `{name}`: set it to True")
        return self.best_estimator_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "study_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.estimator_type, tags.classifier_tags = inner.estimator_type, inner.classifier_tags
        tags.regressor_tags, tags.transformer_tags = inner.regressor_tags, inner.transformer_tags
        tags.target_tags = inner.target_tags
        tags.input_tags.pairwise, tags.input_tags.sparse = inner.input_tags.pairwise, inner.input_tags.sparse
        tags.array_api_support = False
        return tags


def _table(result: StudyResult) -> dict[str, Any]:
    """The candidates as scikit-learn has them: trained further is better, then the score decides."""
    trials = result.trials
    resource, value = trials["resource"].to_numpy(dtype=float), trials["value"].to_numpy(dtype=float)
    order = np.lexsort((np.nan_to_num(-value, nan=np.inf), np.nan_to_num(-resource, nan=np.inf)))
    rank = np.empty(len(trials), dtype=np.int32)
    rank[order] = np.arange(1, len(trials) + 1)
    params = [{key: item for key, item in config.items() if key != "seed"} for config in result.configs]
    return {
        "params": params,
        "mean_test_score": value,
        "n_resources": resource,
        "rank_test_score": rank,
        "outcome": trials["outcome"].to_numpy(),
    }
