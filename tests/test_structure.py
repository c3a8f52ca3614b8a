"""The shape of the package: names defined once, short files and functions, Ray's private modules in one place."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "raytune_suite"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "clusters" not in path.parts)
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]

PRIVATE_MODULES = re.compile(
    r"ray\._private|ray\.\w+\._internal|ray\._raylet|ray\.core\.generated|ray\.autoscaler\.(_private|v2)"
    r"|ray\.experimental\.internal_kv|ray\.tune\.execution"
)
"""Modules that Ray does not document; `ray.tune.schedulers`, `.search`, `.experiment` and the like are documented."""


@pytest.fixture(params=FILES, ids=NAMES)
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_a_class_name_is_defined_once() -> None:
    names = Counter(
        node.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_a_file_has_at_most_450_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 450


def test_a_function_has_at_most_80_lines(file: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions if node.end_lineno is not None}
    assert {name: lines for name, lines in long.items() if lines > 80} == {}


def test_private_modules_of_ray_are_used_in_one_file_and_in_the_simulated_controller() -> None:
    users = {
        name
        for name, path in zip(NAMES, FILES, strict=True)
        if any(
            PRIVATE_MODULES.search(line)
            for line in path.read_text(encoding="utf-8").splitlines()
            if "import" in line and not line.lstrip().startswith(("#", "`"))
        )
    }
    assert {name for name in users if not name.startswith("engines/simulated/")} == {"engines/ray/internals.py"}
