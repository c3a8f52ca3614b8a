"""Checks of times after which jobs, services and pods are given up: none may be too short for a pod to start.

A pod on a new machine waits some minutes for the machine and for its image. The keys count seconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import cluster_spec, is_kuberay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.checks.pods import PodPlace
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

TO_START_A_CLUSTER, TO_START_A_POD = 120, 60
"""Seconds; less is hardly enough for a cluster of Ray, and for one pod."""

WITH_A_STUDY = 1800
"""Seconds; a job whose machines are started for it needs most of them until its first trials run."""

OF_KUBERAY = (
    *("activeDeadlineSeconds", "preRunningDeadlineSeconds"),
    *("serviceUnhealthySecondThreshold", "deploymentUnhealthySecondThreshold"),
)
TIMEOUT: KeyPath = ("metadata", "annotations", "ray.io/initializing-timeout")
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield times of a manifest that are too short for a cluster, a job or a deployment to start."""
    kind, places = document.get("kind"), []
    if is_kuberay(document):
        job = cluster_spec(document)[:-1] if kind != "RayCluster" else ()
        places = [((*job, key), document.get(*job, key)) for key in OF_KUBERAY] if job else []
        places.append((TIMEOUT, duration(str(document.get(*TIMEOUT, default="")))))
    elif kind in ("Job", "CronJob"):
        job = ("spec", "jobTemplate", "spec") if kind == "CronJob" else ("spec",)
        places = [((*job, "activeDeadlineSeconds"), document.get(*job, "activeDeadlineSeconds"))]
    elif kind == "Deployment":
        where: KeyPath = ("spec", "progressDeadlineSeconds")
        places = [(where, document.get(*where))]
    yield from of_study(document)
    for place, seconds in places:
        yield from too_short(document, place, seconds, TO_START_A_CLUSTER if is_kuberay(document) else TO_START_A_POD)


def of_study(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a deadline of a job that starts machines and runs a study, but ends when these have hardly started."""
    if document.get("kind") not in ("RayJob", "RayCronJob"):
        return
    job = cluster_spec(document)[:-1]
    where = (*job, "activeDeadlineSeconds")
    seconds, command = document.get(*where), str(document.get(*job, "entrypoint"))
    studies = re.search(r"raytune-suite\s+run|--storage-path", command)
    if type(seconds) is int and TO_START_A_CLUSTER <= seconds < WITH_A_STUDY and studies:
        reason = (
            f"`activeDeadlineSeconds` is {seconds} seconds, which includes the time to start machines and pull images: "
            "the job then fails, and its study ends"
        )
        remedy = f"write the time of the whole study: {seconds} minutes are {seconds * 60}"
        yield finding(document, "RTS821", where, reason, remedy)


def pod(document: ClusterDocument, place: PodPlace) -> Iterator[Finding]:
    """Yield a time after which a pod is ended that is too short for it to start."""
    where = (*place.where, "activeDeadlineSeconds")
    yield from too_short(document, where, document.get(*where), TO_START_A_POD)


def too_short(document: ClusterDocument, where: KeyPath, seconds: object, least: int) -> Iterator[Finding]:
    """Yield a finding if a number of seconds is positive, but less than it takes to start."""
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 < seconds < least:
        reason = f"`{where[-1]}` is {seconds:g} seconds, in which pods hardly start: machines and images take minutes"
        remedy = f"write the time in seconds: {seconds:g} hours are {seconds * 3600:g}, {seconds:g} minutes "
        yield finding(document, "RTS821", where, reason, f"{remedy}{seconds * 60:g}")


def duration(text: str) -> float | None:
    """Return whole seconds, or a duration of Go, in seconds; None if a text is neither.

    Example:
        >>> duration("90"), duration("1h30m"), duration("500ms"), duration("soon")
        (90.0, 5400.0, 0.5, None)
    """
    if text.isdecimal():
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)", text)
    whole = "".join(f"{number}{unit}" for number, unit in parts) == text
    return sum(float(number) * SECONDS[unit] for number, unit in parts) if parts and whole else None
