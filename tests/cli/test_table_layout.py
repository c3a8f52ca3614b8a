"""Tables of plain text at different widths."""

from __future__ import annotations

import pytest

from raytune_suite.cli.table import Column, aligned, fit, render, wrapped

ROWS = [["short", "a summary of many words that take some space", "needs this; not that"], ["longer-name", "", "x"]]


def test_columns_are_straight() -> None:
    assert aligned([["a", "1", ""], ["long", "20", "x"]]) == "a     1\nlong  20  x"
    assert aligned([]) == ""
    assert aligned([], width=10) == ""


@pytest.mark.parametrize("width", [30, 40, 60])
def test_rows_that_do_not_fit_continue_below_their_name(width: int) -> None:
    lines = aligned(ROWS, width).splitlines()
    assert all(len(line) <= width for line in lines)
    assert [line for line in lines if not line.startswith(" ")] == ["short", "longer-name"]
    assert " ".join(" ".join(lines).split()) == " ".join(" ".join(cell for row in ROWS for cell in row).split())


def test_cells_stay_in_columns_below_the_name_if_they_fit() -> None:
    rows = [["a-name-of-twenty-char", "3.5 MB", "MIT"], ["b", "?", "Apache-2.0"]]
    assert aligned(rows, 30).splitlines() == ["a-name-of-twenty-char", "    3.5 MB  MIT", "b", "    ?       Apache-2.0"]
    assert len(aligned(rows, 80).splitlines()) == len(rows)


def test_the_least_important_columns_are_left_out_first() -> None:
    columns = [Column("trial", ["1"]), Column("rest", ["x"], importance=2), Column("value", ["0.5"], importance=1)]
    assert [column.title for column in fit(columns, 80)] == ["trial", "rest", "value"]
    assert [column.title for column in fit(columns, 12)] == ["trial", "value"]
    assert [column.title for column in fit(columns, 5)] == ["trial"]


def test_the_most_important_columns_stay_however_narrow_it_is() -> None:
    assert render(fit([Column("a long title", ["1"]), Column("b", ["2"])], 3)) == ["a long title  b", "           1  2"]


def test_a_word_longer_than_the_line_is_not_broken() -> None:
    assert wrapped("see /a/long/path-with-hyphens here", 10) == ["see", "/a/long/path-with-hyphens", "here"]
