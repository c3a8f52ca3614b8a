"""Check that containers see the storage that commands mount on their machines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.commands import IN_FSTAB, MAYBE_SHARED, REDIRECTION, SHARING, VOLUME, within
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import RUN_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

MAY_MOUNT = re.compile(r"--privileged|SYS_ADMIN")
"""Options of `docker run` that let a container mount something."""

NFS_SOURCE = re.compile(r"\bmount\s+-t\s+(nfs4?)\s+(?:-o\s+\S+\s+)?([^\s-]\S*)\s+\S")
"""The source of a `mount` of NFS."""

BUCKET_URI = re.compile(r"\b(gcsfuse|s3fs)\s[^;&|\n]*?\b((?:gs|s3)://)")

VOLUME_MODE = re.compile(r"(?:-v|--volume)[ =]*[\"']?([^\s:\"']+):([^\s:\"']+):?([\w,]*)")
"""A volume of a container, with its mode."""

TESTED_ONLY = re.compile(
    r"((?:mountpoint|test|\[|grep -q)\b[^|&;(){}\n]*)\|\|(?!\s*[({])[^|&;(){}\n]*&&[^|;(){}\n]*\bmount\s+-t"
)
"""A test whose alternative is not in parentheses, and a mount behind `&&`, which then always runs."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mounts that the containers of a file for `ray up` cannot see."""
    yield from arguments(document)
    yield from some_nodes(document)
    yield from targets(document)
    if not any(document.get("docker", key) for key in ("image", "head_image", "worker_image")):
        return
    outside = [
        (("initialization_commands", index), folder)
        for index, text in enumerate(document.strings("initialization_commands"))
        for folder in mounted(text)
    ]
    options = [
        ((*("docker", key), index), text)
        for key in RUN_OPTIONS
        for index, text in enumerate(document.strings("docker", key))
    ]
    volumes = [(where, *pair) for where, text in options for pair in VOLUME.findall(text)]
    folders = [folder for _, folder in outside]
    if folders and not any(within(source, folders) or within(folders[0], [source]) for _, source, _ in volumes):
        where: KeyPath = volumes[0][0] if volumes else ("docker", "run_options")
        reason = f"commands mount {folders[0]} on the machines, but no `-v` gives it to the containers"
        if volumes:
            reason += f": {volumes[0][1]} is another folder, which is empty and not shared"
        yield finding(document, "RTS503", where, reason, f"write `-v {folders[0]}:{folders[0]}`")
    yield from read_only(document, options, folders)
    yield from one_side(document)
    if not folders and not volumes and document.get("provider", "type") == "local":
        yield from no_folder(document, [text for _, text in options])
    privileged = any(MAY_MOUNT.search(text) for _, text in options)
    for key in ("setup_commands", "head_setup_commands", "worker_setup_commands"):
        for index, text in enumerate(document.strings(key)):
            if mounted(text) and not privileged:
                reason = "set-up commands run in the container, which may not mount anything"
                remedy = f"move it to `initialization_commands`, and add `-v {mounted(text)[0]}:{mounted(text)[0]}`"
                yield finding(document, "RTS503", (key, index), reason, remedy)


