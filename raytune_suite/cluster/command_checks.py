"""What the nodes run: images, set-up, the start of Ray, and the storage that they share."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.cluster.findings import finding
from raytune_suite.cluster.nodes import flag, provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.findings import Finding
    from raytune_suite.cluster.load import Document, Where
    from raytune_suite.cluster.nodes import Pool

SETUP = ("setup_commands", "head_setup_commands", "worker_setup_commands")
IMAGES = ("image", "head_image", "worker_image")
HOSTS = ("aws", "gcp", "azure", "local", "vsphere")
"""Providers whose machines are set up by commands."""

RAY_VERSION = re.compile(r"\bray(?:\[[\w,]+\]|\.__version__)? ?== ?[\"']?([0-9][\w.]*)")
"""A pinned Ray: in a pip command, or asserted where hosts have it already."""

OLDEST_PYTHON = (3, 11)

OUR_IMAGE = re.compile(r"rayproject/ray(?P<kind>-ml|-llm)?:(?P<version>\d+\.\d+\.\d+[\w.]*?)?(?P<rest>[-\w.]*)$")
"""A tag of Ray's own images, such as rayproject/ray:2.60.0-py311-gpu."""

SHARING = re.compile(
    r"mount\s[^;&|]*?-t\s*(nfs4?|efs|lustre|ceph|cifs|beegfs|gpfs)\b|"
    r"\b(gcsfuse|mount-s3|s3fs|goofys|blobfuse2?|juicefs mount|mount\.nfs4?|mount_efs|rclone mount)\b"
)
"""Commands that mount a file system which others mount too."""


def check(document: Document, pools: list[Pool], storage_path: str | None) -> Iterator[Finding]:
    """What is wrong with the commands and images of a file for `ray up`."""
    for key in IMAGES:
        if document.get("docker", key):
            workers = key != "head_image" and any(pool.gpus for pool in pools if not pool.head)
            yield from image(document, ("docker", key), gpus=workers and not shadowed(document, key))
    for pool in pools:
        where: Where = (*pool.where, "docker", "worker_image")
        if document.get(*where):
            yield from image(document, where, gpus=bool(pool.gpus))
    if provider(document) in HOSTS:
        yield from setup(document)
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
    if gpus and not re.search(r"-(gpu|cu\d+)", found["rest"]):
        yield finding(document, "RTS303", where, f"{name} has no CUDA, but the pool has GPUs", f"use {suggestion}")


def setup(document: Document) -> Iterator[Finding]:
    """What is installed on each node."""
    commands = [(key, index, text) for key in SETUP for index, text in enumerate(document.strings(key))]
    here = version("ray")
    pinned = False
    for key, index, text in commands:
        for found in RAY_VERSION.findall(text):
            pinned = True
            if found != here:
                reason = f"the nodes get Ray {found}, here is {here}"
                yield finding(document, "RTS301", (key, index), reason, f"install ray=={here} there, or {found} here")
    in_image = any(document.get("docker", key) for key in IMAGES)
    if not pinned and not in_image and not re.search(r"ray(\[\w+\])? ?@ ", " ".join(text for *_, text in commands)):
        default = "" if provider(document) == "local" or document.get("setup_commands") else ": Ray then adds a nightly"
        reason = f"no set-up command installs `ray==...`{default}"
        yield finding(document, "RTS305", ("setup_commands",), reason, f"write `pip install 'ray[default]=={here}'`")
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
        if str(document.get(*where, default="")).lower() in ("", "latest_dlami"):  # as Ray looks
            reason = f"{name} gets Ray's default image, Ubuntu 18.04 of 2022, whose driver is too old for CUDA 12"
            yield finding(document, "RTS308", where, reason, "name an image: see the comment in clusters/aws-gpu.yaml")


def starting(document: Document) -> Iterator[Finding]:
    """The commands that start Ray; where a file has none, Ray has good ones but for the health checks."""
    head, workers = document.strings("head_start_ray_commands"), document.strings("worker_start_ray_commands")
    where: Where = ("head_start_ray_commands",)
    if head and flag(head, "--autoscaling-config") is None:
        reason = "`ray start --head` has no --autoscaling-config, so that no worker is ever started"
        yield finding(document, "RTS401", where, reason, "add `--autoscaling-config=~/ray_bootstrap_config.yaml`")
    if workers and not any(re.search(r"--address[= ]+\$\{?RAY_HEAD_IP", command) for command in workers):
        reason = "the workers do not start with the head's address, which Ray gives as $RAY_HEAD_IP"
        remedy = "write `ray start --address=$RAY_HEAD_IP:6379`"
        yield finding(document, "RTS402", ("worker_start_ray_commands",), reason, remedy)
    for key, commands in (("head_start_ray_commands", head), ("worker_start_ray_commands", workers)):
        if commands and not any("ray stop" in command for command in commands):
            reason = "a second `ray up` finds the first Ray still running"
            yield finding(document, "RTS403", (key,), reason, "put `ray stop` first")
    if not any("RAY_health_check" in command for command in head):
        reason = "a worker that loses power is noticed after a minute (measured: 62 s)"
        remedy = "before `ray start --head`: export RAY_health_check_period_ms=1000 RAY_health_check_timeout_ms=1000"
        yield finding(document, "RTS404", where, reason, f"{remedy} RAY_health_check_failure_threshold=5")


def mounts(document: Document) -> list[str]:
    """The folders that commands mount from a shared file system.

    They are the last word of the command that mounts: `mount -t nfs4 server:/ /shared` gives /shared.
    """
    commands = [text for key in ("initialization_commands", *SETUP) for text in document.strings(key)]
    for name in document.mapping("available_node_types"):
        commands += document.strings("available_node_types", name, "initialization_commands")
    parts = [part for text in commands for part in re.split(r"&&|;|\|\||\n|[()]", text) if SHARING.search(part)]
    return [part.split()[-1].strip("\"'") for part in parts]


def storage(document: Document, storage_path: str | None) -> Iterator[Finding]:
    """The folder in which studies lie: all nodes must see it."""
    shared = mounts(document)
    where: Where = ("initialization_commands",)
    if storage_path is None:
        if not shared and provider(document) != "local":
            reason = "no command mounts storage that all nodes share; Ray keeps no checkpoints on the head"
            remedy = "mount one as clusters/*.yaml do, or give studies a URI such as s3://bucket/studies"
            yield finding(document, "RTS501", where, reason, remedy)
        return
    if "://" in storage_path and not storage_path.startswith("file:"):
        return
    path = storage_path.removeprefix("file://")
    inside = any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in shared)
    if not inside and (shared or provider(document) != "local" or path.startswith(("~", "/tmp/", "/home/"))):  # noqa: S108 - read, not written
        have = f"; shared here: {', '.join(shared)}" if shared else ""
        reason = f"the study's storage_path {storage_path!r} is a folder of one machine{have}"
        yield finding(document, "RTS502", where, reason, "use a folder that all nodes mount, or a URI such as s3://...")
