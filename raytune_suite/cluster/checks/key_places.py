"""Where the keys of a file for `ray up` belong: Ray's JSON schema, and the schemas of the clouds' requests."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.provider_data import CLOUDS, schema
from raytune_suite.cluster.provider_data.installed import read_of_ray

if TYPE_CHECKING:
    from collections.abc import Collection

    from raytune_suite.cluster.document import KeyPath

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
"""The keys that each provider's code reads (in Ray 2.60), besides those of all providers. Ray's schema allows any."""


@cache
def shared_schema() -> dict[str, Any]:
    """Return Ray's JSON schema of a file for `ray up`, not to be changed."""
    rules: dict[str, Any] = json.loads(read_of_ray("autoscaler", "ray-schema.json"))
    return rules


@cache
def ray_schema(cloud: str, *, own_workers: bool) -> dict[str, Any]:
    """Return Ray's JSON schema of a file for `ray up`, without what Ray changes before it validates.

    Args:
        cloud: The provider.
        own_workers: Whether Ray removes `min_workers` at the top level, as for the provider `local`.
    """
    rules = copy.deepcopy(shared_schema())
    if own_workers:
        rules["properties"]["min_workers"] = rules["properties"]["max_workers"]
    if cloud == "aws":  # Ray asks EC2 for the resources
        kinds = rules["properties"]["available_node_types"]["patternProperties"][".*"]
        kinds["required"] = [key for key in kinds["required"] if key != "resources"]
    return rules


@cache
def machine_settings(cloud: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the keys of a node_config, and those of its `azure_arm_parameters`; none for other providers."""
    if cloud not in CLOUDS:
        return frozenset(), frozenset()
    rules = schema(cloud)
    top: dict[str, Any] = rules["definitions"][rules["$ref"].rpartition("/")[2]] if "$ref" in rules else rules
    inner = top["properties"].get("azure_arm_parameters", {}).get("properties", {})
    return frozenset(top["properties"]), frozenset(inner) if cloud == "azure" else frozenset()


@cache
def sections(cloud: str) -> dict[str, Collection[str]]:
    """Return the keys of each section of a file, by its place in words."""
    top = shared_schema()["properties"]
    settings, arm = machine_settings(cloud)
    of_providers = PROVIDER_KEYS.get(cloud) or {name for keys in PROVIDER_KEYS.values() for name in keys}
    return {
        "at the top level": frozenset(top),
        "below `auth`": frozenset(top["auth"]["properties"]),
        "below `docker`": frozenset(top["docker"]["properties"]),
        "below `available_node_types.NAME`": frozenset(
            top["available_node_types"]["patternProperties"][".*"]["properties"]
        ),
        "below `provider`": frozenset((*ALL_PROVIDERS, *of_providers)),
        "below `available_node_types.NAME.node_config`": settings,
        "below `node_config.azure_arm_parameters`": arm,
    }


def place_of_key(key: str, where: KeyPath, cloud: str) -> str | None:
    """Return in words where a key of a file for `ray up` belongs, None if no other section has it.

    Args:
        key: The key.
        where: Its key path.
        cloud: The provider's name.
    """
    here = "at the top level" if len(where) == 1 else f"below `{where[-2]}`"
    return next((place for place, keys in sections(cloud).items() if key in keys and place != here), None)
