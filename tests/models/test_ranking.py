"""Weights of fidelities by how they rank."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from raytune_suite.models.ranking import discordant_pairs, mixture, win_shares


def test_discordant_pairs_are_those_of_kendalls_tau() -> None:
    rng = np.random.default_rng(0)
    losses, samples = rng.random(12), rng.random((5, 12))
    pairs = 12 * 11 / 2
    expected = [(1 - stats.kendalltau(sample, losses).statistic) / 2 * pairs for sample in samples]
    assert discordant_pairs(samples, losses) == pytest.approx(expected)


def test_without_pairs_all_levels_win_alike() -> None:
    none = discordant_pairs(np.zeros((4, 1)), np.zeros(1))
    assert win_shares([none, none, none]) == pytest.approx([1 / 3] * 3)


def test_a_mixture_has_the_moments_of_its_samples() -> None:
    rng = np.random.default_rng(1)
    weights, means, deviations = np.array([0.3, 0.7]), np.array([[1.0], [3.0]]), np.array([[0.5], [2.0]])
    drawn = rng.choice(2, p=weights, size=400_000)
    values = rng.normal(means[drawn, 0], deviations[drawn, 0])
    mean, variance = mixture(weights, means, deviations**2)
    assert mean[0] == pytest.approx(values.mean(), rel=0.01)
    assert variance[0] == pytest.approx(values.var(), rel=0.01)
