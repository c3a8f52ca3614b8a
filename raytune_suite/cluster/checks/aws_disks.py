"""Checks of the disks of a machine on EC2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

VOLUMES = {
    "gp2": (1, 16384),
    "gp3": (1, 65536),
    "io1": (4, 16384),
    "io2": (4, 65536),
    "st1": (125, 16384),
    "sc1": (125, 16384),
    "standard": (1, 1024),
}
"""The least and the greatest size of each volume type in GiB (EC2 API reference, EbsBlockDevice)."""

SETTING_OF_VOLUMES = {"Throughput": ("gp3",), "Iops": ("gp3", "io1", "io2")}
"""Settings that only some types of volumes have."""

ROOT_DEVICES = {"ubuntu": "/dev/sda1", "ec2-user": "/dev/xvda", "rocky": "/dev/sda1", "admin": "/dev/xvda"}
"""The name of the root device in the usual images, by the user that logs in."""

ALMOST_ROOT = ("/dev/sda", "/dev/xvda1", "/dev/sda2", "/dev/nvme0n1", "xvda", "sda1", "sda")
"""What is written for the root device, but is another."""

DEVICE = re.compile(r"/dev/(sd[a-z]\d{0,2}|xvd[a-z]{1,2}|nvme\d+n1)|xvd[a-z]{1,2}|sd[a-z]\d{0,2}|ephemeral\d")

MOST_IOPS_PER_GIB = {"gp3": 500, "io1": 50, "io2": 1000}
THROUGHPUT_PER_IOPS = 0.25
"""MiB per second for each operation per second (EBS user guide, volume types)."""

SMALLEST_DISK = 50
"""GiB; with a container for GPUs (15 GB) and an image with drivers, a smaller root disk is soon full."""


def check(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield mistakes in the disks of a machine."""
    user = document.get("auth", "ssh_user")
    devices = []
    for index, disk in enumerate(document.entries(*where, "BlockDeviceMappings")):
        if not isinstance(disk, dict):
            continue
        place: KeyPath = (*where, "BlockDeviceMappings", index)
        device = disk.get("DeviceName")
        if device is None:
            reason = "a disk has no `DeviceName`, so EC2 does not know which one is meant"
            yield finding(document, "RTS903", place, reason, f"add `DeviceName: {ROOT_DEVICES.get(user, '/dev/sda1')}`")
        elif isinstance(device, str) and not DEVICE.fullmatch(device):
            reason = f"{device!r} is not a name of a disk"
            yield finding(document, "RTS902", (*place, "DeviceName"), reason, "use /dev/sda1, /dev/xvda or /dev/sdf")
        if str(device) in devices:
            yield finding(document, "RTS902", (*place, "DeviceName"), f"{device} is given twice", "use another name")
        devices.append(str(device))
        if isinstance(disk.get("Ebs"), dict):
            yield from volume(document, (*place, "Ebs"), disk["Ebs"], root=device in ROOT_DEVICES.values())
    for index, device in enumerate(devices):
        if device in ALMOST_ROOT and not set(devices) & set(ROOT_DEVICES.values()):
            right = ROOT_DEVICES.get(user, "/dev/sda1")
            reason = f"{device} is not the root disk, which keeps its small size: its name is {right}"
            place = (*where, "BlockDeviceMappings", index, "DeviceName")
            yield finding(document, "RTS907", place, reason, f"write `DeviceName: {right}`", severity="warning")
    yield from no_root(document, where, user, devices)
    root = ROOT_DEVICES.get(user)
    if root and devices and root not in devices and set(devices) & set(ROOT_DEVICES.values()):
        reason = (
            f"the root disk of images for the user {user!r} is {root}, so these settings add a second disk and leave "
            "the root disk small"
        )
        place = (*where, "BlockDeviceMappings", 0, "DeviceName")
        yield finding(
            document, "RTS907", place, reason, f"write `DeviceName: {root}`, or correct `ssh_user`", severity="warning"
        )


