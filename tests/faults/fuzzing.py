"""What the fuzzers draw from, and how many examples: `RAYTUNE_SUITE_FUZZ` is their number per test."""

from __future__ import annotations

import datetime as dt
import math
import os

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("RAYTUNE_SUITE_FUZZ", "15"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=dt.timedelta(seconds=60),
    database=None,
    phases=[Phase.generate],  # shrinking takes longer than the search
    derandomize=EXAMPLES < 100,  # the short form is the same each time
    suppress_health_check=list(HealthCheck),
)

NUMBERS = [0, 1, -1, 2, 0.5, -0.0, 1e-300, 1e300, math.inf, -math.inf, math.nan, 2**53, 2**64, 10**400, True, False, 1j]
TEXTS = [
    "",
    " ",
    "x",
    "a/b",
    "..",
    "\0",
    "\n",
    "\x1b[31m",
    "é" * 200,
    "x" * 10_000,
    "min",
    "asha",
    "0-1",
    "5-0",
    "0-1000000000",
    "1e9",
]

scalars = st.one_of(
    st.none(),
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.sampled_from([np.int64(3), np.float32(0.5), np.bool_(True), np.array([1, 2]), np.array([]), np.str_("x")]),
)
keys = st.one_of(st.text(max_size=4), st.integers(0, 3), st.none(), st.booleans())
anything = st.recursive(
    st.one_of(scalars, st.builds(object), st.sampled_from([math, print, dict, lambda x: x, {1, 2}, range(10**9)])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.tuples(inner), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=5,
)
