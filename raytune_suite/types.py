"""The few types that all layers share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

Config: TypeAlias = dict[str, Any]
"""One hyperparameter assignment: a (nested) dict of native Python values."""

Mode: TypeAlias = Literal["min", "max"]
"""The direction of the metric."""

FAILED = math.inf
"""The loss of an observation that failed: crashed, NaN, infinite or no number. It is worse than any other."""


DECISIONS = "decisions.parquet"
"""The file of the decision log in a study's folder; it is written when the study has ended."""

FIDELITY = "fidelity"
"""The reserved key of a config under which a searcher that assigns fidelities (DEHB) writes how far, in units of
`time_attr`, the trial is trained. A scheduler ends the trial there; a trainable may read it, too."""


class PromotionDecision(NamedTuple):
    """What a searcher that assigns fidelities wants of a paused trial: its next fidelity, or None for its end."""

    trial_id: str
    fidelity: int | None


def hyperparameters(config: Config) -> Config:
    """`config` without the fidelity that a searcher may have assigned."""
    return {key: value for key, value in config.items() if key != FIDELITY}


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What a training would report, all at once: looked up in a table or predicted by a surrogate.

    Attributes:
        resource: The value of the study's `time_attr` at each report, of shape (reports,), rising.
        metrics: By name, the reported values, each of shape (reports,).
        seconds: How long the training takes from the report before to this one, of shape (reports,).
    """

    resource: NDArray[np.float64]
    metrics: Mapping[str, NDArray[np.float64]]
    seconds: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a searcher learns from one report of one trial.

    Attributes:
        trial_id: Ray's id of the trial.
        config: The config as the searcher proposed it.
        resource: How much the trial had been trained, in units of the study's `time_attr`. For a multi-fidelity
            searcher it is the level that the observation counts for: the highest that the trial has reached, or the one
            that it was heading for when it ended or crashed.
        loss: The metric, turned so that less is better; `FAILED` where the trial crashed or reported no finite number.
        final: Whether the trial has ended, so that no further observation of it follows.
    """

    trial_id: str
    config: Config
    resource: float
    loss: float
    final: bool

    @property
    def failed(self) -> bool:
        """Whether this is a crash or a metric that is no finite number."""
        return self.loss == FAILED


def check_mode(mode: str | None) -> Mode:
    """Return `mode` if it is one.

    Raises:
        ArgumentError: If it is anything else.
    """
    if mode == "min":
        return "min"
    if mode == "max":
        return "max"
    raise ArgumentError(f"`mode` is {mode!r}, but must be 'min' or 'max'")


def check_count(name: str, value: Any) -> int:
    """Return `value` if it is an integer of 1 or more.

    Raises:
        ArgumentError: If it is anything else; `name` is what the message calls it.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"`{name}` is {value!r}, but must be an integer of 1 or more")
    return value


def as_number(value: Any) -> float | None:
    """`value` as a float where it is a real number (numpy and torch scalars included), else None.

    NaN and infinities are numbers here. Booleans are not: a metric of True is nearly always a mistake.
    """
    if type(value) is float:  # nearly always
        return value
    if isinstance(value, bool) or value is None or isinstance(value, (str, bytes)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def as_loss(value: Any, mode: Mode) -> float:
    """`value` of the metric as a loss: less is better, and whatever is no finite number is `FAILED`."""
    number = as_number(value)
    if number is None or not math.isfinite(number):
        return FAILED
    return number if mode == "min" else -number
