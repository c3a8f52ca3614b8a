"""Checks of a file for `ray up` as a whole: Ray's schema and validation, unknown keys, login, and cloud settings."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks import typography
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.key_places import (
    ALL_PROVIDERS,
    PROVIDER_KEYS,
    machine_settings,
    place_of_key,
    ray_schema,
)
from raytune_suite.cluster.checks.schema_errors import schema_findings, unknown_key
from raytune_suite.cluster.document import on_this_machine
from raytune_suite.cluster.pools import is_kuberay, provider
from raytune_suite.cluster.render import STORAGE
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

PROVIDERS = ("aws", "azure", "external", "fake_multinode", "gcp", "local", "readonly", "spark", "vsphere")
"""The providers of Ray 2.60, without aliyun, whose module fails on import, and kubernetes, which KubeRay replaced."""

TEST_KEYS = ("disable_launch_config_check", "foreground_node_launch", "worker_liveness_check", "launch_multiple")
"""Keys for Ray's own tests, which are valid for any provider."""

LOCATION_KEYS = {"aws": ("region",), "gcp": ("region", "availability_zone"), "azure": ("location",)}
"""The keys that say where machines are; without them Ray fails with a KeyError."""

FORMER_KEYS = {
    "head_node": "move it to `available_node_types: {head: {node_config: ...}}`, and name it as `head_node_type`",
    "worker_nodes": "move it to `available_node_types: {worker: {node_config: ..., min_workers: 0, max_workers: 2}}`",
    "initial_workers": "write `min_workers` in the node type",
    "autoscaling_mode": "remove it, or set `upscaling_speed`",
    "target_utilization_fraction": "remove it, or set `upscaling_speed`",
    "default_worker_node_type": "remove it: Ray chooses among the node types by their resources",
    "worker_default_node_type": "remove it: Ray chooses among the node types by their resources",
    "default_node_type": "write `head_node_type`",
    "setup_command": "write a list, `setup_commands`",
}
"""Settings of older versions of Ray, and what to write instead."""

FAKE_HEAD = "ray.head.default"
"""The only name of the head's type with which the provider for tests works."""

PLACEHOLDER = re.compile(
    r"\bYOUR[-_][A-Z_-]+|<(?:your|my|insert|replace|enter)\b[^<>]*>|<[A-Z][A-Z0-9_-]+>|<[a-z]+(?:[-_][a-z]+)+>|"
    r"\b(?:CHANGE|REPLACE)[-_]?ME\b"
)
"""A placeholder for a value that only the user knows, in our files and in those of others."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in a file for `ray up` as a whole, beyond its schema."""
    yield from repeated_keys(document)
    yield from missing_values(document)
    yield from provider_keys(document)
    yield from cluster_name(document)
    yield from access(document)
    yield from clouds(document)
    yield from amazon(document)


