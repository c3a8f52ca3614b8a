"""What the nodes run: images, set-up, the start of Ray, and the storage that they share."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks import mounts as mount_checks
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import flag, provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import Document, Where
    from raytune_suite.cluster.pools import Pool

SETUP = ("setup_commands", "head_setup_commands", "worker_setup_commands")
IMAGES = ("image", "head_image", "worker_image")
HOSTS = ("aws", "gcp", "azure", "local", "vsphere")
"""Providers whose machines are set up by commands."""

RAY_VERSION = re.compile(r"(?<![\w-])ray(?:\[[\w,]+\]|\.__version__)? ?== ?[\"']?([0-9][\w.]*)")
"""A pinned Ray: in a pip command, or asserted where hosts have it already."""

NEWEST_RAY = re.compile(r"\binstall\s[^;&|]*?(?<![\w./-])ray(?:\[[\w,]+\])?(?=[\"'\s;&|<>!~]|$)(?!\s*(?:==|@))")
"""A command that installs whichever Ray is the newest."""

REQUIREMENTS = re.compile(r"(?<=\s)(-[rc]|--requirements?|--constraints?)[ =]*([^\s]+)")
"""A file that says what `pip install` shall install, or which versions of what it is told elsewhere."""

UNPINNED_LINE = re.compile(r"^\s*ray(?:\[[\w,]+\])?\s*(?:[<>~!;]|$)", re.MULTILINE)
"""The newest Ray in such a file."""

OLDEST_PYTHON = (3, 11)

OUR_IMAGE = re.compile(r"rayproject/ray(?P<kind>-ml|-llm)?:(?P<version>\d+\.\d+\.\d+[\w.]*?)?(?P<rest>[-\w.]*)$")
"""A tag of Ray's own images, such as rayproject/ray:2.60.0-py311-gpu."""

SHARED = r"(?:nfs4?|efs|lustre|ceph|cifs|smb3|beegfs|gpfs|glusterfs|fuse\.\w+)"
"""What `mount -t` calls a file system that others mount too."""

SHARING = re.compile(
    rf"\bmount\s(?:.*\s)?-t\s*{SHARED}\b|\bmount\s(?:.*\s)?[\"']?(?:[\w.$\{{\}}-]+:|//[\w.$\{{\}}-]+/)\S*\s+\S|"
    r"\b(?:gcsfuse|mount-s3|s3fs|goofys|blobfuse2?|juicefs mount|mount\.\w+|mount_efs|rclone mount)\s"
)
"""A command that mounts such a file system; without -t it is known by its source, host:/folder or //host/folder."""

IN_FSTAB = re.compile(rf"\S+\s+(/\S*)\s+{SHARED}\s")
"""A line of /etc/fstab for such a file system."""

UNSURE = re.compile(r"\bmount\s+(?:-a\b|--all\b|/\S+\s*$)|\bmount\s(?:.*\s)?[\"']?\$")
"""A command that may mount one: as /etc/fstab of the machine's image says, or as a variable says."""

REDIRECTION = re.compile(r"\d*(?:>>?|<)\s*&?\s*[^\s;&|]+|&>>?\s*[^\s;&|]+")

VOLUME = re.compile(r"(?:-v|--volume)[ =]*[\"']?([^\s:\"']+):([^\s:\"']+)")
"""An option of `docker run` that shows a folder of the machine inside the container."""


def check(document: Document, pools: list[Pool], storage_path: str | None) -> Iterator[Finding]:
    """What is wrong with the commands and images of a file for `ray up`."""
    own = [pool.name for pool in pools if document.get(*pool.where, "docker", "worker_image")]
    for key in IMAGES:
        if document.get("docker", key):
            workers = key != "head_image" and any(pool.gpus for pool in pools if not pool.head and pool.name not in own)
            yield from image(document, ("docker", key), gpus=workers and not shadowed(document, key))
    for pool in pools:
        where: Where = (*pool.where, "docker", "worker_image")
        if document.get(*where):
            yield from image(document, where, gpus=bool(pool.gpus))
    if provider(document) in HOSTS:
        yield from setup(document)
        yield from mount_checks.check(document)
        yield from starting(document)
        yield from storage(document, storage_path)


def shadowed(document: Document, key: str) -> bool:
    """Whether no worker runs the image under `docker.image`, since there is one for workers."""
    return key == "image" and bool(document.get("docker", "worker_image"))


