"""Checks of what the nodes run: images, setup commands, the start of Ray, and shared storage."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks import file_mounts
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.document import on_this_machine
from raytune_suite.cluster.pools import RUN_OPTIONS, flag, provider
from raytune_suite.cluster.tokens import is_token_folder
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

SETUP = ("setup_commands", "head_setup_commands", "worker_setup_commands")
IMAGES = ("image", "head_image", "worker_image")
HOSTS = ("aws", "gcp", "azure", "local", "vsphere")
"""Providers whose machines are set up by commands in the file."""

RAY_VERSION = re.compile(r"(?<![\w-])ray(?:\[[\w,]+\]|\.__version__)? ?== ?[\"']?([0-9][\w.]*)")
"""A pinned Ray: in a pip command, or in an assertion about preinstalled hosts."""

NEWEST_RAY = re.compile(r"\binstall\s[^;&|]*?(?<![\w./-])ray(?:\[[\w,]+\])?(?=[\"'\s;&|<>!~]|$)(?!\s*(?:==|@))")
"""A command that installs the newest Ray."""

REQUIREMENTS = re.compile(r"(?<=\s)(-[rc]|--requirements?|--constraints?)[ =]*([^\s]+)")
"""A file with requirements or constraints of `pip install`."""

UPGRADE = re.compile(r"\s(?:-[a-z]*U[a-z]*|--upgrade|--force-reinstall)\b|-U\s")
"""An option with which pip replaces what is installed."""

UNPINNED_LINE = re.compile(r"^\s*ray(?:\[[\w,]+\])?\s*(?:[<>~!;]|$)", re.MULTILINE)
"""An unpinned Ray in such a file."""

OLDEST_PYTHON = (3, 11)

RAY_IMAGE = re.compile(r"rayproject/ray(?P<kind>-ml|-llm)?:(?P<version>\d+\.\d+\.\d+[\w.]*?)?(?P<rest>[-\w.]*)$")
"""A tag of Ray's own images, such as rayproject/ray:2.60.0-py311-gpu."""

SHARED = r"(?:nfs4?|efs|lustre|ceph|cifs|smb3|beegfs|gpfs|glusterfs|fuse\.\w+)"
"""Types of network file systems for `mount -t`."""

SHARING = re.compile(
    rf"\bmount\s(?:.*\s)?-t\s*{SHARED}\b|\bmount\s(?:.*\s)?[\"']?(?:[\w.$\{{\}}-]+:|//[\w.$\{{\}}-]+/)\S*\s+\S|"
    r"\b(?:gcsfuse|mount-s3|s3fs|goofys|blobfuse2?|juicefs mount|mount\.\w+|mount_efs|rclone mount)\s"
)
"""A command that mounts such a file system: by type, by its source (host:/folder or //host/folder), or by its tool."""

IN_FSTAB = re.compile(rf"\S+\s+(/\S*)\s+{SHARED}\s")
"""A line of /etc/fstab for such a file system."""

MAYBE_SHARED = re.compile(r"\bmount\s+(?:-a\b|--all\b|/\S+\s*$)|\bmount\s(?:.*\s)?[\"']?\$")
"""A command that may mount such a file system, depending on /etc/fstab of the machine image or on a variable."""

REDIRECTION = re.compile(r"\d*(?:>>?|<)\s*&?\s*[^\s;&|]+|&>>?\s*[^\s;&|]+")

VOLUME = re.compile(r"(?:-v|--volume)[ =]*[\"']?([^\s:\"']+):([^\s:\"']+)")
"""An option of `docker run` that mounts a folder of the machine in the container."""


@cache
def ray_version() -> str:
    """Return the version of Ray on this machine."""
    return version("ray")


