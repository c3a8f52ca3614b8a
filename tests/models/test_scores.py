"""Transformations of losses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from raytune_suite.models.scores import half_rank, normal_scores

LOSSES = np.array([3.0, 1.0, 2.0, 5.0, 4.0])


@pytest.mark.parametrize("transform", [normal_scores, half_rank])
def test_the_order_stays_and_failures_are_worst(transform: object) -> None:
    assert callable(transform)
    rng = np.random.default_rng(0)
    losses = np.append(rng.exponential(size=21), [np.inf, np.inf])
    scores = transform(losses)
    assert np.all(np.isfinite(scores))
    assert stats.spearmanr(losses, scores).statistic == pytest.approx(1)
    assert scores[-1] == scores[-2] == scores.max()


@pytest.mark.parametrize("transform", [normal_scores, half_rank])
def test_an_outlier_does_not_stretch_the_scale(transform: object) -> None:
    assert callable(transform)
    assert np.array_equal(transform(LOSSES), transform(np.where(LOSSES == 5, 1e30, LOSSES)))
    assert np.allclose(transform(LOSSES), transform(1e6 * LOSSES - 3))


def test_scores_are_quantiles_of_ranks() -> None:
    assert normal_scores(LOSSES) == pytest.approx(stats.norm.ppf([0.5, 0.1, 0.3, 0.9, 0.7]), abs=1e-12)


def test_good_losses_keep_their_proportions() -> None:
    scores = half_rank(np.array([0.0, 3.0, 4.0, 5.0, 6.0, 70.0, 800.0]))
    assert scores[3] == 0
    assert (scores[1] - scores[3]) / (scores[0] - scores[3]) == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    "losses", [[1.0, 1.0, 1.0], [1.0], [1.0, np.inf, np.inf], [np.inf, 2.0, 1.0, np.inf, np.inf]], ids=str
)
def test_ties_and_many_failures_are_finite(losses: list[float]) -> None:
    scores = half_rank(np.array(losses))
    assert np.all(np.isfinite(scores))
    assert np.argmin(scores) == np.argmin(losses)
    assert len(set(scores)) == len(set(losses))
