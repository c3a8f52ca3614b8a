"""One parameter of a space, and its construction from a Ray Tune domain."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from ray.tune.search.sample import Domain, Float, Integer, LogUniform, Quantized, Uniform
from ray.tune.search.sample import Normal as NormalSampler

from raytune_suite.errors import SpaceError
from raytune_suite.spaces.scales import (
    LINEAR_LIMIT,
    LOG_LIMIT,
    TAIL,
    Continuous,
    Integers,
    Normal,
    Number,
    Rounded,
    RoundedNormal,
    Scale,
    is_real,
)

FEATURES: Final[dict[str, str]] = {
    "continuous": "is continuous",
    "integer": "is an integer",
    "categorical": "is a choice",
    "log": "is on a log scale",
    "quantized": "is quantized",
    "unbounded": "is unbounded (normal)",
    "conditional": "is conditional",
    "grid": "is a tune.grid_search",
}
"""The features that a parameter may have, each with the text that completes the sentence "parameter 'lr' ..."."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of a parameter: it is active only if the position of `parent` is one of `options`."""

    parent: str
    options: tuple[int, ...]


class Prior(NamedTuple):
    """What a user expects of a parameter.

    Attributes:
        center: The expected value; for a choice, the position of the option.
        confidence: How sure the user is: "low", "medium" or "high".
    """

    center: Number
    confidence: str


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One dimension of the unit cube.

    The values of a categorical parameter are positions: integers from 0 to `size - 1`. `categories[position]` is the
    option that the user wrote there; it is not a single value if it has parameters of its own.

    Attributes:
        name: The path in the config, joined by "/". Below option number i of the choice `c` it continues with
            `c[i]/...`, e.g. "optimizer[0]/momentum", or "optimizer[0,2]/momentum" if two options share it.
        kind: "float", "integer" or "categorical".
        scale: The map between the unit interval and the values.
        categories: The options of a categorical parameter as the user wrote them, else ().
        condition: When the parameter is active; None for always.
        grid: Whether it was written as `tune.grid_search`.
        prior: What the user expects of it; None without a prior.

    Example:
        >>> from ray import tune
        >>> from raytune_suite.spaces import Space
        >>> layers, rate = Space({"layers": tune.randint(1, 5), "lr": tune.loguniform(1e-4, 1.0)}).parameters
        >>> layers.lower, layers.upper, layers.size, [layers.value(u) for u in (0.0, 0.3, 1.0)]
        (1, 4, 4, [1, 2, 4])
        >>> rate.log, round(rate.unit(0.01), 6)
        (True, 0.5)
    """

    name: str
    kind: Literal["float", "integer", "categorical"]
    scale: Scale = field(repr=False)
    categories: tuple[Any, ...] = ()
    condition: Condition | None = None
    grid: bool = False
    prior: Prior | None = None

    @property
    def lower(self) -> Number:
        """The least value, inclusive; minus infinity for a normal."""
        return self.scale.lower

    @property
    def upper(self) -> Number:
        """The greatest value, inclusive even if Ray's upper bound is exclusive; infinity for a normal."""
        return self.scale.upper

    @property
    def log(self) -> bool:
        """Whether the scale is logarithmic."""
        return self.scale.log

    @property
    def q(self) -> Number | None:
        """The step of a quantized parameter, else None."""
        return self.scale.q

    @property
    def size(self) -> int | None:
        """The number of values or, for a choice, of options; None if there are infinitely many."""
        return self.scale.size

    @property
    def normal(self) -> tuple[float, float] | None:
        """Mean and standard deviation of a normal, else None."""
        return self.scale.normal

    @property
    def features(self) -> frozenset[str]:
        """The features that a searcher must support: keys of `FEATURES`."""
        kind = {"float": "continuous", "integer": "integer", "categorical": "categorical"}[self.kind]
        flags = {
            kind: self.kind != "float" or self.q is None,
            "log": self.log,
            "quantized": self.q is not None,
            "unbounded": self.normal is not None,
            "conditional": self.condition is not None,
            "grid": self.grid,
        }
        return frozenset(feature for feature, present in flags.items() if present)

    @property
    def allowed(self) -> str:
        """A description of the valid values."""
        if self.kind == "categorical":
            return f"one of {listed(self.categories)}"
        multiple = "" if self.q is None else f" that is a multiple of {self.q}"
        bounds = "" if self.normal else f" from {self.lower} to {self.upper}"
        return f"{'an integer' if self.kind == 'integer' else 'a finite number'}{multiple}{bounds}"

    def value(self, unit: float) -> Number:
        """Return the native value at `unit` in [0, 1]; for a categorical parameter, the position of the category.

        Raises:
            SpaceError: If `unit` is outside [0, 1] or NaN.
        """
        if not 0.0 <= unit <= 1.0:
            raise SpaceError(f"the unit value of parameter {self.name!r} is {unit!r}, but must be in [0, 1]")
        return self.scale.value(unit)

    def unit(self, value: Any) -> float:
        """Return the point of [0, 1] that represents `value`; for discrete values, the middle of its cell.

        Raises:
            SpaceError: If `value` is not a valid value of this parameter.
        """
        return self.scale.unit(self.accept(value))

    def accept(self, value: Any) -> Number:
        """Convert `value`, a valid value (or position) of this parameter, to a native Python number.

        Raises:
            SpaceError: If it is not a valid value.
        """
        accepted = self.scale.accept(value)
        if accepted is None:
            allowed = f"a position from 0 to {self.upper}" if self.kind == "categorical" else self.allowed
            raise SpaceError(f"parameter {self.name!r} is {value!r}, but must be {allowed}")
        return accepted


