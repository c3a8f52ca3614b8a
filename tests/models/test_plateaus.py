"""Regions in which a function is known to be constant."""

from __future__ import annotations

import numpy as np
from ray import tune

from raytune_suite.models.kernels import Embedding
from raytune_suite.models.layout import Layout
from raytune_suite.models.plateaus import Plateaus
from raytune_suite.spaces import Space

EMBEDDED = Embedding.of(Layout.of(Space({"x": tune.uniform(0, 1)})))
NAN = np.nan


def plateaus(xs: list[float], losses: list[list[float]]) -> Plateaus:
    return Plateaus.of(np.array(xs)[:, None], np.array(losses), EMBEDDED)


def contained(found: Plateaus, *xs: float) -> list[bool]:
    return list(map(bool, found.contain(np.array(xs)[:, None])))


def test_points_between_and_near_equal_observations_are_contained() -> None:
    found = plateaus([0.2, 0.3, 0.7], [[0.5], [0.5], [0.4]])
    assert contained(found, 0.25, 0.39, 0.6, 0.7) == [True, True, False, False]


def test_there_are_none_where_all_losses_differ() -> None:
    assert contained(plateaus([0.2, 0.3], [[0.5], [0.4]]), 0.2, 0.25) == [False, False]


def test_a_nearer_observation_with_another_loss_separates_equal_ones() -> None:
    found = plateaus([0.2, 0.25, 0.3], [[0.5], [0.4], [0.5]])
    assert contained(found, 0.2, 0.22, 0.28) == [False, False, False]


def test_observations_that_differ_at_a_later_level_are_not_equal() -> None:
    assert contained(plateaus([0.2, 0.3], [[0.5, 0.4], [0.5, 0.3]]), 0.25) == [False]
    assert contained(plateaus([0.2, 0.3], [[0.5, 0.4], [0.5, NAN]]), 0.25) == [True]


def test_failures_are_no_plateau() -> None:
    assert contained(plateaus([0.2, 0.3], [[np.inf], [np.inf]]), 0.25) == [False]
