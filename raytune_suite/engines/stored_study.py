"""Opening the folder of a study that starts, or is resumed from its last snapshot; both engines do it in this way."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from raytune_suite.engines import snapshots
from raytune_suite.engines.journal import DamagedJournalError, StudyJournals
from raytune_suite.engines.snapshots import Damaged, Generation, SnapshotWriter
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.engines.storage import Folder

MANIFEST = "study.json"
"""The file in a study's folder with the arguments with which it was started; each snapshot has a copy."""

_logger = logging.getLogger("raytune_suite")


class StoredStudy(NamedTuple):
    """A study's folder, ready to be written.

    Attributes:
        writer: Writes its snapshots.
        journals: Its journals.
        generation: The snapshot from which it is resumed; None if it starts.
    """

    writer: SnapshotWriter
    journals: StudyJournals
    generation: Generation | None


def create(study: Folder) -> StoredStudy:
    """Start a study in a folder: what another one has left there is removed.

    Raises:
        StudyError: If it cannot be written.
    """
    with storage_errors(study):
        snapshots.clear(study)
        return StoredStudy(SnapshotWriter(study), StudyJournals.create(study), None)


def resume(study: Folder) -> StoredStudy:
    """Go back to the last snapshot of a study that is complete, with its journals; warn if it is not the newest one.

    Raises:
        StudyError: If there is none, or the folder cannot be read or written.
    """
    damaged: list[Damaged] = []
    with storage_errors(study):
        for found in snapshots.newest_first(study):
            if isinstance(found, Damaged):
                damaged.append(found)
                continue
            try:
                journals = StudyJournals.resume(study, found.covers)
            except DamagedJournalError as error:
                damaged.append(Damaged(error.path, f"{error.reason}, {describe(found)}"))
                continue
            _warn_of(damaged, found)
            return StoredStudy(SnapshotWriter(study, found.number), journals, found)
    raise StudyError(no_snapshot(study, damaged))


def _warn_of(damaged: list[Damaged], generation: Generation) -> None:
    """Warn of files that cannot be used, and tell from where the study resumes."""
    for path, reason in damaged:
        _logger.warning(
            "%s cannot be used: %s. The study resumes from %s; progress after that is repeated",
            path,
            reason,
            describe(generation),
        )


def no_snapshot(study: Folder, damaged: list[Damaged]) -> str:
    """Why a study without a usable snapshot cannot be resumed, and what to do."""
    if damaged:
        files = "; ".join(f"{path}: {reason}" for path, reason in damaged)
        return (
            f"the study {study.path!r} cannot be resumed, since none of its snapshots can be used ({files}): restore "
            "one of these files from a backup, or start the study again under another name"
        )
    return (
        f"the study {study.path!r} cannot be resumed, since it ended before its first snapshot: start it again without "
        "`resume`"
    )


def describe(generation: Generation) -> str:
    """A snapshot as messages call it."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(generation.created))
    return f"snapshot {generation.number} of {when}"


@contextlib.contextmanager
def storage_errors(study: Folder) -> Iterator[None]:
    """Turn an OSError into a StudyError that names the folder."""
    try:
        yield
    except OSError as error:
        raise StudyError(f"the folder of the study {study.path!r} cannot be read or written: {error}") from error
