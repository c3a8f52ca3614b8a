"""What a study keeps of the traceback of a trial."""

from __future__ import annotations

from raytune_suite.errors import shortened

LONGEST_ERROR = 1000
"""Characters of a trial's error that are kept; all of it is in the trial's folder."""

KILLED = "due to the node running low on memory"
"""What Ray says of a process that it killed, before paragraphs of advice."""


def last_line(traceback: str) -> str:
    """The last line of a traceback, which names the error; of a long one, the beginning and the end."""
    if KILLED in traceback:
        return "out of memory: Ray killed the trial's process, since its machine was running low on memory"
    lines = [line.strip() for line in traceback.splitlines() if line.strip()]
    return shortened(lines[-1], LONGEST_ERROR) if lines else "an error without a message"
