"""Packages that tests need, imported when a test first uses them.

Every worker collects all tests of `make quick`, and would import matplotlib for that, although none of them plots.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import pytest


class Later:
    """A module that is imported when one of its attributes is first read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):  # pytest looks for its own attributes
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)


def needed(name: str) -> Any:
    """A package; the tests of the calling module are skipped if it is missing."""
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed", allow_module_level=True)
    return Later(name)
