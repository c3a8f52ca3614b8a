"""The rules by which KubeRay's operator rejects manifests that its schema accepts.

Source: ray-operator/controllers/ray/utils/validation.go and constant.go of https://github.com/ray-project/kuberay, read
in 2026-11. Rules about feature gates are left out, since a file does not say which are enabled.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks.cron import wrong_schedule
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.pods import bad_name
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.pools import cluster_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

LONGEST_NAME = {"RayCluster": 53, "RayJob": 47, "RayService": 47, "RayCronJob": 47}
"""The longest name of each kind; the names of its pods and services are longer by a suffix."""

NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

POD: KeyPath = ("template", "spec")
REDIS_ADDRESS, REDIS_PASSWORD, REDIS_USERNAME = "RAY_REDIS_ADDRESS", "REDIS_PASSWORD", "REDIS_USERNAME"
AUTOSCALER_V2 = "RAY_enable_autoscaler_v2"
TLS_VARIABLES = ("RAY_USE_TLS", "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")
FAULT_TOLERANT: KeyPath = ("metadata", "annotations", "ray.io/ft-enabled")
OLDEST_RAY_WITH_TOKENS = (2, 52)
SUBMISSION_MODES = ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode")
SERVICE_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
UPGRADES = ("NewCluster", "None", "NewClusterWithIncrementalUpgrade")
DELETION_ORDER = ("DeleteWorkers", "DeleteCluster", "DeleteSelf")


def rejected(document: ClusterDocument, where: KeyPath, reason: str, remedy: str) -> Finding:
    """Return a finding about something that the operator rejects."""
    return finding(document, "RTS811", where, f"KubeRay rejects this: {reason}", remedy)


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield what the operator rejects in a manifest."""
    kind = str(document.get("kind"))
    yield from resource_name(document, kind)
    job: KeyPath = ("spec", "jobTemplate") if kind == "RayCronJob" else ("spec",)
    for rule in RULES_BY_KIND.get(kind, ()):
        yield from rule(document, job)
    top = cluster_spec(document)
    if document.mapping(*top):
        for rule in CLUSTER_RULES:
            yield from rule(document, top)


def resource_name(document: ClusterDocument, kind: str) -> Iterator[Finding]:
    """Yield a finding if the name of the resource is missing, invalid or too long."""
    name, where = document.get("metadata", "name"), ("metadata", "name")
    if name is None:
        if document.get("metadata", "generateName") is None:
            remedy = "add `name: ...` below `metadata`"
            yield finding(document, "RTS816", ("metadata",), "the resource has no name", remedy)
        return
    longest = LONGEST_NAME.get(kind, 53)
    if not isinstance(name, str):
        return
    if not NAME.fullmatch(name) and "$" not in name and "{" not in name:
        yield bad_name(document, where, name, "lower-case letters, digits and `-`, with a letter first")
    elif len(name) > longest:
        reason = f"the name {name!r} has {len(name)} characters, but a {kind} may have {longest}"
        yield rejected(document, where, reason, f"write `name: {name[:longest].rstrip('-')}`")


def groups(document: ClusterDocument, top: KeyPath) -> list[KeyPath]:
    """Return the key paths of the worker groups that are mappings."""
    entries = document.entries(*top, "workerGroupSpecs")
    return [(*top, "workerGroupSpecs", index) for index, entry in enumerate(entries) if isinstance(entry, dict)]


def variable(document: ClusterDocument, group: KeyPath, name: str) -> KeyPath | None:
    """Return the key path of an environment variable of a group's Ray container, None if it is not set."""
    where: KeyPath = (*group, *POD, "containers", 0, "env")
    for index, entry in enumerate(document.entries(*where)):
        if isinstance(entry, dict) and entry.get("name") == name:
            return (*where, index)
    return None


