"""Options of mounts by NFS with which writing fails during short outages. Source: nfs(5)."""

from __future__ import annotations

import re

SHORTEST_WAIT = 150
"""Tenths of a second until a request is repeated; less than this, a busy server counts as lost."""

OPTION_LISTS = re.compile(r"(?:-o|--options)[ =]*[\"']?([\w=,./:@-]+)|\snfs4?\s+(\w[\w=,./:@-]*)")


def gives_up(options: str) -> str:
    """Return what is wrong if a mount with some options gives up early, else "".

    Example:
        >>> gives_up("soft,timeo=10,retrans=1")
        'a soft mount gives up after some seconds, and what is written then is lost'
        >>> gives_up("hard,timeo=10"), gives_up("soft,timeo=600")
        ('', '')
    """
    names = options.replace(" ", "").split(",")
    wait = next((int(one[6:]) for one in names if re.fullmatch(r"timeo=\d+", one)), 600)
    if {"soft", "softerr"} & set(names) and wait < SHORTEST_WAIT:
        return "a soft mount gives up after some seconds, and what is written then is lost"
    return ""


def option_lists(text: str) -> list[str]:
    """Return the lists of options in a command that mounts, or writes /etc/fstab.

    Example:
        >>> option_lists("mount -t nfs -o soft,timeo=10 nas:/a /a")
        ['soft,timeo=10']
    """
    return [first or second for first, second in OPTION_LISTS.findall(text)] if "nfs" in text or "efs" in text else []
