"""Download data from their authors: resumable, and never a half or a wrong file under its final name.

What has come lies beside the final name with ".part" at its end, and the server's mark of its version (ETag) with
".etag". A later fetch asks for the rest of that version, and starts anew if the server sends the whole file. Only when
size and checksum are right does the file get its name.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import ssl
import urllib.error
import urllib.request
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from raytune_suite.datasets.catalogue import select
from raytune_suite.datasets.verification import CHECKSUMS, State, check_file, digest, folder, recorded
from raytune_suite.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from raytune_suite.datasets.catalogue import File

    Progress = Callable[[int, int | None], None]

BLOCK = 1 << 18
"""Bytes read at once."""

LOCK = ".lock"
"""In the folder: who holds it downloads."""

TIMEOUT = 60.0
"""Seconds without a byte after which a connection counts as lost."""

PARTIAL, NOT_SATISFIABLE, GONE = 206, 416, (404, 410)
"""HTTP: the rest comes; there is no rest; there is no such thing."""


def fetch(
    names: Iterable[str],
    where: Path | None = None,
    *,
    progress: Callable[[File], Progress] | None = None,
) -> list[Path]:
    """Download what is missing, truncated or altered of some datasets or parts.

    Args:
        names: Datasets ("arlbench"), parts ("arlbench/cc_cartpole_ppo"), or "all": the parts of known checksum.
        where: The folder; `folder()` unless given.
        progress: Called for each file to be downloaded; what it returns is called with the bytes so far, and the bytes
            of the whole file where they are known.

    Returns:
        The files that were downloaded.

    Raises:
        UnknownNameError: If a name is unknown.
        DataError: If a file cannot be downloaded, or is not what its authors published. What came of a lost connection
            is kept, and the same call goes on with it.
    """
    where = folder() if where is None else where
    wanted = [file for part in select(names) for file in part.files]
    missing = [file for file in wanted if check_file(file, where) not in {State.OK, State.UNVERIFIED}]
    return [fetch_file(file, where, (progress or _silent)(file)) for file in missing]


def fetch_file(file: File, where: Path, progress: Progress) -> Path:
    """Download one file into a folder, check it, and give it its name.

    Raises:
        DataError: As `fetch`.
    """
    place = where / file.path
    partial = place.with_name(place.name + ".part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _alone(where):
            if check_file(file, where) is not State.OK:  # another process may have brought it in the meantime
                _bring(file, where, partial, progress)
    except urllib.error.HTTPError as error:
        remedy = "its authors may have moved it" if error.code in GONE else "try again later with the same command"
        raise DataError(f"{file.url} answers {error.code} {error.reason}: {remedy}") from error
    except (http.client.HTTPException, urllib.error.URLError, ssl.SSLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"the connection to {file.url} failed ({reason}): the same command goes on where it stopped"
        ) from error
    except OSError as error:
        raise DataError(f"{str(place)!r} cannot be written ({error}): free space or choose another folder") from error
    return place


def _bring(file: File, where: Path, partial: Path, progress: Progress) -> None:
    """Download a file, check it, and give it its name."""
    _download(file, partial, progress)
    _check(file, partial)
    _etag(partial).unlink(missing_ok=True)  # what follows may change the bytes: then nothing can be resumed
    if file.member is not None:
        _unpack(file.member, partial)
    if file.sha256 is None:
        _record(file.path, partial, where)
    partial.replace(where / file.path)


@contextmanager
def _alone(where: Path) -> Iterator[None]:
    """Wait until no other process downloads into this folder."""
    with (where / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(file: File, partial: Path, progress: Progress) -> None:
    """Get the bytes that `partial` lacks."""
    had = partial.stat().st_size if partial.is_file() and _etag(partial).is_file() else 0
    request = urllib.request.Request(file.url, headers={"User-Agent": "raytune-suite"})  # noqa: S310 - the catalogue's
    if had:
        request.add_header("Range", f"bytes={had}-")
        request.add_header("If-Range", _etag(partial).read_text(encoding="utf-8"))
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        if error.code != NOT_SATISFIABLE:
            raise
        return  # all is there already
    with response:
        resumed = response.status == PARTIAL
        have = had if resumed else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None else file.size
        if not resumed:
            partial.unlink(missing_ok=True)  # before the mark, so that no old bytes ever carry a new one
            _mark(partial, response.headers.get("ETag"))
        with partial.open("ab") as out:
            have = _copy(response, out, have, total, progress)
    if total is not None and have < total:
        raise ConnectionError(f"it ended after {have} of {total} bytes")


def _copy(response: BinaryIO, out: BinaryIO, have: int, total: int | None, progress: Progress) -> int:
    """Append what comes; the bytes in all."""
    progress(have, total)
    while block := response.read(BLOCK):
        out.write(block)
        have += len(block)
        progress(have, total)
    return have


def _check(file: File, partial: Path) -> None:
    """Refuse and remove what is not what the authors published."""
    if file.sha256 is None:
        return
    found = digest(partial)
    if found != file.sha256:
        size = partial.stat().st_size
        partial.unlink()
        raise DataError(
            f"{file.url} gave {size} bytes with the SHA-256 {found}, not the {file.size} bytes with {file.sha256} that "
            "we know: they are removed; try again, and if it stays so its authors have changed it"
        )


def _unpack(member: str, partial: Path) -> None:
    """Put the member of a zip archive in the archive's place."""
    unpacked = partial.with_name(partial.name + ".unpacked")
    try:
        with zipfile.ZipFile(partial) as archive, archive.open(member) as source, unpacked.open("wb") as out:
            while block := source.read(BLOCK):
                out.write(block)
    except (zipfile.BadZipFile, KeyError) as error:
        partial.unlink()
        unpacked.unlink(missing_ok=True)
        raise DataError(f"what came is no zip archive with {member!r} in it ({error}); it is removed") from error
    unpacked.replace(partial)


def _record(name: str, partial: Path, where: Path) -> None:
    """Write down what a file of unknown checksum was when it first came."""
    known, came = recorded(where), (partial.stat().st_size, digest(partial))
    if known.get(name, came) != came or not came[0]:
        partial.unlink()
        was = "at least a byte" if name not in known else f"the {known[name][0]} bytes with {known[name][1]} of before"
        raise DataError(
            f"{name} is now {came[0]} bytes with the SHA-256 {came[1]}, not {was}: they are removed. If its authors "
            f"have changed it and you trust that, remove its line from {str(where / CHECKSUMS)!r} and fetch again"
        )
    known[name] = came
    new = where / (CHECKSUMS + ".part")
    new.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    new.replace(where / CHECKSUMS)


def _mark(partial: Path, etag: str | None) -> None:
    """Keep the version of what is about to come; without one nothing can be resumed."""
    if etag is None or etag.startswith("W/"):
        _etag(partial).unlink(missing_ok=True)
    else:
        _etag(partial).write_text(etag, encoding="utf-8")


def _etag(partial: Path) -> Path:
    return partial.with_name(partial.name + ".etag")


def _silent(_file: File) -> Progress:
    return lambda _have, _total: None
