"""Whether the data that lie in a folder are what their authors published."""

from __future__ import annotations

import hashlib
import json
import os
from enum import StrEnum
from functools import cache
from pathlib import Path

from raytune_suite.datasets.catalogue import File, find, parts
from raytune_suite.errors import DataError

ENVIRONMENT = "RAYTUNE_SUITE_DATA"
"""The variable that names the folder."""

CHECKSUMS = "checksums.json"
"""In the folder: the checksums, by path, that files of unknown checksum had when they were first fetched."""


class State(StrEnum):
    """What a check finds of a file."""

    OK = "ok"
    MISSING = "missing"
    TRUNCATED = "truncated"
    ALTERED = "altered"
    UNVERIFIED = "unverified"


def folder() -> Path:
    """Where the data lie: what RAYTUNE_SUITE_DATA names, or raytune_suite in the user's cache folder."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser().absolute() / "raytune_suite"


def path(name: str) -> Path:
    """The file of this path in `folder()`, checked: its size and checksum are what its authors published.

    A file is read for that once per process, and again if it has changed since.

    Args:
        name: A path of the catalogue, with "/".

    Raises:
        DataError: If it is missing, truncated or altered; the message has the command that fetches it.
        UnknownNameError: If the catalogue has no such file.

    Example:
        >>> path("arlbench/cc_cartpole_ppo.csv").name  # doctest: +SKIP
        'cc_cartpole_ppo.csv'
    """
    part, file = find(name)
    place = folder() / name
    state = check_file(file, folder())
    if state in {State.OK, State.UNVERIFIED}:
        return place
    fetch = f"`raytune-suite data fetch {part.name}`"
    if state is State.MISSING:
        raise DataError(
            f"the data file {str(place)!r} is missing: {fetch} gets it, or name its folder in {ENVIRONMENT}"
        )
    raise DataError(f"the data file {str(place)!r} is {state}, not what its authors published: {fetch} gets it anew")


def check(where: Path | None = None) -> dict[str, State]:
    """What is to be said of each file of the catalogue, by its path; the folder is `folder()` unless given."""
    where = folder() if where is None else where
    return {file.path: check_file(file, where) for part in parts().values() for file in part.files}


def check_file(file: File, where: Path) -> State:
    """What is to be said of one file of the catalogue in a folder.

    A file of unknown checksum is held against what was recorded when it was first fetched; if nothing was, it is
    "unverified".
    """
    place = where / file.path
    size, sha256 = file.size, file.sha256
    if sha256 is None:
        size, sha256 = recorded(where).get(file.path, (None, None))
    try:
        stat = place.stat()
    except FileNotFoundError:
        return State.MISSING
    if sha256 is None:
        return State.UNVERIFIED
    if size is not None and stat.st_size < size:
        return State.TRUNCATED
    return State.OK if _digest(place, stat.st_size, stat.st_mtime_ns) == sha256 else State.ALTERED


def recorded(where: Path) -> dict[str, tuple[int, str]]:
    """The bytes and checksums, by path, of the files that were trusted on their first fetch into a folder."""
    try:
        text = (where / CHECKSUMS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        return {name: (int(size), str(sha256)) for name, (size, sha256) in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        place = str(where / CHECKSUMS)
        raise DataError(f"{place!r} is damaged ({error}): remove it, and the files that it vouched for") from None


def digest(place: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _digest(place: Path, size: int, changed: int) -> str:  # noqa: ARG001 - a file that has changed is read again
    return digest(place)