def image(document: Document, where: Where, *, gpus: bool) -> Iterator[Finding]:
    """One container image: pinned, with this Ray and this Python, and CUDA where there are GPUs."""
    name = str(document.get(*where))
    tag = name.rpartition("/")[2].partition(":")[2]
    if "@sha256:" not in name and (not tag or re.match(r"(latest|nightly)\b", tag)):
        yield finding(document, "RTS304", where, f"{name} is another image each week", "name a version in its tag")
    found = OUR_IMAGE.match(name)
    if found is None:
        return
    here, python = version("ray"), f"py{sys.version_info.major}{sys.version_info.minor}"
    suggestion = f"rayproject/ray:{here}-{python}{'-gpu' if gpus else ''}"
    if found["version"] and found["version"] != here:
        reason = f"{name} has Ray {found['version']}, here is {here}"
        yield finding(document, "RTS301", where, reason, f"use {suggestion}, or install that Ray here")
    said = re.search(r"-py(\d)(\d+)", found["rest"])
    if tag and said is None:
        reason = f"{name} does not say its Python; Ray's default is older than raytune-suite needs"
        yield finding(document, "RTS309", where, reason, f"use {suggestion}")
    elif said and (int(said[1]), int(said[2])) < OLDEST_PYTHON:
        yield finding(document, "RTS309", where, f"{name} has Python {said[1]}.{said[2]}", f"use {suggestion}")
    elif said and said[0][1:] != python:
        reason = f"{name} has Python {said[1]}.{said[2]}, here is {python[2]}.{python[3:]}: Ray Client needs the same"
        yield finding(document, "RTS302", where, reason, f"use {suggestion}, or start studies by `ray submit`")
    with_cuda = "-cpu" not in found["rest"] if found["kind"] else re.search(r"-(gpu|cu\d+)", found["rest"])
    if gpus and not with_cuda:
        yield finding(document, "RTS303", where, f"{name} has no CUDA, but the pool has GPUs", f"use {suggestion}")


def setup(document: Document) -> Iterator[Finding]:
    """What is installed on each node."""
    commands = [(key, index, text) for key in SETUP for index, text in enumerate(document.strings(key))]
    yield from versions(document, commands)
    everywhere = " ".join(text for key, _, text in commands if key != "head_setup_commands")
    if not re.search(r"raytune[-_]suite", everywhere):
        remedy = "copy the checkout by file_mounts, and `pip install` it in setup_commands, as clusters/*.yaml do"
        yield finding(document, "RTS306", ("setup_commands",), "no command installs raytune-suite on the nodes", remedy)
    for target, source in document.mapping("file_mounts").items():
        if not Path(str(source)).expanduser().exists():
            reason = f"{source} does not exist here ({Path.cwd()})"
            yield finding(
                document, "RTS307", ("file_mounts", target), reason, "correct the path, or call from elsewhere"
            )
    for name in document.mapping("available_node_types") if provider(document) == "aws" else ():
        where: Where = ("available_node_types", name, "node_config", "ImageId")
        given = str(document.get(*where, default="")).lower()
        if given == "latest_dlami" or (not given and not document.get(*where[:-1], "LaunchTemplate")):  # as Ray looks
            reason = f"{name} gets Ray's default image, Ubuntu 18.04 of 2022, whose driver is too old for CUDA 12"
            yield finding(document, "RTS308", where, reason, "name an image: see the comment in clusters/aws-gpu.yaml")


def versions(document: Document, commands: list[tuple[str, int, str]]) -> Iterator[Finding]:
    """Which Ray the set-up commands install, by themselves or by files of requirements."""
    here = version("ray")
    places = [(), *(("available_node_types", name) for name in document.mapping("available_node_types"))]
    pinned = any(document.get(*place, "docker", key) for place in places for key in IMAGES)  # the image has one
    newest = unread = False
    for key, index, text in commands:
        read = requirements(document, text)
        unread = unread or None in read
        said = "\n".join([text, *filter(None, read)])
        newest = newest or bool(NEWEST_RAY.search(text) or any(UNPINNED_LINE.search(one) for one in read if one))
        pinned = pinned or bool(re.search(r"ray(\[[\w,]+\])? ?@ ", said))
        for found in RAY_VERSION.findall(said):
            pinned = True
            if found != here and not (found.endswith(".") and here.startswith(found)):  # such as 2.60.*
                reason = f"the nodes get Ray {found}, here is {here}"
                yield finding(document, "RTS301", (key, index), reason, f"install ray=={here} there, or {found} here")
    if pinned:
        return
    remedy = f"write `pip install 'ray[default]=={here}'`"
    if newest and not unread:
        reason = "the nodes get the newest Ray, since no set-up command says `ray==...`"
        yield finding(document, "RTS305", ("setup_commands",), reason, remedy)
    elif provider(document) in ("aws", "gcp", "azure") and document.get("setup_commands") is None:
        reason = "without set-up commands Ray installs a nightly of itself"
        yield finding(document, "RTS305", ("setup_commands",), reason, remedy)
    else:
        reason = "no set-up command is seen to install `ray==...`: the machines or what the commands read must have it"
        yield finding(document, "RTS305", ("setup_commands",), reason, remedy, severity="warning")


