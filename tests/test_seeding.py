"""Named random streams."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from raytune_suite import seeding
from raytune_suite.errors import ArgumentError
from tests.conformance.common import global_streams

PROGRAM = """
from raytune_suite import seeding
print(seeding.stable_hash("a", {"y": 1, "x": (2, None)}), seeding.derive(3, "searcher"), seeding.stream(3).random())
"""


@pytest.mark.process
def test_a_stream_is_the_same_in_every_process() -> None:
    outputs = set()
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", PROGRAM]
        outputs.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - our own program
    here = (
        seeding.stable_hash("a", {"x": (2, None), "y": 1}),
        seeding.derive(3, "searcher"),
        seeding.stream(3).random(),
    )
    assert outputs == {" ".join(map(str, here)) + "\n"}


def test_every_name_and_seed_has_its_own_stream() -> None:
    streams: list[tuple[Any, ...]] = [(0,), (1,), (0, "a"), (0, "b"), (0, "a", "b"), (0, "ab"), (0, "a", 1), (0, ["a"])]
    first = [seeding.stream(*names).random() for names in streams]
    assert len(set(first)) == len(streams)


def test_a_derived_seed_fits_into_31_bits() -> None:
    derived = [seeding.derive(seed, "x") for seed in range(200)]
    assert min(derived) >= 0
    assert max(derived) < 2**31
    assert len(set(derived)) == 200
    assert {type(seed) for seed in derived} == {int}


@pytest.mark.parametrize("seed", [-1, 1.0, "1", None, True, np.float64(1)])
def test_an_invalid_seed_is_rejected(seed: Any) -> None:
    with pytest.raises(ArgumentError, match=f"`seed` is {re.escape(repr(seed))}"):
        seeding.stream(seed)


def test_a_numpy_integer_is_a_seed() -> None:
    assert seeding.stream(int(np.int64(7))).random() == seeding.stream(np.int64(7)).random()  # type: ignore[arg-type] # as users do


def draw() -> tuple[float, float]:
    return random.random(), float(np.random.random())  # noqa: NPY002 - as third-party code does


def test_third_party_code_draws_from_separate_streams() -> None:
    before = global_streams()
    streams, again, other = (seeding.GlobalStreams(seed, "x") for seed in (0, 0, 1))
    with streams.active():
        first = draw()
    with streams.active():
        second = draw()
    with again.active():
        assert (draw(), draw()) == (first, second)
    with other.active():
        assert draw() != first
    assert global_streams() == before


def test_the_users_generators_are_restored_even_after_an_error() -> None:
    before = global_streams()
    with pytest.raises(RuntimeError, match="third-party"):
        fail_within(seeding.GlobalStreams(0, "x"))
    assert global_streams() == before


def fail_within(streams: seeding.GlobalStreams) -> None:
    with streams.active():
        draw()
        raise RuntimeError("third-party code failed")
