from __future__ import annotations

import numpy as np

from raytune_suite.bench.analysis import Group
from raytune_suite.bench.report import incumbent_curves
from raytune_suite.bench.report.line_styles import looks
from raytune_suite.bench.report.ranking import title_of


def test_without_random_search_there_is_no_speed_up() -> None:
    section = incumbent_curves.faster({}, [], None, looks(["asha"]))
    assert "nothing to compare with" in str(section.blocks)


def test_quartiles_may_be_infinite() -> None:
    assert incumbent_curves.quartiles(np.array([1.0, 2.0, np.inf, np.inf])) == (2.0, 1.0, np.inf)


def test_a_target_that_was_not_reached_is_called_so() -> None:
    assert [incumbent_curves.times_text(value) for value in (0.0, 2.0, np.nan)] == ["not reached", "2x", "-"]


def test_two_groups_are_told_apart_by_their_titles() -> None:
    wide, whole = Group(("a",), ("v", "w")), Group(("a", "b"), ("w",))
    titles = [title_of(group, [wide, whole]) for group in (wide, whole)]
    assert titles == ["On every workload: 1 method, 2 workloads", "Where b can be ranked too: 2 methods, 1 workload"]
