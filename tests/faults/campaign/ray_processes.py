"""Studies on Ray of which a process is killed, or stopped for some seconds: a trial's, the raylet, or the GCS."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import raytune_suite as rts
from raytune_suite.engines.callbacks.decision_log import read
from raytune_suite.errors import StudyError
from tests.faults.campaign.cases import HANG, LOST, TRACEBACK, Case, FaultError, Running
from tests.faults.campaign.on_ray import (
    LIMIT_S,
    SlowLearner,
    check_alike,
    finish,
    reported,
    snapshots,
    study,
    undisturbed,
)
from tests.faults.campaign.simulated import newest

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = ("asha", "bohb", "dehb-resume", "pbt")
"""Methods that store their state in different ways."""

OTHERS = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""The titles of processes of the raylet that run no trial."""

VICTIMS = ("trial", "raylet", "gcs")

SIGNALS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}

LONGEST_STOP_S = 8.0
"""A process is stopped for at most this long; Ray declares one dead that does not answer for much longer."""


class Found(NamedTuple):
    """A process.

    Attributes:
        pid: Its id.
        parent: That of its parent.
        command: Its command line, separated by spaces.
    """

    pid: int
    parent: int
    command: str


def processes() -> Iterator[Found]:
    """All processes of this machine."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            stat = (folder / "stat").read_text()
            yield Found(int(folder.name), int(stat[stat.rindex(")") :].split()[2]), command)


def of_ray(place: Path) -> dict[str, list[int]]:
    """The ids of the GCS, the raylet and the processes of trials of the Ray in a folder."""
    found = list(processes())
    own = [each for each in found if str(place) in each.command]
    raylets = [each.pid for each in own if each.command.split()[0].endswith("/raylet")]
    trials = [
        each.pid
        for each in found
        if each.parent in raylets and each.command.startswith("ray::") and not each.command.startswith(OTHERS)
    ]
    servers = [each.pid for each in own if each.command.split()[0].endswith("/gcs_server")]
    return {"trial": trials, "raylet": raylets, "gcs": servers}


def faults(case: Case) -> None:
    """Kill or stop a process of a study's Ray after a random report.

    The study continues, or ends with an error that says how to resume it. If the GCS does not come back, Ray ends the
    driver, after a warning of ours. In the end, the study is the same as one that was not disturbed. A trial whose
    process is killed is retried after the next one, so that decisions may differ: then all trials have to end, and none
    has failed.
    """
    kinds = [(victim, how) for how in SIGNALS for victim in VICTIMS]
    victim, how = kinds[case.number % len(kinds)]
    key = KEYS[case.number // len(kinds) % len(KEYS)]
    case.label = f"{victim} {how}"
    rng = random.Random(f"processes-{case.number}")
    with _folder_of_ray() as place:
        case.expected = undisturbed(case, key, place)
        at = rng.randrange(1, len(read(case.expected / "decisions.parquet")) * 3 // 4)
        process = Running(functools.partial(study, key, case.folder, place, learner=SlowLearner, max_failures=3))
        chosen = _wait_for_report(case, process, at, place, victim)
        _disturb(case, chosen, how, rng)
        ended = process.end(LIMIT_S, may_die=case.label == "gcs killed")
    if ended.error is None and not ended.killed:
        case.count("continued")
    else:
        case.count("ended by Ray" if ended.killed else "ended with an error")
        if ended.error and not (isinstance(ended.error, StudyError) and "resume" in str(ended.error)):
            raise FaultError(TRACEBACK, f"{key}, {case.label}: the error does not say how to resume: {ended.error}")
        with _folder_of_ray() as place:
            resumes: dict[str, Any] = {"resume": bool(newest(case.folder)), "max_failures": 3}
            finish(functools.partial(study, key, case.folder, place, learner=SlowLearner, **resumes))
    if case.label == "trial killed":
        _check_ended(case, f"({key}) after report {at}")
    else:
        check_alike(case, f"({key}) after report {at}")


def _check_ended(case: Case, how: str) -> None:
    """Check that the study has as many trials as the undisturbed one, and that all have ended without a failure."""
    assert case.expected is not None  # set by the caller
    expected, actual = (rts.load_study(folder).trials for folder in (case.expected, case.folder / "study"))
    if list(actual["status"]) != ["TERMINATED"] * len(expected):
        raise FaultError(LOST, f"{case.label} {how}: the trials are {list(actual['status'])}")


def _wait_for_report(case: Case, process: Running, at: int, place: Path, victim: str) -> list[int]:
    """Wait for a report and a snapshot of the study; returns the processes of a kind that there are then."""
    deadline = time.monotonic() + LIMIT_S
    while reported(case.folder) < at or not snapshots(case.folder) or not (chosen := of_ray(place)[victim]):
        if not process.alive:
            process.end()
            raise FaultError(LOST, f"{case.label}: the study ended before it had {at} reports")
        if time.monotonic() > deadline:
            process.kill()
            raise FaultError(HANG, f"{case.label}: no report {at} within {LIMIT_S:g} s")
        time.sleep(0.02)
    return chosen


def _disturb(case: Case, chosen: list[int], how: str, rng: random.Random) -> None:
    """Kill or stop processes; stopped ones continue after some seconds."""
    for pid in chosen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, SIGNALS[how])
            case.count("processes")
    if how == "stopped":
        time.sleep(rng.uniform(1, LONGEST_STOP_S))
        for pid in chosen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def _folder_of_ray() -> Iterator[Path]:
    """A folder for a Ray, whose processes are killed at the end, if any are left."""
    place = Path(tempfile.mkdtemp(prefix="ray-"))
    try:
        yield place
    finally:
        left = [*of_ray(place)["trial"], *(each.pid for each in processes() if str(place) in each.command)]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(place, ignore_errors=True)
