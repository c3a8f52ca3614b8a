"""A rehearsal: a cluster file brought up in the lab, a study on it, the power of one machine cut, and the outcome told.

The file is the person's own. What the lab cannot have is left out of a copy of it, and each such change is told.
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
from typing import TYPE_CHECKING

import pandas as pd

from raytune_suite.cluster.rehearsal.study import study
from raytune_suite.cluster.rehearsal.watcher import Watch
from raytune_suite.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.cluster.rehearsal.site import Site

TRIALS, STEPS, SECONDS = 4, 10, 1.0
"""Our own study: its trials, the steps of each, and how long one takes."""

CHECKPOINTS = 2
"""The power is cut when a study has saved so many."""

BARE_S = 15.0
"""A study that saves no checkpoints loses its machine so many seconds after its first trial has started."""

UP_S, JOIN_S, STUDY_S, NOTICE_S, RETURN_S, IDLE_S = 600.0, 240.0, 900.0, 120.0, 180.0, 180.0
"""The most seconds for: `ray up`, the workers to join, a study, a loss to be noticed, a machine to return, and idle
machines to be given back."""


PATIENCE_S = 30.0
"""So often one hears what is waited for."""

COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What makes a terminal show colours."""

OWN_WORK = re.compile(r"\bV+(INFO|WARN|ERR)\b|Full command is|^Warning: Permanently added|^Shared connection to")
"""What Ray and ssh say of their own work."""

COMMAND = re.compile(r"Running `(.+?)`")
"""How Ray tells the command that it runs on a machine."""


