"""The metrics in what a program prints, or writes into a file."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from raytune_suite.types import as_number

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from pathlib import Path

    from raytune_suite.tuning.program_process import ProgramProcess

PERIOD = 0.2
"""The seconds between two reads of the file of metrics."""


def follow(path: Path, process: ProgramProcess) -> Iterator[dict[str, Any]]:
    """Yield the metrics of the lines that are appended to a file, and of a file that is one JSON object at the end.

    A file whose first line has changed was written again, and is read from its beginning.
    """
    position, first, rest, found = 0, "", "", False
    while True:
        running = process.running  # before the file is read, so that the last lines are not missed
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as file:
                line = file.readline()
                if first and line != first:
                    position, first, rest = 0, "", ""
                if line.endswith("\n"):
                    first = line
                file.seek(position)
                rest += file.read()
                position = file.tell()
            *lines, rest = rest.split("\n")
            for line in lines:
                metrics = json_metrics(line)
                if metrics:
                    found = True
                    yield metrics
        if not running:
            break
        time.sleep(PERIOD)
    metrics = json_metrics(rest if found or not path.exists() else path.read_text(encoding="utf-8", errors="replace"))
    if metrics:
        yield metrics


def json_metrics(line: str) -> dict[str, Any]:
    """The metrics in a line; none if it is not a JSON object."""
    if not line.lstrip().startswith("{"):
        return {}
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def matched(expression: re.Pattern[str], line: str, metric: str) -> dict[str, Any]:
    """The metrics that an expression matches in a line; groups that did not take part have none."""
    match = expression.search(line)
    if match is None:
        return {}
    named = set(expression.groupindex.values())
    unnamed = [text for number, text in enumerate(match.groups(), start=1) if number not in named and text is not None]
    groups = {**({metric: unnamed[0]} if unnamed else {}), **match.groupdict()}
    return {name: number for name, text in groups.items() if text is not None and (number := _number(text)) is not None}


def _number(text: str) -> float | int | None:
    """The number in what a group matched, which may include the comma or the percent sign behind it."""
    text = text.rstrip(",;%")
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return as_number(float(text))
    except ValueError:
        return None
