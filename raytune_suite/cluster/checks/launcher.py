"""The file as a whole: Ray's schema and validation, keys that nobody reads, how to log in, and what a cloud needs."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
import ipaddress
import json
import re
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import provider
from raytune_suite.engines.ray import internals
from raytune_suite.errors import near

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import Document, Where

PROVIDERS = ("aws", "azure", "external", "gcp", "local", "spark", "vsphere")
"""What Ray 2.60 starts; aliyun's module fails when it is imported, and kubernetes has given way to KubeRay."""

ALL_PROVIDERS = ("type", "cache_stopped_nodes", "use_internal_ips", "use_external_head_ip", "disable_node_updaters")
PROVIDER_KEYS: dict[str, tuple[str, ...]] = {
    "aws": ("region", "availability_zone", "aws_credentials", "key_pair", "security_group", "cloudwatch"),
    "gcp": ("region", "availability_zone", "project_id", "gcp_credentials"),
    "azure": (
        *("location", "resource_group", "subscription_id", "availability_zone", "tags", "msi_name"),
        *("msi_resource_group", "nsg", "subnet", "subnet_mask", "subnet_id", "unique_id"),
    ),
    "local": ("head_ip", "external_head_ip", "worker_ips", "coordinator_address"),
}
"""What each provider's code reads (of Ray 2.60), besides what all read."""

CHECKS_OFF = ("disable_launch_config_check", "foreground_node_launch", "worker_liveness_check", "launch_multiple")
"""Keys for tests of Ray's own, which any provider may have."""

NODE_CONFIG_KEYS: dict[str, tuple[str, ...]] = {
    "aws": (
        *("ImageId", "InstanceType", "KeyName", "SecurityGroupIds", "SecurityGroups", "SubnetId", "SubnetIds"),
        *("IamInstanceProfile", "InstanceMarketOptions", "BlockDeviceMappings", "NetworkInterfaces", "Placement"),
        *("TagSpecifications", "UserData", "LaunchTemplate", "MetadataOptions", "CpuOptions", "EbsOptimized"),
        *("CapacityReservationSpecification", "CreditSpecification", "Monitoring", "MinCount", "MaxCount"),
        *("InstanceInitiatedShutdownBehavior", "DisableApiTermination", "PrivateIpAddress", "EnclaveOptions"),
        *("PrivateDnsNameOptions", "MaintenanceOptions", "HibernationOptions", "LicenseSpecifications"),
        *("Ipv6AddressCount", "Ipv6Addresses", "NetworkPerformanceOptions", "EnablePrimaryIpv6", "DisableApiStop"),
        *("AdditionalInfo", "KernelId", "RamdiskId", "SecondaryInterfaces"),
        *("ElasticGpuSpecification", "ElasticInferenceAccelerators"),
    ),
    "gcp": (
        *("machineType", "disks", "guestAccelerators", "scheduling", "metadata", "networkInterfaces"),
        *("serviceAccounts", "labels", "tags", "minCpuPlatform", "reservationAffinity", "canIpForward"),
        *("acceleratorType", "acceleratorConfig", "runtimeVersion", "schedulingConfig", "networkConfig"),
        *("sourceMachineImage", "sourceInstanceTemplate", "shieldedInstanceConfig", "resourcePolicies", "params"),
        *("advancedMachineFeatures", "confidentialInstanceConfig", "deletionProtection", "hostname", "description"),
    ),
    "azure": ("azure_arm_parameters", "azure_arm_template", "tags"),
}
"""What a node_config may say: the arguments of the cloud's own call."""

ARM_PARAMETERS = (
    *("adminUsername", "publicKey", "imagePublisher", "imageOffer", "imageSku", "imageVersion", "imageId", "vmSize"),
    *("osDiskSize", "priority", "evictionPolicy", "billingProfile", "enableAcceleratedNetworking", "zones"),
    "availability_zone",
)
"""The parameters of Ray's template for Azure that a file may set."""

PLACES = {"aws": ("region",), "gcp": ("region", "availability_zone"), "azure": ("location",)}
"""What a provider must say of where its machines are: without it Ray ends with a KeyError."""

MISSING = re.compile(r"\bYOUR-[A-Z-]+")
"""How our files write a value that only the reader knows."""


def check(document: Document) -> Iterator[Finding]:
    """What is wrong with a file for `ray up` as a whole, beyond its schema."""
    yield from repeated_keys(document)
    yield from missing_values(document)
    yield from provider_keys(document)
    yield from node_config_keys(document)
    yield from access(document)
    yield from clouds(document)
    yield from amazon(document)
    yield from addresses(document)


