"""Download of third-party data from its authors. It can be resumed, and never leaves a wrong file under a final name.

While a file is downloaded, it has the suffix ".part", and beside it lies a file with the suffix ".etag" that holds the
server's version of it (ETag). A later download requests the rest of that version, and starts from scratch if the server
sends the whole file. The file is renamed to its final name only if its checksum is correct.
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
"""The number of bytes that are read at once."""

LOCK = ".lock"
"""The lock file in the data folder; only the process that holds it downloads."""

LARGEST = 1 << 36
"""No file of unknown size is larger than this: 64 GB."""

TIMEOUT = 60.0
"""The seconds without data after which a connection counts as lost."""

PARTIAL, NOT_SATISFIABLE, GONE = 206, 416, (404, 410)
"""HTTP status codes: the rest of the file follows; there is nothing left to send; the file does not exist."""


def fetch(
    names: Iterable[str],
    where: Path | None = None,
    *,
    progress: Callable[[File], Progress] | None = None,
) -> list[Path]:
    """Download the files of some datasets or parts that are missing, truncated or altered.

    Args:
        names: Datasets ("arlbench"), parts ("arlbench/cc_cartpole_ppo"), or "all" for the parts with known checksums.
        where: The data folder, by default `folder()`.
        progress: Called with each file before its download. The function that it returns is called with the number of
            bytes so far, and the size of the file or None.

    Returns:
        The paths of the downloaded files.

    Raises:
        UnknownNameError: If a name is unknown.
        DataError: If a file cannot be downloaded, or is not what its authors published. After a lost connection, the
            data so far are kept, and the same call resumes the download.
    """
    where = folder() if where is None else where
    wanted = [file for part in select(names) for file in part.files]
    missing = [file for file in wanted if check_file(file, where) not in {State.OK, State.UNVERIFIED}]
    return [fetch_file(file, where, (progress or _silent)(file)) for file in missing]


def fetch_file(file: File, where: Path, progress: Progress) -> Path:
    """Download one file into a folder, check it, and rename it to its final name.

    Raises:
        DataError: As in `fetch`.
    """
    place = where / file.path
    partial = place.with_name(place.name + ".part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(where):
            if check_file(file, where) is not State.OK:  # another process may have downloaded it in the meantime
                _fetch(file, where, partial, progress)
    except urllib.error.HTTPError as error:
        remedy = "its authors may have moved it" if error.code in GONE else "try again later with the same command"
        raise DataError(f"{file.url} returned {error.code} {error.reason}: {remedy}") from error
    except (http.client.HTTPException, urllib.error.URLError, ssl.SSLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"the connection to {file.url} failed ({reason}): repeat the command to resume the download"
        ) from error
    except OSError as error:
        raise DataError(
            f"{str(place)!r} cannot be written ({error}): free space on the disk, or choose another folder"
        ) from error
    return place


def _fetch(file: File, where: Path, partial: Path, progress: Progress) -> None:
    """Download a file, check it, and rename it to its final name."""
    _download(file, partial, progress)
    _check(file, partial)
    _etag(partial).unlink(missing_ok=True)  # the next steps may change the file, which then cannot be resumed
    if file.member is not None:
        _unpack(file.member, partial)
    if file.sha256 is None:
        _record(file.path, partial, where)
    partial.replace(where / file.path)


@contextmanager
def _exclusive(where: Path) -> Iterator[None]:
    """Wait until no other process downloads into this folder, and keep others waiting until the block ends."""
    with (where / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(file: File, partial: Path, progress: Progress) -> None:
    """Download the bytes that are missing in `partial`."""
    had = partial.stat().st_size if partial.is_file() and _etag(partial).is_file() else 0
    request = urllib.request.Request(file.url, headers={"User-Agent": "raytune-suite"})  # noqa: S310 - from the catalogue
    if had:
        request.add_header("Range", f"bytes={had}-")
        request.add_header("If-Range", _etag(partial).read_text(encoding="utf-8"))
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        if error.code != NOT_SATISFIABLE:
            raise
        return  # the file is complete
    except ValueError as error:  # of a redirection
        raise DataError(f"{file.url} redirects to a malformed address ({error}): try again later") from error
    with response:
        resumed = response.status == PARTIAL
        have = had if resumed else 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else file.size
        part = response.headers.get("Content-Range", f"bytes {had}-")
        if resumed and not part.startswith(f"bytes {had}-"):
            _etag(partial).unlink()  # so that the next download starts from scratch
            raise ConnectionError(f"the server sent {part!r}, but was asked for the bytes from {had}")
        if not resumed:
            partial.unlink(missing_ok=True)  # before the new ETag is stored, so that it never belongs to old bytes
            _store_etag(partial, response.headers.get("ETag"))
        with partial.open("ab") as out:
            have = _copy(response, out, have, total, progress, most=LARGEST if file.size is None else file.size)
    if file.size is None and have > LARGEST:
        partial.unlink()
        raise DataError(f"{file.url} sent more than {LARGEST} bytes: the download is removed")
    if total is not None and have < min(total, file.size or total):
        raise ConnectionError(f"closed after {have} of {total} bytes")


def _copy(response: BinaryIO, out: BinaryIO, have: int, total: int | None, progress: Progress, *, most: int) -> int:
    """Append the response to `out` up to more than `most` bytes, and return the number of bytes in total."""
    progress(have, total)
    while have <= most and (block := response.read(BLOCK)):
        out.write(block)
        have += len(block)
        progress(have, total)
    return have


def _check(file: File, partial: Path) -> None:
    """Remove a file that is not what its authors published.

    Raises:
        DataError: If its checksum is wrong.
    """
    if file.sha256 is None:
        return
    sha256 = digest(partial)
    if sha256 != file.sha256:
        size = partial.stat().st_size
        partial.unlink()
        raise DataError(
            f"{file.url} returned {size} bytes with the SHA-256 {sha256}, but the file must have {file.size} bytes "
            f"with {file.sha256}: the download is removed; try again, and if the error persists, the authors have "
            "changed the file"
        )


def _unpack(member: str, partial: Path) -> None:
    """Replace a zip archive by one of its members."""
    unpacked = partial.with_name(partial.name + ".unpacked")
    try:
        with zipfile.ZipFile(partial) as archive, archive.open(member) as source, unpacked.open("wb") as out:
            while block := source.read(BLOCK):
                out.write(block)
    except (zipfile.BadZipFile, KeyError) as error:
        partial.unlink()
        unpacked.unlink(missing_ok=True)
        raise DataError(
            f"the download is not a zip archive that contains {member!r} ({error}): it is removed"
        ) from error
    unpacked.replace(partial)


def _record(name: str, partial: Path, where: Path) -> None:
    """Record the checksum of a file on its first download, and check it on later ones.

    Raises:
        DataError: If the file is empty, or differs from the first download.
    """
    known, received = recorded(where), (partial.stat().st_size, digest(partial))
    if not received[0]:
        partial.unlink()
        raise DataError(f"the download of {name} is empty (0 bytes): try again later")
    if known.get(name, received) != received:
        partial.unlink()
        size, sha256 = known[name]
        raise DataError(
            f"{name} now has {received[0]} bytes with the SHA-256 {received[1]}, but the first download had {size} "
            f"bytes with {sha256}: the new download is removed. If its authors have changed it and you trust the new "
            f"version, remove its line from {str(where / CHECKSUMS)!r} and fetch it again"
        )
    known[name] = received
    new = where / (CHECKSUMS + ".part")
    new.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    new.replace(where / CHECKSUMS)


def _store_etag(partial: Path, etag: str | None) -> None:
    """Store the version of the file that is about to be downloaded; without one the download cannot be resumed."""
    if etag is None or etag.startswith("W/"):
        _etag(partial).unlink(missing_ok=True)
    else:
        _etag(partial).write_text(etag, encoding="utf-8")


def _etag(partial: Path) -> Path:
    return partial.with_name(partial.name + ".etag")


def _silent(_file: File) -> Progress:
    return lambda _have, _total: None
