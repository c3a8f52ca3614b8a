"""Run a command that can neither mount anything nor create or enter namespaces: confine.py COMMAND...

The first process of a machine of the lab runs its ssh server with this, and with few capabilities; see `boot.sh`. All
processes that a login starts inherit the filter of system calls, which cannot be removed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The kernel's numbers of architectures (linux/audit.h)."""

CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435
"""The system calls that start processes; the flags of `clone3` cannot be read by a filter."""

NEW = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "mount_setattr": 442,
}
"""System calls with the same number on all architectures."""

FORBIDDEN = {
    "mount": {"x86_64": 165, "aarch64": 40},
    "umount2": {"x86_64": 166, "aarch64": 39},
    "pivot_root": {"x86_64": 155, "aarch64": 41},
    "unshare": {"x86_64": 272, "aarch64": 97},
    "setns": {"x86_64": 308, "aarch64": 268},
    "open_by_handle_at": {"x86_64": 304, "aarch64": 265},
    "bpf": {"x86_64": 321, "aarch64": 280},
    "perf_event_open": {"x86_64": 298, "aarch64": 241},
    "add_key": {"x86_64": 248, "aarch64": 217},
    "request_key": {"x86_64": 249, "aarch64": 218},
    "keyctl": {"x86_64": 250, "aarch64": 219},
    "userfaultfd": {"x86_64": 323, "aarch64": 282},
    **{name: {"x86_64": number, "aarch64": number} for name, number in NEW.items()},
}
"""The numbers of system calls that fail with EPERM (arch/*/entry/syscalls, include/uapi/asm-generic/unistd.h)."""

NAMESPACES = 0x7E020000
"""The flags of `clone` that create namespaces."""

OTHER_INTERFACE = 0x40000000
"""The first number of the system calls of x86's x32 interface, all of which are forbidden."""

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Instructions of a filter (linux/bpf_common.h)."""

NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Offsets in the data of a filter (linux/seccomp.h)."""

ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2


def instructions(machine: str) -> list[tuple[int, int, int, int]]:
    """Return the filter for a machine such as "x86_64": code, jump if true, jump if false, operand."""
    fail = (RETURN, 0, 0, FAIL | errno.EPERM)
    result = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, OTHER_INTERFACE),
        fail,
    ]
    for numbers in FORBIDDEN.values():
        result += [(EQUAL, 0, 1, numbers[machine]), fail]
    result += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, FAIL | errno.ENOSYS)]  # then programs use `clone`
    result += [(EQUAL, 0, 3, CLONE[machine]), (LOAD, 0, 0, FIRST_ARGUMENT), (ANY_BIT, 0, 1, NAMESPACES), fail]
    return [*result, (RETURN, 0, 0, ALLOW)]


def confine() -> None:
    """Install the filter for this process and those that it starts.

    Raises:
        OSError: If the kernel has no filters, or this process may not install one.
    """
    program = b"".join(struct.pack("=HBBI", *one) for one in instructions(platform.machine()))
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    description = Program(len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(description), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    if platform.machine() not in ARCHITECTURES:
        sys.exit(f"machines of the lab can only be confined on {' and '.join(ARCHITECTURES)}, not {platform.machine()}")
    confine()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - its purpose
