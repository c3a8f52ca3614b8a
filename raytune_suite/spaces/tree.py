"""The tree into which a search space is compiled: it reads a config into a flat list, and builds a config from one.

A flat list has one entry per parameter: its value, for a choice the position of the option, or None if the parameter is
inactive.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

from raytune_suite.errors import SpaceError, near
from raytune_suite.spaces.parameters import listed
from raytune_suite.spaces.values import fresh, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from raytune_suite.spaces.parameters import Parameter

Flat: TypeAlias = list[Any]

_PLAIN = frozenset({str, bool, int, float, type(None)})


class Node(ABC):
    """One part of the space. Its members are the values that the part may take in a config.

    Attributes:
        path: The path of the part in the config, in the format of `Parameter.name`.
        fixed: Whether it contains no parameter.
    """

    path: str
    fixed: bool

    @abstractmethod
    def build(self, flat: Flat) -> Any:
        """Build this part of the config from `flat`, with new dicts and lists and native values."""

    @abstractmethod
    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:
        """Write the values of the parameters in `value` into `flat`; unless `strict`, constants may be missing.

        Raises:
            SpaceError: If `value` is not a member.
        """

    def read_part(self, value: Any, flat: Flat) -> None:
        """Write the values of the parameters in a part of a member into `flat`; entries of others are kept.

        Raises:
            SpaceError: If `value` is not part of a member.
        """
        self.read(value, flat, strict=True)

    @abstractmethod
    def matches(self, value: Any) -> bool:
        """Whether `value` is a member."""

    @abstractmethod
    def assignments(self, flat: Flat) -> Iterator[None]:
        """Iterate over all members, writing each into `flat`."""

    @abstractmethod
    def count(self) -> int:
        """Count the members.

        Raises:
            SpaceError: If there are infinitely many.
        """


class ConstantNode(Node):
    """A value that never changes."""

    fixed = True

    def __init__(self, path: str, value: Any) -> None:
        self.path, self.value = path, value

    def build(self, flat: Flat) -> Any:  # noqa: ARG002 - a constant has no entry
        """Return the value; dicts and lists are copied, so that a trainable may change them."""
        return fresh(self.value)

    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:  # noqa: ARG002 - a constant has no entry
        """Check that `value` is the constant."""
        if not same(value, self.value):
            raise SpaceError(f"{self.path!r} is {value!r}, but must be {self.value!r}, a constant of this space")

    def matches(self, value: Any) -> bool:
        """Whether `value` is the constant."""
        return same(value, self.value)

    def assignments(self, flat: Flat) -> Iterator[None]:  # noqa: ARG002 - a constant has no entry
        """Yield once."""
        yield

    def count(self) -> int:
        """Return 1."""
        return 1


class NumberNode(Node):
    """A numeric parameter."""

    fixed = False

    def __init__(self, slot: int, parameter: Parameter) -> None:
        self.path, self.slot, self.parameter = parameter.name, slot, parameter

    def build(self, flat: Flat) -> Any:
        """Return the entry of this parameter."""
        value = flat[self.slot]
        if value is None:
            raise SpaceError(
                f"parameter {self.path!r} is active, but has no value: it must be {self.parameter.allowed}"
            )
        return value

    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:  # noqa: ARG002 - a parameter may never be missing
        """Write the value as a native number."""
        flat[self.slot] = self.parameter.accept(value)

    def matches(self, value: Any) -> bool:
        """Whether `value` is within the bounds, and a multiple of the step if the parameter is quantized."""
        return self.parameter.scale.accept(value) is not None

    def assignments(self, flat: Flat) -> Iterator[None]:
        """Iterate over all values in increasing order."""
        self.count()
        for index in self.parameter.scale.indices or ():
            flat[self.slot] = index * (self.parameter.q or 1)
            yield

    def count(self) -> int:
        """Count the values."""
        if self.parameter.size is None:
            raise SpaceError(
                f"parameter {self.path!r} has infinitely many values, which a grid cannot contain: "
                "quantize it between bounds (e.g. tune.quniform), or list its values in tune.grid_search([...])"
            )
        return self.parameter.size


class DictNode(Node):
    """A dict, each of whose entries is a node."""

    def __init__(self, path: str, children: Mapping[str, Node]) -> None:
        self.path, self.children = path, children
        self.fixed = all(child.fixed for child in children.values())
        self._items = tuple(children.items())

    def build(self, flat: Flat) -> Any:
        """Build a dict of all entries."""
        return {key: child.build(flat) for key, child in self._items}

    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:
        """Read all entries; no key may be missing or unknown."""
        if not isinstance(value, dict):
            where = repr(self.path) if self.path else "the config"
            raise SpaceError(f"{where} is {value!r}, but must be a dict with the keys {listed(tuple(self.children))}")
        for key, child in self._items:
            if key in value:
                child.read(value[key], flat, strict=strict)
            elif strict or not child.fixed:
                raise SpaceError(f"{child.path!r} is missing: it must be {_allowed(child)}")
        self._check_keys(value)

    def read_part(self, value: Any, flat: Flat) -> None:
        """Read the entries that there are."""
        if not isinstance(value, dict):
            self.read(value, flat, strict=False)  # raises
        self._check_keys(value)
        for key, child in self._items:
            if key in value:
                child.read_part(value[key], flat)

    def _check_keys(self, value: dict[str, Any]) -> None:
        for key in value:
            if key not in self.children:
                where = f" in {self.path!r}" if self.path else ""
                raise SpaceError(f"unknown key {key!r}{where}{near(str(key), self.children)}")

    def matches(self, value: Any) -> bool:
        """Whether `value` is a dict with exactly these keys, and all its values are members."""
        if not isinstance(value, dict) or value.keys() != self.children.keys():
            return False
        return all(child.matches(value[key]) for key, child in self._items)

    def assignments(self, flat: Flat) -> Iterator[None]:
        """Iterate over the Cartesian product, with the last entry varying fastest."""
        return _product(tuple(self.children.values()), flat)

    def count(self) -> int:
        """Multiply the counts of the entries."""
        total = 1
        for child in self.children.values():
            total *= child.count()
        return total

    def has_constants(self, value: Any) -> bool:
        """Whether `value` has all constants of this dict, so that the user probably meant this option."""
        constants = [(key, child) for key, child in self._items if isinstance(child, ConstantNode)]
        return isinstance(value, dict) and all(key in value and child.matches(value[key]) for key, child in constants)


class ChoiceNode(Node):
    """A categorical parameter; an option may contain parameters, which are active only if it is chosen."""

    fixed = False

    def __init__(self, slot: int, parameter: Parameter, options: tuple[Node, ...]) -> None:
        self.path, self.slot, self.parameter, self.options = parameter.name, slot, parameter, options
        self._lookup: dict[tuple[bool, Any], int] = {}
        others: list[int] = []  # positions that are not in the lookup
        for position, option in enumerate(options):
            if isinstance(option, ConstantNode) and type(option.value) in _PLAIN and not _is_nan(option.value):
                equal = self._lookup.setdefault(_key(option.value), position)
                candidates = [*others, *([equal] if equal != position else [])]
            else:
                candidates = list(range(position))
                others.append(position)
            for candidate in candidates:
                if overlap(option, options[candidate]):
                    raise SpaceError(self._overlap_message(candidate, position))

    def _overlap_message(self, first: int, second: int) -> str:
        """Say that a config does not show which of two options was chosen."""
        pair = listed((self.parameter.categories[first], self.parameter.categories[second]))
        return (
            f"options {first} and {second} of {self.path!r} cannot be distinguished in a config ({pair}): "
            "remove one, or make each a dict with a constant that differs, e.g. {'name': 'sgd', ...}"
        )

    def build(self, flat: Flat) -> Any:
        """Build the chosen option."""
        position = flat[self.slot]
        if position is None:
            raise SpaceError(
                f"parameter {self.path!r} is active, but has no value: it must be {self.parameter.allowed}"
            )
        return self.options[position].build(flat)

    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:  # noqa: ARG002 - constants distinguish the options
        """Write the position of the option, and the values of its parameters."""
        position = self._find(value)
        if position is None:
            meant = [option for option in self.options if isinstance(option, DictNode) and option.has_constants(value)]
            if len(meant) == 1:
                meant[0].read(value, flat, strict=True)  # raises an error that names the wrong parameter
            raise SpaceError(f"parameter {self.path!r} is {value!r}, but must be {self.parameter.allowed}")
        flat[self.slot] = position
        self.options[position].read(value, flat, strict=True)

    def read_part(self, value: Any, flat: Flat) -> None:
        """Write the position of the option of which `value` is a part, and the values of its parameters."""
        meant = [option for option in self.options if isinstance(option, DictNode) and option.has_constants(value)]
        if self._find(value) is not None or len(meant) != 1:
            self.read(value, flat, strict=True)
            return
        flat[self.slot] = self.options.index(meant[0])
        meant[0].read_part(value, flat)

    def matches(self, value: Any) -> bool:
        """Whether `value` is a member of an option."""
        return self._find(value) is not None

    def assignments(self, flat: Flat) -> Iterator[None]:
        """Iterate over the members of each option in turn."""
        for position, option in enumerate(self.options):
            flat[self.slot] = position
            yield from option.assignments(flat)

    def count(self) -> int:
        """Sum the counts of the options."""
        return sum(option.count() for option in self.options)

    def _find(self, value: Any) -> int | None:
        """Return the position of the option of which `value` is a member; None if there is none."""
        if type(value) in _PLAIN:
            position = self._lookup.get(_key(value))
            if position is not None or len(self._lookup) == len(self.options):
                return position
        return next((position for position, option in enumerate(self.options) if option.matches(value)), None)


def _allowed(node: Node) -> str:
    """Describe the valid values at a node."""
    if isinstance(node, ConstantNode):
        return repr(node.value)
    if isinstance(node, NumberNode | ChoiceNode):
        return node.parameter.allowed
    return "a dict"


def _product(nodes: tuple[Node, ...], flat: Flat) -> Iterator[None]:
    if not nodes:
        yield
        return
    for _ in nodes[0].assignments(flat):
        yield from _product(nodes[1:], flat)


def _is_nan(value: Any) -> bool:
    """Whether a value is NaN, which a dict finds by its identity only."""
    return isinstance(value, float) and math.isnan(value)


def _key(value: Any) -> tuple[bool, Any]:
    """Return a dict key that distinguishes True and 1, which are equal in Python."""
    return isinstance(value, bool), value


def overlap(a: Node, b: Node) -> bool:
    """Whether a value may be a member of both; if the bounds overlap, the steps within them are not compared."""
    if isinstance(a, ConstantNode) or isinstance(b, ConstantNode):
        constant, other = (a, b) if isinstance(a, ConstantNode) else (b, a)
        return other.matches(constant.value) if isinstance(constant, ConstantNode) else False
    if isinstance(a, ChoiceNode) or isinstance(b, ChoiceNode):
        choice, other = (a, b) if isinstance(a, ChoiceNode) else (b, a)
        return isinstance(choice, ChoiceNode) and any(overlap(option, other) for option in choice.options)
    if isinstance(a, DictNode) and isinstance(b, DictNode):
        same_keys = a.children.keys() == b.children.keys()
        return same_keys and all(overlap(child, b.children[key]) for key, child in a.children.items())
    if isinstance(a, NumberNode) and isinstance(b, NumberNode):
        return a.parameter.lower <= b.parameter.upper and b.parameter.lower <= a.parameter.upper
    return False
