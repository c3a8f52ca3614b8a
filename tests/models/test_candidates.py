"""The search for the best candidate."""

from __future__ import annotations

import numpy as np

from raytune_suite.models.candidates import maximize, perturb
from raytune_suite.models.layout import Array, Layout
from tests.models.spaces import LAYOUT, SPACE


def value(points: Array) -> Array:
    """Best at x = .3 with sgd, a momentum of .8 and the decay "b"."""
    x, option, momentum, decay = points[:, :4].T
    return np.asarray(-((x - 0.3) ** 2) - np.where(option == 0, (momentum - 0.8) ** 2 + 0.1 * (decay != 1), 1))


def test_it_finds_the_maximum() -> None:
    point = maximize(value, LAYOUT, LAYOUT.sample(3, np.random.default_rng(1)), set(), np.random.default_rng(0))
    assert point is not None
    assert value(point[None])[0] > -2e-3
    assert SPACE.contains(SPACE.decode(LAYOUT.units(point)))


def test_it_avoids_what_is_taken_until_nothing_is_left() -> None:
    layout = Layout(np.array([2, 3]), np.array([-1, -1]), ((), ()), (None, None))
    taken: set[bytes] = set()
    seen = []
    while True:
        point = maximize(lambda points: -points.sum(axis=1), layout, np.empty((0, 2)), taken, np.random.default_rng(0))
        if point is None:
            break
        seen.append(point.sum())
        taken.update(layout.keys(point[None]))
    assert seen == [0, 1, 1, 2, 2, 3]


def test_a_single_change_is_in_one_active_parameter() -> None:
    rng = np.random.default_rng(0)
    centers = LAYOUT.sample(300, rng)
    near = perturb(LAYOUT, centers, 0.2, rng, single=True)
    differ = ~((near == centers) | (np.isnan(near) & np.isnan(centers)))
    same_option = near[:, 1] == centers[:, 1]
    assert differ[same_option].sum(axis=1).max() == 1
    assert np.all(differ[~same_option][:, 1])
    assert np.all((np.nan_to_num(near[:, 0]) >= 0) & (np.nan_to_num(near[:, 0]) <= 1))
