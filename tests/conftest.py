"""Shared by all tests: one thread per process, and one Ray session, which the first test that needs it starts."""

from __future__ import annotations

import functools
import gc
import itertools
import logging
import os
import re
import signal
import warnings
from typing import TYPE_CHECKING

import pytest

from tests.backward import collect_backward_on_every_other_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# More threads are slower on small matrices; numpy reads these variables when it is first imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Some tests send Ctrl-C, which background jobs of a shell ignore by default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


gc.disable()  # until all tests are collected: the modules that they import stay


_numbers = itertools.count()


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new folder. To number it, pytest's own fixture lists those of all tests before, which takes up to 4 ms."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    folder = tmp_path_factory.getbasetemp() / f"{name}_{next(_numbers)}"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_flush() -> Iterator[None]:
    """Don't wait until files are on the disk, which takes milliseconds each, since no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_parser() -> Iterator[None]:
    """Share a parser between all searches, of which Ray makes one per study, as costly as 10 of its reports."""
    from ray.tune.search import basic_variant, search_generator

    with pytest.MonkeyPatch.context() as patch:
        for module in (basic_variant, search_generator):
            patch.setattr(module, "_make_parser", functools.cache(module._make_parser))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_search_for_gputil() -> Iterator[None]:
    """Search only once for GPUtil, which is not installed; Ray does so whenever it creates a trainable."""
    from ray.tune.utils import util

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(util, "_import_gputil", functools.cache(util._import_gputil))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_folders_at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Don't leave the folder that Ray creates for each trainable in ~/ray_results."""
    from ray.tune.trainable import trainable

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainable, "DEFAULT_STORAGE_PATH", str(tmp_path_factory.mktemp("trainables")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _count_no_frozen_objects() -> Iterator[None]:
    """Don't count the objects that `pytest_collection_finish` freezes, which takes 40 to 100 ms for each study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "get_freeze_count", lambda: 1)
        yield


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """Start Ray on this machine in the same way as `rts.tune`."""
    import ray

    from raytune_suite.engines.ray.engine import connect

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's FutureWarnings
        connect()
    yield
    ray.shutdown()


START_PROCESSES = {"comparison", "elsewhere"}
"""Fixtures that start processes."""

TRAIN_WITH_TORCH = {"fused", "live"}
"""Folders whose tests make torch import its compiler, which takes seconds; end-to-end tests take much longer."""

LONGEST_ID = 80


def pytest_configure(config: pytest.Config) -> None:
    collect_backward_on_every_other_worker(config)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter that is a long text or many bytes by its argument, since every report of a test has its name."""
    return argname if isinstance(val, str | bytes) and len(val) > LONGEST_ID else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need Ray or other processes; `--dist loadgroup` runs each group in one process.

    All tests that need Ray are one group, so that Ray starts only once. It begins first, with the tests that have a
    timeout of their own, because they take longest.
    The tests of a folder that start processes share what those return; other tests that run a comparison belong to the
    group of tests/bench, since they use the same server of processes. Tests that train networks are one group, too,
    since not all workers should import what they need. Other tests are grouped by file.
    """
    order: dict[str, list[bool]] = {}
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}  # once, since it takes longer than all else here
        fixtures = getattr(item, "fixturenames", ())
        if "ray_session" in fixtures and "ray" not in marks:
            item.add_marker(pytest.mark.ray)
            marks.add("ray")
        if not START_PROCESSES.isdisjoint(fixtures) and "process" not in marks:
            item.add_marker(pytest.mark.process)
            marks.add("process")
        if "xdist_group" not in marks:
            item.add_marker(pytest.mark.xdist_group(_group(item, marks)))
        order[item.nodeid] = [name not in marks for name in ("timeout", "ray", "process")]
    items.sort(key=lambda item: order[item.nodeid])


def _group(item: pytest.Item, marks: set[str]) -> str:
    if "ray" in marks:
        return "ray"
    folder = item.path.parent.name
    if folder in TRAIN_WITH_TORCH and "e2e" not in marks:
        return "torch"
    return folder if "process" in marks else item.path.stem


def pytest_collection_finish() -> None:
    """Do less for each test.

    The modules and the tests are excluded from garbage collection, which would inspect them again and again. To loggers
    that do not propagate, such as 40 of torch's, pytest adds two handlers before each phase of a test.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger) and logger.name.startswith("torch."):
            logger.propagate = True


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Pickle definitions of the test module by value, because Ray's processes cannot import it."""
    module = getattr(item, "module", None)
    if "ray_session" in getattr(item, "fixturenames", ()) and module is not None:
        from ray import cloudpickle

        cloudpickle.register_pickle_by_value(module)
