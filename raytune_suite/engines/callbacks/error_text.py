"""What a study keeps of the traceback of a trial."""

from __future__ import annotations

from raytune_suite.errors import shortened

LONGEST_ERROR = 1000
"""Characters of a trial's error that are kept; all of it is in the trial's folder."""


def last_line(traceback: str) -> str:
    """The last line of a traceback, which names the error; of a long one, the beginning and the end."""
    lines = [line.strip() for line in traceback.splitlines() if line.strip()]
    return shortened(lines[-1], LONGEST_ERROR) if lines else "an error without a message"
