"""Registries and files match one to one, so that nothing is untested and nothing is dead."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

import pytest

import raytune_suite
from raytune_suite import optional, schedulers, searchers
from raytune_suite.methods import METHODS
from raytune_suite.schedulers import SCHEDULERS, StudyScheduler
from raytune_suite.searchers import SEARCHERS, AskTellSearcher

if TYPE_CHECKING:
    from types import ModuleType

    from raytune_suite.registry import Registry

FAMILIES = pytest.mark.parametrize(
    ("package", "registry", "base"),
    [(searchers, SEARCHERS, AskTellSearcher), (schedulers, SCHEDULERS, StudyScheduler)],
    ids=["searchers", "schedulers"],
)


def leaves(package: ModuleType, base: type[Any]) -> set[str]:
    """Where each finished class of a package is that can be made from the common arguments alone.

    One that needs an argument of its own, as the replay of a given lineage does, is a tool and cannot be a part of a
    method, which is made from names.
    """
    found = set()
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for name, member in inspect.getmembers(importlib.import_module(info.name), inspect.isclass):
            own = member.__module__ == info.name and issubclass(member, base)
            if own and not inspect.isabstract(member) and getattr(member, "__final__", False) and not demands(member):
                found.add(f"{info.name}:{name}")
    return found


def demands(member: type[Any]) -> bool:
    """Whether a class has an argument that must be given."""
    given = inspect.signature(member).parameters.values()
    return any(p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in given)


@FAMILIES
def test_every_finished_class_is_registered_once(package: ModuleType, registry: Registry[Any], base: type[Any]) -> None:
    places = [registry.place(name) for name in registry]
    assert sorted(places) == sorted(leaves(package, base))


@FAMILIES
def test_every_class_is_abstract_or_final(package: ModuleType, registry: Registry[Any], base: type[Any]) -> None:
    final = [registry[name] for name in registry]
    for cls in final:
        assert not inspect.isabstract(cls)
        assert cls.__final__
        assert cls.__module__.startswith(f"{package.__name__}.")
        assert issubclass(cls, base)
    assert len(set(final)) == len(final)


@FAMILIES
def test_every_class_declares_what_it_is(package: ModuleType, registry: Registry[Any], base: type[Any]) -> None:
    for cls in map(registry.__getitem__, registry):
        assert cls.features, f"a {base.__name__} of {package.__name__} serves no space"
        assert cls.extra is None or cls.extra in optional.EXTRAS
        assert cls.__doc__
        assert cls.__doc__.strip().splitlines()[0].endswith("."), "the first line is what `list` prints"


def test_the_parts_of_every_method_are_registered() -> None:
    assert {recipe.searcher for recipe in METHODS.values()} <= set(SEARCHERS)
    assert {recipe.scheduler for recipe in METHODS.values()} <= set(SCHEDULERS)


def test_every_public_name_loads() -> None:
    assert 0 < len(raytune_suite.__all__) <= 20
    for name in raytune_suite.__all__:
        assert getattr(raytune_suite, name) is not None
    assert set(raytune_suite.__all__) < set(dir(raytune_suite))
    with pytest.raises(AttributeError, match="tuna"):
        getattr(raytune_suite, "tuna")  # noqa: B009 - mypy knows that there is none
