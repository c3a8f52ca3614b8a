"""Synthetic functions: they map a config and a training seed to a whole learning curve in a fraction of a millisecond.

They are pure numpy and do not need Ray, so that the reference packages can be run on exactly the same numbers. A curve
has the resources 1, 2, ..., `max_t`. The noise depends only on the function, the config and the seed: the k-th draw of
its stream belongs to the k-th resource, so that a longer training repeats the reports of a shorter one.
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
    """A function to optimize whose optimum is known; each subclass is one of `formulas` with its space and its noise.

    Attributes:
        max_t: The resource of the highest fidelity, which is the number of reports of a curve.
    """

    max_t: int = 81

    def __post_init__(self) -> None:
        check_count("max_t", self.max_t)

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Its name in the registry after "synthetic/", which also identifies its noise."""

    @property
    @abc.abstractmethod
    def parameters(self) -> dict[str, Range | Choice]:
        """The parameters of the space by name."""

    @property
    def mode(self) -> Mode:
        """Whether the value is minimized or maximized."""
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
        """Compute the values without noise at each resource, of shape (max_t,)."""

    @abc.abstractmethod
    def drawn(self, x: Floats, rng: np.random.Generator) -> Floats:
        """Draw the values with noise at each resource, of shape (max_t,)."""

    @abc.abstractmethod
    def total_seconds(self) -> Floats:
        """Return the declared seconds of a training up to each resource, of shape (max_t,), increasing."""

    def resource(self) -> Floats:
        """Return the resources 1, 2, ..., `max_t`."""
        return np.arange(1, self.max_t + 1, dtype=np.float64)

    def vector(self, config: Config) -> Floats:
        """Return the parameters, of shape (d,), of a config, which may have other entries, too.

        Raises:
            ArgumentError: If one is missing or outside the space.
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
        return x + 0.0  # turns -0.0 into 0.0, since the two would have different streams of noise

    def values(self, config: Config, seed: int) -> Floats:
        """Return the values that a training with this seed reports at each resource, of shape (max_t,)."""
        x = self.vector(config)
        return self.drawn(x, stream(seed, "synthetic", self.name, x.tolist()))

    def exact(self, config: Config) -> float:
        """Compute the value without noise at the highest fidelity."""
        return float(self.expected(self.vector(config))[-1])

    def regret(self, config: Config) -> float:
        """Return how much worse `exact` is than the optimum; 0 or more."""
        sign = 1 if self.mode == "min" else -1
        return max(0.0, sign * (self.exact(config) - self.bounds[0]))

    def seconds_per_unit(self, config: Config) -> float:  # noqa: ARG002 - a workload's cost is a function of a config
        """Return the declared seconds of one unit of resource, on average over a training; the same for all configs."""
        return float(self.total_seconds()[-1]) / self.max_t

    def curve(self, config: Config, seed: int) -> Curve:
        """Return the learning curve of a training; its only metric is called "value"."""
        seconds = np.diff(self.total_seconds(), prepend=0.0)
        return Curve(resource=self.resource(), metrics={"value": self.values(config, seed)}, seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class MFHartmann(SyntheticFunction):
    """MFHartmann3 or MFHartmann6, where the resource t from 1 to `max_t` corresponds to the fidelity z = 100 t / max_t.

    With r = 1, R = 81 and eta = 3, the rungs are at z = 1.2, 3.7, 11.1, 33.3 and 100. The noise is never negative. At
    z = 100 there is neither noise nor bias, and all seeds agree. Total cost: 0.05 + 0.95 (z / 100)^2 seconds.

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
            raise ArgumentError(f"`max_t` is {self.max_t}, but must be at most 100, since the least fidelity is z = 1")

    @property
    def name(self) -> str:
        """The name, such as mfh3 (the default variant) or mfh6-terrible."""
        return f"mfh{self.dimensions}" + ("" if self.variant == "default" else f"-{self.variant}")

    @property
    def parameters(self) -> dict[str, Range | Choice]:
        """The dimensions of the unit cube, named as in mf-prior-bench."""
        return {f"X_{index}": Range(0, 1) for index in range(self.dimensions)}

    @property
    def bounds(self) -> tuple[float, float]:
        """The optimum, and 0, the limit far from all wells."""
        return HARTMANN[self.dimensions].optimum, 0.0

    @property
    def best(self) -> Config:
        """The minimizer at z = 100."""
        return dict(zip(self.parameters, HARTMANN[self.dimensions].best, strict=True))

    def z(self) -> Floats:
        """Return the fidelity at each resource, of shape (max_t,)."""
        return 100 * self.resource() / self.max_t

    def expected(self, x: Floats) -> Floats:
        """Compute the values with the bias, but without the noise."""
        return mf_hartmann(x, self.z(), bias=VARIANTS[self.variant].bias)

    def drawn(self, x: Floats, rng: np.random.Generator) -> Floats:
        """Add the noise, which is the absolute value of a Gaussian."""
        scale = VARIANTS[self.variant].noise * hartmann_share(self.z())
        noisy: Floats = self.expected(x) + np.abs(rng.standard_normal(self.max_t)) * scale
        return noisy

    def total_seconds(self) -> Floats:
        """Return 0.05 + 0.95 (z / 100)^2."""
        return 0.05 + 0.95 * (self.z() / 100) ** 2


