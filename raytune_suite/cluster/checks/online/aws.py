"""Ask AWS itself about a file: whether its images, groups, subnets and keys exist, and whether it would launch.

Nothing is started: requests only describe things, or are dry runs. Credentials are those that boto3 finds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.api_schema import PLACEHOLDER
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

QUOTAS = {
    ("standard", False): "L-1216C47A",
    ("standard", True): "L-34B43A08",
    ("g", False): "L-DB2E81BA",
    ("g", True): "L-3819A6DF",
    ("p4", False): "L-417A185B",
    ("p4", True): "L-7212CCBC",
    ("p5", False): "L-417A185B",
    ("p5", True): "L-C4BD4855",
}
"""EC2's quotas of virtual CPUs, by family and by whether machines are spot (docs.aws.amazon.com, EC2 quotas)."""

SUCCESS = "DryRunOperation"
"""The error code with which EC2 says that a dry run would have succeeded."""

DENIED = ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthFailure")

BY_IDENTIFIER = {
    "SecurityGroupIds": ("describe_security_groups", "GroupIds"),
    "SubnetIds": ("describe_subnets", "SubnetIds"),
    "KeyName": ("describe_key_pairs", "KeyNames"),
}
"""Settings whose values must exist: the request that describes them, and its argument."""


def check(
    document: ClusterDocument, pools: list[Pool], client: Callable[[str, str], Any] | None = None
) -> Iterator[Finding]:
    """Yield what AWS answers about a file for AWS.

    Args:
        document: The file.
        pools: Its pools.
        client: Makes a client from the names of a service and a region; by default boto3's.

    Raises:
        MissingPackageError: If boto3 is not installed.
    """
    where: KeyPath = ("provider",)
    region = str(document.get("provider", "region"))
    make = boto3_client if client is None else client
    ec2 = make("ec2", region)
    errors: Any = import_module("botocore.exceptions")
    try:
        for pool in pools:
            yield from existing(document, pool, ec2)
            yield from offered(document, pool, ec2)
            yield from machine_image(document, pool, ec2)
            yield from dry_run(document, pool, ec2)
        yield from quotas(document, pools, make("service-quotas", region))
    except (errors.NoCredentialsError, errors.EndpointConnectionError, errors.NoRegionError) as error:
        yield finding(document, "RTS922", where, f"AWS was not asked: {error}", "run `aws configure`, or connect")


def boto3_client(service: str, region: str) -> Any:
    """Return a client of boto3."""
    return require("boto3", "cluster").client(service, region_name=region)


def ask(request: Callable[..., Any], **arguments: Any) -> tuple[Any, str, str]:
    """Return the answer to a request, or the code and the message of the error."""
    try:
        return request(**arguments), "", ""
    except import_module("botocore.exceptions").ClientError as error:
        facts = error.response.get("Error", {})
        return None, str(facts.get("Code")), str(facts.get("Message"))


def existing(document: ClusterDocument, pool: Pool, ec2: Any) -> Iterator[Finding]:
    """Yield security groups, subnets and key pairs that do not exist in the account and region."""
    for key, (request, argument) in BY_IDENTIFIER.items():
        where: KeyPath = (*pool.where, "node_config", key)
        given = document.get(*where)
        values = [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)]
        if not values or any(PLACEHOLDER.search(one) for one in values):
            continue
        answer, code, message = ask(getattr(ec2, request), **{argument: values})
        if code:
            yield refused(document, where, code, message)
        elif key == "SubnetIds":
            yield from zones_of(document, where, answer["Subnets"])


def zones_of(document: ClusterDocument, where: KeyPath, subnets: list[dict[str, Any]]) -> Iterator[Finding]:
    """Yield subnets outside the zones of the file."""
    given = document.get("provider", "availability_zone")
    allowed = {zone.strip() for zone in str(given).split(",")} if given else set()
    for subnet in subnets:
        if allowed and subnet["AvailabilityZone"] not in allowed:
            reason = f"{subnet['SubnetId']} is in {subnet['AvailabilityZone']}, but `availability_zone` is {given}"
            yield finding(document, "RTS910", where, reason, "use a subnet in that zone, or add the zone")


def refused(document: ClusterDocument, where: KeyPath, code: str, message: str) -> Finding:
    """Return a finding about an error of AWS; without permission to ask, it is a warning."""
    if code in DENIED:
        return finding(document, "RTS922", where, f"AWS was not asked: {message}", "use credentials that may ask")
    return finding(document, "RTS921", where, f"AWS answers {code}: {message}", "correct it")


def offered(document: ClusterDocument, pool: Pool, ec2: Any) -> Iterator[Finding]:
    """Yield an instance type that is not offered in the zones of the file."""
    name = pool.instance_type_name
    if name is None:
        return
    where: KeyPath = (*pool.where, "node_config", "InstanceType")
    given = document.get("provider", "availability_zone")
    answer, code, message = ask(
        ec2.describe_instance_type_offerings,
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": [name]}],
    )
    if code:
        yield refused(document, where, code, message)
        return
    zones = {offering["Location"] for offering in answer["InstanceTypeOfferings"]}
    wanted = {zone.strip() for zone in str(given).split(",")} if given else zones
    if not zones:
        reason = f"{name} is not offered in {document.get('provider', 'region')}"
        yield finding(document, "RTS921", where, reason, "use another instance type or region")
    elif not wanted & zones:
        reason = f"{name} is not offered in {given}, only in {', '.join(sorted(zones))}"
        yield finding(document, "RTS921", where, reason, f"write `availability_zone: {min(zones)}`")


