"""A damaged or missing file of an interrupted study gives the same result after a resume, or an error that names it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import raytune_suite as rts
from raytune_suite.engines.journal import StudyJournals
from raytune_suite.errors import RaytuneSuiteError, StudyError, StudyInterrupted
from tests.tuning.test_tune_simulated import branin

if TYPE_CHECKING:
    from collections.abc import Callable

DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "cut": lambda file, _before: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "emptied": lambda file, _before: file.write_bytes(b""),
    "removed": lambda file, _before: file.unlink(),
    "overwritten": lambda file, _before: file.write_bytes(os.urandom(file.stat().st_size)),
    "of_the_snapshot_before": lambda file, before: before.exists() and shutil.copy(before, file),
}

FILES = ("study.json", "study.lock", "reports.jsonl", "trials.jsonl", "decisions.jsonl", "000001", "000002")


def run(folder: Path, *, resume: bool = False) -> rts.StudyResult:
    return rts.tune(
        workload=branin(),
        method="asha",
        budget=8,
        tuning_seeds=[0],
        test_seeds=[],
        storage_path=folder,
        name="study",
        engine="simulated",
        progress=False,
        resume=resume,
    )


def interrupt(folder: Path, steps: int, *, resume: bool = False) -> None:
    """Run a study and send Ctrl-C after a number of steps."""
    left, original = [steps], StudyJournals.flush_if_due

    def flush_if_due(journals: StudyJournals) -> None:
        original(journals)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StudyJournals, "flush_if_due", flush_if_due)
        with pytest.raises(StudyInterrupted):
            run(folder, resume=resume)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, rts.StudyResult]:
    """The folders of studies that were interrupted twice and once, and the result without interruption."""
    folder = tmp_path_factory.mktemp("interrupted")
    undisturbed = run(folder / "undisturbed")
    once, twice = folder / "once", folder / "twice"
    interrupt(once, 30)
    shutil.copytree(once, twice)
    interrupt(twice, 30, resume=True)
    return twice / "study", once / "study", undisturbed


@pytest.mark.parametrize(
    "damage",
    [pytest.param(one, marks=[pytest.mark.e2e, pytest.mark.long] if one == "emptied" else []) for one in DAMAGES],
)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.slow
def test_a_damaged_file_gives_the_same_result_or_an_error_that_names_it(
    name: str, damage: str, interrupted: tuple[Path, Path, rts.StudyResult], tmp_path: Path
) -> None:
    twice, once, undisturbed = interrupted
    study = tmp_path / "study"
    shutil.copytree(twice, study)
    part = Path("snapshots", f"{name}.snapshot") if name.startswith("0") else Path(name)
    before = once / (Path("snapshots", "000001.snapshot") if name.startswith("0") else part)
    DAMAGES[damage](study / part, before)
    try:
        result = run(tmp_path, resume=True)
    except RaytuneSuiteError as error:
        assert str(study / part) in str(error)  # noqa: PT017 - most damages are repaired
        assert name.endswith(".jsonl")
    else:
        assert result.reports.equals(undisturbed.reports)
        assert result.best_config == undisturbed.best_config
        assert rts.load_study(study).reports.equals(undisturbed.reports)


@pytest.mark.parametrize("name", ["reports", "trials", "decisions"])
def test_a_journal_that_has_lost_its_end_falls_back_to_the_snapshot_before(
    name: str, interrupted: tuple[Path, Path, rts.StudyResult], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(interrupted[0], tmp_path / "study")
    file = tmp_path / "study" / f"{name}.jsonl"
    file.write_bytes(file.read_bytes()[:-10])
    result = run(tmp_path, resume=True)
    assert result.reports.equals(interrupted[2].reports)
    assert rts.load_study(tmp_path / "study").reports.equals(result.reports)
    assert str(file) in caplog.text
    assert "snapshot 1 " in caplog.text


@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten"])
def test_if_all_snapshots_are_damaged_the_error_names_them_and_the_study_is_not_started_again(
    damage: str, interrupted: tuple[Path, Path, rts.StudyResult], tmp_path: Path
) -> None:
    shutil.copytree(interrupted[0], tmp_path / "study")
    for file in (tmp_path / "study" / "snapshots").iterdir():
        DAMAGES[damage](file, file)
    with pytest.raises(RaytuneSuiteError, match=r"000001\.snapshot.*") as caught:
        run(tmp_path, resume=True)
    assert "000002.snapshot" in str(caught.value)
    with pytest.raises(RaytuneSuiteError, match="'study'"):
        run(tmp_path)


def test_a_study_without_a_snapshot_is_not_resumed_and_can_be_started_again(
    interrupted: tuple[Path, Path, rts.StudyResult], tmp_path: Path
) -> None:
    shutil.copytree(interrupted[0], tmp_path / "study")
    shutil.rmtree(tmp_path / "study" / "snapshots")
    with pytest.raises(RaytuneSuiteError, match="before its first snapshot"):
        run(tmp_path, resume=True)
    assert run(tmp_path).reports.equals(interrupted[2].reports)


def test_an_interrupted_study_can_be_read_and_is_not_changed_by_that(
    interrupted: tuple[Path, Path, rts.StudyResult],
) -> None:
    study, _, undisturbed = interrupted
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    result = rts.load_study(study)
    assert result.status == "interrupted"
    assert 30 < len(result.reports) < len(undisturbed.reports)
    assert result.reports.equals(undisturbed.reports[: len(result.reports)])
    assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before


def test_a_snapshot_of_another_version_is_an_error_that_names_the_study(tmp_path: Path) -> None:
    interrupt(tmp_path, 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("raytune_suite.engines.simulated.engine.SUSPENDED", "another.pkl")
        with pytest.raises(RaytuneSuiteError) as caught:
            run(tmp_path, resume=True)
    assert str(tmp_path / "study") in str(caught.value)


def test_a_study_in_another_format_is_neither_read_nor_resumed(
    interrupted: tuple[Path, Path, rts.StudyResult], tmp_path: Path
) -> None:
    shutil.copytree(interrupted[1], tmp_path / "study")
    file = tmp_path / "study" / "study.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 2}))
    with pytest.raises(StudyError, match=str(file.parent)):
        rts.load_study(file.parent)
    with pytest.raises(StudyError, match=str(file.parent)):
        run(tmp_path, resume=True)
