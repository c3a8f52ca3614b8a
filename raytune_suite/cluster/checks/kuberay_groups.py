"""Checks of KubeRay's groups against each other and against their pods: Ray's options, images, ports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks import tpus
from raytune_suite.cluster.checks.commands import ray_version
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_jobs import POD
from raytune_suite.cluster.checks.kuberay_rules import groups
from raytune_suite.cluster.pools import cluster_spec, container_amounts, gpu_devices
from raytune_suite.cluster.quantities import in_gib, quantity
from raytune_suite.cluster.ray_start import (
    DEFAULT_PORTS,
    JSON_OPTIONS,
    OPTIONS,
    same_ports,
    wrong_json,
    wrong_option,
    wrong_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

RAY_IMAGE = re.compile(r"(?:.*/)?ray(?:-ml|-llm)?:(\d+\.\d+\.\d+)\w*(?:[-.](?:.*-)?py(\d)(\d+))?")
"""A tag of Ray's own images, or of a copy of them."""

WITHOUT_RAY = re.compile(
    r"(docker\.io/|public\.ecr\.aws/docker/)?(library/)?"
    r"(python|busybox|alpine|ubuntu|debian|bash|redis|nginx|fedora|centos|rockylinux|amazonlinux)(:.*)?|"
    r"(.*/)?(nvidia/cuda|pytorch/pytorch|tensorflow/tensorflow|continuumio/(mini|ana)conda3|curlimages/curl|"
    r"nvcr\.io/nvidia/(pytorch|cuda|tensorflow))(:.*)?"
)
"""Public images that do not contain Ray."""

RAY_NAME = re.compile(r"(^|/)ray(-ml|-llm)?(:|$)")

OWN_NAME = re.compile(r"ray(-head|-worker|-node|$)")
"""What containers with Ray are usually called."""

CONTAINER_PORTS = {"port": "gcs-server", "dashboard-port": "dashboard", "ray-client-server-port": "client"}
"""What the head's container calls its ports, by the option of `ray start` that sets them."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


MOST_FOR_AUTOSCALER = {"cpu": 4, "memory": 16 * 2**30}
"""More is probably meant for the workers; KubeRay's default is half a CPU and 512 MiB."""


RUNS_ON = re.compile(
    r"(^|[;&|] *|-l?c )(exec )?(\S*/)?"
    r"(python[\d.]*(?! -c| -m pip)|jupyter\S*|ray start|serve run|tail .*-[fF]|sleep inf(inity)?)\b"
)
"""A program in the command of a container that usually does not end soon, or that starts Ray a second time."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the groups of a cluster."""
    top = cluster_spec(document)
    places: list[KeyPath] = [(*top, "headGroupSpec"), *groups(document, top)]
    for group in places:
        if isinstance(document.get(*group), dict):
            yield from options(document, group)
            yield from amounts(document, group)
            yield from ray_container(document, group)
            yield from tpus.group(document, group, document.get(*group, "numOfHosts"))
    yield from head_ports(document, places[0])
    yield from images(document, top, places)
    yield from own_resources(document, top)
    submitter: KeyPath = (*top[:-1], "submitterPodTemplate", "spec", "containers")
    if document.get("kind") in ("RayJob", "RayCronJob"):
        yield from without_ray(document, submitter, "the pod that submits the job")


