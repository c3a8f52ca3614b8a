"""Configs that were added to a study from outside: in a file of its folder, or in objects of its bucket."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from raytune_suite.types import Config

FILE = "enqueued.jsonl"
"""The file in a study's folder: one config per line."""

OBJECTS = "enqueued"
"""The folder in a study's bucket: an object per call, with one config per line. Objects cannot be appended to."""

PERIOD_S = 5.0
"""A bucket is listed at most once in so many seconds."""

LOCAL_PERIOD_S = 0.01
"""A folder is looked into at most once in so many seconds, since a simulated study starts a thousand trials in each."""


class Files(Protocol):
    """The files of a study, see `engines.storage.Folder`."""

    @property
    def local(self) -> Path | None:
        """The local folder; None for a bucket."""

    def __truediv__(self, name: str) -> Files:
        """A folder in it."""

    def names(self) -> list[str]:
        """The names of the files in it."""

    def read(self, name: str) -> bytes:
        """The content of a file."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""


@dataclass
class Inbox:
    """Reads the configs that are added to one study. What it has read is a part of the study's state.

    Attributes:
        files: The study's files; None after a restore, until they are set.
        read: How many bytes have been read.
        objects: The names of the objects that have been read.
    """

    files: Files | None
    read: int = 0
    objects: frozenset[str] = frozenset()
    _listed: float | None = dataclasses.field(default=None, repr=False)

    def poll(self) -> list[Any]:
        """The configs that have arrived since the last call."""
        if self.files is None:
            return []
        now, content = time.monotonic(), b""
        if self._listed is not None and now - self._listed < (PERIOD_S if self.files.local is None else LOCAL_PERIOD_S):
            return []
        self._listed = now
        with contextlib.suppress(OSError):
            content = self._from_bucket(self.files) if self.files.local is None else self._from_folder(self.files.local)
        self.read += len(content)
        return [json.loads(line) for line in content.splitlines()]

    def _from_folder(self, folder: Path) -> bytes:
        """The lines that are new and complete."""
        path = folder / FILE
        if not path.exists() or path.stat().st_size <= self.read:
            return b""
        with path.open("rb") as file:
            file.seek(self.read)
            content = file.read()
        return content[: content.rfind(b"\n") + 1]

    def _from_bucket(self, files: Files) -> bytes:
        """The lines of the objects that are new."""
        objects = files / OBJECTS
        new = {name: objects.read(name) for name in objects.names() if name not in self.objects}
        self.objects |= new.keys()
        return b"".join(new.values())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "files": None, "_listed": None}


def put(files: Files, configs: Iterable[Config]) -> None:
    """Add configs to a study.

    Raises:
        OSError: If they cannot be written.
        TypeError: If a value is not one of JSON.
    """
    lines = "".join(json.dumps(config) + "\n" for config in configs)
    if files.local is None:
        (files / OBJECTS).write(f"{time.time_ns():020}-{uuid.uuid4().hex[:8]}.jsonl", lines.encode())
        return
    with (files.local / FILE).open("a", encoding="utf-8") as file:
        file.write(lines)
