from __future__ import annotations

import numpy as np

from raytune_suite.bench.report.sections import speedup
from raytune_suite.pages.document import Panels
from raytune_suite.pages.line_styles import assign_line_styles


def test_without_random_search_there_is_no_figure() -> None:
    section = speedup.section({}, [], None, assign_line_styles(["asha"]))
    assert section.blocks
    assert not any(isinstance(block, Panels) for block in section.blocks)


def test_quartiles_may_be_infinite() -> None:
    assert speedup.quartiles(np.array([1.0, 2.0, np.inf, np.inf])) == (2.0, 1.0, np.inf)


def test_a_speed_up_of_zero_means_that_the_target_was_not_reached() -> None:
    assert [speedup.format_speedup(value) for value in (0.0, 2.0, np.nan)] == ["not reached", "2x", "-"]
