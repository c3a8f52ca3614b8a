"""A rehearsal: a cluster file brought up in the lab, a study on it, the power of one machine cut, and the outcome told.

The file is the person's own. What the lab cannot have is left out of a copy of it, and each such change is told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from raytune_suite.cluster.lab.study import study
from raytune_suite.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.cluster.lab.machines import Lab, Machine
    from raytune_suite.cluster.lab.site import Site

TRIALS, STEPS, SECONDS = 4, 10, 1.0
"""Our own study: its trials, the steps of each, and how long one takes."""

CHECKPOINTS = 2
"""The power is cut when a study has saved so many."""

BARE_S = 15.0
"""A study that saves no checkpoints loses its machine so many seconds after its first trial has started."""

UP_S, JOIN_S, STUDY_S, NOTICE_S, RETURN_S, IDLE_S = 600.0, 240.0, 900.0, 120.0, 180.0, 180.0
"""The most seconds for: `ray up`, the workers to join, a study, a loss to be noticed, a machine to return, and idle
machines to be given back."""


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


class Watch:
    """What the head of a cluster sees, as of the last second."""

    def __init__(self, lab: Lab, head: Machine) -> None:
        script = (resources.files("raytune_suite.cluster.lab") / "watch.py").read_text(encoding="utf-8")
        self._process = subprocess.Popen(  # noqa: S603 - our own words
            lab.ssh(head, "exec python3 -u -"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._seen: dict[str, dict[str, float]] = {}
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(script)
        self._process.stdin.close()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._process.stdout:
            if line.startswith("{"):
                self._seen = json.loads(line)

    @property
    def nodes(self) -> dict[str, dict[str, float]]:
        """The nodes by address: gpus, cpus, actors."""
        return self._seen

    def end(self) -> None:
        """Look no more."""
        self._process.kill()
        self._process.wait()


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
                [sys.executable, "-u", "-m", "raytune_suite.cli", "cluster", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.site.environment, "PYTHONUNBUFFERED": "1"},
            )

    def last_lines(self, count: int = 25) -> str:
        """The end of the log of the last command."""
        log = max((self.lab.folder / "logs").glob(f"{self._commands}-*.log"))
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-count:])

    def run(self, *words: str, limit: float) -> bool:
        """Run a command of `raytune-suite cluster` to its end; whether it succeeded."""
        process = self.cluster(*words)
        try:
            done = process.wait(limit) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            done = False
        if not done:
            self._say(self.last_lines())
        return done

    def up(self) -> bool:
        """Start the cluster, and wait until all machines that shall be there from the beginning are."""
        start = time.monotonic()
        self._say(f"`cluster up {self.site.file.name}`: the head is set up and started")
        up = self.run("up", "--yes", str(self.site.file), limit=UP_S)
        if not self.check("the head starts", up, f"`ray up` took {time.monotonic() - start:.0f} s"):
            return False
        self._watch = Watch(self.lab, self.site.head)
        least = self.site.least
        if least:
            self._say("the head sets the workers up and starts them")
            wait(lambda: len(self.workers()) >= least, JOIN_S)
            seen = f"{len(self.workers())} of {least} after {time.monotonic() - start:.0f} s"
            return self.check("the workers join", len(self.workers()) >= least, seen)
        return True

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

    def cut_power_during(self, process: subprocess.Popen[bytes]) -> str | None:
        """Cut the power of a worker on which trials run, once there is something to lose; its address.

        None if the study ended before.
        """
        start, before = time.monotonic(), self.checkpoints()
        began: float | None = None
        said = 0.0
        while process.poll() is None and time.monotonic() - start < STUDY_S:
            busy = [address for address in self.workers() if self.nodes()[address]["actors"]]
            if busy and began is None:
                began = time.monotonic()
                self._say(f"trials run on {', '.join(busy)}")
            saved = self.checkpoints() - before
            if busy and began is not None and (saved >= CHECKPOINTS or time.monotonic() - began > BARE_S):
                self.site.lose(busy[-1])
                self._say(f"the power of {busy[-1]} is cut, after {saved} checkpoints")
                return busy[-1]
            if time.monotonic() - said > 30 and not busy:  # noqa: PLR2004 - as often as one likes to hear it
                said = time.monotonic()
                self._say("waiting for trials to start")
            time.sleep(0.2)
        return None

    def checkpoints(self) -> int:
        """How many lie in the shared folder."""
        return sum(1 for _ in self.lab.shared.rglob("checkpoint_*"))

    def lose_a_machine(self, process: subprocess.Popen[bytes]) -> bool:
        """Cut the power of a machine under a study, and see that the study goes on to its end."""
        lost = self.cut_power_during(process)
        if lost is None:
            self._say(self.last_lines())
            ended = f"it ended with status {process.poll()} before there was a checkpoint to lose"
            return self.check("a machine is lost while trials run", passed=False, seen=ended)
        cut = time.monotonic()
        before = set(self.workers()) - {lost}
        noticed = wait(lambda: lost not in self.nodes(), NOTICE_S)
        self.check("the loss is noticed", noticed, f"after {time.monotonic() - cut:.0f} s")
        self.site.replace(lost)
        try:
            status: int | None = process.wait(STUDY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = None
        ended = f"status {status}, {time.monotonic() - cut:.0f} s after the loss"
        if not self.check("the study goes on to its end", status == 0, ended):
            self._say(self.last_lines())
        back = wait(lambda: bool(set(self.workers()) - before), RETURN_S)
        seen = f"{len(self.workers())} workers, {time.monotonic() - cut:.0f} s after the loss"
        return self.check("a machine takes the lost one's place", back, seen) and status == 0

    def check_own_study(self, name: str) -> bool:
        """Whether our own study came out as if no machine had been lost, and what was trained twice."""
        folder = next(self.lab.shared.rglob(name), None)
        if folder is None or not (folder / "reports.parquet").is_file():
            return self.check("results are in the shared folder", passed=False, seen=f"no study {name!r} is there")
        reports = pd.read_parquet(folder / "reports.parquet")
        again = int(reports.duplicated(["trial", "resource"]).sum())
        anew = int((reports["resource"] == 1).sum()) - reports["trial"].nunique()
        seen = f"{again} of {len(reports)} reports came twice" + (f", {anew} trials began anew" if anew else "")
        self.check("trials go on from their checkpoints", anew == 0, seen)
        expected = study(
            TRIALS, STEPS, engine="simulated", storage_path=self.lab.folder / "expected", name=name
        ).reports
        here, there = (frame.groupby(["trial", "resource"])["value"].last() for frame in (reports, expected))
        return self.check(
            "results are those of a study that lost nothing",
            here.equals(there),
            f"best loss {reports['value'].min():.6f}, expected {expected['value'].min():.6f}",
        )

    def check_given_back(self) -> bool:
        """Whether the machines that nobody needs any more are given back."""
        start = time.monotonic()
        self._say("; ".join(self.site.launched()))
        most = self.site.least
        gone = wait(lambda: len(self.workers()) <= most, IDLE_S)
        seen = f"{len(self.workers())} workers left after {time.monotonic() - start:.0f} s"
        return self.check("idle machines are given back", gone, seen)

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


def wait(condition: Callable[[], bool], limit: float) -> bool:
    """Wait until something is so; whether it became so within `limit` seconds."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def rehearse(site: Site, script: str | None, arguments: Sequence[str], say: Callable[[str], None]) -> Verdict:
    """A whole rehearsal of a site; its machines are on until the lab is shut down."""
    acts = Rehearsal(site, say)
    if not acts.up():
        return acts.verdict
    try:
        own = script is None
        program = script or str(resources.files("raytune_suite.cluster.lab") / "study.py")
        given = [*arguments] if not own else site.study_arguments(TRIALS, STEPS, SECONDS)
        say(f"`cluster submit`: {'our own study, whose result is known' if own else script}")
        survived = acts.lose_a_machine(acts.submit(program, given))
        if own and survived:
            acts.check_own_study("rehearsal")
        if site.grows:
            acts.check_given_back()
    finally:
        acts.down()
    return acts.verdict
