"""Ids of test cases that are equal in all processes, as pytest-xdist requires."""

from __future__ import annotations

import re
from typing import Any


def ids(value: Any) -> str:
    """Return `value` as text, without memory addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
