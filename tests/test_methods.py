"""What `make_method` says and rejects; that every method works is tested in tests/conformance."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

from raytune_suite.errors import ArgumentError, SpaceError, UnknownNameError
from raytune_suite.methods import METHODS, make_method, options, parts
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS

if TYPE_CHECKING:
    from raytune_suite.registry import Registry

SPACE = {"lr": tune.loguniform(1e-4, 1.0)}


def test_a_name_is_a_method_or_a_pair() -> None:
    assert parts("asha") == ("random", "asha")
    assert parts("tpe+asha") == ("tpe", "asha")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ahsa", r"unknown method 'ahsa': did you mean 'asha'\?"),
        ("ASHA", r"unknown method 'ASHA': did you mean 'asha'\?"),
        ("tpe-asha", r"unknown method 'tpe-asha': did you mean 'tpe\+asha'\?"),
        ("tep+asha", r"unknown searcher 'tep': did you mean 'tpe'\?"),
        ("tpe+ahsa", r"unknown scheduler 'ahsa': did you mean 'asha'\?"),
        ("+", r"unknown searcher ''"),
        ("tpe+asha+asha", r"unknown scheduler 'asha\+asha'"),
        ("", r"unknown method ''"),
    ],
)
def test_an_unknown_name_is_rejected_by_its_part(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        make_method(name, SPACE)


@pytest.mark.parametrize(
    ("registry", "like", "suggestion"),
    [
        (SEARCHERS, "random", "toy+fifo"),
        (SEARCHERS, "random-fidelity", "toy+assigned"),
        (SCHEDULERS, "asha", "random+toy"),
        (SCHEDULERS, "assigned", "random-fidelity+toy"),
    ],
)
def test_a_searcher_or_scheduler_alone_suggests_a_pair_that_works(
    registry: Registry[Any], like: str, suggestion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_places", {**registry._places, "toy": registry.place(like)})
    with pytest.raises(UnknownNameError) as caught:
        make_method("toy", SPACE, max_t=9)
    assert (caught.value.kind, caught.value.name, caught.value.suggestion) == ("method", "toy", suggestion)
    assert f"'{suggestion}'" in str(caught.value)
    assert make_method(suggestion, SPACE, max_t=9).name == suggestion


@pytest.mark.parametrize("name", [None, 3, SCHEDULERS])
def test_what_is_no_name_is_rejected(name: Any) -> None:
    with pytest.raises(ArgumentError, match=r"`method` is .*, but must be a name"):
        make_method(name, SPACE)


def test_a_misspelt_argument_is_not_swallowed() -> None:
    with pytest.raises(UnknownNameError, match=r"argument of method 'asha': 'etaa': did you mean 'eta'\?"):
        make_method("asha", SPACE, max_t=9, etaa=4)
    with pytest.raises(UnknownNameError, match=r"'gamma'.*known: .*eta"):
        make_method("asha", SPACE, max_t=9, gamma=0.1)


def test_a_scheduler_before_its_searcher_is_rejected_with_the_right_order() -> None:
    with pytest.raises(UnknownNameError) as caught:
        make_method("asha+tpe", SPACE, max_t=9)
    assert caught.value.suggestion == "tpe+asha"


@pytest.mark.parametrize(("argument", "value"), [("eta", 1), ("min_t", 0), ("brackets", 99)])
def test_an_argument_that_cannot_be_is_rejected_by_name(argument: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`{argument}` is {value}"):
        make_method("asha", SPACE, max_t=9, **{argument: value})


def test_arguments_reach_the_part_that_takes_them() -> None:
    method = make_method("tpe+asha", SPACE, max_t=16, eta=4, candidates=30, points_to_evaluate=[{"lr": 0.5}])
    assert tuple(method.scheduler.levels) == (1.0, 4.0, 16.0)
    assert getattr(method.searcher, "candidates", None) == 30


def test_the_options_are_those_beyond_the_common_ones() -> None:
    assert options(SCHEDULERS["asha"]) == ("min_t", "eta", "brackets")
    assert options(SEARCHERS["tpe"]) == ("n_initial", "random_fraction", "candidates", "points_to_evaluate")


def test_a_space_may_come_later_but_not_to_a_population() -> None:
    assert make_method("asha", max_t=9).searcher.metric is None
    with pytest.raises(ArgumentError, match="a population method needs `space`"):
        make_method("pbt", max_t=9)


def test_a_space_is_rejected_by_the_part_that_cannot_serve_it() -> None:
    conditional = {"optimizer": tune.choice([{"name": "a", "x": tune.uniform(0, 1)}, {"name": "b"}])}
    with pytest.raises(SpaceError, match=r"BayesOptSearcher .*'optimizer\[0\]/x'"):
        make_method("bayesopt", conditional)
    with pytest.raises(SpaceError, match="a population method"):
        make_method("pbt", conditional, max_t=9)


@pytest.mark.e2e
def test_names_and_summaries_are_told_without_loading_any_package() -> None:
    program = (
        "import sys, raytune_suite; from raytune_suite.methods import METHODS; "
        "assert len(METHODS) > 5; "
        "heavy = {'torch', 'hyperopt', 'bayes_opt', 'sklearn', 'matplotlib', 'ConfigSpace'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - our own program
    assert all(recipe.summary[0].islower() or recipe.summary[0] in "BH" for recipe in METHODS.values())
    assert len({recipe.summary for recipe in METHODS.values()}) == len(METHODS)