def requirements(document: Document, text: str) -> list[str | None]:
    """What the files say that a command gives to `pip install -r`, and with -c if it installs Ray; None if not here.

    They are looked for beside the cluster file, in the working directory, and where file_mounts take them from.
    """
    copied = {str(there).rstrip("/"): str(here) for there, here in document.mapping("file_mounts").items()}
    found: list[str | None] = []
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
        found.append(None if file is None else "\n".join(line.partition("#")[0] for line in lines))
    return found


def starting(document: Document) -> Iterator[Finding]:
    """The commands that start Ray; where a file has none, Ray has good ones but for the health checks."""
    head, workers = document.strings("head_start_ray_commands"), document.strings("worker_start_ray_commands")
    where: Where = ("head_start_ray_commands",)
    seen: tuple[Severity | None, ...] = tuple(  # a script of one's own may do the right thing
        None if any("ray start" in command for command in commands) else "warning" for commands in (head, workers)
    )
    if head and flag(head, "--autoscaling-config") is None:
        reason = "`ray start --head` has no --autoscaling-config, so that no worker is ever started"
        remedy = "add `--autoscaling-config=~/ray_bootstrap_config.yaml`"
        yield finding(document, "RTS401", where, reason, remedy, severity=seen[0])
    if workers and not any(re.search(r"\$\{?RAY_HEAD_IP", command) for command in workers):
        reason = "the workers do not start with the head's address, which Ray gives as $RAY_HEAD_IP"
        remedy = "write `ray start --address=$RAY_HEAD_IP:6379`"
        yield finding(document, "RTS402", ("worker_start_ray_commands",), reason, remedy, severity=seen[1])
    for key, commands in (("head_start_ray_commands", head), ("worker_start_ray_commands", workers)):
        if commands and not any("ray stop" in command for command in commands):
            reason = "a second `ray up` finds the first Ray still running"
            yield finding(document, "RTS403", (key,), reason, "put `ray stop` first")
    if not any("RAY_health_check" in command for command in head):
        reason = "a worker that loses power is noticed after a minute (measured: 62 s)"
        remedy = "before `ray start --head`: export RAY_health_check_period_ms=1000 RAY_health_check_timeout_ms=1000"
        yield finding(document, "RTS404", where, reason, f"{remedy} RAY_health_check_failure_threshold=5")


def mounts(document: Document) -> tuple[list[str], bool]:
    """The folders that nodes mount from a shared file system, and whether there may be others that no command names.

    A folder is the last path of the command that mounts: `mount -t nfs4 server:/ /shared` gives /shared. What `docker
    run` is told to show inside containers counts too.
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
            elif UNSURE.search(part):
                others = True
    for key in ("run_options", "head_run_options", "worker_run_options"):
        for outside, inside in VOLUME.findall(" ".join(document.strings("docker", key))):
            if within(outside, folders):
                folders.append(inside)
    return list(dict.fromkeys(folders)), others


def within(path: str, folders: list[str]) -> bool:
    """Whether a path is one of some folders, or lies in one."""
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def storage(document: Document, storage_path: str | None) -> Iterator[Finding]:
    """The folder in which studies lie: all nodes must see it."""
    shared, others = mounts(document)
    where: Where = ("initialization_commands",)
    if storage_path is None:
        if not shared and not others and provider(document) != "local":
            reason = "no command mounts storage that all nodes share; Ray keeps no checkpoints on the head"
            remedy = "mount one as clusters/*.yaml do, or give studies a URI such as s3://bucket/studies"
            yield finding(document, "RTS501", where, reason, remedy)
        return
    if "://" in storage_path and not storage_path.startswith("file:"):
        return
    path = storage_path.removeprefix("file://")
    ours = path.startswith(("~", "/tmp/", "/home/"))  # noqa: S108 - read, not written
    if not within(path, shared) and (shared or provider(document) != "local" or ours):
        have = f"; shared here: {', '.join(shared)}" if shared else ""
        reason = f"the study's storage_path {storage_path!r} is a folder of one machine{have}"
        remedy = "use a folder that all nodes mount, or a URI such as s3://..."
        yield finding(document, "RTS502", where, reason, remedy, severity="warning" if others and not ours else None)
