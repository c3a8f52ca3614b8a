"""Check what nodes may use: registries, storage, each other, and the packages that start workers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.containers import run_options
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.start_commands import WORKERS
from raytune_suite.cluster.pools import provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

REFERENCE = re.compile(
    r"(?:[\w.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
"""The form of the name of a container image."""

REGISTRIES: dict[str, tuple[str, str, str]] = {
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com": (
        r"ecr get-login|docker login|credential-ecr|credHelper",
        "aws ecr get-login-password --region REGION | docker login --username AWS --password-stdin REGISTRY",
        "IamInstanceProfile",
    ),
    r"([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)": (
        r"gcloud auth|docker login|docker-credential-gcr|credHelper",
        "gcloud auth configure-docker REGISTRY --quiet",
        "serviceAccounts",
    ),
    r"[a-z0-9]+\.azurecr\.io": (r"az acr login|docker login|credHelper", "az acr login --name REGISTRY", ""),
}
"""Private registries of the clouds: what logs in there, the command to write, and the setting that gives access."""

USES_S3 = re.compile(r"\baws s3(api)?\b|\bmount-s3\b|\bs3fs\b|\bgoofys\b")
USES_GCS = re.compile(r"\bgsutil\b|\bgcloud storage\b|\bgcsfuse\b")

STORAGE = {"aws": (USES_S3, "IamInstanceProfile", "s3://"), "gcp": (USES_GCS, "serviceAccounts", "gs://")}
"""Commands that use a cloud's storage, the setting that allows it, and the beginning of its URIs."""

CREDENTIALS = (
    "AWS_ACCESS_KEY_ID|AWS_PROFILE|AWS_SHARED|aws configure|--no-sign-request|activate-service-account|"
    "GOOGLE_APPLICATION_CREDENTIALS"
)
"""Signs that commands or containers bring their own credentials."""

APART = (
    ("SecurityGroupIds", "", "RTS905"),
    ("networkInterfaces", "network", "RTS910"),
    ("KeyName", "", "RTS601"),
)
"""Settings that head and workers should share: the key, the key inside its entries, and the code of the finding."""

SDK = {"aws": r"boto3", "gcp": r"google-api-python-client", "azure": r"azure-(mgmt|identity|cli|common|core)"}
"""The packages with which the autoscaler on the head starts workers."""

STARTS_MACHINES = {"gcp": r"google-api-python-client", "azure": r"azure-(mgmt-compute|mgmt-network|cli-core)"}
"""Those of them that nothing but the autoscaler needs."""


def check(document: ClusterDocument, pools: list[Pool], storage_path: str | None) -> Iterator[Finding]:
    """Yield what the nodes of a file for a cloud use without being allowed to."""
    yield from registries(document)
    yield from container(document)
    yield from permissions(document, pools, storage_path)
    yield from apart(document, pools)
    yield from head_packages(document)


def registries(document: ClusterDocument) -> Iterator[Finding]:
    """Yield images in a private registry into which no command logs in."""
    commands = " ".join(text for _, text in document.scalars() if " " in text)
    types = document.mapping("available_node_types")
    for where in [("docker", key) for key in ("image", "head_image", "worker_image")] + [
        ("available_node_types", name, "docker", "worker_image") for name in types
    ]:
        image = document.get(*where)
        for pattern, (login, command, _) in REGISTRIES.items():
            found = re.match(pattern, str(image or ""))
            if found is not None and not re.search(login, commands):
                reason = f"{image} is in a private registry, and no command logs in there"
                remedy = f"add to `initialization_commands`: `{command.replace('REGISTRY', found[0])}`"
                yield finding(document, "RTS912", where, reason, remedy)


def container(document: ClusterDocument) -> Iterator[Finding]:
    """Yield names of containers and images that Docker rejects."""
    name = document.get("docker", "container_name")
    if isinstance(name, str) and name and not re.fullmatch(r"[a-zA-Z0-9][\w.-]+", name):
        reason = f"Docker rejects {name!r} as the name of a container"
        yield finding(document, "RTS609", ("docker", "container_name"), reason, "use letters, digits, _, . and -")
    for key in ("image", "head_image", "worker_image"):
        image = document.get("docker", key)
        if isinstance(image, str) and image and "YOUR-" not in image and not REFERENCE.fullmatch(image):
            reason = f"{image!r} is not the name of a container image"
            if re.search("[A-Z]", image.rpartition(":")[0]):
                reason += ": it has capital letters"
            yield finding(document, "RTS609", ("docker", key), reason, "write REPOSITORY/NAME:TAG in lower case")


