"""A searcher and the scheduler that is saved with it."""

from __future__ import annotations

import pytest
from ray import tune
from ray.tune.search import ConcurrencyLimiter

from raytune_suite.errors import ArgumentError
from raytune_suite.schedulers import StudySearcher
from raytune_suite.schedulers.asha import ASHA
from raytune_suite.schedulers.hyperband import Hyperband
from raytune_suite.searchers.random import RandomSearcher

SPACE = {"x": tune.uniform(0, 1)}


def test_a_limit_that_counts_paused_trials_is_rejected_where_trials_pause() -> None:
    limited = ConcurrencyLimiter(RandomSearcher(space=SPACE, metric="loss", mode="min"), max_concurrent=2)
    with pytest.raises(ArgumentError, match="ConcurrencyLimiter"):
        StudySearcher(limited, Hyperband(max_t=9))
    assert StudySearcher(limited, ASHA(max_t=9)).searcher is limited
