"""The table of options of `ray start` is that of the installed Ray."""

from __future__ import annotations

import pytest
from ray.scripts.scripts import start

from raytune_suite.cluster.ray_start import OPTIONS, REMOVED, Kind

KIND_OF_TYPE: dict[str, Kind] = {
    "integer": "integer",
    "float": "number",
    "boolean": "boolean",
    "text": "text",
    "choice": "text",
    "loads": "json",
}


def test_the_table_has_the_options_of_ray() -> None:
    flags = {"verbose"}
    expected: dict[str, Kind] = {"resources": "json", "verbose": "flag"}
    for option in start.params:
        name = max(option.opts, key=len).lstrip("-")
        if name not in expected and name not in {*flags, "v"}:
            expected[name] = "flag" if getattr(option, "is_flag", False) else KIND_OF_TYPE[option.type.name]
    assert expected == OPTIONS


@pytest.mark.parametrize("name", REMOVED)
def test_removed_options_are_gone(name: str) -> None:
    assert name not in OPTIONS
