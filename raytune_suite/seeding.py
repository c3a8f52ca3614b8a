"""Named random streams: every random draw of the package comes from one of them.

A stream depends on the seed and on its names only, never on the order in which streams are made, on the process or
on Python's hash seed. The construction is numpy's `SeedSequence` over a SHA-256 of the names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_seed(seed: Any) -> int:
    """Return `seed` as an int.

    Raises:
        ArgumentError: If it is no integer or is negative.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ArgumentError(f"`seed` is {seed!r}, but must be an integer of 0 or more")
    return int(seed)


def parse_seeds(text: str) -> list[int]:
    """Seeds as a person writes them.

    Raises:
        ArgumentError: If they are not written so.

    Example:
        >>> parse_seeds("0-2,7")
        [0, 1, 2, 7]
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if match is None:
            raise ArgumentError(f"{text!r} must be seeds such as 0,3 or 0-4")
        found.extend(range(int(match[1]), int(match[2] or match[1]) + 1))
    return found


def stable_hash(*parts: Any) -> int:
    """A 128-bit hash of JSON-like values that is the same in every process (Python's own `hash` is not)."""
    text = json.dumps(parts, sort_keys=True, default=repr)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def stream(seed: int, *names: Any) -> np.random.Generator:
    """The random stream of `seed` with these names.

    Example:
        >>> a, b = stream(0, "searcher"), stream(0, "searcher")
        >>> bool(a.random() == b.random())
        True
    """
    return np.random.default_rng(np.random.SeedSequence([check_seed(seed), stable_hash(*names)]))


def derive(seed: int, *names: Any) -> int:
    """A seed below 2**31 for code that takes an integer, derived from `seed` and the names."""
    return int(stream(seed, *names).integers(2**31))


class GlobalStreams:
    """The states of `random` and `numpy.random` that borrowed code shall draw from, kept apart from the user's.

    Some of Ray's schedulers draw from the global generators. Run inside `with streams.active():`, they draw from
    these states, and the user's own generators are as they were afterwards.

    Example:
        >>> streams = GlobalStreams(0, "pbt")
        >>> with streams.active():
        ...     x = random.random()
    """

    def __init__(self, seed: int, *names: Any) -> None:
        """Seed both generators from `seed` and the names."""
        self.python_state: Any = random.Random(derive(seed, *names, "random")).getstate()
        self.numpy_state: Any = np.random.RandomState(derive(seed, *names, "numpy")).get_state()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Swap these states in, and out again at the end with the draws made meanwhile."""
        python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - kept, to be put back
        random.setstate(self.python_state)
        np.random.set_state(self.numpy_state)  # noqa: NPY002 - the borrowed code draws from it
        try:
            yield
        finally:
            self.python_state, self.numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - as above
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002 - as above
