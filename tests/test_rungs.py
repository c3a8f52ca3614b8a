"""The arithmetic of rungs and brackets."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytune_suite import rungs
from raytune_suite.errors import ArgumentError
from raytune_suite.types import FAILED

quick = settings(max_examples=100, deadline=None)


@st.composite
def ladders(draw: st.DrawFn) -> tuple[int, int, float]:
    min_t = draw(st.integers(1, 50))
    eta = draw(st.one_of(st.integers(2, 10), st.floats(1.1, 6)))
    return min_t, min_t + draw(st.integers(0, 2000)), eta


def test_the_published_table() -> None:
    """Li et al. 2018, table 1, for R = 81 and eta = 3; the first numbers as in Algorithm 1."""
    assert rungs.hyperband(1, 81, 3) == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


def test_the_first_rungs_of_hpbandster() -> None:
    """floor(5 / (s + 1)) * 3^s for s = 4..0: 1 * 81, 1 * 27, 1 * 9, 2 * 3, 5 * 1."""
    assert rungs.hyperband(1, 81, 3, "hpbandster") == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(27, 3), (9, 9), (3, 27), (1, 81)],
        [(9, 9), (3, 27), (1, 81)],
        [(6, 27), (2, 81)],
        [(5, 81)],
    ]


def test_the_table_of_five_powers_of_three() -> None:
    """n = ceil(6 * 3^s / (s + 1)) for s = 5..0: 243, 97.2 -> 98, 40.5 -> 41, 18, 9, 6."""
    assert rungs.hyperband(1, 243, 3) == [
        [(243, 1), (81, 3), (27, 9), (9, 27), (3, 81), (1, 243)],
        [(98, 3), (32, 9), (10, 27), (3, 81), (1, 243)],
        [(41, 9), (13, 27), (4, 81), (1, 243)],
        [(18, 27), (6, 81), (2, 243)],
        [(9, 81), (3, 243)],
        [(6, 243)],
    ]


def test_the_table_of_three_powers_of_ten() -> None:
    """n = ceil(4 * 10^s / (s + 1)) for s = 3..0: 1000, 133.3 -> 134, 20, 4."""
    assert rungs.hyperband(1, 1000, 10) == [
        [(1000, 1), (100, 10), (10, 100), (1, 1000)],
        [(134, 10), (13, 100), (1, 1000)],
        [(20, 100), (2, 1000)],
        [(4, 1000)],
    ]


def test_a_single_level_has_one_config() -> None:
    assert rungs.hyperband(7, 7, 3) == [[(1, 7)]]
    assert rungs.geometric(7, 7, 3) == (7.0,)


def test_unknown_sizes_are_rejected_by_name() -> None:
    with pytest.raises(ArgumentError, match="`sizes` is 'large'"):
        rungs.hyperband(1, 9, 3, "large")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("min_t", "max_t", "eta", "levels"),
    [
        (1, 243, 3, [1, 3, 9, 27, 81, 243]),
        (1, 1000, 10, [1, 10, 100, 1000]),
        (1, 3**12, 3, [3**k for k in range(13)]),
        (2, 162, 3, [2, 6, 18, 54, 162]),
        (1, 100, 3, [1, 4, 11, 33, 100]),
        (5, 5, 3, [5]),
        (1, 10, 2.5, [2, 4, 10]),
    ],
)
def test_no_rung_is_lost_to_rounding(min_t: int, max_t: int, eta: float, levels: list[int]) -> None:
    assert [rung.resource for rung in rungs.hyperband(min_t, max_t, eta)[0]] == levels
    assert rungs.max_bracket(min_t, max_t, eta) == len(levels) - 1


@quick
@given(ladders())
@pytest.mark.slow
def test_levels_increase_from_min_t_to_max_t(ladder: tuple[int, int, float]) -> None:
    min_t, max_t, eta = ladder
    for bracket in rungs.hyperband(min_t, max_t, eta):
        levels = [rung.resource for rung in bracket]
        assert levels == sorted(set(levels))
        assert levels[0] >= min_t
        assert levels[-1] == max_t


@quick
@given(ladders())
def test_each_rung_has_fewer_configs_and_at_least_one(ladder: tuple[int, int, float]) -> None:
    for bracket in rungs.hyperband(*ladder):
        configs = [rung.configs for rung in bracket]
        assert configs == sorted(configs, reverse=True)
        assert configs[-1] >= 1


@quick
@given(ladders())
def test_the_first_bracket_is_the_longest_and_the_last_is_random_search(ladder: tuple[int, int, float]) -> None:
    brackets = rungs.hyperband(*ladder)
    s_max = rungs.max_bracket(*ladder)
    assert len(brackets) == s_max + 1
    assert brackets[-1] == [(s_max + 1, ladder[1])]
    assert [bracket[0].configs for bracket in brackets[:-1]] == sorted(
        (bracket[0].configs for bracket in brackets[:-1]), reverse=True
    ) or ladder[2] < 2
    assert ladder[0] * Fraction(ladder[2]) ** s_max <= ladder[1] < ladder[0] * Fraction(ladder[2]) ** (s_max + 1)


@quick
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8).map(sorted))
def test_equal_levels_are_separated(levels: list[int]) -> None:
    separated = rungs.increasing(levels)
    assert separated == sorted(set(separated))
    assert separated[-1] == levels[-1]


@quick
@given(
    st.dictionaries(st.text("abc", min_size=1), st.one_of(st.floats(-9, 9), st.just(FAILED)), max_size=9),
    st.integers(0, 9),
)
@pytest.mark.slow
def test_survivors_are_the_best_that_did_not_fail(losses: dict[str, float], places: int) -> None:
    kept = rungs.survivors(losses, places)
    good = [name for name, loss in losses.items() if loss != FAILED]
    assert len(kept) == min(places, len(good))
    assert [losses[name] for name in kept] == sorted(losses[name] for name in good)[:places]


def test_ties_go_to_the_first() -> None:
    assert rungs.survivors({"b": 1.0, "a": 1.0, "c": 0.5, "d": FAILED}, 2) == ["c", "b"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((0, 9, 3), "min_t"), ((1.5, 9, 3), "min_t"), ((True, 9, 3), "min_t"), ((1, 0, 3), "max_t"), ((4, 3, 3), "max_t")]
    + [((1, 9, eta), "eta") for eta in (1, 0.5, float("nan"), float("inf"), True, "3", None)],
    ids=str,
)
def test_an_invalid_ladder_is_rejected_by_name(arguments: Any, name: str) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}` is "):
        rungs.check_ladder(*arguments)


def test_a_rung_shortly_before_the_end_is_left_out() -> None:
    assert rungs.halving_levels(1, 10, 3) == (1.0, 3.0)
    assert rungs.halving_levels(1, 9, 3) == (1.0, 3.0, 9.0)
    assert rungs.halving_levels(9, 10, 3) == (9.0,)
    assert rungs.geometric(1, 10, 3) == (1.0, 3.0, 10.0)


def test_brackets_are_drawn_by_the_trust_in_their_first_level() -> None:
    odds = rungs.bracket_odds([3, 2, 1])
    trusted = rungs.trusted_odds([1, 3, 9], odds, {1: 0.0, 3: 0.5, 9: 0.5})
    assert trusted.sum() == pytest.approx(1)
    assert trusted[0] == pytest.approx(rungs.LEAST_LOWEST)
    assert trusted[1] == pytest.approx(3 * trusted[2])
    low = rungs.trusted_odds([1, 3, 9], odds, {1: 1.0, 3: 0.0})
    assert low[0] == pytest.approx(odds[:2].sum())
    assert low[2] == pytest.approx(odds[2])
    assert rungs.trusted_odds([1, 3, 9], odds, {27: 1.0}).tolist() == odds.tolist()
