"""The pools of machines that a cluster file describes, whatever its provider."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.instance_types import machines, with_accelerators
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from raytune_suite.cluster.document import Document, Where
    from raytune_suite.cluster.instance_types import Machine

KUBERAY = ("RayCluster", "RayJob", "RayService", "RayCronJob")
"""The kinds of KubeRay's manifests."""

INSTANCE_KEY = {
    "aws": ("node_config", "InstanceType"),
    "gcp": ("node_config", "machineType"),
    "azure": ("node_config", "azure_arm_parameters", "vmSize"),
}
"""Where a node type says which machine it is, for each cloud."""

GPU_RESOURCE = re.compile(r"(nvidia|amd)\.com/(gpu|mig-.+)")
"""What Kubernetes calls a GPU."""

MEMORY_UNITS = {"Ki": 2**-20, "Mi": 2**-10, "Gi": 1.0, "Ti": 2.0**10}


@dataclass(frozen=True)
class Pool:
    """Machines of one kind.

    Attributes:
        name: The node type, or KubeRay's group.
        where: Where it stands in the file.
        head: Whether it is the head.
        spot: Whether these machines may be reclaimed.
        least: Fewest machines.
        most: Most machines.
        cpus: The CPUs that Ray offers on each; None if only the machine itself knows.
        gpus: The same for GPUs.
        machine_name: The cloud's name of the machine, None if there is no cloud.
        machine: What the table knows about it.
    """

    name: str
    where: Where
    head: bool
    spot: bool
    least: int
    most: int
    cpus: float | None
    gpus: float | None
    machine_name: str | None = None
    machine: Machine | None = None

    @property
    def price(self) -> float | None:
        """US dollars per hour of each, None if unknown."""
        if self.machine is None:
            return None
        return self.machine.spot if self.spot else self.machine.price


def is_kuberay(document: Document) -> bool:
    """Whether a document is a manifest of KubeRay's."""
    return str(document.get("apiVersion", default="")).startswith("ray.io/") and document.get("kind") in KUBERAY


def is_plain_manifest(document: Document) -> bool:
    """Whether a document is a manifest that says nothing of Ray, such as a volume's."""
    version = str(document.get("apiVersion", default=""))
    return bool(version) and not version.startswith("ray.io/")


def cluster_of(documents: list[Document]) -> Document:
    """The document that describes a cluster: KubeRay's of several manifests, the first otherwise."""
    return next(filter(is_kuberay, documents), documents[0])


def provider(document: Document) -> str:
    """The provider's name: "aws", "local", ..., "kuberay"; "" if there is none."""
    return "kuberay" if is_kuberay(document) else str(document.get("provider", "type", default=""))


def pools(document: Document) -> list[Pool]:
    """All pools, the head's too."""
    if is_kuberay(document):
        return kuberay_pools(document)
    if provider(document) == "local":
        return local_pools(document)
    types = document.mapping("available_node_types")
    return [node_type(document, name) for name in types if isinstance(types[name], dict)]


def as_count(value: Any, otherwise: int) -> int:
    """A number of machines; `otherwise` where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def as_amount(value: Any) -> float | None:
    """A number, None where it is none."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def node_type(document: Document, name: str) -> Pool:
    """The pool of a node type of `ray up`."""
    where: Where = ("available_node_types", name)
    cloud = provider(document)
    head = name == document.get("head_node_type")
    limit = 0 if head else as_count(document.get("max_workers"), 2)  # 2 is Ray's default
    kind = document.get(*where, *INSTANCE_KEY[cloud]) if cloud in INSTANCE_KEY else None
    machine = machines(cloud).get(str(kind).rpartition("/")[2])
    if machine is not None and cloud == "gcp":
        machine = with_accelerators(machine, dicts(document.entries(*where, "node_config", "guestAccelerators")))
    offered = document.mapping(*where, "resources")
    cpus, gpus = as_amount(offered.get("CPU")), as_amount(offered.get("GPU"))
    if machine is not None:
        cpus = float(machine.cpus) if cpus is None else cpus
        if gpus is None and cloud == "aws" and not offered:  # Ray asks EC2 what such a machine has
            gpus = float(machine.gpus)
    known = bool(offered) or machine is not None
    return Pool(
        name=name,
        where=where,
        head=head,
        spot=is_spot(document, (*where, "node_config")),
        least=as_count(document.get(*where, "min_workers"), 0),
        most=as_count(document.get(*where, "max_workers"), limit),
        cpus=cpus,
        gpus=0.0 if gpus is None and known else gpus,
        machine_name=None if kind is None else str(kind),
        machine=machine,
    )


def dicts(entries: list[Any]) -> list[dict[str, Any]]:
    """Those entries of a list that are mappings."""
    return [entry for entry in entries if isinstance(entry, dict)]