def machine_image(document: ClusterDocument, pool: Pool, ec2: Any) -> Iterator[Finding]:
    """Yield a machine image that is missing, or that does not fit the machine's processor or disk."""
    where: KeyPath = (*pool.where, "node_config", "ImageId")
    name = document.get(*where)
    if not isinstance(name, str) or not name.startswith("ami-") or PLACEHOLDER.search(name):
        return
    answer, code, message = ask(ec2.describe_images, ImageIds=[name])
    if code:
        yield refused(document, where, code, message)
        return
    if not answer["Images"]:
        reason = f"{name} does not exist in {document.get('provider', 'region')}"
        yield finding(document, "RTS921", where, reason, "images have another ID in each region: look it up there")
        return
    image = answer["Images"][0]
    machine = pool.instance_type
    if machine is not None and machine.architecture and image.get("Architecture") not in (None, machine.architecture):
        reason = f"{name} is for {image['Architecture']}, but {machine.name} has {machine.architecture}"
        yield finding(document, "RTS907", where, reason, "use an image for that processor")
    root = image.get("RootDeviceName")
    sizes = {disk.get("DeviceName"): disk.get("Ebs", {}).get("VolumeSize") for disk in image["BlockDeviceMappings"]}
    for index, disk in enumerate(document.entries(*pool.where, "node_config", "BlockDeviceMappings")):
        device, ebs = (disk.get("DeviceName"), disk.get("Ebs")) if isinstance(disk, dict) else (None, None)
        size = ebs.get("VolumeSize") if isinstance(ebs, dict) else None
        place: KeyPath = (*pool.where, "node_config", "BlockDeviceMappings", index, "Ebs", "VolumeSize")
        if device == root and isinstance(size, int) and size < (sizes.get(root) or 0):
            reason = f"the root disk has {size} GiB, but {name} needs {sizes[root]}"
            yield finding(
                document, "RTS911", place, reason, f"write `VolumeSize: {sizes[root]}` or more", severity="error"
            )


def dry_run(document: ClusterDocument, pool: Pool, ec2: Any) -> Iterator[Finding]:
    """Yield why EC2 would not launch a machine."""
    where: KeyPath = (*pool.where, "node_config")
    arguments = dict(document.mapping(*where))
    if PLACEHOLDER.search(str(arguments)) or not str(arguments.get("ImageId", "")).startswith("ami-"):
        return  # Ray replaces the image, or another finding asks for a value
    subnets = arguments.pop("SubnetIds", None)
    if isinstance(subnets, list) and subnets:
        arguments["SubnetId"] = subnets[0]
    try:
        _, code, message = ask(ec2.run_instances, **{**arguments, "MinCount": 1, "MaxCount": 1, "DryRun": True})
    except import_module("botocore.exceptions").ParamValidationError as error:
        code, message = "ParamValidation", " ".join(str(error).split())
    if code and code != SUCCESS:
        yield refused(document, where, code, message)


def family_of(name: str) -> str:
    """Return the family of an instance type for EC2's quotas.

    Example:
        >>> family_of("g6.xlarge"), family_of("p5.48xlarge"), family_of("m6i.large")
        ('g', 'p5', 'standard')
    """
    if name.startswith(("p5", "p6")):
        return "p5"
    return "p4" if name.startswith("p") else "g" if name.startswith(("g", "vt")) else "standard"


def quotas(document: ClusterDocument, pools: list[Pool], service_quotas: Any) -> Iterator[Finding]:
    """Yield quotas of virtual CPUs that are too small for one machine of a pool, or for all."""
    for pool in pools:
        machine, count = pool.instance_type, max(pool.max_machines, 1)
        if machine is None:
            continue
        where: KeyPath = (*pool.where, "max_workers" if not pool.head else "node_config")
        code = QUOTAS[family_of(machine.name), pool.spot]
        answer, failed, message = ask(service_quotas.get_service_quota, ServiceCode="ec2", QuotaCode=code)
        if failed:
            yield finding(
                document, "RTS922", where, f"the quota {code} is unknown: {message}", "look it up in the console"
            )
            continue
        limit = float(answer["Quota"]["Value"])
        reason = f"the quota {answer['Quota'].get('QuotaName', code)!r} is {limit:g} virtual CPUs"
        if limit < machine.cpus:
            why = f"{reason}, but one {machine.name} has {machine.cpus}"
            yield finding(document, "RTS923", where, why, "request an increase in Service Quotas", severity="error")
        elif limit < machine.cpus * count:
            why = f"{reason}, but {count} {machine.name} have {machine.cpus * count}"
            remedy = f"request an increase, or expect at most {int(limit // machine.cpus)} machines"
            yield finding(document, "RTS923", where, why, remedy)
