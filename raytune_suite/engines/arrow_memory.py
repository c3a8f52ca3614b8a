"""The memory of pyarrow while tables are read or written."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def returned_memory() -> Iterator[None]:
    """Let pyarrow take its memory from the system, which gets it back; its own pool reserves tens of megabytes."""
    pool = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(pool)
