"""Checks of a file for AWS: the arguments of RunInstances, and the rules of EC2 that no type can state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks import api_schema, aws_disks, aws_limits
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.shell_lint import MANAGER_OF_USER
from raytune_suite.cluster.provider_data import ec2_machines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

IDENTIFIERS: dict[str, tuple[str, ...]] = {
    "ImageId": ("ami",),
    "SubnetId": ("subnet",),
    "SubnetIds": ("subnet",),
    "SecurityGroupIds": ("sg",),
    "Groups": ("sg",),
    "SnapshotId": ("snap",),
    "LaunchTemplateId": ("lt",),
    "CapacityReservationId": ("cr",),
    "NetworkInterfaceId": ("eni",),
    "HostId": ("h",),
    "KernelId": ("aki",),
    "RamdiskId": ("ari",),
}
"""The prefixes of EC2's identifiers, by setting."""

HEXADECIMAL = re.compile(r"[0-9a-f]{8}|[0-9a-f]{17}")

NO_IDENTIFIER = {"ImageId": r"latest_dlami|resolve:ssm:.+|"}
"""Values that are allowed besides identifiers; "latest_dlami" and "" are Ray's."""

USER_OF_IMAGE = {r"ssm:.*(amazon-linux|/al20|/ami-amazon)": "ec2-user", r"ssm:.*(ubuntu|canonical)": "ubuntu"}
"""The user that logs in to an image, by a pattern of its parameter in Systems Manager."""

CREDENTIALS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
"""The keys of `aws_credentials`, which Ray passes to boto3."""

SET_BY_RAY = ("MinCount", "MaxCount", "DryRun", "ClientToken")
"""Arguments of RunInstances that Ray sets, or that make each launch but the first fail."""

