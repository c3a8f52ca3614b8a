"""Rehearse a cluster file: start its cluster in the lab, run a study, and cut the power of a machine under it.

The file is the user's own. What the lab does not support is removed from a copy, and each such change is reported.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from raytune_suite.cluster.rehearsal.node_watcher import NodeWatcher
from raytune_suite.cluster.rehearsal.study import study
from raytune_suite.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.cluster.rehearsal.lab_cluster import LabCluster

TRIALS, STEPS, SECONDS = 4, 10, 1.0
"""Our own study: the number of trials, the steps per trial, and the seconds per step."""

CHECKPOINTS = 2
"""The power is cut after a study has saved this many checkpoints."""

WITHOUT_CHECKPOINTS_S = 15.0
"""For studies without checkpoints, the power is cut this many seconds after their first trial has started."""

UP_S, JOIN_S, STUDY_S, DETECT_S, RETURN_S, IDLE_S = 600.0, 240.0, 900.0, 120.0, 180.0, 180.0
"""The most seconds for: `ray up`, the workers to join, a study, the detection of a loss, the return of a machine, and
the removal of idle machines."""

PROGRESS_S = 30.0
"""Seconds between two messages about what is waited for."""

COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""A terminal's escape sequence."""

INFRASTRUCTURE_LINE = re.compile(
    r"\bV+(INFO|WARN|ERR)\b|Full command is|^Warning: Permanently added|^Shared connection to"
)
"""A line that Ray or ssh prints about its own operation."""

COMMAND = re.compile(r"Running `(.+?)`")
"""How Ray reports the command that it runs on a machine."""


class Step(NamedTuple):
    """One check of a rehearsal.

    Attributes:
        name: What was to be shown.
        passed: Whether it was.
        observed: What was observed.
    """

    name: str
    passed: bool
    observed: str


@dataclass
class RehearsalResult:
    """The result of a rehearsal.

    Attributes:
        steps: The checks, in order.
        launched: The number and kind of the machines that were launched, by the end of the study.
        unrehearsed: What was not rehearsed.
        log: The last lines of the command that failed last, "" if none has failed.
    """

    steps: list[Step] = field(default_factory=list)
    launched: list[str] = field(default_factory=list)
    unrehearsed: list[str] = field(default_factory=list)
    log: str = ""

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return bool(self.steps) and all(step.passed for step in self.steps)


