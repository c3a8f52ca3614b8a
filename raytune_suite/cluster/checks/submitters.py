"""Checks of how a RayJob is submitted, queued and removed: the pod that submits it, Kueue, batch schedulers, names.

Sources: `GetSubmitterTemplate` and `BuildJobSubmitCommand` of KubeRay; Kueue, "Run A RayCluster" and "Run A RayJob";
the labels of Volcano, YuniKorn and KAI in KubeRay's batchscheduler; read in 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.kuberay_groups import RAY_IMAGE
from raytune_suite.cluster.checks.kuberay_jobs import POD
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.pools import cluster_spec, container_amounts, gpu_devices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

QUEUE = "kueue.x-k8s.io/queue-name"
KNOWN: dict[str, tuple[str, ...]] = {
    "kueue.x-k8s.io": (
        *("queue-name", "priority-class", "max-exec-time-seconds", "prebuilt-workload-name", "managed", "elastic-job"),
        *("podset-required-topology", "podset-preferred-topology", "podset-unconstrained-topology", "pod-group-name"),
        *("pod-group-total-count", "podset", "workload", "job-uid", "retriable-in-group", "pod-group-fast-admission"),
        *("podset-group-name", "podset-slice-required-topology", "podset-slice-size", "admission-gated-by"),
    ),
    "volcano.sh": ("queue-name", "network-topology-mode", "network-topology-highest-tier-allowed", "preemptable"),
    "yunikorn.apache.org": ("app-id", "queue", "queuename", "task-group-name", "task-groups", "user.info"),
    "kai.scheduler": ("queue", "node-pool"),
    "ray.io": (
        *("ft-enabled", "external-storage-namespace", "overwrite-container-cmd", "initializing-timeout", "cluster"),
        *("scheduler-name", "gang-scheduling-enabled", "priority-class-name", "node-type", "group", "is-ray-node"),
        *("enable-serve-service", "disable-provisioned-head-restart", "originated-from-cr-name", "originated-from-crd"),
        *("serve", "identifier", "cluster-dashboard", "kuberay-version", "job-submission-id", "rayjob-submission-mode"),
    ),
}
"""Labels and annotations of the operator, and of programs that queue pods."""

SCHEDULER = "ray.io/scheduler-name"
SCHEDULERS = ("volcano", "yunikorn", "kai-scheduler", "scheduler-plugins-scheduler", "koordinator", "koord-scheduler")
SUBMITTER: KeyPath = ("submitterPodTemplate", "spec")
JOB_ID = re.compile(r"[A-Za-z0-9][\w.-]*")
MOST_GROUPS = 7


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in how a job or cluster is submitted and queued."""
    yield from queues(document)
    if document.get("kind") not in ("RayJob", "RayCronJob"):
        return
    job = cluster_spec(document)[:-1]
    yield from pod(document, job)
    yield from modes(document, job)
    yield from removal(document, job)