def one_side(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a folder for studies that only the container of the head, or only those of the workers, see."""
    inside = {
        key: {target.rstrip("/") for text in document.strings("docker", key) for _, target in VOLUME.findall(text)}
        for key in RUN_OPTIONS
    }
    stored = re.findall(r"--storage-path[ =](/[\w./-]+)", document.text)
    for key, other, who in (
        ("head_run_options", "worker_run_options", "workers"),
        ("worker_run_options", "head_run_options", "head"),
    ):
        for folder in sorted(inside[key] - inside[other] - inside["run_options"]):
            if any(within(path, [folder]) for path in stored):
                reason = f"only `{key}` has {folder}, where studies are stored: the {who} cannot see it"
                yield finding(
                    document, "RTS503", ("docker", key), reason, "move it to `run_options`", severity="warning"
                )


def no_folder(document: ClusterDocument, options: list[str]) -> Iterator[Finding]:
    """Yield containers on own hosts that see no folder of their machines: what a study stores is lost with them."""
    elsewhere = re.search(r"(?:s3|gs|az|abfss?|hdfs|file)://", document.text)
    if not any("--mount" in text or MAY_MOUNT.search(text) for text in options) and elsewhere is None:
        named = re.search(r"--storage-path[ =](/[\w./-]+)", document.text)
        folder = f"/{named[1].split('/')[1]}" if named is not None else "/shared"
        reason = "the containers see no folder of their machines, so studies are neither shared nor kept after them"
        remedy = f"add `-v {folder}:{folder}` to `run_options`, with the folder that the machines share"
        yield finding(document, "RTS503", ("docker", "image"), reason, remedy, severity="warning")


def read_only(
    document: ClusterDocument, options: list[tuple[tuple[str, str, int], str]], folders: list[str]
) -> Iterator[Finding]:
    """Yield a shared folder that containers may only read, if no other is left for studies."""
    found = [
        (where, *match) for where, text in options for match in VOLUME_MODE.findall(text) if within(match[0], folders)
    ]
    if found and all("ro" in mode.split(",") for _, _, _, mode in found):
        where, outside, inside, _ = found[0]
        reason = (
            f"containers may only read {inside}, the folder that nodes share: trials cannot write checkpoints there"
        )
        remedy = f"write `-v {outside}:{inside}`, unless studies are stored elsewhere"
        yield finding(document, "RTS503", where, reason, remedy, severity="warning")


def of_nodes(document: ClusterDocument) -> dict[str, list[tuple[KeyPath, str]]]:
    """Return the set-up commands of each node type, with their key paths; of own hosts, of the head and the workers.

    Commands of a node type replace those of the file.
    """
    head = str(document.get("head_node_type", default="head"))
    types = document.mapping("available_node_types")
    commands: dict[str, list[tuple[KeyPath, str]]] = {}
    for name in types or ("head", "workers"):
        lists: list[KeyPath] = [("setup_commands",)]
        for key in ("initialization_commands", "head_setup_commands" if name == head else "worker_setup_commands"):
            own: KeyPath = ("available_node_types", name, key)
            lists.append(own if document.get(*own) is not None else (key,))
        places = [(*place, index) for place in lists for index in range(len(document.entries(*place)))]
        commands[str(name)] = [(place, str(document.get(*place))) for place in places]
    return commands


def some_nodes(document: ClusterDocument) -> Iterator[Finding]:
    """Yield shared folders that only a part of the nodes mounts, although checkpoints are written and read on all."""
    head = str(document.get("head_node_type", default="head"))
    folders: dict[str, dict[str, KeyPath]] = {}
    for name, commands in of_nodes(document).items():
        folders[name] = {}
        for where, text in commands:
            if MAYBE_SHARED.search(text):
                return
            found = [*mounted(text), *(IN_FSTAB.findall(text) if "fstab" in text else ())]
            folders[name] |= {folder.rstrip("/"): where for folder in found}
    workers = {name: found for name, found in folders.items() if name != head}
    everywhere = {folder: where for found in folders.values() for folder, where in found.items()}
    for folder, where in everywhere.items():
        lacking = [name for name, found in workers.items() if folder not in found]
        on_head = folder in folders.get(head, {})
        if head not in folders or on_head == (not lacking) or (not on_head and folders[head]):  # or it may be for data
            continue
        reason = f"{folder} is mounted on other nodes, but not on {', '.join(lacking or [head])}: "
        reason += "checkpoints of trials stay on their machines" if lacking else "the study runs there and needs it"
        remedy = "move the command to `setup_commands`, or in files with containers to `initialization_commands`"
        yield finding(document, "RTS503", where, reason, remedy, severity="warning")


def arguments(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mount commands whose source cannot be one."""
    for key in ("initialization_commands", "setup_commands"):
        for index, text in enumerate(document.strings(key)):
            for kind, written in NFS_SOURCE.findall(text):
                source = replaced(written, text)
                if re.match(r"(localhost|127\.0\.0\.1|\[?::1\]?):", source):
                    reason = f"{source} is on each machine itself, so they do not share it"
                    yield finding(document, "RTS503", (key, index), reason, "write the server's name in the network")
                if "://" in source:
                    reason = f"`mount -t {kind}` needs HOST:/FOLDER, but has {source!r}"
                    remedy = "mount a bucket with mount-s3, gcsfuse or blobfuse2, or store studies at the URI itself"
                    yield finding(document, "RTS503", (key, index), reason, remedy)
                elif ":" not in source and "$" not in source and "YOUR-" not in source:
                    reason = f"`mount -t {kind}` needs HOST:/FOLDER, but has {source!r}"
                    yield finding(document, "RTS503", (key, index), reason, f"write `{source}:/`")
            for tool, scheme in BUCKET_URI.findall(text):
                reason = f"{tool} takes the name of a bucket, not a URI"
                yield finding(document, "RTS503", (key, index), reason, f"remove `{scheme}`")


def targets(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mounts to a folder that the same command does not create, although it creates another one."""
    for key in ("initialization_commands", "setup_commands"):
        texts = document.strings(key)
        made = " ".join(found for text in texts for found in re.findall(r"\bmkdir\s([^;&|\n]*)", text))
        for index, text in enumerate(texts):
            for folder in mounted(text):
                own = re.findall(r"\bmkdir\s+(?:-\S+\s+)*(/[^\s;&|]+)", text)
                usual = folder.rstrip("/") in ("/mnt", "/media", "/data", "/scratch")
                if own and not usual and not re.search(rf"{re.escape(folder.rstrip('/'))}(/|\s|$)", made):
                    reason = f"the command creates {own[0]}, but mounts to {folder}, which may not exist"
                    yield finding(
                        document, "RTS503", (key, index), reason, f"write `mkdir -p {folder}`", severity="warning"
                    )
            again = TESTED_ONLY.search(text)
            if again is not None:
                reason = f"`{again[1]}` guards only what is before the next `&&`: the mount runs even if it succeeds"
                remedy = "write `TEST || (... && mount ...)`, with parentheses"
                yield finding(document, "RTS418", (key, index), reason, remedy, severity="warning")


def replaced(word: str, text: str) -> str:
    """Return a word with the variables replaced that a command assigns.

    Example:
        >>> replaced("$STORAGE", "STORAGE=nas:/a; mount -t nfs $STORAGE /b")
        'nas:/a'
    """
    assigned = dict(re.findall(r"(?:^|[;&\s])(\w+)=[\"']?([^\s;&\"']+)", text))
    return re.sub(r"\$\{?(\w+)\}?", lambda match: assigned.get(match[1], match[0]), word)


def mounted(text: str) -> list[str]:
    """Return the folders on which a command mounts a shared file system.

    Example:
        >>> mounted("sudo mkdir -p /shared; sudo mount -t nfs4 10.0.0.1:/ /shared")
        ['/shared']
    """
    parts = [part for part in re.split(r"[;&|\n()]+", REDIRECTION.sub(" ", text)) if SHARING.search(part)]
    paths = [[word.strip("\"'") for word in part.split() if re.match(r"[\"']?(/(?!/)|~)", word)] for part in parts]
    return [words[-1] for words in paths if words]
