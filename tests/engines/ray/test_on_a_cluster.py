"""Studies on several machines: real nodes of Ray, in one process of their own, scene after scene."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cluster")]

ROOT = Path(__file__).parents[3]

NOTICES_SOON = {"period_ms": "500", "timeout_ms": "500", "failure_threshold": "3", "initial_delay_ms": "0"}
"""A machine that vanishes is noticed after a second in place of a minute."""


@pytest.fixture(scope="module")
def played() -> Iterator[Path]:
    """The folder with the records of all scenes. Its Ray is told to nobody, and found by nobody."""
    folder = Path(tempfile.mkdtemp(prefix="rts"))  # pytest's own is too long for Ray's sockets
    environment = {
        **os.environ,
        "RAY_TMPDIR": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    environment |= {f"RAY_health_check_{name}": value for name, value in NOTICES_SOON.items()}
    environment.pop("RAY_ADDRESS", None)
    command = [sys.executable, "-m", "tests.engines.ray.cluster_script", str(folder)]
    done = subprocess.run(  # noqa: S603 - our own script
        command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def scene(played: Path, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((played / f"{name}.json").read_text())
    return record


def test_trials_of_a_lost_machine_go_on_elsewhere_from_their_checkpoint(played: Path) -> None:
    record = scene(played, "a_machine_is_lost")
    assert record["status"] == ["TERMINATED"] * 2
    assert record["lost_machines"] == [1, 1]
    assert record["reached"] == [8, 8]
    assert all(start > 0 for start in record["start"])
    assert sum("was lost; it resumes from its checkpoint at" in line for line in record["lines"]) == 2


def test_a_class_goes_on_from_where_it_was_saved_and_a_takeover_on_a_lost_machine_is_no_failure(played: Path) -> None:
    record = scene(played, "a_class_loses_machines")
    assert record["status"][:2] == ["TERMINATED"] * 2
    assert record["lost_machines"][:2] == [1, 1]
    assert record["reached"][:2] == [6, 6]
    assert record["start"][:2] == [3, 0]


def test_a_killed_process_on_a_machine_that_lives_is_a_failure(played: Path) -> None:
    record = scene(played, "a_class_loses_machines")
    assert record["status"][2] == "ERROR"
    assert record["lost_machines"][2] == 0


def test_a_config_that_kills_machines_fails_in_the_end(played: Path) -> None:
    record = scene(played, "a_config_kills_machines")
    assert record["status"] == ["ERROR"]
    assert record["lost_machines"] == [2]
    assert any("lost 2 machines in a row" in line for line in record["lines"])


def test_two_trials_share_a_gpu(played: Path) -> None:
    assert scene(played, "trials_share_gpus")["gpu"] == ["0", "0", "1", "1"]


def test_waiting_trials_ask_for_their_machines_at_once_and_say_so(played: Path) -> None:
    record = scene(played, "trials_wait_for_a_machine")
    assert record["status"] == ["TERMINATED"] * 4
    assert record["pending"] == 4
    assert any("waiting for resources: 4 trials need {CPU: 1, late: 1}" in line for line in record["lines"])


def test_what_no_machine_can_place_is_refused(played: Path) -> None:
    record = scene(played, "nothing_can_place_a_trial")
    assert record["told"].startswith("ArgumentError: `resources` asks for {GPU: 64}")
    assert "GPU: 2" in record["told"]
    assert not record["left"]
    assert record["found"].startswith("StudyError: a trial needs {CPU: 1} + {GPU: 64}")


def test_a_machine_that_lacks_the_folder_ends_a_study_and_lets_none_start(played: Path) -> None:
    record = scene(played, "a_machine_lacks_the_folder")
    if "skipped" in record:
        pytest.skip(record["skipped"])
    folder = str(played / "studies")
    assert record["later"].startswith(f"StudyError: `storage_path` resolves to '{folder}', but the machine")
    assert "resume=True" in record["later"]
    assert record["before"].startswith(f"ArgumentError: `storage_path` resolves to '{folder}', but the machine")
    assert not record["left"]
