"""Check that a mounted file system is of a type that its server offers, and is named as that type names it.

Sources: "Mounting from an Amazon EC2 instance" of Amazon FSx for Lustre, "Mounting EFS file systems" of Amazon EFS;
"NFS file shares" and "Mount SMB Azure file share on Linux" of Azure Files; "Mount Blob Storage by NFS 3.0";
mount(8), nfs(5), mount.cifs(8); read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.mounts import replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

MOUNT = re.compile(r"\bmount\s+([^;&|\n()]*?\s-t\s*|-t\s*)(?P<type>[\w.]+)\s+(?P<rest>[^;&|\n()]*)")
OPTIONS = re.compile(r"(?:-o\s*|--options[= ])(\S+)")

LUSTRE = re.compile(r"[^/\s]+@(?:tcp|o2ib|kfi)\d*:/\w+")
"""The source of a mount of Lustre: a server with its network, and a file system."""

OF_HELPER = ("tls", "iam", "accesspoint", "az", "mounttargetip", "crossaccount")
"""Options that only the mount helper of EFS knows."""

NFS, SMB = ("nfs", "nfs4"), ("cifs", "smb3", "smb")
SERVERS: dict[str, tuple[str, tuple[str, ...], str]] = {
    r"\.efs\.[\w-]+\.amazonaws\.com": ("Amazon EFS", (*NFS, "efs"), "nfs4"),
    r"^fs-[0-9a-f]+:/": ("Amazon EFS, by its identifier,", ("efs",), "efs"),
    r"^fs-[0-9a-f]+\.fsx\.[\w-]+\.amazonaws\.com@": ("Amazon FSx for Lustre", ("lustre",), "lustre"),
    r"^svm-[0-9a-f]+\.fs-[0-9a-f]+\.fsx\.": ("Amazon FSx for NetApp ONTAP", (*NFS, *SMB), "nfs4"),
    r"\.file\.core\.windows\.net": ("Azure Files", (*NFS, *SMB, "aznfs"), "nfs"),
    r"\.blob\.core\.windows\.net": ("Azure Blob Storage", ("nfs", "aznfs"), "aznfs"),
    r"^//": ("a share of SMB", SMB, "cifs"),
}
"""What the name of a source says of its server: its name, the types that it can be mounted with, and the usual one."""

ON_AZURE = re.compile(r"([\w-]+)\.(file|blob)\.core\.windows\.net:(/\S*)")
NEEDED = (
    (NFS, r"\bnfs-(?:common|utils)\b", "nfs-common", "write `sudo apt-get install -qy nfs-common && ...`"),
    (SMB, r"\bcifs-utils\b", "cifs-utils", "write `sudo apt-get install -qy cifs-utils && ...`"),
    (
        ("lustre",),
        r"\blustre-(?:client|utils|modules)",
        "the client of Lustre",
        "install lustre-client-modules-$(uname -r)",
    ),
    (("efs",), r"efs-utils", "amazon-efs-utils", "write `mount -t nfs4 -o nfsvers=4.1,hard,timeo=600,retrans=2 ...`"),
)
"""The package that types of mounts need, how commands name it, and what to write."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mounts of a type that the server does not offer."""
    everything = "\n".join(
        text for key in ("initialization_commands", "setup_commands") for text in document.strings(key)
    )
    for key in ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"):
        for index, text in enumerate(document.strings(key)):
            for match in MOUNT.finditer(text):
                words = [replaced(word.strip("\"'"), text) for word in match[0].split()]
                source = next((one for one in words if is_source(one)), "")
                for reason, remedy in problems(match["type"], source, match[0]):
                    yield finding(document, "RTS503", (key, index), reason, remedy)
                yield from programs(document, (key, index), match["type"], everything)


def programs(document: ClusterDocument, where: KeyPath, kind: str, everything: str) -> Iterator[Finding]:
    """Yield a mount whose program Ubuntu's images do not have, and which no command installs."""
    if "ubuntu" not in str(document.get("auth", "ssh_user")) or document.get("provider", "type") == "local":
        return
    missing = next((one for one in NEEDED if kind in one[0] and not re.search(one[1], everything)), None)
    if missing is not None:
        reason = f"no command installs {missing[2]}, without which Ubuntu has no `mount -t {kind}`"
        yield finding(document, "RTS503", where, reason, missing[3], severity="warning")


def is_source(word: str) -> bool:
    """Return whether a word of a mount command is its source: HOST:/FOLDER or //HOST/FOLDER."""
    return re.match(r"//|[^/=,\s]+:/?(?!/)", word) is not None


def problems(kind: str, source: str, command: str) -> Iterator[tuple[str, str]]:
    """Yield the reasons and remedies of a mount that cannot work.

    Example:
        >>> [reason for reason, _ in problems("nfs4", "fs-01.fsx.us-east-1.amazonaws.com@tcp:/abc", "")]
        ['fs-01.fsx.us-east-1.amazonaws.com@tcp:/abc is Lustre, which `-t nfs4` does not mount']
        >>> list(problems("nfs4", "fs-01.efs.us-east-1.amazonaws.com:/", ""))
        []
    """
    if LUSTRE.match(source) and kind != "lustre":
        yield f"{source} is Lustre, which `-t {kind}` does not mount", "write `mount -t lustre -o noatime,flock ...`"
        return
    if kind == "lustre" and not LUSTRE.match(source) and source and "$" not in source:
        reason = f"`mount -t lustre` needs HOST@tcp:/NAME, but has {source}"
        yield reason, "write, for example, fs-0123456789abcdef0.fsx.us-east-1.amazonaws.com@tcp:/MOUNT-NAME"
        return
    for pattern, (server, kinds, usual) in SERVERS.items():
        if re.search(pattern, source) and kind not in kinds:
            yield f"{source} is {server.rstrip(',')}, which `-t {kind}` does not mount", f"write `mount -t {usual} ...`"
            return
    given = {one.partition("=")[0] for options in OPTIONS.findall(command) for one in options.split(",")}
    if kind in NFS and set(OF_HELPER) & given:
        names = ", ".join(sorted(set(OF_HELPER) & given))
        yield f"`-t {kind}` does not support {names}, options of the mount helper of EFS", "write `mount -t efs ...`"
    if kind in SMB and re.match(r"[^/]+:/", source):
        yield f"`-t {kind}` needs //HOST/SHARE, but has {source}", "write it so, or `mount -t nfs ...`"
    azure = ON_AZURE.match(source)
    if azure is not None and kind in (*NFS, "aznfs") and "YOUR-" not in source and "$" not in source:
        parts = azure[3].strip("/").split("/")
        if parts[0] != azure[1] or len(parts) < 2:  # noqa: PLR2004 - the account and the share
            reason = f"the path of {source} must be /ACCOUNT/{'SHARE' if azure[2] == 'file' else 'CONTAINER'}"
            yield reason, f"write {azure[0].partition(':')[0]}:/{azure[1]}/{parts[-1] or 'SHARE'}"
