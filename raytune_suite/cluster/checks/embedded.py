"""Checks of the texts inside manifests that Ray reads itself: the config of Ray Serve, and runtime environments.

Sources: ray.serve.schema (as JSON schema in provider_data) and ray.runtime_env.RuntimeEnv.
"""

from __future__ import annotations

import dataclasses
import json
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks import setting_rules
from raytune_suite.cluster.checks.findings import CODES, Finding, finding
from raytune_suite.cluster.checks.packages import listed as of_packages
from raytune_suite.cluster.checks.schema_errors import schema_findings
from raytune_suite.cluster.document import parse
from raytune_suite.cluster.pools import cluster_spec, kuberay_pools
from raytune_suite.cluster.provider_data import serve_schema
from raytune_suite.cluster.shell import quoted, simple_commands
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.document import ClusterDocument, KeyPath

CODE = "RTS820"

OF_VERSION = ("RTS101", "RTS103", "RTS820")
"""Findings that are only warnings for a Ray of another version than the schema's."""

TEXT, TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
OPEN = {"type": "object"}


def packages(prefix: str, *options: str) -> dict[str, Any]:
    """Return the schema of packages to install: a file, a list, or a mapping with a list and options."""
    properties = {"packages": {"anyOf": [TEXT, TEXTS]}, f"{prefix}_check": {"type": "boolean"}}
    properties |= {f"{prefix}_version": TEXT, **dict.fromkeys(options, TEXTS)}
    mapping = {"type": "object", "properties": properties, "required": ["packages"], "additionalProperties": False}
    return {"if": {"type": "object"}, "then": mapping, "else": {"type": ["string", "array"], "items": TEXT}}


