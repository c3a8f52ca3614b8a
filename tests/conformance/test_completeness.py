"""Registries and files match one to one, so that everything is tested and nothing is unused."""

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
    """The places of the final classes of a package that can be created from the common arguments alone.

    A class that requires another argument, such as the replay of a lineage, is a tool: methods are created from names.
    """
    places = set()
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for name, member in inspect.getmembers(importlib.import_module(info.name), inspect.isclass):
            own = member.__module__ == info.name and issubclass(member, base)
            if (
                own
                and not inspect.isabstract(member)
                and getattr(member, "__final__", False)
                and not requires_arguments(member)
            ):
                places.add(f"{info.name}:{name}")
    return places


def requires_arguments(member: type[Any]) -> bool:
    """Whether a class has a required argument."""
    parameters = inspect.signature(member).parameters.values()
    return any(p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters)


@FAMILIES
def test_every_final_class_is_registered_once(package: ModuleType, registry: Registry[Any], base: type[Any]) -> None:
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
def test_every_class_declares_its_capabilities(package: ModuleType, registry: Registry[Any], base: type[Any]) -> None:
    for cls in map(registry.__getitem__, registry):
        assert cls.features, f"a {base.__name__} of {package.__name__} supports no space"
        assert cls.extra is None or cls.extra in optional.EXTRAS
        assert cls.__doc__
        assert cls.__doc__.strip().splitlines()[0].endswith("."), "the first line is what `list` prints"


def test_the_parts_of_every_method_are_registered() -> None:
    assert {recipe.searcher for recipe in METHODS.values()} <= set(SEARCHERS)
    assert {recipe.scheduler for recipe in METHODS.values()} <= set(SCHEDULERS)


def test_every_public_name_loads() -> None:
    assert 0 < len(raytune_suite.__all__) <= 30
    for name in raytune_suite.__all__:
        assert getattr(raytune_suite, name) is not None
    assert set(raytune_suite.__all__) < set(dir(raytune_suite))
    with pytest.raises(AttributeError, match="tuna"):
        getattr(raytune_suite, "tuna")  # noqa: B009 - mypy knows that there is none
