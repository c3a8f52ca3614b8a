"""Rehearse a KubeRay manifest: apply it in a disposable Kubernetes cluster, run a study, and delete a pod under it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.pools import cluster_of as cluster_document
from raytune_suite.cluster.rehearsal.adapt_manifest import WORKERS, adapt, cluster_of
from raytune_suite.cluster.rehearsal.lab_cluster import study_arguments
from raytune_suite.cluster.rehearsal.rehearse import STEPS, TRIALS, RehearsalResult, Step, wait
from raytune_suite.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.rehearsal.kubernetes import KubernetesLab

START_S, STUDY_S, BUSY_S, RETURN_S = 900.0, 900.0, 120.0, 180.0
"""The most seconds for: the pods to start (images are pulled), a study, its first checkpoints, and a new pod."""

HEAD, WORKER = "ray.io/node-type=head", "ray.io/node-type=worker"
"""KubeRay's labels of pods."""

FINISHED = {"SUCCEEDED": 0, "FAILED": 1, "STOPPED": 1}
"""The exit status that each final state of a RayJob stands for."""

OPERATOR = "1.5.1"
"""The version of KubeRay's operator, the oldest that our manifests need."""

OUR_STUDY = "raytune_suite.cluster.rehearsal.study"


class KubeRayRehearsal:
    """The steps of a rehearsal.

    Args:
        lab: The Kubernetes cluster.
        documents: The documents of the file.
        shared: The folder that all pods share.
        report: Called with a message about each event.
    """

    def __init__(
        self, lab: KubernetesLab, documents: list[ClusterDocument], shared: str, report: Callable[[str], None]
    ) -> None:
        self.lab, self.shared, self._report = lab, shared, report
        self.result = RehearsalResult()
        self.kind = str(cluster_document(documents).get("kind"))
        self.name = str(cluster_document(documents).get("metadata", "name"))
        self.documents, self.changes = adapt([one.data for one in documents])
        for change in self.changes:
            report(f"changed for the lab: {change}")

    def check(self, name: str, passed: bool, observed: str) -> bool:
        """Record a check, and return whether it passed."""
        self.result.steps.append(Step(name, passed, observed))
        self._report(f"{'ok  ' if passed else 'FAIL'} {name}: {observed}")
        return passed

    def images(self) -> list[str]:
        """Return the images of Ray's pods."""
        cluster = next(found for found in map(cluster_of, self.documents) if found)
        groups = [cluster["headGroupSpec"], *(cluster.get("workerGroupSpecs") or [])]
        return list(dict.fromkeys(group["template"]["spec"]["containers"][0]["image"] for group in groups))

    def pods(self, label: str) -> dict[str, bool]:
        """Return the pods with a label that are not being deleted: whether each is ready."""
        answer = json.loads(self.lab.kubectl("get", "pods", "--selector", label, "--output", "json"))
        return {
            pod["metadata"]["name"]: any(
                one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", [])
            )
            for pod in answer["items"]
            if not pod["metadata"].get("deletionTimestamp")
        }

    def up(self) -> bool:
        """Apply the manifests, and wait for the pods."""
        for image in self.images():
            source = "this host" if self.lab.load(image) else "its registry"
            self._report(f"the image {image} comes from {source}")
        place = self.lab.folder / "adapted.yaml"
        place.write_text(yaml.safe_dump_all(self.documents, sort_keys=False), encoding="utf-8")
        self.lab.kubectl("apply", "--filename", str(place))
        start = time.monotonic()
        ready = wait(lambda: any(self.pods(HEAD).values()), START_S)
        if not self.check("the head starts", ready, f"after {time.monotonic() - start:.0f} s"):
            return False
        wait(lambda: sum(self.pods(WORKER).values()) >= WORKERS, START_S)
        joined = sum(self.pods(WORKER).values())
        observed = f"{joined} of {WORKERS} after {time.monotonic() - start:.0f} s"
        return self.check("the workers join", joined >= WORKERS, observed)

    def in_head(self, *command: str) -> tuple[str, ...]:
        """Return a command that runs another one in the head's pod."""
        return self.lab.command("exec", next(iter(self.pods(HEAD))), "--container", self.container(), "--", *command)

    def container(self) -> str:
        """Return the name of Ray's container in the head's pod."""
        cluster = next(found for found in map(cluster_of, self.documents) if found)
        return str(cluster["headGroupSpec"]["template"]["spec"]["containers"][0]["name"])

    def checkpoints(self) -> int:
        """Return the number of checkpoints in the shared folder."""
        command = self.in_head("find", self.shared, "-name", "checkpoint_*")
        return len(self.lab.run(command, BUSY_S)[1].split())

    def study(self, script: str | None, arguments: Sequence[str]) -> Callable[[], int | None]:
        """Start a study on the head, and return a function with its exit status, None while it runs.

        The study of a RayJob starts with its cluster.
        """
        if self.kind != "RayCluster":
            query = self.lab.command("get", self.kind.lower(), self.name, "--output", "jsonpath={.status.jobStatus}")
            return lambda: FINISHED.get(self.lab.run(query, BUSY_S)[1].strip())
        command = ["python", "-m", OUR_STUDY]
        own = study_arguments(self.shared, trials=TRIALS, steps=STEPS, seconds=1.0)
        if script is not None:
            target = f"/tmp/{Path(script).name}"  # noqa: S108 - in the pod
            self.lab.kubectl("cp", script, f"{next(iter(self.pods(HEAD)))}:{target}", "--container", self.container())
            command, own = ["python", target], list(arguments)
        with (self.lab.folder / "study.log").open("wb") as log:
            process = subprocess.Popen(self.in_head(*command, *own), stdout=log, stderr=subprocess.STDOUT)  # noqa: S603 - our own
        return process.poll

    def lose_a_pod(self, status: Callable[[], int | None]) -> bool:
        """Delete a worker under a study, and check that the study ends well and the pod is replaced."""
        busy = wait(lambda: status() is not None or self.checkpoints() > 0, BUSY_S)
        if status() is not None:
            return self.check("the study runs", False, f"it ended with {status()} before there was anything to lose")
        lost, cut = next(iter(self.pods(WORKER))), time.monotonic()
        self.lab.kubectl("delete", "pod", lost, "--grace-period=0", "--force")
        self._report(
            f"deleted {lost} {'after the first checkpoint' if busy else 'without a checkpoint to resume from'}"
        )
        wait(lambda: status() is not None, STUDY_S)
        passed = self.check("the study runs to its end", status() == 0, f"status {status()}")
        if self.kind != "RayCluster":
            return passed  # the operator removes the cluster of a job that has ended
        back = wait(lambda: len(self.pods(WORKER).keys() - {lost}) >= WORKERS, RETURN_S)
        return self.check("the lost pod is replaced", back, f"{time.monotonic() - cut:.0f} s after the loss") and passed


