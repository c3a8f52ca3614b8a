"""Check that the runtime environment of a job does not contradict the pods: variables, and packages of their image.

Sources: "Environment Dependencies" of Ray's documentation; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_jobs import POD
from raytune_suite.cluster.checks.kuberay_rules import groups
from raytune_suite.cluster.checks.kuberay_runtime import PYTHON_OF_TAG, RAY_OF_TAG
from raytune_suite.cluster.checks.pod_runtime import OF_RAY
from raytune_suite.cluster.pools import cluster_spec, dicts, kuberay_pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

SET_BY_RAY = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "RAY_JOB_CONFIG_JSON_ENV_VAR")
AT_START = ("RAY_health_check", "RAY_gcs_", "RAY_memory_monitor", "RAY_memory_usage", "RAY_object_", "RAY_raylet_")
"""Beginnings of settings that Ray reads when a node starts."""


PROGRAM = re.compile(r"(?:^|[\s'\"(;&|])(?:python[\d.]* -m raytune_suite|raytune-suite)\s")
INSTALLED = re.compile(r"\b(?:pip|uv|conda)\b.*raytune|working_dir|image_uri|py_modules|py_executable", re.DOTALL)


def missing_program(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield an image of Ray alone in a job that runs `raytune-suite`."""
    command, environment = (str(document.get(*top[:-1], key) or "") for key in ("entrypoint", "runtimeEnvYAML"))
    place = (*top, "headGroupSpec", *POD, "containers", 0, "image")
    image = str(document.get(*place))
    if PROGRAM.search(command) and OF_RAY.match(image) and not INSTALLED.search(f"{command}\n{environment}"):
        reason = f"{image} does not have raytune-suite, which `entrypoint` runs"
        remedy = "use an image that you made from it (clusters/kuberay/Dockerfile)"
        yield finding(document, "RTS306", place, reason, remedy)


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a job whose pods lack the program, and variables of its environment that contradict theirs."""
    top = cluster_spec(document)
    if document.get("kind") in ("RayJob", "RayCronJob"):
        yield from missing_program(document, top)
        yield from environment(document, top)


def environment(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield variables of a job's runtime environment that contradict those of its pods, or have no effect."""
    where, text = (*top[:-1], "runtimeEnvYAML"), document.get(*top[:-1], "runtimeEnvYAML")
    if not isinstance(text, str):
        return
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return  # the operator's own rules report it
    given = value.get("env_vars") if isinstance(value, dict) else None
    image = str(value.get("image_uri", "")) if isinstance(value, dict) else ""
    head = str(document.get(*top, "headGroupSpec", *POD, "containers", 0, "image"))
    for pattern, what in ((RAY_OF_TAG, "Ray"), (PYTHON_OF_TAG, "Python")):
        one, other = pattern.search(image), pattern.search(head)
        if one is not None and other is not None and one.groups() != other.groups():
            stated, has = (".".join(match.groups()) for match in (one, other))
            reason = f"`image_uri` has {what} {stated}, but the pods have {has}: Ray needs the same"
            yield finding(document, "RTS819", where, reason, f"use an image with {what} {has}")
    gpus = any(pool.gpus for pool in kuberay_pools(document))
    if gpus and re.search(r"\btorch==[\w.]+\+cpu|whl/cpu\b", text):
        reason = "the runtime environment installs PyTorch for CPUs, so trials do not use their GPUs"
        yield finding(document, "RTS303", where, reason, "remove it: the image has PyTorch", severity="warning")
    own = {
        str(entry.get("name")): str(entry["value"])
        for group in ((*top, "headGroupSpec"), *groups(document, top))
        for entry in dicts(document.entries(*group, *POD, "containers", 0, "env"))
        if "value" in entry
    }
    for name, text_of in given.items() if isinstance(given, dict) else ():
        if name in SET_BY_RAY:
            reason = f"`env_vars` sets {name}, by which Ray gives each trial its own GPUs: all trials use the same one"
            yield finding(document, "RTS820", where, reason, "remove it", severity="warning")
        elif str(name).startswith(AT_START):
            reason = f"Ray reads {name} when a node starts, so it has no effect in `env_vars`"
            remedy = "move it to the `env` of the containers"
            yield finding(document, "RTS820", where, reason, remedy, severity="warning")
        elif name in own and own[str(name)] != str(text_of):
            reason = f"`env_vars` sets {name} to {text_of!r}, but the pods have {own[str(name)]!r}"
            yield finding(document, "RTS820", where, reason, "keep one of them", severity="warning")
