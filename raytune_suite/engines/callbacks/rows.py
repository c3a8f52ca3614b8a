"""A table that grows by rows: a sequence of named tuples whose numbers are stored as bytes, not as Python objects."""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, final, get_type_hints, overload

import numpy as np

Row = TypeVar("Row", bound=NamedTuple)

_CODES = {float: "d", int: "q", bool: "b"}
"""The codes of `array.array` by the type of a field; fields of other types are kept as they are."""


@final
class Rows(Sequence[Row], Generic[Row]):
    """A sequence of named tuples of one type, stored by columns.

    A row of numbers takes 8 bytes per number and 1 per boolean, an eighth of what a tuple takes. Strings are kept as
    they are: many rows with one string object store it once.

    Example:
        >>> class Point(NamedTuple):
        ...     number: int
        ...     value: float
        >>> points = Rows(Point, [Point(0, 0.5)])
        >>> points.append(Point(1, 0.25))
        >>> points[-1], len(points), points == [Point(0, 0.5), Point(1, 0.25)]
        (Point(number=1, value=0.25), 2, True)
        >>> points.column("value")
        array([0.5 , 0.25])
    """

    __hash__ = None  # type: ignore[assignment] # as a list
    __slots__ = ("_bools", "_columns", "_positions", "_row")

    def __init__(self, row: type[Row], rows: Iterable[Row] = ()) -> None:
        """A table of rows of the type `row`, at first with `rows`."""
        self._row = row
        self._columns: list[Any] = []
        self._positions = {name: position for position, name in enumerate(row._fields)}
        hints = get_type_hints(row)
        kinds = [hints[name] for name in row._fields]
        self._bools = tuple(position for position, kind in enumerate(kinds) if kind is bool)
        self._columns = [array.array(_CODES[kind]) if kind in _CODES else [] for kind in kinds]
        for each in rows:
            self.append(each)

    def __len__(self) -> int:
        return len(self._columns[0])

    @overload
    def __getitem__(self, position: int) -> Row: ...
    @overload
    def __getitem__(self, position: slice) -> list[Row]: ...
    def __getitem__(self, position: int | slice) -> Row | list[Row]:
        if isinstance(position, slice):
            return [self[index] for index in range(*position.indices(len(self)))]
        values = [column[position] for column in self._columns]
        for each in self._bools:
            values[each] = bool(values[each])
        return self._row._make(values)

    def __setitem__(self, position: int, row: Row) -> None:
        for column, value in zip(self._columns, row, strict=True):
            column[position] = value

    def __iter__(self) -> Iterator[Row]:
        columns = [
            map(bool, column) if position in self._bools else column for position, column in enumerate(self._columns)
        ]
        return map(self._row._make, zip(*columns, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rows | list):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return f"Rows({self._row.__name__}, {list(self)!r})"

    def append(self, row: Row) -> None:
        """Add a row at the end."""
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)

    def update(self, position: int, /, **values: Any) -> None:
        """Replace some values of a row."""
        for name, value in values.items():
            self._columns[self._positions[name]][position] = value

    def extend(self, columns: Mapping[str, Any]) -> None:
        """Add rows of numbers at the end, whose columns are arrays of numpy."""
        for name, column in zip(self._row._fields, self._columns, strict=True):
            column.frombytes(np.ascontiguousarray(columns[name], dtype=column.typecode).view(np.uint8))

    def view(self, name: str) -> Any:
        """A column of numbers as an array that shares its memory; while it exists, no row can be added."""
        position = self._positions[name]
        column = self._columns[position]
        return np.frombuffer(column, dtype=bool if position in self._bools else column.typecode)

    def column(self, name: str) -> Any:
        """A column: numbers as a new array of numpy, anything else as a list that must not be changed."""
        position = self._positions[name]
        column = self._columns[position]
        if not isinstance(column, array.array):
            return column
        return np.array(column, dtype=bool if position in self._bools else None)