def check(document: ClusterDocument, pools: list[Pool], storage_path: str | None) -> Iterator[Finding]:
    """Yield the mistakes in the commands and images of a file for `ray up`."""
    own_image = [pool.name for pool in pools if document.get(*pool.where, "docker", "worker_image")]
    for key in IMAGES:
        if document.get("docker", key):
            gpus = key != "head_image" and any(
                pool.gpus for pool in pools if not pool.head and pool.name not in own_image
            )
            yield from image(document, ("docker", key), gpus=gpus and not shadowed(document, key))
    for pool in pools:
        where: KeyPath = (*pool.where, "docker", "worker_image")
        if document.get(*where):
            yield from image(document, where, gpus=bool(pool.gpus))
    if provider(document) in HOSTS:
        yield from setup(document)
        yield from file_mounts.check(document)
        yield from starting(document)
        yield from storage(document, storage_path)


def shadowed(document: ClusterDocument, key: str) -> bool:
    """Return whether `docker.image` is overridden for all workers."""
    return key == "image" and bool(document.get("docker", "worker_image"))


LAST_RAY_ML = 31
"""The minor version of Ray 2 after which there are no images `ray-ml`."""


def removed_image(document: ClusterDocument, where: KeyPath, name: str) -> Iterator[Finding]:
    """Yield an image that Ray no longer publishes."""
    match = re.match(r"(?:docker\.io/)?rayproject/ray-ml:2\.(\d+)\.\d+(?![\w.])", name)
    if match is not None and int(match[1]) > LAST_RAY_ML:
        reason = f"{name}: Ray has published no images `ray-ml` after version 2.{LAST_RAY_ML}"
        remedy = "use rayproject/ray, and install what is missing"
        yield finding(document, "RTS304", where, reason, remedy, severity="warning")


def image(document: ClusterDocument, where: KeyPath, *, gpus: bool) -> Iterator[Finding]:
    """Yield the mistakes in a container image: its pinning, Ray, Python, and CUDA if `gpus`."""
    name = str(document.get(*where))
    tag = name.rpartition("/")[2].partition(":")[2]
    if "@sha256:" not in name and (not tag or re.match(r"(latest|nightly)\b", tag)):
        yield finding(document, "RTS304", where, f"{name} is not pinned to a version", "add a version as its tag")
    match = RAY_IMAGE.match(name)
    yield from removed_image(document, where, name)
    if match is None:
        yield from account_of_image(document, where, name)
        return
    short = re.match(r"\d+(\.\d+)?(?=-|$)", tag)
    if short is not None:
        reason = f"Ray has no image {name}: its versions have three parts, such as {ray_version()}"
        yield finding(document, "RTS304", where, reason, f"write {short[0]}.0 instead of {short[0]}", severity="error")
        return
    swapped = re.search(r"-(gpu|cpu|cu\d+)(-.*)?(-py\d+)", match["rest"])
    if swapped is not None:
        right = name.replace(swapped[0], f"{swapped[3]}-{swapped[1]}{swapped[2] or ''}")
        reason = f"Ray has no image {name}: the version of Python comes before `-{swapped[1]}`"
        yield finding(document, "RTS304", where, reason, f"write {right}", severity="error")
        return
    here, python = ray_version(), f"py{sys.version_info.major}{sys.version_info.minor}"
    suggestion = f"rayproject/ray:{here}-{python}{'-gpu' if gpus else ''}"
    if match["version"] and match["version"] != here:
        reason = f"{name} has Ray {match['version']}, but the local version is {here}"
        yield finding(document, "RTS301", where, reason, f"use {suggestion}, or install that version locally")
    stated = re.search(r"-py(\d)(\d+)", match["rest"])
    too_old: Severity | None = None if installs_this(document) else "warning"
    if tag and stated is None:
        reason = f"{name} does not state its Python version, and Ray's default is older than raytune-suite requires"
        yield finding(document, "RTS309", where, reason, f"use {suggestion}", severity=too_old)
    elif stated and (int(stated[1]), int(stated[2])) < OLDEST_PYTHON:
        reason = f"{name} has Python {stated[1]}.{stated[2]}"
        yield finding(document, "RTS309", where, reason, f"use {suggestion}", severity=too_old)
    elif stated and stated[0][1:] != python:
        reason = (
            f"{name} has Python {stated[1]}.{stated[2]}, but the local version is {python[2]}.{python[3:]}, and Ray "
            "Client requires the same version"
        )
        yield finding(document, "RTS302", where, reason, f"use {suggestion}, or start studies with `ray submit`")
    with_cuda = "-cpu" not in match["rest"] if match["kind"] else re.search(r"-(gpu|cu\d+)", match["rest"])
    if gpus and not with_cuda:
        yield finding(document, "RTS303", where, f"{name} has no CUDA, but the pool has GPUs", f"use {suggestion}")