def own_resources(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield resources for the autoscaler that were meant for the workers."""
    where = (*top, "autoscalerOptions", "resources")
    for kind in ("limits", "requests"):
        for name, value in document.mapping(*where, kind).items():
            amount = quantity(value)
            most = MOST_FOR_AUTOSCALER.get(str(name), 0 if "/" in str(name) else None)
            if amount is not None and most is not None and amount > most:
                reason = (
                    f"{name} is {value} for the autoscaler, a small container beside the head: workers do not get it"
                )
                remedy = "write it in the `resources` of the worker groups, and remove it here"
                yield finding(document, "RTS818", (*where, kind, name), reason, remedy, severity="warning")


def group_name(document: ClusterDocument, group: KeyPath) -> str:
    """Return the name of a group for messages."""
    return "the head" if group[-1] == "headGroupSpec" else str(document.get(*group, "groupName", default="the group"))


def parameters(document: ClusterDocument, group: KeyPath) -> dict[str, str]:
    """Return a group's options of `ray start`."""
    given = document.mapping(*group, "rayStartParams")
    return {str(name): str(value) for name, value in given.items() if isinstance(value, (str, int, float))}


def options(document: ClusterDocument, group: KeyPath) -> Iterator[Finding]:
    """Yield options of `ray start` that do not exist, have the wrong value, or are KubeRay's own."""
    place, given = (*group, "rayStartParams"), parameters(document, group)
    for name, value in given.items():
        where = (*place, name)
        if name.startswith("-") or ("_" in name and name.replace("_", "-") in OPTIONS):
            right = name.lstrip("-").replace("_", "-")
            reason = f"KubeRay writes {name!r} as `--{name}`, which `ray start` does not have"
            yield finding(document, "RTS410", where, reason, f"write `{right}:`")
            continue
        unknown, invalid = wrong_option(name), lost_quotes(name, value) or wrong_value(name, unquoted(value))
        if unknown is not None:
            yield finding(document, "RTS410", where, *unknown)
        elif invalid is not None:
            yield finding(document, "RTS410", where, *invalid)
    host = str(given.get("dashboard-host", ""))
    if group[-1] == "headGroupSpec" and host.strip("\"'") in LOOPBACK:
        reason = f"`dashboard-host` is {host}, so jobs and services do not reach the head from other pods"
        severity: Severity | None = "warning" if document.get("kind") == "RayCluster" else None
        yield finding(document, "RTS410", (*place, "dashboard-host"), reason, "write 0.0.0.0", severity=severity)
    if group[-1] != "headGroupSpec":
        if "address" in given:
            reason = "KubeRay sets `address` to the head's service, but keeps what is written here"
            yield finding(document, "RTS410", (*place, "address"), reason, "remove it", severity="warning")
        if "head" in given:
            yield finding(document, "RTS410", (*place, "head"), "a worker cannot be a head", "remove it")
        return
    for name, other, port in same_ports({**given, "head": ""}):
        reason = f"`{name}` and `{other}` are both port {port}"
        yield finding(document, "RTS411", (*place, other if other in given else name), reason, "choose different ports")


def unquoted(value: str) -> str:
    """Return a value without the single quotes around it, which a shell removes."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value


def lost_quotes(name: str, value: str) -> tuple[str, str] | None:
    r"""Return the reason and the remedy if a shell removes the quotes of a JSON value, None if it does not.

    KubeRay writes values into a command as they are.

    Example:
        >>> print(lost_quotes("resources", '{"TPU": 4}')[1])
        write `resources: '"{\"TPU\": 4}"'`
    """
    if name not in JSON_OPTIONS or wrong_json(name, value) is not None or value.startswith(('"', "'")):
        return None
    escaped = value.replace('"', r"\"")
    return f"`{name}` is {value}, whose quotes the shell removes", f"write `{name}: '\"{escaped}\"'`"


def amounts(document: ClusterDocument, group: KeyPath) -> Iterator[Finding]:
    """Yield resources that Ray would offer beyond what the pod has."""
    place, name = (*group, "rayStartParams"), group_name(document, group)
    given = {**document.mapping(*group, "resources"), **parameters(document, group)}
    container: KeyPath = (*group, *POD, "containers", 0)
    limits = container_amounts(document, container)
    devices = gpu_devices(limits)
    gpus, stated = sum(devices.values()), quantity(given.get("num-gpus"))
    head = group[-1] == "headGroupSpec"
    if stated is not None and (stated > gpus if head else stated != gpus):
        device = next(iter(devices), "nvidia.com/gpu")
        has = f"the limit of {device} is {gpus:g}" if devices else f"the pod has no limit for {device}"
        reason = f"{name}: num-gpus says {stated:g}, {has}"
        severity: Severity | None = None if stated > gpus and not head else "warning"
        remedy = "leave num-gpus out: KubeRay takes it from the limit"
        if not devices:
            remedy = f'add `nvidia.com/gpu: "{stated:g}"` to the limits, and leave num-gpus out'
        yield finding(document, "RTS818", (*place, "num-gpus"), reason, remedy, severity=severity)
    cpus, stated = quantity(limits.get("cpu")), quantity(given.get("num-cpus"))
    if cpus is not None and stated is not None and stated > cpus:
        reason = f"{name}: num-cpus says {stated:g}, but the pod has {limits['cpu']}"
        remedy = "leave num-cpus out: KubeRay takes it from the pod"
        yield finding(document, "RTS818", (*place, "num-cpus"), reason, remedy, severity="warning")
    memory = quantity(document.get(*container, "resources", "limits", "memory"))
    for option in ("memory", "object-store-memory"):
        stated = quantity(given.get(option))
        if memory is not None and stated is not None and stated > memory:
            reason = f"{name}: {option} is {in_gib(stated)}, but the pod's limit is {in_gib(memory)}"
            remedy = "leave it out" if option == "memory" else f"use about a third of it: {memory / 3:.0f}"
            yield finding(document, "RTS818", (*place, option), reason, remedy)


def without_ray(document: ClusterDocument, where: KeyPath, what: str) -> Iterator[Finding]:
    """Yield a finding if the first container of a pod, whose containers are at a key path, has an image without Ray."""
    image, command = document.get(*where, 0, "image"), document.get(*where, 0, "command")
    if isinstance(image, str) and WITHOUT_RAY.fullmatch(image) and not command:
        reason = f"{what} runs commands of Ray, but the image {image} does not have it"
        remedy = f"write `image: rayproject/ray:{ray_version()}-py311`, or an image made from it"
        yield finding(document, "RTS819", (*where, 0, "image"), reason, remedy)


def ray_container(document: ClusterDocument, group: KeyPath) -> Iterator[Finding]:
    """Yield a finding if another container than the first one is Ray's."""
    where = (*group, *POD, "containers")
    names = [str(one.get("image", "")) for one in document.entries(*where) if isinstance(one, dict)]
    if not any(RAY_NAME.search(image) for image in names):
        yield from without_ray(document, where, "the first container")
    yield from own_command(document, group)
    named = [str(document.get(*where, index, "name")) for index in range(len(names))]
    later = [index for index, image in enumerate(names) if index and RAY_NAME.search(image)]
    later += [index for index, name in enumerate(named) if index and OWN_NAME.match(name) and names[0] != names[index]]
    if later and not RAY_NAME.search(names[0]) and "ray" not in names[0]:
        reason = f"KubeRay starts Ray in the first container, {named[0]!r}, whose image is {names[0]}"
        yield finding(
            document, "RTS819", (*where, 0), reason, f"move the container {named[later[0]]!r} to the first place"
        )


def own_command(document: ClusterDocument, group: KeyPath) -> Iterator[Finding]:
    """Yield a finding if the command of Ray's container prevents Ray from starting.

    KubeRay runs the command and then `ray start`, unless an annotation says that the command starts Ray itself.
    """
    where = (*group, *POD, "containers", 0)
    words = [str(word) for key in ("command", "args") for word in document.entries(*where, key)]
    text = " ".join(words)
    if not words or "" in words:
        return
    key = "command" if document.entries(*where, "command") else "args"
    top = (*group[: group.index("headGroupSpec" if "headGroupSpec" in group else "workerGroupSpecs")], "metadata")
    annotations = {**document.mapping("metadata", "annotations"), **document.mapping(*top, "annotations")}
    if str(annotations.get("ray.io/overwrite-container-cmd")).lower() == "true":
        if not re.search(r"ray start|KUBERAY_GEN_RAY_START_CMD|\.sh\b", text):
            reason = "with ray.io/overwrite-container-cmd the command must start Ray, and it does not"
            remedy = "end it with `&& $KUBERAY_GEN_RAY_START_CMD`"
            yield finding(document, "RTS412", (*where, key), reason, remedy, severity="warning")
        return
    if RUNS_ON.search(text):
        reason = f"`ray start` follows only when this command has ended: {text[:60]}"
        remedy = "remove it; a program runs in a RayJob, or with `ray job submit`"
        yield finding(document, "RTS412", (*where, key), reason, remedy, severity="warning")


def head_ports(document: ClusterDocument, head: KeyPath) -> Iterator[Finding]:
    """Yield ports of the head's container that differ from those that Ray opens.

    A dashboard that is open to its own pod only is behind a proxy, which has the port.
    """
    given = parameters(document, head)
    where: KeyPath = (*head, *POD, "containers", 0, "ports")
    declared = {
        str(port.get("name")): (index, port.get("containerPort"))
        for index, port in enumerate(document.entries(*where))
        if isinstance(port, dict)
    }
    for option, name in CONTAINER_PORTS.items():
        opened = given.get(option, str(DEFAULT_PORTS[option]))
        if option == "dashboard-port" and given.get("dashboard-host") in LOOPBACK:
            continue
        if name not in declared or not opened.isdecimal() or not isinstance(declared[name][1], int):
            continue
        index, number = declared[name]
        if int(opened) != number:
            reason = f"the port {name!r} of the container is {number}, but Ray opens {opened}"
            remedy = f'write `containerPort: {opened}`, or `{option}: "{number}"` in rayStartParams'
            place = (*head, "rayStartParams", option) if option in given else (*where, index, "containerPort")
            yield finding(document, "RTS411", place, reason, remedy)


def images(document: ClusterDocument, top: KeyPath, places: list[KeyPath]) -> Iterator[Finding]:
    """Yield images whose versions of Ray or Python differ from each other or from rayVersion."""
    stated = document.get(*top, "rayVersion")
    first: tuple[str, str | None] | None = None
    tags = []
    for group in places:
        image = document.get(*group, *POD, "containers", 0, "image")
        match = RAY_IMAGE.match(str(image))
        if match is not None:
            tags.append(((*group, *POD, "containers", 0, "image"), match[1], match[3] and f"{match[2]}.{match[3]}"))
    if isinstance(stated, str) and tags and all(ray != stated for _, ray, _ in tags):
        reason = f"rayVersion is {stated}, but the images have Ray {tags[0][1]}"
        remedy = f'write `rayVersion: "{tags[0][1]}"`: the operator only uses it to choose features'
        yield finding(document, "RTS819", (*top, "rayVersion"), reason, remedy, severity="warning")
    for where, ray, python in tags:
        if first is None:
            first = (ray, python)
        elif ray != first[0]:
            reason = f"the image has Ray {ray}, but the head's has {first[0]}: Ray only joins nodes of the same version"
            yield finding(document, "RTS819", where, reason, f"use an image with Ray {first[0]}")
        elif python and first[1] and python != first[1]:
            reason = f"the image has Python {python}, but the head's has {first[1]}: Ray needs the same on all nodes"
            yield finding(document, "RTS819", where, reason, f"use an image with Python {first[1]}")
