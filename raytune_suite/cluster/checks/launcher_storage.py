"""Checks of a file for `ray up` about storage that is lost unnoticed, and machines and disks that cost money unnoticed.

Sources: mount(8); "NFS 3.0 protocol support in Azure Blob Storage", "NFS file shares in Azure Files"; Amazon EFS,
"Mounting EFS file systems"; Ray's node providers; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.commands import SHARING, VOLUME, within
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_runtime import SLOW_STORAGE, outside_shared_memory
from raytune_suite.cluster.checks.mounts import mounted, replaced
from raytune_suite.cluster.checks.nfs_options import gives_up, option_lists
from raytune_suite.cluster.checks.start_commands import HEAD, SETUP, WORKERS, starts
from raytune_suite.cluster.pools import RUN_OPTIONS, provider
from raytune_suite.cluster.quantities import in_gib, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

HIDDEN = re.compile(r"\|\|\s*(true|:|exit\s+0|echo\b[^;&|\n]*)\s*(?=$|[;&)\n}])")
"""What hides that the command before it failed."""

LATER = re.compile(r"^[^;\n&|]*[;\n]\s*((?!fi\b|done\b|else\b|elif\b|esac\b|[)}])[^;\n&|]+)")
"""A command after `;`, which decides whether the whole succeeds."""

TESTED = re.compile(r"[;\n&|]\s*(?:sudo\s+)?(?:mountpoint|findmnt|test|\[\[?|grep|df|if)\s")
"""A test after the mount."""

SHARED_IN_FSTAB = re.compile(r"\s(nfs4?|efs|lustre|cifs|ceph)\s")

PROTOCOLS: dict[str, tuple[str, str]] = {
    r"\.blob\.core\.windows\.net": ("3", "Azure Blob Storage only speaks NFS 3"),
    r"\.file\.core\.windows\.net": ("4", "Azure Files only speaks NFS 4.1"),
    r"\.efs\.[\w-]+\.amazonaws\.com": ("4", "Amazon EFS only speaks NFS 4"),
}
"""The version of NFS that servers speak, by their names."""

OPTIONS_OF = {"3": "-t nfs -o sec=sys,vers=3,nolock,proto=tcp", "4": "-t nfs -o vers=4,minorversion=1,sec=sys"}
VERSION = re.compile(r"\b(?:nfs)?vers=(\d)")
MOUNT = re.compile(r"\bmount\s[^;&|\n]*")
NFS4 = re.compile(r"-t\s*nfs4\b")

OF_ROOT = {
    r"\.efs\.[\w-]+\.amazonaws\.com:|\bfs-\w+:/|YOUR-FILE-SYSTEM": "Amazon EFS",
    r"\.fsx\.": "Amazon FSx",
    r"\.file\.core\.windows\.net:": "Azure Files",
}
"""File systems whose top folder belongs to root, and only root may write it, until somebody changes that."""

ANOTHER_USER = re.compile(r"(?:^|\s)(?:-u|--user)[ =]|access_?point|\b(?:chown|setfacl|chgrp)\b|\binstall -d\b")
RIGHTS = re.compile(r"\bchmod\s+(?:-\w+\s+)*([0-7]{3,4}|[ugoa,]*[+=][rwxXst,ugoa+=]+)\s+[^;&|\n]*")
FOR_OTHERS = re.compile(r"[0-7]*[2367]|(?:.*,)?(?:[ug]*[oa][ugoa]*)?[+=][rxXst]*w.*")
"""Rights of chmod with which everybody may write."""

LONGEST_NAME_ON_AZURE = 42
"""Characters; Ray makes ray-NAME-worker-XXXX-XXXX0 of it, and Azure allows 64."""

SHM_SIZE = re.compile(r"--shm-size[= ][\"']?(\d+(?:\.\d+)?)([bkmgt]?)b?\b", re.IGNORECASE)
POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4}
"""The unit of a size as the power of 1024, as docker reads it."""

DEAR, LARGE = 5.0, 100
"""US dollars per hour of idle machines, and gigabytes of a disk, from which a warning is due."""

DISK_SIZES = ("VolumeSize", "diskSizeGb", "osDiskSize")


def check(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield what is lost, or costs money, without anybody noticing."""
    for key in ("initialization_commands", *SETUP):
        for index, text in enumerate(document.strings(key)):
            yield from hidden_failure(document, (key, index), text)
            yield from protocol(document, (key, index), text)
            for problem in filter(None, map(gives_up, option_lists(text))):
                remedy = "write `hard,timeo=600`: writing then waits until the server answers"
                yield finding(document, "RTS503", (key, index), problem, remedy, severity="warning")
    yield from rights(document)
    yield from object_store(document)
    yield from kept_machines(document, pools)
    yield from always_there(document, pools)
    name = document.get("cluster_name")
    if provider(document) == "azure" and isinstance(name, str) and len(name) > LONGEST_NAME_ON_AZURE:
        reason = f"`cluster_name` has {len(name)} characters, so the names of workers exceed Azure's limit of 64"
        remedy = f"write at most {LONGEST_NAME_ON_AZURE}, such as {name[:24].rstrip('-_.')}"
        yield finding(document, "RTS609", ("cluster_name",), reason, remedy)


