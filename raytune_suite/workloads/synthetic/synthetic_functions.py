"""Synthetic problems: a config and a training seed give a whole learning curve, in a fraction of a millisecond.

They are pure numpy and need no Ray, so that the reference packages can be run on the very same numbers. A curve has the
resources 1, 2, ..., `max_t`. Noise is a function of (problem, config, seed): the k-th draw of its stream belongs to the
k-th resource, so that a longer training reports what a shorter one did.
"""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.seeding import stream
from raytune_suite.types import Config, Curve, Mode, as_number, check_count
from raytune_suite.workloads.synthetic.formulas import (
    DRAWS,
    HARTMANN,
    VARIANTS,
    branin,
    counting_ones,
    currin,
    hartmann_share,
    mf_hartmann,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Range(NamedTuple):
    """A continuous parameter from `low` to `high`."""

    low: float
    high: float


class Choice(NamedTuple):
    """A categorical parameter."""

    values: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SyntheticFunction(abc.ABC):
    """A function to tune whose optimum is known; each leaf is one of the functions above.

    Attributes:
        max_t: The resource of the highest fidelity; a curve has so many reports.
    """

    max_t: int = 81

    def __post_init__(self) -> None:
        check_count("max_t", self.max_t)

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What distinguishes its noise from that of others, and its name in the registry after "synthetic/"."""

    @property
    @abc.abstractmethod
    def parameters(self) -> dict[str, Range | Choice]:
        """The space."""

    @property
    def mode(self) -> Mode:
        """Whether less or more is better."""
        return "min"

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[float, float]:
        """The best and the worst value without noise at the highest fidelity, over the whole space."""

    @property
    @abc.abstractmethod
    def best(self) -> Config:
        """A config that reaches the best value."""

    @abc.abstractmethod
    def expected(self, x: Floats) -> Floats:
        """The values without noise at each resource, of shape (max_t,)."""

    @abc.abstractmethod
    def drawn(self, x: Floats, rng: np.random.Generator) -> Floats:
        """The values with noise at each resource, of shape (max_t,)."""

    @abc.abstractmethod
    def total_seconds(self) -> Floats:
        """The declared seconds of a training up to each resource, of shape (max_t,), rising."""

    def resource(self) -> Floats:
        """1, 2, ..., `max_t`."""
        return np.arange(1, self.max_t + 1, dtype=np.float64)

    def vector(self, config: Config) -> Floats:
        """The parameters of a config, which may hold other things too, of shape (d,).

        Raises:
            ArgumentError: If one is missing or outside of the space.
        """
        x = np.empty(len(self.parameters))
        for index, (name, parameter) in enumerate(self.parameters.items()):
            value = as_number(config.get(name))
            if isinstance(parameter, Choice):
                if value not in parameter.values:
                    raise ArgumentError(f"`{name}` is {config.get(name)!r}, but must be one of {parameter.values}")
            elif value is None or not parameter.low <= value <= parameter.high:
                raise ArgumentError(
                    f"`{name}` is {config.get(name)!r}, but must be a number in [{parameter.low}, {parameter.high}]"
                )
            x[index] = value
        return x + 0.0  # no -0.0, whose name in the noise's stream would be another

    def values(self, config: Config, seed: int) -> Floats:
        """What a training with this seed reports at each resource, of shape (max_t,)."""
        x = self.vector(config)
        return self.drawn(x, stream(seed, "synthetic", self.name, x.tolist()))

    def exact(self, config: Config) -> float:
        """The value without noise at the highest fidelity."""
        return float(self.expected(self.vector(config))[-1])

    def regret(self, config: Config) -> float:
        """How much worse `exact` is than the best, 0 or more."""
        sign = 1 if self.mode == "min" else -1
        return max(0.0, sign * (self.exact(config) - self.bounds[0]))

    def seconds_per_unit(self, config: Config) -> float:  # noqa: ARG002 - a workload's cost is a function of a config
        """The declared seconds of one unit of resource, on average over a training; alike for all configs."""
        return float(self.total_seconds()[-1]) / self.max_t

    def curve(self, config: Config, seed: int) -> Curve:
        """The whole training, as a workload gives it: its only metric is called "value"."""
        seconds = np.diff(self.total_seconds(), prepend=0.0)
        return Curve(resource=self.resource(), metrics={"value": self.values(config, seed)}, seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class MFHartmann(SyntheticFunction):
    """MFHartmann3 or 6, with a resource t of 1 to `max_t` at the fidelity z = 100 t / max_t.

    So r = 1, R = 81, eta = 3 has its rungs at z = 1.2, 3.7, 11.1, 33.3, 100. The noise is never negative, and neither
    noise nor bias is left at z = 100: there all seeds agree. Cost: 0.05 + 0.95 (z / 100)^2 seconds in all.

    Attributes:
        dimensions: 3 or 6.
        variant: A key of `VARIANTS`.
    """

    dimensions: int = 3
    variant: str = "default"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dimensions not in HARTMANN:
            raise ArgumentError(f"`dimensions` is {self.dimensions!r}, but must be one of {sorted(HARTMANN)}")
        if self.variant not in VARIANTS:
            raise UnknownNameError("MFHartmann variant", self.variant, VARIANTS)
        if self.max_t > 100:  # noqa: PLR2004 - z is a percentage
            raise ArgumentError(f"`max_t` is {self.max_t}, but must be at most 100: no fidelity is below z = 1")

    @property
    def name(self) -> str:
        """Such as mfh3 (the default variant) or mfh6-terrible."""
        return f"mfh{self.dimensions}" + ("" if self.variant == "default" else f"-{self.variant}")

    @property
    def parameters(self) -> dict[str, Range | Choice]:
        """The unit cube, named as in mf-prior-bench."""
        return {f"X_{index}": Range(0, 1) for index in range(self.dimensions)}

    @property
    def bounds(self) -> tuple[float, float]:
        """The optimum, and 0, which all wells leave as the limit."""
        return HARTMANN[self.dimensions].optimum, 0.0

    @property
    def best(self) -> Config:
        """The minimizer at z = 100."""
        return dict(zip(self.parameters, HARTMANN[self.dimensions].best, strict=True))

    def z(self) -> Floats:
        """The fidelity at each resource, of shape (max_t,)."""
        return 100 * self.resource() / self.max_t

    def expected(self, x: Floats) -> Floats:
        """With the bias alone."""
        return mf_hartmann(x, self.z(), bias=VARIANTS[self.variant].bias)

    def drawn(self, x: Floats, rng: np.random.Generator) -> Floats:
        """With the noise, which is the absolute value of a Gaussian."""
        scale = VARIANTS[self.variant].noise * hartmann_share(self.z())
        noisy: Floats = self.expected(x) + np.abs(rng.standard_normal(self.max_t)) * scale
        return noisy

    def total_seconds(self) -> Floats:
        """0.05 + 0.95 (z / 100)^2."""
        return 0.05 + 0.95 * (self.z() / 100) ** 2


@dataclass(frozen=True, kw_only=True)
class CountingOnes(SyntheticFunction):
    """CountingOnes: the resource t of 1 to `max_t` stands for 93312 t / (d max_t) draws per continuous dimension.

    The papers' fidelities are 576/d to 93312/d with eta = 3, of which Hyperband uses 1152/d, 3456/d, ..., 93312/d: the
    rungs of r = 1, R = 81, eta = 3. A fraction of a draw is cut off, as the papers' code does. A longer training draws
    more and keeps what it has drawn. One second is the declared cost of all draws.

    Attributes:
        categorical: The number of dimensions with the choices 0 and 1.
        continuous: The number of dimensions with a probability from 0 to 1.
    """

    categorical: int = 8
    continuous: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("categorical", self.categorical)
        check_count("continuous", self.continuous)
        if self.draws()[0] < 1:
            raise ArgumentError(
                f"`max_t` is {self.max_t}, but with {self.categorical + self.continuous} dimensions must be at most "
                f"{DRAWS // (self.categorical + self.continuous)}: a training has no draw in its first unit"
            )

    @property
    def name(self) -> str:
        """Such as counting-ones (8 + 8 dimensions) or counting-ones-50-50."""
        plain = (self.categorical, self.continuous) == (8, 8)
        return "counting-ones" + ("" if plain else f"-{self.categorical}-{self.continuous}")

    @property
    def parameters(self) -> dict[str, Range | Choice]:
        """Named as in HPOlib."""
        zeros_and_ones: dict[str, Range | Choice] = {
            f"cat_{index}": Choice((0, 1)) for index in range(self.categorical)
        }
        return zeros_and_ones | {f"float_{index}": Range(0, 1) for index in range(self.continuous)}

    @property
    def bounds(self) -> tuple[float, float]:
        """All ones and all zeros."""
        return -1.0, 0.0

    @property
    def best(self) -> Config:
        """All ones."""
        return {name: 1 if isinstance(kind, Choice) else 1.0 for name, kind in self.parameters.items()}

    def draws(self) -> NDArray[np.int64]:
        """How often each continuous dimension has been drawn at each resource, of shape (max_t,)."""
        steps = np.arange(1, self.max_t + 1, dtype=np.int64)
        return DRAWS * steps // ((self.categorical + self.continuous) * self.max_t)

    def expected(self, x: Floats) -> Floats:
        """With the probabilities themselves for the means."""
        probabilities = np.repeat(x[self.categorical :, np.newaxis], self.max_t, axis=1)
        return counting_ones(x[: self.categorical], probabilities)

    def drawn(self, x: Floats, rng: np.random.Generator) -> Floats:
        """With means of draws, the draws of each resource being new ones."""
        draws = self.draws()
        fresh = rng.binomial(np.diff(draws, prepend=0)[:, np.newaxis], x[self.categorical :])
        return counting_ones(x[: self.categorical], (fresh.cumsum(axis=0) / draws[:, np.newaxis]).T)

    def total_seconds(self) -> Floats:
        """In proportion to the draws."""
        draws = self.draws().astype(np.float64)
        shares: Floats = draws / draws[-1]
        return shares


@dataclass(frozen=True, kw_only=True)
class _Plane(SyntheticFunction):
    """A problem of two dimensions, at the fidelity z = t / max_t, with additive Gaussian noise if any.

    Attributes:
        noise: The standard deviation of the noise, at all fidelities alike. The papers have none.
    """

    noise: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number = as_number(self.noise)
        if number is None or not 0 <= number < float("inf"):
            raise ArgumentError(f"`noise` is {self.noise!r}, but must be a number of 0 or more")

    def suffix(self) -> str:
        """What the noise adds to the name."""
        return f"-noise-{self.noise:g}" if self.noise else ""

    def z(self) -> Floats:
        """The fidelity at each resource, of shape (max_t,)."""
        return self.resource() / self.max_t

    def drawn(self, x: Floats, rng: np.random.Generator) -> Floats:
        """With the noise."""
        noisy: Floats = self.expected(x) + self.noise * rng.standard_normal(self.max_t)
        return noisy


@dataclass(frozen=True, kw_only=True)
class Branin(_Plane):
    """MF-Branin, its three fidelities alike, at z = t / max_t. Cost: 0.05 + 0.95 z^1.5 seconds in all."""

    @property
    def name(self) -> str:
        """Such as branin, or branin-noise-0.5."""
        return "branin" + self.suffix()

    @property
    def parameters(self) -> dict[str, Range | Choice]:
        """[-5, 10] x [0, 15]."""
        return {"x1": Range(-5, 10), "x2": Range(0, 15)}

    @property
    def bounds(self) -> tuple[float, float]:
        """The optimum, 5 / (4 pi), and the value at (-5, 0)."""
        return 0.39788735772973816, 308.12909601160663

    @property
    def best(self) -> Config:
        """One of three minimizers, (pi, 2.275)."""
        return {"x1": math.pi, "x2": 2.275}

    def expected(self, x: Floats) -> Floats:
        """All of it."""
        return branin(x, self.z())

    def total_seconds(self) -> Floats:
        """0.05 + 0.95 z^1.5."""
        return 0.05 + 0.95 * self.z() ** 1.5


@dataclass(frozen=True, kw_only=True)
class Currin(_Plane):
    """MF-Currin at z = t / max_t, to be maximized, in Dragonfly's convention (see `functions.currin`).

    The maximizer is the same at all fidelities: at x2 = 0 nothing depends on z. Cost: 0.1 + z^2 seconds in all.
    """

    @property
    def name(self) -> str:
        """Such as currin, or currin-noise-0.5."""
        return "currin" + self.suffix()

    @property
    def parameters(self) -> dict[str, Range | Choice]:
        """The unit square."""
        return {"x1": Range(0, 1), "x2": Range(0, 1)}

    @property
    def mode(self) -> Mode:
        """More is better."""
        return "max"

    @property
    def bounds(self) -> tuple[float, float]:
        """The optimum and the value at (0, 1)."""
        return 13.798722044728434, 1.3623672187758897

    @property
    def best(self) -> Config:
        """The maximizer, (13/60, 0)."""
        return {"x1": 13 / 60, "x2": 0.0}

    def expected(self, x: Floats) -> Floats:
        """All of it."""
        return currin(x, self.z())

    def total_seconds(self) -> Floats:
        """0.1 + z^2."""
        return 0.1 + self.z() ** 2
