"""Named random streams, the source of every random draw in this package.

A stream depends only on the seed and its names: not on the order in which streams are created, the process, or Python's
hash seed. It is built from numpy's `SeedSequence` and a SHA-256 hash of the names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.errors import ArgumentError, shown
from raytune_suite.validation import integer, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator


SEED = integer(0, most=2**63 - 1)
"""What a seed must be."""

MAX_SEEDS = 10_000
"""The most seeds in a list or a range."""

SEEDS = sequence(SEED, f"a list of at most {MAX_SEEDS} seeds, which are integers of 0 or more", MAX_SEEDS)


def check_seed(seed: Any) -> int:
    """Return `seed` as an int.

    Raises:
        ArgumentError: If it is not an integer of at least 0.
    """
    return int(SEED.check("seed", seed))


def parse_seeds(text: str) -> list[int]:
    """Parse a comma-separated list of seeds and ranges of seeds.

    Raises:
        ArgumentError: If `text` has another format, a range ends before it starts, or there are too many seeds.

    Example:
        >>> parse_seeds("0-2,7")
        [0, 1, 2, 7]
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,18})(?:-([0-9]{1,18}))?\s*", part)
        if match is None:
            raise ArgumentError(f"{shown(text)} must be a list of seeds such as 0,3 or a range such as 0-4")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ArgumentError(f"the range {part.strip()!r} ends before it starts: write {last}-{first}")
        if len(seeds) + last - first + 1 > MAX_SEEDS:
            raise ArgumentError(f"{shown(text)} has more than {MAX_SEEDS} seeds: list fewer")
        seeds.extend(range(first, last + 1))
    return seeds


def stable_hash(*parts: Any) -> int:
    """Return a 128-bit hash of JSON-like values that, unlike Python's `hash`, is the same in every process."""
    text = json.dumps(parts, sort_keys=True, default=repr)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def stream(seed: int, *names: Any) -> np.random.Generator:
    """Return the random stream with this seed and these names.

    Example:
        >>> a, b = stream(0, "searcher"), stream(0, "searcher")
        >>> bool(a.random() == b.random())
        True
    """
    return np.random.default_rng(np.random.SeedSequence([check_seed(seed), stable_hash(*names)]))


def derive(seed: int, *names: Any) -> int:
    """Derive an integer seed below 2**31 from `seed` and the names, for code that takes an integer."""
    return int(stream(seed, *names).integers(2**31))


class GlobalStreams:
    """Separate states of `random` and `numpy.random` for third-party code that draws from the global generators.

    Some of Ray's schedulers draw from the global generators. Inside `with streams.active():` they draw from these
    states instead; afterwards the user's generators are as they were.

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
        """Install these states in the global generators, and restore the user's at the end."""
        python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - saved, to be restored
        random.setstate(self.python_state)
        np.random.set_state(self.numpy_state)  # noqa: NPY002 - the third-party code draws from it
        try:
            yield
        finally:
            self.python_state, self.numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - as above
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002 - as above
