"""The pools of machines that a cluster file describes, for any provider."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.instance_types import instance_type_of, with_accelerators
from raytune_suite.cluster.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.instance_types import InstanceType

KUBERAY = ("RayCluster", "RayJob", "RayService", "RayCronJob")
"""The kinds of KubeRay manifests."""

INSTANCE_KEY = {
    "aws": ("node_config", "InstanceType"),
    "gcp": ("node_config", "machineType"),
    "azure": ("node_config", "azure_arm_parameters", "vmSize"),
}
"""Where a node type names its instance type, by cloud."""

RUN_OPTIONS = ("run_options", "head_run_options", "worker_run_options")
"""The keys under `docker` with options of `docker run`."""

GPU_RESOURCE = re.compile(r"(nvidia|amd)\.com/(gpu|mig-.+)")
"""The name of a GPU resource in Kubernetes."""


@dataclass(frozen=True)
class Pool:
    """A pool of machines of the same kind.

    Attributes:
        name: The node type, or the name of a KubeRay group.
        where: Its key path in the file.
        head: Whether it is the head node.
        spot: Whether its machines may be reclaimed.
        min_machines: The fewest machines.
        max_machines: The most machines.
        cpus: The CPUs that Ray offers on each machine; None if only the machine itself knows.
        gpus: The GPUs that Ray offers on each machine; None if only the machine itself knows.
        instance_type_name: The cloud's name of the machine, None without a cloud.
        instance_type: Its entry in the table of instance types, None if there is none.
    """

    name: str
    where: KeyPath
    head: bool
    spot: bool
    min_machines: int
    max_machines: int
    cpus: float | None
    gpus: float | None
    instance_type_name: str | None = None
    instance_type: InstanceType | None = None

    @property
    def price(self) -> float | None:
        """US dollars per hour of each machine, None if unknown."""
        if self.instance_type is None:
            return None
        return self.instance_type.spot if self.spot else self.instance_type.price


def is_kuberay(document: ClusterDocument) -> bool:
    """Return whether a document is a KubeRay manifest."""
    return str(document.get("apiVersion", default="")).startswith("ray.io/") and document.get("kind") in KUBERAY


def is_plain_manifest(document: ClusterDocument) -> bool:
    """Return whether a document is a Kubernetes manifest unrelated to Ray, such as that of a volume."""
    version = str(document.get("apiVersion", default=""))
    return bool(version) and not version.startswith("ray.io/")


def cluster_of(documents: list[ClusterDocument]) -> ClusterDocument:
    """Return the document that describes the cluster: the KubeRay manifest if there is one, else the first document."""
    return next(filter(is_kuberay, documents), documents[0])


def provider(document: ClusterDocument) -> str:
    """Return the provider's name: "aws", "local", ..., "kuberay"; "" if there is none."""
    return "kuberay" if is_kuberay(document) else str(document.get("provider", "type", default=""))


def pools(document: ClusterDocument) -> list[Pool]:
    """Return all pools, including the head's."""
    if is_kuberay(document):
        return kuberay_pools(document)
    if provider(document) == "local":
        return local_pools(document)
    types = document.mapping("available_node_types")
    return [node_type(document, name) for name in types if isinstance(types[name], dict)]


