"""The arithmetic behind the figures about trials: lanes, ranks, positions and labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from ray import tune

from raytune_suite.plotting.ranks import ranks_over_fidelities
from raytune_suite.plotting.samples import sampled_curves, sampled_trials
from raytune_suite.plotting.slices import smoothed
from raytune_suite.plotting.study_data import incumbent_trial
from raytune_suite.plotting.timeline import Busy, busy_times, merged
from raytune_suite.plotting.trial_values import tick_labels, trial_values, unit_positions
from raytune_suite.spaces import Space
from tests.report.example import study


def test_trials_that_overlap_are_on_different_workers() -> None:
    reports = pd.DataFrame({"trial": [0, 1, 0, 1, 2, 2], "elapsed": [1.0, 1.1, 2.0, 2.1, 3.0, 4.0]})
    busy = busy_times(reports)
    assert [(one.trial, one.lane) for one in busy] == [(0, 0), (1, 1), (2, 0)]
    assert busy[0] == Busy(0.0, 2.0, 0, 0)
    assert busy[2].start == 2.0


def test_a_pause_divides_the_time_of_a_trial() -> None:
    reports = pd.DataFrame({"trial": [0] * 6, "elapsed": [1.0, 2.0, 3.0, 20.0, 21.0, 22.0]})
    assert [(one.start, one.end) for one in busy_times(reports)] == [(0.0, 3.0), (19.0, 22.0)]


def test_many_bars_are_joined_without_losing_time() -> None:
    times = np.arange(1.0, 5001.0)
    busy = busy_times(pd.DataFrame({"trial": np.arange(5000), "elapsed": times}))
    few = merged(busy, dict.fromkeys(range(5000), "stopped early"))
    assert len(few) < 1100
    assert few[-1].end == 5000.0


def test_ranks_are_perfectly_correlated_where_the_order_stays() -> None:
    fidelities, losses, correlations = ranks_over_fidelities(study(200))
    assert fidelities == [1.0, 3.0, 9.0]
    assert losses.shape == (3, 200)
    assert np.allclose(correlations, 1.0)


def test_axes_have_the_ends_of_a_parameter_and_its_categories() -> None:
    space = Space(
        {
            "lr": tune.loguniform(1e-4, 1.0),
            "units": tune.randint(8, 65),
            "kind": tune.choice([{"name": "a", "x": tune.uniform(0, 1)}, "b"]),
        }
    )
    lr, units, kind, _ = space.parameters
    assert [label for _, label in tick_labels(lr)] == ["0.0001", "0.01", "1"]
    assert tick_labels(units)[-1] == (1.0, "64")
    wide = Space({"wide": tune.loguniform(1e-300, 1e300)}).parameters[0]
    assert [label for _, label in tick_labels(wide)] == ["1e-300", "1", "1e+300"]
    assert tick_labels(kind) == [(0.0, "a"), (1.0, "b")]
    assert np.allclose(unit_positions(lr, np.array([1e-4, 1e-2, 1.0])), [0, 0.5, 1])


def test_a_contour_is_the_mean_of_the_trials_nearby_and_empty_far_from_them() -> None:
    ticks = np.linspace(0, 1, 11)
    grid = smoothed(np.array([0.2, 0.2]), np.array([0.2, 0.2]), np.array([0.0, 1.0]), ticks)
    assert grid[2, 2] == 0.5
    assert np.isnan(grid[9, 9])


@pytest.mark.slow
def test_samples_keep_the_best_trial_and_the_size() -> None:
    large = study(2000)
    curves = sampled_curves(large)
    assert len(curves.trials) <= 301
    best = incumbent_trial(large)
    assert best in curves.trials.index
    few = sampled_trials(trial_values(large), best)
    assert np.isfinite(few.values).any(axis=1).sum() <= 501
    assert np.isfinite(few.losses[best])
