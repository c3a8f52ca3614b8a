"""Tables of trainings that were run once, and are looked up by the nearest config.

A method may propose any config of the space, and gets the training of the row that is nearest to it, as in Syne Tune's
tabular blackboxes (D. Salinas et al., "Syne Tune: A Library for Large Scale Hyperparameter Tuning and Reproducible
Research", AutoML 2022, section 4). Distances are measured in the unit cube of `raytune_suite.spaces`, so log scales are
respected. Choices are one-hot encoded. An inactive number counts as the middle of its range, and an inactive choice as
an equal share of each option. Of equally near rows, the first is used.
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
    """The reports of trainings of n configs with s seeds at t resources.

    Attributes:
        space: The search space as a dict of Ray Tune domains.
        configs: The n configs, each in the space.
        metrics: The reports by name of the metric, of shape (n, s, t). They keep their precision, float32 or float64,
            and are read-only; the values of a curve are float64.
        seeds: The s training seeds.
        resource: The resource of each report, of shape (t,), increasing.
        seconds: The time between the previous report and this one, of shape (n, t) or (n, s, t).

    Raises:
        ArgumentError: If the shapes do not match.
        SpaceError: If a config is not in the space.

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
        """Return the row of the nearest config; `config` may have other entries, such as a seed, too.

        Raises:
            SpaceError: If it is not a config of the space.
        """
        units = self._cube.units(config)
        exact = self._rows.get(tuple(units))
        if exact is not None:
            return exact
        return int((self._cube.point(units) @ self._lifted).argmax())

    def curve(self, config: Config, seed: int) -> Curve:
        """Return the training of the nearest config with this seed.

        Raises:
            SpaceError: If it is not a config of the space.
            ArgumentError: If the table has no trainings with this seed.
        """
        row, at = self.row(config), self._at(seed)
        reports = self._reports[:, row, at].astype(np.float64)
        seconds = self.seconds[row] if self.seconds.ndim == 2 else self.seconds[row, at]  # noqa: PLR2004 - see `seconds`
        return Curve(
            self.resource, dict(zip(self.metrics, reports, strict=True)), np.asarray(seconds, dtype=np.float64)
        )

    def seconds_per_unit(self, config: Config) -> float:
        """Return the seconds of one unit of resource, on average over the trainings of the nearest config."""
        seconds = self.seconds[self.row(config)]
        return float(seconds.sum(axis=-1).mean()) / float(self.resource[-1])

    def last(self, metric: str, seeds: Sequence[int]) -> NDArray[np.float64]:
        """Return the values of a metric at the highest resource, of shape (n, len(seeds))."""
        at = [self._at(seed) for seed in seeds]
        return self.metrics[metric][:, at, -1].astype(np.float64)

    def _at(self, seed: int) -> int:
        """Return the position of a seed."""
        try:
            return self.seeds.index(seed)
        except ValueError:
            raise ArgumentError(
                f"`seed` is {seed!r}, but must be one of {self.seeds}, the seeds of the trainings in the table"
            ) from None

    def _check(self) -> None:
        """Check that the shapes match, stack the metrics, and make all arrays read-only."""
        count, seeds, reports = len(self.configs), len(self.seeds), len(self.resource)
        shape = (count, seeds, reports)
        if 0 in shape or not self.metrics:
            raise ArgumentError(
                f"the table has {shape} configs, seeds and reports and {len(self.metrics)} metrics, but must have at "
                "least one of each"
            )
        for name, values in self.metrics.items():
            if values.shape != shape:
                raise ArgumentError(f"`metrics[{name!r}]` has shape {values.shape}, but must have {shape}")
        if self.seconds.shape not in {shape, (count, reports)}:
            raise ArgumentError(
                f"`seconds` has shape {self.seconds.shape}, but must have {shape} or {(count, reports)}"
            )
        object.__setattr__(self, "_reports", np.stack(list(self.metrics.values())))
        for array in (self._reports, self.resource, self.seconds):
            array.setflags(write=False)
        object.__setattr__(self, "metrics", dict(zip(self.metrics, self._reports, strict=True)))


ABSENT = -1.0
"""The unit of an inactive parameter."""


class _Cube:
    """The encoding of configs as points with one coordinate per number and one per option of a choice.

    If the space is flat, each parameter is read by a specialized function, which is several times faster than `Space`.
    """

    def __init__(self, param_space: dict[str, Any]) -> None:
        self._keys = tuple(param_space)
        self._space = Space.of(param_space)
        parameters = self._space.parameters
        flat = all(p.name in param_space and p.condition is None and _plain(p) for p in parameters)
        self._readers = [(p.name, _category(p) if p.categories else _number(p)) for p in parameters] if flat else None
        self._options = [np.eye(len(p.categories)).tolist() for p in parameters]

    def units(self, config: Config) -> list[float]:
        """Return the units of all parameters; `ABSENT` for inactive ones.

        Raises:
            SpaceError: If `config` is not in the space.
        """
        if self._readers is not None:
            try:
                return [read(config[name]) for name, read in self._readers]
            except (KeyError, TypeError, ValueError):
                pass  # the compiled space raises an error that says what is wrong
        known = {key: config[key] for key in self._keys if key in config}
        return [ABSENT if math.isnan(unit) else unit for unit in self._space.encode(known).tolist()]

    def point(self, units: list[float]) -> NDArray[np.float64]:
        """Return the coordinates for these units, followed by a 1."""
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
    """Whether it is a number, or a choice among values of one type that can be looked up in a dict."""
    kinds = {type(category) for category in parameter.categories}
    return kinds in (set(), {str}, {bool}, {int}, {float})


