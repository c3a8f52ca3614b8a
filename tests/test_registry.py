"""The registry of named things."""

from __future__ import annotations

from typing import Any

import pytest

from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.registry import Registry


@pytest.fixture
def codecs() -> Registry[Any]:
    registry: Registry[Any] = Registry("codec")
    registry.add("json", "json:loads")
    registry.add("missing", "no_such_module:thing")
    return registry


def test_an_entry_is_loaded_when_it_is_asked_for(codecs: Registry[Any]) -> None:
    assert codecs["json"]("[1]") == [1]
    assert codecs.place("missing") == "no_such_module:thing"
    with pytest.raises(ModuleNotFoundError):
        codecs["missing"]


def test_it_is_a_collection_of_names(codecs: Registry[Any]) -> None:
    assert list(codecs) == ["json", "missing"]
    assert len(codecs) == 2
    assert "json" in codecs
    assert "yaml" not in codecs
    assert 3 not in codecs


def test_a_collision_is_refused(codecs: Registry[Any]) -> None:
    with pytest.raises(ArgumentError, match=r"a codec named 'json' is registered already: json:loads"):
        codecs.add("json", "other:loads")
    assert codecs.place("json") == "json:loads"


@pytest.mark.parametrize("name", ["", "JSON", "a+b", " json", "json "])
def test_a_name_that_could_not_be_composed_is_refused(codecs: Registry[Any], name: str) -> None:
    with pytest.raises(ArgumentError, match="cannot name a codec"):
        codecs.add(name, "json:loads")


def test_an_unknown_name_is_refused_with_a_near_one(codecs: Registry[Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown codec 'jsno': did you mean 'json'\?"):
        codecs["jsno"]
    with pytest.raises(UnknownNameError, match=r"unknown codec 'xyz'; known: json, missing"):
        codecs.place("xyz")
