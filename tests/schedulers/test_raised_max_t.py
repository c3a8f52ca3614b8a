"""Schedulers with a higher `max_t`: rungs continue upwards, and what trials have reached counts there."""

from __future__ import annotations

from typing import Any

import pytest

from raytune_suite.rungs import Rung, continued
from raytune_suite.schedulers.async_hyperband import AsyncHyperband
from raytune_suite.schedulers.fifo import FIFO
from raytune_suite.schedulers.hyperband import Bracket, Hyperband
from raytune_suite.schedulers.median import MedianStopping
from raytune_suite.schedulers.pasha import PASHA
from raytune_suite.types import FAILED, KnownTrial

METRIC: dict[str, Any] = {"metric": "loss", "mode": "min"}


def trained(name: str, *losses: float) -> KnownTrial:
    """A trial that has ended after these reports."""
    return KnownTrial(name, {}, [(step + 1.0, loss) for step, loss in enumerate(losses)], ended=True)


@pytest.mark.parametrize(("eta", "old", "new"), [(3, 9, 81), (2, 8, 16), (3, 9, 100), (2.5, 10, 11), (3, 1, 30)])
def test_rungs_continue_upwards_and_none_is_lost(eta: float, old: int, new: int) -> None:
    before = AsyncHyperband(max_t=old, eta=eta, **METRIC).levels
    after = continued(before, new, eta)
    assert after[: len(before) - 1] == before[:-1]
    assert after[-1] == new
    assert list(after) == sorted(set(after))
    if new == old * eta ** round(len(after) - len(before)):
        assert after == AsyncHyperband(max_t=new, eta=eta, **METRIC).levels


def test_the_old_end_becomes_a_rung_with_the_trials_that_reached_it() -> None:
    scheduler: Any = AsyncHyperband(max_t=3, **METRIC)  # rungs of the brackets: 1, 3 and 3
    low = scheduler.rungs[0][0]
    for name, loss in (("a", 0.3), ("b", 0.2), ("c", 0.1)):
        low.arrive(name, loss)
    trials = [trained("b", 0.2, 0.2, 0.15), trained("c", 0.1, 0.1, 0.09), trained("d", 0.5, 0.5, 0.4)]
    failed = KnownTrial("e", {}, [(3.0, FAILED)], ended=True)
    running = KnownTrial("f", {}, [(3.0, 0.1)], ended=False)
    assert scheduler.raise_max_t(AsyncHyperband(max_t=9, **METRIC), [*trials, failed, running]) == 3
    assert scheduler.max_t == 9
    assert scheduler.levels == (1, 3, 9)
    assert [[rung.resource for rung in ladder] for ladder in scheduler.rungs] == [[1, 3], [3], []]
    assert scheduler.rungs[0][0] is low
    assert [(loss, name) for loss, _, name in scheduler.rungs[0][1].arrived] == [(0.09, "c"), (0.15, "b")]
    assert [name for _, _, name in scheduler.rungs[1][0].arrived] == ["d"]  # it was in the bracket without rungs


def test_hyperband_continues_the_brackets_that_are_running() -> None:
    scheduler = Hyperband(max_t=9, **METRIC)
    scheduler.brackets = [Bracket(scheduler.plans[0]), Bracket(scheduler.plans[1])]
    assert scheduler.raise_max_t(Hyperband(max_t=27, **METRIC), []) == 3
    assert scheduler.brackets[0].plan == [Rung(9, 1), Rung(3, 3), Rung(1, 9), Rung(1, 27)]
    assert [rung.resource for rung in scheduler.brackets[1].plan] == [3, 9, 27]
    assert scheduler.plans == Hyperband(max_t=27, **METRIC).plans


def test_pasha_opens_rungs_above_if_it_had_too_few_to_compare() -> None:
    scheduler: Any = PASHA(max_t=1, **METRIC)
    scheduler.raise_max_t(PASHA(max_t=27, **METRIC), [trained("a", 0.1)])
    assert scheduler.levels == (1, 3, 9, 27)
    assert scheduler.ceiling == 2
    assert [name for _, _, name in scheduler.rungs[0][0].arrived] == ["a"]


@pytest.mark.parametrize("made", [FIFO, MedianStopping])
def test_schedulers_without_rungs_only_end_later(made: type[FIFO | MedianStopping]) -> None:
    scheduler = made(max_t=9, **METRIC)
    scheduler.raise_max_t(made(max_t=27, **METRIC), [])
    assert scheduler.levels == (27,)
