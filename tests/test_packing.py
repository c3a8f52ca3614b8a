"""Trials are counted with all their bundles."""

from __future__ import annotations

import pytest

from raytune_suite.packing import count_trials

NODE = {"CPU": 4.0, "GPU": 2.0}


def demand(*bundles: dict[str, float]) -> tuple[frozenset[tuple[str, float]], ...]:
    return tuple(frozenset(bundle.items()) for bundle in bundles)


@pytest.mark.parametrize(
    ("bundles", "strategy", "trials"),
    [
        ([{"CPU": 1}], "PACK", 8),
        ([{"GPU": 1 / 3}], "PACK", 12),
        ([{"CPU": 1}, {"CPU": 1}, {"CPU": 1}], "PACK", 2),  # the third would have bundles for two workers only
        ([{"CPU": 1}, {"CPU": 1}, {"CPU": 1}], "STRICT_PACK", 2),
        ([{"CPU": 1}, {"GPU": 2}, {"GPU": 2}], "PACK", 1),
        ([{"GPU": 2}, {"GPU": 2}], "STRICT_PACK", 0),
        ([{"GPU": 1}, {"GPU": 1}], "STRICT_SPREAD", 2),
        ([{"GPU": 1}, {"GPU": 1}, {"GPU": 1}], "STRICT_SPREAD", 0),
        ([{"CPU": 1}, {"GPU": 3}], "PACK", 0),
        ([{"CPU": 1}, {"licence": 1}], "PACK", 0),
    ],
)
def test_bundles_of_a_trial_fit_on_two_machines_together(
    bundles: list[dict[str, float]], strategy: str, trials: int
) -> None:
    assert count_trials(demand(*bundles), [NODE, NODE], strategy) == trials
    assert count_trials(demand(*bundles), [NODE, NODE], strategy, most=1) == min(1, trials)


def test_the_machines_are_not_changed() -> None:
    node = dict(NODE)
    count_trials(demand({"CPU": 1}, {"CPU": 1}), [node])
    assert node == NODE
