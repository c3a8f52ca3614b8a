"""Snapshots are complete or skipped, and the one before the last is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite.engines import snapshots
from raytune_suite.engines.snapshots import SnapshotWriter
from raytune_suite.engines.storage import Folder
from tests.engines.object_store import object_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["local", "store"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return Folder.at(str(tmp_path)) if request.param == "local" else object_store()


def names(study: Folder) -> list[str]:
    return (study / snapshots.FOLDER).names()


def test_the_newest_snapshot_is_read_and_two_are_kept(study: Folder) -> None:
    writer = SnapshotWriter(study)
    for number in range(4):
        writer.write({"state": b"%d" % number}, {"reports": number})
    assert names(study) == ["000003.snapshot", "000004.snapshot"]
    found = snapshots.latest(study)
    assert found.snapshot is not None
    assert (found.snapshot.number, found.snapshot.files, found.snapshot.covers) == (4, {"state": b"3"}, {"reports": 3})
    assert found.damaged == []


def test_a_study_that_was_never_saved_has_none(study: Folder) -> None:
    assert snapshots.latest(study) == (None, [])


@pytest.mark.parametrize("damage", ["cut", "emptied", "byte", "text"])
def test_a_damaged_snapshot_is_skipped_and_named(damage: str, study: Folder) -> None:
    writer = SnapshotWriter(study)
    for number in range(2):
        writer.write({"state": b"%d" % number * 100}, {})
    folder = study / snapshots.FOLDER
    content = folder.read("000002.snapshot")
    middle = content.index(b"1111") + 50
    changed = {
        "cut": content[:-10],
        "emptied": b"",
        "byte": content[:middle] + b"?" + content[middle + 1 :],
        "text": b"no archive" * 20,
    }
    folder.write("000002.snapshot", changed[damage])
    found = snapshots.latest(study)
    assert found.snapshot is not None
    assert found.snapshot.number == 1
    assert [damaged.path for damaged in found.damaged] == [f"{folder.path}/000002.snapshot"]


def test_after_a_resume_from_an_older_snapshot_that_one_is_kept_instead_of_the_damaged_one(study: Folder) -> None:
    writer = SnapshotWriter(study)
    for _ in range(2):
        writer.write({"state": b"0"}, {})
    (study / snapshots.FOLDER).write("000002.snapshot", b"")
    SnapshotWriter(study, last=1).write({"state": b"1"}, {})
    assert names(study) == ["000001.snapshot", "000003.snapshot"]


def test_a_snapshot_of_a_later_version_is_not_read(study: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(snapshots, "SCHEMA", snapshots.SCHEMA + 1)
        SnapshotWriter(study).write({"state": b"0"}, {})
    assert snapshots.latest(study).snapshot is None
    assert "version 2" in snapshots.latest(study).damaged[0].reason


def test_what_a_killed_process_left_is_removed_with_the_next_snapshot(tmp_path: Path) -> None:
    study = Folder.at(str(tmp_path))
    writer = SnapshotWriter(study)
    writer.write({"state": b"0"}, {})
    (tmp_path / "snapshots" / ".000002.snapshot.77").write_bytes(b"half")
    writer.write({"state": b"1"}, {})
    assert names(study) == ["000001.snapshot", "000002.snapshot"]


def test_cleared_snapshots_are_gone(study: Folder) -> None:
    SnapshotWriter(study).write({"state": b"0"}, {})
    snapshots.clear(study)
    assert names(study) == []
