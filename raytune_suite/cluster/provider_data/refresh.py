"""Rewrite the data files of this package from the descriptions that the providers publish.

    python -m raytune_suite.cluster.provider_data.refresh [--compute compute.v1.json]

needs botocore and moto (the extra `rehearse`). The description of Compute Engine is a file of the package
google-api-python-client: googleapiclient/discovery_cache/documents/compute.v1.json.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import gzip
import io
import json
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

SIMPLE_TYPES = {
    "string": {"type": "string"},
    "blob": {"type": "string"},
    "integer": {"type": "integer"},
    "long": {"type": "integer"},
    "float": {"type": "number"},
    "double": {"type": "number"},
    "boolean": {"type": "boolean"},
    "timestamp": {},
}
"""The JSON schemas of botocore's simple types. YAML reads a timestamp as a date or as text."""


def ec2_schema(model: dict[str, Any], source: str) -> dict[str, Any]:
    """Return the JSON schema of a node_config for AWS: the arguments of RunInstances, and `SubnetIds` for Ray."""
    shapes, definitions = model["shapes"], {}
    left = ["RunInstancesRequest"]
    while left:
        name = left.pop()
        shape = shapes[name]
        if shape["type"] == "structure":
            members = {key: member["shape"] for key, member in shape["members"].items()}
            definitions[name] = {
                "type": "object",
                "properties": {key: {"$ref": f"#/definitions/{inner}"} for key, inner in members.items()},
                "required": shape.get("required", []),
                "additionalProperties": False,
            }
            inside = list(members.values())
        elif shape["type"] == "list":
            inside = [shape["member"]["shape"]]
            definitions[name] = {"type": "array", "items": {"$ref": f"#/definitions/{inside[0]}"}}
        else:
            inside = []
            definitions[name] = dict(SIMPLE_TYPES[shape["type"]])
            if "enum" in shape and name != "InstanceType":  # which the table of instance types lists
                definitions[name]["enum"] = shape["enum"]
        left += [inner for inner in inside if inner not in definitions]
    request = definitions["RunInstancesRequest"]
    request["required"] = []  # Ray sets MinCount and MaxCount
    request["properties"]["SubnetIds"] = {"type": "array", "items": {"type": "string"}}
    version = definitions["LaunchTemplateSpecification"]["properties"]
    version["Version"] = {"type": ["string", "integer"]}  # Ray makes it a text
    return {"$comment": source, "$ref": "#/definitions/RunInstancesRequest", "definitions": definitions}


