"""Try to reach the host from a machine of the lab: escape.py FILE, where FILE is a file of the host.

It runs on the machine, as root like any study there, and prints what succeeded as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEM_CALLS = {
    "x86_64": {"clone": 56, "open_by_handle_at": 304, "bpf": 321, "fsopen": 430, "clone3": 435},
    "aarch64": {"clone": 220, "open_by_handle_at": 265, "bpf": 280, "fsopen": 430, "clone3": 435},
}[os.uname().machine]

NEW = {
    "mounts": 0x20000,
    "control groups": 0x2000000,
    "users": 0x10000000,
    "processes": 0x20000000,
    "network": 0x40000000,
}

DEVICES = {"fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"}

SETTINGS = (
    *(
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/vm/overcommit_memory",
        "/proc/irq/0/smp_affinity",
    ),
    *(
        "/sys/power/state",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/kernel/uevent_helper",
        "/sys/module/kernel/parameters/panic",
    ),
)
SECRETS = ("/etc/shadow", "/proc/kcore", "/proc/1/environ", "/proc/1/root/etc/passwd", "/etc/ssh/ssh_host_ed25519_key")

ALLOWED = {0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 29}
"""The numbers of the capabilities that an ssh server needs (linux/capability.h)."""

LIBC = ctypes.CDLL(None, use_errno=True)


def succeeds(action: Callable[[], object]) -> bool:
    try:
        result = action()
    except OSError:
        return False
    return not (isinstance(result, int) and result < 0)


def reads(path: str) -> int:
    """Return whether a file has contents that can be read, as 0 or -1."""
    return 0 if os.read(os.open(path, os.O_RDONLY), 1) else -1


def clone(flag: int) -> int:
    pid: int = LIBC.syscall(SYSTEM_CALLS["clone"], ctypes.c_ulong(flag | 17), 0, 0, 0, 0)  # 17: SIGCHLD
    if pid == 0:
        os._exit(0)
    return pid


def mount(kind: str, flags: int = 0, source: str = "none") -> int:
    return int(LIBC.mount(source.encode(), tempfile.mkdtemp().encode(), kind.encode(), ctypes.c_ulong(flags), None))


def leave_root(file: str) -> bool:
    """Leave a chroot, as root with CAP_SYS_CHROOT can, and look for a file of the host."""
    os.chroot(tempfile.mkdtemp())
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    return Path(file).exists()


def attempts(file: str) -> list[str]:
    kinds = ("devtmpfs", "cgroup2", "cgroup", "proc", "sysfs", "tmpfs", "debugfs", "tracefs")
    tried: dict[str, Callable[[], object]] = {f"mount {kind}": partial(mount, kind) for kind in kinds}
    tried |= {
        "mount /": lambda: mount("", 0x1000, "/"),
        "remount /proc/sys": lambda: LIBC.mount(None, b"/proc/sys", None, ctypes.c_ulong(0x20 | 0x1000), None),
        "unmount /proc/sys": lambda: LIBC.umount2(b"/proc/sys", 2),
        "enter a namespace": lambda: LIBC.setns(os.open("/proc/self/ns/net", os.O_RDONLY), 0),
        "open by handle": lambda: LIBC.syscall(SYSTEM_CALLS["open_by_handle_at"], -100, 0, 0),
        "fsopen": lambda: LIBC.syscall(SYSTEM_CALLS["fsopen"], b"tmpfs", 0),
        "clone3": lambda: LIBC.syscall(SYSTEM_CALLS["clone3"], 0, 0),
        "create a disk": lambda: os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0)),  # noqa: S108 - on a machine of the lab
        "create a device": lambda: os.mknod("/tmp/memory", 0o600 | stat.S_IFCHR, os.makedev(1, 1)),  # noqa: S108 - as above
    }
    tried |= {f"unshare {name}": partial(LIBC.unshare, flag) for name, flag in NEW.items()}
    tried |= {f"clone {name}": partial(clone, flag) for name, flag in NEW.items()}
    tried |= {f"write {path}": partial(os.open, path, os.O_WRONLY) for path in SETTINGS}
    tried |= {f"read {path}": partial(reads, path) for path in SECRETS}
    found = [name for name, action in tried.items() if succeeds(action)]
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    for kind in ("CapEff", "CapPrm", "CapBnd"):
        found += [
            f"{kind} {number}" for number in range(64) if int(status[kind], 16) >> number & 1 and number not in ALLOWED
        ]
    found += [str(path) for path in Path("/dev").iterdir() if path.name not in DEVICES]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob("*")]
    if Path(file).exists() or leave_root(file):
        found.append(file)
    return found


if __name__ == "__main__":
    print(json.dumps(attempts(sys.argv[1])))  # noqa: T201 - the test reads it