RUNTIME_ENVIRONMENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "working_dir": TEXT,
        "py_modules": TEXTS,
        "py_executable": TEXT,
        "excludes": TEXTS,
        "pip": packages("pip", "pip_install_options"),
        "uv": packages("uv", "uv_pip_install_options"),
        "conda": {"type": ["string", "object"]},
        "env_vars": {"type": "object", "additionalProperties": TEXT},
        "container": OPEN,
        "image_uri": TEXT,
        "java_jars": TEXTS,
        "nsight": {},
        "rocprof_sys": {},
        "worker_process_setup_hook": TEXT,
        "config": {
            "type": "object",
            "properties": {
                "setup_timeout_seconds": {"type": "integer", "minimum": -1},
                "eager_install": {"type": "boolean"},
                "log_files": TEXTS,
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
"""The keys of a runtime environment; plugins may add others."""

SERVE_PORT = 8000
"""The port of Ray Serve to which the operator's service sends, unless a port of the container is named `serve`."""

REMOTE = re.compile(r"(https?|s3|gs|gcs|azure|abfss|hdfs|file|local)://")
ARCHIVE = re.compile(r".*\.(zip|tar\.gz|tgz|whl|jar)(\?.*)?")
REQUIREMENT_WITHOUT_NAME = re.compile(r"\s*(-|#|\S+://|[./~]|$)|.*@\s*\S+://")


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the texts of a manifest that Ray reads."""
    job: KeyPath = cluster_spec(document)[:-1]
    if document.get("kind") == "RayService":

        def rules(inner: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
            yield from serve(inner, top)
            yield from too_large(inner, document)
            yield from served_port(inner, document)

        stated = str(document.get(*cluster_spec(document), "rayVersion", default=""))
        other = stated.split(".")[:2] != serve_schema()["$comment"].split()[-1].split(".")[:2]
        for one in inside(document, ("spec", "serveConfigV2"), serve_schema(), rules):
            yield dataclasses.replace(one, severity="warning") if other and one.code in OF_VERSION else one
    if document.get("kind") in ("RayJob", "RayCronJob"):
        yield from inside(document, (*job, "runtimeEnvYAML"), RUNTIME_ENVIRONMENT, environment)
        yield from entrypoint(document, job)
        yield from entrypoint_resources(document, (*job, "entrypointResources"))


def inside(document: ClusterDocument, where: KeyPath, schema: dict[str, Any], rules: Any) -> Iterator[Finding]:
    """Yield the findings about a text of YAML, with the lines of the file."""
    text = document.get(*where)
    if not isinstance(text, str):
        return
    try:
        inner = parse(text, document.path)[0]
    except (ArgumentError, IndexError):
        return  # the operator's own rules report it
    node = document.node(where)
    offset = node.start_mark.line + 1 if node is not None and node.style in ("|", ">") else document.line(where) - 1
    block = node is not None and node.style == "|"
    found = [*violations(inner, schema), *rules(inner, ())]
    for one in found:
        line = offset + one.line if block else document.line(where)
        yield dataclasses.replace(one, line=line, where=".".join(map(str, (*where, one.where))).rstrip("."))


def violations(inner: ClusterDocument, schema: dict[str, Any]) -> Iterator[Finding]:
    """Yield the violations of a schema. Unknown keys are errors if they resemble a known one: Ray ignores them."""
    for error in import_module("jsonschema").Draft202012Validator(schema).iter_errors(inner.data):
        for one in schema_findings(inner, deepest(error)):
            unknown = one.code == "RTS103" and "did you mean" not in one.reason
            yield dataclasses.replace(one, severity="warning" if unknown else "error")


def deepest(error: Any) -> Any:
    """Return the error about the alternative that a value comes closest to: the one that fails furthest inside."""
    while error.context:
        error = max(error.context, key=lambda one: len(one.absolute_path))
    return error


def wrong(inner: ClusterDocument, where: KeyPath, reason: str, remedy: str) -> Finding:
    """Return a finding about a value that Ray rejects."""
    return finding(inner, CODE, where, reason, remedy, severity=CODES[CODE][0])


def serve(inner: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield what Ray Serve rejects in its config."""
    yield from setting_rules.check(inner, top, "serve")
    for place, reason, remedy in setting_rules.ordered(inner.data, ()):
        yield wrong(inner, place, reason, remedy)
    seen: dict[str, set[str]] = {"name": set(), "route_prefix": set()}
    applications = inner.entries("applications")
    if not applications and "applications" not in inner.data:
        remedy = "write `applications: [{name: ..., import_path: MODULE:APP, ...}]`"
        yield wrong(inner, (), "there are no `applications`", remedy)
    for index, one in enumerate(applications):
        if not isinstance(one, dict):
            continue
        where: KeyPath = ("applications", index)
        for key, default in (("name", "default"), ("route_prefix", "/")):
            value = str(one.get(key, default))
            if value in seen[key] and one.get(key, default) is not None:
                reason = f"two applications have the {key} {value!r}"
                yield wrong(inner, (*where, key), reason, "give each application its own")
            seen[key].add(value)
        for place in (where, *((*where, "deployments", n) for n in range(len(inner.entries(*where, "deployments"))))):
            options = (*place, "runtime_env") if place == where else (*place, "ray_actor_options", "runtime_env")
            if inner.mapping(*options):
                yield from environment(inner, options, remote=True)
        names = [str(one.get("name")) for one in inner.entries(*where, "deployments") if isinstance(one, dict)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            reason = f"two deployments are named {name!r}"
            yield wrong(inner, (*where, "deployments"), reason, "give each deployment its own name")


def environment(inner: ClusterDocument, top: KeyPath, *, remote: bool = False) -> Iterator[Finding]:
    """Yield what Ray rejects in a runtime environment.

    Args:
        inner: The document with the environment.
        top: Its key path.
        remote: Whether folders must be at a URI, as those of Ray Serve.
    """
    if top:
        given = {key: value for key, value in inner.mapping(*top).items() if value is not None}
        for error in import_module("jsonschema").Draft202012Validator(RUNTIME_ENVIRONMENT).iter_errors(given):
            error.path.extendleft(reversed(top))
            yield from schema_findings(inner, deepest(error))
    yield from setting_rules.check(inner, top, "runtime_env")
    yield from folders(inner, top, remote=remote)
    path = inner.get(*top, "env_vars", "PATH")
    if isinstance(path, str) and "$" not in path and "/usr/bin" not in path:
        reason = f"PATH is {path}, which replaces that of the image, so programs such as python are not found"
        remedy = f"write `PATH: {path}:${{PATH}}`"
        yield finding(inner, CODE, (*top, "env_vars", "PATH"), reason, remedy, severity="warning")
    for key in ("pip", "uv"):
        value = inner.get(*top, key)
        listed = value.get("packages") if isinstance(value, dict) else value
        if isinstance(listed, str) and re.search(r"[=<>,]|\s", listed.strip()):
            shown = ", ".join(listed.replace(",", " ").split())
            yield wrong(inner, (*top, key), f"`{key}` is {listed!r}, which Ray takes as a file", f"write [{shown}]")
        yield from of_packages(inner, (*top, key), listed)
        yield from own_ray(inner, (*top, key), listed if isinstance(listed, list) else [])
        for text in listed if isinstance(listed, list) else ():
            problem = bad_requirement(text) if isinstance(text, str) else None
            if problem is not None:
                yield wrong(inner, (*top, key), f"{text!r} is not a pip requirement", problem)


def own_ray(inner: ClusterDocument, where: KeyPath, requirements: list[Any]) -> Iterator[Finding]:
    """Yield a Ray among the packages of an environment, which must be that of the cluster."""
    for text in requirements:
        match = re.match(r"\s*ray(?:\[[\w,-]*\])?\s*(?:==\s*([\d.]+\w*))?\s*(?:$|[<>=!~;])", str(text))
        if match is not None:
            reason = f"{str(text)!r} installs Ray inside an environment; it must have the version of the cluster"
            remedy = "remove it: workers find the Ray of the image"
            yield finding(inner, CODE, where, reason, remedy, severity="warning")


def folders(inner: ClusterDocument, top: KeyPath, *, remote: bool) -> Iterator[Finding]:
    """Yield places of code that Ray cannot download."""
    for key in ("working_dir", "py_modules"):
        value = inner.get(*top, key)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and REMOTE.match(text):
                if not ARCHIVE.fullmatch(text) and not text.startswith("local://"):
                    reason = f"`{key}` is {text!r}, but Ray only downloads archives"
                    yield wrong(inner, (*top, key), reason, "write the URI of a .zip file")
            elif isinstance(text, str) and not remote and not text.startswith(("/", "~", "$")):
                reason = f"`{key}` is {text!r}, a folder of the pod that submits the job, not of your machine"
                remedy = "write the URI of a .zip file, or a folder that the image has, such as /home/ray/app"
                yield finding(inner, CODE, (*top, key), reason, remedy, severity="warning")
            elif isinstance(text, str) and remote:
                reason = f"`{key}` is {text!r}, but Ray Serve takes it from a URI only"
                yield wrong(inner, (*top, key), reason, "write the URI of a .zip file, such as s3://BUCKET/code.zip")


def bad_requirement(text: str) -> str | None:
    """Return what to write if a text is not a requirement of a package, None if it is one, a path or an option.

    Example:
        >>> bad_requirement("torch==2.4"), bad_requirement("git+https://a/b"), bad_requirement("torch=2.4")
        (None, None, "write 'torch==2.4'")
    """
    if REQUIREMENT_WITHOUT_NAME.match(text):
        return None
    requirements = import_module("packaging.requirements")
    try:
        requirements.Requirement(re.sub(r"\s#.*", "", text))
    except requirements.InvalidRequirement:
        better = re.sub(r"(?<![=<>!~])=(?!=)", "==", text)
        return f"write {better!r}" if better != text else "write, for example, 'torch==2.4.0'"
    return None


def entrypoint(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield parts of an entrypoint that do not run where they should.

    In K8sJobMode the operator writes `ray job submit ... -- ENTRYPOINT` in a shell of the pod that submits the job
    (ray-operator/controllers/ray/common/job.go), so that this shell reads the entrypoint.
    """
    where, text = (*job, "entrypoint"), document.get(*job, "entrypoint")
    if not isinstance(text, str):
        return
    parts = simple_commands(re.sub(r"\$\([^()]*\)", "X", text))
    if any(part.words[:3] == ("ray", "job", "submit") for part in parts):
        reason = "the operator submits the entrypoint as a job, which would then submit another one"
        yield finding(document, CODE, where, reason, "write only the command after `--`", severity="warning")
    first = parts[0].words[0] if parts and parts[0].words else ""
    if " " in first.strip() and not first.startswith("$"):
        reason = f"the entrypoint is one word in quotes, so the shell looks for a program named {first!r}"
        yield wrong(document, where, reason, f"write `entrypoint: {first}`, without the inner quotes")
    if document.get(*job, "submissionMode") not in (None, "K8sJobMode"):
        return
    outer = "".join(" " if quotation == "'" else char for char, quotation in quoted(text))
    more = [part for part in parts if part.after in (";", "&&", "||", "|", "&")]
    if more:
        reason = f"what follows `{more[0].after}` runs in the pod that submits the job, not in the cluster"
    elif "$(" in outer:
        reason = "`$(...)` is replaced in the pod that submits the job, which has other volumes than the cluster"
    else:
        return
    remedy = "write `entrypoint: bash -c '...'`, with the whole command in single quotes"
    yield finding(document, CODE, where, reason, remedy, severity="warning")


def too_large(inner: ClusterDocument, document: ClusterDocument) -> Iterator[Finding]:
    """Yield deployments of Ray Serve with replicas that no group of pods has the CPUs or GPUs for."""
    pools = kuberay_pools(document)
    if not pools:
        return
    for index, application in enumerate(inner.entries("applications")):
        deployments = application.get("deployments") if isinstance(application, dict) else None
        for number, one in enumerate(deployments if isinstance(deployments, list) else []):
            options = one.get("ray_actor_options") if isinstance(one, dict) else None
            each, count = (
                one.get(key) if isinstance(one, dict) else None for key in ("max_replicas_per_node", "num_replicas")
            )
            nodes = 1 + sum(pool.max_machines for pool in pools)
            if isinstance(each, int) and isinstance(count, int) and count > each * nodes:
                reason = f"there are {count} replicas with at most {each} on a node, but at most {nodes} nodes"
                place: KeyPath = ("applications", index, "deployments", number, "num_replicas")
                yield finding(inner, "RTS701", place, reason, f"write {each * nodes} or less, or allow more pods")
            for key, name in (("num_gpus", "gpus"), ("num_cpus", "cpus")) if isinstance(options, dict) else ():
                amounts = [getattr(pool, name) for pool in pools]
                wanted = options[key] if isinstance(options, dict) and key in options else None
                if isinstance(wanted, (int, float)) and None not in amounts and wanted > max(amounts, default=0):
                    place = ("applications", index, "deployments", number, "ray_actor_options", key)
                    reason = f"a replica needs {wanted:g} {key[4:].upper()}, but the largest pod has {max(amounts):g}"
                    yield finding(inner, "RTS701", place, reason, "request less, or more in a group of pods")


def served_port(inner: ClusterDocument, document: ClusterDocument) -> Iterator[Finding]:
    """Yield a port of Ray Serve to which the service of the operator does not send."""
    port, pools = inner.get("http_options", "port"), kuberay_pools(document)
    ports = document.entries(*pools[0].where, "template", "spec", "containers", 0, "ports") if pools else []
    named = [one.get("containerPort") for one in ports if isinstance(one, dict) and one.get("name") == "serve"]
    target = named[0] if named else SERVE_PORT
    if isinstance(port, int) and isinstance(target, int) and port != target and pools:
        reason = f"Ray Serve listens on port {port}, but the operator's service sends to {target}"
        remedy = f"add `{{containerPort: {port}, name: serve}}` to the ports of the head's container, or write {target}"
        yield finding(inner, "RTS411", ("http_options", "port"), reason, remedy)


def entrypoint_resources(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield a finding if the custom resources of an entrypoint are not a JSON object of numbers."""
    text = document.get(*where)
    if not isinstance(text, str):
        return
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(one, (int, float)) for one in value.values()):
        reason = f"`entrypointResources` is {text!r}, but must be a JSON object with numbers"
        yield wrong(document, where, reason, "write, for example, '{\"big\": 1}', in single quotes")
