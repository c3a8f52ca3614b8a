"""Errors name the value and the remedy, and survive a pickle."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from raytune_suite import errors, optional, types
from raytune_suite.errors import ArgumentError, MissingPackageError, RaytuneSuiteError, UnknownNameError

ALL = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, RaytuneSuiteError) and member is not RaytuneSuiteError
]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_one_of_ours_and_a_usual_one(kind: type[Exception]) -> None:
    usual = [base for base in kind.__mro__ if base.__module__ == "builtins" and base not in (Exception, BaseException)]
    assert len(usual) > 1, "a caller may catch it without knowing this package"
    assert kind.__doc__


def test_an_unknown_name_suggests_a_near_one_and_survives_a_pickle() -> None:
    error = UnknownNameError("method", "hyperbnad", ["asha", "hyperband"])
    assert str(error) == "unknown method 'hyperbnad': did you mean 'hyperband'?"
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert vars(again) == vars(error)
    assert (str(again), again.suggestion) == (str(error), "hyperband")
    assert UnknownNameError("method", "toy", ["asha"], suggestion="toy+fifo").suggestion == "toy+fifo"
    assert UnknownNameError("method", "toy", ["asha"]).suggestion is None


@pytest.mark.parametrize(
    ("name", "known", "tail"),
    [
        ("debh", ["dehb", "bohb"], ": did you mean 'dehb'?"),
        ("x", ["dehb", "bohb"], "; known: dehb, bohb"),
        ("x", [], "; none is known"),
    ],
)
def test_near_names(name: str, known: list[str], tail: str) -> None:
    assert errors.near(name, known) == tail


def test_a_missing_package_is_told_with_the_extra() -> None:
    with pytest.raises(MissingPackageError, match=r"'no_such_package'.*pip install 'raytune-suite\[gp\]'"):
        optional.require("no_such_package.inner", extra="gp")
    assert optional.require("json", extra="gp").dumps([]) == "[]"


@pytest.mark.parametrize("extra", list(optional.EXTRAS))
def test_the_extras_are_known(extra: str) -> None:
    assert isinstance(optional.available(extra), bool)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (0.5, 0.5),
        (np.float32(0.5), 0.5),
        (np.array(2), 2.0),
        (torch.tensor(0.25), 0.25),
        (True, None),
        (None, None),
        ("1", None),
        (b"1", None),
        ([1.0], None),
        ({}, None),
        (1j, None),
    ],
    ids=repr,
)
def test_what_counts_as_a_number(value: Any, number: float | None) -> None:
    assert types.as_number(value) == number


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None, "x", True, np.nan])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_what_is_no_finite_number_has_failed(value: Any, mode: types.Mode) -> None:
    assert types.as_loss(value, mode) == types.FAILED
    assert types.Observation("t", {}, 1, types.as_loss(value, mode), final=True).failed


def test_a_loss_is_turned_so_that_less_is_better() -> None:
    assert (types.as_loss(2, "min"), types.as_loss(2, "max")) == (2.0, -2.0)


@pytest.mark.parametrize("mode", [None, "", "MIN", "minimum", 1])
def test_a_mode_is_min_or_max(mode: Any) -> None:
    with pytest.raises(ArgumentError, match=r"`mode` is .*, but must be 'min' or 'max'"):
        types.check_mode(mode)
    assert [types.check_mode(name) for name in ("min", "max")] == ["min", "max"]
