"""What all tests share: one thread per process, and one Ray for the session, started by the first that asks for it."""

from __future__ import annotations

import gc
import os
import signal
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# On small matrices more threads only wait for each other; numpy reads this when it is first imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Some tests press Ctrl-C, which a shell lets its background jobs ignore.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """A Ray on this machine, as `rts.tune` starts it."""
    import ray

    from raytune_suite.engines.ray.engine import connect

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, about its future
        connect()
    yield
    ray.shutdown()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs Ray, and let one process run it all, so that Ray starts once."""
    for item in items:
        if "ray_session" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.xdist_group("ray"))


def pytest_collection_finish() -> None:
    """Exclude the modules and the tests from garbage collection, which would inspect them again and again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Send what a test module defines to Ray's processes by value: they cannot import it."""
    module = getattr(item, "module", None)
    if "ray_session" in getattr(item, "fixturenames", ()) and module is not None:
        from ray import cloudpickle

        cloudpickle.register_pickle_by_value(module)
