"""Whatever ends a study, nothing is lost, and the resumed study decides as the undisturbed one did."""

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

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SCRIPT = Path(__file__).with_name("study_script.py")
KILLED = ("bohb", "dehb-resume", "pbt")
"""Methods that keep their state in different ways. tests/conformance kills all of them, without Ray."""


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
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors


def decisions(folder: Path) -> list[Decision]:
    """All decisions in their order, without those on what was trained again after the last snapshot."""
    rows = read(folder / "study" / "decisions.parquet")
    first: dict[Any, Decision] = {}
    for row in rows:
        first.setdefault((row.trial, row.resource, row.value), row)
    return list(first.values())


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return found


def wait_for_reports(folder: Path, count: int) -> None:
    ticks = folder / "ticks"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if ticks.exists() and int(ticks.read_text() or 0) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"no {count} reports within two minutes")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes the folder of a method's study that nobody disturbed, when it is first asked for."""

    @functools.cache
    def run(key: str) -> Path:
        folder = tmp_path_factory.mktemp("undisturbed") / key
        finish(start(key, folder))
        return folder

    return run


def assert_alike(found: Path, expected: Path) -> None:
    assert difference(decisions(expected), decisions(found), times=False) is None
    assert record(found) == record(expected)


@pytest.mark.parametrize("key", KILLED)
def test_a_killed_study_goes_on_as_if_nothing_had_happened(
    key: str, undisturbed: Callable[[str], Path], tmp_path: Path
) -> None:
    """One trial runs at a time, so that the order of the decisions is the same, too."""
    calm = undisturbed(key)
    process = start(key, tmp_path)
    wait_for_reports(tmp_path, len(decisions(calm)) // 2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    finish(start(key, tmp_path, "--resume"))
    assert_alike(tmp_path, calm)


def test_ctrl_c_says_how_to_go_on_and_loses_nothing(undisturbed: Callable[[str], Path], tmp_path: Path) -> None:
    calm = undisturbed("bohb")
    process = start("bohb", tmp_path)
    wait_for_reports(tmp_path, len(decisions(calm)) // 2)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "StudyInterrupted" in errors
    assert "resume=True, name='study'" in errors
    finish(start("bohb", tmp_path, "--resume"))
    assert_alike(tmp_path, calm)