def number(value: Any) -> int:
    """Return a whole number, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


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
    yield from deletion_rules(document, job, rules)


def deletion_rules(document: ClusterDocument, job: KeyPath, rules: list[Any]) -> Iterator[Finding]:
    """Yield rules of deletion that contradict each other or the cluster."""
    scaled = document.get(*job, "rayClusterSpec", "enableInTreeAutoscaling") is True
    times: dict[str, dict[str, int]] = {}
    for index, rule in enumerate(rules):
        place = (*job, "deletionStrategy", "deletionRules", index)
        policy = str(document.get(*place, "policy"))
        seconds = number(document.get(*place, "condition", "ttlSeconds"))
        status = str(document.get(*place, "condition", "jobStatus"))
        if not isinstance(rule, dict):
            continue
        if seconds < 0:
            yield rejected(document, place, f"`ttlSeconds` is {seconds}", "write 0 or more")
        if policy == "DeleteWorkers" and scaled:
            yield rejected(document, place, "DeleteWorkers does not work with autoscaling", "write DeleteCluster")
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


def schedule(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield a finding if the schedule of a RayCronJob is not one of cron."""
    del job
    text, where = document.get("spec", "schedule"), ("spec", "schedule")
    if isinstance(text, str) and "TZ" in text:
        yield rejected(document, where, "the schedule has a time zone", "move it to `timeZone`")
    elif isinstance(text, str) and (wrong := wrong_schedule(text)) is not None:
        reason = f"the schedule {text!r} is not one of cron: {wrong}"
        yield rejected(document, where, reason, 'write such as "0 3 * * *" for 3 o\'clock each night')


