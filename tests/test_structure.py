"""The shape of the package: names defined once, short files and functions, Ray's private modules in one place."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1] / "raytune_suite"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "clusters" not in path.parts)
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

PRIVATE_MODULES = re.compile(
    r"ray\._private|ray\.\w+(\.v2)?\._internal|ray\._raylet|ray\.core\.generated|ray\.autoscaler\.(_private|v2)"
    r"|ray\.experimental\.internal_kv|ray\.tune\.execution"
)
"""Modules that Ray does not document; `ray.tune.schedulers`, `.search`, `.experiment` and the like are documented."""


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements in a node, at any depth; to look at expressions, too, would take three times as long."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield inner
            yield from statements(inner)


@pytest.fixture(scope="module")
def definitions() -> list[tuple[str, Definition]]:
    """All classes and functions, each with the name of its file."""
    return [
        (name, node)
        for name, path in zip(NAMES, FILES, strict=True)
        for node in statements(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, Definition)
    ]


def test_a_class_name_is_defined_once(definitions: list[tuple[str, Definition]]) -> None:
    names = Counter(node.name for _, node in definitions if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_a_file_has_at_most_450_lines() -> None:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in zip(NAMES, FILES, strict=True)}
    assert {name: count for name, count in lines.items() if count > 450} == {}


def test_a_function_has_at_most_80_lines(definitions: list[tuple[str, Definition]]) -> None:
    functions = [(file, node) for file, node in definitions if not isinstance(node, ast.ClassDef)]
    lines = {f"{file}: {node.name}": (node.end_lineno or 0) - node.lineno + 1 for file, node in functions}
    assert {name: count for name, count in lines.items() if count > 80} == {}


def test_private_modules_of_ray_are_used_in_three_files_and_in_the_simulated_controller() -> None:
    users = {
        name
        for name, path in zip(NAMES, FILES, strict=True)
        if any(
            PRIVATE_MODULES.search(line)
            for line in path.read_text(encoding="utf-8").splitlines()
            if "import" in line and not line.lstrip().startswith(("#", "`"))
        )
    }
    assert {name for name in users if not name.startswith("engines/simulated/")} == {
        "engines/ray/internals.py",
        "engines/ray/state_internals.py",
        "engines/ray/train_internals.py",
    }