def schema(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the violations of Ray's JSON schema, with the closest known key for unknown ones."""
    wrong = list(other_keys(document.data, ()))
    for where, key in wrong:
        reason = f"the key `{key}` is a {type(key).__name__}, but must be text"
        yield finding(document, "RTS101", where, reason, f'write "{key}" with quotes, or correct the name')
    if wrong:  # neither Ray nor a schema can read such a mapping
        return
    cloud = provider(document)
    rules = ray_schema(str(cloud), own_workers=cloud == "local" or cloud not in PROVIDERS)
    for error in import_module("jsonschema").Draft7Validator(rules).iter_errors(without_ignored(document.data, cloud)):
        for found in schema_findings(document, error, places(document)):
            yield beside_node_config(document, found) or former_key(found) or found


def without_ignored(data: Any, cloud: Any) -> Any:
    """Return the settings without those of older files that Ray removes itself, as it loses nothing by that."""
    ignored: dict[str, Any] = {"head_node": {}, "worker_nodes": {}, "min_workers": 0}
    if cloud == "local":  # Ray writes both
        ignored |= {"available_node_types": {}, "head_node_type": {}}
    if not isinstance(data, dict):
        return data
    return {key: value for key, value in data.items() if key not in ignored or value != ignored[key]}


def other_keys(value: Any, where: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the keys that are not text, such as 1 and null, each with the path of its mapping."""
    if isinstance(value, dict):
        yield from ((where, key) for key in value if not isinstance(key, str))
        parts: Iterable[tuple[Any, Any]] = value.items()
    else:
        parts = enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from other_keys(part, (*where, key if isinstance(key, int) else str(key)))


def places(document: ClusterDocument) -> Callable[[str, KeyPath], str | None]:
    """Return a function that says where a key of a document belongs."""
    cloud = provider(document)
    return lambda key, where: place_of_key(key, where, cloud)


def beside_node_config(document: ClusterDocument, found: Finding) -> Finding | None:
    """Return a finding about a setting of a machine that stands beside its node_config, None if it is something else.

    Args:
        document: The file.
        found: The finding about a key that is unknown there.
    """
    top, _, rest = found.where.partition(".")
    name, _, key = rest.rpartition(".")
    settings, arm = machine_settings(provider(document))
    if (found.code, top) != ("RTS103", "available_node_types") or key not in settings | arm:
        return None
    if key not in document.mapping(top, name):
        return None
    inner = f"{{azure_arm_parameters: {{{key}: ...}}}}" if key in arm else f"{{{key}: ...}}"
    reason = f"`{key}` belongs in the node_config of {name}, but is next to it"
    return finding(document, "RTS904", (top, name, key), reason, f"indent it: `node_config: {inner}`")


def former_key(found: Finding) -> Finding | None:
    """Return a finding about a setting of older versions of Ray with its replacement, None if it is something else."""
    if found.code != "RTS103" or found.where not in FORMER_KEYS:
        return None
    reason = f"`{found.where}` is a setting of older versions of Ray, which Ray 2 rejects"
    return dataclasses.replace(found, reason=reason, remedy=FORMER_KEYS[found.where])


def repeated_keys(document: ClusterDocument) -> Iterator[Finding]:
    """Yield duplicate keys, of which YAML silently drops the first."""
    for where, line in document.duplicates():
        reason = f"duplicate key `{where[-1]}`, the first value is lost"
        yield dataclasses.replace(finding(document, "RTS102", where, reason, "remove one"), line=line)


def missing_values(document: ClusterDocument) -> Iterator[Finding]:
    """Yield placeholders that have not been replaced, and characters of a text editor."""
    yield from typography.check(document)
    seen = set()
    for where, text in document.scalars():
        for value in sorted(set(PLACEHOLDER.findall(text))):
            if (value, document.value_line(where)) in seen:  # an alias of a value that was reported
                continue
            seen.add((value, document.value_line(where)))
            setting = setting_of(document, where, text, value)
            by_render = f" or with `raytune-suite cluster render --set {setting}=...`" if setting else ""
            remedy = f"replace it by hand (see the comment there){by_render}"
            yield finding(document, "RTS106", where, f"{value} is a placeholder for your own value", remedy)


def setting_of(document: ClusterDocument, where: KeyPath, text: str, placeholder: str) -> str | None:
    """Return the setting of `cluster render` that replaces a placeholder in a text; None in the middle of a command."""
    if not is_kuberay(document) and any(placeholder in match for match in STORAGE.findall(text)):
        return "storage"
    if " " in text:
        return None
    return "image" if where[-1] == "image" else ".".join(map(str, where))


def provider_keys(document: ClusterDocument) -> Iterator[Finding]:
    """Yield an unknown provider, and unknown keys of a known one."""
    name = provider(document)
    if name and name not in PROVIDERS:
        remedy = f"use one of {', '.join(PROVIDERS)}; for Kubernetes write a KubeRay manifest, see clusters/kuberay"
        match = nearest(name, PROVIDERS)
        reason = f"unknown provider {name!r}{f': did you mean {match!r}?' if match else ''}"
        remedy = f"write `type: {match}`" if match else remedy
        yield finding(document, "RTS104", ("provider", "type"), reason, remedy)
    if name in PROVIDER_KEYS:
        known = (*ALL_PROVIDERS, *PROVIDER_KEYS[name], *TEST_KEYS)
        for key in document.mapping("provider"):
            if key not in known:
                yield unknown_key(document, ("provider", key), known, places(document))


def cluster_name(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a name that breaks the paths and the options of rsync and docker, which contain it (ray#45189)."""
    name = document.get("cluster_name")
    wrong = sorted(set(re.findall(r"[^\w./@+=-]", name))) if isinstance(name, str) else []
    if (
        wrong and not PLACEHOLDER.search(str(name)) and provider(document) not in ("azure", "gcp")
    ):  # they have their own
        reason = (
            f"`cluster_name` is {name!r}: Ray copies files through a folder of this name, which fails with {wrong[0]!r}"
        )
        remedy = f"write `cluster_name: {re.sub(r'[^a-z0-9]+', '-', str(name).lower()).strip('-')}`"
        severity: Severity | None = None if document.mapping("docker") else "warning"
        yield finding(document, "RTS609", ("cluster_name",), reason, remedy, severity=severity)


def access(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mistakes in the login settings."""
    cloud = provider(document)
    user, private = document.get("auth", "ssh_user"), document.get("auth", "ssh_private_key")
    by_default = cloud != "local" and document.get("auth") is None  # then Ray's complete default is used
    if cloud in ("local", "aws", "gcp", "azure", "vsphere") and not user and not by_default:
        remedy = "add `auth: {ssh_user: ...}` with the account on the machines"
        yield finding(document, "RTS601", ("auth",), "`ssh_user` is missing", remedy)
    if cloud == "local" and not private:
        reason = "`ssh_private_key` is missing: the head needs a key that gives access to the workers"
        remedy = "add `ssh_private_key: ~/.ssh/...`; Ray only creates keys for clouds, not for your own hosts"
        yield finding(document, "RTS601", ("auth",), reason, remedy, severity="warning")
    public = document.get("auth", "ssh_public_key")
    if cloud == "azure" and bool(private) != bool(public):
        given, lacking = ("ssh_private_key", "ssh_public_key") if private else ("ssh_public_key", "ssh_private_key")
        remedy = "set both, or neither to let Ray create a key pair"
        yield finding(document, "RTS601", ("auth",), f"`{given}` is set without `{lacking}`", remedy)
    for key in ("ssh_private_key", "ssh_public_key"):
        value = document.get("auth", key)
        if key == "ssh_private_key" and str(value).endswith(".pub"):
            reason = f"`{key}` is {value}, a public key"
            yield finding(
                document, "RTS601", ("auth", key), reason, f"write `{key}: {str(value).removesuffix('.pub')}`"
            )
        if str(value).startswith(("-----BEGIN", "ssh-", "ecdsa-")):
            if cloud != "local":
                remedy = "write the path of the file with the key"
                yield finding(document, "RTS601", ("auth", key), f"`{key}` is the key itself, not its file", remedy)
        elif value and not on_this_machine(str(value)).is_file():
            remedy = "create it (`ssh-keygen -t ed25519`), or run this where the key is"
            yield finding(document, "RTS602", ("auth", key), f"{value} does not exist", remedy)


def clouds(document: ClusterDocument) -> Iterator[Finding]:
    """Yield missing or contradictory settings of a cloud's location and account."""
    cloud, where = provider(document), ("provider",)
    for key in LOCATION_KEYS.get(cloud, ()):
        if not document.get("provider", key):
            yield finding(document, "RTS607", where, f"`{key}` is missing", f"add `{key}: ...` under `provider`")
    if cloud == "gcp" and not document.get("provider", "project_id"):
        remedy = "add it; `gcloud projects list` shows yours"
        if "project_id" in document.mapping("provider"):  # as in Ray's own examples
            reason = "`project_id` has no value yet"
            yield finding(document, "RTS106", ("provider", "project_id"), reason, remedy)
        else:
            yield finding(document, "RTS607", where, "`project_id` is missing", remedy)
    if cloud == "vsphere" and not document.mapping("provider", "vsphere_config"):
        reason, remedy = "`vsphere_config` is missing", "add `vsphere_config: {namespace: ..., vm_image: ...}`"
        yield finding(document, "RTS607", where, reason, remedy)
    fake = cloud == "fake_multinode" or str(document.get("provider", "module")).endswith("FakeMultiNodeProvider")
    if fake and FAKE_HEAD not in document.mapping("available_node_types"):
        reason = f"this provider needs a node type {FAKE_HEAD!r} for the head"
        remedy = f"name it so, and write `head_node_type: {FAKE_HEAD}`"
        yield finding(document, "RTS105", ("head_node_type",), reason, remedy)
    if cloud == "azure" and not document.get("provider", "resource_group"):
        remedy = "add a name; Ray creates the group"
        yield finding(document, "RTS607", where, "`resource_group` is missing", remedy)


def amazon(document: ClusterDocument) -> Iterator[Finding]:
    """Yield mistakes in the network access and the permissions of a cluster on EC2."""
    if provider(document) != "aws":
        return
    types = document.mapping("available_node_types")
    for name in types:
        given = document.mapping("available_node_types", name, "node_config")
        if not any(key in given for key in ("SecurityGroupIds", "NetworkInterfaces", "LaunchTemplate")):
            reason = f"{name} gets Ray's default security group, which opens port 22 to all addresses"
            remedy = (
                "create a group that allows ssh from your address and all traffic within itself, and set "
                "`SecurityGroupIds: [sg-...]`; rules under `security_group` only add to Ray's default"
            )
            yield finding(document, "RTS603", ("available_node_types", name, "node_config"), reason, remedy)
    if not in_node_configs(document, "IamInstanceProfile"):
        remedy = "set `IamInstanceProfile: {Arn: ...}` with your own role in the head's node_config"
        reason = "without `IamInstanceProfile` Ray creates a role with full access to EC2 and S3"
        yield finding(document, "RTS604", ("available_node_types",), reason, remedy)


def in_node_configs(document: ClusterDocument, key: str) -> bool:
    """Return whether the node_config of any node type has a key."""
    types = document.mapping("available_node_types")
    return any(key in document.mapping("available_node_types", name, "node_config") for name in types)


def validation(document: ClusterDocument) -> Iterator[Finding]:
    """Yield what `ray up` itself would reject after filling in defaults. Nothing is started."""
    from raytune_suite.engines.ray import internals  # slow to import

    output, data = io.StringIO(), copy.deepcopy(document.data)
    for kind in data["available_node_types"].values() if provider(document) == "aws" else ():
        kind.setdefault("resources", {})  # which Ray asks EC2 for
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            internals.validate_cluster_config(data)
    except Exception as error:  # noqa: BLE001 - it raises anything, even AssertionError
        reason = " ".join((str(error) or output.getvalue() or type(error).__name__).split())
        yield finding(document, "RTS105", (), f"Ray rejects this file: {reason[:200]}", "correct the named setting")