def rehearse(
    lab: KubernetesLab,
    documents: list[ClusterDocument],
    program: tuple[str | None, Sequence[str]],
    shared: str,
    report: Callable[[str], None],
) -> tuple[RehearsalResult, list[str]]:
    """Run a complete rehearsal, and remove the Kubernetes cluster. Return the result, and the changes to the file.

    Args:
        lab: The Kubernetes cluster, not yet started.
        documents: The documents of the file.
        program: The study and its arguments; None for our own, which the image must contain.
        shared: The folder that all pods share.
        report: Called with a message about each event.

    Raises:
        RehearsalError: If a command fails before the study has started.
    """
    rehearsal = KubeRayRehearsal(lab, documents, shared, report)
    if rehearsal.kind not in ("RayCluster", "RayJob"):
        raise RehearsalError(f"the file describes a {rehearsal.kind}, but only a RayCluster or a RayJob is rehearsed")
    result = rehearsal.result
    try:
        report(f"creating a Kubernetes cluster with {lab.kind}")
        lab.start(OPERATOR)
        if rehearsal.up():
            rehearsal.lose_a_pod(rehearsal.study(*program))
        result.unrehearsed = ["autoscaling", "GPUs", "placement on nodes", "storage classes"]
    finally:
        removed = lab.stop()
        rehearsal.check("nothing is left running", removed, f"the {lab.kind} cluster {lab.name} is removed")
    return result, rehearsal.changes
