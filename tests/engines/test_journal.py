"""A journal has each record once, before and after a resume, on disks and in object stores."""

from __future__ import annotations

import errno
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from raytune_suite.engines import journal
from raytune_suite.engines.journal import Extent, Journal, StudyJournals
from raytune_suite.engines.storage import Folder
from raytune_suite.errors import StudyError
from tests.engines.object_store import object_store
from tests.faults.file_faults import file_faults

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["local", "store"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return Folder.at(str(tmp_path)) if request.param == "local" else object_store()


def write(written: Journal, *numbers: int) -> Extent:
    for number in numbers:
        written.append({"number": number})
    return written.seal()


def numbers(records: list[dict[str, Any]]) -> list[int]:
    return [record["number"] for record in records]


def test_what_was_appended_is_read_back(study: Folder) -> None:
    write(Journal.create(study, "reports"), 0, 1, 2)
    assert numbers(journal.read(study, "reports")) == [0, 1, 2]
    assert journal.read(study, "decisions") == []


def test_a_resumed_journal_is_cut_where_the_snapshot_was_taken(study: Folder) -> None:
    first = Journal.create(study, "reports")
    extent = write(first, 0, 1)
    write(first, 2, 3)
    second = Journal.cut(study, "reports", extent, journal.read_parts(study, "reports", extent))
    assert numbers(journal.read(study, "reports")) == [0, 1]
    write(second, 20)
    assert numbers(journal.read(study, "reports")) == [0, 1, 20]


def test_in_an_object_store_a_part_that_is_full_is_not_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "PART_SIZE", 20)
    study = object_store()
    written = Journal.create(study, "reports")
    extents = [write(written, number) for number in range(5)]
    assert study.names() == ["reports-000001.jsonl", "reports-000002.jsonl", "reports-000003.jsonl"]
    for count, extent in reversed(list(enumerate(extents, start=1))):
        resumed = Journal.cut(study, "reports", extent, journal.read_parts(study, "reports", extent))
        assert numbers(journal.read(study, "reports")) == list(range(count))
    write(resumed, 7, 8)
    assert numbers(journal.read(study, "reports")) == [0, 7, 8]


@pytest.mark.parametrize("change", ["cut", "changed", "removed"])
def test_a_journal_that_has_lost_records_is_not_resumed(change: str, tmp_path: Path) -> None:
    study = Folder.at(str(tmp_path))
    extent = write(Journal.create(study, "reports"), 0, 1)
    file = tmp_path / "reports.jsonl"
    content = file.read_bytes()
    changed = {"cut": content[:-1], "changed": content.replace(b"1", b"2"), "removed": b""}[change]
    file.write_bytes(changed)
    with pytest.raises(StudyError, match=r"reports\.jsonl"):
        Journal.cut(study, "reports", extent, journal.read_parts(study, "reports", extent))
    assert file.read_bytes() == changed


def test_a_line_that_is_not_complete_is_ignored(tmp_path: Path) -> None:
    study = Folder.at(str(tmp_path))
    write(Journal.create(study, "reports"), 0, 1)
    with (tmp_path / "reports.jsonl").open("ab") as file:
        file.write(b'{"number": 2')
    assert numbers(journal.read(study, "reports")) == [0, 1]


def test_a_damaged_line_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "reports.jsonl").write_bytes(b"\x00\xff\n{}\n")
    with pytest.raises(StudyError, match=r"reports\.jsonl"):
        journal.read(Folder.at(str(tmp_path)), "reports")


def test_what_could_not_be_written_is_written_next_time(tmp_path: Path) -> None:
    study = Folder.at(str(tmp_path))
    written = Journal.create(study, "reports")
    write(written, 0)
    written.append({"number": 1})
    with file_faults(0, errno.ENOSPC), pytest.raises(OSError, match="No space"):
        written.flush()
    write(written, 2)
    assert numbers(journal.read(study, "reports")) == [0, 1, 2]


def test_values_that_json_does_not_have_are_written_as_text(study: Folder) -> None:
    written = Journal.create(study, "trials")
    written.append({"nan": math.nan, "array": np.arange(2), "number": np.int64(3), "type": int, "keys": {(1, 2): 3}})
    written.append({"number": np.float32(0.5), "type": int})
    written.seal()
    first, second = journal.read(study, "trials")
    assert math.isnan(first["nan"])
    assert first["keys"] == "{(1, 2): 3}"
    assert second == {"number": 0.5, "type": "<class 'int'>"}


def test_records_of_a_running_study_are_written_twice_a_second(tmp_path: Path) -> None:
    study, now = Folder.at(str(tmp_path)), [0.0]
    journals = StudyJournals([Journal.create(study, name) for name in journal.NAMES], lambda: now[0])
    journals.reports.append({"number": 0})
    journals.flush_if_due()
    assert journal.read(study, "reports") == []
    now[0] += journal.FLUSH_S
    journals.flush_if_due()
    assert numbers(journal.read(study, "reports")) == [0]
