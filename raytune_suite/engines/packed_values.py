"""Many small values in one block of bytes, and sequences of items that are stored so."""

from __future__ import annotations

import array
import marshal
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar, final, overload

if TYPE_CHECKING:
    from collections.abc import Collection

_Item = TypeVar("_Item")

_NOT_PACKED = -1

_PLAIN = frozenset({bool, int, float, str, type(None)})
_STRINGS = frozenset({str})


@final
class PackedValues:
    """Plain values in one block of bytes, since 100,000 Python objects take three times the memory of their content.

    A pickler writes the block as a whole, and does not keep an entry for each value.

    Example:
        >>> values = PackedValues()
        >>> first, second = values.add({"x": 0.5}), values.add([1, "a"])
        >>> values.read(first), values.read(second)
        ({'x': 0.5}, [1, 'a'])
    """

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        """No value yet."""
        self._bytes = bytearray()

    def add(self, value: Any) -> int:
        """Store a value for which `is_plain` is true; returns where."""
        start = len(self._bytes)
        self._bytes += marshal.dumps(value)
        return start

    def read(self, start: int) -> Any:
        """A copy of the value that was stored there."""
        with memoryview(self._bytes) as view:
            return marshal.loads(view[start:])  # noqa: S302 - written by `add`; what follows is ignored


def is_plain(value: Any) -> bool:
    """Whether a value consists of what `PackedValues` restores exactly: numbers, strings, dicts, lists, tuples."""
    if type(value) in _PLAIN:
        return True
    if type(value) is dict:
        return _STRINGS.issuperset(map(type, value)) and _all_plain(value.values())
    return type(value) in (list, tuple) and _all_plain(value)


def _all_plain(values: Collection[Any]) -> bool:
    return _PLAIN.issuperset(map(type, values)) or all(map(is_plain, values))


class PackedSequence(Sequence[_Item]):
    """Items of which some are packed; one of these is created again at each use, so that changes of it are lost."""

    def __init__(self) -> None:
        """No item yet."""
        self._starts = array.array("q")  # where each item is packed, or `_NOT_PACKED`
        self._others: dict[int, _Item] = {}  # those that are not packed, by position

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, position: int) -> _Item: ...
    @overload
    def __getitem__(self, position: slice) -> list[_Item]: ...
    def __getitem__(self, position: int | slice) -> _Item | list[_Item]:
        if isinstance(position, slice):
            return [self[index] for index in range(*position.indices(len(self)))]
        start = self._starts[position]
        return self._others[position % len(self)] if start == _NOT_PACKED else self._unpacked(start)

    def append(self, item: _Item) -> None:
        """Add an item at the end."""
        self._others[len(self)] = item
        self._starts.append(_NOT_PACKED)

    @abstractmethod
    def _unpacked(self, start: int) -> _Item:
        """The item that was packed there."""
