"""Whether new configs can have losses that differ from those around them."""

from __future__ import annotations

import numpy as np
import pytest
from ray import tune

from raytune_suite.models.kernels import Embedding
from raytune_suite.models.layout import Layout
from raytune_suite.models.plateaus import LEAST_CHANCE, Plateaus
from raytune_suite.spaces import Space

EMBEDDED = Embedding.of(Layout.of(Space({"x": tune.uniform(0, 1)})))
NAN = np.nan


def learned(xs: list[float], losses: list[list[float]]) -> Plateaus:
    found = Plateaus.of(np.array(xs)[:, None], np.array(losses), EMBEDDED)
    assert found is not None
    return found


def chances(found: Plateaus, *xs: float) -> list[float]:
    return list(map(float, found.chance(np.array(xs)[:, None])))


def test_losses_near_any_observation_are_known_if_near_observations_were_equal() -> None:
    found = learned([0.2, 0.25, 0.6, 0.9], [[0.5], [0.5], [0.4], [0.3]])
    assert chances(found, 0.64, 0.86) == [LEAST_CHANCE] * 2  # neither 0.6 nor 0.9 has an equal one
    assert chances(found, 0.425)[0] > 0.3


def test_the_chance_of_new_losses_does_not_decrease_with_the_distance() -> None:
    """It is the share of new losses at each distance, pooled where it would decrease."""
    xs = [0.0, 0.1, 0.3, 0.6, 1.0]
    found = learned(xs, [[1.0], [1.0], [2.0], [2.0], [3.0]])  # distances 0.1, 0.2, 0.3, 0.4; the first and third repeat
    assert found.distances.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert found.chances.tolist() == pytest.approx([0, 0.5, 0.5, 1])


@pytest.mark.parametrize("losses", [[[0.5], [0.4]], [[np.inf], [np.inf]], [[NAN], [NAN]], [[0.5, 0.4], [0.5, 0.3]]])
def test_observations_that_differ_or_failed_make_no_plateau(losses: list[list[float]]) -> None:
    assert Plateaus.of(np.array([[0.2], [0.3]]), np.array(losses), EMBEDDED) is None


def test_observations_are_equal_if_they_are_as_far_as_both_went() -> None:
    assert chances(learned([0.2, 0.3], [[0.5, 0.4], [0.5, NAN]]), 0.25) == [0]


def test_equal_losses_before_anything_was_learned_do_not_count() -> None:
    """All have 0.5 at the lowest level, but differ at the next, so that the last one may differ, too."""
    losses = [[0.5, 0.4], [0.5, 0.3], [0.5, NAN]]
    assert Plateaus.of(np.array([[0.2], [0.3], [0.4]]), np.array(losses), EMBEDDED) is None


def test_points_between_equal_observations_are_known() -> None:
    """The chance would be 1 by the distance alone, at which losses have always been new."""
    found = learned([0.5, 0.1, 0.2, 0.9], [[1.0], [2.0], [2.0], [1.0]])
    assert chances(found, 0.15) == [0]


def test_a_nearer_observation_with_another_loss_separates_equal_ones() -> None:
    found = learned([0.2, 0.25, 0.3, 0.8, 0.9], [[0.5], [0.4], [0.5], [0.1], [0.1]])
    assert found.squared_radii[:3].tolist() == [0, 0, 0]


def test_running_trials_count_as_observations() -> None:
    found = learned([0.2, 0.25, 0.6, 0.9], [[0.5], [0.5], [0.4], [0.3]])
    alone = found.chance(np.array([[0.425]]))
    assert found.chance(np.array([[0.425]]), np.array([[0.43]]))[0] < alone[0]


def test_a_repeat_costs_more_than_its_share_of_the_improvement() -> None:
    found = learned([0.0, 0.1, 0.3, 0.6, 1.0], [[1.0], [1.0], [2.0], [2.0], [3.0]])
    points = np.array([[0.05], [1.2], [1.35], [5.0]])
    worth, chance = np.exp(found.log_worth(points)), found.chance(points)
    assert (worth <= chance).all()
    assert worth[[0, -1]].tolist() == [0, 1]
    assert (worth[1:-1] < chance[1:-1]).all()
