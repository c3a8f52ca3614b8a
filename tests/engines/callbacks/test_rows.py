"""Tables that grow by rows."""

from __future__ import annotations

import math
import pickle
from typing import Any, NamedTuple

import pytest

from raytune_suite.engines.callbacks.rows import Rows


class Numbers(NamedTuple):
    number: int
    value: float


class Mixed(NamedTuple):
    number: int
    value: float
    good: bool
    text: str


ROWS = [
    Mixed(0, 0.5, good=True, text="a"),
    Mixed(1, math.inf, good=False, text="b"),
    Mixed(2, 2.0, good=True, text="a"),
]


def test_a_table_is_equal_to_the_list_of_its_rows() -> None:
    rows = Rows(Mixed, ROWS)
    assert rows == ROWS
    assert list(rows) == ROWS
    assert (rows[1], rows[-1], rows[1:]) == (ROWS[1], ROWS[2], ROWS[1:])
    assert type(rows[0].good) is bool
    assert type(next(iter(rows)).good) is bool
    assert rows != ROWS[:2]


def test_a_row_can_be_replaced() -> None:
    rows = Rows(Mixed, ROWS)
    rows[1] = rows[1]._replace(good=True)
    assert rows == [ROWS[0], ROWS[1]._replace(good=True), ROWS[2]]


def test_columns_are_arrays_and_lists() -> None:
    rows = Rows(Mixed, ROWS)
    assert rows.column("value").tolist() == [0.5, math.inf, 2.0]
    assert rows.column("good").dtype == bool
    assert rows.column("text") == ["a", "b", "a"]
    rows.append(ROWS[0])  # an array that was handed out does not block the table
    assert len(rows) == 4


def test_a_table_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Rows(Mixed, ROWS))) == ROWS  # noqa: S301 - our own bytes


def test_a_row_of_another_length_is_rejected() -> None:
    short: Any = (1, 2.0)
    with pytest.raises(ValueError, match="zip"):
        Rows(Mixed, [short])


def test_numbers_take_eight_bytes() -> None:
    rows = Rows(Numbers, (Numbers(number, number / 2) for number in range(10_000)))
    assert len(pickle.dumps(rows)) < 17 * len(rows)


def test_values_of_a_row_can_be_replaced() -> None:
    rows = Rows(Mixed, ROWS)
    rows.update(1, good=True, text="c")
    assert rows == [ROWS[0], ROWS[1]._replace(good=True, text="c"), ROWS[2]]
