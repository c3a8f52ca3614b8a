"""Configs that were added to a study from outside, in a file of its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raytune_suite.types import Config

FILE = "enqueued.jsonl"
"""The file in a study's folder: one config per line."""


@dataclass
class Inbox:
    """Reads the file of one study. How far it has read is a part of the study's state.

    Attributes:
        folder: The study's folder.
        read: How many bytes have been read.
    """

    folder: str
    read: int = 0

    def poll(self) -> list[Any]:
        """The configs that were added since the last call; none that is still being written."""
        path = Path(self.folder, FILE)
        try:
            if path.stat().st_size <= self.read:
                return []
            with path.open("rb") as file:
                file.seek(self.read)
                content = file.read()
        except OSError:
            return []
        complete = content[: content.rfind(b"\n") + 1]
        self.read += len(complete)
        return [json.loads(line) for line in complete.splitlines()]


def put(folder: Path, configs: Iterable[Config]) -> None:
    """Append configs to the file of a study.

    Raises:
        OSError: If it cannot be written.
        TypeError: If a value is none of JSON.
    """
    lines = "".join(json.dumps(config) + "\n" for config in configs)
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(lines)
