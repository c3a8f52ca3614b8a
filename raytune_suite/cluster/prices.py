"""Prices and machine types that `raytune-suite cluster prices` has recorded on this machine, by cloud."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.atomic_file import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping


def price_file(cloud: str) -> Path:
    """Return the file with a cloud's recorded prices: in RAYTUNE_SUITE_DATA, by default in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = os.environ.get("RAYTUNE_SUITE_DATA") or f"{cache}/raytune_suite"
    return Path(folder).expanduser() / "prices" / f"{cloud}.json"


def recorded(cloud: str) -> dict[str, Any]:
    """Return what is recorded of a cloud: `source`, `as_of`, `region` and `machines`; empty if there is nothing.

    Each machine has a `price` and may have `spot`, `cpus`, `memory` (GiB), `gpus` and `gpu`.
    """
    try:
        content = json.loads(price_file(cloud).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("machines"), dict) else {}


def record(cloud: str, region: str, source: str, as_of: str, machines: Mapping[str, Mapping[str, Any]]) -> Path:
    """Record a cloud's prices in a region, and return the file."""
    place = price_file(cloud)
    place.parent.mkdir(parents=True, exist_ok=True)
    content = {"source": source, "as_of": as_of, "region": region, "machines": machines}
    write_atomically(place, json.dumps(content, indent=1, sort_keys=True).encode())
    return place
