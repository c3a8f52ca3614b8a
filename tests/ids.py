"""Names of test cases that are the same in every process, so that pytest-xdist's workers agree on them."""

from __future__ import annotations

import re
from typing import Any


def ids(value: Any) -> str:
    """`value` as text, without addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
