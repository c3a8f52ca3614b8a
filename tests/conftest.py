"""Shared by all tests: one thread per process, and one Ray session, which the first test that needs it starts."""

from __future__ import annotations

import gc
import os
import signal
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# More threads are slower on small matrices; numpy reads these variables when it is first imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Some tests send Ctrl-C, which background jobs of a shell ignore by default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need Ray, and run them all in one process, so that Ray starts only once."""
    for item in items:
        if "ray_session" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.xdist_group("ray"))


def pytest_collection_finish() -> None:
    """Exclude the modules and the tests from garbage collection, which would inspect them again and again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Pickle definitions of the test module by value, because Ray's processes cannot import it."""
    module = getattr(item, "module", None)
    if "ray_session" in getattr(item, "fixturenames", ()) and module is not None:
        from ray import cloudpickle

        cloudpickle.register_pickle_by_value(module)
