"""Linear algebra on one thread.

The last bits of a product or a factorization depend on the number of threads, and a search amplifies them; on the small
matrices of the models, more threads only wait for each other.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import scipy.linalg  # noqa: F401 - loads scipy's BLAS, which the controller has to find
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def one_thread() -> AbstractContextManager[object]:
    """Return a context in which numpy and scipy use one thread.

    Example:
        >>> with one_thread():
        ...     pass
    """
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


@functools.cache
def _controller() -> ThreadpoolController:
    """Find the libraries once; that takes milliseconds."""
    return ThreadpoolController()
