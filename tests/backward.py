"""Collection of the tests from the last file to the first, which every other worker does.

On a fresh clone, Python compiles each module when it is first imported, and pytest rewrites each test file. Two workers
that import the same modules at the same time would both do all of this; if they begin at different ends, they share it.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

HEAVY = ("scipy.stats", "sklearn.datasets", "torch")
"""Half of what the tests import: nearly every file imports Ray, which is as much, so that workers begin with that."""


class BackwardCollection:
    """A plugin that reverses the order in which files are collected, and then restores that of the tests."""

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        report: Any = yield
        if isinstance(collector, pytest.Directory):
            report.result.reverse()
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Let all workers have the same order, which pytest-xdist requires."""
        files = [list(group) for _, group in itertools.groupby(items, key=lambda item: item.path)]
        items[:] = itertools.chain.from_iterable(reversed(files))


def collect_backward_on_every_other_worker(config: pytest.Config) -> None:
    """Register the plugin on the workers with odd numbers, which import other packages first.

    If only some of the tests are requested, all workers collect them in the usual order.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    if int(worker.removeprefix("gw")) % 2 and config.args == config.getini("testpaths"):
        config.pluginmanager.register(BackwardCollection())
        for name in () if config.getoption("ignore") else HEAVY:  # `make quick` ignores the tests that need torch
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
