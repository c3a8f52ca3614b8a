"""Quantities of Kubernetes, such as 500m CPUs or 16Gi of memory."""

from __future__ import annotations

import re
from typing import Any

SUFFIXES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}

QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")

MISTAKEN = re.compile(r"([+-]?[\d.]+)\s*(k|m|g|t)?i?(?:b|bytes?)?\s*(?:v?cpus?|cores?|gpus?)?", re.IGNORECASE)
"""What people write for quantities: 20GB, 16 Gi, 4 cores."""


def quantity(value: Any) -> float | None:
    """Return a quantity in its unit (CPUs, bytes, ...), None if it is not one.

    Example:
        >>> quantity("500m"), quantity(8), quantity("2Ki"), quantity("20GB")
        (0.5, 8.0, 2048.0, None)
    """
    match = QUANTITY.fullmatch(str(value)) if not isinstance(value, bool) else None
    if match is None:
        return None
    suffix = match[2] or ""
    if suffix not in SUFFIXES:  # an exponent
        return float(match[0])
    return float(match[1]) * SUFFIXES[suffix]


def as_quantity(text: str) -> str | None:
    """Return the quantity that a text probably means, None if there is none.

    Example:
        >>> as_quantity("20GB"), as_quantity("16 Gi"), as_quantity("4 cores"), as_quantity("16gi"), as_quantity("many")
        ('20G', '16Gi', '4', '16Gi', None)
    """
    match = MISTAKEN.fullmatch(text.strip())
    if match is None:
        return None
    binary = re.search("i", text.partition(match[1])[2], re.IGNORECASE) is not None and match[2] is not None
    unit = (match[2] or "").upper()
    if unit == "K" and not binary:
        unit = "k"
    return f"{match[1]}{unit}{'i' if binary else ''}"


SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])(?:i?b|i)?", re.IGNORECASE)
POWERS = {"k": 10, "m": 20, "g": 30, "t": 40}


def in_bytes(text: str) -> float | None:
    """Return a size with a unit in bytes, in powers of 1024 as Docker counts; None if it has none.

    Example:
        >>> in_bytes("64g"), in_bytes("1.5 KiB"), in_bytes("20GB"), in_bytes("many")
        (68719476736.0, 1536.0, 21474836480.0, None)
    """
    match = SIZE.fullmatch(text.strip())
    return None if match is None else float(match[1]) * 2.0 ** POWERS[match[2].lower()]


def in_gib(size: float) -> str:
    """Format bytes.

    Example:
        >>> in_gib(16 * 2.0**30), in_gib(1e9)
        ('16Gi', '0.931Gi')
    """
    return f"{size / 2**30:.3g}Gi"
