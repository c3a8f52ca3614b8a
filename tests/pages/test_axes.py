from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytune_suite.pages import axes


@given(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=12))
def test_labels_are_moved_apart_in_order_and_within_the_axes(positions: list[float]) -> None:
    gap = 1 / 12
    moved = axes.spread(np.array(positions), gap)
    ordered = moved[np.argsort(positions, kind="stable")]
    assert (np.diff(ordered) >= gap - 1e-9).all()
    assert ordered[0] >= -1e-9
    assert ordered[-1] <= 1 + 1e-9


def test_labels_that_do_not_overlap_stay_where_they_are() -> None:
    positions = np.array([0.9, 0.1, 0.5])
    assert axes.spread(positions, 0.2) == pytest.approx(positions)