def containers(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield groups without containers, and resources that are given twice."""
    for group in ((*top, "headGroupSpec"), *groups(document, top)):
        spec = (*group, *POD)
        if document.get(*spec) is not None and not document.get(*spec, "containers"):
            yield rejected(document, spec, "the pod has no container", "add `containers: [...]`")
        parameters = document.mapping(*group, "rayStartParams")
        given = [key for key in ("num-cpus", "num-gpus", "memory", "resources") if parameters.get(key)]
        if given and document.mapping(*group, "resources"):
            reason = f"`resources` and `{given[0]}` of rayStartParams are both set"
            yield rejected(document, (*group, "rayStartParams", given[0]), reason, "keep one of them")
        if "labels" in parameters:
            reason = "`labels` in rayStartParams is not supported"
            yield rejected(document, (*group, "rayStartParams", "labels"), reason, "use `labels` of the group")


def head_service(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield a finding if the type of the head's service is unknown."""
    for where in ((*top, "headGroupSpec", "serviceType"), (*top, "headGroupSpec", "headService", "spec", "type")):
        value = document.get(*where)
        if isinstance(value, str) and value and value not in SERVICE_TYPES:
            hint = closest(value, SERVICE_TYPES)
            reason = f"Kubernetes has no service type {value!r}{hint and f': {hint}'}"
            yield finding(document, "RTS817", where, reason, f"write one of {', '.join(SERVICE_TYPES)}")


def nothing_starts(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield a cluster that is suspended, and groups of which no pod is ever started."""
    queued = "kueue.x-k8s.io/queue-name" in document.mapping("metadata", "labels")
    if top == ("spec",) and document.get(*top, "suspend") is True and not queued:
        reason = "the cluster is suspended, so none of its pods is started"
        yield finding(document, "RTS202", (*top, "suspend"), reason, "remove `suspend`", severity="warning")
    if document.get(*top, "enableInTreeAutoscaling") is True:
        return
    sizes = {
        group: max(number(document.get(*group, "replicas")), number(document.get(*group, "minReplicas")))
        for group in groups(document, top)
    }
    for group, size in sizes.items():
        if size == 0 and number(document.get(*group, "maxReplicas")) > 0:
            name = document.get(*group, "groupName", default="the group")
            reason = f"{name} starts with no pod, and without autoscaling it stays so"
            remedy = "write `replicas: N`, or `enableInTreeAutoscaling: true`"
            yield finding(
                document, "RTS202", group, reason, remedy, severity="warning" if any(sizes.values()) else None
            )


def replicas(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield numbers of replicas that contradict each other or are negative."""
    for group in groups(document, top):
        low, high = document.get(*group, "minReplicas"), document.get(*group, "maxReplicas")
        count = document.get(*group, "replicas")
        name = document.get(*group, "groupName", default="the group")
        for key in ("replicas", "minReplicas", "maxReplicas"):
            if number(document.get(*group, key)) < 0:
                reason = f"`{key}` is {document.get(*group, key)}"
                yield finding(document, "RTS201", (*group, key), reason, "write 0 or more")
        if isinstance(document.get(*group, "numOfHosts"), int) and number(document.get(*group, "numOfHosts")) < 1:
            reason = f"{name} has {document.get(*group, 'numOfHosts')} hosts per replica"
            yield finding(document, "RTS201", (*group, "numOfHosts"), reason, "write 1, or remove it")
        if isinstance(count, int) and isinstance(high, int) and count > high:
            reason = f"{name} asks for {count} pods, but may have at most {high}"
            remedy = f"write `replicas: {high}`, or raise maxReplicas"
            yield finding(document, "RTS201", (*group, "replicas"), reason, remedy)
        elif isinstance(low, int) and 0 < number(count) < low:
            reason = f"{name} asks for {count} pods, but has at least {low}"
            remedy = f"write `replicas: {low}`, or lower minReplicas"
            yield finding(document, "RTS201", (*group, "replicas"), reason, remedy, severity="warning")


def state(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in where the head keeps the cluster's state."""
    head: KeyPath = (*top, "headGroupSpec")
    options = document.mapping(*top, "gcsFaultToleranceOptions")
    by_annotation = str(document.get(*FAULT_TOLERANT, default="")).lower()
    if options and by_annotation:
        reason = f"the annotation {FAULT_TOLERANT[-1]} and gcsFaultToleranceOptions are both set"
        yield rejected(document, FAULT_TOLERANT, reason, "remove the annotation")
    address = variable(document, head, REDIS_ADDRESS)
    if address and not options and by_annotation != "true":
        reason = f"{REDIS_ADDRESS} is set without gcsFaultToleranceOptions"
        yield rejected(document, address, reason, "add `gcsFaultToleranceOptions: {redisAddress: ...}` instead")
    moved = ((REDIS_ADDRESS, "redisAddress"), (REDIS_PASSWORD, "redisPassword"), (REDIS_USERNAME, "redisUsername"))
    for name, key in moved:
        place = variable(document, head, name)
        if place and (options or name == REDIS_USERNAME):
            reason = f"{name} is set as an environment variable"
            yield rejected(document, place, reason, f"move it to `gcsFaultToleranceOptions.{key}`")
    for option, key in (("redis-password", "redisPassword"), ("redis-username", "redisUsername")):
        if document.get(*head, "rayStartParams", option) and (options or option == "redis-username"):
            place, remedy = (*head, "rayStartParams", option), f"move it to `gcsFaultToleranceOptions.{key}`"
            yield rejected(document, place, f"`{option}` is set in rayStartParams", remedy)
    if options:
        yield from state_backend(document, (*top, "gcsFaultToleranceOptions"))


def state_backend(document: ClusterDocument, where: KeyPath) -> Iterator[Finding]:
    """Yield settings that do not belong to the backend that keeps the state, and a Redis without an address."""
    embedded = document.get(*where, "backend") == "rocksdb"
    wrong = ("redisAddress", "redisPassword", "redisUsername", "externalStorageNamespace") if embedded else ("storage",)
    for key in wrong:
        if document.get(*where, key):
            reason = f"`{key}` does not belong to the backend {'rocksdb' if embedded else 'redis'}"
            yield rejected(document, (*where, key), reason, "remove it, or change `backend`")
    if not embedded and not document.get(*where, "redisAddress"):
        reason, remedy = "gcsFaultToleranceOptions has no redisAddress", "add `redisAddress: HOST:6379`"
        yield finding(document, "RTS811", where, reason, remedy, severity="warning")
    address = document.get(*where, "redisAddress")
    if isinstance(address, str) and address and not re.search(r":\d+$|[${]", address):
        reason = f"`redisAddress` is {address}, without a port"
        remedy = f"write `redisAddress: {address}:6379`"
        yield finding(document, "RTS811", (*where, "redisAddress"), reason, remedy, severity="warning")


def autoscaling(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield contradictions between the autoscaler and what is suspended, set or missing."""
    head: KeyPath = (*top, "headGroupSpec")
    on = document.get(*top, "enableInTreeAutoscaling") is True
    v2 = document.get(*top, "autoscalerOptions", "version") == "v2"
    place = variable(document, head, AUTOSCALER_V2)
    value = str(document.get(*place, "value")).lower() if place else ""
    if place and on and document.get(*top, "autoscalerOptions", "version"):
        reason = f"{AUTOSCALER_V2} and autoscalerOptions.version are both set"
        yield rejected(document, place, reason, "remove the environment variable")
    if place and not on and value in ("1", "true"):
        reason = f"{AUTOSCALER_V2} is set, but autoscaling is off"
        yield rejected(document, place, reason, "add `enableInTreeAutoscaling: true`")
    policy: KeyPath = (*head, *POD, "restartPolicy")
    if on and v2 and document.get(*policy) not in (None, "Never"):
        reason = f"restartPolicy of the head is {document.get(*policy)}, but autoscaler v2 replaces pods itself"
        yield rejected(document, policy, reason, "write `restartPolicy: Never`")
    idle = document.get(*top, "autoscalerOptions", "idleTimeoutSeconds")
    if number(idle) < 0:
        where = (*top, "autoscalerOptions", "idleTimeoutSeconds")
        yield rejected(document, where, f"`idleTimeoutSeconds` is {idle}", "write 0 or more")
    for group in groups(document, top):
        if on and document.get(*group, "suspend") is True:
            reason = "a group cannot be suspended while autoscaling is on"
            yield rejected(document, (*group, "suspend"), reason, "remove `suspend`, or set `maxReplicas: 0`")
        for key in ("idleTimeoutSeconds", "priority"):
            if document.get(*group, key) and not v2 and value not in ("1", "true"):
                reason = f"`{key}` of a group needs autoscaler v2"
                yield rejected(document, (*group, key), reason, "add `autoscalerOptions: {version: v2}`")


def tokens(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield a finding if tokens are required of a Ray that has none."""
    where = (*top, "authOptions", "mode")
    if document.get(*where) != "token":
        return
    stated = document.get(*top, "rayVersion")
    match = re.match(r"(\d+)\.(\d+)", str(stated or ""))
    if match is None or (int(match[1]), int(match[2])) < OLDEST_RAY_WITH_TOKENS:
        reason = f"`mode: token` needs Ray 2.52 or later, but rayVersion is {stated or 'missing'}"
        yield rejected(document, where, reason, "write the `rayVersion` of the image, 2.52 or later")


def encryption(document: ClusterDocument, top: KeyPath) -> Iterator[Finding]:
    """Yield variables that KubeRay sets itself if it encrypts Ray's traffic."""
    for group in ((*top, "headGroupSpec"), *groups(document, top)) if document.get(*top, "tlsOptions") else ():
        for name in TLS_VARIABLES:
            place = variable(document, group, name)
            if place:
                yield rejected(document, place, f"{name} is set beside tlsOptions", "remove it")


JOB_RULES = (life_cycle, submission, selection, runtime_environment, deletion)
RULES_BY_KIND: dict[str, tuple[Callable[[ClusterDocument, KeyPath], Iterator[Finding]], ...]] = {
    "RayJob": JOB_RULES,
    "RayCronJob": (schedule, *JOB_RULES),
    "RayService": (service,),
}
CLUSTER_RULES = (
    containers,
    head_service,
    nothing_starts,
    replicas,
    state,
    autoscaling,
    tokens,
    encryption,
)
