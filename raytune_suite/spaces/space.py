"""A search space, compiled from the dict that a user passes to Ray Tune as `param_space`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.errors import ArgumentError, SpaceError, near
from raytune_suite.spaces.compilation import compile_space
from raytune_suite.spaces.configspace import from_configspace, to_configspace
from raytune_suite.spaces.parameters import FEATURES
from raytune_suite.spaces.priors import SpacePrior
from raytune_suite.spaces.tree import ConstantNode, DictNode, Node
from raytune_suite.spaces.values import stable_repr, without_addresses

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

    from raytune_suite.types import Config


class Space:
    """A search space of Ray Tune domains, compiled and checked.

    Conditional parameters are written as a choice among dicts that contain domains. A config then holds only the
    parameters of the chosen dict. A constant in each dict (here "name") distinguishes the options. If options hold the
    same domain (one object) under the same key, they share one parameter.

    Attributes:
        parameters: The parameters, in the order of the dict, depth first (a choice precedes the parameters within it).
        names: The names of the parameters.
        constants: The constants outside options, by path.
        features: The features of the space: keys of `FEATURES`.
        prior: What the user expects (`prior`); None if no parameter has a prior.

    Raises:
        SpaceError: If anything in `param_space` is invalid; the message names the path, the value and the remedy.

    Example:
        >>> import numpy as np
        >>> from ray import tune
        >>> sgd = {"name": "sgd", "momentum": tune.uniform(0, 1)}
        >>> space = Space({"optimizer": tune.choice([sgd, {"name": "adam"}]), "batch": tune.qrandint(8, 64, 8)})
        >>> space.names
        ('optimizer', 'optimizer[0]/momentum', 'batch')
        >>> space.encode({"optimizer": {"name": "adam"}, "batch": 64})
        array([0.75  ,    nan, 0.9375])
        >>> space.decode([0.1, 0.5, 0.0])
        {'optimizer': {'name': 'sgd', 'momentum': 0.5}, 'batch': 8}
        >>> space.contains(space.sample(np.random.default_rng(0)))
        True
    """

    def __init__(self, param_space: dict[str, Any]) -> None:
        """Compile `param_space`, a dict of Ray Tune domains. Use `Space.of` where the space may be compiled already."""
        if not isinstance(param_space, dict):
            raise SpaceError(f"the space is {param_space!r}, but must be a dict of ray.tune domains")
        self.param_space = param_space
        self._root, parameters = compile_space(param_space)
        if not parameters:
            choices = [f"{name!r}: tune.choice({value!r})" for name, value in param_space.items() if _is_several(value)]
            example = choices[0] if choices else "'lr': tune.loguniform(1e-4, 1.0)"
            raise SpaceError(f"the space {param_space!r} has no parameter, only constants: write one such as {example}")
        self.parameters = parameters
        self.names = tuple(parameter.name for parameter in parameters)
        for position, name in enumerate(self.names):
            if name in self.names[:position]:
                raise SpaceError(f"two parameters are named {name!r}: rename the key that has brackets")
        self.constants: dict[str, Any] = dict(_constants(self._root))
        self.features = frozenset[str]().union(*(parameter.features for parameter in parameters))
        self.prior = SpacePrior.of(parameters)
        self._scales = tuple(parameter.scale for parameter in parameters)

    @classmethod
    def of(cls, space: dict[str, Any] | Space) -> Space:
        """Compile `space`, unless it is a compiled space, which is returned as it is.

        Raises:
            SpaceError: If it is invalid.
        """
        return space if isinstance(space, Space) else cls(space)

    def __len__(self) -> int:
        return len(self.parameters)

    def __repr__(self) -> str:
        return f"Space({', '.join(self.names)})"

    def sample(self, rng: np.random.Generator) -> Config:
        """Draw a config from the distribution of Ray's random search, with one number from `rng` per parameter."""
        config: Config = self._root.build(self._draw(rng))
        return config

    def check(self, config: Config) -> None:
        """Check that `config` is a complete config of this space, including the constants.

        Raises:
            SpaceError: If it is not; the message says what is missing, unknown or out of bounds, and what is allowed.
        """
        self._read(config, strict=True)

    def contains(self, config: Config) -> bool:
        """Whether `check` would accept `config`."""
        return self._root.matches(config)

    def complete(self, config: Config) -> Config:
        """Convert `config` to native Python types and add missing constants, except those within options.

        Raises:
            SpaceError: If it is not a config of this space.
        """
        completed: Config = self._root.build(self._read(config, strict=False))
        return completed

    def fill(self, partial: Config, rng: np.random.Generator) -> Config:
        """Complete a part of a config: missing parameters are drawn as by `sample`, missing constants are added.

        A dict with the constants of an option of a choice stands for this option.

        Raises:
            SpaceError: If something in it is unknown or out of bounds.
        """
        flat = self._draw(rng)
        self._root.read_part(partial, flat)
        filled: Config = self._root.build(flat)
        return filled

    def encode(self, config: Config) -> NDArray[np.float64]:
        """Convert `config` to a point of the unit cube, of shape (len(space),); inactive parameters are NaN.

        Raises:
            SpaceError: If it is not a config of this space. Constants outside options may be missing.
        """
        flat = self._read(config, strict=False)
        units = (math.nan if v is None else scale.unit(v) for v, scale in zip(flat, self._scales, strict=True))
        return np.fromiter(units, dtype=np.float64, count=len(flat))

    def decode(self, vector: ArrayLike) -> Config:
        """Convert a point of the unit cube, of shape (len(space),), to a config; inactive entries may be NaN.

        Raises:
            SpaceError: If the shape is wrong, an entry is outside [0, 1], or an active one is NaN.
        """
        array = np.asarray(vector, dtype=np.float64)
        if array.shape != (len(self._scales),):
            raise SpaceError(f"the vector has shape {array.shape}, but the space has {len(self)} parameters")
        return self._decode(array.tolist())

    def flatten(self, config: Config) -> dict[str, Any]:
        """Return the active parameters of `config` by name: native values, and positions for choices.

        Raises:
            SpaceError: If it is not a config of this space. Constants outside options may be missing.
        """
        flat = self._read(config, strict=False)
        return {name: value for name, value in zip(self.names, flat, strict=True) if value is not None}

    def unflatten(self, values: Mapping[str, Any]) -> Config:
        """Invert `flatten`; entries of inactive parameters are ignored.

        Raises:
            SpaceError: If an active parameter is missing, a name is unknown, or a value is out of bounds.
        """
        for name in values:
            if name not in self.names:
                raise SpaceError(f"unknown parameter {name!r}{near(name, self.names)}")
        flat = [p.accept(values[p.name]) if p.name in values else None for p in self.parameters]
        config: Config = self._root.build(flat)
        return config

    def describe(self) -> dict[str, str]:
        """Describe the parameters and constants, by name, in text that is the same in every process.

        Two spaces with the same description have the same configs and the same encoding.
        """
        descriptions = {}
        for parameter in self.parameters:
            scale = ", log" if parameter.log else f", normal {parameter.normal}" if parameter.normal else ""
            expected = f", prior {parameter.prior.center} ({parameter.prior.confidence})" if parameter.prior else ""
            descriptions[parameter.name] = without_addresses(parameter.allowed + scale + expected)
        return descriptions | {path: stable_repr(value) for path, value in self.constants.items()}

    @property
    def grid_size(self) -> int:
        """The number of configs that `grid` yields.

        Raises:
            SpaceError: If a parameter has infinitely many values.
        """
        return self._root.count()

    def grid(self) -> Iterator[Config]:
        """Yield all configs of a finite space, with the last parameter varying fastest.

        Choices, tune.grid_search, integers and quantized domains expand to all their values; conditional parameters
        expand only below their option.

        Raises:
            SpaceError: If a parameter has infinitely many values.
        """
        self._root.count()  # raise now, not at the first config
        flat: list[Any] = [None] * len(self)
        return (self._root.build(flat) for _ in self._root.assignments(flat))

    def check_supported(self, who: str, *, supported: Collection[str], remedy: str) -> None:
        """Check that `who` supports all features of this space.

        Args:
            who: What is to search the space, e.g. "searcher 'gp'".
            supported: The supported features: keys of `FEATURES`.
            remedy: What to do otherwise, e.g. "use tpe or random".

        Raises:
            SpaceError: If a feature is not supported; the message names the first parameter that has it.
            ArgumentError: If `supported` has an unknown feature.
        """
        for feature in supported:
            if feature not in FEATURES:
                raise ArgumentError(f"unknown feature {feature!r} of a space{near(feature, FEATURES)}")
        for parameter in self.parameters:
            for feature, text in FEATURES.items():
                if feature in parameter.features and feature not in supported:
                    raise SpaceError(f"{who} does not support {parameter.name!r}, which {text}: {remedy}")

    def to_configspace(self, seed: int | None = None) -> Any:
        """Convert this space to a `ConfigSpace.ConfigurationSpace`, with log scales and conditions.

        Quantized parameters become integers that count the steps. The categories of a choice are kept if all are
        strings, all int or all float; otherwise they become positions. `from_configspace` reverts both.

        Raises:
            MissingPackageError: If ConfigSpace is not installed.
        """
        return to_configspace(self.parameters, seed)

    def from_configspace(self, configuration: Mapping[str, Any]) -> Config:
        """Convert a `Configuration` (or dict) of the space made by `to_configspace` to a config of this space.

        Raises:
            SpaceError: If it is not valid in this space.
        """
        return self.unflatten(from_configspace(self.parameters, configuration))

    def _draw(self, rng: np.random.Generator) -> list[Any]:
        units = rng.random(len(self._scales)).tolist()
        return [scale.value(unit) for scale, unit in zip(self._scales, units, strict=True)]

    def _decode(self, units: list[float]) -> Config:
        flat: list[Any] = []
        for unit, scale in zip(units, self._scales, strict=True):
            if 0.0 <= unit <= 1.0:
                flat.append(scale.value(unit))
            elif math.isnan(unit):
                flat.append(None)
            else:
                self.parameters[len(flat)].value(unit)  # raises
        config: Config = self._root.build(flat)
        return config

    def _read(self, config: Config, *, strict: bool) -> list[Any]:
        flat: list[Any] = [None] * len(self._scales)
        self._root.read(config, flat, strict=strict)
        return flat


def _is_several(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 1


def _constants(node: Node) -> Iterator[tuple[str, Any]]:
    """Yield path and value of the constants outside options."""
    if isinstance(node, ConstantNode):
        yield node.path, node.value
    elif isinstance(node, DictNode):
        for child in node.children.values():
            yield from _constants(child)
