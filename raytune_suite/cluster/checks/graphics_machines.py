"""Check machines whose GPUs have no CUDA, or need the driver for virtual GPUs instead of the usual one.

Sources: Azure/azhpc-extensions (Nvidia-GPU-Linux-Resources.json, 2024-12) and Azure/AgentBaker#7986 for the sizes with
an A10, learn.microsoft.com/azure/virtual-machines/sizes for those with GPUs of AMD; EC2 user guide, "Accelerated
computing".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.containers import image_of
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import INSTANCE_KEY, provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

OF_AMD = {
    "azure": r"Standard_(NV\d+as_v4|NG\d+ad?m?s_V620_v1|ND\d+isr_MI300X_v5)",
    "aws": r"g4ad\..*",
}
VIRTUAL = {
    "azure": r"Standard_(NV\d+adm?s_A10_v5|NC\d+ads_A10_v4)",
    "aws": r"(g6f|gr6f)\..*",
}
"""Machines with GPUs of AMD, and those with a virtual or partial GPU of NVIDIA, by cloud."""

PARTIAL = r"Standard_NV(6|12|18)ads_A10_v5"
"""Sizes with a part of a GPU, for which there is no other driver."""

GRID = re.compile(r"grid|vgpu|NvidiaGpuDriverLinux", re.IGNORECASE)


def check(document: ClusterDocument, pool: Pool) -> Iterator[Finding]:
    """Yield a machine whose GPUs the container's CUDA or the image's driver cannot use."""
    cloud = provider(document)
    where: KeyPath = (*pool.where, *INSTANCE_KEY[cloud])
    name = str(document.get(*where))
    _, image = image_of(document, pool)
    if re.fullmatch(OF_AMD.get(cloud, "$^"), name, re.IGNORECASE) and re.search(r"-gpu\b|-cu\d|cuda", image):
        if pool.instance_type is None:  # others are compared with the table
            reason = f"{image} is for GPUs of NVIDIA, but {name} has GPUs of AMD"
            yield finding(document, "RTS303", where, reason, "use a machine with GPUs of NVIDIA")
    elif re.fullmatch(VIRTUAL.get(cloud, "$^"), name, re.IGNORECASE):
        texts = [*document.strings("initialization_commands"), str(document.get(*pool.where))]
        if not any(GRID.search(text) for text in texts):
            reason = (
                f"{name} has a virtual GPU, for which the usual CUDA driver does not work: it needs the GRID driver"
            )
            remedy = "install that driver in `initialization_commands`, or use a machine with whole GPUs"
            certain = cloud == "azure" and re.fullmatch(PARTIAL, name, re.IGNORECASE) is not None
            yield finding(document, "RTS907", where, reason, remedy, severity=None if certain else "warning")