def schema(document: Document) -> Iterator[Finding]:
    """Ray's JSON schema, with the nearest known key where one is unknown."""
    rules = json.loads(resources.files("ray.autoscaler").joinpath("ray-schema.json").read_text(encoding="utf-8"))
    if provider(document) == "local":  # Ray takes it away before it looks
        rules["properties"]["min_workers"] = rules["properties"]["max_workers"]
    for error in import_module("jsonschema").Draft7Validator(rules).iter_errors(document.data):
        yield from schema_error(document, (), error)


def schema_error(document: Document, top: Where, error: Any) -> Iterator[Finding]:
    """One error of jsonschema's as findings: unknown keys one by one, all else as it says."""
    where: Where = (*top, *error.absolute_path)
    known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        for key in error.instance:
            if key not in known:
                yield unknown_key(document, (*where, key), known)
        return
    message = " ".join(error.message.split())
    yield finding(document, "RTS101", where, message[:200], "give it the form that the schema wants")


def unknown_key(document: Document, where: Where, known: Collection[str]) -> Finding:
    """A key that nobody reads."""
    reason = f"nobody reads `{where[-1]}`{near(str(where[-1]), sorted(known))}"
    return finding(document, "RTS103", where, reason, "correct the name, or remove it")


def repeated_keys(document: Document) -> Iterator[Finding]:
    """A key that stands twice: the first is lost, silently."""
    for where, line in document.duplicates():
        found = finding(document, "RTS102", where, f"`{where[-1]}` is given twice, the first is lost", "remove one")
        yield dataclasses.replace(found, line=line)


def missing_values(document: Document) -> Iterator[Finding]:
    """What only the reader knows, and has not written yet."""
    told = set()
    for where, text in document.scalars():
        for value in sorted(set(MISSING.findall(text))):
            if (value, document.value_line(where)) in told:  # an alias of a value that was told
                continue
            told.add((value, document.value_line(where)))
            remedy = "write your own value, see the comment there, or `raytune-suite cluster render`"
            yield finding(document, "RTS106", where, f"{value} stands for a value of yours", remedy)


def provider_keys(document: Document) -> Iterator[Finding]:
    """The provider's name, and its keys."""
    name = provider(document)
    if name and name not in PROVIDERS:
        remedy = f"use one of {', '.join(PROVIDERS)}; on Kubernetes write a manifest for KubeRay, see clusters/kuberay"
        yield finding(document, "RTS104", ("provider", "type"), f"unknown provider {name!r}", remedy)
    if name in PROVIDER_KEYS:
        known = (*ALL_PROVIDERS, *PROVIDER_KEYS[name], *CHECKS_OFF)
        for key in document.mapping("provider"):
            if key not in known:
                yield unknown_key(document, ("provider", key), known)


def node_config_keys(document: Document) -> Iterator[Finding]:
    """The keys of each node type's node_config, which Ray hands to the cloud as they are."""
    cloud = provider(document)
    known = NODE_CONFIG_KEYS.get(cloud)
    for name in document.mapping("available_node_types") if known else ():
        where: Where = ("available_node_types", name, "node_config")
        for key in document.mapping(*where):
            if key not in (known or ()):
                yield unknown_key(document, (*where, key), known or ())
        for key in document.mapping(*where, "azure_arm_parameters") if cloud == "azure" else ():
            if key not in ARM_PARAMETERS:
                yield unknown_key(document, (*where, "azure_arm_parameters", key), ARM_PARAMETERS)


def access(document: Document) -> Iterator[Finding]:
    """How one logs in, and what a login may do."""
    cloud = provider(document)
    user, private = document.get("auth", "ssh_user"), document.get("auth", "ssh_private_key")
    by_default = cloud != "local" and document.get("auth") is None  # then the whole of Ray's `auth` is taken
    if cloud in ("local", "aws", "gcp", "azure", "vsphere") and not user and not by_default:
        remedy = "write `auth: {ssh_user: ...}`, the account on the machines"
        yield finding(document, "RTS601", ("auth",), "no `ssh_user` says who logs in", remedy)
    if cloud == "local" and not private:
        reason = "no `ssh_private_key`: the head must have a key of its own that opens the workers"
        remedy = "write `ssh_private_key: ~/.ssh/...`; a cloud's key is made by Ray, that of your own hosts is not"
        yield finding(document, "RTS601", ("auth",), reason, remedy, severity="warning")
    public = document.get("auth", "ssh_public_key")
    if cloud == "azure" and bool(private) != bool(public):
        given, lacking = ("ssh_private_key", "ssh_public_key") if private else ("ssh_public_key", "ssh_private_key")
        remedy = "give both, or none: then Ray makes a pair"
        yield finding(document, "RTS601", ("auth",), f"`{given}` is given without `{lacking}`", remedy)
    for key in ("ssh_private_key", "ssh_public_key"):
        value = document.get("auth", key)
        if value and not Path(str(value)).expanduser().is_file():
            remedy = "make it (`ssh-keygen -t ed25519`), or run this where the key is"
            yield finding(document, "RTS602", ("auth", key), f"there is no {value}", remedy)


