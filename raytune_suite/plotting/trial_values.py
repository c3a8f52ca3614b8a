"""What several figures need about trials: the values of their parameters, and their loss at one fidelity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.importance import judged_fidelities, study_importance
from raytune_suite.importance.study import flat_values, losses_at
from raytune_suite.plotting.scales import HUGE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from raytune_suite.plotting.scales import Floats
    from raytune_suite.plotting.study_data import StudyData
    from raytune_suite.spaces import Space
    from raytune_suite.spaces.parameters import Parameter

MOST_PARAMETERS = 8
"""The most parameters in one figure: the most important ones."""

REPETITIONS = 50
"""Samples of the bootstrap behind the intervals of an importance."""

LABEL_LENGTH = 16
"""Characters of the label of a category."""

MOST_LABELS = 6
"""Categories with labels on an axis."""


@dataclass(frozen=True)
class TrialValues:
    """The trials of a study as arrays.

    Attributes:
        space: The search space.
        fidelity: The resource at which trials are compared; None if there is no finite report.
        values: The values of the parameters, of shape (trials, parameters): positions for choices, NaN for inactive.
        losses: The loss of each trial at the fidelity, of shape (trials,); NaN if it did not reach it.
        importance: `study_importance` at the fidelities with enough trials.
        order: The columns of `values`, the most important parameter first.
    """

    space: Space
    fidelity: float | None
    values: Floats
    losses: Floats
    importance: pd.DataFrame
    order: list[int]

    def ranks(self) -> Floats:
        """The rank of each trial among those that reached the fidelity, from 0 for the best to 1; else NaN."""
        return relative_ranks(self.losses)


def trial_values(study: StudyData) -> TrialValues:
    """The trials of a study as arrays."""
    values = flat_values(study.space, study.configs)
    fidelities = judged_fidelities(study.reports)
    losses = np.full(len(study.configs), np.nan)
    if fidelities:
        losses = losses_at(study.reports, len(study.configs), fidelities[-1], study.mode)
        losses[~(np.abs(losses) < HUGE)] = np.nan
    table = study_importance(
        study.space, study.configs, study.reports, study.mode, fidelities=fidelities, repetitions=REPETITIONS
    )
    last = table[table["fidelity"] == fidelities[-1]]["parameter"].tolist() if fidelities else []
    names = [*last, *(name for name in study.space.names if name not in last)]
    order = [study.space.names.index(name) for name in names]
    return TrialValues(study.space, fidelities[-1] if fidelities else None, values, losses, table, order)


def relative_ranks(losses: Floats) -> Floats:
    """The rank of each finite loss among them, from 0 for the best to 1 for the worst; NaN for the others.

    Example:
        >>> relative_ranks(np.array([5.0, np.nan, 1.0, 3.0])).tolist()
        [1.0, nan, 0.0, 0.5]
    """
    ranks = np.full(len(losses), np.nan)
    finite = np.flatnonzero(np.isfinite(losses))
    order = finite[np.argsort(losses[finite], kind="stable")]
    ranks[order] = np.linspace(0, 1, len(order)) if len(order) > 1 else 0.0
    return ranks


def unit_positions(parameter: Parameter, values: Floats) -> Floats:
    """Values of a parameter as positions on an axis from 0 to 1; NaN stays NaN."""
    if parameter.normal is not None:
        return np.array([np.nan if np.isnan(value) else parameter.scale.unit(value) for value in values])
    low, high = float(parameter.lower), float(parameter.upper)
    if parameter.log:
        values, low, high = np.log(values), np.log(low), np.log(high)
    positions: Floats = (values - low) / (high - low) if high > low else np.where(np.isnan(values), np.nan, 0.5)
    return positions


def tick_labels(parameter: Parameter) -> list[tuple[float, str]]:
    """Positions from 0 to 1 with labels, for the axis of a parameter: a few categories, or the ends and the middle."""
    if parameter.kind == "categorical":
        count = len(parameter.categories)
        step = max(1, -(-count // MOST_LABELS))
        return [
            (number / max(count - 1, 1) if count > 1 else 0.5, category_label(parameter.categories[number]))
            for number in range(0, count, step)
        ]
    units = (0.0, 0.5, 1.0)
    if parameter.normal is not None:
        return [(unit, f"{parameter.value(unit):.3g}") for unit in (0.05, 0.5, 0.95)]
    low, high = float(parameter.lower), float(parameter.upper)
    values = [
        np.exp((1 - unit) * np.log(low) + unit * np.log(high)) if parameter.log else low + unit * (high - low)
        for unit in units
    ]
    if parameter.kind == "integer":
        values = [float(round(value)) for value in values]
    positions = unit_positions(parameter, np.array(values))
    unique = dict(zip((f"{value:.3g}" for value in values), positions.tolist(), strict=True))
    return [(position, label) for label, position in unique.items()]


def category_label(option: Any) -> str:
    """A category as an axis shows it: of a dict, the first constant in it.

    Example:
        >>> category_label({"name": "sgd", "momentum": 0.9}), category_label("a category with a long name")
        ('sgd', 'a category with…')
    """
    if isinstance(option, dict):
        option = next((value for value in option.values() if isinstance(value, str | int | float)), option)
    text = str(option)
    return text if len(text) <= LABEL_LENGTH else f"{text[: LABEL_LENGTH - 1]}…"


def set_parameter_axis(axes: Axes, parameter: Parameter, along: str) -> None:
    """Make the x or the y axis that of a parameter, from 0 to 1."""
    axis, set_range = (axes.xaxis, axes.set_xlim) if along == "x" else (axes.yaxis, axes.set_ylim)
    ticks = tick_labels(parameter)
    axis.set_ticks([position for position, _ in ticks], [label for _, label in ticks])
    for label in axis.get_ticklabels():
        label.set_parse_math(False)
    set_range(-0.04, 1.04)
    (axes.set_xlabel if along == "x" else axes.set_ylabel)(short_name(parameter.name), parse_math=False)


def short_name(name: str, length: int = 24) -> str:
    """The name of a parameter without what comes before its last part, if it is long.

    Example:
        >>> short_name("optimizer[0]/momentum"), short_name("a/very/long/path/to/the/parameter")
        ('optimizer[0]/momentum', '…/parameter')
    """
    if len(name) <= length:
        return name
    last = name.rpartition("/")[2]
    return f"…/{last}" if last != name and len(last) < length else f"{name[: length - 1]}…"
