"""Configs as rows of an array, the input of the models.

A *point* has one entry per parameter: for a number its position in the unit interval, for a category the position of
its option, and NaN for an inactive parameter. A number with finitely many values lies at the middle of the cell of its
value, so that equal configs are equal points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from raytune_suite.spaces import Parameter, Space

Array: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

MOST_CELLS = 4096
"""The number of values above which a discrete number is treated as continuous."""

DIGITS = 9
"""The number of decimals of a point by which configs are compared."""


@dataclass(frozen=True, eq=False)
class Layout:
    """What the columns of an array of points mean.

    Attributes:
        options: The number of options of each column; 0 for a number. Of shape (dimensions,).
        parents: The column of the category on which each column depends; -1 if it is always active.
        conditions: The options of the parent at which each column is active; () if it is always active.
        cells: For each discrete number the positions of its values in the unit interval, in ascending order; None for
            a continuous number or a category.

    Example:
        >>> from ray import tune
        >>> from raytune_suite.spaces import Space
        >>> sgd = {"name": "sgd", "momentum": tune.uniform(0, 1)}
        >>> layout = Layout.of(Space({"optimizer": tune.choice([sgd, {"name": "adam"}]), "n": tune.randint(0, 2)}))
        >>> layout.points([[0.1, 0.5, 0.9], [0.9, 0.5, 0.1]])
        array([[0.  , 0.5 , 0.75],
               [1.  ,  nan, 0.25]])
    """

    options: Counts
    parents: Counts
    conditions: tuple[tuple[int, ...], ...]
    cells: tuple[Array | None, ...]

    @classmethod
    def of(cls, space: Space) -> Layout:
        """Describe the points of `space`."""
        parameters = space.parameters
        conditions = [parameter.condition for parameter in parameters]
        return cls(
            np.array([p.size or 0 if p.kind == "categorical" else 0 for p in parameters], dtype=np.int64),
            np.array([-1 if c is None else space.names.index(c.parent) for c in conditions], dtype=np.int64),
            tuple(() if c is None else c.options for c in conditions),
            tuple(_cells(parameter) for parameter in parameters),
        )

    def __len__(self) -> int:
        return len(self.options)

    @property
    def conditional(self) -> Mask:
        """Whether each column may be inactive, of shape (dimensions,)."""
        return np.asarray(self.parents >= 0)

    def snap(self, full: Array) -> Array:
        """Move the discrete numbers among points without NaN to the nearest value."""
        snapped = full.copy()
        for column, cells in enumerate(self.cells):
            if cells is not None:
                places = np.searchsorted((cells[1:] + cells[:-1]) / 2, full[:, column])
                snapped[:, column] = cells[places]
        return snapped

    def deactivate(self, points: Array) -> Array:
        """Set the entries of inactive parameters to NaN. A parent precedes its children."""
        active = points.copy()
        for column in np.flatnonzero(self.parents >= 0):
            chosen = active[:, [self.parents[column]]] == np.array(self.conditions[column])
            active[~chosen.any(axis=1), column] = np.nan
        return active

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Draw uniform values of all parameters, active or not, of shape (count, dimensions)."""
        return self.snap(self._positions(rng.random((count, len(self)))))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Draw uniform points, of shape (count, dimensions)."""
        return self.deactivate(self.draw(count, rng))

    def points(self, units: Array | list[list[float]]) -> Array:
        """Convert points of the unit cube (`Space.encode`), of shape (points, dimensions)."""
        return self.deactivate(self.snap(self._positions(np.asarray(units, dtype=np.float64))))

    def units(self, point: Array) -> Array:
        """Convert a point to one of the unit cube, for `Space.decode`."""
        return np.where(self.options > 0, (point + 0.5) / np.maximum(self.options, 1), point)

    def keys(self, points: Array) -> list[bytes]:
        """Return a hash key for each point, which is the same for equal configs."""
        rounded = np.round(np.nan_to_num(points, nan=-1.0), DIGITS) + 0.0  # no negative zeros
        return [row.tobytes() for row in rounded]

    def _positions(self, units: Array) -> Array:
        """Replace the unit values of categories by the positions of their options."""
        floors = np.minimum(np.floor(units * self.options), np.maximum(self.options - 1, 0))
        return np.where(self.options > 0, floors, units)


def _cells(parameter: Parameter) -> Array | None:
    """Return the positions of a discrete number's values in the unit interval; None if it counts as continuous."""
    indices = parameter.scale.indices
    if parameter.kind == "categorical" or indices is None or len(indices) > MOST_CELLS:
        return None
    return np.array([parameter.scale.unit(index * (parameter.q or 1)) for index in indices])
