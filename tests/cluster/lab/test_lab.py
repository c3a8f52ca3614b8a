"""Machines of the lab are apart from each other and from this host, and end with the process that entered it."""

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


def test_machines_share_a_network_and_a_folder_and_nothing_else(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    accounts = Path("/etc/passwd").read_bytes()
    done = subprocess.run([sys.executable, DRIVER, tmp_path, mark], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["names"] == ["first\nme\nsky blue", "second\nme\nsky blue"]
    assert seen["answers"] == ["SSH", "SSH", "SSH"]
    assert seen["outside"] == ""
    written, elsewhere = seen["written"]
    assert len(written) == 8
    assert elsewhere == []
    assert [file for file in written if Path(file).exists()] == []  # on this host
    assert Path("/etc/passwd").read_bytes() == accounts
    assert seen["running"] == ["1", "0"]
    assert seen["shared"] == ["word", "word"]
    assert seen["devices"] == []
    assert seen["settings"] == ""
    assert seen["stand-ins"].splitlines()[::2] == ["b", "word"]
    assert seen["dark"] == [False, ""]
    assert seen["again"] == [True, "SSH", "first", []]


def test_nothing_is_left_of_a_lab_whose_process_was_killed(tmp_path: Path) -> None:
    links = sorted(path.name for path in Path("/sys/class/net").iterdir())
    with subprocess.Popen([sys.executable, DRIVER, tmp_path, "none", "stay"], stdout=subprocess.PIPE) as process:  # noqa: S603 - our own words
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        born = descendants(process.pid)
        assert len(born) >= 6  # unshare and what it has entered; of each machine unshare, its first process, sshd
        assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == links
        assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
        process.kill()
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in born) and time.monotonic() < end:
        time.sleep(0.05)
    assert [Path(f"/proc/{pid}/cmdline").read_text() for pid in born if Path(f"/proc/{pid}").exists()] == []
    assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == links
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=False).stdout  # noqa: S603, S607 - our own words
    found = [int(word) for word in listed.split()]
    return found + [one for child in found for one in descendants(child)]
