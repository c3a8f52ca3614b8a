"""One parameter of a space, and how it is read from a domain of Ray Tune."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

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
    Rounded,
    RoundedNormal,
    Scale,
    is_real,
)

if TYPE_CHECKING:
    from raytune_suite.spaces.scales import Number

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
"""The features that a parameter may have, in the words that complete "parameter 'lr' ..."."""


@dataclass(frozen=True, slots=True)
class Condition:
    """When a parameter exists: only while the parameter `parent` takes its category number `option`."""

    parent: str
    option: int


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One dimension of the unit cube.

    A categorical parameter speaks in positions: its values are the integers from 0 to `size - 1`, and
    `categories[position]` is what the user wrote there. (An option with parameters of its own is no single value.)

    Attributes:
        name: The path in the config, joined by "/". Below option number i of the choice `c` it goes on as `c[i]/...`,
            e.g. "optimizer[0]/momentum".
        kind: "float", "integer" or "categorical".
        scale: The map between the unit interval and the values.
        categories: The options of a categorical parameter as the user wrote them, else ().
        condition: When the parameter exists; None for always.
        grid: Whether it was written as `tune.grid_search`.

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

    @property
    def lower(self) -> Number:
        """The least value, inclusive; minus infinity for a normal."""
        return self.scale.lower

    @property
    def upper(self) -> Number:
        """The greatest value, inclusive (also where Ray's own upper bound is exclusive); infinity for a normal."""
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
        """The number of values (of options, for a choice); None where they are not finitely many."""
        return self.scale.size

    @property
    def normal(self) -> tuple[float, float] | None:
        """Mean and standard deviation of a normal, else None."""
        return self.scale.normal

    @property
    def features(self) -> frozenset[str]:
        """What a searcher must be able to serve, in the words of `FEATURES`."""
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
        """What a value must be, in words."""
        if self.kind == "categorical":
            return f"one of {listed(self.categories)}"
        multiple = "" if self.q is None else f" that is a multiple of {self.q}"
        bounds = "" if self.normal else f" from {self.lower} to {self.upper}"
        return f"{'an integer' if self.kind == 'integer' else 'a finite number'}{multiple}{bounds}"

    def value(self, unit: float) -> Number:
        """The native value at `unit` in [0, 1]; for a categorical parameter the position of the category.

        Raises:
            SpaceError: If `unit` lies outside, or is NaN.
        """
        if not 0.0 <= unit <= 1.0:
            raise SpaceError(f"the unit value of parameter {self.name!r} is {unit!r}, but must lie in [0, 1]")
        return self.scale.value(unit)

    def unit(self, value: Any) -> float:
        """The point of [0, 1] that stands for `value`; the middle of its cell where values are discrete.

        Raises:
            SpaceError: If `value` is no value of this parameter.
        """
        return self.scale.unit(self.accept(value))

    def accept(self, value: Any) -> Number:
        """`value` as a native Python number, if it is a value (or position) of this parameter.

        Raises:
            SpaceError: If it is none.
        """
        accepted = self.scale.accept(value)
        if accepted is None:
            allowed = f"a position from 0 to {self.upper}" if self.kind == "categorical" else self.allowed
            raise SpaceError(f"parameter {self.name!r} is {value!r}, but must be {allowed}")
        return accepted


def listed(values: tuple[Any, ...], limit: int = 8) -> str:
    """The first few `values` in words, and how many there are."""
    shown = ", ".join(_shown(value) for value in values[:limit])
    return shown if len(values) <= limit else f"{shown}, ... ({len(values)} in all)"


def _shown(value: Any) -> str:
    """`value` in words, with dots for the domains in it."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_shown(inner)}' for key, inner in value.items())}}}"
    return "..." if isinstance(value, Domain) else repr(value)


def read_number(domain: Domain, name: str, condition: Condition | None) -> Parameter:
    """The numeric parameter `name` that a domain of Ray describes.

    Raises:
        SpaceError: If the domain has no values, or values too close to tell apart, or is none of Ray's own.
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
        f"parameter {name!r} is a {type(domain).__name__} with the sampler {domain.sampler}, which is unknown here: "
        "use the functions of ray.tune, e.g. tune.uniform or tune.randint"
    )


