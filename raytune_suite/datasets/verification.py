"""Verification that the files in the data folder are what their authors published."""

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
"""The environment variable that names the data folder."""

CHECKSUMS = "checksums.json"
"""The file in the data folder with the checksums, by path, of files that were trusted on their first download."""


class State(StrEnum):
    """The state of a file in the data folder."""

    OK = "ok"
    MISSING = "missing"
    TRUNCATED = "truncated"
    ALTERED = "altered"
    UNVERIFIED = "unverified"


def folder() -> Path:
    """Return the data folder: the value of RAYTUNE_SUITE_DATA, by default raytune_suite in the user's cache folder."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser().absolute() / "raytune_suite"


def path(name: str) -> Path:
    """Return the path of a file in `folder()` after verifying its size and checksum.

    The file is read once per process, and again only if it has changed since.

    Args:
        name: A path of the catalogue, with "/".

    Raises:
        DataError: If the file is missing, truncated or altered; the message has the command that downloads it.
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
            f"the data file {str(place)!r} is missing: download it with {fetch}, or set {ENVIRONMENT} to its folder"
        )
    raise DataError(
        f"the data file {str(place)!r} is {state}, not what its authors published: download it again with {fetch}"
    )


def check(where: Path | None = None) -> dict[str, State]:
    """Return the state of each file of the catalogue by its path; the data folder is `folder()` by default."""
    where = folder() if where is None else where
    return {file.path: check_file(file, where) for part in parts().values() for file in part.files}


def check_file(file: File, where: Path) -> State:
    """Return the state of one file of the catalogue in a folder.

    A file whose checksum is not in the catalogue is compared with that of its first download; if none was recorded, it
    is "unverified".
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
    """Return size and checksum, by path, of the files in a folder that were trusted on their first download."""
    try:
        text = (where / CHECKSUMS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        return {name: (int(size), str(sha256)) for name, (size, sha256) in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        place = str(where / CHECKSUMS)
        raise DataError(
            f"{place!r} is damaged ({error}): remove it, and download the files without a known checksum again"
        ) from None


def digest(place: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _digest(place: Path, size: int, changed: int) -> str:  # noqa: ARG001 - part of the cache key, so that a changed file is read again
    return digest(place)
