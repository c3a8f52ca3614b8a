"""Compilation of the dict that a user passes to Ray Tune as `param_space` into a tree."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from ray.tune.search.sample import Categorical, Domain, Function, Grid

from raytune_suite.errors import SpaceError
from raytune_suite.spaces.parameters import Condition, Parameter, read_number
from raytune_suite.spaces.priors import with_prior
from raytune_suite.spaces.scales import Integers
from raytune_suite.spaces.tree import ChoiceNode, ConstantNode, DictNode, Node, NumberNode
from raytune_suite.spaces.values import check_constant, fresh, native

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEPARATOR = "/"


def compile_space(param_space: dict[str, Any]) -> tuple[Node, tuple[Parameter, ...]]:
    """Compile a param space into its tree and its parameters, depth first.

    Raises:
        SpaceError: If anything in it is invalid; the message names the path, the value and the remedy.
    """
    compiler = _Compiler()
    root = compiler.compile(param_space, "", None)
    return root, tuple(compiler.parameters)


class _Compiler:
    """Creates the nodes of a tree.

    Attributes:
        parameters: The parameters of the nodes created so far.
    """

    def __init__(self) -> None:
        self.parameters: list[Parameter] = []
        self._shared: dict[str, tuple[str, Condition]] = {}  # the name and the condition by each path of the parameter
        self._nodes: dict[str, Node] = {}  # the node by the name of a shared parameter

    def compile(self, value: Any, path: str, condition: Condition | None) -> Node:
        """Create the node for one part of a param space."""
        name, shared = self._shared.get(path, (path, None))
        if shared is None or condition is None or condition.parent != shared.parent:  # a key may have brackets
            return self._node(value, path, condition)
        if name not in self._nodes:
            self._nodes[name] = self._node(value, name, shared)
        return self._nodes[name]

    def _node(self, value: Any, path: str, condition: Condition | None) -> Node:
        if isinstance(value, Categorical):
            slot, grid = len(self.parameters), isinstance(value.sampler, Grid)
            node = self._choice(value.categories, path, condition, grid=grid)
            self.parameters[slot] = with_prior(self.parameters[slot], value)
            return node
        if isinstance(value, dict) and "grid_search" in value:
            if len(value) > 1 or not isinstance(value["grid_search"], list):
                raise SpaceError(
                    f"{path or 'the space'!r} is {value!r}, but must be tune.grid_search([...]) and nothing else"
                )
            return self._choice(value["grid_search"], path, condition, grid=True)
        if isinstance(value, Function) or (isinstance(value, dict) and value.keys() == {"eval"}):
            raise SpaceError(
                f"{path!r} is a tune.sample_from, which searchers cannot model: "
                "nest domains in the dicts of a tune.choice, or compute the value in the trainable"
            )
        if isinstance(value, Domain):
            self.parameters.append(with_prior(read_number(value, path, condition), value))
            return NumberNode(len(self.parameters) - 1, self.parameters[-1])
        if isinstance(value, dict):
            return self._dict(value, path, condition)
        if _holds_domain(value):
            raise SpaceError(
                f"{path!r} is {value!r}, a domain inside a {type(value).__name__}: put it in a dict instead"
            )
        _check_no_mistake(value, path)
        check_constant(value, path)
        return ConstantNode(path, fresh(native(value)))

    def _dict(self, value: dict[Any, Any], path: str, condition: Condition | None) -> DictNode:
        children = {}
        for key, child in value.items():
            if not isinstance(key, str) or not key or _SEPARATOR in key:
                where = f" in {path!r}" if path else ""
                raise SpaceError(f"the key {key!r}{where} must be a non-empty string without {_SEPARATOR!r}: rename it")
            children[key] = self.compile(child, f"{path}{_SEPARATOR}{key}" if path else key, condition)
        return DictNode(path, children)

    def _choice(self, categories: list[Any], path: str, condition: Condition | None, *, grid: bool) -> ChoiceNode:
        """Create the node for a choice; options without domains become constants."""
        if not categories:
            raise SpaceError(f"parameter {path!r} is a choice without options: add at least one")
        slot, options = len(self.parameters), tuple(native(category) for category in categories)
        self.parameters.append(Parameter(path, "categorical", Integers(0, len(options) - 1), options, condition, grid))
        self._share(categories, path)
        nodes: list[Node] = []
        for position, option in enumerate(options):
            below = f"{path}[{position}]"
            if _holds_domain(option):
                nodes.append(self.compile(option, below, Condition(path, (position,))))
            else:
                check_constant(option, below)
                nodes.append(ConstantNode(below, option))
        return ChoiceNode(slot, self.parameters[slot], tuple(nodes))

    def _share(self, options: list[Any], path: str) -> None:
        """Note which domains several options of a choice have in common."""
        positions: dict[tuple[str, int], list[int]] = {}
        for position, option in enumerate(options):
            for below, domain in _domains(option, ""):
                positions.setdefault((below, id(domain)), []).append(position)
        for (below, _), found in positions.items():
            if len(found) > 1:
                name = f"{path}[{','.join(map(str, found))}]{below}"
                shared = name, Condition(path, tuple(found))
                self._shared |= {f"{path}[{position}]{below}": shared for position in found}


def _domains(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield path and object of the domains in nested dicts, but not of those within the options of a choice."""
    if isinstance(value, Domain) or (isinstance(value, dict) and "grid_search" in value):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _domains(child, f"{path}{_SEPARATOR}{key}")


def _check_no_mistake(value: Any, path: str) -> None:
    """Reject what would be a constant, but was certainly meant as a parameter.

    Raises:
        SpaceError: If the value is a function of Ray Tune that was not called, or a distribution of another library.
    """
    module = str(getattr(value if callable(value) else type(value), "__module__", ""))
    if isinstance(value, FunctionType) and module == Domain.__module__:
        raise SpaceError(f"{path!r} is the function tune.{value.__name__}: call it, such as tune.uniform(0, 1)")
    if module.startswith(("optuna.distributions", "scipy.stats", "hyperopt.pyll")):
        library = module.partition(".")[0]
        raise SpaceError(
            f"{path!r} is {value!r}, a distribution of {library}: write a domain of ray.tune, such as "
            "tune.uniform(0, 1), tune.loguniform(1e-4, 1.0) or tune.choice([16, 32])"
        )


def _holds_domain(value: Any) -> bool:
    """Whether `value` is, or contains at any depth, something that Ray would sample."""
    if isinstance(value, dict):
        marked = value.keys() in ({"grid_search"}, {"eval"})
        return marked or any(_holds_domain(inner) for inner in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_holds_domain(inner) for inner in value)
    return isinstance(value, Domain)
