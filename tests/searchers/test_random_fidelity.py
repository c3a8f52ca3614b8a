from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ray import tune

from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.searchers.random_fidelity import RandomFidelitySearcher
from raytune_suite.types import FIDELITY

SPACE = {"x": tune.uniform(0, 1)}


def searcher(**arguments: Any) -> RandomFidelitySearcher:
    return RandomFidelitySearcher(**{"space": SPACE, "metric": "loss", "mode": "min", "max_t": 81, **arguments})


def test_every_rung_is_drawn_equally_often() -> None:
    drawn = searcher()
    counts = Counter(drawn.suggest(str(number))[FIDELITY] for number in range(2000))
    assert sorted(counts) == [1, 3, 9, 27, 81]
    assert all(abs(count - 400) < 4 * (2000 * 0.2 * 0.8) ** 0.5 for count in counts.values())


@pytest.mark.parametrize(("ladder", "levels"), [({"min_t": 2, "eta": 4}, {2, 8, 32, 81}), ({"max_t": 1}, {1})])
def test_the_rungs_follow_the_arguments(ladder: dict[str, Any], levels: set[int]) -> None:
    drawn = searcher(**ladder)
    assert {drawn.suggest(str(number))[FIDELITY] for number in range(200)} == levels


def test_points_to_evaluate_come_first_and_are_trained_to_the_end() -> None:
    assert searcher(points_to_evaluate=[{"x": 0.5}]).suggest("0") == {"x": 0.5, FIDELITY: 81}


def test_invalid_arguments_are_rejected() -> None:
    with pytest.raises(ArgumentError, match="`max_t`"):
        searcher(max_t=None)
    with pytest.raises(SpaceError, match="'fidelity'"):
        searcher(space={"fidelity": tune.uniform(0, 1)})
