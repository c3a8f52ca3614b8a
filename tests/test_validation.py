"""Requirements of arguments: what they accept, what they reject, and what the error says."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from raytune_suite.errors import ArgumentError, UnknownNameError, shown
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS
from raytune_suite.validation import (
    check_fields,
    checked,
    flag,
    instance,
    integer,
    mapping,
    number,
    one_of,
    optional,
    sequence,
    text,
)

ACCEPTED: list[tuple[Any, Any, Any]] = [
    (integer(1), np.int64(3), 3),
    (integer(), -5, -5),
    (number(least=0), np.float32(0.5), 0.5),
    (number(above=1), 3, 3),
    (number(infinite=True), math.inf, math.inf),
    (optional(integer(1)), None, None),
    (sequence(integer(0), "seeds"), range(3), (0, 1, 2)),
    (sequence(integer(0), "seeds"), np.arange(2), (0, 1)),
    (mapping("a dict"), {"a": 1}, {"a": 1}),
    (one_of("min", "max"), np.str_("min"), "min"),
]

REJECTED: list[tuple[Any, Any]] = [
    *((integer(1), value) for value in (0, True, 1.0, "1", None, math.nan, [1], 10**30, np.bool_(True))),
    *((number(least=0), value) for value in (-1, True, "1", math.nan, math.inf, None, 10**400, 1j, np.array([1.0]))),
    (number(above=0, below=1), 0),
    (number(above=0, below=1), 1),
    (number(most=1), 1.5),
    *((text(), value) for value in ("", " ", "a\0", "a\nb", 5, None, "x" * 300)),
    *((flag(), value) for value in (0, 1, None, "yes")),
    *((sequence(integer(0), "seeds"), value) for value in ("01", b"01", {"a": 1}, 5, None, [0, -1])),
    (sequence(integer(0), "seeds", most=10), range(10**9)),
    *((mapping("a dict"), value) for value in ({1: 2}, [("a", 1)], "a", None)),
    *((one_of("min", "max"), value) for value in ("MIN", None, np.zeros(2))),
    (instance(dict, "a dict"), []),
]


@pytest.mark.parametrize(("requirement", "value", "expected"), ACCEPTED)
def test_values_become_native(requirement: Any, value: Any, expected: Any) -> None:
    result = requirement.check("x", value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(("requirement", "value"), REJECTED)
def test_other_values_are_rejected_with_name_value_and_requirement(requirement: Any, value: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        requirement.check("x", value)
    assert (caught.value.name, caught.value.requirement) == ("x", requirement.allowed)
    assert caught.value.value == shown(value)
    assert str(caught.value).startswith("`x` is ")


def test_an_error_survives_a_pickle() -> None:
    error = ArgumentError.invalid("eta", 1, "more", "raise it")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), vars(again)) == (str(error), vars(error))
    assert again.fix == "raise it"


def test_a_value_is_shown_in_one_short_line_whatever_it_is() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown(Broken()) == "an object of Broken"
    assert len(shown("a" * 10**6)) <= 210
    assert "\n" not in shown(np.zeros((50, 50)))


def test_a_decorated_function_checks_what_it_is_called_with() -> None:
    @checked(size=integer(1), rate=number(above=0))
    def make(size: int, *, rate: float = 0.5, **others: Any) -> tuple[Any, ...]:
        return size, rate, others

    assert make(np.int64(2), rate=1, more=3) == (2, 1, {"more": 3})  # type: ignore[arg-type] # numpy's count as numbers
    for arguments in ({"size": 0}, {"size": 1, "rate": math.nan}, {}):
        with pytest.raises(ArgumentError):
            make(**arguments)


def test_misspelled_arguments_are_rejected_with_a_suggestion() -> None:
    @checked(size=integer(1))
    def make(size: int = 1) -> int:
        return size

    with pytest.raises(UnknownNameError) as caught:
        make(sise=3)  # type: ignore[call-arg] # on purpose
    assert caught.value.suggestion == "size"
    sides: list[Any] = [SEARCHERS["random"], SCHEDULERS["fifo"]]
    for side in sides:
        with pytest.raises(UnknownNameError) as caught:
            side(sead=3)
        assert caught.value.suggestion == "seed"


def test_the_fields_of_a_dataclass_are_checked() -> None:
    @dataclass(frozen=True)
    class Options:
        size: int = 1

        def __post_init__(self) -> None:
            check_fields(self, size=integer(1))

    assert type(Options(np.int64(2)).size) is int  # type: ignore[arg-type] # numpy's count as numbers
    with pytest.raises(ArgumentError):
        Options(0)


@pytest.mark.parametrize("side", [*SEARCHERS, *SCHEDULERS])
def test_every_searcher_and_scheduler_declares_all_its_arguments(side: str) -> None:
    from raytune_suite.methods import options

    for registry in (SEARCHERS, SCHEDULERS):
        if side in registry:
            constructors = [vars(base).get("__init__") for base in registry[side].__mro__]
            declared = {name for each in constructors for name in getattr(each, "requirements", {})}
            assert set(options(registry[side])) - {"points_to_evaluate"} <= declared
