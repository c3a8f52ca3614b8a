"""A small study of snapshots and journals that is killed at its n-th operation on files, and resumed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from raytune_suite.engines import snapshots, stored_study
from raytune_suite.engines.journal import parse
from raytune_suite.engines.storage import Folder
from tests.faults.file_faults import Killed, file_faults

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.engines.stored_study import StoredStudy

ROUNDS = 4
"""Snapshots of an undisturbed study."""


def state_of(stored: StoredStudy) -> int:
    """How many rounds the state has, checked against the journals."""
    if stored.generation is None:
        return 0
    rounds = int(stored.generation.files["state"].split(b":")[0])
    expected = [{"round": number, "text": "x" * 100} for number in range(rounds)]
    for journal in (stored.journals.reports, stored.journals.trials, stored.journals.decisions):
        assert [record for piece in journal.pieces() for record in parse(piece)] == expected
    return rounds


def work(stored: StoredStudy) -> None:
    """Append to the journals and take snapshots until the study has all its rounds."""
    for number in range(state_of(stored), ROUNDS):
        for journal in (stored.journals.reports, stored.journals.trials, stored.journals.decisions):
            journal.append({"round": number, "text": "x" * 100})
            journal.flush()
        covers = stored.journals.seal()
        stored.writer.write({"state": b"%d:" % (number + 1) + b"s" * 2000, "other": b"o"}, covers)
    stored.journals.close()


def operations(folder: Path) -> int:
    """How many operations on files an undisturbed study has."""
    with file_faults() as layer:
        work(stored_study.create(Folder.at(str(folder))))
    return layer.count


def kill_and_resume(folder: Path, kills: list[int]) -> None:
    """Kill the study at these operations, one after the other, and finish it; each time all that was stored is there.

    A study whose first snapshot was not written is started again.
    """
    study, stored_rounds = Folder.at(str(folder)), 0
    for at in kills:
        with contextlib.suppress(Killed), file_faults(at):
            work(open_study(study))
        rounds = rounds_stored(study)
        assert rounds >= stored_rounds, f"operation {at}: {stored_rounds} rounds were stored, and {rounds} are left"
        stored_rounds = rounds
    with file_faults():
        work(open_study(study))
    assert rounds_stored(study) == ROUNDS


def rounds_stored(study: Folder) -> int:
    """The rounds of the state that a resume would have."""
    with file_faults():
        stored = open_study(study)
    stored.journals.close()
    return state_of(stored)


def open_study(study: Folder) -> StoredStudy:
    """Resume the study, or start it if it has no snapshot."""
    if snapshots.latest(study).snapshot is None:
        return stored_study.create(study)
    return stored_study.resume(study)
