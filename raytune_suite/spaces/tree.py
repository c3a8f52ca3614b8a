"""A compiled search space is a tree of four kinds of node: it reads a config into a flat list, and builds it from one.

A flat list has one entry per parameter: its value (for a choice the position of the option), or None where the
parameter is inactive.
"""

from __future__ import annotations

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
    """One part of the space, at `path` in the config.

    Attributes:
        path: Where the part is, in the words of `Parameter.name`.
        fixed: Whether it holds no parameter.
    """

    path: str
    fixed: bool

    @abstractmethod
    def build(self, flat: Flat) -> Any:
        """The part of the config that `flat` describes: fresh dicts and lists, native values."""

    @abstractmethod
    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:
        """Write into `flat` what `value` chose; unless `strict`, a constant may be missing.

        Raises:
            SpaceError: If `value` is no member.
        """

    @abstractmethod
    def matches(self, value: Any) -> bool:
        """Whether `value` is a member."""

    @abstractmethod
    def assignments(self, flat: Flat) -> Iterator[None]:
        """Walk through all members, writing each into `flat`."""

    @abstractmethod
    def count(self) -> int:
        """The number of members.

        Raises:
            SpaceError: If they are not finitely many.
        """


class ConstantNode(Node):
    """A value that never changes."""

    fixed = True

    def __init__(self, path: str, value: Any) -> None:
        self.path, self.value = path, value

    def build(self, flat: Flat) -> Any:  # noqa: ARG002 - the same for all
        """The value; dicts and lists are copied, so that a trainable may change them."""
        return fresh(self.value)

    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:  # noqa: ARG002 - nothing was chosen
        """Check that it is the value."""
        if not same(value, self.value):
            raise SpaceError(f"{self.path!r} is {value!r}, but is the constant {self.value!r} in this space")

    def matches(self, value: Any) -> bool:
        """Whether it is the value."""
        return same(value, self.value)

    def assignments(self, flat: Flat) -> Iterator[None]:  # noqa: ARG002 - nothing to write
        """The only one."""
        yield

    def count(self) -> int:
        """One."""
        return 1


class NumberNode(Node):
    """A numeric parameter."""

    fixed = False

    def __init__(self, slot: int, parameter: Parameter) -> None:
        self.path, self.slot, self.parameter = parameter.name, slot, parameter

    def build(self, flat: Flat) -> Any:
        """The entry of this parameter."""
        value = flat[self.slot]
        if value is None:
            raise SpaceError(
                f"parameter {self.path!r} has no value, but is active: it must be {self.parameter.allowed}"
            )
        return value

    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:  # noqa: ARG002 - a parameter may never be missing
        """Write the native value."""
        flat[self.slot] = self.parameter.accept(value)

    def matches(self, value: Any) -> bool:
        """Whether it is within the bounds, and on the grid."""
        return self.parameter.scale.accept(value) is not None

    def assignments(self, flat: Flat) -> Iterator[None]:
        """All values, rising."""
        self.count()
        for index in self.parameter.scale.indices or ():
            flat[self.slot] = index * (self.parameter.q or 1)
            yield

    def count(self) -> int:
        """The number of values."""
        if self.parameter.size is None:
            raise SpaceError(
                f"parameter {self.path!r} has no finite number of values, so no grid: "
                "quantize it between bounds (e.g. tune.quniform), or list its values in tune.grid_search([...])"
            )
        return self.parameter.size


class DictNode(Node):
    """A dict."""

    def __init__(self, path: str, children: Mapping[str, Node]) -> None:
        self.path, self.children = path, children
        self.fixed = all(child.fixed for child in children.values())
        self._items = tuple(children.items())

    def build(self, flat: Flat) -> Any:
        """A dict of all children."""
        return {key: child.build(flat) for key, child in self._items}

    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:
        """Read all children; no key may be missing or unknown."""
        if not isinstance(value, dict):
            where = repr(self.path) if self.path else "the config"
            raise SpaceError(f"{where} is {value!r}, but must be a dict with the keys {listed(tuple(self.children))}")
        for key, child in self._items:
            if key in value:
                child.read(value[key], flat, strict=strict)
            elif strict or not child.fixed:
                raise SpaceError(f"{child.path!r} is missing: it must be {_allowed(child)}")
        for key in value:
            if key not in self.children:
                where = f" in {self.path!r}" if self.path else ""
                raise SpaceError(f"unknown key {key!r}{where}{near(str(key), self.children)}")

    def matches(self, value: Any) -> bool:
        """Whether it is a dict of just these keys, and all values are members."""
        if not isinstance(value, dict) or value.keys() != self.children.keys():
            return False
        return all(child.matches(value[key]) for key, child in self._items)

    def assignments(self, flat: Flat) -> Iterator[None]:
        """The cartesian product, the last child fastest."""
        return _product(tuple(self.children.values()), flat)

    def count(self) -> int:
        """The product over the children."""
        total = 1
        for child in self.children.values():
            total *= child.count()
        return total

    def nearest(self, value: Any) -> bool:
        """Whether `value` has all constants of this dict, so that this is what its author meant."""
        tags = [(key, child) for key, child in self._items if isinstance(child, ConstantNode)]
        return isinstance(value, dict) and all(key in value and child.matches(value[key]) for key, child in tags)