def _number(parameter: Parameter) -> Callable[[Any], float]:
    within = _unit_of_integer if parameter.kind == "integer" else _unit_within
    return partial(within, parameter.lower, parameter.upper, parameter.scale.unit)


def _unit_within(low: float, high: float, unit: Callable[[float], float], value: Any) -> float:
    """Return the unit of a number within the bounds; raise ValueError or TypeError for anything else."""
    if low <= value <= high:
        return unit(value)
    raise ValueError


def _unit_of_integer(low: float, high: float, unit: Callable[[float], float], value: Any) -> float:
    """Return the unit of an integer within the bounds; raise ValueError or TypeError for anything else."""
    if low <= value <= high and value == int(value):
        return unit(value)
    raise ValueError


def _category(parameter: Parameter) -> Callable[[Any], float]:
    units = {category: parameter.scale.unit(position) for position, category in enumerate(parameter.categories)}
    return units.__getitem__


class Blocks(NamedTuple):
    """A frame in long format, converted to arrays.

    Attributes:
        rows: The n values of the column that identifies the configs, increasing.
        seeds: The s seeds, increasing.
        resource: The t resources, increasing.
        metrics: The values of each metric by name of its column, of shape (n, s, t); NaN if the frame has no row.
    """

    rows: list[Hashable]
    seeds: tuple[int, ...]
    resource: NDArray[np.float64]
    metrics: dict[str, NDArray[np.float64]]


def blocks(frame: pd.DataFrame, *, row: str, seed: str, resource: str, metrics: Sequence[str]) -> Blocks:
    """Convert a frame with one row for each (config, seed, resource) to arrays.

    Args:
        frame: The rows, in any order.
        row: The column that identifies the configs.
        seed: The column of the training seeds.
        resource: The column of the resources.
        metrics: The columns of the metrics.

    Raises:
        DataError: If two rows have the same config, seed and resource.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"run": [7, 7, 3], "seed": 0, "t": [2, 1, 1], "loss": [0.5, 0.9, 0.8]})
        >>> blocks(frame, row="run", seed="seed", resource="t", metrics=["loss"]).metrics["loss"].tolist()
        [[[0.8, nan]], [[0.9, 0.5]]]
    """
    if frame.duplicated([row, seed, resource]).any():
        raise DataError(f"two rows have the same {row}, {seed} and {resource}: remove one of them")
    indices, known = [], []
    for column in (row, seed, resource):
        values, index = np.unique(frame[column].to_numpy(), return_inverse=True)
        indices.append(index)
        known.append(values)
    arrays = {}
    for metric in metrics:
        arrays[metric] = np.full([len(values) for values in known], np.nan)
        arrays[metric][tuple(indices)] = frame[metric].to_numpy(dtype=np.float64)
    rows, seeds, resources = known
    return Blocks(rows.tolist(), tuple(int(value) for value in seeds), resources.astype(np.float64), arrays)


def worst_finite(values: Floats, mode: Mode) -> float:
    """Return the worst finite number of an array, which stands for the result of a crashed training."""
    finite = values[np.isfinite(values)]
    return float(finite.max() if mode == "min" else finite.min())


def replace_nonfinite(values: Floats, mode: Mode) -> Floats:
    """Replace NaN and infinite values by the worst finite one, in the same precision."""
    return np.where(np.isfinite(values), values, np.asarray(worst_finite(values, mode), dtype=values.dtype))


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
    """Create the workload of a table.

    Its `bounds` are frozen with the table, whose file has a checksum: the best and the worst of the rows' means over
    the test seeds (the tuning seeds if there are no test seeds) at the highest resource. Means are used because the
    worst single training, which may have diverged, would stretch the scale until all configs look equal. If the table
    has one training per config, its best row is the `optimum`, and `exact` looks up the nearest row.

    Args:
        table: The table; its metrics include `metric` without NaN.
        name: The name of the workload.
        summary: One line that describes it.
        metric: The metric to optimize.
        mode: Whether the metric is minimized or maximized.
        tuning_seeds: The training seeds that a method may see.
        test_seeds: The training seeds that evaluate its choice.
        cost: A function from a config to the seconds of a unit of resource; by default `table.seconds_per_unit`.
        min_t: The least resource at which a method should evaluate a config.

    Raises:
        ArgumentError: If the table lacks the metric or a seed.
    """
    if metric not in table.metrics or not np.isfinite(table.metrics[metric]).all():
        raise ArgumentError(
            f"`metric` is {metric!r}, but must be one of {[*table.metrics]} and have only finite values"
        )
    means = table.last(metric, test_seeds or tuning_seeds).mean(axis=1)
    best, worst = sorted((float(means.min()), float(means.max())), reverse=mode == "max")
    single = len(table.seeds) == 1
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
        optimum=best if single else None,
        exact=partial(_only_value, table, metric) if single else None,
    )


def _only_value(table: Table, metric: str, config: Config) -> float:
    """Return the metric at the highest resource of a table with one training per config."""
    return float(table.metrics[metric][table.row(config), 0, -1])
