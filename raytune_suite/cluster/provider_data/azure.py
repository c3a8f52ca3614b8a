"""The JSON schema of a node_config for Azure: the parameters of the template that the installed Ray deploys."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from raytune_suite.cluster.provider_data.installed import read_of_ray

TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "securestring": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "object": {"type": "object"},
    "array": {"type": "array", "items": {"type": "string"}},
}
"""The JSON schemas of a template's types."""

ALLOWED: dict[str, dict[str, Any]] = {
    "priority": {"type": "string", "enum": ["Regular", "Low", "Spot"]},
    "evictionPolicy": {"type": "string", "enum": ["Delete", "Deallocate"]},
    "billingProfile": {
        "type": "object",
        "properties": {"maxPrice": {"type": "number"}},
        "additionalProperties": False,
    },
    "availability_zone": {"type": "string"},
}
"""What Azure allows for parameters whose type is wider in the template (REST API of virtualMachines), and Ray's own."""


@cache
def template_schema() -> dict[str, Any]:
    """Return the schema."""
    text = read_of_ray("autoscaler", "_private", "_azure", "azure-vm-template.json")
    parameters = {
        name: dict(ALLOWED.get(name, TYPES[facts["type"]])) for name, facts in json.loads(text)["parameters"].items()
    }
    return {
        "type": "object",
        "properties": {
            "azure_arm_parameters": {
                "type": "object",
                "properties": {**parameters, "availability_zone": ALLOWED["availability_zone"]},
                "required": ["vmSize"],
                "additionalProperties": False,
            },
            "azure_arm_template": {"type": "object"},
            "tags": {"type": "object", "additionalProperties": {"type": ["string"]}},
        },
        "required": ["azure_arm_parameters"],
        "additionalProperties": False,
    }
