"""Studies on Ray with one worker, in processes of their own, that are killed several times at random moments."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from raytune_suite.engines.callbacks.decision_log import difference
from tests.engines.ray import test_durability as durability
from tests.faults.campaign.cases import HANG, LOST, TRACEBACK, Case, FaultError
from tests.faults.campaign.simulated import KEYS, newest

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 10
"""Kills of one study, unless it ends before."""

SHARE = 4
"""A study is killed after at most this fraction of its reports, so that the kills are spread over all of it."""

LIMIT_S = 300.0
"""A study that runs longer than this without a kill hangs."""


def kills(case: Case) -> None:
    """Kill the driver of a study several times, resume it each time, and compare it with an undisturbed one."""
    case.label = KEYS[case.number % len(KEYS)]
    rng = random.Random(f"ray-{case.number}")
    expected = case.expected = _undisturbed(case)
    reports = len(durability.decisions(expected))
    points = [rng.randrange(1, max(reports // SHARE, 2)) for _ in range(KILLS)]
    ended = False
    for at in points:
        if ended:
            break
        ended = _kill(case, at, rng.random() * 0.2)
    while not ended:
        ended = _finish(case.label, case.folder, resume=bool(newest(case.folder)))
    found = _difference(expected, case.folder)
    if found:
        raise FaultError(LOST, f"{case.label} killed at the reports {points}: {found}")


def _difference(expected: Path, actual: Path) -> str:
    """How the decisions, without repeated ones, or the results of two studies differ; "" if they do not."""
    first = difference(durability.decisions(expected), durability.decisions(actual), times=False)
    if first is not None:
        return f"row {first.row}: {first.message}"
    one, other = durability.record(expected), durability.record(actual)
    return ", ".join(f"{key}: {one[key]} != {other[key]}" for key in one if one[key] != other[key])


def _kill(case: Case, at: int, delay: float) -> bool:
    """Kill the study after the report with the number `at`; returns whether it had ended before."""
    resume, before = bool(newest(case.folder)), newest(case.folder)
    ticks = case.folder / "ticks"
    if not resume:
        ticks.unlink(missing_ok=True)
    process = durability.start(case.label, case.folder, *(["--resume"] if resume else []))
    deadline = time.monotonic() + LIMIT_S
    while process.poll() is None and not (ticks.exists() and int(ticks.read_text() or 0) >= at):
        if time.monotonic() > deadline:
            _end(process)
            raise FaultError(HANG, f"{case.label}: no report {at}")
        time.sleep(0.02)
    time.sleep(delay)
    ended = process.poll() is not None
    if not ended:
        os.kill(process.pid, signal.SIGKILL)
        case.count("kills")
    _, errors = process.communicate()
    if ended and process.returncode:
        raise FaultError(TRACEBACK, f"{case.label}: {errors[-2000:]}")
    if newest(case.folder) < before:
        raise FaultError(LOST, f"{case.label}: snapshot {before} is gone")
    return ended


def _finish(key: str, folder: Path, *, resume: bool) -> bool:
    process = durability.start(key, folder, *(["--resume"] if resume else []))
    try:
        _, errors = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        _end(process)
        raise FaultError(HANG, f"{key} did not end within {LIMIT_S:g} s") from None
    if process.returncode:
        raise FaultError(TRACEBACK, f"{key}: {errors[-2000:]}")
    return True


def _end(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _undisturbed(case: Case) -> Path:
    folder = case.shared / case.label
    if not (folder / "record.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _finish(case.label, folder, resume=False)
    return folder
