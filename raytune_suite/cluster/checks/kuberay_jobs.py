"""The rules by which KubeRay's operator rejects jobs and services that its schema accepts.

Source: as in `kuberay_rules`.
"""

from __future__ import annotations

import re
import zoneinfo
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks.cron import never, wrong_schedule
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.schema_errors import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

POD: KeyPath = ("template", "spec")
SUBMISSION_MODES = ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode")
UPGRADES = ("NewCluster", "None", "NewClusterWithIncrementalUpgrade")
DELETION_ORDER = ("DeleteWorkers", "DeleteCluster", "DeleteSelf")
MANAGERS = ("ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue")
TIMEOUT: KeyPath = ("metadata", "annotations", "ray.io/initializing-timeout")
DURATION = re.compile(r"[1-9]\d*|(?=.*[1-9])(\d+(\.\d+)?(ns|us|ms|s|m|h))+")
"""Whole seconds, or a duration of Go, such as 1h30m."""


def rejected(document: ClusterDocument, where: KeyPath, reason: str, remedy: str) -> Finding:
    """Return a finding about something that the operator rejects."""
    return finding(document, "RTS811", where, f"KubeRay rejects this: {reason}", remedy)


def number(value: Any) -> int:
    """Return a whole number, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def job_of(kind: str) -> KeyPath:
    """Return the key path of the job that a manifest of a kind describes."""
    return ("spec", "jobTemplate") if kind == "RayCronJob" else ("spec",)


def life_cycle(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in how a job ends."""
    shutdown = document.get(*job, "shutdownAfterJobFinishes") is True
    mode = document.get(*job, "submissionMode")
    suspended = document.get(*job, "suspend") is True
    if number(document.get(*job, "ttlSecondsAfterFinished")) > 0 and not shutdown:
        reason = "`ttlSecondsAfterFinished` is set, but the cluster is not removed when the job is finished"
        yield rejected(document, (*job, "ttlSecondsAfterFinished"), reason, "add `shutdownAfterJobFinishes: true`")
    if suspended and not shutdown:
        reason = "a job can only be suspended if its cluster is removed when it is finished"
        yield rejected(document, (*job, "suspend"), reason, "add `shutdownAfterJobFinishes: true`, or remove `suspend`")
    if mode == "InteractiveMode" and number(document.get(*job, "backoffLimit")) > 0:
        reason = "`backoffLimit` is set, but a job in InteractiveMode is not submitted again"
        yield rejected(document, (*job, "backoffLimit"), reason, "write `backoffLimit: 0`, or remove it")
    for key, least in (
        *(("backoffLimit", 0), ("ttlSecondsAfterFinished", 0)),
        *(("activeDeadlineSeconds", 1), ("preRunningDeadlineSeconds", 1)),
    ):
        value = document.get(*job, key)
        if isinstance(value, int) and value < least:
            reason = f"`{key}` is {value}, but must be at least {least}"
            yield rejected(document, (*job, key), reason, f"write {least} or more, or remove it")
    tries: KeyPath = (*job, "submitterConfig", "backoffLimit")
    if number(document.get(*tries)) < 0:
        reason = f"`backoffLimit` is {document.get(*tries)}, but must be at least 0"
        yield finding(document, "RTS817", tries, reason, "write 0 or more, or remove it")