def as_count(value: Any, otherwise: int) -> int:
    """Return `value` if it is an integer, else `otherwise`."""
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def as_amount(value: Any) -> float | None:
    """Return `value` as a float if it is a number, else None."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def node_type(document: ClusterDocument, name: str) -> Pool:
    """Return the pool of a node type of `ray up`."""
    where: KeyPath = ("available_node_types", name)
    cloud = provider(document)
    head = name == document.get("head_node_type")
    limit = 0 if head else as_count(document.get("max_workers"), 2)  # 2 is Ray's default
    kind = document.get(*where, *INSTANCE_KEY[cloud]) if cloud in INSTANCE_KEY else None
    instance = None if kind is None else instance_type_of(cloud, str(kind).rpartition("/")[2])
    if instance is not None and cloud == "gcp":
        instance = with_accelerators(instance, dicts(document.entries(*where, "node_config", "guestAccelerators")))
    offered = document.mapping(*where, "resources")
    cpus, gpus = as_amount(offered.get("CPU")), as_amount(offered.get("GPU"))
    if instance is not None:
        cpus = float(instance.cpus) if cpus is None else cpus
        if gpus is None and cloud == "aws" and not offered:  # Ray asks EC2 what such a machine has
            gpus = float(instance.gpus)
    known = bool(offered) or instance is not None
    return Pool(
        name=name,
        where=where,
        head=head,
        spot=is_spot(document, (*where, "node_config")),
        min_machines=as_count(document.get(*where, "min_workers"), 0),
        max_machines=as_count(document.get(*where, "max_workers"), limit),
        cpus=cpus,
        gpus=0.0 if gpus is None and known else gpus,
        instance_type_name=None if kind is None else str(kind),
        instance_type=instance,
    )


def dicts(entries: list[Any]) -> list[dict[str, Any]]:
    """Return the entries of a list that are mappings."""
    return [entry for entry in entries if isinstance(entry, dict)]


def is_spot(document: ClusterDocument, where: KeyPath) -> bool:
    """Return whether machines with the node_config at a key path may be reclaimed."""
    cloud = provider(document)
    if cloud == "aws":
        return bool(document.get(*where, "InstanceMarketOptions", "MarketType") == "spot")
    if cloud == "gcp":
        given = document.get(*where, "scheduling")
        settings = dicts(given if isinstance(given, list) else [given])
        return any(one.get("preemptible") or one.get("provisioningModel") == "SPOT" for one in settings)
    return cloud == "azure" and str(document.get(*where, "azure_arm_parameters", "priority")).lower() == "spot"


def flag(commands: list[str], name: str) -> str | None:
    """Return the value of the option `name` of `ray start` in a list of commands, None if it is missing.

    Example:
        >>> flag(["ulimit -n 65536; ray start --head --num-cpus=0"], "--num-cpus")
        '0'
    """
    for command in commands:
        match = re.search(rf"ray start\b.*{name}[= ]+([^\s;&|]+)", command, re.DOTALL)
        if match:
            return match[1]
    return None


def local_pools(document: ClusterDocument) -> list[Pool]:
    """Return the pools of the provider `local`, whose resources are only known from the start commands."""
    start = document.strings("worker_start_ray_commands")
    addresses = document.entries("provider", "worker_ips")
    offered = [flag(start, option) for option in ("--num-cpus", "--num-gpus")]
    cpus, gpus = (None if value is None or not value.isdecimal() else float(value) for value in offered)
    if document.get("provider", "coordinator_address"):  # only the coordinator knows the hosts
        most = as_count(document.get("max_workers"), 0)
        least = as_count(document.get("min_workers"), 0)
    else:
        most = min(as_count(document.get("max_workers"), len(addresses)), len(addresses))
        least = as_count(document.get("min_workers"), most)
    return [
        Pool("head", ("provider", "head_ip"), head=True, spot=False, min_machines=0, max_machines=0, cpus=0, gpus=0),
        Pool(
            "workers",
            ("provider",),
            head=False,
            spot=False,
            min_machines=least,
            max_machines=most,
            cpus=cpus,
            gpus=gpus,
        ),
    ]


def cluster_spec(document: ClusterDocument) -> KeyPath:
    """Return the key path of a KubeRay manifest's cluster specification."""
    return {
        "RayCluster": ("spec",),
        "RayJob": ("spec", "rayClusterSpec"),
        "RayService": ("spec", "rayClusterConfig"),
        "RayCronJob": ("spec", "jobTemplate", "rayClusterSpec"),
    }[document.get("kind")]


def kuberay_pools(document: ClusterDocument) -> list[Pool]:
    """Return the head group and the worker groups of a KubeRay manifest."""
    top = cluster_spec(document)
    places: list[KeyPath] = [(*top, "headGroupSpec")]
    groups = document.entries(*top, "workerGroupSpecs")
    places += [(*top, "workerGroupSpecs", index) for index in range(len(groups))]
    result = []
    for where in places:
        if not isinstance(document.get(*where), dict):
            continue
        head = where[-1] == "headGroupSpec"
        given = document.mapping(*where, "rayStartParams")
        limits = container_amounts(document, (*where, "template", "spec", "containers", 0))
        gpus = sum(gpu_devices(limits).values())
        offered = document.mapping(*where, "resources")
        cpus = given.get("num-cpus", offered.get("CPU", limits.get("cpu")))
        selector = document.mapping(*where, "template", "spec", "nodeSelector")
        hosts = as_count(document.get(*where, "numOfHosts"), 1)
        most = as_count(document.get(*where, "maxReplicas"), as_count(document.get(*where, "replicas"), 1)) * hosts
        result.append(
            Pool(
                name="head" if head else str(document.get(*where, "groupName", default=where[-1])),
                where=where,
                head=head,
                spot=any(selects_spot(str(key), str(value)) for key, value in selector.items()),
                min_machines=as_count(document.get(*where, "minReplicas"), 0) * hosts,
                max_machines=0 if head else most,
                cpus=None if cpus is None else quantity(cpus),
                gpus=quantity(given.get("num-gpus", offered.get("GPU", gpus))) or 0.0,
            )
        )
    return result


def container_amounts(document: ClusterDocument, container: KeyPath) -> dict[Any, Any]:
    """Return the limits of a container by resource, and its requests where it has no limit."""
    resources = (*container, "resources")
    return {**document.mapping(*resources, "requests"), **document.mapping(*resources, "limits")}


def gpu_devices(amounts: Mapping[Any, Any]) -> dict[str, float]:
    """Return how many GPUs there are of each kind among a container's resources."""
    return {str(name): quantity(value) or 0 for name, value in amounts.items() if GPU_RESOURCE.fullmatch(str(name))}


def selects_spot(label: str, value: str) -> bool:
    """Return whether a node selector selects nodes that may be reclaimed, by the labels that clouds use.

    Example:
        >>> selects_spot("cloud.google.com/gke-spot", "true"), selects_spot("karpenter.sh/capacity-type", "on-demand")
        (True, False)
    """
    return value.lower() == "spot" or ("spot" in label and value.lower() == "true")
