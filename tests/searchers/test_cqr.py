"""Conformalized quantile regression."""

from __future__ import annotations

import numpy as np
import pytest

from raytune_suite.models.forest import grow, quantiles
from raytune_suite.searchers.cqr import LEVELS, corrections


@pytest.mark.parametrize("outliers", [0, 5])
def test_corrected_intervals_cover_new_observations(outliers: int) -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(10):
        points = rng.random((120, 2))
        losses = points[:, 0] + 0.5 * rng.standard_normal(120)
        losses[:outliers] += 20
        grown = grow(points, losses, np.array([0, 0]), rng, min_split=8)
        test = rng.random((300, 2))
        actual = test[:, 0] + 0.5 * rng.standard_normal(300)
        predicted = quantiles(grown.weights(test), losses, LEVELS) + corrections(grown, points, losses)
        covered.append(np.mean((predicted[:, 0] <= actual) & (actual <= predicted[:, -1])))
    assert 0.6 < np.mean(covered) < 0.85  # the nominal coverage is 2 / 3


def test_the_median_is_not_corrected() -> None:
    rng = np.random.default_rng(1)
    points = rng.random((60, 2))
    grown = grow(points, points[:, 0], np.array([0, 0]), rng)
    added = corrections(grown, points, points[:, 0])
    assert added[2] == 0
    assert added == pytest.approx(-added[::-1])