def compute_schema(discovery: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a node_config for Google Cloud: an instance of Compute Engine."""
    definitions: dict[str, Any] = {}
    left = ["Instance"]
    while left:
        name = left.pop()
        definitions[name] = compute_part(discovery["schemas"][name], left)
        left = [inner for inner in left if inner not in definitions]
    properties = definitions["Instance"]["properties"]
    # Arguments of the request, and settings of TPU nodes, that Ray takes from the node_config, too.
    for key in ("sourceInstanceTemplate", "sourceMachineImage", "acceleratorType", "runtimeVersion"):
        properties.setdefault(key, {"type": "string"})
    for key in ("acceleratorConfig", "schedulingConfig", "networkConfig"):
        properties.setdefault(key, {"type": "object"})
    comment = f"the discovery document of compute.v1, revision {discovery['revision']}"
    return {"$comment": comment, "$ref": "#/definitions/Instance", "definitions": definitions}


def compute_part(part: dict[str, Any], references: list[str]) -> dict[str, Any]:
    """Return the JSON schema of a part of a discovery document, and add the names that it refers to."""
    if "$ref" in part:
        references.append(part["$ref"])
        return {"$ref": f"#/definitions/{part['$ref']}"}
    kind = part["type"]
    if kind == "array":
        return {"type": "array", "items": compute_part(part["items"], references)}
    if kind == "object":
        others = part.get("additionalProperties")
        return {
            "type": "object",
            "properties": {key: compute_part(value, references) for key, value in part.get("properties", {}).items()},
            "additionalProperties": False if others is None else compute_part(others, references),
        }
    if kind == "integer" or (kind == "string" and part.get("format") in ("int64", "uint64")):
        return {"type": ["integer", "string"], "pattern": "^-?[0-9]+$"}  # the API accepts both forms
    return {"type": kind, **({"enum": part["enum"]} if "enum" in part else {})}


EC2_COLUMNS = (
    *("name", "cpus", "memory", "gpus", "gpu", "architecture", "regions"),
    *("interfaces", "cards", "efas", "threads", "lacks"),
)
"""The columns of the table of EC2's instance types, as in `MachineFacts`."""


def lacking(facts: dict[str, Any]) -> list[str]:
    """Return what EC2 does not offer for an instance type: "spot", "hosts", "hibernation", "cluster"."""
    strategies = facts.get("PlacementGroupInfo", {}).get("SupportedStrategies", [])
    offered = {
        "spot": "spot" in facts["SupportedUsageClasses"],
        "hosts": facts.get("DedicatedHostsSupported", True),
        "hibernation": facts.get("HibernationSupported", True),
        "cluster": "cluster" in strategies,
    }
    return [name for name, there in offered.items() if not there]


def ec2_table(model: dict[str, Any], reported: dict[str, Any], offered: dict[str, list[str]], source: str) -> str:
    """Return a CSV table of EC2's instance types, with the regions that offer those with GPUs.

    Args:
        model: botocore's description of EC2, which lists all names.
        reported: What EC2 reported about types, by name.
        offered: The regions that offer a type.
        source: The first line.
    """
    output = io.StringIO()
    output.write(f"# {source}\n")
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(EC2_COLUMNS)
    for name in sorted({*model["shapes"]["InstanceType"]["enum"], *reported}):
        facts = reported.get(name)
        if facts is None:
            writer.writerow([name, *[""] * (len(EC2_COLUMNS) - 1)])
            continue
        network = facts["NetworkInfo"]
        gpus = facts.get("GpuInfo", {}).get("Gpus", [])
        architectures = facts["ProcessorInfo"]["SupportedArchitectures"]
        writer.writerow(
            [
                name,
                facts["VCpuInfo"]["DefaultVCpus"],
                round(facts["MemoryInfo"]["SizeInMiB"] / 1024, 2),
                sum(gpu["Count"] for gpu in gpus),
                gpus[0]["Name"] if sum(gpu["Count"] for gpu in gpus) else "",  # a part of a GPU counts as none
                "arm64" if "arm64" in architectures else "x86_64",
                " ".join(offered.get(name, [])) if gpus else "",
                network["MaximumNetworkInterfaces"],
                network.get("MaximumNetworkCards", 1),
                network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
                facts["VCpuInfo"].get("DefaultThreadsPerCore", ""),
                " ".join(lacking(facts)),
            ]
        )
    return output.getvalue()


def offerings(moto: Path) -> dict[str, list[str]]:
    """Return the regions that offer each instance type, as moto recorded them."""
    regions: dict[str, list[str]] = {}
    for file in sorted((moto / "ec2" / "resources" / "instance_type_offerings" / "region").glob("*.json.gz")):
        for offering in json.loads(gzip.decompress(file.read_bytes())):
            regions.setdefault(offering["InstanceType"], []).append(offering["Location"])
    return regions


def ray_start_table() -> dict[str, Any]:
    """Return the options of the installed `ray start`, including the hidden ones, with their types."""
    options = {}
    for parameter in import_module("ray.scripts.scripts").start.params:
        kind = getattr(parameter.type, "name", "text")
        if getattr(parameter, "is_flag", False):
            kind = "flag"
        elif kind == "choice":
            kind = "|".join(parameter.type.choices)
        options.update(dict.fromkeys([*parameter.opts, *parameter.secondary_opts], kind))
    others = {
        name: sorted(option for one in command.params for option in (*one.opts, *one.secondary_opts))
        for name, command in sorted(import_module("ray.scripts.scripts").cli.commands.items())
    }
    source = f"ray start --help, Ray {version('ray')}"
    return {"source": source, "options": dict(sorted(options.items())), "commands": others}


SERVE_KEYS = (
    *("type", "items", "anyOf", "enum", "$ref", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("required", "additionalProperties", "pattern", "minLength"),
)
"""The keys of a JSON schema that are kept of Ray Serve's."""


def serve_schema() -> dict[str, Any]:
    """Return the JSON schema of a config file of Ray Serve, as RayServices contain one; it needs ray[serve]."""
    schema = import_module("ray.serve.schema").ServeDeploySchema.model_json_schema()
    definitions = {name: serve_part(part) for name, part in schema.pop("$defs").items()}
    return {"$comment": f"ray.serve.schema, Ray {version('ray')}", **serve_part(schema), "$defs": definitions}


def serve_part(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of Ray Serve's schema without descriptions and defaults, in which models have no other keys."""
    result = {key: part[key] for key in SERVE_KEYS if key in part}
    for key in ("items", "additionalProperties"):
        if isinstance(result.get(key), dict):
            result[key] = serve_part(result[key])
    if "anyOf" in result:
        others = [serve_part(one) for one in result.pop("anyOf")]
        models = [one for one in others if "$ref" in one]
        kept = [one for one in others if not models or one in models or one.get("type") == "null"]
        result |= kept[0] if len(kept) == 1 else {"anyOf": kept}
    if "properties" in part:
        result["properties"] = {name: serve_part(one) for name, one in part["properties"].items()}
        result["additionalProperties"] = False
    return result


def write(name: str, value: Any) -> None:
    """Write a data file: text as it is, other values as JSON with one definition or option per line."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, indent=1) + "\n"
    (HERE / name).write_text(text, encoding="utf-8")


def main() -> None:
    """Write all files whose sources are installed or given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--compute", type=Path, metavar="FILE", help="compute.v1.json of google-api-python-client")
    arguments = parser.parse_args()
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    botocore = Path(import_module("botocore").__file__).parent  # type: ignore[arg-type]
    newest = max((botocore / "data" / "ec2").iterdir())
    model = json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
    source = f"botocore {version('botocore')}, EC2 API {newest.name}, written on {today}"
    write("ec2_run_instances.json", ec2_schema(model, source))
    moto = Path(import_module("moto").__file__).parent  # type: ignore[arg-type]
    reported = json.loads(gzip.decompress((moto / "ec2" / "resources" / "instance_types.json.gz").read_bytes()))
    facts = f"names: {source}; facts: DescribeInstanceTypes as recorded by moto {version('moto')}"
    write("ec2_instance_types.csv", ec2_table(model, reported, offerings(moto), facts))
    write("ray_start.json", ray_start_table())
    if find_spec("starlette") is not None:  # ray[serve]
        write("serve_config.json", serve_schema())
    if arguments.compute is not None:
        write("compute_instance.json", compute_schema(json.loads(arguments.compute.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