def listed(values: tuple[Any, ...], limit: int = 8) -> str:
    """Format the first few `values`, and say how many there are if some are left out."""
    shown = ", ".join(_shown(value) for value in values[:limit])
    return shown if len(values) <= limit else f"{shown}, ... ({len(values)} in all)"


def _shown(value: Any) -> str:
    """Format `value`, with dots in place of domains."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_shown(inner)}' for key, inner in value.items())}}}"
    return "..." if isinstance(value, Domain) else repr(value)


def read_number(domain: Domain, name: str, condition: Condition | None) -> Parameter:
    """Create the numeric parameter `name` from a domain of Ray.

    Raises:
        SpaceError: If the domain has no values, has too many values to distinguish, or is not one of Ray's.
    """
    if not isinstance(domain, Float | Integer):
        raise _unknown(domain, name)
    sampler: Any = domain.get_sampler()  # type: ignore[no-untyped-call]
    q = None
    if isinstance(sampler, Quantized):
        sampler, q = sampler.sampler, sampler.q
        if not is_real(q) or q <= 0:
            raise SpaceError(f"parameter {name!r} has q={q!r}, but q must be a finite number greater than 0")
    if not isinstance(sampler, Uniform | LogUniform | NormalSampler):
        raise _unknown(domain, name)
    if isinstance(domain, Integer):
        return Parameter(
            name, "integer", _integers(domain, q, name, log=isinstance(sampler, LogUniform)), (), condition
        )
    if isinstance(sampler, NormalSampler):
        return Parameter(name, "float", _normal(domain, sampler, q, name), (), condition)
    return Parameter(name, "float", _floats(domain, q, name, log=isinstance(sampler, LogUniform)), (), condition)


def _unknown(domain: Domain, name: str) -> SpaceError:
    return SpaceError(
        f"parameter {name!r} is a {type(domain).__name__} with the sampler {domain.sampler}, which is not supported: "
        "use the functions of ray.tune, e.g. tune.uniform or tune.randint"
    )


def _integers(domain: Integer, q: Number | None, name: str, *, log: bool) -> Scale:
    """Return the scale of an integer domain. Ray excludes its upper bound, unless q is set and is not 1."""
    bounds = {"lower": domain.lower, "upper": domain.upper, "q": 1 if q is None else q}
    for key, bound in bounds.items():
        if not is_real(bound) or bound != int(bound):
            raise SpaceError(f"integer parameter {name!r} has {key}={bound!r}, but {key} must be an integer")
    lower, upper, step = (int(bound) for bound in bounds.values())
    _check_bounds(name, lower, upper, log=log)
    first, last = (lower, upper - 1) if step == 1 else (-(-lower // step), upper // step)
    _check_grid(name, (lower, upper), step, (first, last), log=log)
    return Integers(first, last, step=step, log=log)


def _floats(domain: Float, q: Number | None, name: str, *, log: bool) -> Scale:
    """Return the scale of a bounded float domain. Ray moves quantized bounds inwards to multiples of q."""
    for key, bound in {"lower": domain.lower, "upper": domain.upper}.items():
        if not is_real(bound):
            raise SpaceError(f"parameter {name!r} has {key}={bound!r}, but {key} must be a finite number")
    lower, upper = float(domain.lower), float(domain.upper)
    _check_bounds(name, lower, upper, log=log)
    if not math.isfinite(upper - lower):
        raise SpaceError(f"parameter {name!r} ranges from {lower} to {upper}, which is too wide for a float: narrow it")
    if q is None:
        return Continuous(lower, upper, log=log)
    first, last = (_inward(bound, float(q), side) for bound, side in ((lower, math.ceil), (upper, math.floor)))
    _check_grid(name, (lower, upper), q, (first, last), log=log)
    return Rounded(first, last, step=float(q), log=log)


def _normal(domain: Float, sampler: NormalSampler, q: Number | None, name: str) -> Scale:
    """Return the scale of a normal domain."""
    mean, sd = sampler.mean, sampler.sd
    if not is_real(mean) or not is_real(sd) or sd <= 0:
        raise SpaceError(
            f"parameter {name!r} is normal with mean={mean!r} and sd={sd!r}, but both must be finite and sd above 0"
        )
    if np.isfinite(domain.lower) or np.isfinite(domain.upper):
        raise SpaceError(f"parameter {name!r} is normal with bounds, which Ray cannot sample: use tune.randn(mean, sd)")
    if q is None:
        return Normal(float(mean), float(sd))
    if q < sd * TAIL or abs(mean) / q > LINEAR_LIMIT:
        raise SpaceError(f"parameter {name!r} has q={q!r}, too small for mean={mean!r} and sd={sd!r}: leave q out")
    return RoundedNormal(float(mean), float(sd), step=float(q))


def _inward(bound: float, q: float, side: Any) -> int:
    """Return the index of `bound` among the multiples of q, rounded inwards as in Ray's `Quantized._grid_index`."""
    nearest = round(bound / q)
    return nearest if math.isclose(bound / q, nearest) else int(side(bound / q))


def _check_bounds(name: str, lower: Number, upper: Number, *, log: bool) -> None:
    if not lower < upper:
        raise SpaceError(
            f"parameter {name!r} has lower={lower!r} and upper={upper!r}, but lower must be less than upper"
        )
    if log and lower <= 0:
        raise SpaceError(
            f"parameter {name!r} is on a log scale with lower={lower!r}, but lower must be greater than 0: "
            "raise it, or use the domain with a linear scale"
        )


def _check_grid(name: str, bounds: tuple[Number, Number], q: Number, indices: tuple[int, int], *, log: bool) -> None:
    (lower, upper), (first, last) = bounds, indices
    if q > upper - lower:
        raise SpaceError(
            f"parameter {name!r} has q={q!r}, larger than its range from {lower!r} to {upper!r}: use a smaller q"
        )
    fine = last <= LOG_LIMIT if log else last - first < LINEAR_LIMIT
    if not fine or (isinstance(q, float) and max(abs(first), abs(last)) > LINEAR_LIMIT):
        raise SpaceError(
            f"parameter {name!r} has more values from {lower!r} to {upper!r} than a float can distinguish: narrow it"
        )
