"""Batches of the calls that the fuzzers of this folder draw."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import hypothesis

from tests.faults import test_fuzz_calls, test_fuzz_files
from tests.faults.campaign.cases import Case, in_process
from tests.faults.fuzzing import fuzz

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BATCH = 100
"""Calls per process."""

LIMIT_S = 900.0
"""Seconds for a batch; a single call has a minute."""

TESTS: dict[str, Any] = {
    name.removeprefix("test_").replace("_", " "): test
    for module in (test_fuzz_calls, test_fuzz_files)
    for name, test in vars(module).items()
    if name.startswith("test_")
}
"""What is fuzzed: calls of tune, spaces, arguments of methods, settings, protocols, command lines, cluster files."""


def calls(case: Case) -> None:
    """Run a batch of one fuzzer; batches with other numbers draw other calls."""
    case.label = list(TESTS)[case.number % len(TESTS)]
    work = functools.partial(_batch, TESTS[case.label], case.number, case.folder)
    case.count("calls", int(in_process(work, LIMIT_S).value))


def _batch(test: Any, number: int, folder: Path) -> int:
    os.chdir(folder)
    count = 0
    inner: Callable[..., None] = test.hypothesis.inner_test

    @functools.wraps(inner)
    def counted(*values: Any, **named: Any) -> None:
        nonlocal count
        count += 1
        inner(*values, **named)

    test.hypothesis.inner_test = counted
    many = hypothesis.settings(fuzz, max_examples=BATCH, derandomize=False)
    test._hypothesis_internal_use_settings = many  # there is no public way to change them
    fixtures = {"folder": folder} if "folder" in inner.__code__.co_varnames[: inner.__code__.co_argcount] else {}
    hypothesis.seed(number)(test)(**fixtures)
    return count
