"""Space files: a search space in TOML, for programs that are tuned from the command line."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from raytune_suite.bench import toml_positions
from raytune_suite.errors import ArgumentError, SpaceError, near, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from raytune_suite.bench.toml_positions import Key

DOMAINS = {
    "uniform": "uniform",
    "quniform": "quniform",
    "loguniform": "loguniform",
    "qloguniform": "qloguniform",
    "randn": "randn",
    "qrandn": "qrandn",
    "randint": "randint",
    "qrandint": "qrandint",
    "lograndint": "lograndint",
    "qlograndint": "qlograndint",
    "choice": "choice",
    "grid": "grid_search",
}
"""The words of a space file, with the functions of `ray.tune` that they name."""

FORMAT = """\
A space file has one line for each parameter. A value that is not a domain is a constant.

  # space.toml
  lr = {loguniform = [1e-4, 1e-1]}   # a number on a log scale
  dropout = {uniform = [0.0, 0.5]}
  batch = {choice = [16, 32, 64]}
  layers = {randint = [1, 5]}        # an integer from 1 to 4, as in ray.tune
  width = {qrandint = [32, 256, 32]} # a multiple of 32
  epochs = 20                        # a constant

  # a choice whose options have their own parameters
  [[optimizer.choice]]
  name = "adam"
  [[optimizer.choice]]
  name = "sgd"
  momentum = {uniform = [0.0, 0.99]}

The domains are those of ray.tune: uniform, loguniform, randn, randint and lograndint, the same with a q
in front, whose last number is the step; choice; and grid.
"""


def read_space(path: Path) -> dict[str, Any]:
    """The search space in a file, in the objects of `ray.tune`.

    Raises:
        ArgumentError: If the file cannot be read, or something in it is wrong; the message names the line and the fix.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"`--space` is {str(path)!r}, which cannot be read: {error}") from None
    content, lines = toml_positions.parse(text, str(path))
    return _SpaceFile(str(path), lines).space(content)


class _SpaceFile:
    """Converts the content of a space file."""

    def __init__(self, name: str, lines: Mapping[Key, int]) -> None:
        """`name` is the file's, and `lines` the line of each key."""
        self._name, self._lines = name, lines

    def space(self, content: dict[str, Any]) -> dict[str, Any]:
        from raytune_suite.spaces import Space

        space = self._convert(content, ())
        if not isinstance(space, dict):
            raise self._error((), "the file is a domain: give the parameter a name, such as lr = {uniform = [0, 1]}")
        try:
            Space.of(space)
        except SpaceError as error:
            quoted = re.search(r"'([^']+)'", str(error))
            parts = re.split(r"/|\[\d+\]/?", quoted[1]) if quoted else []
            raise self._error(tuple(part for part in parts if part), str(error)) from None
        return space

    def _convert(self, value: Any, key: Key) -> Any:
        if isinstance(value, list):
            return [self._convert(each, key) for each in value]
        if not isinstance(value, dict):
            return value
        name = ".".join(key)
        words = [word for word in value if word in DOMAINS]
        if not key and not (len(value) == 1 and words and isinstance(value[words[0]], list)):
            words = []  # parameters may have any name
        if words and len(value) == 1:
            return self._domain(words[0], value[words[0]], key)
        if words:
            others = ", ".join(repr(word) for word in value if word != words[0])
            raise self._error(key, f"{name!r} has the domain {words[0]!r} and also {others}: write one domain only")
        if len(value) == 1 and key:
            (word, arguments) = next(iter(value.items()))
            guess = near(word, DOMAINS)
            if guess and isinstance(arguments, list):
                raise self._error(key, f"{name!r} has the unknown domain {word!r}{guess}")
        return {name: self._convert(inner, (*key, name)) for name, inner in value.items()}

    def _domain(self, word: str, arguments: Any, key: Key) -> Any:
        from ray import tune  # late: importing Ray takes a second

        name, function = ".".join(key), getattr(tune, DOMAINS[word])
        if not isinstance(arguments, list):
            message = f"{name!r} is {{{word} = {shown(arguments)}}}, but {word} needs a list: {example(word)}"
            raise self._error(key, message)
        if word in ("choice", "grid"):
            return function([self._convert(each, (*key, word)) for each in arguments])
        parameters = inspect.signature(function).parameters.values()
        required = [parameter for parameter in parameters if parameter.default is parameter.empty]
        if not len(required) <= len(arguments) <= len(parameters):
            raise self._error(key, f"{name!r} has {len(arguments)} numbers for {word}: write {example(word)}")
        try:
            return function(*arguments)
        except (TypeError, ValueError, ArithmeticError, AssertionError) as error:  # Ray checks in all these ways
            raise self._error(key, f"{name!r}: {error}; an example is {example(word)}") from None

    def _error(self, key: Key, message: str) -> ArgumentError:
        known = next((key[:length] for length in range(len(key), 0, -1) if key[:length] in self._lines), None)
        return ArgumentError(f"{self._name}:{self._lines[known]}: {message}" if known else f"{self._name}: {message}")


def example(word: str) -> str:
    """An example of a domain.

    Example:
        >>> example("quniform"), example("choice")
        ('{quniform = [0.0, 1.0, 0.1]}', '{choice = ["a", "b"]}')
    """
    numbers = {
        "uniform": "0.0, 1.0",
        "loguniform": "1e-4, 1e-1",
        "randn": "0.0, 1.0",
        "randint": "1, 5",
        "lograndint": "1, 1000",
    }
    if word in ("choice", "grid"):
        return f'{{{word} = ["a", "b"]}}'
    if word in numbers:
        return f"{{{word} = [{numbers[word]}]}}"
    step = {"quniform": "0.1", "qloguniform": "1e-4", "qrandn": "0.1"}.get(word, "1")
    return f"{{{word} = [{numbers[word[1:]]}, {step}]}}"