def permissions(document: ClusterDocument, pools: list[Pool], storage_path: str | None) -> Iterator[Finding]:
    """Yield storage of the cloud that workers use without a role or account which allows it."""
    cloud = provider(document)
    if cloud not in STORAGE:
        return
    pattern, setting, scheme = STORAGE[cloud]
    lacking = [
        pool.name
        for pool in pools
        if not pool.head and not {setting, "LaunchTemplate"} & set(document.mapping(*pool.where, "node_config"))
    ]
    keys = ("initialization_commands", "setup_commands", "worker_setup_commands", WORKERS)
    texts: list[tuple[KeyPath, str]] = [
        ((key, index), text) for key in keys for index, text in enumerate(document.strings(key))
    ]
    everything = " ".join(
        [*(text for _, text in texts), *(text for pool in pools for _, text in run_options(document, pool))]
    )
    if re.search(CREDENTIALS, everything):
        return
    uses = [where for where, text in texts if pattern.search(text)]
    if str(storage_path).startswith(scheme):
        uses.append(("available_node_types",))
    if uses and lacking:
        reason = f"the workers use the cloud's storage, but {', '.join(lacking)} has no `{setting}`"
        remedy = f"add `{setting}` to these node types; Ray gives it the head only"
        yield finding(document, "RTS912", uses[0], reason, remedy)
    for pool in pools if uses and cloud == "gcp" else ():
        where: KeyPath = (*pool.where, "node_config", "serviceAccounts", 0, "scopes")
        scopes = document.strings(*where)
        if scopes and not any(
            re.search(r"/(cloud-platform|devstorage\.(read_write|full_control))$", one) for one in scopes
        ):
            reason = f"the scopes of {pool.name} do not allow writing to the cloud's storage"
            yield finding(document, "RTS912", where, reason, "add https://www.googleapis.com/auth/cloud-platform")


def apart(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield workers in other networks or security groups than the head, or with another key pair."""
    head = next((pool for pool in pools if pool.head), None)
    for pool in pools:
        if head is None or pool.head:
            continue
        for key, inner, code in APART:
            ours, heads = (names_in(document.get(*one.where, "node_config", key), inner) for one in (pool, head))
            if ours and heads and not ours & heads:
                reason = f"{pool.name} has {', '.join(sorted(ours))}, but the head {', '.join(sorted(heads))}"
                consequence = "one private key opens both" if key == "KeyName" else "they can reach each other"
                remedy = f"use the same `{key}`, or make sure that {consequence}"
                yield finding(document, code, (*pool.where, "node_config", key), reason, remedy, severity="warning")


def names_in(value: Any, inner: str) -> set[str]:
    """Return the names in a text, a list of texts, or a list of mappings under the key `inner`."""
    entries = value if isinstance(value, list) else [value]
    found = [entry.get(inner) if isinstance(entry, dict) else entry for entry in entries]
    return {str(one).rpartition("/")[2] for one in found if isinstance(one, str) and "YOUR-" not in one}


def head_packages(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a finding if nothing installs the packages with which the head starts workers."""
    cloud = provider(document)
    texts = [text for key in ("setup_commands", "head_setup_commands") for text in document.strings(key)]
    image = str(document.get("docker", "head_image") or document.get("docker", "image") or "")
    yield from only_on_workers(document, texts)
    if document.get("head_setup_commands") is None or re.search(SDK[cloud], " ".join(texts)) or image:
        return  # Ray's defaults install them, and Ray's images contain them
    if any(re.search(r"\s-r\s|requirements|\.\[|environment\.ya?ml|source |conda activate", text) for text in texts):
        return
    package = {"aws": "boto3", "gcp": "google-api-python-client", "azure": "azure-cli azure-mgmt-compute"}[cloud]
    reason = f"no command installs {package} on the head, which needs it to start workers"
    severity: Severity | None = "warning"
    where: KeyPath = ("head_setup_commands",)
    yield finding(document, "RTS912", where, reason, f"add `pip install {package}`", severity=severity)


def only_on_workers(document: ClusterDocument, texts: list[str]) -> Iterator[Finding]:
    """Yield a finding if the packages that start workers are installed on workers only."""
    package = STARTS_MACHINES.get(provider(document))
    if package is None or re.search(package, " ".join(texts)):
        return
    places: list[KeyPath] = [("worker_setup_commands",)]
    types = document.mapping("available_node_types")
    places += [("available_node_types", name, "worker_setup_commands") for name in types]
    for place in places:
        for index, text in enumerate(document.strings(*place)):
            match = re.search(package, text)
            if match is not None and document.get("head_node_type") not in place:
                reason = f"{match[0]} is installed on workers only, but it is the head that starts workers with it"
                remedy = "move the command to `head_setup_commands`"
                yield finding(document, "RTS912", (*place, index), reason, remedy, severity="warning")