@dataclass(frozen=True, kw_only=True)
class CountingOnes(SyntheticFunction):
    """CountingOnes, where a resource t from 1 to `max_t` means 93312 t / (d max_t) draws per continuous dimension.

    In the papers the fidelities are 576/d to 93312/d with eta = 3, of which Hyperband uses 1152/d, 3456/d, ...,
    93312/d: the rungs of r = 1, R = 81, eta = 3. As in the code of the papers, numbers of draws are rounded down. A
    longer training keeps the draws of a shorter one. The declared cost of all draws is one second.

    Attributes:
        categorical: The number of dimensions that are a choice between 0 and 1.
        continuous: The number of dimensions that are a probability from 0 to 1.
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
                f"{DRAWS // (self.categorical + self.continuous)}, so that the first unit of a training has a draw"
            )

    @property
    def name(self) -> str:
        """The name, such as counting-ones (8 + 8 dimensions) or counting-ones-50-50."""
        plain = (self.categorical, self.continuous) == (8, 8)
        return "counting-ones" + ("" if plain else f"-{self.categorical}-{self.continuous}")

    @property
    def parameters(self) -> dict[str, Range | Choice]:
        """The dimensions, named as in HPOlib."""
        zeros_and_ones: dict[str, Range | Choice] = {
            f"cat_{index}": Choice((0, 1)) for index in range(self.categorical)
        }
        return zeros_and_ones | {f"float_{index}": Range(0, 1) for index in range(self.continuous)}

    @property
    def bounds(self) -> tuple[float, float]:
        """The values of all ones and of all zeros."""
        return -1.0, 0.0

    @property
    def best(self) -> Config:
        """All ones."""
        return {name: 1 if isinstance(kind, Choice) else 1.0 for name, kind in self.parameters.items()}

    def draws(self) -> NDArray[np.int64]:
        """Return the number of draws of each continuous dimension at each resource, of shape (max_t,)."""
        steps = np.arange(1, self.max_t + 1, dtype=np.int64)
        return DRAWS * steps // ((self.categorical + self.continuous) * self.max_t)

    def expected(self, x: Floats) -> Floats:
        """Compute the values with the probabilities in place of the means."""
        probabilities = np.repeat(x[self.categorical :, np.newaxis], self.max_t, axis=1)
        return counting_ones(x[: self.categorical], probabilities)

    def drawn(self, x: Floats, rng: np.random.Generator) -> Floats:
        """Compute the values with the means of all draws up to each resource."""
        draws = self.draws()
        new = rng.binomial(np.diff(draws, prepend=0)[:, np.newaxis], x[self.categorical :])
        return counting_ones(x[: self.categorical], (new.cumsum(axis=0) / draws[:, np.newaxis]).T)

    def total_seconds(self) -> Floats:
        """Return seconds in proportion to the draws."""
        draws = self.draws().astype(np.float64)
        shares: Floats = draws / draws[-1]
        return shares


@dataclass(frozen=True, kw_only=True)
class _PlaneFunction(SyntheticFunction):
    """A function of two dimensions at the fidelity z = t / max_t, optionally with additive Gaussian noise.

    Attributes:
        noise: The standard deviation of the noise, the same at all fidelities; 0 in the papers.
    """

    noise: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number = as_number(self.noise)
        if number is None or not 0 <= number < float("inf"):
            raise ArgumentError(f"`noise` is {self.noise!r}, but must be a number of 0 or more")

    def suffix(self) -> str:
        """Return the part of the name that depends on the noise."""
        return f"-noise-{self.noise:g}" if self.noise else ""

    def z(self) -> Floats:
        """Return the fidelity at each resource, of shape (max_t,)."""
        return self.resource() / self.max_t

    def drawn(self, x: Floats, rng: np.random.Generator) -> Floats:
        """Add the noise."""
        noisy: Floats = self.expected(x) + self.noise * rng.standard_normal(self.max_t)
        return noisy


@dataclass(frozen=True, kw_only=True)
class Branin(_PlaneFunction):
    """MF-Branin with its three fidelities equal to z = t / max_t. Total cost: 0.05 + 0.95 z^1.5 seconds."""

    @property
    def name(self) -> str:
        """The name, such as branin or branin-noise-0.5."""
        return "branin" + self.suffix()

    @property
    def parameters(self) -> dict[str, Range | Choice]:
        """The domain [-5, 10] x [0, 15]."""
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
        """Compute the values, which have no noise."""
        return branin(x, self.z())

    def total_seconds(self) -> Floats:
        """Return 0.05 + 0.95 z^1.5."""
        return 0.05 + 0.95 * self.z() ** 1.5


@dataclass(frozen=True, kw_only=True)
class Currin(_PlaneFunction):
    """MF-Currin at z = t / max_t, to be maximized, as defined in Dragonfly (see `formulas.currin`).

    The maximizer is the same at all fidelities: at x2 = 0 nothing depends on z. Total cost: 0.1 + z^2 seconds.
    """

    @property
    def name(self) -> str:
        """The name, such as currin or currin-noise-0.5."""
        return "currin" + self.suffix()

    @property
    def parameters(self) -> dict[str, Range | Choice]:
        """The domain [0, 1] x [0, 1]."""
        return {"x1": Range(0, 1), "x2": Range(0, 1)}

    @property
    def mode(self) -> Mode:
        """The value is maximized."""
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
        """Compute the values, which have no noise."""
        return currin(x, self.z())

    def total_seconds(self) -> Floats:
        """Return 0.1 + z^2."""
        return 0.1 + self.z() ** 2