def is_spot(document: Document, where: Where) -> bool:
    """Whether machines of the node_config at a place may be reclaimed."""
    cloud = provider(document)
    if cloud == "aws":
        return bool(document.get(*where, "InstanceMarketOptions", "MarketType") == "spot")
    if cloud == "gcp":
        given = document.get(*where, "scheduling")
        settings = dicts(given if isinstance(given, list) else [given])
        return any(one.get("preemptible") or one.get("provisioningModel") == "SPOT" for one in settings)
    return cloud == "azure" and str(document.get(*where, "azure_arm_parameters", "priority")).lower() == "spot"


def flag(commands: list[str], name: str) -> str | None:
    """The value of `ray start`'s option `name` in a list of commands, None if it is not given.

    Example:
        >>> flag(["ulimit -n 65536; ray start --head --num-cpus=0"], "--num-cpus")
        '0'
    """
    for command in commands:
        found = re.search(rf"ray start\b.*{name}[= ]+([^\s;&|]+)", command, re.DOTALL)
        if found:
            return found[1]
    return None


def local_pools(document: Document) -> list[Pool]:
    """The head and the workers of machines of one's own; only their start commands say what they offer."""
    start = document.strings("worker_start_ray_commands")
    addresses = document.entries("provider", "worker_ips")
    offered = [flag(start, option) for option in ("--num-cpus", "--num-gpus")]
    cpus, gpus = (None if value is None or not value.isdecimal() else float(value) for value in offered)
    if document.get("provider", "coordinator_address"):  # it knows the hosts, and gives as many as are wanted
        most = as_count(document.get("max_workers"), 0)
        least = as_count(document.get("min_workers"), 0)
    else:
        most = min(as_count(document.get("max_workers"), len(addresses)), len(addresses))
        least = as_count(document.get("min_workers"), most)
    return [
        Pool("head", ("provider", "head_ip"), head=True, spot=False, least=0, most=0, cpus=0, gpus=0),
        Pool("workers", ("provider",), head=False, spot=False, least=least, most=most, cpus=cpus, gpus=gpus),
    ]


def cluster_spec(document: Document) -> Where:
    """Where a manifest of KubeRay's describes its cluster."""
    return {
        "RayCluster": ("spec",),
        "RayJob": ("spec", "rayClusterSpec"),
        "RayService": ("spec", "rayClusterConfig"),
        "RayCronJob": ("spec", "jobTemplate", "rayClusterSpec"),
    }[document.get("kind")]


def kuberay_pools(document: Document) -> list[Pool]:
    """The head's group and the workers' groups of a manifest."""
    top = cluster_spec(document)
    places: list[Where] = [(*top, "headGroupSpec")]
    groups = document.entries(*top, "workerGroupSpecs")
    places += [(*top, "workerGroupSpecs", index) for index in range(len(groups))]
    found = []
    for where in places:
        if not isinstance(document.get(*where), dict):
            continue
        head = where[-1] == "headGroupSpec"
        given = document.mapping(*where, "rayStartParams")
        container = (*where, "template", "spec", "containers", 0, "resources")
        limits = {
            **document.mapping(*container, "requests"),
            **document.mapping(*container, "limits"),
        }
        gpus = sum(quantity(value) for name, value in limits.items() if GPU_RESOURCE.fullmatch(name))
        cpus = given.get("num-cpus", limits.get("cpu"))
        selector = document.mapping(*where, "template", "spec", "nodeSelector")
        hosts = as_count(document.get(*where, "numOfHosts"), 1)
        most = as_count(document.get(*where, "maxReplicas"), as_count(document.get(*where, "replicas"), 1)) * hosts
        found.append(
            Pool(
                name="head" if head else str(document.get(*where, "groupName", default=where[-1])),
                where=where,
                head=head,
                spot=any(selects_spot(str(key), str(value)) for key, value in selector.items()),
                least=as_count(document.get(*where, "minReplicas"), 0) * hosts,
                most=0 if head else most,
                cpus=None if cpus is None else quantity(cpus),
                gpus=quantity(given.get("num-gpus", gpus)),
            )
        )
    return found


def selects_spot(label: str, value: str) -> bool:
    """Whether a node selector asks for nodes that may be reclaimed, with the labels that the clouds use.

    Example:
        >>> selects_spot("cloud.google.com/gke-spot", "true"), selects_spot("karpenter.sh/capacity-type", "on-demand")
        (True, False)
    """
    return value.lower() == "spot" or ("spot" in label and value.lower() == "true")


def quantity(text: Any) -> float:
    """A quantity of Kubernetes as a number; memory in GiB.

    Raises:
        ArgumentError: If it is none.

    Example:
        >>> quantity("500m"), quantity("8"), quantity("16Gi"), quantity("512Mi")
        (0.5, 8.0, 16.0, 0.5)
    """
    value = str(text)
    try:
        if value.endswith("m"):
            return float(value[:-1]) / 1000
        if value[-2:] in MEMORY_UNITS:
            return float(value[:-2]) * MEMORY_UNITS[value[-2:]]
        return float(value)
    except ValueError:
        raise ArgumentError(f"{value!r} is no quantity of Kubernetes: write 8, 500m or 16Gi") from None
