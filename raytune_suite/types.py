"""Types shared by all layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from raytune_suite import validation

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

Config: TypeAlias = dict[str, Any]
"""One hyperparameter assignment: a (nested) dict of native Python values."""

Mode: TypeAlias = Literal["min", "max"]
"""The direction of the metric."""

FAILED = math.inf
"""The loss of a failed observation: a crash, or a metric that is not a finite number. It is worse than any other."""

DECISIONS = "decisions.parquet"
"""The file name of the decision log in a study's folder; it is written when the study ends."""

SEED = "seed"
"""The reserved key of a config that holds the training seed."""

FIDELITY = "fidelity"
"""The reserved key of a config under which a searcher that assigns fidelities (DEHB) stores how far to train the trial,
in units of `time_attr`. The scheduler ends the trial there; a trainable may read it, too."""


STOPPED_BY = "stopped_by"
"""The key that a stop rule adds to the last result of a trial that it ends: what the rule is called."""

ADDED_BY_RAY = frozenset(
    {
        "checkpoint_dir_name",
        "config",
        "date",
        "done",
        "episodes_total",
        "experiment_tag",
        "hostname",
        "iterations_since_restore",
        "node_ip",
        "pid",
        "should_checkpoint",
        "time_since_restore",
        "time_this_iter_s",
        "time_total_s",
        "timestamp",
        "timesteps_total",
        "training_iteration",
        "trial_id",
    }
)
"""Keys that Ray adds to each result."""


class Stage(NamedTuple):
    """One stage of a lineage: from the resource `start` on, the trial is trained with `config`."""

    start: float
    config: Config


class PromotionDecision(NamedTuple):
    """What a searcher that assigns fidelities decides about a paused trial.

    Attributes:
        trial_id: Ray's id of the trial.
        fidelity: The fidelity to which the trial is promoted; None to stop the trial.
    """

    trial_id: str
    fidelity: int | None


class SplitConfig(NamedTuple):
    """A config taken apart by `split_config`.

    Attributes:
        hyperparameters: The config without the reserved keys `SEED` and `FIDELITY`.
        seed: The training seed, as it is in the config; 0 if it has none.
        fidelity: The fidelity that a searcher assigned; None if it assigned none.
    """

    hyperparameters: Config
    seed: int
    fidelity: int | None


def split_config(config: Config) -> SplitConfig:
    """Separate the hyperparameters of `config` from the training seed and the assigned fidelity.

    Example:
        >>> split_config({"lr": 0.1, "seed": 3, "fidelity": 9})
        SplitConfig(hyperparameters={'lr': 0.1}, seed=3, fidelity=9)
        >>> split_config({"lr": 0.1})
        SplitConfig(hyperparameters={'lr': 0.1}, seed=0, fidelity=None)
    """
    own = {key: value for key, value in config.items() if key not in (SEED, FIDELITY)}
    return SplitConfig(own, config.get(SEED, 0), config.get(FIDELITY))


@dataclass(frozen=True)
class Objective:
    """What a study optimizes, and how it measures training.

    Attributes:
        metric: The name of the reported value to optimize.
        mode: "min" or "max".
        time_attr: The reported value that measures the resource.
        max_t: The maximum resource of a trial, in units of `time_attr`; None if trials end by themselves.
    """

    metric: str
    mode: Mode
    time_attr: str = "training_iteration"
    max_t: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The learning curve of a whole training, looked up in a table or predicted by a surrogate.

    Attributes:
        resource: The value of the study's `time_attr` at each report, of shape (reports,), increasing.
        metrics: The reported values by name, each of shape (reports,).
        seconds: The training time between the previous report and this one, of shape (reports,).
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
        resource: How far the trial was trained, in units of the study's `time_attr`. For a multi-fidelity searcher,
            the level to which the observation belongs: the highest level that the trial has reached, or the next one
            above if it ended or crashed on the way there.
        loss: The metric, negated if it is maximized; `FAILED` if the trial crashed or reported no finite number.
        final: Whether the trial has ended, so that no further observation of it follows.
    """

    trial_id: str
    config: Config
    resource: float
    loss: float
    final: bool

    @property
    def failed(self) -> bool:
        """Whether the trial crashed or the metric is not a finite number."""
        return self.loss == FAILED


class KnownTrial(NamedTuple):
    """A trial that a searcher learns from without having proposed it.

    Attributes:
        name: A name that no other trial has.
        config: A config of the searcher's space.
        reports: The resource and the loss of each of its reports, in order.
        ended: Whether it has ended.
    """

    name: str
    config: Config
    reports: list[tuple[float, float]]
    ended: bool

    def loss_at(self, level: float) -> float | None:
        """The loss of the first report at this resource or above it; None if there is none.

        Example:
            >>> KnownTrial("a", {}, [(1, 0.5), (4, 0.2)], ended=True).loss_at(3)
            0.2
        """
        return next((loss for resource, loss in self.reports if resource >= level), None)


_MODES: dict[str, Mode] = {"min": "min", "max": "max"}
MODE = validation.one_of(*_MODES)
COUNT = validation.integer(1)


def check_mode(mode: str | None) -> Mode:
    """Return `mode` if it is "min" or "max".

    Raises:
        ArgumentError: If it is anything else.
    """
    known = _MODES.get(mode) if isinstance(mode, str) else None
    checked: Mode = known or MODE.check("mode", mode)
    return checked


def check_count(name: str, value: Any) -> int:
    """Return `value` as an int if it is an integer of at least 1.

    Raises:
        ArgumentError: If it is anything else; the message calls it `name`.
    """
    return int(COUNT.check(name, value))


def as_number(value: Any) -> float | None:
    """Convert a real number (numpy and torch scalars included) to a float; return None for anything else.

    NaN and infinities count as numbers. Booleans do not: a metric of True is nearly always a mistake.
    """
    if type(value) is float:  # the common case
        return value
    if type(value) is not int and (isinstance(value, bool | str | bytes) or value is None):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def as_resource(value: Any) -> float | None:
    """Convert a value of `time_attr` to a float; None for anything that is not a number, and for NaN."""
    number = as_number(value)
    return None if number is None or math.isnan(number) else number


def as_loss(value: Any, mode: Mode) -> float:
    """Convert a value of the metric to a loss to be minimized; anything but a finite number becomes `FAILED`."""
    number = as_number(value)
    if number is None or not math.isfinite(number):
        return FAILED
    return number if mode == "min" else -number
