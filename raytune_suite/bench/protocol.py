"""A protocol: the frozen grid of a comparison, read from a TOML file.

    schema = 1
    name = "quick"
    method_seeds = "0-4"          # or a list
    budget = 20                   # full trainings that a run may spend
    workers = 4                   # concurrent trials, in virtual time or on Ray (default: 4)
    engine = "simulated"          # or "ray" (default: "simulated")
    compute = 2                   # Ray workers that train in parallel under the simulated clock (default: none)

    [methods.asha]                # the label of the method in tables
    [methods.asha-4]
    method = "asha"               # default: the label
    args = {eta = 4}
    workers = 16                  # for this method only, to compare numbers of workers

    [methods.mine]
    method = "my_module:Climber"  # your function or class, from an installed module or a file beside this one

    [workloads."synthetic/mfh3"]  # may override budget, method_seeds, workers, judge_at, tuning_seeds and test_seeds
    [workloads."my_module:mine"]  # your workload, or a function that returns it
    bounds = [0.0, 2.3]           # its best and worst value of the metric, if it declares none

By default, the tuning and test seeds are those of the workload. The top level may have `judge_at = [5, 10, 20]`: the
full trainings after which incumbents are evaluated, besides the end; the default is each third of the budget.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import json
import math
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

from raytune_suite import seeding
from raytune_suite.bench.imports import is_place, load, load_workload
from raytune_suite.bench.toml_positions import parse
from raytune_suite.errors import ArgumentError, RaytuneSuiteError, near
from raytune_suite.types import as_number, check_count
from raytune_suite.validation import number, sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from raytune_suite.bench.toml_positions import Key
    from raytune_suite.workloads import Workload

SCHEMA = 1
"""The version of the file format."""

ENGINES = ("simulated", "ray")
WORKERS = 4
SHARED_KEYS = ("method_seeds", "budget", "workers", "judge_at")
"""The keys that the top level sets for all workloads, and that each workload may override."""

WORKLOAD_KEYS = (*SHARED_KEYS, "tuning_seeds", "test_seeds", "bounds")
OPTIONAL_KEYS = ("judge_at", "bounds")
"""The keys that are part of a specification only where they are set."""

METHOD_KEYS = ("method", "args", "workers")
TOP_LEVEL_KEYS = ("schema", "name", *SHARED_KEYS, "engine", "compute", "methods", "workloads")


@dataclass(frozen=True, kw_only=True)
class MethodEntry:
    """A method in a comparison.

    Attributes:
        label: Its label in tables.
        method: The name of the method, or the identity of the `factory`.
        args: The arguments of the method.
        factory: The user's function or class that builds the method; None for a registered one.
        workers: The number of concurrent trials; None: that of the workload.
    """

    label: str
    method: str
    args: dict[str, Any]
    factory: Callable[..., Any] | None = None
    workers: int | None = None


@dataclass(frozen=True, kw_only=True)
class WorkloadEntry:
    """A workload in a comparison, with the size of its runs.

    Attributes:
        workload: Its name.
        budget: The full trainings that each run may spend.
        method_seeds: The method seeds, with one run each.
        workers: The number of concurrent trials.
        tuning_seeds: The training seeds that methods may see; None: those of the workload.
        test_seeds: The seeds on which incumbents are evaluated; None: those of the workload.
        judge_at: The full trainings after which incumbents are evaluated, besides the end; None: each third.
        bounds: The best and the worst value of its metric, for a workload without bounds; None: its own.
        custom_workload: The workload itself; None for a registered one.
    """

    workload: str
    budget: float
    method_seeds: tuple[int, ...]
    workers: int = WORKERS
    tuning_seeds: tuple[int, ...] | None = None
    test_seeds: tuple[int, ...] | None = None
    judge_at: tuple[float, ...] | None = None
    bounds: tuple[float, float] | None = None
    custom_workload: Workload | None = None


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The specification of a comparison.

    Attributes:
        name: Its name in the report.
        methods: The methods.
        workloads: The workloads.
        engine: "simulated" or "ray".
        compute: The Ray workers that train in parallel under the simulated clock; 0: the run's own process trains.
        text: The content of the file from which it was read; "" if it was created in Python.
        file: The name of that file, for messages.
        toml_positions: The line of each key in that file.
    """

    name: str
    methods: tuple[MethodEntry, ...]
    workloads: tuple[WorkloadEntry, ...]
    engine: str = "simulated"
    compute: int = 0
    text: str = ""
    file: str = ""
    toml_positions: Mapping[Key, int] = dataclasses.field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return the whole specification as JSON values."""
        methods = [
            {"label": one.label, "method": one.method, "args": one.args}
            | ({} if one.workers is None else {"workers": one.workers})
            for one in self.methods
        ]
        workloads = [
            {"workload": one.workload}
            | {name: getattr(one, name) for name in WORKLOAD_KEYS if name not in OPTIONAL_KEYS}
            | {name: getattr(one, name) for name in OPTIONAL_KEYS if getattr(one, name) is not None}
            for one in self.workloads
        ]
        described = {"name": self.name, "engine": self.engine, "compute": self.compute}
        described |= {"methods": methods, "workloads": workloads}
        return dict(json.loads(json.dumps(described, default=repr)))

    @property
    def digest(self) -> str:
        """The SHA-256 of the specification; comments and the order of keys don't matter."""
        return sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()

    def location(self, *key: str) -> str:
        """Return the prefix of a message about a key: "quick.toml:14: ".

        A key that is not in the file gets the line of the table that should contain it.
        """
        if not self.toml_positions:
            return f"{' '.join(key)}: " if key else ""
        while key and key not in self.toml_positions:
            key = key[:-1]
        return f"{self.file}:{self.toml_positions.get(key, 1)}: "