class ChoiceNode(Node):
    """A categorical parameter; an option may hold parameters of its own, which exist only while it is chosen."""

    fixed = False

    def __init__(self, slot: int, parameter: Parameter, options: tuple[Node, ...]) -> None:
        self.path, self.slot, self.parameter, self.options = parameter.name, slot, parameter, options
        self._lookup: dict[tuple[bool, Any], int] = {}
        odd: list[int] = []  # positions that are not in the lookup
        for position, option in enumerate(options):
            if isinstance(option, ConstantNode) and type(option.value) in _PLAIN:
                twin = self._lookup.setdefault(_key(option.value), position)
                rivals = [*odd, *([twin] if twin != position else [])]
            else:
                rivals = list(range(position))
                odd.append(position)
            for rival in rivals:
                if overlap(option, options[rival]):
                    raise SpaceError(self._twins(rival, position))

    def _twins(self, first: int, second: int) -> str:
        """Say that a config would not show which of two options was chosen."""
        pair = listed((self.parameter.categories[first], self.parameter.categories[second]))
        return (
            f"options {first} and {second} of {self.path!r} cannot be told apart in a config ({pair}): "
            "remove one, or make each a dict with a constant of its own, e.g. {'name': 'sgd', ...}"
        )

    def build(self, flat: Flat) -> Any:
        """The chosen option."""
        position = flat[self.slot]
        if position is None:
            raise SpaceError(
                f"parameter {self.path!r} has no value, but is active: it must be {self.parameter.allowed}"
            )
        return self.options[position].build(flat)

    def read(self, value: Any, flat: Flat, *, strict: bool) -> None:  # noqa: ARG002 - constants tell options apart
        """Write the position of the option, and what it holds."""
        position = self._find(value)
        if position is None:
            near_options = [option for option in self.options if isinstance(option, DictNode) and option.nearest(value)]
            if len(near_options) == 1:
                near_options[0].read(value, flat, strict=True)  # raises, and names the very parameter
            raise SpaceError(f"parameter {self.path!r} is {value!r}, but must be {self.parameter.allowed}")
        flat[self.slot] = position
        self.options[position].read(value, flat, strict=True)

    def matches(self, value: Any) -> bool:
        """Whether it belongs to an option."""
        return self._find(value) is not None

    def assignments(self, flat: Flat) -> Iterator[None]:
        """The members of each option in turn."""
        for position, option in enumerate(self.options):
            flat[self.slot] = position
            yield from option.assignments(flat)

    def count(self) -> int:
        """The sum over the options."""
        return sum(option.count() for option in self.options)

    def _find(self, value: Any) -> int | None:
        """The position of the option that `value` belongs to."""
        if type(value) in _PLAIN:
            position = self._lookup.get(_key(value))
            if position is not None or len(self._lookup) == len(self.options):
                return position
        return next((position for position, option in enumerate(self.options) if option.matches(value)), None)


def _allowed(node: Node) -> str:
    """What the value at a node must be, in words."""
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


def _key(value: Any) -> tuple[bool, Any]:
    """A dict key by which True and 1 differ, though Python holds them equal."""
    return isinstance(value, bool), value


def overlap(a: Node, b: Node) -> bool:
    """Whether some value may belong to both (bounds that touch count, even if the grids within miss each other)."""
    if isinstance(a, ConstantNode) or isinstance(b, ConstantNode):
        constant, other = (a, b) if isinstance(a, ConstantNode) else (b, a)
        return other.matches(constant.value) if isinstance(constant, ConstantNode) else False
    if isinstance(a, ChoiceNode) or isinstance(b, ChoiceNode):
        choice, other = (a, b) if isinstance(a, ChoiceNode) else (b, a)
        return isinstance(choice, ChoiceNode) and any(overlap(option, other) for option in choice.options)
    if isinstance(a, DictNode) and isinstance(b, DictNode):
        alike = a.children.keys() == b.children.keys()
        return alike and all(overlap(child, b.children[key]) for key, child in a.children.items())
    if isinstance(a, NumberNode) and isinstance(b, NumberNode):
        return a.parameter.lower <= b.parameter.upper and b.parameter.lower <= a.parameter.upper
    return False
