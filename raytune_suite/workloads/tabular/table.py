"""Tables: trainings that were done once and are looked up ever after, by the nearest config.

A method may ask for any config of the space; it gets the trainings of the row that is nearest to it, as in Syne Tune's
tabular blackboxes (D. Salinas et al., "Syne Tune: A Library for Large Scale Hyperparameter Tuning and Reproducible
Research", AutoML 2022, section 4). Distances are those of the unit cube of `raytune_suite.spaces`: log scales count as
logs. A choice stands for one coordinate per option, 1 at the chosen one and 0 elsewhere. A number that does not exist
counts as the middle of its range, a choice that does not exist as an equal share of each option. Of two rows equally
near it is the first.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raytune_suite.errors import ArgumentError, DataError
from raytune_suite.spaces import Space
from raytune_suite.types import Curve
from raytune_suite.workloads.base import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from raytune_suite.spaces import Parameter
    from raytune_suite.types import Config, Mode

    Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Table:
    """What trainings of n configs with s seeds reported at t resources.

    Attributes:
        space: The search space in Ray Tune's words.
        configs: The n configs, each a member of the space.
        metrics: By name, the reports, of shape (n, s, t). They are kept in their precision, float32 or float64, and can
            only be read; a curve has float64.
        seeds: The s training seeds.
        resource: The resource of each report, of shape (t,), rising.
        seconds: The time from the report before to this one, of shape (n, t) or (n, s, t).

    Raises:
        ArgumentError: If shapes do not fit each other.
        SpaceError: If a config is no member of the space.

    Example:
        >>> from ray import tune
        >>> loss = np.array([[[0.9, 0.5]], [[0.8, 0.7]]])
        >>> table = Table(
        ...     space={"lr": tune.loguniform(1e-4, 1)},
        ...     configs=({"lr": 0.001}, {"lr": 0.1}),
        ...     metrics={"loss": loss},
        ...     seeds=(0,),
        ...     resource=np.array([1.0, 2.0]),
        ...     seconds=np.ones((2, 2)),
        ... )
        >>> table.row({"lr": 0.009}), table.row({"lr": 0.011})
        (0, 1)
        >>> table.curve({"lr": 0.009}, seed=0).metrics["loss"]
        array([0.9, 0.5])
    """

    space: dict[str, Any]
    configs: Sequence[Config]
    metrics: Mapping[str, Floats]
    seeds: tuple[int, ...]
    resource: NDArray[np.float64]
    seconds: Floats
    _cube: _Cube = field(init=False)
    _rows: dict[tuple[float, ...], int] = field(init=False, default_factory=dict)
    _reports: Floats = field(init=False)
    _lifted: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "_cube", _Cube(self.space))
        units = [self._cube.units(config) for config in self.configs]
        for row, place in enumerate(units):
            self._rows.setdefault(tuple(place), row)
        points = np.array([self._cube.point(place) for place in units])
        # |x - q|^2 / 2 = |x|^2 / 2 - x q + |q|^2 / 2, whose last term is the same for all rows x
        points[:, -1] = -0.5 * (points[:, :-1] ** 2).sum(axis=1)
        object.__setattr__(self, "_lifted", np.ascontiguousarray(points.T))

    def row(self, config: Config) -> int:
        """The row of the nearest config; `config` may hold more than the space, such as a seed.

        Raises:
            SpaceError: If it is no config of the space.
        """
        units = self._cube.units(config)
        same = self._rows.get(tuple(units))
        if same is not None:
            return same
        return int((self._cube.point(units) @ self._lifted).argmax())

    def curve(self, config: Config, seed: int) -> Curve:
        """The training of the nearest config with this seed.

        Raises:
            SpaceError: If it is no config of the space.
            ArgumentError: If the table has no trainings with this seed.
        """
        row, at = self.row(config), self._at(seed)
        reports = self._reports[:, row, at].astype(np.float64)
        seconds = self.seconds[row] if self.seconds.ndim == 2 else self.seconds[row, at]  # noqa: PLR2004 - see `seconds`
        return Curve(
            self.resource, dict(zip(self.metrics, reports, strict=True)), np.asarray(seconds, dtype=np.float64)
        )

    def seconds_per_unit(self, config: Config) -> float:
        """The seconds of one unit of resource, on average over the whole trainings of the nearest config."""
        seconds = self.seconds[self.row(config)]
        return float(seconds.sum(axis=-1).mean()) / float(self.resource[-1])

    def last(self, metric: str, seeds: Sequence[int]) -> NDArray[np.float64]:
        """What a metric was at the highest resource, of shape (n, len(seeds))."""
        at = [self._at(seed) for seed in seeds]
        return self.metrics[metric][:, at, -1].astype(np.float64)

    def _at(self, seed: int) -> int:
        """The position of a seed."""
        try:
            return self.seeds.index(seed)
        except ValueError:
            raise ArgumentError(
                f"`seed` is {seed!r}, but the table has only trainings with the seeds {self.seeds}"
            ) from None

    def _check(self) -> None:
        """Refuse arrays that do not fit each other; the others are gathered, and kept from being written to."""
        count, seeds, reports = len(self.configs), len(self.seeds), len(self.resource)
        whole = (count, seeds, reports)
        if 0 in whole or not self.metrics:
            raise ArgumentError(f"a table has {whole} configs, seeds and reports, but needs some of each, and a metric")
        for name, values in self.metrics.items():
            if values.shape != whole:
                raise ArgumentError(f"`metrics[{name!r}]` has shape {values.shape}, but must have {whole}")
        if self.seconds.shape not in {whole, (count, reports)}:
            raise ArgumentError(f"`seconds` has shape {self.seconds.shape}, but must have {whole} or without the seeds")
        object.__setattr__(self, "_reports", np.stack(list(self.metrics.values())))
        for array in (self._reports, self.resource, self.seconds):
            array.setflags(write=False)
        object.__setattr__(self, "metrics", dict(zip(self.metrics, self._reports, strict=True)))


ABSENT = -1.0
"""Stands for the unit of a parameter that does not exist."""


class _Cube:
    """The points of the configs of a space, with one coordinate per number and one per option of a choice.

    Where no parameter is within another, each is read by a function of its own, several times faster than by `Space`.
    """

    def __init__(self, param_space: dict[str, Any]) -> None:
        self._keys = tuple(param_space)
        self._space = Space(param_space)
        parameters = self._space.parameters
        flat = all(p.name in param_space and p.condition is None and _plain(p) for p in parameters)
        self._readers = [(p.name, _category(p) if p.categories else _number(p)) for p in parameters] if flat else None
        self._options = [np.eye(len(p.categories)).tolist() for p in parameters]

    def units(self, config: Config) -> list[float]:
        """The units of all parameters; `ABSENT` for those that do not exist.

        Raises:
            SpaceError: If the config is no member.
        """
        if self._readers is not None:
            try:
                return [read(config[name]) for name, read in self._readers]
            except (KeyError, TypeError, ValueError):
                pass  # the compiled space says what is wrong
        known = {key: config[key] for key in self._keys if key in config}
        return [ABSENT if math.isnan(unit) else unit for unit in self._space.encode(known).tolist()]

    def point(self, units: list[float]) -> NDArray[np.float64]:
        """The coordinates of these units, and a 1 at the end."""
        if not any(self._options):
            return np.array([*units, 1.0])
        coordinates: list[float] = []
        for unit, options in zip(units, self._options, strict=True):
            if options:
                count = len(options)
                coordinates.extend([1 / count] * count if unit == ABSENT else options[int(unit * count)])
            else:
                coordinates.append(0.5 if unit == ABSENT else unit)
        return np.array([*coordinates, 1.0])


def _plain(parameter: Parameter) -> bool:
    """Whether it is a number, or a choice of values that Python can look up and that look like no others."""
    kinds = {type(category) for category in parameter.categories}
    return kinds in (set(), {str}, {bool}, {int}, {float})


def _number(parameter: Parameter) -> Callable[[Any], float]:
    within = _unit_of_integer if parameter.kind == "integer" else _unit_within
    return partial(within, parameter.lower, parameter.upper, parameter.scale.unit)


def _unit_within(low: float, high: float, unit: Callable[[float], float], value: Any) -> float:
    """The unit of a number between bounds; ValueError or TypeError else."""
    if low <= value <= high:
        return unit(value)
    raise ValueError


def _unit_of_integer(low: float, high: float, unit: Callable[[float], float], value: Any) -> float:
    """The unit of an integer between bounds; ValueError or TypeError else."""
    if low <= value <= high and value == int(value):
        return unit(value)
    raise ValueError


def _category(parameter: Parameter) -> Callable[[Any], float]:
    units = {category: parameter.scale.unit(position) for position, category in enumerate(parameter.categories)}
    return units.__getitem__


class Blocks(NamedTuple):
    """A long frame in arrays.

    Attributes:
        rows: The n values of the column that tells the configs apart.
        seeds: The s seeds, rising.
        resource: The t resources, rising.
        metrics: By name of a column, its values, of shape (n, s, t); NaN where the frame has no line.
    """

    rows: list[Hashable]
    seeds: tuple[int, ...]
    resource: NDArray[np.float64]
    metrics: dict[str, NDArray[np.float64]]


def blocks(frame: pd.DataFrame, *, row: str, seed: str, resource: str, metrics: Sequence[str]) -> Blocks:
    """Turn a frame with one line for each (config, seed, resource) into arrays.

    Args:
        frame: The lines, in any order.
        row: The column that tells the configs apart.
        seed: The column of the training seeds.
        resource: The column of the resources.
        metrics: The columns to turn.

    Raises:
        DataError: If two lines are about the same.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"run": [7, 7, 3], "seed": 0, "t": [2, 1, 1], "loss": [0.5, 0.9, 0.8]})
        >>> blocks(frame, row="run", seed="seed", resource="t", metrics=["loss"]).metrics["loss"].tolist()
        [[[0.8, nan]], [[0.9, 0.5]]]
    """
    if frame.duplicated([row, seed, resource]).any():
        raise DataError(f"two lines have the same {row}, {seed} and {resource}: they must not be given twice")
    places, known = [], []
    for column in (row, seed, resource):
        values, place = np.unique(frame[column].to_numpy(), return_inverse=True)
        places.append(place)
        known.append(values)
    arrays = {}
    for metric in metrics:
        arrays[metric] = np.full([len(values) for values in known], np.nan)
        arrays[metric][tuple(places)] = frame[metric].to_numpy(dtype=np.float64)
    rows, seeds, resources = known
    return Blocks(rows.tolist(), tuple(int(value) for value in seeds), resources.astype(np.float64), arrays)


def worst_seen(values: Floats, mode: Mode) -> float:
    """The worst finite number of an array: what a crashed training is scored as."""
    finite = values[np.isfinite(values)]
    return float(finite.max() if mode == "min" else finite.min())


def scored(values: Floats, mode: Mode) -> Floats:
    """`values` with the worst one seen in place of each that is missing or infinite, in the same precision."""
    return np.where(np.isfinite(values), values, np.asarray(worst_seen(values, mode), dtype=values.dtype))


def table_workload(
    table: Table,
    *,
    name: str,
    summary: str,
    metric: str,
    mode: Mode,
    tuning_seeds: tuple[int, ...],
    test_seeds: tuple[int, ...],
    cost: Callable[[Config], float] | None = None,
    min_t: int = 1,
) -> Workload:
    """The workload that a table is.

    Its `bounds` are those of the table itself, whose file has a checksum, and so are frozen with it: the best mean that
    a row has over the test seeds at the highest resource (over the tuning seeds where there are no test seeds), and the
    worst of these: one training that went wrong would stretch the scale until all configs look alike. A table of one
    training per config is all that there is: its best row is the `optimum`, and `exact` is what it says.

    Args:
        table: The table; its metrics hold `metric` without NaN.
        name: The workload's name.
        summary: One line about it.
        metric: What to tune by.
        mode: Whether less or more of it is better.
        tuning_seeds: Those that a method may see.
        test_seeds: Those that judge its choice.
        cost: The seconds of a unit of resource for a config; `table.seconds_per_unit` where it is None.
        min_t: The least resource to judge a config by.

    Raises:
        ArgumentError: If the table has not such a metric or seeds.
    """
    if metric not in table.metrics or not np.isfinite(table.metrics[metric]).all():
        raise ArgumentError(f"`metric` is {metric!r}, but the table must have finite numbers of it: {[*table.metrics]}")
    means = table.last(metric, test_seeds or tuning_seeds).mean(axis=1)
    best, worst = sorted((float(means.min()), float(means.max())), reverse=mode == "max")
    certain = len(table.seeds) == 1
    return Workload(
        name=name,
        summary=summary,
        curve=table.curve,
        space=copy.deepcopy(table.space),
        metric=metric,
        mode=mode,
        cost=cost or table.seconds_per_unit,
        min_t=min_t,
        max_t=int(table.resource[-1]),
        tuning_seeds=tuning_seeds,
        test_seeds=test_seeds,
        bounds=(best, worst),
        optimum=best if certain else None,
        exact=partial(_only_value, table, metric) if certain else None,
    )


def _only_value(table: Table, metric: str, config: Config) -> float:
    """The metric at the highest resource, where each config was trained once."""
    return float(table.metrics[metric][table.row(config), 0, -1])
