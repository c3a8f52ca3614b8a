"""The maps between the unit interval and the values of one parameter, as pure functions.

All of them follow one rule: **a uniform draw from [0, 1] becomes a draw from Ray's sampler of that domain.** Hence:

- an integer occupies as much of the interval as its probability in Ray: equal cells, or on a log scale the cell
  [k, k + 1) in log space (Ray rounds the exponential down);
- a rounded float (`quniform`, `qloguniform`) occupies the cell that is rounded to it, so the two ends have half a cell;
- a normal is mapped by its inverse cumulative distribution function, truncated at probability `TAIL` on either side.

`unit` returns a point well inside the cell of a value, so that `value(unit(x)) == x` holds exactly for discrete values.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np

Number: TypeAlias = int | float

TAIL = 1e-7
"""The probability at which a normal is truncated on either side: 5.2 standard deviations, which float64 can resolve."""

NEAR = 1e-9
"""The relative distance within which a float counts as a value of the grid (0.3 for 3 * 0.1)."""

LOG_LIMIT = 2**40
"""The largest index of a log grid whose neighbors float64 can distinguish in the unit interval."""

LINEAR_LIMIT = 2**48
"""The largest number of values of a linear grid that float64 can distinguish in the unit interval."""


class Scale(ABC):
    """How the unit interval maps to the values of one parameter, and back.

    Attributes:
        lower: The least value (inclusive; minus infinity for a normal).
        upper: The greatest value (inclusive; infinity for a normal).
        log: Whether the map is logarithmic.
        q: The step of a quantized parameter, else None.
        normal: Mean and standard deviation of a normal, else None.
        indices: The values divided by the step (1 if `q` is None); None if there are infinitely many.
    """

    def __init__(
        self,
        lower: Number,
        upper: Number,
        *,
        log: bool = False,
        q: Number | None = None,
        normal: tuple[float, float] | None = None,
        indices: range | None = None,
    ) -> None:
        self.lower, self.upper, self.log, self.q, self.normal, self.indices = lower, upper, log, q, normal, indices

    @property
    def size(self) -> int | None:
        """The number of values; None if there are infinitely many."""
        return None if self.indices is None else self.indices.stop - self.indices.start

    @abstractmethod
    def value(self, unit: float) -> Number:
        """Return the native value at `unit`, a number in [0, 1]."""

    @abstractmethod
    def unit(self, value: Number) -> float:
        """Return the point of [0, 1] that represents `value`, which must be a valid value."""

    @abstractmethod
    def accept(self, value: Any) -> Number | None:
        """Convert `value` to a native number; return None if it is not a valid value."""


class Continuous(Scale):
    """Every float from `lower` to `upper`, uniform or log-uniform."""

    def __init__(self, lower: float, upper: float, *, log: bool) -> None:
        super().__init__(lower, upper, log=log)
        self._start = math.log(lower) if log else lower
        self._width = (math.log(upper) if log else upper) - self._start

    def value(self, unit: float) -> float:
        """Interpolate linearly between the bounds, or between their logarithms."""
        point = self._start + unit * self._width
        return min(max(math.exp(point) if self.log else point, self.lower), self.upper)

    def unit(self, value: Number) -> float:
        """Invert `value`."""
        point = math.log(value) if self.log else value
        return min(max((point - self._start) / self._width, 0.0), 1.0)

    def accept(self, value: Any) -> float | None:
        """Accept a real number within the bounds; one that rounding errors put just outside becomes the bound."""
        if not is_real(value):
            return None
        if self.lower <= value <= self.upper:
            return float(value)
        for bound in (self.lower, self.upper):
            if math.isclose(value, bound, rel_tol=1e-12):
                return float(bound)
        return None


class Normal(Scale):
    """Every float, normally distributed. Values beyond the truncation at `TAIL` share the ends of the interval."""

    def __init__(self, mean: float, sd: float) -> None:
        super().__init__(-math.inf, math.inf, normal=(mean, sd))
        self._distribution = NormalDist(mean, sd)

    def value(self, unit: float) -> float:
        """Return the quantile of `unit`."""
        return self._distribution.inv_cdf(min(max(unit, TAIL), 1.0 - TAIL))

    def unit(self, value: Number) -> float:
        """Return the cumulative probability of `value`."""
        return min(max(self._distribution.cdf(value), TAIL), 1.0 - TAIL)

    def accept(self, value: Any) -> float | None:
        """Accept any finite real number."""
        return float(value) if is_real(value) else None


class Integers(Scale):
    """The multiples of `step` from `first * step` to `last * step`, equally or log-uniformly probable."""

    def __init__(self, first: int, last: int, *, step: int = 1, log: bool = False) -> None:
        q = step if step > 1 else None
        super().__init__(first * step, last * step, log=log, q=q, indices=range(first, last + 1))
        self._first, self._last, self._step, self._count = first, last, step, last - first + 1
        self._start = math.log(first) if log else 0.0
        self._width = math.log(last + 1) - self._start if log else 0.0

    def value(self, unit: float) -> int:
        """Return the integer in whose cell `unit` lies."""
        if self.log:
            index = min(max(math.floor(math.exp(self._start + unit * self._width)), self._first), self._last)
        else:
            index = min(self._first + int(unit * self._count), self._last)
        return index * self._step

    def unit(self, value: Number) -> float:
        """Return the middle of the cell of `value`."""
        index = int(value) // self._step
        if self.log:
            return (0.5 * (math.log(index) + math.log(index + 1)) - self._start) / self._width
        return (index - self._first + 0.5) / self._count

    def accept(self, value: Any) -> int | None:
        """Accept an integer (not a bool or a float) within the bounds that is a multiple of the step."""
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            return None
        return int(value) if self.lower <= value <= self.upper and int(value) % self._step == 0 else None


class Rounded(Scale):
    """A continuous uniform or log-uniform float, rounded to the nearest multiple of `step`."""

    def __init__(self, first: int, last: int, *, step: float, log: bool) -> None:
        super().__init__(first * step, last * step, log=log, q=step, indices=range(first, last + 1))
        self._first, self._last, self._step = first, last, step
        self._start = math.log(first) if log else float(first)
        self._width = (math.log(last) if log else float(last)) - self._start

    def value(self, unit: float) -> float:
        """Return the multiple of the step that is nearest to the continuous value, computed as in Ray."""
        point = self._start + unit * self._width
        index = round(math.exp(point) if self.log else point)
        return min(max(index, self._first), self._last) * self._step

    def unit(self, value: Number) -> float:
        """Return the position of `value` between the ends, which are 0 and 1; a single value lies at 0.5."""
        if self._width == 0.0:
            return 0.5
        index = round(value / self._step)
        return min(max(((math.log(index) if self.log else index) - self._start) / self._width, 0.0), 1.0)

    def accept(self, value: Any) -> float | None:
        """Accept a real number within `NEAR` of a multiple of the step within the bounds."""
        index = grid_index(value, self._step)
        return None if index is None or not self._first <= index <= self._last else index * self._step


class RoundedNormal(Scale):
    """A normal, rounded to the nearest multiple of `step`."""

    def __init__(self, mean: float, sd: float, *, step: float) -> None:
        super().__init__(-math.inf, math.inf, q=step, normal=(mean, sd))
        self._step, self._distribution = step, NormalDist(mean, sd)

    def value(self, unit: float) -> float:
        """Return the multiple of the step that is nearest to the quantile of `unit`."""
        return round(self._distribution.inv_cdf(min(max(unit, TAIL), 1.0 - TAIL)) / self._step) * self._step

    def unit(self, value: Number) -> float:
        """Return the middle of the part of the cell of `value` that lies within the truncation."""
        index = round(value / self._step)
        cell = (self._distribution.cdf((index + side) * self._step) for side in (-0.5, 0.5))
        low, high = (min(max(edge, TAIL), 1.0 - TAIL) for edge in cell)
        return 0.5 * (low + high)

    def accept(self, value: Any) -> float | None:
        """Accept a finite real number within `NEAR` of a multiple of the step."""
        index = grid_index(value, self._step)
        return None if index is None else index * self._step


def is_real(value: Any) -> bool:
    """Whether `value` is a finite int or float of Python or numpy, and not a bool."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(-sys.float_info.max <= value <= sys.float_info.max)


def grid_index(value: Any, step: float) -> int | None:
    """Return n if `value` is the number n * `step`; None if it is not a multiple of `step`."""
    if not is_real(value):
        return None
    ratio = float(value) / step
    if not math.isfinite(ratio):
        return None
    index = round(ratio)
    return index if abs(value - index * step) <= NEAR * max(abs(value), step) else None