class Rehearsal:
    """The steps of a rehearsal.

    Args:
        cluster: The cluster in the lab.
        report: Called with a message about each event.
    """

    def __init__(self, cluster: LabCluster, report: Callable[[str], None]) -> None:
        self.cluster, self.lab, self._report = cluster, cluster.lab, report
        self.result = RehearsalResult()
        self._watcher: NodeWatcher | None = None
        self._commands = 0

    def check(self, name: str, passed: bool, observed: str) -> bool:
        """Record a check, and return whether it passed."""
        self.result.steps.append(Step(name, passed, observed))
        self._report(f"{'ok  ' if passed else 'FAIL'} {name}: {observed}")
        return passed

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command of `raytune-suite cluster`, with its output in a log."""
        self._commands += 1
        log = self.lab.folder / "logs" / f"{self._commands}-{arguments[0]}.log"
        with log.open("wb") as file:
            return subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-u", "-m", "raytune_suite", "cluster", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.cluster.environment, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    def _log_text(self) -> str:
        """Return the output of the last command."""
        log = max((self.lab.folder / "logs").glob(f"{self._commands}-*.log"))
        return COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace"))

    def last_lines(self, count: int = 20) -> str:
        """Return the last lines of the last command's output, without those of Ray and ssh about themselves."""
        lines = [
            line for line in self._log_text().splitlines() if line.strip() and not INFRASTRUCTURE_LINE.search(line)
        ]
        return "\n".join(f"    {line}" for line in lines[-count:])

    def _report_failure(self) -> None:
        """Report the last lines of the last command."""
        self.result.log = self.last_lines()
        self._report(self.result.log)

    def failed_command(self) -> str:
        """Return the command of the cluster file that ran last, "" if there is none."""
        commands = COMMAND.findall(self._log_text())
        return str(commands[-1]) if commands else ""

    def run(self, *arguments: str, limit: float) -> bool:
        """Run a command of `raytune-suite cluster` to its end, and return whether it succeeded."""
        process = self.start(*arguments)
        try:
            succeeded = process.wait(limit) == 0
        except subprocess.TimeoutExpired:
            kill(process)
            succeeded = False
        if not succeeded:
            self._report_failure()
        return succeeded

    def up(self) -> bool:
        """Start the cluster, and wait for the workers that start with it."""
        start = time.monotonic()
        self._report(f"`cluster up {self.cluster.file.name}`: setting up and starting the head")
        up = self.run("up", "--yes", str(self.cluster.file), limit=UP_S)
        observed = f"`ray up` took {time.monotonic() - start:.0f} s"
        if not up and self.failed_command():
            observed += f" and failed at `{self.failed_command()}`"
        if not self.check("the head starts", up, observed):
            return False
        self._watcher = NodeWatcher(self.lab, self.cluster.head)
        expected = self.cluster.min_workers
        if not expected:
            return True
        self._report("the head is setting up and starting the workers")
        wait(lambda: len(self.workers()) >= expected, JOIN_S, self._progress("workers to join", JOIN_S))
        observed = f"{len(self.workers())} of {expected} after {time.monotonic() - start:.0f} s"
        joined = self.check("the workers join", len(self.workers()) >= expected, observed)
        if not joined:
            self._report(self.lab.tail(self.cluster.head, "/tmp/ray/session_latest/logs/monitor.*"))  # noqa: S108
        return joined

    def _progress(self, what: str, limit: float) -> Callable[[float], None]:
        """Return a function that reports what is waited for."""
        return lambda waited: self._report(f"waiting for {what}: {waited:.0f} s of at most {limit:.0f} s")

    def nodes(self) -> dict[str, dict[str, float]]:
        """Return the nodes that the head knows of, by address.

        Raises:
            RehearsalError: If the cluster is not up.
        """
        if self._watcher is None:
            raise RehearsalError("the cluster is not up")
        return self._watcher.nodes

    def workers(self) -> list[str]:
        """Return the addresses of the workers that the head knows of."""
        return [address for address in self.nodes() if address != self.cluster.head.addresses[0]]

    def submit(self, script: str, arguments: Sequence[str], *, job: bool = False) -> subprocess.Popen[bytes]:
        """Start a study on the head with `ray submit` or, if `job`, with Ray Jobs."""
        options = ["--job", "--working-dir", str(Path(script).parent)] if job else []
        program = Path(script).name if job else script
        script_arguments = ["--", *arguments] if arguments else []
        return self.start("submit", *options, str(self.cluster.file), program, *script_arguments)

    def cut_power_during(self, process: subprocess.Popen[bytes], busy: int) -> str | None:
        """Cut the power of a worker that runs trials as soon as there is progress to lose.

        Args:
            process: The command that runs the study.
            busy: The number of workers that must be running trials.

        Returns:
            The worker's address, None if the study ended before.
        """
        start, before = time.monotonic(), set(self.checkpoints())
        began: float | None = None
        while process.poll() is None and time.monotonic() - start < STUDY_S:
            working = [address for address in self.workers() if self.nodes()[address]["actors"]]
            if len(working) >= busy:
                began = began or time.monotonic()
                saved = set(self.checkpoints()) - before
                savers = [
                    address for address in working if any(self.cluster.may_have_saved(address, one) for one in saved)
                ]
                late = time.monotonic() - began > WITHOUT_CHECKPOINTS_S
                if (len(saved) >= CHECKPOINTS and savers) or late:
                    lost = (savers or working)[-1]
                    self.cluster.lose(lost)
                    self._report(f"cut the power of {lost}: {len(working)} workers train, {len(saved)} checkpoints")
                    return lost
            time.sleep(0.2)
        return None

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints in the shared folder."""
        return list(self.lab.shared.rglob("checkpoint_*"))

    def lose_a_machine(self, process: subprocess.Popen[bytes], busy: int = 1) -> bool:
        """Cut the power of a machine under a study, and check that the study runs to its end.

        Args:
            process: The command that runs the study.
            busy: The number of workers that must be running trials before.
        """
        self._report("waiting for trials to run" + (" and to save checkpoints" if busy > 1 else ""))
        lost = self.cut_power_during(process, busy)
        if lost is None:
            self._report_failure()
            observed = f"it ended with status {process.poll()} before there was anything to lose"
            kill(process)
            return self.check("the study runs", passed=False, observed=observed)
        cut = time.monotonic()
        replaced = self.cluster.replacement_condition(lost)
        detected = wait(lambda: lost not in self.nodes(), DETECT_S)
        self.check("the loss is detected", detected, f"after {time.monotonic() - cut:.0f} s")
        self.cluster.restore(lost)
        try:
            status: int | None = process.wait(STUDY_S)
        except subprocess.TimeoutExpired:
            kill(process)
            status = None
        observed = f"status {status}, {time.monotonic() - cut:.0f} s after the loss"
        if not self.check("the study runs to its end", status == 0, observed):
            self._report_failure()
        back = wait(lambda: replaced(self.workers()), RETURN_S)
        observed = f"{len(self.workers())} workers, {time.monotonic() - cut:.0f} s after the loss"
        return self.check("the lost machine is replaced", back, observed) and status == 0

    def check_trials(self) -> bool:
        """Check that the shared folder has studies with trials, none of which failed."""
        states: list[str] = []
        for folder in {file.parent for file in self.lab.shared.rglob("experiment_state-*.json")}:
            last = max(folder.glob("experiment_state-*.json"))
            data = json.loads(last.read_text(encoding="utf-8"))["trial_data"]
            states += [json.loads(trial)["status"] for trial, _run in data]
        failed = states.count("ERROR")
        observed = f"{failed} of {len(states)} failed" if states else "there is no study in the shared folder"
        return self.check("no trial failed", bool(states) and not failed, observed)

    def check_own_study(self, name: str) -> bool:
        """Check that trials of our own study resumed, and that its results are as if no machine had been lost."""
        folder = next(self.lab.shared.rglob(name), None)
        if folder is None or not (folder / "reports.parquet").is_file():
            observed = f"there is no study {name!r}"
            return self.check("results are in the shared folder", passed=False, observed=observed)
        reports = pd.read_parquet(folder / "reports.parquet")
        moved = [trial for trial in json.loads(folder.with_suffix(".json").read_text()) if trial["lost_machines"]]
        steps = [int(trial["restored"]) for trial in moved]
        observed = f"{len(moved)} of {reports['trial'].nunique()} trials lost their machine and resumed at step {steps}"
        self.check("trials resume from their checkpoints", bool(steps) and min(steps) > 0, observed)
        undisturbed = study(TRIALS, STEPS, engine="simulated", storage_path=self.lab.folder / "expected", name=name)
        expected = undisturbed.reports
        here, there = (frame.groupby(["trial", "resource"])["value"].last() for frame in (reports, expected))
        return self.check(
            "results are as if no machine had been lost",
            here.equals(there),
            f"best loss {reports['value'].min():.6f}, expected {expected['value'].min():.6f}",
        )

    def check_idle_machines(self) -> bool:
        """Check that idle machines are removed."""
        start = time.monotonic()
        self._report(f"launched so far: {'; '.join(self.result.launched)}")
        before = len(self.cluster.still_running())
        remaining = self.cluster.min_workers + 1  # the head stays
        removed = wait(lambda: len(self.cluster.still_running()) <= remaining, IDLE_S)
        after = len(self.cluster.still_running())
        observed = f"from {before} to {after} machines after {time.monotonic() - start:.0f} s"
        return self.check("idle machines are removed", removed and before > remaining, observed)

    def down(self) -> bool:
        """Stop the cluster, and check that nothing is left running."""
        if self._watcher is not None:
            self._watcher.stop()
        self._report("`cluster down`")
        done = self.run("down", "--yes", str(self.cluster.file), limit=UP_S)
        left = self.cluster.still_running()
        observed = ", ".join(left) or "no machine runs Ray, or is paid for"
        return self.check("nothing is left running", done and not left, observed)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a command and all processes that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait(condition: Callable[[], bool], limit: float, progress: Callable[[float], None] | None = None) -> bool:
    """Wait for a condition, and return whether it became true.

    Args:
        condition: The condition.
        limit: The most seconds to wait.
        progress: Called every `PROGRESS_S` with the seconds waited so far.
    """
    start = time.monotonic()
    reported = 0
    while not condition():
        waited = time.monotonic() - start
        if waited > limit:
            return False
        if progress is not None and waited // PROGRESS_S > reported:
            reported = int(waited // PROGRESS_S)
            progress(waited)
        time.sleep(0.2)
    return True


def rehearse(
    cluster: LabCluster, script: str | None, arguments: Sequence[str], report: Callable[[str], None]
) -> RehearsalResult:
    """Run a complete rehearsal. The machines stay on until the lab is shut down.

    Args:
        cluster: The cluster in the lab.
        script: The study; None for our own, whose result is known.
        arguments: The study's arguments.
        report: Called with a message about each event.

    Raises:
        RehearsalError: If the head does not report its nodes any more.
    """
    rehearsal = Rehearsal(cluster, report)
    if not rehearsal.up():
        return rehearsal.result
    try:
        if script is None:
            report("`cluster submit`: our own study, whose result is known")
            program = str(resources.files("raytune_suite.cluster.rehearsal") / "study.py")
            process = rehearsal.submit(program, cluster.study_arguments(TRIALS, STEPS, SECONDS))
            survived = rehearsal.lose_a_machine(process, busy=min(2, cluster.max_workers))
        else:
            report(f"`cluster submit`: {script}")
            survived = rehearsal.lose_a_machine(rehearsal.submit(script, arguments))
        rehearsal.check_trials()
        if script is None and survived:
            rehearsal.check_own_study("rehearsal")
        unknown = [] if script is None else ["whether trials resumed from checkpoints, and the results"]
        rehearsal.result.unrehearsed = [*unknown, *cluster.unrehearsed]
        report(f"not rehearsed: {'; '.join(rehearsal.result.unrehearsed)}")
        rehearsal.result.launched = cluster.launched()
        if cluster.grows:
            rehearsal.check_idle_machines()
    finally:
        rehearsal.down()
    return rehearsal.result
