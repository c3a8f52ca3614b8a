"""A stand-in for an object store: a file system of pyarrow in memory."""

from __future__ import annotations

import datetime as dt

from pyarrow import fs  # type: ignore[import-untyped]

from raytune_suite.engines.storage import Folder


def object_store(name: str = "bucket/study") -> Folder:
    """A folder in a new store."""
    system = fs._MockFileSystem(dt.datetime.now(dt.UTC))
    system.create_dir(name)
    return Folder(f"mock://{name}", None, (system, name))
