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
    """Yield the metrics of the lines that are appended to a file, and of a file that is one JSON object at the end."""
    position, rest, found = 0, "", False
    while True:
        running = process.running  # before the file is read, so that the last lines are not missed
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as file:
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
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def matched(expression: re.Pattern[str], line: str, metric: str) -> dict[str, Any]:
    """The metrics that an expression matches in a line."""
    match = expression.search(line)
    if match is None:
        return {}
    groups = {name: value for name, value in match.groupdict().items() if value is not None} or {metric: match[1]}
    return {name: number for name, value in groups.items() if (number := _number(value)) is not None}


def _number(text: str) -> float | int | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return as_number(float(text))
    except ValueError:
        return None
