"""The statistics agree with scipy, scikit-posthocs, numbers of rliable, and published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from raytune_suite.bench import statistics
from raytune_suite.errors import ArgumentError

quick = settings(max_examples=50, deadline=None)
RNG = np.random.default_rng(7)
BLOCKS = RNG.random((14, 4)) + np.array([0, 0.1, 0.3, 0.6])
SCORES = [[0.1, 0.9], [0.2, 0.4], [0.5, 0.3], [0.7, 0.8], [0.6, 0.0]]


def test_the_interquartile_mean_matches_a_hand_computed_value() -> None:
    """Of 0, .1, .2, .3, .4, .5, .6, .7, .8, .9, two are trimmed at each end; the mean of .2 to .7 is .45."""
    assert statistics.iqm(SCORES) == pytest.approx(0.45)
    assert statistics.iqm([[1.0], [2.0], [3.0], [100.0]]) == 2.5


@quick
@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 99))
def test_the_interquartile_mean_is_the_trimmed_mean(runs: int, tasks: int, seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(runs, tasks))
    assert statistics.iqm(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=None), abs=1e-12)
    longer = np.vstack([scores, np.full((2, tasks), np.nan)])
    assert statistics.iqm(longer) == pytest.approx(float(statistics.iqm(scores)))


def test_the_bootstrap_samples_equal_those_of_rliable() -> None:
    """Rliable 1.2.0: StratifiedBootstrap, aggregate_iqm, and np.random.choice replaced by default_rng(42).choice."""
    expected = [
        0.4333333333333333,
        0.6333333333333333,
        0.3833333333333333,
        0.43333333333333335,
        0.4166666666666667,
        0.6833333333333335,
    ]
    samples = statistics.bootstrap(SCORES, statistics.iqm, np.random.default_rng(42), 6)
    np.testing.assert_allclose(samples, expected, rtol=1e-14)


def test_the_bootstrap_resamples_each_task_separately() -> None:
    samples = statistics.resample(statistics.padded([[1, 2, 3], [10], [20, 30]]), np.random.default_rng(0), 200)
    assert [set(samples[..., task][~np.isnan(samples[..., task])]) for task in range(3)] == [
        {1.0, 2.0, 3.0},
        {10.0},
        {20.0, 30.0},
    ]
    assert (np.sum(~np.isnan(samples), axis=1) == [3, 1, 2]).all()


def mean(scores: statistics.Array) -> statistics.Array:
    return np.asarray(scores.mean(axis=(-2, -1)))


def test_the_interval_has_about_its_nominal_coverage() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = statistics.interval(statistics.bootstrap(rng.normal(size=(15, 4)), mean, rng, 300))
        hits += int(low <= 0 <= high)
    assert 176 <= hits <= 198


def test_the_profile_is_the_share_of_runs_at_or_below_a_threshold() -> None:
    np.testing.assert_allclose(statistics.performance_profile(SCORES, [-1, 0, 0.45, 0.9]), [0, 0.1, 0.5, 1])


@quick
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
@pytest.mark.slow
def test_the_probability_of_improvement_is_that_of_mann_whitney(x_runs: int, y_runs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(4, size=(x_runs, 3)), rng.integers(4, size=(y_runs, 3))
    expected = [stats.mannwhitneyu(-x[:, task], -y[:, task]).statistic / (x_runs * y_runs) for task in range(3)]
    assert statistics.probability_of_improvement(x, y) == pytest.approx(np.mean(expected))
    assert statistics.probability_of_improvement(y, x) == pytest.approx(1 - np.mean(expected))


@quick
@given(st.integers(1, 6), st.integers(2, 6), st.integers(0, 99))
def test_ranks_add_up_and_follow_the_methods(blocks: int, methods: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, order = rng.integers(4, size=(blocks, methods)), rng.permutation(methods)
    ranks = statistics.ranks(scores)
    assert np.allclose(ranks.sum(axis=1), methods * (methods + 1) / 2)
    assert (statistics.ranks(scores[:, order]) == ranks[:, order]).all()


def test_friedman_agrees_with_scipy_and_leaves_incomplete_blocks_out() -> None:
    incomplete = np.vstack([BLOCKS, [0.1, np.nan, 0.2, 0.3]])
    result, expected = statistics.friedman(incomplete), stats.friedmanchisquare(*BLOCKS.T)
    assert (result.chi2, result.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (result.blocks, result.left_out) == (14, 1)
    with pytest.raises(ArgumentError, match="2 methods"):
        statistics.friedman(BLOCKS[:, :2])
    with pytest.raises(ArgumentError, match="0 of 1 blocks"):
        statistics.friedman(incomplete[-1:])


def test_friedman_of_equal_methods_and_of_perfect_agreement() -> None:
    assert statistics.friedman(np.ones((5, 3)))[:4] == (0, 1, 0, 1)
    assert statistics.friedman(np.tile([1, 2, 3], (5, 1))).f == math.inf


def test_the_critical_difference_matches_demsars_example() -> None:
    """Demsar 2006: 4 methods on 14 data sets have a critical difference of 1.25, for 0.10 one of 1.12."""
    assert statistics.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert statistics.critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=0.005)


def test_nemenyi_agrees_with_scikit_posthocs_and_with_the_critical_difference() -> None:
    p = statistics.nemenyi(BLOCKS)
    import scikit_posthocs  # late: with matplotlib

    np.testing.assert_allclose(p, scikit_posthocs.posthoc_nemenyi_friedman(BLOCKS).to_numpy(), atol=1e-6)
    average = statistics.ranks(BLOCKS).mean(axis=0)
    far = np.abs(average[:, None] - average) > statistics.critical_difference(4, 14)
    assert (far == (p < 0.05)).all()
    assert far.any()
    assert not far.all()


def test_cliques_are_the_largest_groups_that_do_not_differ() -> None:
    assert statistics.cliques([3.0, 1.0, 1.5, 2.2], 1.25) == [(1, 2, 3), (3, 0)]
    assert statistics.cliques([1.0, 3.0], 1.0) == []


def test_holm_matches_hand_computed_values() -> None:
    """Times 4, 3, 2, 1 in ascending order: .04, .06, .06, .05; the last is raised to .06."""
    np.testing.assert_allclose(statistics.holm([0.02, 0.01, 0.03, 0.05]), [0.06, 0.04, 0.06, 0.06])


def test_wilcoxon_agrees_with_scipy_before_the_adjustment() -> None:
    same = np.column_stack([BLOCKS, BLOCKS[:, 0]])
    p = statistics.wilcoxon_holm(same, 0)
    pairs = [float(stats.wilcoxon(BLOCKS[:, method], BLOCKS[:, 0]).pvalue) for method in (1, 2, 3)]
    np.testing.assert_allclose(p[1:], statistics.holm([*pairs, 1.0]))
    assert np.isnan(p[0])


def test_time_to_target_and_speedup_with_misses() -> None:
    assert statistics.time_to_target([1, 2, 3], [0.9, 0.5, 0.1], 0.5) == 2
    assert statistics.time_to_target([1], [0.9], 0.5) == math.inf
    assert statistics.speedup([1, 2, math.inf], [6, 6, 6]) == 3
    assert statistics.speedup([math.inf], [6]) == 0
    assert statistics.speedup([6], [math.inf]) == math.inf
    assert math.isnan(statistics.speedup([math.inf], [math.inf]))
    assert statistics.speedup([0], [6]) == math.inf
    assert math.isnan(statistics.speedup([0], [0]))


def test_a_worse_test_score_is_a_positive_gap() -> None:
    assert statistics.tuning_test_gap([0.1], [0.3]) == pytest.approx(0.2)


def test_a_task_with_failed_runs_only_counts_in_the_task_mean_and_may_be_trimmed_in_the_pooled_one() -> None:
    scores = np.tile([0.1, 0.2, 0.3, 0.4, 0.5], (8, 1))
    failed = scores.copy()
    failed[:, -1] = 1.0
    assert statistics.iqm(failed) == statistics.iqm(scores)
    assert statistics.task_mean(failed) == pytest.approx(float(statistics.task_mean(scores)) + 0.1)