def read(path: Path) -> Protocol:
    """Read a protocol and validate everything except names, which `plan` checks.

    Raises:
        ArgumentError: If the file cannot be read, or something in it is invalid; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"cannot read the protocol {str(path)!r}: {error}") from error
    content, positions = parse(text, path.name)
    blank = Protocol(name="", methods=(), workloads=(), text=text, file=path.name, toml_positions=positions)
    return _Reader(content, blank, path.parent).protocol()


def as_seeds(value: Any) -> tuple[int, ...]:
    """Convert seeds written as "0-4,7", as a list, or as a single number.

    Raises:
        ArgumentError: If the value is none of these, or contains a seed twice.

    Example:
        >>> as_seeds("0-2,7"), as_seeds([3, 4]), as_seeds(5), as_seeds([])
        ((0, 1, 2, 7), (3, 4), (5,), ())
    """
    if isinstance(value, str):
        seeds = seeding.parse_seeds(value)
    else:
        seeds = [seeding.check_seed(seed) for seed in (value if isinstance(value, (list, tuple, range)) else [value])]
    if len(set(seeds)) < len(seeds):
        raise ArgumentError(f"{value!r} contains a seed twice: list each seed once")
    return tuple(seeds)


class _Reader:
    """Converts the content of a file into a protocol."""

    def __init__(self, content: dict[str, Any], blank: Protocol, folder: Path) -> None:
        self._content, self._blank, self._folder = content, blank, folder

    def protocol(self) -> Protocol:
        content = self._content
        self._check_keys((), content, TOP_LEVEL_KEYS)
        if content.get("schema") != SCHEMA:
            self._fail(("schema",), f"`schema` is {content.get('schema')!r}, but must be {SCHEMA}")
        engine = content.get("engine", ENGINES[0])
        if engine not in ENGINES:
            self._fail(("engine",), f"`engine` is {engine!r}, but must be one of {', '.join(map(repr, ENGINES))}")
        compute = content.get("compute", 0)
        if compute != 0:
            self._validated(("compute",), lambda: check_count("compute", compute))
            if engine != ENGINES[0]:
                self._fail(("compute",), f"`compute` requires the engine 'simulated', not {engine!r}: remove it")
        return dataclasses.replace(
            self._blank,
            name=self._text((), "name", content.get("name", self._blank.file.removesuffix(".toml"))),
            engine=engine,
            compute=compute,
            methods=tuple(self._method(label, table) for label, table in self._tables("methods")),
            workloads=tuple(self._workload(name, table) for name, table in self._tables("workloads")),
        )

    def _tables(self, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        tables = self._content.get(name)
        if not isinstance(tables, dict) or not tables:
            self._fail((name,), f"`{name}` has no table: add at least one, such as [{name}.NAME]")
        for key, table in tables.items():
            if not isinstance(table, dict):
                self._fail((name, key), f"`{key}` is {table!r}, but must be a table: [{name}.{key}]")
            yield key, table

    def _method(self, label: str, table: dict[str, Any]) -> MethodEntry:
        key = ("methods", label)
        self._check_keys(key, table, METHOD_KEYS)
        args = table.get("args", {})
        if not isinstance(args, dict):
            self._fail((*key, "args"), f"`args` is {args!r}, but must be a table such as {{eta = 4}}")
        method, place = self._text(key, "method", table.get("method", label)), (*key, "method")
        factory = self._validated(place, lambda: load(method, self._folder)) if is_place(method) else None
        if factory is not None and not callable(factory):
            self._fail(place, f"`method` is {method!r}, but must be a function or class that returns a Ray searcher")
        workers = table.get("workers")
        if workers is not None:
            workers = self._validated((*key, "workers"), lambda: check_count("workers", workers))
        return MethodEntry(label=label, method=method, args=args, factory=factory, workers=workers)

    def _workload(self, name: str, table: dict[str, Any]) -> WorkloadEntry:
        key = ("workloads", name)
        self._check_keys(key, table, WORKLOAD_KEYS)
        values: dict[str, Any] = {}
        for field in WORKLOAD_KEYS:
            overridden = field in table
            value = table[field] if overridden else self._content.get(field) if field in SHARED_KEYS else None
            if value is None:
                if field in ("budget", "method_seeds"):
                    self._fail(key, f"`{field}` is missing: set it here or at the top level")
                continue
            place = (*key, field) if overridden else (field,)
            check = _CHECKS.get(field, as_seeds)
            values[field] = self._validated(place, lambda check=check, value=value: check(value), field)  # type: ignore[misc]
            if field == "method_seeds" and not values[field]:
                self._fail(place, "`method_seeds` is empty, but must contain at least one seed")
        if not is_place(name):
            return WorkloadEntry(workload=name, **values)
        custom = self._validated(key, lambda: load_workload(name, self._folder))
        return WorkloadEntry(workload=getattr(custom, "name", name), custom_workload=custom, **values)

    def _check_keys(self, key: Key, table: dict[str, Any], allowed: tuple[str, ...]) -> None:
        for name in table:
            if name not in allowed:
                hint = near(name, allowed)
                if allowed is METHOD_KEYS and not difflib.get_close_matches(name, allowed):
                    hint = f": write arguments of the method as args = {{{name} = ...}}"
                elif allowed is not WORKLOAD_KEYS and name in WORKLOAD_KEYS:
                    hint = ': move it into [workloads."..."]'
                self._fail((*key, name), f"unknown key {name!r}{hint}")

    def _text(self, key: Key, name: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            self._fail((*key, name), f"`{name}` is {value!r}, but must be a non-empty string")
        return str(value)

    def _validated(self, key: Key, check: Callable[[], Any], name: str = "") -> Any:
        try:
            return check()
        except RaytuneSuiteError as error:
            message = str(error)
            self._fail(key, message if message.startswith("`") or not name else f"`{name}`: {message}")

    def _fail(self, key: Key, message: str) -> NoReturn:
        raise ArgumentError(f"{self._blank.location(*key)}{message}")


def check_marks(value: Any) -> tuple[float, ...]:
    """Validate `judge_at`, in full trainings.

    Raises:
        ArgumentError: If it is not a list of increasing numbers above 0.
    """
    marks: list[float] = sequence(number(above=0), "a list of increasing numbers of full trainings").check(
        "judge_at", value
    )
    if not marks or any(after <= before for before, after in itertools.pairwise(marks)):
        raise ArgumentError.invalid("judge_at", value, "a list of increasing numbers of full trainings")
    return tuple(marks)


def check_bounds(value: Any) -> tuple[float, float]:
    """Validate bounds.

    Raises:
        ArgumentError: If they are not two numbers.
    """
    bounds = sequence(number(), "a best and a worst value of the metric").check("bounds", value)
    if len(bounds) != len(("best", "worst")):
        raise ArgumentError.invalid("bounds", value, "a best and a worst value of the metric")
    return bounds[0], bounds[1]


def check_budget(value: Any) -> float:
    """Validate a budget, in full trainings.

    Raises:
        ArgumentError: If it is not a finite number above 0.
    """
    trainings = as_number(value)
    if trainings is None or not 0 < trainings < math.inf:
        raise ArgumentError(f"`budget` is {value!r}, but must be a number of full trainings greater than 0")
    return trainings


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "budget": check_budget,
    "workers": partial(check_count, "workers"),
    "judge_at": check_marks,
    "bounds": check_bounds,
}
"""How the keys of a workload are validated; the others are seeds."""
