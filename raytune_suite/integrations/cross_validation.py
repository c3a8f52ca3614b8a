"""The trainable of `TuneSearchCV`: one candidate, evaluated by cross-validation with a growing resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ray import tune
from sklearn.base import clone, is_classifier
from sklearn.utils import _safe_indexing
from sklearn.utils.metaestimators import _safe_split

from raytune_suite.types import split_config

if TYPE_CHECKING:
    from numpy.typing import NDArray

ETA = 3
"""The factor between two numbers of samples."""

LEVELS = 4
"""The most numbers of samples."""


class Data(NamedTuple):
    """What all candidates share.

    Attributes:
        estimator: The estimator, without the parameters of a candidate.
        X: The samples.
        y: Their targets, or None.
        folds: The numbers of the train samples and of the test samples of each fold.
        scorer: Scores a fitted estimator on samples.
        resource: What grows: "partial_fit", "samples", "folds", or None if each candidate is trained in full.
        steps: The resource after each step.
    """

    estimator: Any
    X: Any
    y: Any
    folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    scorer: Any
    resource: str | None
    steps: tuple[int, ...]


class CrossValidation(tune.Trainable):
    """Reports the mean score of a candidate over the folds, at each step with more resource."""

    data: Data

    def setup(self, config: dict[str, Any], data: Data | None = None) -> None:
        """Start a candidate; the data are passed by Ray, or are an attribute of the class."""
        self.given = data or self.data
        self.params = split_config(config).hyperparameters
        self.taken = 0
        self.scores: list[float] = []
        self.models: dict[int, Any] = {}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another candidate in this process."""
        CrossValidation.setup(self, new_config, self.given)  # Ray has replaced that of its subclass
        return True

    def step(self) -> dict[str, Any]:
        """Evaluate the candidate with the next resource."""
        kind, steps = self.given.resource, self.given.steps
        resource = steps[self.taken]
        folds = range(len(self.given.folds))
        if kind == "folds":
            self.scores.append(self._fitted(self.taken))
        elif kind == "partial_fit":
            self.scores = [self._continued(fold) for fold in folds]
        else:
            count = resource if kind == "samples" else None
            self.scores = [self._fitted(fold, count) for fold in folds]
        self.taken += 1
        return {"score": float(np.mean(self.scores)), "resource": resource, "done": self.taken == len(steps)}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        """The steps so far."""
        return {"taken": self.taken, "scores": self.scores, "models": self.models}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Continue after these steps."""
        self.__dict__.update(checkpoint or {})

    def _make(self) -> Any:
        params = {name: clone(value, safe=False) for name, value in self.params.items()}
        return clone(self.given.estimator).set_params(**params)

    def _fitted(self, fold: int, count: int | None = None) -> float:
        """The score after a training on the first `count` train samples of a fold, or on all."""
        model, rows = self._make(), self.given.folds[fold][0][:count]
        return self._score(model.fit(*self._samples(model, rows)), fold, rows)

    def _continued(self, fold: int) -> float:
        """The score after one more epoch on the train samples of a fold."""
        model = self.models.setdefault(fold, self._make())
        classes = {"classes": np.unique(self.given.y)} if is_classifier(model) and not self.taken else {}
        rows = self.given.folds[fold][0]
        model.partial_fit(*self._samples(model, rows), **classes)
        return self._score(model, fold, rows)

    def _score(self, model: Any, fold: int, trained: NDArray[np.int64]) -> float:
        return float(self.given.scorer(model, *self._samples(model, self.given.folds[fold][1], trained)))

    def _samples(
        self, model: Any, rows: NDArray[np.int64], trained: NDArray[np.int64] | None = None
    ) -> tuple[Any, ...]:
        """Some samples; of a precomputed kernel, their rows and the columns of the samples that a model trained on."""
        features, targets = _safe_split(model, self.given.X, self.given.y, rows, trained)
        return (features,) if self.given.y is None else (features, targets)


def sample_counts(size: int, least: int) -> tuple[int, ...]:
    """The numbers of samples on which a candidate is trained: each `ETA` times the one before, up to `size`.

    Example:
        >>> sample_counts(900, least=20), sample_counts(50, least=20)
        ((34, 100, 300, 900), (50,))
    """
    counts = [-(-size // ETA**level) for level in reversed(range(LEVELS))]
    return (*(count for count in counts[:-1] if count >= least), size)


def spread(rows: NDArray[np.int64], classes: Any, rng: np.random.Generator) -> NDArray[np.int64]:
    """Shuffle the numbers of samples; with classes, the first ones have about the proportions of all.

    Example:
        >>> rows, classes = np.arange(8), np.array([0, 0, 0, 0, 0, 0, 1, 1])
        >>> sorted(classes[spread(rows, classes, np.random.default_rng(0))[:4]].tolist())
        [0, 0, 0, 1]
    """
    rows = rng.permutation(rows)
    if classes is None:
        return rows
    position = np.empty(len(rows))
    kinds = np.asarray(_safe_indexing(classes, rows))
    for kind in np.unique(kinds):
        members = kinds == kind
        position[members] = (np.arange(members.sum()) + 0.5) / members.sum()
    return rows[np.argsort(position, kind="stable")]