RULE_KEYS = ("FromPort", "ToPort", "IpProtocol", "IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
"""The keys of a rule of a security group (EC2 API reference, IpPermission)."""


def machine(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield the mistakes in the machine of a node type, whose node_config is at a key path."""
    yield from identifiers(document, where)
    yield from market(document, where)
    yield from aws_disks.check(document, where)
    yield from network(document, where)
    yield from aws_limits.check(document, where)
    yield from profile(document, (*where, "IamInstanceProfile"))
    yield from other_settings(document, where)
    yield from offers(document, (*where, "InstanceType"))


def whole_file(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the rest of a file for AWS."""
    yield from keys(document)
    yield from users(document)
    yield from credentials(document)
    yield from security_group(document)


def leaves(value: Any, where: KeyPath) -> Iterator[tuple[KeyPath, str, Any]]:
    """Yield the scalars below a value, with the last key that is a name."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, (*where, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from leaves(part, (*where, index))
    else:
        yield where, next((step for step in reversed(where) if isinstance(step, str)), ""), value


def identifiers(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield texts that cannot be the identifier which a setting expects."""
    for place, name, value in leaves(document.mapping(*where), where):
        if name not in IDENTIFIERS or not isinstance(value, str) or api_schema.PLACEHOLDER.search(value):
            continue
        prefix = IDENTIFIERS[name][0]
        if re.fullmatch(NO_IDENTIFIER.get(name, "$^"), value):
            if re.match(r"resolve:ssm:[^/].*/", value) and ":arn:" not in value:
                reason = f"{value!r} names a parameter without its first slash"
                remedy = f"write {value.replace('resolve:ssm:', 'resolve:ssm:/')}"
                yield finding(document, "RTS909", place, reason, remedy)
            continue
        begin, sign, rest = value.partition("-")
        if begin != prefix or not sign:
            kind = next((key for key, known in IDENTIFIERS.items() if begin in known and sign), None)
            what = f", which looks like a `{kind}`" if kind else ""
            reason = f"`{name}` is {value!r}{what}, but its identifiers begin with `{prefix}-`"
            yield finding(document, "RTS909", place, reason, f"write `{prefix}-...`")
        elif not HEXADECIMAL.fullmatch(rest):
            reason = f"{value!r} is not an identifier of EC2: after `{prefix}-` it has 8 or 17 hexadecimal digits"
            yield finding(document, "RTS909", place, reason, "copy it again", severity="warning")


def market(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in the settings of spot machines."""
    place: KeyPath = (*where, "InstanceMarketOptions")
    given, spot = document.mapping(*place), document.mapping(*place, "SpotOptions")
    if not given:
        return
    kind = given.get("MarketType")
    if spot and kind != "spot":
        reason = f"`SpotOptions` are given, but `MarketType` is {kind!r}"
        yield finding(document, "RTS905", (*place, "SpotOptions"), reason, "add `MarketType: spot`")
    once, behavior = spot.get("SpotInstanceType", "one-time"), spot.get("InstanceInterruptionBehavior", "terminate")
    if once == "one-time" and behavior in ("stop", "hibernate"):
        reason = f"a one-time spot machine cannot {behavior} when it is reclaimed"
        remedy = "write `InstanceInterruptionBehavior: terminate`; Ray starts another machine"
        yield finding(document, "RTS905", (*place, "SpotOptions", "InstanceInterruptionBehavior"), reason, remedy)
    if once == "persistent":
        reason = "EC2 starts a persistent spot machine again after Ray has terminated it, which costs money"
        remedy = "write `SpotInstanceType: one-time`"
        yield finding(document, "RTS905", (*place, "SpotOptions", "SpotInstanceType"), reason, remedy)
    if "BlockDurationMinutes" in spot:
        reason = "EC2 no longer offers spot machines for a fixed duration (`BlockDurationMinutes`)"
        yield finding(document, "RTS902", (*place, "SpotOptions", "BlockDurationMinutes"), reason, "remove it")
    price = spot.get("MaxPrice")
    if isinstance(price, str) and re.fullmatch(r"0*\.?0+", price):
        reason = f"`MaxPrice` is {price!r}, at which EC2 never has a spot machine"
        yield finding(
            document,
            "RTS902",
            (*place, "SpotOptions", "MaxPrice"),
            reason,
            "remove it: the limit is the on-demand price",
        )
    if isinstance(price, str) and not re.fullmatch(r"\d*\.?\d+", price) and not api_schema.PLACEHOLDER.search(price):
        reason = f"`MaxPrice` is {price!r}, but must be US dollars per hour, without a sign"
        remedy = 'write a number in quotes, such as `MaxPrice: "0.50"`'
        yield finding(document, "RTS902", (*place, "SpotOptions", "MaxPrice"), reason, remedy)


def network(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in a machine's subnets and security groups."""
    config = document.mapping(*where)
    if "SubnetId" in config:
        reason = "Ray replaces `SubnetId`: it chooses from the list `SubnetIds`, by default from all subnets"
        remedy = f"write `SubnetIds: [{config['SubnetId']}]`"
        yield finding(document, "RTS904", (*where, "SubnetId"), reason, remedy)
    if "SecurityGroups" in config:
        reason = "Ray launches into a subnet, where EC2 rejects names of groups (`SecurityGroups`)"
        yield finding(document, "RTS905", (*where, "SecurityGroups"), reason, "write `SecurityGroupIds: [sg-...]`")
    if config.get("SubnetIds") == []:
        yield finding(document, "RTS903", (*where, "SubnetIds"), "`SubnetIds` is empty", "add a subnet, or remove it")
    interfaces = document.entries(*where, "NetworkInterfaces")
    for index, interface in enumerate(interfaces):
        if isinstance(interface, dict):
            yield from network_interface(document, (*where, "NetworkInterfaces", index), interface, len(interfaces))
    indices = [one.get("DeviceIndex") for one in interfaces if isinstance(one, dict)]
    if interfaces and 0 not in indices and all(isinstance(one, int) for one in indices):
        reason = "no network interface has `DeviceIndex: 0`, and EC2 requires that one"
        yield finding(document, "RTS903", (*where, "NetworkInterfaces"), reason, "write `DeviceIndex: 0`")
    private = [isinstance(one, dict) and one.get("AssociatePublicIpAddress") is False for one in interfaces]
    if interfaces and all(private) and not document.get("provider", "use_internal_ips"):
        reason = "the machine gets no public address, and `use_internal_ips` is not set: `ray up` waits for one"
        remedy = "write `use_internal_ips: true` under `provider`, or remove `AssociatePublicIpAddress: false`"
        yield finding(document, "RTS905", (*where, "NetworkInterfaces"), reason, remedy)
    for key in ("SubnetIds", "SecurityGroupIds", "PrivateIpAddress") if interfaces else ():
        if key in config:
            reason = f"`{key}` and `NetworkInterfaces` exclude each other"
            remedy = "move it into the network interface: `SubnetId`, `Groups`"
            yield finding(document, "RTS905", (*where, key), reason, remedy)


def network_interface(
    document: ClusterDocument, place: KeyPath, interface: dict[str, Any], interfaces: int
) -> Iterator[Finding]:
    """Yield mistakes in one of a machine's network interfaces."""
    for key in ("SubnetId", "Groups", "DeviceIndex"):
        if key not in interface:
            reason = f"a network interface has no `{key}`, which {'EC2' if key == 'DeviceIndex' else 'Ray'} requires"
            yield finding(document, "RTS903", place, reason, f"add `{key}: ...`")
    if interface.get("AssociatePublicIpAddress") is True and interfaces > 1:
        reason = "EC2 gives no public address to a machine with several network interfaces"
        remedy = "remove `AssociatePublicIpAddress`"
        yield finding(document, "RTS905", (*place, "AssociatePublicIpAddress"), reason, remedy)


def profile(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield mistakes in the instance profile, which gives a machine its permissions."""
    given = document.get(*where)
    if not isinstance(given, dict):
        return
    arn = given.get("Arn")
    if not given:
        yield finding(document, "RTS903", where, "`IamInstanceProfile` is empty", "add `Name: ...` or `Arn: ...`")
    if "Arn" in given and "Name" in given:
        reason = "`Arn` and `Name` of an instance profile exclude each other"
        yield finding(document, "RTS905", where, reason, "remove one of them")
    if isinstance(arn, str) and not api_schema.PLACEHOLDER.search(arn):
        if re.fullmatch(r"arn:aws[\w-]*:iam::\d{12}:(role|user)/.+", arn):
            reason = f"{arn} is a role, but an instance profile is expected"
            remedy = f"write `Arn: {re.sub(':(role|user)/', ':instance-profile/', arn)}`"
            yield finding(document, "RTS909", (*where, "Arn"), reason, remedy)
        elif not re.fullmatch(r"arn:aws[\w-]*:iam::\d{12}:instance-profile/.+", arn):
            reason = f"{arn!r} is not the ARN of an instance profile"
            remedy = "write `Arn: arn:aws:iam::ACCOUNT:instance-profile/NAME`, with 12 digits, or `Name: NAME`"
            yield finding(document, "RTS909", (*where, "Arn"), reason, remedy)
    name = given.get("Name")
    if isinstance(name, str) and not re.fullmatch(r"[\w+=,.@-]{1,128}", name):
        reason = f"{name!r} is not the name of an instance profile"
        remedy = f"write `Arn: {name}`" if name.startswith("arn:") else "use letters, digits and +=,.@-"
        yield finding(document, "RTS909", (*where, "Name"), reason, remedy)


def other_settings(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield mistakes in the remaining settings of a machine."""
    config = document.mapping(*where)
    for key in SET_BY_RAY:
        if key in config:
            reason = f"`{key}` is set by Ray" if key.endswith("Count") else f"with `{key}` Ray cannot launch machines"
            severity: Severity | None = "warning" if key.endswith("Count") else None
            remedy = "remove it; `min_workers` and `max_workers` of the node type set the number of machines"
            yield finding(document, "RTS905", (*where, key), reason, remedy, severity=severity)
    kind = str(config.get("InstanceType", ""))
    if "CreditSpecification" in config and kind and not re.match(r"t\d", kind):
        reason = f"`CreditSpecification` is for burstable machines (t3, t4g, ...), not for {kind}"
        yield finding(document, "RTS905", (*where, "CreditSpecification"), reason, "remove it")
    yield from launch_template(document, (*where, "LaunchTemplate"))
    yield from placement_of(document, where)
    yield from tags(document, (*where, "TagSpecifications"))
    name = config.get("KeyName")
    if isinstance(name, str) and re.search(r"[/~]|\.(pem|pub|ppk)$", name):
        reason = f"`KeyName` is {name!r}, a file, but it is the name that the key pair has in EC2"
        short = re.sub(r"\.(pem|pub|ppk)$", "", name.rpartition("/")[2])
        remedy = f"write `KeyName: {short}`, and the file as `ssh_private_key` under `auth`"
        yield finding(document, "RTS909", (*where, "KeyName"), reason, remedy)
    data = config.get("UserData")
    if isinstance(data, str) and not re.match(
        r"\s*(#!|#cloud-config|#include|Content-Type:|MIME-Version:|## template)", data
    ):
        reason = "`UserData` begins neither with `#!` nor with `#cloud-config`, so cloud-init ignores it"
        remedy = "begin it with `#!/bin/bash`; boto3 encodes it, so write plain text"
        yield finding(document, "RTS902", (*where, "UserData"), reason, remedy, severity="warning")


def launch_template(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield a launch template that is named twice or not at all."""
    template = document.get(*where)
    if isinstance(template, dict):
        named = [key for key in ("LaunchTemplateId", "LaunchTemplateName") if key in template]
        if len(named) != 1:
            reason = "a launch template is named by `LaunchTemplateId` or by `LaunchTemplateName`"
            remedy = "remove one of them" if named else "add one of them"
            yield finding(document, "RTS905" if named else "RTS903", where, reason, remedy)


def placement_of(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in a machine's placement."""
    placement = document.mapping(*where, "Placement")
    if "PartitionNumber" in placement and "GroupName" not in placement and "GroupId" not in placement:
        reason = "`PartitionNumber` needs a placement group"
        yield finding(document, "RTS905", (*where, "Placement", "PartitionNumber"), reason, "add `GroupName: ...`")
    if placement.get("Tenancy") == "host" and document.get(*where, "InstanceMarketOptions", "MarketType") == "spot":
        reason = "spot machines cannot be placed on dedicated hosts"
        yield finding(document, "RTS905", (*where, "Placement", "Tenancy"), reason, "remove `Tenancy`")


def tags(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield incomplete and reserved tags."""
    for index, one in enumerate(document.entries(*where)):
        if not isinstance(one, dict):
            continue
        for key in ("ResourceType", "Tags"):
            if key not in one:
                reason = f"`TagSpecifications` has no `{key}`, which Ray reads"
                yield finding(document, "RTS903", (*where, index), reason, f"add `{key}: ...`")
        names = [tag.get("Key") for tag in document.entries(*where, index, "Tags") if isinstance(tag, dict)]
        for name in sorted({str(name) for name in names if names.count(name) > 1}):
            yield finding(document, "RTS902", (*where, index), f"the tag {name!r} is given twice", "remove one of them")
        for number, tag in enumerate(document.entries(*where, index, "Tags")):
            if isinstance(tag, dict) and str(tag.get("Key", "")).startswith("aws:"):
                place = (*where, index, "Tags", number, "Key")
                yield finding(document, "RTS902", place, "tags that begin with `aws:` are reserved", "use another name")


def keys(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a key pair that only one of `auth` and the machines names; Ray needs both or neither."""
    private = document.get("auth", "ssh_private_key")
    for name in document.mapping("available_node_types"):
        where: KeyPath = ("available_node_types", name, "node_config")
        config = document.mapping(*where)
        if private and not {"KeyName", "UserData", "LaunchTemplate"} & set(config):
            reason = f"`ssh_private_key` is set, but {name} has no `KeyName`, and Ray requires it in each node type"
            yield finding(document, "RTS601", where, reason, "add `KeyName: ...`, the name of the key pair in EC2")
        elif "KeyName" in config and not private:
            reason = (
                f"{name} has a `KeyName`, but `auth` has no `ssh_private_key`: Ray replaces it with its own key pair"
            )
            remedy = "add `ssh_private_key: ~/.ssh/NAME.pem` under `auth`, or remove `KeyName` from all node types"
            yield finding(document, "RTS601", (*where, "KeyName"), reason, remedy, severity="warning")
    pair = document.get("provider", "key_pair")
    if isinstance(pair, dict) and "key_name" not in pair:
        reason = "`key_pair` has no `key_name`, the only key that Ray reads there"
        yield finding(document, "RTS903", ("provider", "key_pair"), reason, "write `key_pair: {key_name: ...}`")
    elif pair is not None and not isinstance(pair, dict):
        yield finding(
            document,
            "RTS901",
            ("provider", "key_pair"),
            "`key_pair` is not a mapping",
            f"write `key_pair: {{key_name: {pair}}}`",
        )


def users(document: ClusterDocument) -> Iterator[Finding]:
    """Yield users that cannot log in to usual images."""
    user = document.get("auth", "ssh_user")
    for name in document.mapping("available_node_types"):
        where: KeyPath = ("available_node_types", name, "node_config", "ImageId")
        for pattern, right in USER_OF_IMAGE.items():
            if user != right and re.search(pattern, str(document.get(*where))):
                reason = f"the user of this image is {right!r}, but `ssh_user` is {user!r}"
                yield finding(document, "RTS907", where, reason, f"write `ssh_user: {right}`")
    if isinstance(user, str) and user != user.lower() and user.lower() in MANAGER_OF_USER:
        reason = f"the account of the images is {user.lower()!r}, but `ssh_user` is {user!r}"
        yield finding(document, "RTS609", ("auth", "ssh_user"), reason, f"write `ssh_user: {user.lower()}`")
    if user == "root":
        reason = "the images of Ubuntu, Debian and Amazon Linux do not allow `root` to log in"
        remedy = "write `ssh_user: ubuntu`, or ec2-user for Amazon Linux"
        yield finding(document, "RTS609", ("auth", "ssh_user"), reason, remedy, severity="warning")


def credentials(document: ClusterDocument) -> Iterator[Finding]:
    """Yield unknown and missing keys of `aws_credentials`."""
    where: KeyPath = ("provider", "aws_credentials")
    given = document.get(*where)
    for key in given if isinstance(given, dict) else ():
        if key not in CREDENTIALS:
            reason = f"unknown key `{key}` in `aws_credentials`{api_schema.closest(str(key), CREDENTIALS)}"
            yield finding(document, "RTS103", (*where, key), reason, f"use {', '.join(CREDENTIALS)}")
    for key in CREDENTIALS[:2] if isinstance(given, dict) else ():
        if key not in given:
            yield finding(document, "RTS903", where, f"`{key}` is missing", f"add `{key}: ...`, or remove the section")


def offers(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield an instance type with GPUs that the region did not offer when the data were recorded."""
    name, region = document.get(*where), document.get("provider", "region")
    facts = ec2_machines().get(str(name))
    recorded = {one for machine in ec2_machines().values() if machine is not None for one in machine.regions}
    if facts is not None and facts.regions and region in recorded and region not in facts.regions:
        reason = f"{region} did not offer {name} when this was recorded; {', '.join(facts.regions[:6])} did"
        remedy = "use another region, or ask AWS: `raytune-suite cluster check --online`"
        yield finding(document, "RTS206", where, reason, remedy, severity="warning")


def security_group(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mistakes in the rules that are added to Ray's security group."""
    where: KeyPath = ("provider", "security_group")
    if not isinstance(document.get(*where), dict):
        return
    types = document.mapping("available_node_types")
    if types and all(
        "SecurityGroupIds" in document.mapping("available_node_types", name, "node_config") for name in types
    ):
        reason = "`security_group` has no effect, because each node type has its own `SecurityGroupIds`"
        yield finding(document, "RTS905", where, reason, "remove one of them", severity="warning")
    for index, rule in enumerate(document.entries(*where, "IpPermissions")):
        if isinstance(rule, dict):
            yield from inbound_rule(document, (*where, "IpPermissions", index), rule)


def inbound_rule(document: ClusterDocument, where: KeyPath, rule: dict[str, Any]) -> Iterator[Finding]:
    """Yield mistakes in a rule of a security group."""
    for key in rule:
        if key not in RULE_KEYS:
            reason = f"unknown key `{key}` in a rule{api_schema.closest(key, RULE_KEYS)}"
            remedy = "write `IpRanges: [{CidrIp: ...}]`" if key == "CidrIp" else "correct the name, or remove it"
            yield finding(document, "RTS103", (*where, key), reason, remedy)
    if "IpProtocol" not in rule:
        yield finding(document, "RTS903", where, "a rule has no `IpProtocol`", "add `IpProtocol: tcp`")
    for key in ("FromPort", "ToPort"):
        if key in rule and (not isinstance(rule[key], int) or isinstance(rule[key], bool)):
            reason = f"`{key}` is {rule[key]!r}, but must be a whole number"
            yield finding(document, "RTS901", (*where, key), reason, f"write `{key}: 22` without quotes")
    first, last = rule.get("FromPort"), rule.get("ToPort")
    if isinstance(first, int) and isinstance(last, int) and first > last and rule.get("IpProtocol") in ("tcp", "udp"):
        reason = f"`FromPort` is {first}, above `ToPort`, which is {last}"
        yield finding(document, "RTS902", (*where, "FromPort"), reason, "exchange them")
    for number, ranges in enumerate(document.entries(*where, "IpRanges")):
        place: KeyPath = (*where, "IpRanges", number)
        if not isinstance(ranges, dict) or "CidrIp" not in ranges:
            reason = "an entry of `IpRanges` is not a mapping with `CidrIp`"
            yield finding(document, "RTS901", place, reason, f"write `- CidrIp: {ranges}`")
        elif not re.fullmatch(r"\d+\.\d+\.\d+\.\d+/\d+", str(ranges["CidrIp"])):
            reason = f"`CidrIp` is {ranges['CidrIp']!r}, but must be a range such as 203.0.113.7/32"
            yield finding(document, "RTS902", (*place, "CidrIp"), reason, "add the length of its prefix")
