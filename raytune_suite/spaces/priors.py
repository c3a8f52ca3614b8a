"""Priors: where a user expects good values of parameters.

A prior is part of a domain, and of the space. It is a normal distribution on the unit interval of the parameter,
truncated to it, or for a choice a higher probability of one option (Hvarfner et al. 2022, "piBO: Augmenting Acquisition
Functions with User Beliefs", ICLR; the deviations are those of Mallik et al. 2023, "PriorBand", NeurIPS, appendix F).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from ray.tune.search.sample import Categorical, Domain, Function, Grid

from raytune_suite.errors import SpaceError
from raytune_suite.spaces.parameters import Parameter, Prior, read_number
from raytune_suite.spaces.scales import Integers
from raytune_suite.spaces.values import same
from raytune_suite.validation import one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

D = TypeVar("D", bound=Domain)

Confidence = Literal["low", "medium", "high"]

DEVIATIONS: dict[str, float] = {"low": 0.5, "medium": 0.25, "high": 0.125}
"""The standard deviation of a number, in its unit interval."""

PROBABILITIES: dict[str, float] = {"low": 0.5, "medium": 0.75, "high": 0.9}
"""The probability of the expected option of a choice; the others share the rest."""

_ATTRIBUTE = "raytune_suite_prior"
"""The attribute of a domain that holds its prior: what the user wrote."""


def prior(domain: D, center: Any, confidence: Confidence = "medium") -> D:
    """Return a domain with a prior: the value that the user expects to be good.

    The value is tried first, and searchers with a model prefer configs near it, the less the more they have observed.
    So a wrong prior costs some trials, and never excludes a config. Plain Ray Tune ignores the prior of a domain.

    Args:
        domain: A domain of Ray Tune, such as `tune.loguniform(1e-5, 1e-1)`.
        center: The expected value; for a choice, one of its options.
        confidence: How sure the user is: "low", "medium" or "high".

    Raises:
        SpaceError: If the domain cannot have a prior, or does not contain the value.
        ArgumentError: If the confidence is none of the three.

    Example:
        >>> from ray import tune
        >>> from raytune_suite.spaces import Space
        >>> Space({"lr": prior(tune.loguniform(1e-5, 1e-1), center=3e-4)}).describe()
        {'lr': 'a finite number from 1e-05 to 0.1, log, prior 0.0003 (medium)'}
    """
    if not isinstance(domain, Domain) or isinstance(domain, Function):
        raise SpaceError(f"`domain` is {domain!r}, but must be a domain of ray.tune, such as tune.uniform(0, 1)")
    one_of(*DEVIATIONS).check("confidence", confidence)
    marked = copy.copy(domain)
    setattr(marked, _ATTRIBUTE, (center, confidence))
    if isinstance(domain, Categorical):
        options = tuple(domain.categories)
        parameter = Parameter("center", "categorical", Integers(0, len(options) - 1), options)
    else:
        parameter = read_number(domain, "center", None)
    try:
        with_prior(parameter, marked)
    except SpaceError as error:
        raise SpaceError(str(error).replace("parameter 'center'", "`center`")) from None
    return marked


def written_prior(domain: Domain) -> tuple[Any, Confidence] | None:
    """The center and the confidence of the prior of a domain, as the user wrote them; None if it has none."""
    written: tuple[Any, Confidence] | None = getattr(domain, _ATTRIBUTE, None)
    return written


def with_prior(parameter: Parameter, domain: Domain) -> Parameter:
    """Return a parameter with the prior of its domain, if that has one.

    Raises:
        SpaceError: If the domain does not contain the expected value.
    """
    written = written_prior(domain)
    if written is None:
        return parameter
    center, confidence = written
    if parameter.kind != "categorical":
        return replace(parameter, prior=Prior(parameter.accept(center), confidence))
    if isinstance(domain.sampler, Grid):
        raise SpaceError(f"parameter {parameter.name!r} is a tune.grid_search, which cannot have a prior")
    for position, option in enumerate(parameter.categories):
        if same(option, center):
            return replace(parameter, prior=Prior(position, confidence))
    raise SpaceError(f"parameter {parameter.name!r} has the prior {center!r}, but must be {parameter.allowed}")


@dataclass(frozen=True, eq=False)
class SpacePrior:
    """The prior of a whole space: a product over its parameters, of which those without a prior are uniform.

    Attributes:
        options: The number of options of each parameter; 0 for a number. Of shape (dimensions,).
        centers: The expected points of the unit interval; NaN for no prior.
        deviations: The standard deviations of numbers.
        probabilities: The probabilities of the expected options.
    """

    options: NDArray[np.int64]
    centers: Array
    deviations: Array
    probabilities: Array

    @classmethod
    def of(cls, parameters: Sequence[Parameter]) -> SpacePrior | None:
        """The prior of a space with these parameters; None if none of them has one."""
        if all(parameter.prior is None for parameter in parameters):
            return None
        centers = [math.nan if p.prior is None else p.unit(p.prior.center) for p in parameters]
        confidences = ["low" if p.prior is None else p.prior.confidence for p in parameters]
        return cls(_options(parameters), np.array(centers), *_widths(confidences))

    @classmethod
    def around(cls, parameters: Sequence[Parameter], units: Array, confidence: Confidence = "medium") -> SpacePrior:
        """A distribution around a config, given as a point of the unit cube; inactive parameters are uniform."""
        return cls(_options(parameters), units, *_widths([confidence] * len(units)))

    def mode(self) -> Array:
        """Return the expected point of the unit cube; without a prior the middle of a number and the first option."""
        default = np.where(self.options > 0, 0.5 / np.maximum(self.options, 1), 0.5)
        return np.where(np.isnan(self.centers), default, self.centers)

    def warp(self, units: Array) -> Array:
        """Convert uniform draws from the unit cube to draws from the prior, of shape (points, dimensions)."""
        from scipy import special  # late: it takes 0.4 s, and few spaces have priors

        drawn = units.copy()
        for column, center in enumerate(self.centers):
            if math.isnan(center):
                continue
            if self.options[column]:
                drawn[:, column] = self._warp_options(column, units[:, column])
            else:
                low, width = self._mass(column)
                quantiles = special.ndtri(np.clip(low + units[:, column] * width, 1e-300, 1 - 1e-16))
                drawn[:, column] = np.clip(center + self.deviations[column] * quantiles, 0.0, 1.0)
        return drawn

    def log_density(self, units: Array) -> Array:
        """Return the logarithms of the densities relative to the uniform distribution, of shape (points,).

        Args:
            units: Points of the unit cube, of shape (points, dimensions); inactive parameters are NaN.
        """
        total = np.zeros(len(units))
        for column, center in enumerate(self.centers):
            if math.isnan(center):
                continue
            values = units[:, column]
            if self.options[column]:
                logs = np.log(self._masses(column) * self.options[column])
                filled = np.nan_to_num(values) * self.options[column]
                terms = logs[np.minimum(filled.astype(np.int64), self.options[column] - 1)]
            else:
                deviation = self.deviations[column]
                scale = math.log(deviation * math.sqrt(2 * math.pi) * self._mass(column)[1])
                terms = -0.5 * ((values - center) / deviation) ** 2 - scale
            total += np.where(np.isnan(values), 0.0, terms)
        return total

    def _mass(self, column: int) -> tuple[float, float]:
        """The probability of the normal below 0, and between 0 and 1."""
        from scipy import special  # late, as above

        ends = (np.array([0.0, 1.0]) - self.centers[column]) / self.deviations[column]
        low, high = special.ndtr(ends).tolist()
        return low, high - low

    def _masses(self, column: int) -> Array:
        """The probability of each option."""
        count = int(self.options[column])
        expected = min(int(self.centers[column] * count), count - 1)
        likely = 1.0 if count == 1 else float(self.probabilities[column])
        masses = np.full(count, (1 - likely) / max(count - 1, 1))
        masses[expected] = likely
        return masses

    def _warp_options(self, column: int, units: Array) -> Array:
        """Draw the middle of the cell of an option by its probability."""
        count = int(self.options[column])
        positions = np.searchsorted(np.cumsum(self._masses(column))[:-1], units, side="right")
        return np.asarray((positions + 0.5) / count)


def _options(parameters: Sequence[Parameter]) -> NDArray[np.int64]:
    return np.array([p.size or 0 if p.kind == "categorical" else 0 for p in parameters], dtype=np.int64)


def _widths(confidences: Sequence[str]) -> tuple[Array, Array]:
    """The standard deviations and the probabilities of levels of confidence."""
    deviations = np.array([DEVIATIONS[confidence] for confidence in confidences])
    return deviations, np.array([PROBABILITIES[confidence] for confidence in confidences])
