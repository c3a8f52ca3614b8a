"""Check that a CUDA version supports a machine's GPU, and that its driver supports the CUDA version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.containers import image_of
from raytune_suite.cluster.checks.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.instance_types import InstanceType
    from raytune_suite.cluster.pools import Pool

CUDA_OF_GPU = {
    "K80": (0, 11.4),
    "P100": (0, 12.9),
    "P4": (0, 12.9),
    "V100": (0, 12.9),
    "T4": (10, 99),
    "A100": (11, 99),
    "A100-80GB": (11, 99),
    "A10G": (11.1, 99),
    "L4": (11.8, 99),
    "L40S": (11.8, 99),
    "H100": (11.8, 99),
    "H200": (11.8, 99),
    "B200": (12.8, 99),
    "B300": (12.9, 99),
    "RTX PRO Server 6000": (12.8, 99),
}
"""The oldest and newest CUDA toolkit with code for a GPU (docs.nvidia.com/cuda, release notes)."""

BEFORE_TURING = ("K80", "M60", "P100", "P4", "P40", "V100")
LAST_BEFORE_TURING = 580
"""The last branch of drivers for Maxwell, Pascal and Volta (docs.nvidia.com/datacenter/tesla/drivers)."""

OPEN_MODULE = re.compile(
    r"[\w/.-]*oss-nvidia-driver[\w-]*|\bnvidia-(?:driver|headless|kernel-source)-\d+(?:-server)?-open\b|\bnvidia-open(?:-\d+)?\b"
)
"""Names of the kernel modules with open sources, which need the processor of Turing and later GPUs."""

TAG_CUDA = re.compile(r"-cu(\d{2})(\d)(?:\d)?\b|cuda[-:]?(\d{2})\.(\d)")
"""The CUDA version in the tag of a container image."""

WHEEL_CUDA = re.compile(r"download\.pytorch\.org/whl/(?:nightly/)?(cpu|cu\d{3})\b")
"""The CUDA version of PyTorch's wheels."""

DRIVER = re.compile(r"\b(?:nvidia-driver-|cuda-drivers-|nvidia-)(\d{3})\b")
"""The version of the GPU driver in the name of an image or package."""

CUDA_OF_DRIVER = {0: 10.0, 450: 11.0, 525: 12.0, 535: 12.2, 550: 12.4, 570: 12.8, 580: 13.0}
"""The newest CUDA version that each driver branch shipped with. By minor version compatibility a driver runs all
versions of the same major number, with fewer features, so that only major numbers are compared: 11 needs 450, 12 needs
525, and 13 needs 580 (docs.nvidia.com/deploy/cuda-compatibility, Minor Version Compatibility, read on 2026-11-28)."""


def check(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a CUDA version that does not support a machine's GPU, or that is newer than its driver."""
    machine = pool.instance_type
    if machine is None or not machine.gpus:
        return
    where, image = image_of(document, pool)
    if machine.gpu.startswith("Radeon") and re.search(r"-gpu\b|-cu\d|cuda", image):
        reason = f"{image} is for GPUs of NVIDIA, but {machine.name} has {machine.gpu} of AMD"
        yield finding(document, "RTS303", where, reason, "use a machine with GPUs of NVIDIA, such as g5 or g6")
    driver = driver_of(document, pool)
    yield from old_gpu(document, pool, machine)
    for where, what, version in cuda_versions(document, pool):
        oldest, newest = CUDA_OF_GPU.get(machine.gpu, (0, 99))
        if version == 0:
            reason = f"{what} has no CUDA, but {machine.name} has GPUs"
            yield finding(document, "RTS303", where, reason, "install the build for CUDA")
        elif not oldest <= version <= newest:
            bound = f"before {oldest:g}" if version < oldest else f"after {newest:g}"
            gpu = f"the {machine.gpu} of {machine.name}"
            reason = f"{what} has CUDA {version:g}, but versions {bound} have no code for {gpu}"
            yield finding(document, "RTS303", where, reason, "use another CUDA version")
        elif driver is not None and int(version) > int(driver[1]):
            reason = f"{what} has CUDA {version:g}, but {driver[0]} is for CUDA {driver[1]:g}"
            yield finding(document, "RTS303", where, reason, "use a newer driver, or an older CUDA version")


def old_gpu(document: ClusterDocument, pool: Pool, machine: InstanceType) -> Iterator[Finding]:
    """Yield a driver without support for GPUs before Turing: an open kernel module, or a branch after 580."""
    if machine.gpu not in BEFORE_TURING:
        return
    where: KeyPath = (*pool.where, "node_config")
    sources = [str(document.get(*where, "disks", 0, "initializeParams", "sourceImage"))]
    sources += document.strings("initialization_commands")
    numbers = [int(number) for source in sources for number in DRIVER.findall(source)]
    opened = OPEN_MODULE.search(" ".join(sources))
    named = OPEN_MODULE.search("\n".join(re.findall(r"(?m)#.*$", document.text)))
    if opened or named or any(number > LAST_BEFORE_TURING for number in numbers):
        what = (opened or named or [f"the driver {max(numbers, default=0)}"])[0]
        reason = f"{what} does not support GPUs before Turing, such as the {machine.gpu} of {machine.name}"
        if opened is None and named is not None:
            reason = f"the image in a comment, {reason}"
        remedy = "use an image with a proprietary driver of at most 580, or newer GPUs, such as T4 or L4"
        yield finding(document, "RTS908", where, reason, remedy, severity="warning" if named and not opened else None)


def cuda_versions(document: ClusterDocument, pool: Pool) -> Iterator[tuple[KeyPath, str, float]]:
    """Yield the CUDA versions of a pool's container and of the wheels that commands install; 0 for none."""
    where, image = image_of(document, pool)
    match = TAG_CUDA.search(image)
    if match is not None:
        yield where, image, float(f"{match[1] or match[3]}.{match[2] or match[4]}")
    for key in ("setup_commands", "head_setup_commands" if pool.head else "worker_setup_commands"):
        for index, text in enumerate(document.strings(key)):
            for wheel in WHEEL_CUDA.findall(text):
                version = 0.0 if wheel == "cpu" else float(f"{wheel[2:4]}.{wheel[4]}")
                yield (key, index), f"the build of PyTorch from whl/{wheel}", version


def driver_of(document: ClusterDocument, pool: Pool) -> tuple[str, float] | None:
    """Return what gives a machine its GPU driver, with the newest CUDA version of that driver; None if unknown."""
    sources = document.strings("initialization_commands")
    disks: KeyPath = (*pool.where, "node_config", "disks")
    for index in range(len(document.entries(*disks))):
        sources.append(str(document.get(*disks, index, "initializeParams", "sourceImage")))
    for source in sources:
        driver = DRIVER.search(source)
        if driver is not None:
            number = int(driver[1])
            return f"the driver {number}", max(cuda for least, cuda in CUDA_OF_DRIVER.items() if least <= number)
        toolkit = re.search(r"-cu(\d{2})(\d)", source)
        if toolkit is not None:
            return f"the machine's image {source.rpartition('/')[2]}", float(f"{toolkit[1]}.{toolkit[2]}")
    return None
