"""A fuzzer of everything that a user passes: calls, spaces, method arguments, protocols, command lines, cluster files.

It accepts success, a RaytuneSuiteError, or an exit status from 0 to 2, in bounded time. `RAYTUNE_SUITE_FUZZ` is the
number of examples per test; `make faults` runs 1,000 of each.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml  # type: ignore[import-untyped] # it ships no types
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from ray import tune

import raytune_suite as rts
from raytune_suite.bench import plan, protocol
from raytune_suite.cli import main
from raytune_suite.cluster import checks
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.errors import ArgumentError, RaytuneSuiteError, SpaceError
from raytune_suite.methods import METHODS, make_method, options, parts
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS
from raytune_suite.spaces import Space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.engines.base import Outcome, StudySpec

EXAMPLES = int(os.environ.get("RAYTUNE_SUITE_FUZZ", "15"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=dt.timedelta(seconds=60),
    database=None,
    phases=[Phase.generate],  # shrinking takes longer than the search
    derandomize=EXAMPLES < 100,  # the short form is the same each time
    suppress_health_check=list(HealthCheck),
)

CLUSTERS = sorted((Path(__file__).parents[2] / "clusters").glob("**/*.yaml"))
NUMBERS = [0, 1, -1, 2, 0.5, -0.0, 1e-300, 1e300, math.inf, -math.inf, math.nan, 2**53, 2**64, 10**400, True, False, 1j]
TEXTS = [
    "",
    " ",
    "x",
    "a/b",
    "..",
    "\0",
    "\n",
    "\x1b[31m",
    "é" * 200,
    "x" * 10_000,
    "min",
    "asha",
    "0-1",
    "5-0",
    "0-1000000000",
    "1e9",
]

scalars = st.one_of(
    st.none(),
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.sampled_from([np.int64(3), np.float32(0.5), np.bool_(True), np.array([1, 2]), np.array([]), np.str_("x")]),
)
keys = st.one_of(st.text(max_size=4), st.integers(0, 3), st.none(), st.booleans())
anything = st.recursive(
    st.one_of(scalars, st.builds(object), st.sampled_from([math, print, dict, lambda x: x, {1, 2}, range(10**9)])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.tuples(inner), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=5,
)


class Reached(RaytuneSuiteError):  # noqa: N818 - it is no error
    """All checks have passed, and the study would run for long."""


@dataclass(frozen=True)
class ShortStudies:
    """The simulated engine for studies that are short; a longer one raises `Reached` when it would start."""

    engine: rts.Simulation = field(default_factory=lambda: rts.Simulation(workers=2))

    def describe(self) -> dict[str, Any]:
        return self.engine.describe()

    def can_resume(self, path: str) -> bool:
        return self.engine.can_resume(path)

    def without_faults(self) -> ShortStudies:
        return self

    def check(self, spec: StudySpec) -> None:
        self.engine.check(spec)

    def run(self, spec: StudySpec) -> Outcome:
        trials, budget = spec.num_samples or math.inf, spec.budget or math.inf
        if min(trials * (spec.objective.max_t or math.inf), budget) > 30 or len(spec.seeds) > 3:
            raise Reached
        return self.engine.run(spec)


class Line(tune.Trainable):
    """Reports what is left of x; takes any config."""

    def setup(self, config: dict[str, Any]) -> None:
        x = config.get("x", 0.0)
        self.loss = float(x) if isinstance(x, (int, float)) else 0.0

    def step(self) -> dict[str, Any]:
        self.loss /= 2
        return {"loss": self.loss}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {"loss": self.loss}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.loss = checkpoint["loss"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def run(**call: Any) -> None:
    """Call `tune`; its folder is new, and empty after a rejection."""
    with tempfile.TemporaryDirectory(dir=".") as studies:
        usual = {
            "trainable": Line,
            "space": {"x": tune.uniform(0, 1)},
            "metric": "loss",
            "mode": "min",
            "max_t": 3,
            "num_samples": 2,
            "method": "random",
            "engine": ShortStudies(),
            "progress": False,
            "storage_path": studies,
        }
        try:
            rts.tune(**{**usual, **call})
        except Reached:
            pass
        except (ArgumentError, SpaceError) as error:
            assert not list(Path(studies).iterdir()), error  # noqa: PT017 - the kind of error decides
            assert len(str(error)) < 5000  # noqa: PT017 - bounded
        except RaytuneSuiteError as error:
            assert len(str(error)) < 10_000  # noqa: PT017 - bounded


ARGUMENTS = (
    *("trainable", "space", "method", "method_args", "metric", "mode", "max_t", "time_attr", "num_samples", "budget"),
    *("time_limit", "resources", "max_concurrent", "seed", "tuning_seeds", "test_seeds", "name", "resume"),
    *("callbacks", "settings", "progress", "workload", "unknown"),
)


@fuzz
@given(call=st.dictionaries(st.sampled_from(ARGUMENTS), anything, min_size=1, max_size=3))
def test_calls_of_tune(call: dict[str, Any], folder: Path) -> None:
    assert folder.exists()
    run(**call)


FUNCTIONS = [
    tune.uniform,
    tune.loguniform,
    tune.quniform,
    tune.qloguniform,
    tune.randint,
    tune.lograndint,
    tune.qrandint,
]


@st.composite
def domains(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from([*FUNCTIONS, tune.randn, tune.choice, tune.grid_search, tune.sample_from]))
    numbers = st.one_of(st.integers(-5, 20), st.floats(-2, 50), st.sampled_from(NUMBERS))
    try:
        if kind in (tune.choice, tune.grid_search):
            return kind(draw(st.lists(st.one_of(anything, spaces), max_size=4)))
        if kind is tune.sample_from:
            return kind(lambda _spec: 1)
        needed = 3 if kind in (tune.quniform, tune.qloguniform, tune.qrandint) else 2
        return kind(*(draw(numbers) for _ in range(needed)))
    except Exception:  # noqa: BLE001 - of Ray, in the user's own code
        assume(condition=False)


names = st.one_of(st.sampled_from(["x", "y", "lr", "a[0]", "seed", "fidelity"]), keys)
spaces = st.deferred(
    lambda: st.dictionaries(names, st.one_of(domains(), domains(), anything, spaces), min_size=1, max_size=3)
)


@fuzz
@given(space=spaces, method=st.sampled_from(["random", "sobol", "grid", "bohb", "pbt", "dehb"]))
def test_spaces(space: dict[Any, Any], method: str, folder: Path) -> None:
    assert folder.exists()
    try:
        compiled = Space(space)
    except RaytuneSuiteError as error:
        assert len(str(error)) < 100_000  # noqa: PT017 - bounded
    else:
        config = compiled.sample(np.random.default_rng(0))
        assert compiled.contains(config)
        assert compiled.describe() == Space(space).describe()
    run(space=space, method=method)


@st.composite
def methods(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from([*METHODS, "kde+asha", "tpe+median"]))
    searcher, scheduler = parts(name)
    known = [*options(SEARCHERS[searcher]), *options(SCHEDULERS[scheduler]), "unknown"]
    values = st.one_of(anything, st.integers(1, 4), st.floats(0, 1))
    return name, draw(st.dictionaries(st.sampled_from(known), values, min_size=1, max_size=3))


@fuzz
@given(method=methods(), max_t=st.one_of(st.just(9), anything))
def test_method_arguments(method: tuple[str, dict[str, Any]], max_t: Any, folder: Path) -> None:
    assert folder.exists()
    name, arguments = method
    space = {"x": tune.grid_search([1, 2]) if name == "grid" else tune.uniform(0, 1)}
    try:
        make_method(name, space, metric="loss", mode="min", max_t=max_t, **arguments)
    except RaytuneSuiteError as error:
        assert len(str(error)) < 5000  # noqa: PT017 - bounded
    run(space=space, method=name, method_args=arguments)


@fuzz
@given(
    kind=st.sampled_from([rts.Settings, rts.Simulation]),
    fields=st.dictionaries(
        st.sampled_from(
            ["workers", "cost", "faults", "max_failures", "checkpoint_every", "compute", "snapshot_s", "checkpoint_s"]
        ),
        st.one_of(anything, st.lists(st.builds(Fault, scalars, scalars, scalars), max_size=2)),
        max_size=2,
    ),
)
def test_settings(kind: type[Any], fields: dict[str, Any]) -> None:
    names = kind.__dataclass_fields__
    try:
        kind(**{name: value for name, value in fields.items() if name in names})
    except RaytuneSuiteError as error:
        assert len(str(error)) < 5000  # noqa: PT017 - bounded


LITERALS = [
    *(
        "0",
        "-1",
        "2",
        "1.5",
        "inf",
        "nan",
        "true",
        '""',
        '"x"',
        '"0-1"',
        '"5-0"',
        '"0-1000000000"',
        "[]",
        "[0, 0]",
        "{}",
    ),
    *(
        "{a = 1}",
        "[[1]]",
        "1979-05-27",
        '"\\u0000"',
        '"random"',
        '"asha"',
        "[0, 1]",
        "{eta = 4}",
        "{eta = nan}",
        "'ray",
    ),
]
TOML_KEYS = [*protocol.TOP_LEVEL_KEYS, *protocol.WORKLOAD_KEYS, *protocol.METHOD_KEYS, "unknown", '"a b"', "a.b", "="]


@fuzz
@given(
    top=st.lists(st.tuples(st.sampled_from(TOML_KEYS), st.sampled_from(LITERALS)), max_size=3),
    method=st.lists(st.tuples(st.sampled_from(TOML_KEYS), st.sampled_from(LITERALS)), max_size=2),
    workload=st.lists(st.tuples(st.sampled_from(TOML_KEYS), st.sampled_from(LITERALS)), max_size=2),
    garbage=st.one_of(st.just(""), st.text(max_size=20)),
    position=st.integers(0, 200),
)
def test_protocols(  # noqa: PLR0917 - what hypothesis draws
    top: Any, method: Any, workload: Any, garbage: str, position: int, folder: Path
) -> None:
    usual = {"schema": "1", "budget": "2", "method_seeds": '"0-1"'}
    lines = [f"{key} = {value}" for key, value in {**usual, **dict(top)}.items()]
    lines += ["[methods.asha]", *(f"{key} = {value}" for key, value in method)]
    lines += ['[workloads."synthetic/branin"]', *(f"{key} = {value}" for key, value in workload)]
    text = "\n".join(lines)
    file = folder / "protocol.toml"
    file.write_text(text[:position] + garbage + text[position:], encoding="utf-8", errors="replace")
    try:
        read = protocol.read(file)
        if sum(len(one.method_seeds) for one in read.workloads) < 50:
            plan.plan(read)
    except RaytuneSuiteError as error:
        assert len(str(error)) < 5000  # noqa: PT017 - bounded


AWS = str(CLUSTERS[0])
RUN = [
    "run",
    "synthetic/branin",
    "--engine",
    "simulated",
    "--budget",
    "1",
    "--storage-path",
    "studies",
    "--test-seeds",
    "none",
]
TEMPLATES = [
    *([*RUN, option, "VALUE"] for option in ("--method", "--arg", "--seed", "--workers", "--max-concurrent", "--name")),
    *([*RUN, option, "VALUE"] for option in ("--num-samples", "--time-limit", "--tuning-seeds", "--format", "--plot")),
    *([*RUN, "--arg", f"{name}=VALUE"] for name in ("eta", "min_t", "brackets", "points_to_evaluate")),
    ["run", "VALUE", *RUN[2:]],
    [*RUN[:-3], "VALUE"],
    ["list", "VALUE"],
    ["list", "methods", "--format", "VALUE"],
    ["diff", "VALUE", "VALUE"],
    ["data", "list", "--folder", "VALUE"],
    ["bench", "report", "VALUE"],
    ["bench", "verify", "VALUE", "--sample", "1"],
    ["cluster", "check", "VALUE"],
    *(["cluster", "check", AWS, option, "VALUE"] for option in ("--study", "--gpus-per-trial", "--storage-path")),
    *(["cluster", "render", AWS, "--set", f"{name}=VALUE"] for name in ("region", "gpu_1.max_workers", "x", "image")),
    ["cluster", "render", AWS, "--set", "VALUE"],
    ["VALUE", "VALUE"],
]
WORDS = [
    *(
        "0",
        "1",
        "-1",
        "2.5",
        "nan",
        "inf",
        "1e400",
        "{}",
        "[",
        "[1]",
        '{"a": 1}',
        "null",
        "true",
        "x",
        "",
        ".",
        "..",
        "/",
    ),
    *(
        "/proc/x",
        "/dev/null",
        "-",
        "--",
        "--help",
        "a=b",
        "=",
        "min_t=2",
        "9" * 5000,
        "[" * 5000,
        "random+asha",
        "studies",
    ),
]


@fuzz
@given(
    template=st.sampled_from(TEMPLATES),
    words=st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=10)), min_size=2, max_size=2),
    extra=st.lists(st.sampled_from(WORDS), max_size=1),
)
def test_command_lines(template: list[str], words: list[str], extra: list[str], folder: Path) -> None:
    assert folder.exists()
    line = [part.replace("VALUE", word) for part, word in zip(template, words * len(template), strict=False)]
    try:
        status: Any = main([*line, *extra])
    except SystemExit as end:  # argparse
        status = end.code
    assert status in (0, 1, 2, None), line


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in nested dicts and lists."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from paths(one, (*path, key))


DOCUMENTS = {file: list(yaml.safe_load_all(file.read_text(encoding="utf-8"))) for file in CLUSTERS}
YAML_VALUES = st.one_of(
    st.none(),
    st.sampled_from([n for n in NUMBERS if not isinstance(n, complex)]),
    st.sampled_from([text for text in TEXTS if text.isprintable()]),
    st.sampled_from(
        [[], {}, [1], {"a": 1}, {1: 2}, [None], [[]], [{}], dt.date(2024, 1, 1), "10 Gi", "1000m", "-", "${x}"]
    ),
)


@fuzz
@given(
    file=st.sampled_from(CLUSTERS),
    changes=st.lists(st.tuples(st.integers(0, 10**6), YAML_VALUES, st.booleans()), min_size=1, max_size=3),
)
def test_cluster_files(file: Path, changes: list[tuple[int, Any, bool]], folder: Path) -> None:
    documents = copy.deepcopy(DOCUMENTS[file])
    for position, value, removes in changes:
        places = list(paths(documents))[1:]
        *above, last = places[position % len(places)]
        parent: Any = documents
        for step in above:
            parent = parent[step]
        if removes:
            del parent[last]
        else:
            parent[last] = value
    changed = folder / file.name
    changed.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    try:
        checks.check(changed)
    except RaytuneSuiteError as error:
        assert len(str(error)) < 5000  # noqa: PT017 - bounded
