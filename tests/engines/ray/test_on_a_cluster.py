"""Studies on several machines: `cluster_script.py` runs all scenarios on real Ray nodes, in a separate process."""

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

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]

FAST_HEALTH_CHECK = {"period_ms": "500", "timeout_ms": "500", "failure_threshold": "3", "initial_delay_ms": "0"}
"""Health check settings with which Ray notices a lost machine within seconds instead of a minute."""


SHORT = ("a_machine_is_lost", "trials_share_gpus", "nothing_can_place_a_trial", "a_machine_lacks_the_folder")
"""The scenarios of the tests that are not marked `long`."""


@pytest.fixture(scope="module")
def records(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return the folder with the records of the scenarios; their cluster is isolated from any other.

    Only if a test that is marked `long` runs, are all scenarios played.
    """
    here = [item for item in request.session.items if item.path == request.path]
    scenarios = () if any(item.get_closest_marker("long") for item in here) else SHORT
    folder = Path(tempfile.mkdtemp(prefix="rts"))  # the paths of pytest's folders are too long for Ray's sockets
    environment = {
        **os.environ,
        "RAY_TMPDIR": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    environment |= {f"RAY_health_check_{name}": value for name, value in FAST_HEALTH_CHECK.items()}
    environment.pop("RAY_ADDRESS", None)
    command = [sys.executable, "-m", "tests.engines.ray.cluster_script", str(folder), *scenarios]
    done = subprocess.run(  # noqa: S603 - our own script
        command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def record_of(records: Path, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((records / f"{name}.json").read_text())
    return record


def test_trials_of_a_lost_machine_resume_elsewhere_from_their_checkpoints(records: Path) -> None:
    record = record_of(records, "a_machine_is_lost")
    assert record["status"] == ["TERMINATED"] * 2
    assert record["lost_machines"] == [1, 1]
    assert record["reached"] == [8, 8]
    assert all(start > 0 for start in record["start"])
    assert sum("was lost; it resumes from its checkpoint at" in line for line in record["lines"]) == 2


@pytest.mark.long
def test_a_class_resumes_from_its_checkpoint_and_a_reset_on_a_lost_machine_is_no_failure(records: Path) -> None:
    record = record_of(records, "a_class_loses_machines")
    assert record["status"][:2] == ["TERMINATED"] * 2
    assert record["lost_machines"][:2] == [1, 1]
    assert record["reached"][:2] == [6, 6]
    assert record["start"][:2] == [3, 0]


@pytest.mark.long
def test_a_killed_process_on_a_machine_that_survives_is_a_failure(records: Path) -> None:
    record = record_of(records, "a_class_loses_machines")
    assert record["status"][2] == "ERROR"
    assert record["lost_machines"][2] == 0


@pytest.mark.long
def test_a_config_that_kills_machines_eventually_fails(records: Path) -> None:
    record = record_of(records, "a_config_kills_machines")
    assert record["status"] == ["ERROR"]
    assert record["lost_machines"] == [2]
    assert any("lost 2 machines in a row" in line for line in record["lines"])


def test_two_trials_share_a_gpu(records: Path) -> None:
    assert record_of(records, "trials_share_gpus")["gpu"] == ["0", "0", "1", "1"]


@pytest.mark.long
def test_waiting_trials_request_their_resources_together_and_log_it(records: Path) -> None:
    record = record_of(records, "trials_wait_for_a_machine")
    assert record["status"] == ["TERMINATED"] * 4
    assert record["pending"] == 4
    assert any("waiting for resources: 4 trials need {CPU: 1, late: 1}" in line for line in record["lines"])


def test_resources_that_no_machine_can_place_are_rejected(records: Path) -> None:
    record = record_of(records, "nothing_can_place_a_trial")
    assert record["requested"].startswith("ArgumentError: ")
    assert "GPU: 64" in record["requested"]
    assert "GPU: 2" in record["requested"]
    assert not record["left"]
    assert record["late"].startswith("StudyError: a trial needs {CPU: 1} + {GPU: 64}")


def test_a_machine_without_the_folder_ends_a_study_and_prevents_a_new_one(records: Path) -> None:
    record = record_of(records, "a_machine_lacks_the_folder")
    if "skipped" in record:
        pytest.skip(record["skipped"])
    folder = str(records / "studies")
    assert record["later"].startswith(f"StudyError: `storage_path` resolves to '{folder}', but the machine")
    assert "resume=True" in record["later"]
    assert record["before"].startswith(f"ArgumentError: `storage_path` resolves to '{folder}', but the machine")
    assert not record["left"]