def clouds(document: Document) -> Iterator[Finding]:
    """What single clouds need."""
    cloud, where = provider(document), ("provider",)
    region, zones = document.get("provider", "region"), document.get("provider", "availability_zone")
    if cloud in ("aws", "gcp") and region and zones:
        for zone in str(zones).replace(" ", "").split(","):
            if not re.fullmatch(re.escape(str(region)) + ("[a-z]" if cloud == "aws" else "-[a-z]"), zone):
                remedy = f"name a zone of {region}, such as {region}{'a' if cloud == 'aws' else '-a'}"
                reason = f"zone {zone!r} is not in region {region!r}"
                yield finding(document, "RTS606", (*where, "availability_zone"), reason, remedy)
    for key in PLACES.get(cloud, ()):
        if not document.get("provider", key):
            yield finding(document, "RTS607", where, f"no `{key}` says where", f"write `{key}: ...` under `provider`")
    if cloud == "gcp" and not document.get("provider", "project_id"):
        yield finding(document, "RTS607", where, "no `project_id` says who pays", "`gcloud projects list` shows yours")
    if cloud == "azure" and not document.get("provider", "resource_group"):
        yield finding(document, "RTS607", where, "no `resource_group` holds the machines", "name one; Ray makes it")


def amazon(document: Document) -> Iterator[Finding]:
    """What a cluster on EC2 opens, and how it rents machines."""
    if provider(document) != "aws":
        return
    types = document.mapping("available_node_types")
    for name in types:
        given = document.mapping("available_node_types", name, "node_config")
        if not any(key in given for key in ("SecurityGroupIds", "NetworkInterfaces", "LaunchTemplate")):
            reason = f"{name} gets a security group of Ray's, whose port 22 is open to all addresses"
            remedy = (
                "make a group that lets in ssh from your address and all from itself, and write "
                "`SecurityGroupIds: [sg-...]`; rules of `security_group` are added to Ray's own and close nothing"
            )
            yield finding(document, "RTS603", ("available_node_types", name, "node_config"), reason, remedy)
    if not in_node_configs(document, "IamInstanceProfile"):
        remedy = "write `IamInstanceProfile: {Arn: ...}` with a role of yours into the head's node_config"
        reason = "without `IamInstanceProfile` Ray makes a role with all rights to EC2 and S3"
        yield finding(document, "RTS604", ("available_node_types",), reason, remedy)
    for name in types:
        place: Where = ("available_node_types", name, "node_config", "InstanceMarketOptions", "MarketType")
        market = document.get(*place)
        if market not in (None, "spot", "capacity-block"):
            reason = f"MarketType {market!r} is not one of EC2's"
            yield finding(document, "RTS608", place, reason, "write `spot`, or leave it out")


def in_node_configs(document: Document, key: str) -> bool:
    """Whether some node type's node_config has a key."""
    types = document.mapping("available_node_types")
    return any(key in document.mapping("available_node_types", name, "node_config") for name in types)


def addresses(document: Document) -> Iterator[Finding]:
    """The hosts of one's own cluster."""
    if provider(document) != "local" or document.get("provider", "coordinator_address"):
        return
    head, workers = document.get("provider", "head_ip"), document.entries("provider", "worker_ips")
    places: list[tuple[Where, Any]] = [(("provider", "head_ip"), head)]
    places += [(("provider", "worker_ips", index), worker) for index, worker in enumerate(workers)]
    for where, address in places:
        if not is_host(str(address)):
            reason = f"{address!r} is neither an address nor a host's name"
            yield finding(document, "RTS605", where, reason, "write an address such as 192.168.1.10")
    for index, worker in enumerate(workers):
        if worker == head or worker in workers[:index]:
            what = "the head" if worker == head else "another worker"
            reason = f"{worker} is {what} already"
            yield finding(document, "RTS605", ("provider", "worker_ips", index), reason, "list each host once")


def is_host(text: str) -> bool:
    """Whether a text can be an address or the name of a host.

    Example:
        >>> is_host("192.168.1.10"), is_host("192.168.1.300"), is_host("node-1.lab"), is_host("10.0.0")
        (True, False, True, False)
    """
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    named = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*", text)
    return named is not None and re.search("[A-Za-z]", text) is not None


def validation(document: Document) -> Iterator[Finding]:
    """What `ray up` itself would refuse, after the defaults are filled in; it starts nothing."""
    told = io.StringIO()
    try:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            internals.validate_cluster_config(copy.deepcopy(document.data))
    except Exception as error:  # noqa: BLE001 - it raises what it likes, down to AssertionError
        reason = " ".join((str(error) or told.getvalue() or type(error).__name__).split())
        yield finding(document, "RTS105", (), f"Ray refuses this file: {reason[:200]}", "correct what it names")
