"""Signals to a comparison, a stopped driver, and two processes on one folder."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite.cli import main
from raytune_suite.engines.callbacks.decision_log import difference
from tests.engines.ray import test_durability as durability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROTOCOL = """\
schema = 1
method_seeds = "0-9"
budget = 20
[methods.gp]
[workloads."synthetic/mfh3"]
tuning_seeds = 0
test_seeds = 5
"""

BENCH = "import sys; from raytune_suite.cli import main; sys.exit(main())"


def wait_until(condition: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextlib.contextmanager
def running_bench(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A comparison in another process, which has begun its first runs."""
    (folder / "many.toml").write_text(PROTOCOL)
    command = [sys.executable, "-c", BENCH, "bench", "run", str(folder / "many.toml"), "--out", str(folder / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            wait_until(lambda: [*folder.glob("out/runs/.*")], process)
            yield process
        finally:
            process.kill()


@pytest.mark.e2e
def test_a_second_bench_on_a_folder_is_rejected_and_sigterm_ends_the_first_in_good_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_bench(tmp_path) as first:
        first.send_signal(signal.SIGSTOP)  # as on a machine that hangs: it still holds its lock
        assert main(["bench", "run", str(tmp_path / "many.toml"), "--out", str(tmp_path / "out")]) == 2
        assert str(tmp_path / "out") in capsys.readouterr().err
        first.send_signal(signal.SIGCONT)
        first.send_signal(signal.SIGTERM)
        _, errors = first.communicate(timeout=60)
        assert first.returncode == 130
        assert "run the same command again" in errors
        assert "Traceback" not in errors
    assert not [*tmp_path.glob("out/runs/.*")]


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_two_signals_end_bench_without_a_traceback(number: signal.Signals, tmp_path: Path) -> None:
    with running_bench(tmp_path) as bench:
        bench.send_signal(number)
        time.sleep(0.05)
        bench.send_signal(number)
        _, errors = bench.communicate(timeout=60)
        assert bench.returncode == 130
        assert "Traceback" not in errors


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.long
def test_a_stopped_driver_keeps_its_study_and_continues(tmp_path: Path) -> None:
    undisturbed, stopped = tmp_path / "undisturbed", tmp_path / "stopped"
    durability.finish(durability.start("asha", undisturbed))
    first = durability.start("asha", stopped)
    durability.wait_for_reports(stopped, 10)
    first.send_signal(signal.SIGSTOP)
    second = durability.start("asha", stopped, "--resume")
    _, errors = second.communicate(timeout=120)
    assert second.returncode != 0
    assert "StudyLockedError" in errors
    first.send_signal(signal.SIGCONT)
    durability.finish(first)
    assert difference(durability.decisions(undisturbed), durability.decisions(stopped), times=False) is None
