"""Write files atomically and durably."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file such that readers, also those after a power cut, see either the old or the new content.

    Missing folders are created. The content and the folder are flushed to the disk before this returns.

    Raises:
        OSError: If the file cannot be written; the old content is still there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            write_fully(descriptor, content, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(draft, target)  # noqa: PTH105 - the tests inject faults into the functions of `os`
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(target.parent)


def write_fully(descriptor: int, content: bytes, offset: int) -> None:
    """Write all of `content` at `offset` of an open file; the operating system may write less at once."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def sync_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk, where the operating system can do that."""
    with contextlib.suppress(PermissionError, IsADirectoryError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
