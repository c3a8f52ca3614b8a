"""One process at a time runs a study, and a lock ends with its process."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from raytune_suite.engines import study_lock as module
from raytune_suite.engines.storage import Folder
from raytune_suite.engines.study_lock import LOCK, Lease, is_locked, study_lock
from raytune_suite.errors import StudyError, StudyLockedError
from tests.engines.object_store import object_store

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, time
from raytune_suite.engines.storage import Folder
from raytune_suite.engines.study_lock import study_lock
with study_lock(Folder.at(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_S", 0.0)
    monkeypatch.setattr(module, "_PAUSE_S", 0.0)


@pytest.fixture(params=["file", "lease"])
def study(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    if request.param == "lease":
        monkeypatch.setattr(Lease.__init__, "__kwdefaults__", {"settle_s": 0.0, "renew_s": 0.01})
    return Folder.at(str(tmp_path)) if request.param == "file" else object_store()


def test_a_second_holder_is_told_who_holds_the_lock(study: Folder) -> None:
    with study_lock(study) as lock:
        assert is_locked(study)
        lock.check()
        with pytest.raises(StudyLockedError) as caught, study_lock(study):
            pass
        assert caught.value.path == study.path
        assert caught.value.holder["pid"] == os.getpid()
        assert str(os.getpid()) in str(caught.value)
        copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - pickled in this line
        assert (copy.path, copy.holder, str(copy)) == (study.path, caught.value.holder, str(caught.value))
    assert not is_locked(study)
    with study_lock(study):
        pass


def test_a_holder_notices_that_its_lock_was_broken(study: Folder) -> None:
    with study_lock(study) as lock:
        study.remove(LOCK)
        with study_lock(study):
            time.sleep(0.1)  # ten renewals of a lease
            with pytest.raises(StudyError, match="removed or replaced"):
                lock.check()


def test_a_lease_that_is_not_renewed_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    study = object_store()
    holder = {"host": "elsewhere", "pid": 1, "token": "a", "renewed": time.time()}
    study.write(LOCK, json.dumps(holder).encode())
    assert is_locked(study)
    with pytest.raises(StudyLockedError):
        Lease(study, settle_s=0).acquire()
    monkeypatch.setattr(module, "LEASE_S", -1.0)
    assert not is_locked(study)
    lease = Lease(study, settle_s=0, renew_s=0.01)
    lease.acquire()
    lease.release()
    assert not study.has(LOCK)


def test_a_lease_of_a_process_of_this_machine_that_is_gone_has_ended() -> None:
    study = object_store()
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    holder = {"host": socket.gethostname(), "pid": int(gone.stdout), "renewed": time.time()}
    study.write(LOCK, json.dumps(holder).encode())
    assert not is_locked(study)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_was_set_breaks_no_lease(jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    study, wall = object_store(), time.time
    held = Lease(study, settle_s=0, renew_s=0.05)
    held.acquire()
    monkeypatch.setattr(time, "time", lambda: wall() + jump)
    with pytest.raises(StudyLockedError):
        Lease(study, settle_s=0, renew_s=0.2).acquire()
    held.check()
    held.release()
    Lease(study, settle_s=0, renew_s=0.05).acquire()


@pytest.mark.parametrize("age", [3600.0, -3600.0])
def test_a_lease_of_another_machine_that_is_gone_ends_whatever_the_clocks_say(age: float) -> None:
    study = object_store()
    holder = {"host": "elsewhere", "pid": 1, "token": "a", "renewed": time.time() - age}
    study.write(LOCK, json.dumps(holder).encode())
    lease = Lease(study, settle_s=0, renew_s=0.01)
    lease.acquire()
    lease.check()
    lease.release()


def test_a_process_that_was_stopped_notices_that_another_one_has_taken_its_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After SIGCONT, its study may write before its lease would be renewed."""
    study, clock = object_store(), time.monotonic
    stopped = Lease(study, settle_s=0, renew_s=1000)
    stopped.acquire()
    stopped.check()
    study.remove(LOCK)
    Lease(study, settle_s=0, renew_s=1000).acquire()
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 1000)
    with pytest.raises(StudyError, match="another process"):
        stopped.check()


def test_of_two_processes_that_take_a_lease_at_the_same_moment_one_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    study = object_store()
    first, second = Lease(study, settle_s=0), Lease(study, settle_s=0)
    monkeypatch.setattr(time, "sleep", lambda _seconds: second._write())
    with pytest.raises(StudyLockedError):
        first.acquire()


@pytest.mark.process
def test_a_stopped_process_keeps_its_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own script
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(StudyLockedError) as caught, study_lock(Folder.at(str(tmp_path))):
            pass
        assert caught.value.holder["pid"] == process.pid
        process.send_signal(signal.SIGCONT)
        assert is_locked(Folder.at(str(tmp_path)))
        process.kill()


@pytest.mark.process
def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own script
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    study = Folder.at(str(tmp_path))
    with pytest.raises(StudyLockedError) as caught, study_lock(study):
        pass
    assert caught.value.holder["pid"] == process.pid
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with study_lock(study):
        pass
