"""The short form of the campaign: a few cases of each part that needs no Ray, and the page with the counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from raytune_suite.errors import StudyError
from tests.faults.campaign import counts as module
from tests.faults.campaign.__main__ import PARTS, run_case
from tests.faults.campaign.cases import HANG, LOST, TRACEBACK, Case, FaultError, Running, in_process
from tests.faults.campaign.counts import ABOUT, Counts
from tests.faults.campaign.ray_processes import processes
from tests.faults.campaign.simulated import KEYS

ROOT = Path(__file__).parents[2]


def call_alone(name: str, *arguments: str) -> None:
    """Call a function of this file in a process of its own, since one that is connected to Ray must not be forked."""
    program = f"from tests.faults.test_campaign import {name}; {name}(*{arguments!r})"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def check_case(part: str, folder: str) -> None:
    case, fault = run_case(part, KEYS.index("asha"), Path(folder))
    assert fault is None, fault
    assert case.counts


@pytest.mark.e2e
@pytest.mark.parametrize("part", ["simulated", "folders"])
def test_a_killed_or_damaged_study_loses_nothing(part: str, tmp_path: Path) -> None:
    call_alone("check_case", part, str(tmp_path))


def test_counts_are_added_to_those_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "counts.json"
    for number, fault in enumerate([None, FaultError(LOST, "decisions differ")]):
        counts = Counts(file)
        assert counts.next_case("writes") == number
        counts.add("writes", Case(number, tmp_path, tmp_path, {"kills": 3}, "asha"), fault)
    counts = Counts(file)
    assert counts.faults() == 1
    assert counts.parts["writes"]["failures"] == {"1": "decisions differ"}
    assert "| writes | 2 | 6 kills | 1 | 0 | 0 |" in counts.page()
    assert ABOUT.keys() == PARTS.keys()
    assert module.PAGE.startswith("# ")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_processes_of_this_machine_are_found() -> None:
    assert (os.getpid(), os.getppid()) in {(each.pid, each.parent) for each in processes()}


def _hang() -> None:
    import time

    time.sleep(60)


def _crash() -> None:
    raise KeyError("trial")


def _reject() -> None:
    raise StudyError("no snapshot")


def check_processes() -> None:
    with pytest.raises(FaultError) as caught:
        in_process(_hang, 0.2)
    assert caught.value.kind == HANG
    with pytest.raises(FaultError, match="KeyError") as caught:
        in_process(_crash)
    assert caught.value.kind == TRACEBACK
    assert isinstance(in_process(_reject).error, StudyError)
    assert in_process(lambda: 5).value == 5
    process = Running(_hang)
    assert process.alive
    assert process.kill().killed


@pytest.mark.e2e
def test_a_process_that_hangs_or_crashes_is_a_fault_and_an_error_of_ours_is_none() -> None:
    call_alone("check_processes")