def no_root(document: ClusterDocument, where: KeyPath, user: str, devices: list[str]) -> Iterator[Finding]:
    """Yield disks beside the root disk only, which then keeps its small size."""
    if devices and user == "ubuntu" and not set(devices) & {*ROOT_DEVICES.values(), *ALMOST_ROOT}:
        reason = f"{', '.join(devices)} is a second disk, which nothing uses, and the root disk keeps its small size"
        place = (*where, "BlockDeviceMappings", 0, "DeviceName")
        remedy = f"write `DeviceName: {ROOT_DEVICES[user]}` for the root disk"
        yield finding(document, "RTS911", place, reason, remedy, severity="warning")


def volume(document: ClusterDocument, place: KeyPath, ebs: dict[str, Any], *, root: bool) -> Iterator[Finding]:
    """Yield mistakes in the settings of an EBS volume."""
    kind, size = str(ebs.get("VolumeType", "gp2")), ebs.get("VolumeSize")
    if kind not in VOLUMES:
        return
    for key, kinds in SETTING_OF_VOLUMES.items():
        if key in ebs and kind not in kinds:
            reason = f"`{key}` is for volumes of type {', '.join(kinds)}, but this one is {kind}"
            yield finding(document, "RTS905", (*place, key), reason, f"write `VolumeType: gp3`, or remove `{key}`")
    if kind in ("io1", "io2") and "Iops" not in ebs:
        reason = f"a volume of type {kind} needs `Iops`"
        yield finding(document, "RTS903", place, reason, "add `Iops: 3000`, or write `VolumeType: gp3`")
    yield from performance(document, place, kind, ebs)
    if kind in ("st1", "sc1") and root:
        reason = f"a machine cannot start from a volume of type {kind}"
        yield finding(document, "RTS905", (*place, "VolumeType"), reason, "write `VolumeType: gp3`")
    if isinstance(size, int) and not isinstance(size, bool):
        yield from volume_size(document, (*place, "VolumeSize"), kind, size, root=root)
    if ebs.get("DeleteOnTermination") is False:
        reason = "the disk stays when Ray terminates its machine, and costs money"
        yield finding(document, "RTS911", (*place, "DeleteOnTermination"), reason, "remove it: true is the default")
    if ebs.get("Encrypted") is False and "KmsKeyId" in ebs:
        reason = "`KmsKeyId` is given, but `Encrypted` is false"
        yield finding(document, "RTS905", (*place, "KmsKeyId"), reason, "write `Encrypted: true`")


def performance(document: ClusterDocument, place: KeyPath, kind: str, ebs: dict[str, Any]) -> Iterator[Finding]:
    """Yield operations per second beyond what a volume's size allows, and throughput beyond what these allow."""
    size, iops, throughput = ebs.get("VolumeSize"), ebs.get("Iops"), ebs.get("Throughput")
    most = MOST_IOPS_PER_GIB.get(kind)
    if isinstance(size, int) and isinstance(iops, int) and most and iops > max(most * size, 3000):
        reason = f"`Iops` is {iops}, but a volume of type {kind} with {size} GiB has at most {most * size}"
        yield finding(
            document, "RTS902", (*place, "Iops"), reason, f"write `VolumeSize: {-(-iops // most)}`, or fewer `Iops`"
        )
    given = iops if isinstance(iops, int) else 3000
    if kind == "gp3" and isinstance(throughput, int) and throughput > given * THROUGHPUT_PER_IOPS:
        reason = f"`Throughput` is {throughput}, but with {given} operations per second it is at most {given // 4}"
        remedy = f"write `Iops: {throughput * 4}`, or a lower `Throughput`"
        yield finding(document, "RTS902", (*place, "Throughput"), reason, remedy)


def volume_size(document: ClusterDocument, where: KeyPath, kind: str, size: int, *, root: bool) -> Iterator[Finding]:
    """Yield a size that a volume cannot have, or that is too small for the root disk."""
    least, most = VOLUMES[kind]
    if not least <= size <= most:
        reason = f"a volume of type {kind} has {least} to {most} GiB, not {size}"
        yield finding(document, "RTS902", where, reason, f"use at least {least} and at most {most}")
    elif root and size < SMALLEST_DISK and document.get("docker", "image"):
        reason = f"the root disk has {size} GiB, but the container alone needs about 15 and the image as much"
        yield finding(document, "RTS911", where, reason, "write `VolumeSize: 200`")
