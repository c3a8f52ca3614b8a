"""In which spaces a study may continue."""

from __future__ import annotations

from typing import Any

import pytest
from ray import tune

from raytune_suite.errors import SpaceError
from raytune_suite.spaces import Space
from raytune_suite.spaces.containment import check_contains


def optimizers(*names: str, shared: bool = True, upper: float = 1.0) -> dict[str, Any]:
    """A choice whose options all have a momentum."""
    momentum = tune.uniform(0, upper)
    return {
        "lr": tune.loguniform(1e-4, 1.0),
        "o": tune.choice([{"n": name, "m": momentum if shared else tune.uniform(0, upper)} for name in names]),
    }


def test_an_option_may_be_added_and_may_share_a_parameter() -> None:
    for shared in (True, False):
        check_contains(Space(optimizers("a", "b")), Space(optimizers("a", "b", "c", shared=shared)))
        check_contains(Space(optimizers("a")), Space(optimizers("a", "b", shared=shared, upper=2.0)))


def test_a_shared_parameter_may_not_have_narrower_bounds() -> None:
    with pytest.raises(SpaceError, match=r"'o\[0\]/m'"):
        check_contains(Space(optimizers("a", "b")), Space(optimizers("a", "b", "c", upper=0.5)))
