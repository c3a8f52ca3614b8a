"""The observations from which models learn."""

from __future__ import annotations

import math

import numpy as np

from raytune_suite.searchers.history import History
from raytune_suite.types import FAILED, Observation


def history(*rows: tuple[str, float, float]) -> History:
    """A history of (trial, level, loss); a failed observation ends its trial."""
    made = History()
    for trial, level, loss in rows:
        made.put(Observation(trial, {}, level, loss, final=loss == FAILED), np.array([float(len(made.points))]))
    return made


def test_a_repeated_observation_replaces_the_first() -> None:
    data = history(("a", 1, 5.0), ("b", 1, 4.0), ("a", 1, 3.0)).at(1)
    assert (data.trials, data.losses.tolist()) == (("a", "b"), [3, 4])


def test_a_crash_counts_at_all_higher_levels() -> None:
    made = history(("a", 1, 1.0), ("b", 1, 2.0), ("c", 3, FAILED), ("a", 3, 0.5), ("a", 9, 0.4))
    assert [made.at(level).losses.tolist() for level in (1, 3, 9)] == [[1, 2], [FAILED, 0.5], [0.4, FAILED]]
    assert made.at(9).observed == 1
    assert made.levels((1, 3, 9)) == [1, 3, 9]


def test_a_level_with_failures_only_does_not_count() -> None:
    assert history(("a", 0, FAILED), ("b", 1, 1.0)).levels(None) == [1]


def test_without_levels_a_geometric_subset_of_the_resources_is_used() -> None:
    made = history(*((f"t{level}", float(level), 1.0) for level in range(1, 53)))
    assert made.levels(None) == [1, 3, 6, 13, 26, 52]
    assert len(made.levels(range(1, 53))) == 52


def test_the_version_changes_with_the_observations() -> None:
    first, second = history(("a", 1, 1.0)), history(("a", 1, 1.0), ("b", 1, 2.0))
    assert first.at(1).version != second.at(1).version


def test_the_best_and_the_newest_observations_are_kept() -> None:
    made = history(*((f"t{number}", 1.0, float(abs(number - 3))) for number in range(20)))
    kept = made.at(1).limited(9)
    assert kept.trials == ("t2", "t3", "t4", "t14", "t15", "t16", "t17", "t18", "t19")
    assert kept.points[:, 0].tolist() == [2, 3, 4, 14, 15, 16, 17, 18, 19]
    assert made.at(1).limited(20).trials == made.at(1).trials


def test_trials_are_ordered_by_their_score_at_the_highest_level_they_reached() -> None:
    made = history(
        ("stopped", 1, 5.0), ("bad", 1, 9.0), ("good", 1, 4.0), ("better", 1, 4.5),
        ("good", 3, 2.0), ("better", 3, 1.0), ("crashed", 3, FAILED),
    )  # fmt: skip
    data = made.highest_scores([1, 3])
    assert [data.trials[row] for row in np.argsort(data.losses)] == ["better", "good", "stopped", "bad", "crashed"]
    assert data.losses[-1] == math.inf


def test_survivors_keep_the_mean_and_the_deviation_of_their_scores() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(40), rng.random(10)
    rows = [(f"t{number}", 1.0, loss) for number, loss in enumerate(first)]
    best = np.argsort(first)[:10]
    made = history(*rows, *((f"t{number}", 3.0, loss) for number, loss in zip(best, second, strict=True)))
    before, after = made.highest_scores([1]).losses[best], made.highest_scores([1, 3]).losses[best]
    assert np.allclose([after.mean(), after.std()], [before.mean(), before.std()])
    assert np.array_equal(np.argsort(after), np.argsort(second))
