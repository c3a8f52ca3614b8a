"""Files of the installed Ray, read without importing it, which takes longer than a whole check."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def read_of_ray(*parts: str) -> str:
    """Return the text of a file of the installed package `ray`.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
    """
    spec = find_spec("ray")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("Ray is not installed: run `pip install 'ray[tune]'`", name="ray")
    return Path(next(iter(spec.submodule_search_locations)), *parts).read_text(encoding="utf-8")
