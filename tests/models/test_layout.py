"""Points: configs as rows of an array."""

from __future__ import annotations

import numpy as np

from tests.models.spaces import LAYOUT, SPACE


def test_points_and_configs_correspond() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        config = SPACE.sample(rng)
        (point,) = LAYOUT.points(SPACE.encode(config)[None])
        again = SPACE.decode(LAYOUT.units(point))
        assert SPACE.flatten(again).keys() == SPACE.flatten(config).keys()
        assert {k: v for k, v in again.items() if k != "x"} == {k: v for k, v in config.items() if k != "x"} or (
            abs(again["optimizer"]["momentum"] - config["optimizer"]["momentum"]) < 1e-12
        )
        assert LAYOUT.keys(LAYOUT.points(SPACE.encode(again)[None])) == LAYOUT.keys(point[None])


def test_only_the_parameters_of_the_chosen_option_are_active() -> None:
    points = LAYOUT.sample(200, np.random.default_rng(1))
    names = list(SPACE.names)
    chosen = points[:, names.index("optimizer")]
    for name, option in (("optimizer[0]/momentum", 0), ("optimizer[0]/decay", 0), ("optimizer[1]/beta", 1)):
        assert np.array_equal(~np.isnan(points[:, names.index(name)]), chosen == option)


def test_each_sampled_point_is_a_config_and_every_value_occurs() -> None:
    points = LAYOUT.sample(500, np.random.default_rng(2))
    configs = [SPACE.decode(LAYOUT.units(point)) for point in points]
    assert all(SPACE.contains(config) for config in configs)
    assert {config["layers"] for config in configs} == set(range(1, 9))
    assert {config["optimizer"].get("beta") for config in configs} == {None, 0.0, 0.25, 0.5, 0.75, 1.0}


def test_an_inactive_value_does_not_matter() -> None:
    adam = np.array([[0.5, 0.5, 0.1, 0.1, 0.6, 0.5, 0.5], [0.5, 0.5, 0.9, 0.9, 0.6, 0.5, 0.5]])
    first, second = LAYOUT.points(adam)
    assert np.array_equal(first, second, equal_nan=True)
    assert len(set(LAYOUT.keys(LAYOUT.points(adam)))) == 1
