"""A protocol: the frozen grid of a comparison, read from a TOML file.

    schema = 1
    name = "quick"
    method_seeds = "0-4"          # or a list
    budget = 20                   # full trainings that a run may spend
    workers = 4                   # trials at once, in virtual time or on Ray; 4 unless told otherwise
    engine = "simulated"          # or "ray"; "simulated" unless told otherwise
    compute = 2                   # Ray workers that train beside the simulated clock; none unless told otherwise

    [methods.asha]                # the label by which tables name it
    [methods.asha-4]
    method = "asha"               # the label unless told otherwise
    args = {eta = 4}

    [workloads."synthetic/mfh3"]  # may have its own budget, method_seeds, workers, tuning_seeds, test_seeds

The tuning and test seeds are those of the workload unless told otherwise.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

from raytune_suite import seeding
from raytune_suite.bench.toml_positions import parse
from raytune_suite.errors import ArgumentError, RaytuneSuiteError, near
from raytune_suite.types import as_number, check_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from raytune_suite.bench.toml_positions import Key
    from raytune_suite.workloads import Workload

SCHEMA = 1
"""The version of such files."""

ENGINES = ("simulated", "ray")
WORKERS = 4
SHARED = ("method_seeds", "budget", "workers")
"""What the top level says for all workloads, and each may say for itself."""

OF_WORKLOAD = (*SHARED, "tuning_seeds", "test_seeds")
OF_METHOD = ("method", "args")
OF_ALL = ("schema", "name", *SHARED, "engine", "compute", "methods", "workloads")


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A method that is compared.

    Attributes:
        label: What the tables call it.
        method: The name of a method, or what stands for a `factory`.
        args: The arguments of the method.
        factory: What makes it, if it has no name.
    """

    label: str
    method: str
    args: dict[str, Any]
    factory: Callable[..., Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """A workload on which they are compared.

    Attributes:
        workload: Its name.
        budget: Full trainings that each run may spend.
        method_seeds: One run for each.
        workers: Trials at once.
        tuning_seeds: The training seeds that methods may see; None: the workload's.
        test_seeds: Those that judge what they choose; None: the workload's.
        made: The workload itself, if it has no name in the registry.
    """

    workload: str
    budget: float
    method_seeds: tuple[int, ...]
    workers: int = WORKERS
    tuning_seeds: tuple[int, ...] | None = None
    test_seeds: tuple[int, ...] | None = None
    made: Workload | None = None


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """All that a comparison is asked to do.

    Attributes:
        name: What the report calls it.
        entrants: The methods.
        tasks: The workloads.
        engine: "simulated" or "ray".
        compute: The Ray workers that train beside the simulated clock; 0: the run's own process trains.
        text: The file from which it was read; "" if it was made in Python.
        file: The name of that file, for messages.
        lines: The line of each key in that file.
    """

    name: str
    entrants: tuple[Entrant, ...]
    tasks: tuple[Task, ...]
    engine: str = "simulated"
    compute: int = 0
    text: str = ""
    file: str = ""
    lines: Mapping[Key, int] = dataclasses.field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """All that it asks for, as JSON."""
        entrants = [{"label": one.label, "method": one.method, "args": one.args} for one in self.entrants]
        tasks = [
            {"workload": task.workload, **{name: getattr(task, name) for name in OF_WORKLOAD}} for task in self.tasks
        ]
        described = {"name": self.name, "engine": self.engine, "compute": self.compute}
        described |= {"methods": entrants, "workloads": tasks}
        return dict(json.loads(json.dumps(described, default=repr)))

    @property
    def digest(self) -> str:
        """The SHA-256 of what it asks for: comments and the order of keys don't matter."""
        return sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()

    def where(self, *key: str) -> str:
        """The place of a key as a message begins, "quick.toml:14: "; that of the table around it if it has none."""
        if not self.lines:
            return f"{' '.join(key)}: " if key else ""
        while key and key not in self.lines:
            key = key[:-1]
        return f"{self.file}:{self.lines.get(key, 1)}: "


def read(path: Path) -> Protocol:
    """Read a protocol and check all that it says by itself; `plan` checks the names.

    Raises:
        ArgumentError: If there is none, or something in it cannot be used; the message has the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"there is no protocol {str(path)!r} that could be read: {error}") from error
    said, lines = parse(text, path.name)
    return _Reader(said, Protocol(name="", entrants=(), tasks=(), text=text, file=path.name, lines=lines)).protocol()


def seeds(value: Any) -> tuple[int, ...]:
    """Seeds given as "0-4,7", as a list, or as one number.

    Raises:
        ArgumentError: If they are not that, or one is there twice.

    Example:
        >>> seeds("0-2,7"), seeds([3, 4]), seeds(5), seeds([])
        ((0, 1, 2, 7), (3, 4), (5,), ())
    """
    if isinstance(value, str):
        found = seeding.parse_seeds(value)
    else:
        found = [seeding.check_seed(seed) for seed in (value if isinstance(value, (list, tuple, range)) else [value])]
    if len(set(found)) < len(found):
        raise ArgumentError(f"{value!r} has a seed twice")
    return tuple(found)


class _Reader:
    """Turns what a file says into a protocol."""

    def __init__(self, said: dict[str, Any], blank: Protocol) -> None:
        self._said, self._blank = said, blank

    def protocol(self) -> Protocol:
        said = self._said
        self._known((), said, OF_ALL)
        if said.get("schema") != SCHEMA:
            self._fail(("schema",), f"`schema` is {said.get('schema')!r}, but this version reads {SCHEMA}")
        engine = said.get("engine", ENGINES[0])
        if engine not in ENGINES:
            self._fail(("engine",), f"`engine` is {engine!r}, but must be one of {', '.join(map(repr, ENGINES))}")
        compute = said.get("compute", 0)
        if compute != 0:
            self._try(("compute",), lambda: check_count("compute", compute))
            if engine != ENGINES[0]:
                self._fail(("compute",), "`compute` is for the engine 'simulated': leave it out")
        return dataclasses.replace(
            self._blank,
            name=self._text((), "name", said.get("name", self._blank.file.removesuffix(".toml"))),
            engine=engine,
            compute=compute,
            entrants=tuple(self._entrant(label, table) for label, table in self._tables("methods")),
            tasks=tuple(self._task(name, table) for name, table in self._tables("workloads")),
        )

    def _tables(self, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        tables = self._said.get(name)
        if not isinstance(tables, dict) or not tables:
            self._fail((name,), f"`{name}` has no table: write at least one, such as [{name}.NAME]")
        for key, table in tables.items():
            if not isinstance(table, dict):
                self._fail((name, key), f"`{key}` is {table!r}, but must be a table: [{name}.{key}]")
            yield key, table

    def _entrant(self, label: str, table: dict[str, Any]) -> Entrant:
        key = ("methods", label)
        self._known(key, table, OF_METHOD)
        args = table.get("args", {})
        if not isinstance(args, dict):
            self._fail((*key, "args"), f"`args` is {args!r}, but must be a table such as {{eta = 4}}")
        return Entrant(label=label, method=self._text(key, "method", table.get("method", label)), args=args)

    def _task(self, name: str, table: dict[str, Any]) -> Task:
        key = ("workloads", name)
        self._known(key, table, OF_WORKLOAD)
        values: dict[str, Any] = {}
        for word in OF_WORKLOAD:
            inner = word in table
            value = table[word] if inner else self._said.get(word) if word in SHARED else None
            if value is None:
                if word in ("budget", "method_seeds"):
                    self._fail(key, f"`{word}` is missing: give it here or for all workloads")
                continue
            place = (*key, word) if inner else (word,)
            check = {"budget": check_budget, "workers": lambda value: check_count("workers", value)}.get(word, seeds)
            values[word] = self._try(place, lambda check=check, value=value: check(value), word)  # type: ignore[misc]
            if word == "method_seeds" and not values[word]:
                self._fail(place, "`method_seeds` is empty, but must hold one seed or more")
        return Task(workload=name, **values)

    def _known(self, key: Key, table: dict[str, Any], words: tuple[str, ...]) -> None:
        for word in table:
            if word not in words:
                remedy = near(word, words)
                if not remedy.startswith(": did") and words is OF_METHOD:
                    remedy = f"; arguments of the method go into args = {{{word} = ...}}"
                elif words is not OF_WORKLOAD and word in OF_WORKLOAD:
                    remedy = '; it belongs below [workloads."..."]'
                self._fail((*key, word), f"unknown key {word!r}{remedy}")

    def _text(self, key: Key, word: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            self._fail((*key, word), f"`{word}` is {value!r}, but must be a name")
        return str(value)

    def _try(self, key: Key, check: Callable[[], Any], word: str = "") -> Any:
        try:
            return check()
        except RaytuneSuiteError as error:
            text = str(error)
            self._fail(key, text if text.startswith("`") or not word else f"`{word}`: {text}")

    def _fail(self, key: Key, words: str) -> NoReturn:
        raise ArgumentError(f"{self._blank.where(*key)}{words}")


def check_budget(value: Any) -> float:
    """A budget, in full trainings.

    Raises:
        ArgumentError: If it is no number above 0.
    """
    number = as_number(value)
    if number is None or not 0 < number < math.inf:
        raise ArgumentError(f"`budget` is {value!r}, but must be a number of full trainings above 0")
    return number
