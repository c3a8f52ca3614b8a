"""Every example in a docstring runs and says what happens."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import raytune_suite

MODULES = [module.name for module in pkgutil.walk_packages(raytune_suite.__path__, "raytune_suite.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
