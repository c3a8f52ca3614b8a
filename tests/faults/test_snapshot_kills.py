"""A kill, a full disk or a broken one at any operation on files loses no snapshot that was complete."""

from __future__ import annotations

import errno
import random
from typing import TYPE_CHECKING

import pytest

from raytune_suite.engines import snapshots
from raytune_suite.engines.storage import Folder
from raytune_suite.errors import StudyError
from tests.faults.file_faults import file_faults
from tests.faults.snapshot_kills import ROUNDS, kill_and_resume, open_study, operations, rounds_stored, work

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_a_kill_at_each_operation_loses_no_complete_snapshot(tmp_path: Path) -> None:
    count = operations(tmp_path / "undisturbed")
    assert count > 50
    for at in range(count):
        kill_and_resume(tmp_path / str(at), [at])


@pytest.mark.slow
def test_several_kills_in_a_row_lose_no_complete_snapshot(tmp_path: Path) -> None:
    count, rng = operations(tmp_path / "undisturbed"), random.Random(0)
    for number in range(20):
        kill_and_resume(tmp_path / str(number), [rng.randrange(count) for _ in range(5)])


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_after_an_error_of_the_disk_the_next_attempt_succeeds(error: int, tmp_path: Path) -> None:
    count = operations(tmp_path / "undisturbed")
    for at in range(0, count, 3):
        study = Folder.at(str(tmp_path / str(at)))
        with file_faults(at, error, times=2):
            try:
                work(open_study(study))
            except (OSError, StudyError) as caught:
                assert isinstance(caught, OSError) or study.path in str(caught)  # noqa: PT017 - it may also succeed
        assert not snapshots.latest(study).damaged
        with file_faults():
            work(open_study(study))
        assert rounds_stored(study) == ROUNDS