def account_of_image(document: ClusterDocument, where: KeyPath, name: str) -> Iterator[Finding]:
    """Yield an image on Docker Hub that has the name of Ray's image but another account."""
    match = re.fullmatch(r"(?:docker\.io/)?(?:([a-z0-9._-]+)/)?ray(-ml|-llm)?(:.*)?", name)
    if match is None or "." in (match[1] or ""):
        return
    account = match[1] or ""
    if account != "rayproject" and (not account or nearest(account, ("rayproject",)) is not None):
        reason = f"the images of Ray are those of the account rayproject, not {account or 'without an account'}"
        right = f"rayproject/ray{match[2] or ''}{match[3] or ''}"
        yield finding(document, "RTS304", where, reason, f"write {right}", severity="error")


def installs_this(document: ClusterDocument) -> bool:
    """Return whether a command installs raytune-suite on the nodes, which fails with an old version of Python."""
    return any(re.search(r"raytune[-_]suite", text) for key in SETUP for text in document.strings(key))


def setup(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in what is installed on the nodes."""
    commands = [(key, index, text) for key in SETUP for index, text in enumerate(document.strings(key))]
    yield from versions(document, commands)
    everywhere = " ".join(text for key, _, text in commands if key != "head_setup_commands")
    if not re.search(r"raytune[-_]suite", everywhere):
        remedy = "copy the checkout with file_mounts and `pip install` it in setup_commands, as clusters/*.yaml do"
        yield finding(document, "RTS306", ("setup_commands",), "no command installs raytune-suite on the nodes", remedy)
    for target, source in document.mapping("file_mounts").items():
        if not isinstance(source, str):
            reason = f"the source of {target} is {source!r}, but must be a folder of this machine"
            yield finding(document, "RTS307", ("file_mounts", target), reason, f"write `{target}: FOLDER`")
        elif re.match(r"\w+://|[\w.-]+@[\w.-]+:|[\w.-]{2,}:[~/]", source):
            reason = f"Ray copies folders of this machine only, not {source}"
            remedy = "download it in `setup_commands`, or mount it in `initialization_commands`"
            yield finding(document, "RTS307", ("file_mounts", target), reason, remedy)
        elif not is_token_folder(source) and not on_this_machine(str(source)).exists():
            relative = not source.startswith(("/", "~"))
            place = f" in {Path.cwd()}, where this command runs" if relative else " on this machine"
            reason = f"{source} does not exist{place}"
            remedy = "correct it, or run this where it is" if relative else "correct it, or create it first"
            yield finding(document, "RTS307", ("file_mounts", target), reason, remedy)
    for name in document.mapping("available_node_types") if provider(document) == "aws" else ():
        where: KeyPath = ("available_node_types", name, "node_config", "ImageId")
        ami = str(document.get(*where, default="")).lower()
        if ami == "latest_dlami" or (not ami and not document.get(*where[:-1], "LaunchTemplate")):  # as in Ray
            reason = f"{name} uses Ray's default image, Ubuntu 18.04 of 2022, whose driver is too old for CUDA 12"
            yield finding(document, "RTS308", where, reason, "set an image: see the comment in clusters/aws-gpu.yaml")


def versions(document: ClusterDocument, commands: list[tuple[str, int, str]]) -> Iterator[Finding]:
    """Yield mistakes in the Ray version that setup commands and their requirements files install."""
    here = ray_version()
    places = [(), *(("available_node_types", name) for name in document.mapping("available_node_types"))]
    pinned = any(document.get(*place, "docker", key) for place in places for key in IMAGES)  # checked by `image`
    newest = unread = False
    for key, index, text in commands:
        read = requirements(document, text)
        unread = unread or None in read
        texts = "\n".join([text, *filter(None, read)])
        newest = newest or bool(NEWEST_RAY.search(text) or any(UNPINNED_LINE.search(one) for one in read if one))
        pinned = pinned or bool(re.search(r"ray(\[[\w,]+\])? ?@ ", texts))
        for found in RAY_VERSION.findall(texts):
            pinned = True
            if found != here and not (found.endswith(".") and here.startswith(found)):  # such as 2.60.*
                reason = f"the nodes get Ray {found}, but the local version is {here}"
                remedy = f"install ray=={here} there, or {found} locally"
                yield finding(document, "RTS301", (key, index), reason, remedy)
    if pinned:
        yield from upgraded(document, commands)
        return
    remedy = f"add `pip install 'ray[default]=={here}'`"
    severity: Severity | None = None if installs_this(document) else "warning"
    if newest and not unread:
        reason = "the nodes get the newest Ray, because no setup command pins it"
        yield finding(document, "RTS305", ("setup_commands",), reason, remedy, severity=severity)
    elif provider(document) in ("aws", "gcp", "azure") and document.get("setup_commands") is None:
        reason = "without setup commands Ray installs a nightly version of itself"
        yield finding(document, "RTS305", ("setup_commands",), reason, remedy, severity=severity)
    else:
        reason = "no setup command pins Ray, so the machines or the files that the commands read must have it"
        yield finding(document, "RTS305", ("setup_commands",), reason, remedy, severity="warning")


def upgraded(document: ClusterDocument, commands: list[tuple[str, int, str]]) -> Iterator[Finding]:
    """Yield commands that replace the Ray of a pinned image by the newest one."""
    for key, index, text in commands:
        parts = [part for part in re.split(r"[;&|\n]+", text) if NEWEST_RAY.search(part) and UPGRADE.search(part)]
        if parts and not REQUIREMENTS.search(parts[0]):
            reason = "the command replaces Ray with its newest version, which may differ from the local one"
            yield finding(document, "RTS305", (key, index), reason, f"write `ray=={ray_version()}`, or remove it")


def requirements(document: ClusterDocument, text: str) -> list[str | None]:
    """Return the texts of the requirements files of a pip command, None for files that are not available here.

    Constraints files count if the command installs Ray. Files are searched beside the cluster file, in the working
    directory, and in the sources of file_mounts.
    """
    copied = {str(there).rstrip("/"): str(here) for there, here in document.mapping("file_mounts").items()}
    result: list[str | None] = []
    parts = [part for part in re.split(r"[;&|\n]+", text) if re.search(r"\binstall\s", part)]
    for option, name in (given for part in parts for given in REQUIREMENTS.findall(part)):
        if option.startswith(("-c", "--c")) and not NEWEST_RAY.search(text):
            continue
        named = name.strip("\"'")
        places = [document.path.parent / named, Path(named)]
        places += [
            Path(here) / named[len(there) + 1 :] for there, here in copied.items() if named.startswith(f"{there}/")
        ]
        file = next((place.expanduser() for place in places if place.expanduser().is_file()), None)
        lines = [] if file is None else file.read_text(encoding="utf-8", errors="replace").splitlines()
        result.append(None if file is None else "\n".join(line.partition("#")[0] for line in lines))
    return result


def starting(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mistakes in the commands that start Ray. Ray's own defaults are good, except for the health checks."""
    head, workers = document.strings("head_start_ray_commands"), document.strings("worker_start_ray_commands")
    where: KeyPath = ("head_start_ray_commands",)
    severities: tuple[Severity | None, ...] = tuple(  # the user's own script may do the right thing
        None if any("ray start" in command for command in commands) else "warning" for commands in (head, workers)
    )
    if head and flag(head, "--autoscaling-config") is None:
        reason = "`ray start --head` has no --autoscaling-config, so no worker is ever started"
        remedy = "add `--autoscaling-config=~/ray_bootstrap_config.yaml`"
        yield finding(document, "RTS401", where, reason, remedy, severity=severities[0])
    head_address = str(document.get("provider", "head_ip", default="$RAY_HEAD_IP"))
    if workers and not any(re.search(r"\$\{?RAY_HEAD_IP", text) or f"{head_address}:" in text for text in workers):
        reason = "the workers do not start with the head's address, which Ray provides as $RAY_HEAD_IP"
        remedy = "use `ray start --address=$RAY_HEAD_IP:6379`"
        yield finding(document, "RTS402", ("worker_start_ray_commands",), reason, remedy, severity=severities[1])
    for key, commands in (("head_start_ray_commands", head), ("worker_start_ray_commands", workers)):
        if commands and not any("ray stop" in command for command in commands):
            reason = "after a second `ray up` the first Ray process is still running"
            yield finding(document, "RTS403", (key,), reason, "add `ray stop` as the first command")
    if not any("RAY_health_check" in command for command in head):
        reason = "a worker that loses power is detected only after a minute (measured: 62 s)"
        remedy = "before `ray start --head`: export RAY_health_check_period_ms=1000 RAY_health_check_timeout_ms=1000"
        yield finding(document, "RTS404", where, reason, f"{remedy} RAY_health_check_failure_threshold=5")


def shared_folders(document: ClusterDocument) -> tuple[list[str], bool]:
    """Return the folders that nodes mount from a shared file system, and whether commands may mount others.

    A folder is the last path of a mount command: `mount -t nfs4 server:/ /shared` gives /shared. Folders that `docker
    run` mounts in containers count too.
    """
    commands = [text for key in ("initialization_commands", *SETUP) for text in document.strings(key)]
    for name in document.mapping("available_node_types"):
        commands += document.strings("available_node_types", name, "initialization_commands")
    folders, others = [], False
    for text in commands:
        if "fstab" in text:
            folders += IN_FSTAB.findall(text)
        for part in re.split(r"[;&|\n()]+", REDIRECTION.sub(" ", text)):
            paths = [word.strip("\"'") for word in part.split() if re.match(r"[\"']?(/(?!/)|~|\$)", word)]
            if SHARING.search(part):
                folders += paths[-1:]
            elif MAYBE_SHARED.search(part):
                others = True
    for key in RUN_OPTIONS:
        for outside, inside in VOLUME.findall(" ".join(document.strings("docker", key))):
            if within(outside, folders):
                folders.append(inside)
    return list(dict.fromkeys(folders)), others


def within(path: str, folders: list[str]) -> bool:
    """Return whether a path is one of the folders or lies in one."""
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def storage(document: ClusterDocument, storage_path: str | None) -> Iterator[Finding]:
    """Yield a finding if nodes do not share the folder in which studies are stored."""
    shared, others = shared_folders(document)
    where: KeyPath = ("initialization_commands",)
    if storage_path is None:
        if not shared and not others and provider(document) != "local":
            reason = "no command mounts storage that all nodes share, and Ray does not collect checkpoints on the head"
            remedy = "mount one as clusters/*.yaml do, or store studies at a URI such as s3://bucket/studies"
            yield finding(document, "RTS501", where, reason, remedy)
        return
    if "://" in storage_path and not storage_path.startswith("file:"):
        return
    path = storage_path.removeprefix("file://")
    local = path.startswith(("~", "/tmp/", "/home/"))  # noqa: S108 - read, not written
    if not within(path, shared) and (shared or provider(document) != "local" or local):
        folders = f"; shared folders: {', '.join(shared)}" if shared else ""
        reason = f"the study's storage_path {storage_path!r} is not shared between machines{folders}"
        remedy = "use a folder that all nodes mount, or a URI such as s3://bucket/studies"
        severity: Severity | None = "warning" if others and not local else None
        yield finding(document, "RTS502", where, reason, remedy, severity=severity)
