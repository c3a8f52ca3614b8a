"""Every example in a docstring runs and says what happens."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import raytune_suite

PACKAGE = Path(raytune_suite.__file__).parent
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
"""The modules with examples."""


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
