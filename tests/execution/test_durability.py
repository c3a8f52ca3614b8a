"""Whatever ends a study, nothing is lost, and the resumed study decides as the undisturbed one did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from raytune_suite import METHODS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SCRIPT = Path(__file__).with_name("study_script.py")
PAUSING = [
    name for name, recipe in METHODS.items() if recipe.scheduler != "fifo" and name != "pb2"
]  # pb2 is pbt's twin


def start(method: str, folder: Path, *extra: str) -> subprocess.Popen[str]:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(SCRIPT), method, str(folder), *extra]
    return subprocess.Popen(  # noqa: S603 - our own script
        command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors


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
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The record of each method's study that nobody disturbed, made when it is first asked for."""

    class Records(dict[str, dict[str, Any]]):
        def __missing__(self, method: str) -> dict[str, Any]:
            folder = tmp_path_factory.mktemp("undisturbed") / method
            finish(start(method, folder))
            self[method] = record(folder)
            return self[method]

    return Records()


@pytest.mark.parametrize("method", PAUSING)
def test_a_killed_study_goes_on_as_if_nothing_had_happened(
    method: str, undisturbed: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    expected = undisturbed[method]
    process = start(method, tmp_path)
    wait_for_reports(tmp_path, len(expected["reports"]) // 2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    finish(start(method, tmp_path, "--resume"))
    assert record(tmp_path) == expected


def test_ctrl_c_says_how_to_go_on_and_loses_nothing(undisturbed: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    expected = undisturbed["hyperband"]
    process = start("hyperband", tmp_path)
    wait_for_reports(tmp_path, len(expected["reports"]) // 2)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "StudyInterrupted" in errors
    assert "resume=True, name='study'" in errors
    finish(start("hyperband", tmp_path, "--resume"))
    assert record(tmp_path) == expected
