"""A fuzzer of what a user writes into files and command lines: protocols, commands, cluster files.

It accepts success, a RaytuneSuiteError, or an exit status from 0 to 2, in bounded time.
"""

from __future__ import annotations

import copy
import datetime as dt
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types
from hypothesis import assume, given
from hypothesis import strategies as st

from raytune_suite.bench import plan, protocol
from raytune_suite.cli import main
from raytune_suite.cluster import checks
from raytune_suite.errors import RaytuneSuiteError
from tests.faults.fuzzing import NUMBERS, TEXTS, fuzz

if TYPE_CHECKING:
    from collections.abc import Iterator

CLUSTERS = sorted((Path(__file__).parents[2] / "clusters").glob("**/*.yaml"))

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
@pytest.mark.slow
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


@functools.cache
def documents_in(file: Path) -> list[Any]:
    """The documents of a cluster file; the loader in C is ten times as fast, if there is one."""
    return list(yaml.load_all(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


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
    documents = copy.deepcopy(documents_in(file))
    for position, value, removes in changes:
        places = list(paths(documents))[1:]
        assume(places)
        *above, last = places[position % len(places)]
        parent: Any = documents
        for step in above:
            parent = parent[step]
        if removes:
            del parent[last]
        else:
            parent[last] = value
    changed = folder / file.name
    text = yaml.dump_all(documents, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    changed.write_text(text, encoding="utf-8")
    try:
        checks.check(changed)
    except RaytuneSuiteError as error:
        assert len(str(error)) < 5000  # noqa: PT017 - bounded
