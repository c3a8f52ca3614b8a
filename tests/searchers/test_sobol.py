"""Sobol search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ray import tune
from scipy.stats import qmc

from raytune_suite.searchers.random import RandomSearcher
from raytune_suite.searchers.sobol import BLOCK, SobolSearcher

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from raytune_suite.searchers import AskTellSearcher

COMMON: Any = {"metric": "loss", "mode": "min"}
CUBE = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1), "z": tune.uniform(0, 1)}


def points(searcher: AskTellSearcher, count: int, first: int = 0) -> NDArray[np.float64]:
    configs = [searcher.suggest(f"t{number}") for number in range(first, first + count)]
    return np.array([list(config.values()) for config in configs if isinstance(config, dict)])


@pytest.mark.parametrize("count", [16, 50, 128])
def test_it_covers_the_cube_more_evenly_than_chance(count: int) -> None:
    ours, random = (
        np.mean([qmc.discrepancy(points(cls(space=CUBE, seed=seed, **COMMON), count)) for seed in range(3)])
        for cls in (SobolSearcher, RandomSearcher)
    )
    assert ours < random / 2


def test_several_blocks_form_one_balanced_sequence() -> None:
    """Each half of each axis contains half of the points."""
    proposed = points(SobolSearcher(space=CUBE, **COMMON), 4 * BLOCK)
    assert ((proposed < 0.5).sum(axis=0) == 2 * BLOCK).all()
    assert len(np.unique(proposed, axis=0)) == 4 * BLOCK


def test_it_continues_where_it_was_saved_within_a_block(tmp_path: Path) -> None:
    searcher = SobolSearcher(space=CUBE, **COMMON)
    points(searcher, BLOCK + 7)
    searcher.save(str(tmp_path / "state"))
    again = SobolSearcher(space=CUBE, **COMMON)
    again.restore(str(tmp_path / "state"))
    assert (points(again, BLOCK, BLOCK + 7) == points(searcher, BLOCK, BLOCK + 7)).all()
