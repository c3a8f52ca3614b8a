"""Scales and limits of axes, robust against NaN, infinite and extreme values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.axis import Axis
    from numpy.typing import NDArray

    from raytune_suite.types import Mode

LOG_SPAN = 20.0
"""The least ratio of the largest to the smallest positive value for which an axis is logarithmic."""

FINE, MANY_DECADES = (1, 2, 5), 6
"""Where the ticks of each decade of a logarithmic axis are, and from how many decades on only powers of 10 have one."""

HUGE = 1e200
"""Above this value the arithmetic of an axis overflows, and below its inverse that of a logarithmic axis."""

Floats: TypeAlias = "NDArray[np.float64]"
EMPTY: Floats = np.empty(0)


def finite_values(values: pd.Series) -> Floats:
    """Convert to floats, with NaN for values that are not finite or too large to draw; matplotlib skips NaN."""
    floats = values.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.abs(floats) < HUGE, floats, np.nan)


def spans_decades(values: Floats) -> bool:
    """Whether the finite values are all positive, and their range is too wide for a linear axis."""
    values = values[np.isfinite(values)]
    return len(values) > 0 and bool(values.min() > 1 / HUGE and values.max() >= LOG_SPAN * values.min())


def limits(values: Floats, mode: Mode) -> tuple[float, float]:
    """Return the range to show: all values, unless the worst 5 % would take more than half of the axis."""
    losses = values if mode == "min" else -values
    low, most, high = np.quantile(losses, [0, 0.95, 1])
    if high - most > most - low > 0:
        high = most + 0.1 * (most - low)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    low, high = low - margin, high + margin
    return (low, high) if mode == "min" else (-high, -low)


def set_logarithmic(axis: Axis, set_scale: Callable[[str], None]) -> None:
    """Make an axis logarithmic, with plain numbers at 1, 2, 5, 10, ..., or at powers of 10 if it has many decades."""
    ticker = require("matplotlib.ticker", extra="report")
    set_scale("log")
    locator = ticker.LogLocator(subs=FINE)
    located = locator.tick_values

    def tick_values(low: float, high: float) -> Any:
        decades = abs(math.log10(high / low)) if min(low, high) > 0 else 0.0
        locator.set_params(subs=FINE if decades < MANY_DECADES else (1,))  # with `FINE` there would be no tick at all
        return located(low, high)

    locator.tick_values = tick_values
    axis.set_major_locator(locator)
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _position: f"{value:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())
