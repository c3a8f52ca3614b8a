"""Check what a mount command leaves behind: it must run, find its folder, and let trials write."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.mounts import mounted, replaced
from raytune_suite.cluster.pools import provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument

COMMANDS = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")
INVERTED = re.compile(
    r"(?<![!] )(?<!\w)(?:mountpoint(?:\s+-\w+)*\s+\S+|grep\s[^;&|\n]*/proc/mounts)\s*&&[^;\n]*?\bmount\s+-t"
)
READ_ONLY = re.compile(r"\bmount\b[^;&|\n]*(?:\s-r\s|(?:-o\s*|--options[= ])(?:[^\s,]+,)*ro(?:,|\s))")
SOURCE = re.compile(r"\bmount\s+(?:-\S+\s+(?:[\w,=.]+\s+)?)*-t\s+nfs4?\s+(?:-o\s+\S+\s+)?(\S+)\s+\S")
USUAL = ("/mnt", "/media", "/data", "/scratch", "/srv", "/opt", "/home")
"""Folders that images have."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mounts that are not run, that fail, or that nobody may write."""
    texts = [((key, index), text) for key in COMMANDS for index, text in enumerate(document.strings(key))]
    everything = "\n".join(text for _, text in texts)
    parts = [part for _, text in texts for part in re.split(r"&&|[;|\n()]", text) if mounted(part)]
    only_read = bool(parts) and all(map(READ_ONLY.search, parts))
    for where, text in texts:
        folders = mounted(text)
        for reason, remedy, severity in problems(text, everything) if folders else ():
            yield finding(document, "RTS503", where, reason, remedy, severity=severity)
        if folders and only_read:
            reason = (
                f"{folders[0]} is mounted read-only, and no other folder is shared: trials cannot write checkpoints"
            )
            yield finding(document, "RTS503", where, reason, "remove `ro`", severity="warning")
        for folder in folders if provider(document) != "local" else ():
            made = re.search(
                rf"\b(?:mkdir|install\s+-\w*d)\b[^;&|\n]*(?:{re.escape(folder.rstrip('/'))}\b|\$)", everything
            )
            if made is None and folder.startswith("/") and not folder.startswith(USUAL) and "$" not in folder:
                reason = f"no command creates {folder}, which a new machine does not have, so `mount` fails"
                yield finding(
                    document, "RTS503", where, reason, f"write `sudo mkdir -p {folder} && ...`", severity="warning"
                )


def problems(text: str, everything: str) -> Iterator[tuple[str, str, Severity]]:
    """Yield the reason, the remedy and the severity of mounts that do not happen, or whose source is wrong.

    Example:
        >>> [reason for reason, *_ in problems("mountpoint -q /shared && sudo mount -t nfs nas:/a /shared", "")]
        ['the folder is only mounted if it is mounted already']
        >>> list(problems("mountpoint -q /shared || sudo mount -t nfs nas:/a /shared", ""))
        []
    """
    if INVERTED.search(text):
        yield "the folder is only mounted if it is mounted already", "write `mountpoint -q FOLDER || ...`", "error"
    for written in SOURCE.findall(text):
        source = replaced(written.strip("\"'"), text)
        host, _, path = source.partition(":")
        if path and not path.startswith(("/", "$", "[")) and "[" not in host and "YOUR-" not in source:
            yield f"{source} has no absolute path on its server", f"write {host}:/{path}", "error"
        if is_public(host) and "wireguard" not in everything and "stunnel" not in everything:
            reason = f"the address {host} is public: NFS is not encrypted, and its server open to the internet"
            yield reason, "write the server's address in the network of the machines", "warning"


def is_public(host: str) -> bool:
    """Return whether a host is an address of the internet.

    Example:
        >>> is_public("34.68.12.9"), is_public("10.0.0.2"), is_public("nas")
        (True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return False
