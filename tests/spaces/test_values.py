"""Copies of configs."""

from __future__ import annotations

from raytune_suite.spaces.values import copied


def test_a_copied_config_shares_nothing_that_can_change() -> None:
    nested = {"x": 1, "inner": {"y": [1]}}
    copied(nested)["inner"]["y"].append(2)
    assert nested == {"x": 1, "inner": {"y": [1]}}
    plain = {"x": 1}
    assert copied(plain) is not plain
