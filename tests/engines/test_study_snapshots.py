"""When the state of a study is saved, and how a study ends whose state cannot be saved."""

from __future__ import annotations

import errno
import functools
import os
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite.engines import snapshots, stored_study
from raytune_suite.engines.ray.state_files import unpack
from raytune_suite.engines.ray.state_internals import TUNER
from raytune_suite.engines.storage import Folder
from raytune_suite.engines.study_snapshots import ATTEMPTS, LONGEST_WAIT_S, PATIENCE_S, SHARE, StudySnapshots
from raytune_suite.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATE = {"experiment_state-2.json": b"{}", "searcher-state-2.pkl": b"s"}


class Saving:
    """A study whose clock stands still but for what a test adds."""

    def __init__(self, folder: Path, period: float = 5.0, check: Callable[[], None] = lambda: None) -> None:
        self.now = 100.0
        self.takes = 0.0
        self.error: OSError | None = None
        self.folder = Folder.at(str(folder))
        stored = stored_study.create(self.folder)
        self.snapshots = StudySnapshots(
            stored.writer,
            stored.journals,
            period=period,
            constant={TUNER: b"tuner", "study.json": b"{}"},
            check=check,
            publish=functools.partial(unpack, self.folder),
            clock=lambda: self.now,
        )

    def take(self, after: float = 0.0, **how: Any) -> bool:
        self.now += after
        return self.snapshots.take(self.state, **{"force": False, "final": False, **how})

    def state(self) -> dict[str, bytes]:
        self.now += self.takes
        if self.error is not None:
            raise self.error
        return STATE


def test_snapshots_are_a_period_apart_unless_one_is_forced(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    assert [saving.take(), saving.take(4.9), saving.take(0.2)] == [True, False, True]
    assert [saving.take(0.1, force=True), saving.take(4.9)] == [True, False]


def test_slow_snapshots_take_at_most_their_share_of_the_time(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    began = saving.now
    spent = [0.0]
    while saving.now - began < 2000:
        saving.takes = 0.1 * len(spent)  # they become slower and slower
        if saving.take(0.5):
            spent.append(saving.takes)
    assert len(spent) > 10
    assert sum(spent[:-1]) <= SHARE * (saving.now - began)


def test_a_storage_that_is_slow_for_once_does_not_delay_the_next_snapshot_for_long(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    saving.takes = 0.01
    assert saving.take()
    saving.takes = 20.0
    assert saving.take(60.0)
    assert saving.take(5.0)


def test_a_storage_that_stays_slow_gets_a_snapshot_every_five_minutes(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    saving.takes = 60.0
    assert saving.take()
    assert saving.take(LONGEST_WAIT_S)
    assert not saving.take(LONGEST_WAIT_S / 2)
    assert saving.take(LONGEST_WAIT_S / 2)


def test_a_snapshot_has_the_state_the_tuner_and_the_manifest(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    saving.take()
    found = snapshots.latest(saving.folder).snapshot
    assert found is not None
    assert found.files == {**STATE, TUNER: b"tuner", "study.json": b"{}"}
    assert not (tmp_path / TUNER).exists()


def test_the_last_one_is_also_written_for_the_tools_of_ray_in_place_of_older_ones(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    (tmp_path / "experiment_state-1.json").write_bytes(b"old")
    saving.take(final=True)
    assert {path.name for path in tmp_path.glob("*-*.*")} == set(STATE)
    assert (tmp_path / TUNER).read_bytes() == b"tuner"


def test_a_failure_is_reported_at_once_and_the_next_attempt_is_soon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saving = Saving(tmp_path, period=60)
    saving.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not saving.take()
    assert str(tmp_path) in caplog.text
    assert "No space left" in caplog.text
    assert not saving.take(0.5, force=True)
    saving.error = None
    assert saving.take(PATIENCE_S)
    assert "again" in caplog.text


def test_a_study_whose_state_cannot_be_saved_for_long_ends(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    assert saving.take()
    saving.error = OSError(errno.EROFS, os.strerror(errno.EROFS))
    assert not any(saving.take(5.0) for _ in range(ATTEMPTS - 1))
    with pytest.raises(StudyError, match=r"Read-only.*resume=True"):
        saving.take(5.0)
    assert "Read-only" in saving.snapshots.fault
    assert snapshots.latest(saving.folder).snapshot is not None


def test_a_last_snapshot_that_fails_is_a_fault(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    saving.error = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(StudyError, match="at its end"):
        saving.take(final=True)
    assert saving.snapshots.fault


def test_a_study_that_another_process_has_taken_over_ends(tmp_path: Path) -> None:
    def broken() -> None:
        raise StudyError("taken over")

    saving = Saving(tmp_path, check=broken)
    with pytest.raises(StudyError, match="taken over"):
        saving.take()
    assert saving.snapshots.fault == "taken over"
    assert snapshots.latest(saving.folder).snapshot is None