def hidden_failure(document: ClusterDocument, where: KeyPath, text: str) -> Iterator[Finding]:
    """Yield a mount whose failure a command hides: the study is then written to the machine's own disk."""
    match = SHARING.search(text)
    rest = "" if match is None else text[match.end() :]
    hidden, later = HIDDEN.search(rest), LATER.search(rest)
    found = ""
    if hidden is not None and not re.search(r"[;\n]|&&", rest[: hidden.start()]):
        found = f"`{hidden[0].strip()}` hides that the mount failed"
    elif later is not None and not re.search(r"\bset\s+-\w*e", text) and not TESTED.search(rest):
        found = f"`{later[1].strip()}` runs even when the mount failed, and hides that"
    elif (match is not None or SHARED_IN_FSTAB.search(text)) and re.search(r"\bnofail\b", text):
        found = "with `nofail` the command succeeds even when the mount failed"
    if found:
        remedy = "let the command fail: combine the commands with `&&`, without `|| true` and `nofail`"
        reason = f"{found}: studies are then on the machine's own disk"
        yield finding(document, "RTS503", where, reason, remedy, severity="warning")


def protocol(document: ClusterDocument, where: KeyPath, text: str) -> Iterator[Finding]:
    """Yield a mount with a version of NFS that its server does not speak."""
    for command in MOUNT.findall(text):
        given = VERSION.search(command)
        version = given[1] if given is not None else "4" if NFS4.search(command) else None
        source = " ".join(replaced(word, text) for word in command.split())
        for server, (spoken, reason) in PROTOCOLS.items():
            if version in ("3", "4") and version != spoken and re.search(rf"{server}:", source):
                yield finding(document, "RTS503", where, reason, f"write `mount {OPTIONS_OF[spoken]} ...`")


def rights(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a shared folder that only root may write, while the containers run as another user."""
    texts = document.strings("initialization_commands")
    options = " ".join(text for key in RUN_OPTIONS for text in document.strings("docker", key))
    image = str(document.get("docker", "worker_image") or document.get("docker", "image") or "")
    if not image.startswith("rayproject/ray") or ANOTHER_USER.search(" ".join([options, *texts])):
        return
    given = [match for text in texts for match in RIGHTS.finditer(text)]
    for index, text in enumerate(texts):
        server = next((name for pattern, name in OF_ROOT.items() if re.search(pattern, text)), None)
        for folder in mounted(text):
            modes = [match[1] for match in given if folder in match[0] or "$" in match[0]]
            shared = any(within(source, [folder]) for source, _ in VOLUME.findall(options))
            if not shared or (server is None and not modes) or any(map(FOR_OTHERS.fullmatch, modes)):
                continue
            owner = f"the top folder of {server}" if server else folder
            reason = f"{owner} belongs to root, and only root may write it, but the containers run as the user ray"
            remedy = f"add `&& sudo chmod 1777 {folder}` to the command"
            yield finding(document, "RTS503", ("initialization_commands", index), reason, remedy, severity="warning")


def object_store(document: ClusterDocument) -> Iterator[Finding]:
    """Yield an object store that does not fit into the shared memory of the containers."""
    for key, own in ((HEAD, "head_run_options"), (WORKERS, "worker_run_options")):
        options = " ".join([*document.strings("docker", "run_options"), *document.strings("docker", own)])
        sizes = SHM_SIZE.findall(options)
        has = float(sizes[-1][0]) * 1024 ** POWERS[sizes[-1][1].lower()] if sizes else None
        for where, given in starts(document, key):
            size = quantity(given.get("object-store-memory"))
            text = str(document.get(*where))
            allowed = "plasma-directory" in given or SLOW_STORAGE in f"{options} {text}"
            if has is not None and size is not None and size > has and not allowed:
                severity, then = outside_shared_memory(size)
                reason = f"the object store has {in_gib(size)}, but /dev/shm of the container {in_gib(has)}: {then}"
                remedy = f"raise `--shm-size`, or write at most --object-store-memory={has:.0f}"
                yield finding(document, "RTS410", where, reason, remedy, severity=severity)


def disk_size(value: object) -> int:
    """Return the gigabytes of the disks in the settings of a machine.

    Example:
        >>> disk_size({"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 200}}], "InstanceType": "g6.xlarge"})
        200
    """
    if isinstance(value, list):
        return sum(map(disk_size, value))
    result = 0
    for key, part in value.items() if isinstance(value, dict) else ():
        own = key in DISK_SIZES and isinstance(part, (int, str)) and str(part).isdecimal()
        result += int(part) if own else disk_size(part)
    return result


def kept_machines(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield machines that are stopped instead of deleted, with disks that cost money."""
    where: KeyPath = ("provider", "cache_stopped_nodes")
    disks = {pool: disk_size(document.get(*pool.where, "node_config")) for pool in pools}
    total = sum(size * (1 if pool.head else pool.max_machines) for pool, size in disks.items())
    if document.get(*where) is True and total >= LARGE:
        reason = f"stopped machines keep their disks, up to {total} GB, which cost money even after `ray down`"
        yield finding(document, "RTS911", where, reason, "write `cache_stopped_nodes: false`")


def always_there(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield expensive machines that are never removed when they are idle."""
    for pool in pools:
        price = (pool.price or 0) * pool.min_machines
        if not pool.head and price >= DEAR:
            reason = (
                f"{pool.min_machines} machines of {pool.name} stay when they are idle, for {price:.2f} USD per hour"
            )
            where: KeyPath = (*pool.where, "min_workers")
            yield finding(document, "RTS212", where, reason, "write `min_workers: 0`: a study starts what it needs")
