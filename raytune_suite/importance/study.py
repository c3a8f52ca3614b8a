"""The importance of the hyperparameters in a study, at one fidelity or at several."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from raytune_suite import seeding
from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.importance.ped_anova import INACTIVE, ParameterCells, bootstrap, importances
from raytune_suite.types import FIDELITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raytune_suite.spaces import Space
    from raytune_suite.spaces.parameters import Parameter
    from raytune_suite.types import Config, Mode

GRID = 50
"""The most cells of a numerical parameter, as in the paper's implementation."""

ENOUGH = 20
"""Trials from which a fidelity is judged."""

MOST_FIDELITIES = 6
"""The most fidelities that are judged; of more, those in a geometric sequence are chosen."""

INTERVAL = (0.05, 0.95)
"""The quantiles of the bootstrap between which an importance is reported."""


def study_importance(
    space: Space,
    configs: Sequence[Config],
    reports: pd.DataFrame,
    mode: Mode,
    *,
    fidelities: Sequence[float],
    quantile: float = 0.1,
    repetitions: int = 100,
    seed: int = 0,
) -> pd.DataFrame:
    """The importance of each parameter at each of these fidelities.

    Args:
        space: The space.
        configs: The config of each trial, by its number.
        reports: One row per report: trial, resource, value.
        mode: "min" or "max".
        fidelities: The resources at which trials are compared: all that were trained that far, by their last value up
            to there.
        quantile: The share of configs that count as the best.
        repetitions: Samples of the bootstrap.
        seed: Seeds the bootstrap.

    Returns:
        One row per fidelity and parameter, in this order and the most important first: fidelity, parameter, importance
        (they sum to 1 at each fidelity), low and high (90 % of the bootstrap samples), trials (in which it is active).

    Raises:
        ArgumentError: If an argument is out of range.
    """
    if not 0.0 < quantile < 1.0:
        raise ArgumentError.invalid("quantile", quantile, "a number between 0 and 1")
    vectors = flat_values(space, configs)
    parameters = [cells(parameter, vectors[:, column]) for column, parameter in enumerate(space.parameters)]
    tables = []
    for fidelity in fidelities:
        losses = losses_at(reports, len(configs), fidelity, mode)
        usable = np.isfinite(losses) & np.isfinite(vectors).any(axis=1)
        judged = [ParameterCells(one.cells[usable], one.size, one.categorical) for one in parameters]
        if usable.sum() < 2:  # noqa: PLR2004 - nothing to compare
            continue
        shares = importances(judged, losses[usable], quantile)
        rng = seeding.stream(seed, "importance", f"{fidelity:g}")
        samples = bootstrap(judged, losses[usable], quantile, repetitions, rng)
        low, high = np.quantile(samples, INTERVAL, axis=0) if repetitions else (shares, shares)
        table = pd.DataFrame(
            {
                "fidelity": float(fidelity),
                "parameter": space.names,
                "importance": shares,
                "low": np.minimum(low, shares),
                "high": np.maximum(high, shares),
                "trials": [int((one.cells != INACTIVE).sum()) for one in judged],
            }
        )
        tables.append(table.sort_values("importance", ascending=False, kind="stable", ignore_index=True))
    columns = ["fidelity", "parameter", "importance", "low", "high", "trials"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def judged_fidelities(reports: pd.DataFrame) -> list[float]:
    """The resources at which enough trials can be compared, increasing; one if no resource has enough trials."""
    finite = reports[np.isfinite(reports["value"].to_numpy(dtype=float))]
    if finite.empty:
        return []
    ends = finite.groupby("trial")["resource"].max().to_numpy(dtype=float)
    levels = np.unique(ends)
    if len(levels) > MOST_FIDELITIES:  # no rungs, or many: as in a ladder with a factor of 3
        steps = float(levels[-1]) / 3.0 ** np.arange(MOST_FIDELITIES)
        levels = np.unique([levels[np.searchsorted(levels, step)] for step in steps if step >= levels[0]])
    reached = [int((ends >= level).sum()) for level in levels]
    enough = [float(level) for level, count in zip(levels, reached, strict=True) if count >= ENOUGH]
    return enough or [float(levels[0])]


def losses_at(reports: pd.DataFrame, trials: int, fidelity: float, mode: Mode) -> NDArray[np.float64]:
    """The loss of each trial at a fidelity, of shape (trials,): its last value up to there; NaN if it ended before."""
    losses = np.full(trials, math.nan)
    resource = reports["resource"].to_numpy(dtype=float)
    trial = reports["trial"].to_numpy(dtype=int)
    reached = np.zeros(trials, dtype=bool)
    reached[trial[resource >= fidelity]] = True
    below = resource <= fidelity
    values = reports["value"].to_numpy(dtype=float)[below]
    losses[trial[below]] = values if mode == "min" else -values  # the last assignment stays
    losses[~reached] = math.nan
    return losses


def flat_values(space: Space, configs: Sequence[Config]) -> NDArray[np.float64]:
    """The values of all configs, of shape (configs, parameters): positions for choices, NaN for inactive ones.

    The row of a config that is not in the space is NaN; a population method may leave the space.
    """
    values = np.full((len(configs), len(space)), math.nan)
    for row, config in zip(values, configs, strict=True):
        flat = flat_config(space, config)
        row[:] = [flat.get(name, math.nan) for name in space.names]
    return values


def flat_config(space: Space, config: Config) -> dict[str, Any]:
    """The active parameters of a trial's config by name; empty if it is not in the space."""
    if FIDELITY in config and FIDELITY not in space.param_space:
        config = {name: value for name, value in config.items() if name != FIDELITY}
    try:
        return space.flatten(config)
    except SpaceError:
        return {}


def cells(parameter: Parameter, values: NDArray[np.float64]) -> ParameterCells:
    """One parameter on a grid, from its values as `flat_values` has them."""
    if parameter.kind == "categorical":
        return _cells(values, parameter.size or 1, categorical=True)
    size = parameter.size
    if parameter.normal is not None:
        units = np.array([math.nan if math.isnan(value) else parameter.scale.unit(value) for value in values])
        return _cells(units * (GRID - 1), GRID)
    low, high = float(parameter.lower), float(parameter.upper)
    if parameter.log:
        steps = GRID if size is None or parameter.kind == "float" else math.ceil(math.log2(size)) + 1
        values, low, high = np.log(values), math.log(low), math.log(high)
    else:
        steps = GRID if size is None else size
    steps = min(steps, GRID)
    if high <= low or steps < 2:  # noqa: PLR2004 - one value
        return _cells(np.where(np.isnan(values), math.nan, 0.0), 1)
    return _cells((values - low) / ((high - low) / (steps - 1)), steps)


def _cells(positions: NDArray[np.float64], size: int, *, categorical: bool = False) -> ParameterCells:
    active = np.isfinite(positions)
    nearest = np.clip(np.ceil(np.where(active, positions, 0.0) - 0.5), 0, size - 1)
    return ParameterCells(np.where(active, nearest, INACTIVE).astype(np.int64), size, categorical)