def pod(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield what a Job of Kubernetes rejects in the pod that submits, and what keeps it from submitting."""
    spec: KeyPath = (*job, *SUBMITTER)
    if not document.mapping(*spec):
        if document.get(*job, SUBMITTER[0]) is not None:
            reason = "`submitterPodTemplate` has no `spec`, and the operator does not fill it in"
            yield finding(
                document, "RTS811", (*job, SUBMITTER[0]), reason, "add `spec: {containers: [...]}`, or remove it"
            )
        return
    policy = document.get(*spec, "restartPolicy")
    if policy in (None, "", "Always"):
        state = "Always" if policy else "missing, so Always"
        reason = f"`restartPolicy` of the pod that submits the job is {state}, which Kubernetes rejects for jobs"
        place = (*spec, "restartPolicy") if policy else spec
        yield finding(document, "RTS817", place, reason, "write `restartPolicy: Never`")
    if not document.entries(*spec, "containers"):
        reason = "the pod that submits the job has no container, and the operator does not add one"
        yield finding(document, "RTS811", spec, reason, "add `containers: [{name: ray-job-submitter, image: ...}]`")
    container: KeyPath = (*spec, "containers", 0)
    words = [str(one) for key in ("command", "args") for one in document.entries(*container, key)]
    if words and "submit" not in " ".join(words) and not any(one.endswith((".sh", ".py")) for one in words):
        key = "command" if document.entries(*container, "command") else "args"
        reason = f"the pod that submits the job runs `{' '.join(words)[:50]}` instead, so nothing is submitted"
        yield finding(document, "RTS811", (*container, key), reason, "remove it: the operator writes the command")
    image, stated = str(document.get(*container, "image")), document.get(*job, "rayClusterSpec", "rayVersion")
    match = RAY_IMAGE.match(image)
    if match is not None and isinstance(stated, str) and match[1] != stated:
        reason = f"the pod that submits the job has Ray {match[1]}, but the cluster {stated}"
        yield finding(
            document, "RTS819", (*container, "image"), reason, f"use an image with Ray {stated}", severity="warning"
        )
    if any(gpu_devices(container_amounts(document, container)).values()):
        reason = "the pod that submits the job has a GPU, which it never uses, and waits for"
        yield finding(document, "RTS702", (*container, "resources"), reason, "remove it")


def modes(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield settings that a way to submit jobs does not use."""
    mode, place = document.get(*job, "submissionMode"), (*job, "submissionMode")
    if mode == "InteractiveMode" and document.get(*job, "entrypoint"):
        reason = "in InteractiveMode the operator does not run the `entrypoint`, but waits until you submit a job"
        yield finding(document, "RTS811", place, reason, "write `submissionMode: K8sJobMode`", severity="warning")
    for key in (SUBMITTER[0], "submitterConfig") if mode in ("HTTPMode", "InteractiveMode") else ():
        if document.get(*job, key) is not None:
            reason = f"`{key}` is not used in {mode}, in which no pod submits the job"
            yield finding(document, "RTS811", (*job, key), reason, "remove it", severity="warning")
    name = document.get(*job, "jobId")
    if isinstance(name, str) and name and not JOB_ID.fullmatch(name) and "$" not in name:
        reason = f"`jobId` is {name!r}, but the operator writes it into a command and a URL as it is"
        yield finding(document, "RTS811", (*job, "jobId"), reason, "use letters, digits, `-` and `_`")


def removal(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield a job whose cluster stays when it is finished, and one that never starts."""
    own = document.get(*job, "rayClusterSpec") is not None and not document.get(*job, "clusterSelector")
    kept = document.get(*job, "shutdownAfterJobFinishes") is not True and document.get(*job, "deletionStrategy") is None
    if own and kept and document.get(*job, "submissionMode") != "InteractiveMode":
        where = (*job, "shutdownAfterJobFinishes") if "shutdownAfterJobFinishes" in document.mapping(*job) else job
        reason = "the cluster stays when the job is finished, and its machines cost money"
        yield finding(document, "RTS212", where, reason, "write `shutdownAfterJobFinishes: true`")
    queued = QUEUE in document.mapping("metadata", "labels") or document.get("spec", "managedBy")
    for where in {("spec", "suspend"), (*job, "suspend")}:
        if document.get(*where) is True and not queued:
            reason = "it is suspended, so nothing starts until somebody changes this"
            remedy = f"remove `suspend`, or add the label {QUEUE}, if Kueue starts it"
            yield finding(document, "RTS202", where, reason, remedy, severity="warning")


def queues(document: ClusterDocument) -> Iterator[Finding]:
    """Yield labels by which a queue or a scheduler does not find a cluster, and clusters that Kueue does not admit."""
    labels = document.mapping("metadata", "labels")
    places: list[KeyPath] = [("metadata", "labels"), ("metadata", "annotations")]
    for place in places:
        for key in document.mapping(*place):
            prefix, _, name = str(key).partition("/")
            known = KNOWN.get(prefix, ())
            hint = "" if name in known else closest(name, known) or closest(f"{name}-name", known)
            if hint:
                reason = f"nothing reads {key}: {hint}"
                better = hint.split("'")[1]
                yield finding(
                    document, "RTS813", (*place, key), reason, f"write `{prefix}/{better}`", severity="warning"
                )
    scheduler = labels.get(SCHEDULER)
    if isinstance(scheduler, str) and scheduler not in SCHEDULERS:
        hint = closest(scheduler, SCHEDULERS)
        hint = hint or next((f"did you mean {one!r}?" for one in SCHEDULERS if scheduler.startswith(one)), "")
        reason = f"KubeRay has no scheduler {scheduler!r}{hint and f': {hint}'}"
        where: KeyPath = ("metadata", "labels", SCHEDULER)
        remedy = f"write one of {', '.join(SCHEDULERS[:3])}"
        yield finding(document, "RTS813", where, reason, remedy, severity="warning")
    if QUEUE in labels:
        yield from kueue(document)
        return
    for place in (places[1], (*cluster_spec(document), "headGroupSpec", *POD[:1], "metadata", "labels")):
        if QUEUE in document.mapping(*place):
            reason = f"Kueue reads {QUEUE} from the labels of the {document.get('kind')} itself"
            remedy = "move it to `metadata.labels`"
            yield finding(document, "RTS813", (*place, QUEUE), reason, remedy, severity="warning")


def kueue(document: ClusterDocument) -> Iterator[Finding]:
    """Yield what Kueue does not admit in a cluster or job with the label of a queue."""
    top, kind = cluster_spec(document), document.get("kind")
    elastic = any("elastic-job" in str(key) for key in document.mapping("metadata", "annotations"))
    if document.get(*top, "enableInTreeAutoscaling") is True and not elastic:
        reason = "Kueue does not admit clusters with autoscaling, unless its feature ElasticJobsViaWorkloadSlices is on"
        remedy = "write `enableInTreeAutoscaling: false` and `replicas` for each group, or remove the label"
        yield finding(document, "RTS811", (*top, "enableInTreeAutoscaling"), reason, remedy, severity="warning")
    count = len(document.entries(*top, "workerGroupSpecs"))
    if count > MOST_GROUPS:
        reason = f"Kueue admits clusters with at most {MOST_GROUPS} worker groups, and this one has {count}"
        place: KeyPath = (*top, "workerGroupSpecs")
        yield finding(document, "RTS811", place, reason, "join some of them", severity="warning")
    job = top[:-1]
    if kind == "RayJob" and document.get(*job, "shutdownAfterJobFinishes") is not True:
        reason = "Kueue does not admit jobs whose cluster stays when they are finished"
        where: KeyPath = ("metadata", "labels", QUEUE)
        yield finding(document, "RTS811", where, reason, "add `shutdownAfterJobFinishes: true`", severity="warning")
    if kind == "RayJob" and document.get(*job, "clusterSelector"):
        reason = "Kueue does not admit jobs that select a cluster: it queues clusters"
        remedy = "remove the label of the queue"
        yield finding(document, "RTS811", (*job, "clusterSelector"), reason, remedy, severity="warning")
