"""Machines of the lab are isolated from each other and from this host, and end with the process that entered it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("two_machines.py")

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("lab")]


def test_machines_only_share_a_network_and_a_folder(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    accounts = Path("/etc/passwd").read_bytes()
    done = subprocess.run([sys.executable, DRIVER, tmp_path, mark], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stderr
    observed = json.loads(done.stdout)
    assert observed["names"] == ["first\nme\nsky blue", "second\nme\nsky blue"]
    assert observed["answers"] == ["SSH", "SSH", "SSH"]
    assert observed["outside"] == ""
    on_first, on_second = observed["written"]
    assert len(on_first) == 8
    assert on_second == []
    assert [file for file in on_first if Path(file).exists()] == []  # on this host
    assert Path("/etc/passwd").read_bytes() == accounts
    assert observed["running"] == ["1", "0"]
    assert observed["shared"] == ["word", "word"]
    assert observed["devices"] == []
    assert observed["settings"] == ""
    assert observed["escaped"] == []
    assert observed["needed"] == "yes"
    assert observed["stand-ins"].splitlines()[::2] == ["b", "word"]
    assert observed["dark"] == [False, ""]
    assert observed["again"] == [True, "SSH", "first", []]


@pytest.mark.long
def test_a_killed_lab_leaves_nothing_behind(tmp_path: Path) -> None:
    links = sorted(path.name for path in Path("/sys/class/net").iterdir())
    with subprocess.Popen([sys.executable, DRIVER, tmp_path, "none", "stay"], stdout=subprocess.PIPE) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        started = descendants(process.pid)
        assert len(started) >= 6  # unshare and its command; for each machine unshare, its first process and sshd
        assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == links
        assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
        process.kill()
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in started) and time.monotonic() < end:
        time.sleep(0.05)
    assert [Path(f"/proc/{pid}/cmdline").read_text() for pid in started if Path(f"/proc/{pid}").exists()] == []
    assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == links
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, directly or indirectly."""
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=False).stdout  # noqa: S603, S607 - our own command
    children = [int(word) for word in listed.split()]
    return children + [one for child in children for one in descendants(child)]