def submission(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in how a job is submitted, and a job without a program."""
    mode = document.get(*job, "submissionMode")
    if mode == "SidecarMode":
        for key in ("submitterPodTemplate", "submitterConfig"):
            if document.get(*job, key) is not None:
                reason = f"`{key}` is set, but in SidecarMode there is no pod that submits the job"
                yield rejected(document, (*job, key), reason, "remove it, or write `submissionMode: K8sJobMode`")
        policy: KeyPath = (*job, "rayClusterSpec", "headGroupSpec", *POD, "restartPolicy")
        if document.get(*policy) not in (None, "Never"):
            reason = "in SidecarMode the head must not restart"
            yield rejected(document, policy, reason, "write `restartPolicy: Never`, or remove it")
    if mode is not None and mode not in SUBMISSION_MODES:
        hint = closest(str(mode), SUBMISSION_MODES)
        reason = f"`submissionMode` is {mode!r}{hint and f': {hint}'}"
        yield rejected(document, (*job, "submissionMode"), reason, f"write one of {', '.join(SUBMISSION_MODES)}")
    own_command = document.get(*job, "submitterPodTemplate", "spec", "containers", 0, "command")
    if not document.get(*job, "entrypoint") and mode != "InteractiveMode" and not own_command:
        remedy = "add `entrypoint: python ...`, or write `submissionMode: InteractiveMode`"
        yield finding(document, "RTS811", job, "the job has no `entrypoint`, so nothing is run", remedy)


def selection(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in which cluster a job uses."""
    selector, spec = document.get(*job, "clusterSelector"), document.get(*job, "rayClusterSpec")
    where = (*job, "clusterSelector")
    if not selector and spec is None:
        yield rejected(document, job, "the job has no cluster", "add `rayClusterSpec: ...`, or a `clusterSelector`")
    if not selector:
        return
    if spec is not None:
        reason = "the job has both a `clusterSelector` and a `rayClusterSpec`: it runs on the selected cluster only"
        yield finding(document, "RTS811", where, reason, "remove one of them")
    if isinstance(selector, dict) and not selector.get("ray.io/cluster"):
        reason = "`clusterSelector` does not name the cluster"
        yield rejected(document, where, reason, "write `clusterSelector: {ray.io/cluster: NAME}`")
    if document.get(*job, "suspend") is True:
        reason = "`suspend` is set, but the job does not own the cluster that it selects"
        yield rejected(document, (*job, "suspend"), reason, "remove `suspend`")
    if number(document.get(*job, "backoffLimit")) > 0:
        reason = "`backoffLimit` is set, but a job on a selected cluster is not run again"
        yield rejected(document, (*job, "backoffLimit"), reason, "remove it")
    if document.get(*job, "submissionMode") == "SidecarMode":
        reason = "SidecarMode needs a cluster of the job's own"
        yield rejected(document, (*job, "submissionMode"), reason, "write `submissionMode: K8sJobMode`")


def runtime_environment(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield a finding if the runtime environment is not YAML, or has keys that Ray does not know."""
    where = (*job, "runtimeEnvYAML")
    text = document.get(*where)
    if not isinstance(text, str):
        return
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        yield rejected(document, where, f"`runtimeEnvYAML` is not YAML: {problem[:120]}", "correct it")
        return
    if value is not None and not isinstance(value, dict):
        reason = "`runtimeEnvYAML` is not a mapping"
        yield rejected(document, where, reason, "write `key: value` lines, such as `pip: [...]`, after `|`")


def deletion(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in the rules by which a job's cluster is removed."""
    where = (*job, "deletionStrategy")
    if document.get(*where) is None:
        return
    rules, legacy = document.entries(*where, "deletionRules"), ("onSuccess", "onFailure")
    given = [key for key in legacy if document.get(*where, key) is not None]
    if rules and given:
        reason = f"`deletionRules` and `{given[0]}` are both set"
        yield rejected(document, where, reason, "keep the rules only")
    if not rules and len(given) < len(legacy):
        yield rejected(document, where, "it has no rules", "add `deletionRules`, or both `onSuccess` and `onFailure`")
    if rules and document.get(*job, "shutdownAfterJobFinishes") is True:
        reason = "`shutdownAfterJobFinishes` and `deletionRules` are both set"
        yield rejected(document, (*job, "shutdownAfterJobFinishes"), reason, "keep one of them")
    yield from legacy_deletion(document, job, given)
    yield from deletion_rules(document, job, rules)


def legacy_deletion(document: ClusterDocument, job: KeyPath, given: list[str]) -> Iterator[Finding]:
    """Yield policies of `onSuccess` and `onFailure` that contradict the job."""
    shutdown = document.get(*job, "shutdownAfterJobFinishes") is True
    scaled = document.get(*job, "rayClusterSpec", "enableInTreeAutoscaling") is True
    for key in given:
        where = (*job, "deletionStrategy", key, "policy")
        policy = document.get(*where)
        if policy is None:
            yield rejected(document, where[:-1], f"`{key}` has no `policy`", "add `policy: DeleteCluster`")
        elif policy == "DeleteNone" and shutdown:
            reason = f"`{key}` keeps the cluster, but `shutdownAfterJobFinishes` is true"
            yield rejected(document, where, reason, "remove `shutdownAfterJobFinishes`, or write DeleteCluster")
        elif policy == "DeleteWorkers" and scaled:
            yield rejected(document, where, "DeleteWorkers does not work with autoscaling", "write DeleteCluster")
        elif policy in DELETION_ORDER[:2] and document.get(*job, "clusterSelector"):
            reason = f"`{key}` is {policy}, but the job does not own the cluster that it selects"
            yield rejected(document, where, reason, "write DeleteSelf or DeleteNone")


def deletion_rules(document: ClusterDocument, job: KeyPath, rules: list[Any]) -> Iterator[Finding]:
    """Yield rules of deletion that contradict each other or the cluster."""
    scaled = document.get(*job, "rayClusterSpec", "enableInTreeAutoscaling") is True
    times: dict[str, dict[str, int]] = {}
    for index, rule in enumerate(rules):
        place = (*job, "deletionStrategy", "deletionRules", index)
        policy = str(document.get(*place, "policy"))
        seconds = number(document.get(*place, "condition", "ttlSeconds"))
        if not isinstance(rule, dict):
            continue
        states = [key for key in ("jobStatus", "jobDeploymentStatus") if document.get(*place, "condition", key)]
        if len(states) != 1:
            reason = "a condition names either `jobStatus` or `jobDeploymentStatus`"
            yield rejected(document, (*place, "condition"), reason, "keep one of them" if states else "add one")
            continue
        status = str(document.get(*place, "condition", states[0]))
        if seconds < 0:
            yield rejected(document, place, f"`ttlSeconds` is {seconds}", "write 0 or more")
        if policy == "DeleteWorkers" and scaled:
            yield rejected(document, place, "DeleteWorkers does not work with autoscaling", "write DeleteCluster")
        if policy in DELETION_ORDER[:2] and document.get(*job, "clusterSelector"):
            reason = f"the policy is {policy}, but the job does not own the cluster that it selects"
            yield rejected(document, place, reason, "write DeleteSelf")
        if policy in times.setdefault(status, {}):
            yield rejected(document, place, f"a second rule for {policy} after {status}", "remove one of them")
        times[status][policy] = seconds
        order = [times[status][one] for one in DELETION_ORDER if one in times[status]]
        if order != sorted(order):
            reason = f"{policy} happens in the wrong order: workers, then the cluster, then the job itself are deleted"
            yield rejected(document, place, reason, "correct the `ttlSeconds`")


def service(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield what the operator rejects in a RayService."""
    del job
    head_name: KeyPath = ("spec", "rayClusterConfig", "headGroupSpec", "headService", "metadata", "name")
    if document.get(*head_name):
        yield rejected(document, head_name, "the head's service of a RayService must not have a name", "remove it")
    delay = document.get("spec", "rayClusterDeletionDelaySeconds")
    if number(delay) < 0:
        where: KeyPath = ("spec", "rayClusterDeletionDelaySeconds")
        yield rejected(document, where, f"the delay is {delay}", "write 0 or more")
    upgrade: KeyPath = ("spec", "upgradeStrategy", "type")
    if document.get(*upgrade) is not None and document.get(*upgrade) not in UPGRADES:
        reason = f"the type of the upgradeStrategy is {document.get(*upgrade)!r}"
        yield rejected(document, upgrade, reason, f"write one of {', '.join(UPGRADES)}")
    text = document.get("spec", "serveConfigV2")
    if isinstance(text, str):
        try:
            applications = yaml.safe_load(text)
        except yaml.YAMLError:
            applications = None
        if not isinstance(applications, dict):
            reason = "`serveConfigV2` is not YAML with `applications: [...]`"
            yield rejected(document, ("spec", "serveConfigV2"), reason, "correct it")


def upgrade(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield what the operator rejects in the upgrade of a RayService, and a wrong time to wait for it."""
    del job
    timeout = document.get(*TIMEOUT)
    if isinstance(timeout, str) and timeout and not DURATION.fullmatch(timeout):
        reason = f"the annotation {TIMEOUT[-1]} is {timeout!r}, but must be a positive time"
        yield rejected(document, TIMEOUT, reason, 'write, for example, "30m", or seconds')
    where: KeyPath = ("spec", "upgradeStrategy")
    if document.get(*where, "type") != "NewClusterWithIncrementalUpgrade":
        return
    if document.get("spec", "rayClusterConfig", "enableInTreeAutoscaling") is not True:
        reason = "an incremental upgrade needs the autoscaler"
        yield rejected(document, where, reason, "add `enableInTreeAutoscaling: true` below `rayClusterConfig`")
    options = document.mapping(*where, "clusterUpgradeOptions")
    if not options:
        reason = "an incremental upgrade needs `clusterUpgradeOptions`"
        remedy = "add `clusterUpgradeOptions: {gatewayClassName: ..., stepSizePercent: 10, intervalSeconds: 30}`"
        yield rejected(document, where, reason, remedy)
    for key, least, most in (
        *(("maxSurgePercent", 0, 100), ("stepSizePercent", 0, 100)),
        ("intervalSeconds", 1, 2**31),
    ):
        value = options.get(key)
        if isinstance(value, int) and not least <= value <= most:
            reason = f"`{key}` is {value}, but must be between {least} and {most}"
            yield rejected(document, (*where, "clusterUpgradeOptions", key), reason, "correct it")
    step, surge = options.get("stepSizePercent"), options.get("maxSurgePercent", 100)
    if isinstance(step, int) and isinstance(surge, int) and step > surge:
        place: KeyPath = (*where, "clusterUpgradeOptions", "stepSizePercent")
        reason = f"`stepSizePercent` is {step}, above `maxSurgePercent`, which is {surge}"
        yield rejected(document, place, reason, f"write {surge} or less")


def manager(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield a controller that the schema of KubeRay does not allow."""
    for where in {("spec", "managedBy"), (*job, "managedBy")}:
        value = document.get(*where)
        if isinstance(value, str) and value not in MANAGERS:
            hint = closest(value, MANAGERS)
            reason = f"`managedBy` is {value!r}, but must be {' or '.join(MANAGERS)}{hint and f': {hint}'}"
            yield rejected(document, where, reason, "remove it: Kueue manages a job by the label with its queue")


def schedule(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield a finding if the schedule of a RayCronJob is not one of cron."""
    del job
    text, where = document.get("spec", "schedule"), ("spec", "schedule")
    if isinstance(text, str) and "TZ" in text:
        yield rejected(document, where, "the schedule has a time zone", "move it to `timeZone`")
    elif isinstance(text, str) and (wrong := wrong_schedule(text)) is not None:
        reason = f"the schedule {text!r} is not one of cron: {wrong}"
        yield rejected(document, where, reason, 'write, for example, "0 3 * * *" for 3 o\'clock each night')
    elif isinstance(text, str) and never(text):
        reason = f"the schedule {text!r} names a day that its month does not have, so no job is ever started"
        yield finding(document, "RTS811", where, reason, "correct the day or the month")
    zone, place = document.get("spec", "timeZone"), ("spec", "timeZone")
    known = zoneinfo.available_timezones() if isinstance(zone, str) and zone != "Local" else set()
    if known and zone not in known:
        hint = closest(str(zone), known)
        reason = f"{zone!r} is not a time zone{hint and f': {hint}'}"
        yield rejected(document, place, reason, "write a name such as Europe/Berlin")


JOB_RULES = (life_cycle, submission, selection, runtime_environment, deletion, manager)
RULES_BY_KIND: dict[str, tuple[Callable[[ClusterDocument, KeyPath], Iterator[Finding]], ...]] = {
    "RayCluster": (manager,),
    "RayJob": JOB_RULES,
    "RayCronJob": (schedule, *JOB_RULES),
    "RayService": (service, upgrade, manager),
}
"""The rules of each kind of manifest."""