@dataclass
class Verdict:
    """What a rehearsal has shown.

    Attributes:
        checks: What was to be shown, whether it was, and what was seen; in order.
    """

    checks: list[tuple[str, bool, str]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all went as it should."""
        return bool(self.checks) and all(passed for _what, passed, _seen in self.checks)


class Rehearsal:
    """The acts of a rehearsal.

    Args:
        site: The machines in the lab and the copy of the cluster file.
        say: Is told each thing that happens.
    """

    def __init__(self, site: Site, say: Callable[[str], None]) -> None:
        self.site, self.lab, self._say = site, site.lab, say
        self.verdict = Verdict()
        self._watch: Watch | None = None
        self._commands = 0

    def check(self, what: str, passed: bool, seen: str) -> bool:
        """Note whether something is as it should be."""
        self.verdict.checks.append((what, passed, seen))
        self._say(f"{'ok  ' if passed else 'FAIL'} {what}: {seen}")
        return passed

    def cluster(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command of `raytune-suite cluster`, with its output in a log."""
        self._commands += 1
        log = self.lab.folder / "logs" / f"{self._commands}-{words[0]}.log"
        with log.open("wb") as file:
            return subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-u", "-m", "raytune_suite", "cluster", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.site.environment, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    def last_lines(self, count: int = 20) -> str:
        """The end of what the last command has printed, without what Ray says of its own work."""
        log = max((self.lab.folder / "logs").glob(f"{self._commands}-*.log"))
        text = COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace"))
        lines = [line for line in text.splitlines() if line.strip() and not OWN_WORK.search(line)]
        return "\n".join(f"    {line}" for line in lines[-count:])

    def failed_command(self) -> str:
        """The command of the cluster file that ran last in the last command of ours, "" if there is none."""
        log = max((self.lab.folder / "logs").glob(f"{self._commands}-*.log"))
        ran = COMMAND.findall(COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace")))
        return str(ran[-1]) if ran else ""

    def run(self, *words: str, limit: float) -> bool:
        """Run a command of `raytune-suite cluster` to its end; whether it succeeded."""
        process = self.cluster(*words)
        try:
            done = process.wait(limit) == 0
        except subprocess.TimeoutExpired:
            end(process)
            done = False
        if not done:
            self._say(self.last_lines())
        return done

    def up(self) -> bool:
        """Start the cluster, and wait until all machines that shall be there from the beginning are."""
        start = time.monotonic()
        self._say(f"`cluster up {self.site.file.name}`: the head is set up and started")
        up = self.run("up", "--yes", str(self.site.file), limit=UP_S)
        seen = f"`ray up` took {time.monotonic() - start:.0f} s"
        if not up and self.failed_command():
            seen += f" and ended at `{self.failed_command()}`"
        if not self.check("the head starts", up, seen):
            return False
        self._watch = Watch(self.lab, self.site.head)
        least = self.site.least
        if least:
            self._say("the head sets the workers up and starts them")
            wait(lambda: len(self.workers()) >= least, JOIN_S, self._patience("workers to join", JOIN_S))
            seen = f"{len(self.workers())} of {least} after {time.monotonic() - start:.0f} s"
            joined = self.check("the workers join", len(self.workers()) >= least, seen)
            if not joined:
                self._say(self.lab.last_words(self.site.head, "/tmp/ray/session_latest/logs/monitor.*"))  # noqa: S108
            return joined
        return True

    def _patience(self, what: str, limit: float) -> Callable[[float], None]:
        """Says now and then what is waited for."""
        return lambda waited: self._say(f"waiting for {what}: {waited:.0f} s of at most {limit:.0f} s")

    def nodes(self) -> dict[str, dict[str, float]]:
        """What the head sees.

        Raises:
            RehearsalError: If the cluster is not up.
        """
        if self._watch is None:
            raise RehearsalError("the cluster is not up")
        return self._watch.nodes

    def workers(self) -> list[str]:
        """The addresses of the workers that the head sees."""
        return [address for address in self.nodes() if address != self.site.head.addresses[0]]

    def submit(self, script: str, arguments: Sequence[str], *, job: bool = False) -> subprocess.Popen[bytes]:
        """Start a study on the head, by `ray submit` or Ray Jobs."""
        how = ["--job", "--working-dir", str(Path(script).parent)] if job else []
        program = Path(script).name if job else script
        return self.cluster("submit", *how, str(self.site.file), program, *(["--", *arguments] if arguments else []))

    def cut_power_during(self, process: subprocess.Popen[bytes], busy: int) -> str | None:
        """Cut the power of a worker on which trials run, once there is something to lose; its address.

        Args:
            process: The command that runs the study.
            busy: How many workers must be at work.

        None if the study ended before.
        """
        start, before = time.monotonic(), set(self.checkpoints())
        began: float | None = None
        while process.poll() is None and time.monotonic() - start < STUDY_S:
            working = [address for address in self.workers() if self.nodes()[address]["actors"]]
            if len(working) >= busy:
                began = began or time.monotonic()
                saved = set(self.checkpoints()) - before
                worth = [address for address in working if any(self.site.saved_by(address, one) for one in saved)]
                late = time.monotonic() - began > BARE_S
                if (len(saved) >= CHECKPOINTS and worth) or late:
                    lost = (worth or working)[-1]
                    self.site.lose(lost)
                    self._say(f"the power of {lost} is cut: {len(working)} workers train, {len(saved)} checkpoints")
                    return lost
            time.sleep(0.2)
        return None

    def checkpoints(self) -> list[Path]:
        """Those that lie in the shared folder."""
        return list(self.lab.shared.rglob("checkpoint_*"))

    def lose_a_machine(self, process: subprocess.Popen[bytes], busy: int = 1) -> bool:
        """Cut the power of a machine under a study, and see that the study goes on to its end.

        Args:
            process: The command that runs the study.
            busy: How many workers must be at work before.
        """
        self._say("waiting for trials to run" + (" and to save checkpoints" if busy > 1 else ""))
        lost = self.cut_power_during(process, busy)
        if lost is None:
            self._say(self.last_lines())
            ended = f"it ended with status {process.poll()} before there was anything to lose"
            end(process)
            return self.check("the study runs", passed=False, seen=ended)
        cut = time.monotonic()
        replacement = self.site.replacement(lost)
        noticed = wait(lambda: lost not in self.nodes(), NOTICE_S)
        self.check("the loss is noticed", noticed, f"after {time.monotonic() - cut:.0f} s")
        self.site.replace(lost)
        try:
            status: int | None = process.wait(STUDY_S)
        except subprocess.TimeoutExpired:
            end(process)
            status = None
        ended = f"status {status}, {time.monotonic() - cut:.0f} s after the loss"
        if not self.check("the study goes on to its end", status == 0, ended):
            self._say(self.last_lines())
        back = wait(lambda: replacement(self.workers()), RETURN_S)
        seen = f"{len(self.workers())} workers, {time.monotonic() - cut:.0f} s after the loss"
        return self.check("a machine takes the lost one's place", back, seen) and status == 0

    def check_trials(self) -> bool:
        """Whether the studies in the shared folder have trials, none of which has failed."""
        states: list[str] = []
        for folder in {file.parent for file in self.lab.shared.rglob("experiment_state-*.json")}:
            last = max(folder.glob("experiment_state-*.json"))
            data = json.loads(last.read_text(encoding="utf-8"))["trial_data"]
            states += [json.loads(trial)["status"] for trial, _run in data]
        seen = f"{states.count('ERROR')} of {len(states)} failed" if states else "no study is in the shared folder"
        return self.check("no trial has failed", bool(states) and "ERROR" not in states, seen)

    def check_own_study(self, name: str) -> bool:
        """Whether our own study came out as if no machine had been lost, and how its trials went on."""
        folder = next(self.lab.shared.rglob(name), None)
        if folder is None or not (folder / "reports.parquet").is_file():
            return self.check("results are in the shared folder", passed=False, seen=f"no study {name!r} is there")
        reports = pd.read_parquet(folder / "reports.parquet")
        moved = [trial for trial in json.loads(folder.with_suffix(".json").read_text()) if trial["lost_machines"]]
        steps = [int(trial["restored"]) for trial in moved]
        seen = f"{len(moved)} of {reports['trial'].nunique()} trials lost their machine and went on at step {steps}"
        self.check("trials go on from their checkpoints", bool(steps) and min(steps) > 0, seen)
        undisturbed = study(TRIALS, STEPS, engine="simulated", storage_path=self.lab.folder / "expected", name=name)
        expected = undisturbed.reports
        here, there = (frame.groupby(["trial", "resource"])["value"].last() for frame in (reports, expected))
        return self.check(
            "results are those of a study that lost nothing",
            here.equals(there),
            f"best loss {reports['value'].min():.6f}, expected {expected['value'].min():.6f}",
        )

    def check_given_back(self) -> bool:
        """Whether the machines that nobody needs any more are given back."""
        start = time.monotonic()
        self._say(f"launched so far: {'; '.join(self.site.launched())}")
        before = len(self.site.left())
        most = self.site.least + 1  # the head stays
        gone = wait(lambda: len(self.site.left()) <= most, IDLE_S)
        seen = f"{before} machines were on, {len(self.site.left())} are after {time.monotonic() - start:.0f} s"
        return self.check("idle machines are given back", gone and before > most, seen)

    def down(self) -> bool:
        """Stop the cluster, and see that nothing is left."""
        if self._watch is not None:
            self._watch.end()
        self._say("`cluster down`")
        done = self.run("down", "--yes", str(self.site.file), limit=UP_S)
        left = self.site.left()
        return self.check(
            "nothing is left", done and not left, ", ".join(left) or "no machine runs Ray, or is paid for"
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait(condition: Callable[[], bool], limit: float, patience: Callable[[float], None] | None = None) -> bool:
    """Wait until something is so; whether it became so.

    Args:
        condition: What shall be so.
        limit: The most seconds.
        patience: Is told each half a minute how long it has taken.
    """
    start = time.monotonic()
    told = 0
    while not condition():
        waited = time.monotonic() - start
        if waited > limit:
            return False
        if patience is not None and waited // PATIENCE_S > told:
            told = int(waited // PATIENCE_S)
            patience(waited)
        time.sleep(0.2)
    return True


def rehearse(site: Site, script: str | None, arguments: Sequence[str], say: Callable[[str], None]) -> Verdict:
    """A whole rehearsal of a site; its machines are on until the lab is shut down.

    Args:
        site: The machines in the lab, and the copy of the cluster file that fits them.
        script: The study; None for our own, whose result is known.
        arguments: What the study is told.
        say: Is told each thing that happens.

    Raises:
        RehearsalError: If the cluster cannot be watched any more.
    """
    acts = Rehearsal(site, say)
    if not acts.up():
        return acts.verdict
    try:
        if script is None:
            say("`cluster submit`: our own study, whose result is known")
            program = str(resources.files("raytune_suite.cluster.rehearsal") / "study.py")
            process = acts.submit(program, site.study_arguments(TRIALS, STEPS, SECONDS))
            survived = acts.lose_a_machine(process, busy=min(2, site.most))
        else:
            say(f"`cluster submit`: {script}")
            survived = acts.lose_a_machine(acts.submit(script, arguments))
        acts.check_trials()
        if script is None and survived:
            acts.check_own_study("rehearsal")
        missing = [] if script is None else ["whether trials went on from checkpoints, and what came out"]
        say(f"not rehearsed: {'; '.join([*missing, *site.unrehearsed])}")
        if site.grows:
            acts.check_given_back()
    finally:
        acts.down()
    return acts.verdict
