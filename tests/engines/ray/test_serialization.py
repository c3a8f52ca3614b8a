"""Trainables that cannot be sent to the processes of trials are rejected, and the message names the variable."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ray import tune

from raytune_suite.engines.ray import serialization
from raytune_suite.engines.ray.serialization import check_serializable
from raytune_suite.errors import ArgumentError

LOCK, DATA = threading.Lock(), bytes(10_000)


def guarded(config: dict[str, Any]) -> None:
    with LOCK:
        tune.report(config)


def heavy(config: dict[str, Any]) -> None:
    tune.report({"loss": len(DATA), **config})


def with_data(config: dict[str, Any], data: bytes = b"") -> None:
    tune.report({"loss": len(data), **config})


class Guarded(tune.Trainable):
    """Uses a lock in a method."""

    def step(self) -> dict[str, Any]:
        with LOCK:
            return {"loss": 1.0}


@pytest.fixture
def _pickled_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the program of a user: what is in an installed module is pickled by its name."""
    for each in (guarded, heavy, Guarded, Guarded.step):
        monkeypatch.setattr(each, "__module__", "__main__")


@pytest.mark.usefixtures("_pickled_by_value")
@pytest.mark.parametrize("trainable", [guarded, Guarded], ids=["function", "class"])
def test_a_variable_that_cannot_be_pickled_is_named(trainable: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^`trainable` .uarded .* variable 'LOCK' .*inside the trainable"):
        check_serializable(trainable)


@pytest.mark.usefixtures("_pickled_by_value")
def test_a_large_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check_serializable(heavy)
    monkeypatch.setattr(serialization, "MOST_BYTES", 5000)
    with pytest.raises(ArgumentError, match=r"^`trainable` heavy .* variable 'DATA'.*with_parameters"):
        check_serializable(heavy)


@pytest.mark.usefixtures("_pickled_by_value", "ray_session")
def test_data_in_the_object_store_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialization, "MOST_BYTES", 5000)
    check_serializable(tune.with_parameters(with_data, data=DATA))


def test_the_name_of_a_trainable_is_not_pickled() -> None:
    check_serializable("registered")
