"""An interrupted or killed study loses nothing, and makes the same decisions after resuming as without interruption."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite.engines.callbacks.decision_log import Decision, difference, read
from tests.engines.simulated.studies import VARIANTS, samples

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SCRIPT = Path(__file__).with_name("study_script.py")
KILLED = ("asha", "bohb", "dehb-resume", "pbt")
"""Methods that store their state in different ways; tests/conformance kills every method, without Ray."""


def start(key: str, folder: Path, *extra: str) -> subprocess.Popen[str]:
    folder.mkdir(parents=True, exist_ok=True)
    method, arguments = VARIANTS[key]
    trials = max(samples(method), 14)
    command = [sys.executable, str(SCRIPT), method, str(folder), *extra]
    command += ["--trials", str(trials), "--arguments", json.dumps(arguments)]
    return subprocess.Popen(  # noqa: S603 - our own script
        command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors


def decisions(folder: Path) -> list[Decision]:
    """Return all decisions in order, without repeats from training again after the last snapshot."""
    rows = read(folder / "study" / "decisions.parquet")
    first: dict[Any, Decision] = {}
    for row in rows:
        first.setdefault((row.trial, row.resource, row.value), row)
    return list(first.values())


def record(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return content


def wait_for_reports(folder: Path, count: int) -> None:
    ticks = folder / "ticks"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if ticks.exists() and int(ticks.read_text() or 0) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"fewer than {count} reports within five minutes")


@pytest.fixture(scope="module")
def uninterrupted_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that runs a method's study without interruption, once, and returns its folder."""

    @functools.cache
    def run(key: str) -> Path:
        folder = tmp_path_factory.mktemp("uninterrupted_study") / key
        finish(start(key, folder))
        return folder

    return run


def assert_alike(actual: Path, expected: Path) -> None:
    assert difference(decisions(expected), decisions(actual), times=False) is None
    assert record(actual) == record(expected)


@pytest.mark.parametrize("key", [pytest.param(key, marks=() if key == "bohb" else pytest.mark.long) for key in KILLED])
def test_a_killed_study_resumes_with_the_same_decisions(
    key: str, uninterrupted_study: Callable[[str], Path], tmp_path: Path
) -> None:
    """Only one trial runs at a time, which fixes the order of the decisions."""
    uninterrupted = uninterrupted_study(key)
    process = start(key, tmp_path)
    wait_for_reports(tmp_path, len(decisions(uninterrupted)) // 2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    finish(start(key, tmp_path, "--resume"))
    assert_alike(tmp_path, uninterrupted)


@pytest.mark.parametrize("twice", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_study_ended_by_sigterm_loses_nothing(
    twice: bool, uninterrupted_study: Callable[[str], Path], tmp_path: Path
) -> None:
    """The signal goes to the whole group of processes, as that of `timeout` does; Ray must outlive the study."""
    uninterrupted = uninterrupted_study("bohb")
    process = start("bohb", tmp_path)
    wait_for_reports(tmp_path, 10)
    os.killpg(process.pid, signal.SIGTERM)
    if twice:
        time.sleep(0.05)
        os.killpg(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=50)
    assert process.returncode != 0
    assert "StudyInterrupted" in errors or (twice and "KeyboardInterrupt" in errors)
    assert "core dumped" not in errors
    finish(start("bohb", tmp_path, "--resume"))
    assert_alike(tmp_path, uninterrupted)


@pytest.mark.long
def test_the_error_after_ctrl_c_shows_how_to_resume_and_nothing_is_lost(
    uninterrupted_study: Callable[[str], Path], tmp_path: Path
) -> None:
    uninterrupted = uninterrupted_study("bohb")
    process = start("bohb", tmp_path)
    wait_for_reports(tmp_path, len(decisions(uninterrupted)) // 2)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "StudyInterrupted" in errors
    assert "resume=True, name='study'" in errors
    finish(start("bohb", tmp_path, "--resume"))
    assert_alike(tmp_path, uninterrupted)
