"""Errors name the value and the remedy, and survive a pickle."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pytest

from raytune_suite import errors, optional, types
from raytune_suite.errors import ArgumentError, MissingPackageError, RaytuneSuiteError, UnknownNameError

ALL = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, RaytuneSuiteError) and member is not RaytuneSuiteError
]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_also_a_builtin_one(kind: type[Exception]) -> None:
    builtin = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert set(builtin) - {Exception, BaseException, object}, "a caller may catch it without knowing this package"
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
        ("BOHB", ["dehb", "bohb"], ": did you mean 'bohb'?"),
        ("x", ["dehb", "bohb"], "; known: dehb, bohb"),
        ("x", [], "; none is known"),
        ("x", [f"n{each}" for each in range(40)], "; 40 are known, such as n0, n5, n10, n15, n20, n25, n30, n35"),
    ],
)
def test_near_names(name: str, known: list[str], tail: str) -> None:
    assert errors.near(name, known) == tail


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(MissingPackageError, match=r"'no_such_package'.*raytune-suite\[gp\]"):
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


@pytest.mark.slow  # because of torch
def test_a_tensor_of_one_value_counts_as_a_number() -> None:
    torch = pytest.importorskip("torch")
    assert types.as_number(torch.tensor(0.25)) == 0.25


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None, "x", True, np.nan])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_anything_but_a_finite_number_is_a_failure(value: Any, mode: types.Mode) -> None:
    assert types.as_loss(value, mode) == types.FAILED
    assert types.Observation("t", {}, 1, types.as_loss(value, mode), final=True).failed


def test_a_loss_is_minimized_in_both_modes() -> None:
    assert (types.as_loss(2, "min"), types.as_loss(2, "max")) == (2.0, -2.0)


def test_a_config_is_split_into_hyperparameters_seed_and_fidelity() -> None:
    config = {"fidelity": 9, "lr": 0.1, "nested": {"seed": 1}, "seed": 3}
    split = types.split_config(config)
    assert split.hyperparameters == {"lr": 0.1, "nested": {"seed": 1}}
    assert (split.seed, split.fidelity) == (3, 9)
    assert types.split_config({"lr": 0.1}) == ({"lr": 0.1}, 0, None)
    assert len(config) == 4, "the config is not changed"


@pytest.mark.parametrize("mode", [None, "", "MIN", "minimum", 1])
def test_a_mode_is_min_or_max(mode: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`mode` is {mode!r}"):
        types.check_mode(mode)
    assert [types.check_mode(name) for name in ("min", "max")] == ["min", "max"]