def _integers(domain: Integer, q: Number | None, name: str, *, log: bool) -> Scale:
    """The scale of randint and its kin. Ray excludes the upper bound, unless q is given and is not 1."""
    bounds = {"lower": domain.lower, "upper": domain.upper, "q": 1 if q is None else q}
    for key, bound in bounds.items():
        if not is_real(bound) or bound != int(bound):
            raise SpaceError(f"integer parameter {name!r} has {key}={bound!r}, but must have an integer there")
    lower, upper, step = (int(bound) for bound in bounds.values())
    _check_bounds(name, lower, upper, log=log)
    first, last = (lower, upper - 1) if step == 1 else (-(-lower // step), upper // step)
    _check_grid(name, (lower, upper), step, (first, last), log=log)
    return Integers(first, last, step=step, log=log)


def _floats(domain: Float, q: Number | None, name: str, *, log: bool) -> Scale:
    """The scale of uniform and its kin. Ray moves the bounds of a quantized one inwards to multiples of q."""
    for key, bound in {"lower": domain.lower, "upper": domain.upper}.items():
        if not is_real(bound):
            raise SpaceError(f"parameter {name!r} has {key}={bound!r}, but must have a finite number there")
    lower, upper = float(domain.lower), float(domain.upper)
    _check_bounds(name, lower, upper, log=log)
    if not math.isfinite(upper - lower):
        raise SpaceError(f"parameter {name!r} reaches from {lower} to {upper}: too wide for a float; narrow it")
    if q is None:
        return Continuous(lower, upper, log=log)
    first, last = (_inward(bound, float(q), side) for bound, side in ((lower, math.ceil), (upper, math.floor)))
    _check_grid(name, (lower, upper), q, (first, last), log=log)
    return Rounded(first, last, step=float(q), log=log)


def _normal(domain: Float, sampler: NormalSampler, q: Number | None, name: str) -> Scale:
    """The scale of randn and qrandn."""
    mean, sd = sampler.mean, sampler.sd
    if not is_real(mean) or not is_real(sd) or sd <= 0:
        raise SpaceError(
            f"parameter {name!r} is normal with mean={mean!r} and sd={sd!r}, but needs a finite mean, and sd above 0"
        )
    if np.isfinite(domain.lower) or np.isfinite(domain.upper):
        raise SpaceError(f"parameter {name!r} is normal with bounds, which Ray cannot sample: use tune.randn(mean, sd)")
    if q is None:
        return Normal(float(mean), float(sd))
    if q < sd * TAIL or abs(mean) / q > LINEAR_LIMIT:
        raise SpaceError(f"parameter {name!r} has q={q!r}, too fine for mean={mean!r} and sd={sd!r}: leave q out")
    return RoundedNormal(float(mean), float(sd), step=float(q))


def _inward(bound: float, q: float, side: Any) -> int:
    """The index of `bound` on the grid of multiples of q, rounded inwards as in `Quantized._grid_index` of Ray."""
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
            "raise it, or use the linear kind"
        )


def _check_grid(name: str, bounds: tuple[Number, Number], q: Number, indices: tuple[int, int], *, log: bool) -> None:
    (lower, upper), (first, last) = bounds, indices
    if q > upper - lower:
        raise SpaceError(f"parameter {name!r} has q={q!r}, bigger than its range from {lower!r} to {upper!r}")
    fine = last <= LOG_LIMIT if log else last - first < LINEAR_LIMIT
    if not fine or (isinstance(q, float) and max(abs(first), abs(last)) > LINEAR_LIMIT):
        raise SpaceError(
            f"parameter {name!r} has more values from {lower!r} to {upper!r} than a float tells apart: narrow it"
        )
