"""The registry of named objects, and the entry points of other packages."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite.errors import ArgumentError, PluginError, UnknownNameError
from raytune_suite.registry import Registry
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS
from raytune_suite.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GROUP = "raytune_suite_test.codecs"


@pytest.fixture
def codecs() -> Registry[Any]:
    return codecs_with_plugins(group=None)


def codecs_with_plugins(**arguments: Any) -> Registry[Any]:
    registry: Registry[Any] = Registry("codec", **{"group": GROUP, **arguments})
    registry.add("json", "json:loads")
    registry.add("missing", "no_such_module:thing")
    return registry


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a distribution with a module of its name, made of `source`, and with entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, entry_points: dict[str, str], source: str = "", group: str = GROUP) -> None:
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {value}\n" for key, value in entry_points.items()]
        (folder / "entry_points.txt").write_text(f"[{group}]\n{''.join(lines)}")

    return make


def test_an_entry_is_loaded_when_it_is_used(codecs: Registry[Any]) -> None:
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


def test_a_collision_is_rejected(codecs: Registry[Any]) -> None:
    with pytest.raises(ArgumentError, match=r"'json'.*json:loads"):
        codecs.add("json", "other:loads")
    assert codecs.place("json") == "json:loads"


@pytest.mark.parametrize("name", ["", "JSON", "a+b", " json", "json "])
def test_a_name_that_cannot_be_part_of_a_composed_name_is_rejected(codecs: Registry[Any], name: str) -> None:
    with pytest.raises(ArgumentError, match="codec"):
        codecs.add(name, "json:loads")


def test_an_unknown_name_is_rejected_with_a_suggestion(codecs: Registry[Any]) -> None:
    with pytest.raises(UnknownNameError, match="'json'") as caught:
        codecs["jsno"]
    assert (caught.value.kind, caught.value.name, caught.value.known) == ("codec", "jsno", ("json", "missing"))
    with pytest.raises(UnknownNameError, match="json, missing"):
        codecs.place("xyz")


def test_a_plugin_is_an_entry_like_any_other(install: Callable[..., None]) -> None:
    install("toy_codec", {"toy": "toy_codec:decode", "pair": "toy_codec:Inner.decode"}, """
def decode(text):
    return "toy " + text
class Inner:
    decode = staticmethod(decode)
""")  # fmt: skip
    codecs = codecs_with_plugins()
    assert list(codecs) == ["json", "missing", "pair", "toy"]
    assert len(codecs) == 4
    assert "toy" in codecs
    assert codecs.place("toy") == "toy_codec:decode"
    assert "toy_codec" not in sys.modules, "not imported before it is used"
    assert codecs["toy"]("x") == codecs["pair"]("x") == "toy x"
    with pytest.raises(UnknownNameError, match="'toy'"):
        codecs["tox"]


def test_entry_points_are_read_once_and_only_when_needed(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    read = metadata.entry_points

    def counted(group: str) -> Any:
        reads.append(group)
        return read(group=group)

    monkeypatch.setattr(metadata, "entry_points", counted)
    install("toy_codec", {"toy": "toy_codec:decode"})
    codecs = codecs_with_plugins()
    assert reads == []
    assert (list(codecs), "toy" in codecs) == (["json", "missing", "toy"], True)
    assert reads == [GROUP]


def test_a_plugin_with_the_name_of_a_built_in_entry_is_an_error_that_names_both(install: Callable[..., None]) -> None:
    install("rival_codec", {"json": "rival_codec:loads", "rival": "rival_codec:loads"}, "loads = 1")
    codecs = codecs_with_plugins()
    assert list(codecs) == ["json", "missing", "rival"]
    assert "json" in codecs
    with pytest.raises(PluginError, match=r"rival_codec:loads.*'rival_codec'.*json:loads"):
        codecs["json"]
    assert codecs["rival"] == 1, "only the name in conflict is affected"


def test_two_plugins_with_the_same_name_are_an_error_that_names_both(install: Callable[..., None]) -> None:
    install("first_codec", {"toy": "first_codec:decode", "fine": "first_codec:decode"}, "decode = 1")
    install("second_codec", {"toy": "second_codec:decode"}, "decode = 2")
    codecs = codecs_with_plugins()
    assert list(codecs) == ["json", "missing", "fine"]
    with pytest.raises(PluginError, match=r"'second_codec'.*'first_codec'"):
        codecs["toy"]
    assert codecs["fine"] == 1


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("broken_codec:decode", "import no_such_module"),
        ("broken_codec:decode", "raise RuntimeError('at import')"),
        ("broken_codec:decode", ""),
        ("no_such_module:decode", ""),
    ],
)
def test_a_broken_plugin_fails_alone_and_only_when_it_is_used(
    value: str, source: str, install: Callable[..., None]
) -> None:
    install("broken_codec", {"broken": value}, source)
    install("toy_codec", {"toy": "toy_codec:decode"}, "decode = 1")
    codecs = codecs_with_plugins()
    assert list(codecs) == ["json", "missing", "broken", "toy"]
    assert codecs["toy"] == 1
    assert codecs["json"]("1") == 1
    with pytest.raises(PluginError, match=f"broken = '{value}'.*'broken_codec'"):
        codecs["broken"]


def test_a_plugin_must_be_a_subclass_of_the_base(install: Callable[..., None]) -> None:
    install("toy_codec", {"function": "toy_codec:decode", "class": "toy_codec:Codec"}, """
decode = print
class Codec(dict):
    pass
""")  # fmt: skip
    codecs = codecs_with_plugins(base=dict)
    assert codecs["class"].__name__ == "Codec"
    with pytest.raises(PluginError, match=r"toy_codec:decode.*dict"):
        codecs["function"]


def test_a_plugin_with_an_invalid_name_is_rejected(install: Callable[..., None]) -> None:
    install("loud_codec", {"LOUD": "loud_codec:decode"})
    codecs = codecs_with_plugins()
    assert list(codecs) == ["json", "missing"]
    with pytest.raises(PluginError, match=r"LOUD.*'loud_codec'"):
        codecs["LOUD"]


@pytest.mark.parametrize(
    ("registry", "group"),
    [
        (SEARCHERS, "raytune_suite.searchers"),
        (SCHEDULERS, "raytune_suite.schedulers"),
        (WORKLOADS, "raytune_suite.workloads"),
    ],
    ids=["searchers", "schedulers", "workloads"],
)
def test_searchers_schedulers_and_workloads_have_a_group(
    registry: Registry[Any], group: str, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_plugins", None)
    name = next(iter(registry))
    install("toy_package", {"toy/thing": registry.place(name)}, group=group)
    monkeypatch.setattr(registry, "_plugins", None)
    assert "toy/thing" in registry
    assert registry["toy/thing"] is registry[name]
