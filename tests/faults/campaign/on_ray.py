"""Studies on Ray with one worker whose driver is killed several times at random moments, and resumed each time."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray import cloudpickle

import raytune_suite as rts
from raytune_suite.engines.callbacks.decision_log import Decision, difference, read
from raytune_suite.engines.ray import engine, internals
from tests.engines.simulated import studies
from tests.faults.campaign.cases import HANG, LOST, TRACEBACK, Case, Ended, FaultError, Running
from tests.faults.campaign.simulated import KEYS, newest, tune_variant

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = 10
"""Kills of one study."""

LAST = 0.95
"""The last kill is before this share of the reports, so that the study has not ended."""

LIMIT_S = 300.0
"""A study that runs longer than this without a kill hangs."""

MEMORY = 80_000_000
"""The size of Ray's object store in bytes."""

STEP_S = 0.1
"""Seconds of a slow step."""

SNAPSHOT_S = 0.1
"""Seconds between two snapshots, many of which are stored in a short study."""


class SlowLearner(studies.Learner):
    """Takes a while for each step."""

    def step(self) -> dict[str, Any]:
        time.sleep(STEP_S)
        return super().step()


def study(
    key: str, folder: Path, place: str | Path, *, learner: Any = studies.Learner, resume: bool = False, **settings: Any
) -> None:
    """Run or resume a study on one CPU, so that trials run one after the other.

    `place` is the address of a Ray, or the folder of one that the study starts.
    """
    for module in (studies, sys.modules[__name__]):  # whose imports would take seconds in each trial's process
        cloudpickle.register_pickle_by_value(module)
    vars(sys.modules[vars(engine)["StudySnapshots"].__module__])["SHARE"] = 0.5  # of the time goes into snapshots
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if isinstance(place, str):
        ray.init(address=place, **quiet)
    else:
        os.environ |= internals.trial_environment()
        own: dict[str, Any] = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY}
        ray.init(**own, **quiet, _temp_dir=str(place), _system_config=internals.system_config())
    tune_variant(key, learner, folder, resume=resume, settings=rts.Settings(snapshot_s=SNAPSHOT_S, **settings))


def kills(case: Case) -> None:
    """Kill the driver of a study several times, resume it each time, and compare it with an undisturbed one.

    In every second case, running trials save checkpoints, from which they continue.
    """
    case.label = KEYS[case.number % len(KEYS)]
    rng = random.Random(f"ray-{case.number}")
    with cluster() as address:
        expected = case.expected = undisturbed(case, case.label, address)
        reports = len(read(expected / "decisions.parquet"))
        points = sorted(rng.randrange(1, max(round(LAST * reports), 2)) for _ in range(KILLS))
        saves: dict[str, Any] = {"checkpoint_s": 0.0} if (case.number + case.number // len(KEYS)) % 2 else {}
        run = functools.partial(study, case.label, case.folder, address, **saves)
        for at in points:
            _kill(case, run, at, rng.random() * 0.2)
        finish(functools.partial(run, resume=bool(newest(case.folder))))
    check_alike(case, f"killed at the reports {points}")


def check_alike(case: Case, how: str) -> None:
    """Check that a study does not differ from the undisturbed one, except for trainings that were repeated."""
    assert case.expected is not None  # set by the callers
    found = _difference(case.expected, case.folder / "study")
    if found:
        raise FaultError(LOST, f"{case.label} {how}: {found}")


def undisturbed(case: Case, key: str, place: str | Path) -> Path:
    """The folder of the study of a method that ran without faults."""
    folder = case.shared / "undisturbed" / key
    if not (folder / "study" / "decisions.parquet").exists():
        shutil.rmtree(folder, ignore_errors=True)
        finish(functools.partial(study, key, folder, place))
    return folder / "study"


def finish(work: Any) -> None:
    """Run a study to its end."""
    ended = Running(work).end(LIMIT_S)
    if ended.error:
        raise ended.error


def reported(folder: Path) -> int:
    """How many reports the journal of a study has."""
    journal = folder / "study" / "reports.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def snapshots(folder: Path) -> list[str]:
    """The names of the snapshots of a study, the newest one last."""
    return sorted(path.name for path in folder.glob("study/snapshots/*.snapshot"))


def _kill(case: Case, run: Any, at: int, delay: float) -> None:
    """Kill the study after a report and a snapshot, unless it has ended before."""
    before, stored = newest(case.folder), snapshots(case.folder)
    process = Running(functools.partial(run, resume=bool(before)))
    deadline = time.monotonic() + LIMIT_S
    while process.alive and (reported(case.folder) < at or snapshots(case.folder) == stored):
        if time.monotonic() > deadline:
            process.kill()
            raise FaultError(HANG, f"{case.label}: no report {at} within {LIMIT_S:g} s")
        time.sleep(0.02)
    time.sleep(delay)
    ended: Ended = process.kill() if process.alive else process.end()
    case.count("kills", int(ended.killed))
    if ended.error:
        raise FaultError(LOST, f"{case.label}: {ended.error}")
    if newest(case.folder) < before:
        raise FaultError(LOST, f"{case.label}: snapshot {before} is gone")


def _difference(expected: Path, actual: Path) -> str:
    """How the decisions, without repeated ones, or the results of two studies differ; "" if they do not."""
    first = difference(_decisions(expected), _decisions(actual), times=False)
    if first is not None:
        return f"row {first.row}: {first.message}"
    one, other = _record(expected), _record(actual)
    return ", ".join(f"{key}: {one[key]} != {other[key]}" for key in one if one[key] != other[key])


def _decisions(folder: Path) -> list[Decision]:
    """All decisions in order, without repeats from training again after the last snapshot."""
    first: dict[Any, Decision] = {}
    for row in read(folder / "decisions.parquet"):
        first.setdefault((row.trial, row.resource, row.value), row)
    return list(first.values())


def _record(folder: Path) -> dict[str, Any]:
    result = rts.load_study(folder)
    reports = result.reports.drop_duplicates(["trial", "resource", "value"])
    return {
        "reports": sorted(reports[["trial", "resource", "value"]].to_numpy().tolist()),
        "stopped": result.trials["stopped_early"].tolist(),
        "status": result.trials["status"].tolist(),
        "configs": result.trials[["config/x", "config/y"]].to_numpy().tolist(),
        "best": [result.best_trial, result.best_value],
    }


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """A Ray with one CPU that outlives its drivers; returns its address."""
    folder = tempfile.mkdtemp(prefix="ray-")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--num-cpus=1", "--include-dashboard=false", "--disable-usage-stats", f"--object-store-memory={MEMORY}"]
    ports = ["--min-worker-port=0", "--max-worker-port=0"]  # any, so that none is that of the cluster
    preload = "--system-config=" + '{"preload_python_modules": ["ray.tune"]}'
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--node-ip-address=127.0.0.1"]
    with Path(folder, "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, *options, f"--port={port}", *ports, preload, f"--temp-dir={folder}"],
            stdout=log,
            stderr=log,
            env={**os.environ, **internals.trial_environment(), "RAY_AUTH_MODE": "disabled"},
            start_new_session=True,
        )
        try:
            _wait_for(port, process, Path(folder, "log"))
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()  # it ends its processes
            process.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + LIMIT_S
    while "Ray runtime started" not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise FaultError(TRACEBACK, f"Ray did not start at port {port}: {log.read_text(errors='replace')[-1000:]}")
        time.sleep(0.1)
