"""Checks of the shell commands of a file for `ray up`, and of how head and workers start Ray."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks import folded_comments, shell_lint
from raytune_suite.cluster.checks.commands import shared_folders, within
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.repeated_commands import once
from raytune_suite.cluster.checks.shell_commands import check_commands
from raytune_suite.cluster.pools import RUN_OPTIONS, pools, provider
from raytune_suite.cluster.ray_start import FLAGS, few_worker_ports, only_this_machine, option_of_port, same_ports
from raytune_suite.cluster.shell import option_values, quoted, simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

HEAD, WORKERS = "head_start_ray_commands", "worker_start_ray_commands"
SETUP = ("setup_commands", "head_setup_commands", "worker_setup_commands")
KEYS = ("initialization_commands", *SETUP, HEAD, WORKERS)

SINGLE_QUOTED_HEAD = re.compile(r"'[^']*\$\{?RAY_HEAD_IP[^']*'")

USED = re.compile(r"(?<!\\)\$(?:\{)?([A-Za-z_]\w*)(?![\w:%#/^,+=?-])")
"""A variable in a command, unless it has a default."""

KNOWN_VARIABLES = re.compile(
    r"(HOME|PATH|USER|PWD|OLDPWD|SHELL|HOSTNAME|LANG|TERM|LOGNAME|UID|EUID|RANDOM|SECONDS|TMPDIR|IFS|PYTHONPATH|PS1|"
    r"LD_LIBRARY_PATH|VIRTUAL_ENV|OSTYPE|MACHTYPE|HOSTTYPE|LINENO|PPID|SHLVL|DEBIAN_FRONTEND)$|"
    r"(RAY|CONDA|CUDA|BASH|LC|XDG|SSH|NVIDIA|AWS|KUBERNETES|SLURM)_?"
)
"""Variables that shells, Ray and machine images set."""

UNREPLACED = re.compile(r"\S*\$(\{[A-Za-z_]\w*\}|[A-Z_][A-Z0-9_]*)\S*|\$\([a-z].*\)|`[a-z].*`")

BOOTSTRAP = "~/ray_bootstrap_config.yaml"
"""Where `ray up` puts the file for the autoscaler on the head."""

HOME = re.compile(r"(?<![\w./~-])(/(?:home/)?(root(?=/)|(?<=/home/)[A-Za-z_][\w-]*)/[\w./~-]*)")
"""A path in somebody's home folder, and whose."""

ANOTHER_USER = re.compile(r"(?:^|\s)(?:-u|--user)[ =]")

Start = tuple["KeyPath", dict[str, str]]
"""The key path of a command with `ray start`, and the options."""


def user_of_containers(document: ClusterDocument) -> str | None:
    """Return the account of commands in containers: "ray" in images of Ray, unless they run as another user."""
    options = " ".join(text for key in RUN_OPTIONS for text in document.strings("docker", key))
    images = [str(document.get("docker", key) or "") for key in ("image", "head_image", "worker_image")]
    own = [image.startswith("rayproject/ray") for image in images if image]
    return "ray" if own and all(own) and not ANOTHER_USER.search(options) else None


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the commands of a file for `ray up`."""
    in_container = bool(document.mapping("docker")) or provider(document) in ("external", "spark")
    user = document.get("auth", "ssh_user")
    outside = str(user) if isinstance(user, str) and user else None
    for place in command_lists(document):
        texts = [text for _, text in entries(document, place)]
        on_machine = place[-1] == "initialization_commands" or not in_container
        account = outside if on_machine else user_of_containers(document)
        for index, problems in check_commands(texts, user=account).items():
            for code, reason, remedy, _, severity in problems:
                yield finding(document, code, (*place, index), reason, remedy, severity=severity)
        inside = in_container and place[-1] != "initialization_commands" and document.get("docker", "image") is not None
        own = "rayproject/" in str(document.get("docker", "image"))
        for index, text in enumerate(texts):
            for lint in shell_lint.managers(text, account, container=inside, ubuntu=inside and own):
                yield finding(document, lint.code, (*place, index), lint.reason, lint.remedy, severity=lint.severity)
        for index, text in enumerate(texts if place[-1] not in (HEAD, WORKERS) else ()):
            for reason, remedy in once(text):
                yield finding(document, "RTS418", (*place, index), reason, remedy)
    yield from folded_comments.check(document, command_lists(document))
    yield from variables(document)
    yield from homes(document)
    if provider(document) != "external":
        yield from head_and_workers(document)


def command_lists(document: ClusterDocument) -> list[KeyPath]:
    """Return the key paths of all lists of commands."""
    types = document.mapping("available_node_types")
    keys = ("initialization_commands", "worker_setup_commands")
    return [*((key,) for key in KEYS), *(("available_node_types", name, key) for name in types for key in keys)]


def entries(document: ClusterDocument, place: KeyPath) -> list[tuple[int, str]]:
    """Return the commands of a list with their indices; what is not a text is an empty command."""
    return [(n, text if isinstance(text, str) else "") for n, text in enumerate(document.entries(*place))]


def starts(document: ClusterDocument, key: str) -> list[Start]:
    """Return the commands of a list that start Ray."""
    return [
        ((key, index), option_values(part.words[2:], FLAGS))
        for index, text in enumerate(document.strings(key))
        for part in simple_commands(text)
        if part.words[:2] == ("ray", "start")
    ]


def head_and_workers(document: ClusterDocument) -> Iterator[Finding]:
    """Yield contradictions between how the head and the workers start Ray."""
    heads, workers = starts(document, HEAD), starts(document, WORKERS)
    for key, found, option in ((HEAD, heads, "--head"), (WORKERS, workers, "--address")):
        texts = " ".join(document.strings(key))
        if texts and not found and "ray start" in texts:
            code = "RTS401" if key == HEAD else "RTS402"
            reason = "`ray start` is only an argument of another command, so Ray is not started"
            yield finding(document, code, (key,), reason, f"write `ray start {option}...` after `;` or `&&`")
    for where, options in heads:
        if "head" not in options and "address" in options:
            reason = "the head joins another cluster instead of starting its own"
            yield finding(document, "RTS401", where, reason, "write `ray start --head ...`")
        config = options.get("autoscaling-config", "")
        if config and "ray_bootstrap_config.yaml" not in config and "$" not in config:
            reason = f"`--autoscaling-config` is {config}, but `ray up` writes the file {BOOTSTRAP}"
            yield finding(document, "RTS401", where, reason, f"write `--autoscaling-config={BOOTSTRAP}`")
    folders, _ = shared_folders(document)
    for where, options in (*heads, *workers):
        yield from own_address(document, where, options)
        yield from worker_ports(document, where, options)
        for name, other, port in same_ports(options):
            reason = f"`--{name}` and `--{other}` are both port {port}"
            yield finding(document, "RTS411", where, reason, "choose different ports")
        if within(options.get("temp-dir", ""), folders):
            reason = (
                f"`--temp-dir` is {options['temp-dir']}, in a folder that all nodes share: their files would collide"
            )
            yield finding(document, "RTS410", where, reason, "use a folder of each machine", severity="warning")
    for where, options in workers:
        yield from worker(document, where, options, heads)
    yield from head_address(document)


def worker_ports(document: ClusterDocument, where: KeyPath, options: dict[str, str]) -> Iterator[Finding]:
    """Yield fewer ports for worker processes than the CPUs of a machine need."""
    cpus = [pool.cpus for pool in pools(document) if not pool.head and pool.cpus is not None]
    most = max(cpus, default=None) if where[0] == WORKERS else None
    problem = few_worker_ports(options, most)
    if problem is not None:
        yield finding(document, "RTS411", where, *problem, severity="warning" if most is None else None)


def own_address(document: ClusterDocument, where: KeyPath, options: dict[str, str]) -> Iterator[Finding]:
    """Yield an address of a node that means each machine itself. Ray replaces those of the loopback interface."""
    own = options.get("node-ip-address", "")
    alone = provider(document) == "local" and not document.entries("provider", "worker_ips")
    if only_this_machine(own) and not (alone and not document.get("provider", "coordinator_address")):
        reason = f"`--node-ip-address` is {own}, which means each machine itself: others do not reach it there"
        severity: Severity = "error" if own.startswith("0.") else "warning"
        remedy = "remove it: Ray finds the address of each machine"
        yield finding(document, "RTS402", where, reason, remedy, severity=severity)


def head_address(document: ClusterDocument) -> Iterator[Finding]:
    """Yield uses of $RAY_HEAD_IP where it has no value."""
    for index, text in enumerate(document.strings(WORKERS)):
        if SINGLE_QUOTED_HEAD.search(text):
            reason = "the shell does not replace $RAY_HEAD_IP in single quotes"
            yield finding(document, "RTS402", (WORKERS, index), reason, "use double quotes")
    for index, text in enumerate(document.strings(HEAD)):
        if re.search(r"\$\{?RAY_HEAD_IP", text):
            remedy = "remove it: the head knows its own address"
            yield finding(document, "RTS417", (HEAD, index), "$RAY_HEAD_IP is only set on workers", remedy)


def variables(document: ClusterDocument) -> Iterator[Finding]:
    """Yield variables that no command sets, and values in which Ray does not replace them."""
    places = [(place, index, text) for place in command_lists(document) for index, text in entries(document, place)]
    everything = "\n".join(text for _, _, text in places)
    defined = set(re.findall(r"\b([A-Za-z_]\w*)\+?=", everything))
    defined |= set(re.findall(r"\b(?:for|read(?: -\w+)*|select) ([A-Za-z_]\w*)", everything))
    for place, index, text in places:
        for name in dict.fromkeys(USED.findall("".join(char for char, mark in quoted(text) if mark != "'"))):
            if name not in defined and not KNOWN_VARIABLES.match(name):
                reason = f"${name} has no value unless the account on the machines sets it"
                remedy = f"write the value, or `export {name}=...;` before it"
                yield finding(document, "RTS417", (*place, index), reason, remedy, severity="warning")
    for key in ("cluster_name", "provider", "auth", "docker", "head_node_type", "available_node_types"):
        for where, text in values_below(document.get(key), (key,)):
            if scripts(where) or text in ("$Latest", "$Default"):
                continue
            if UNREPLACED.fullmatch(text) and not str(where[-1]).endswith("command"):
                reason = f"`{key_of(where)}` is {text}, but Ray does not replace variables in the file"
                yield finding(document, "RTS417", where, reason, "write the value")


def homes(document: ClusterDocument) -> Iterator[Finding]:
    """Yield paths in the home folder of an account that the container or the machine does not have."""
    user, image = document.get("auth", "ssh_user"), str(document.get("docker", "image") or "")
    options = " ".join(text for where, text in document.scalars() if where and "run_options" in map(str, where))
    known = f"{options} {' '.join(map(str, document.mapping('file_mounts')))}"
    for place in command_lists(document):
        inside = bool(image) and place[-1] != "initialization_commands"
        account = "ray" if inside and image.startswith("rayproject/") else None if inside else user
        for index, text in entries(document, place):
            for path, name in HOME.findall(text) if isinstance(account, str) else ():
                created = re.search(
                    rf"(useradd|adduser|mkdir)\b.*\b{re.escape(name)}\b|-v \S*/home/{re.escape(name)}", text
                )
                if name == account or f"/home/{name}" in known or created or "YOUR" in name:
                    continue
                what = "container" if inside else "account"
                reason = f"{path} is in the home folder of {name}, but that of the {what} is /home/{account}"
                severity: Severity | None = "error" if "ray_bootstrap" in path else "warning"
                remedy = f"write {path.replace(f'/home/{name}', '~', 1)}"
                yield finding(document, "RTS503", (*place, index), reason, remedy, severity=severity)
                break


def scripts(where: KeyPath) -> bool:
    """Return whether a value is a script, which a shell on the machine reads."""
    return where[0] == "available_node_types" and any(
        str(step).endswith("commands") or step in ("UserData", "metadata", "customData") for step in where
    )


def key_of(where: KeyPath) -> str:
    """Return the last key of a path that is not an index."""
    return next(str(step) for step in reversed(where) if isinstance(step, str))


def values_below(value: Any, where: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield the texts below a value, except options of containers, which a shell reads."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, part in value.items():
            if not str(key).endswith("run_options"):
                yield from values_below(part, (*where, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from values_below(part, (*where, index))


def worker(document: ClusterDocument, where: KeyPath, options: dict[str, str], heads: list[Start]) -> Iterator[Finding]:
    """Yield what keeps a worker from finding the head."""
    if "head" in options:
        reason = "the worker starts its own cluster (`--head`)"
        yield finding(document, "RTS402", where, reason, "use `ray start --address=$RAY_HEAD_IP:6379`")
        return
    address = options.get("address", "")
    if address == "auto":
        reason = "`--address=auto` finds a cluster on the same machine only"
        yield finding(document, "RTS402", where, reason, "use `--address=$RAY_HEAD_IP:6379`")
        return
    own = options.get("node-ip-address", "")
    if own and "$" not in own and "`" not in own and len(document.entries("provider", "worker_ips")) != 1:
        reason = f"all workers run this command, and so all would say that their address is {own}"
        yield finding(document, "RTS402", where, reason, "remove `--node-ip-address`: Ray finds each machine's address")
    head = next((given for _, given in heads if "head" in given), {})
    opened = head.get("port", "6379")
    match = re.fullmatch(r"(?:\w+://)?(.+?):(\d+)", address)
    if address and match is None and ":" not in address and not address.endswith("$"):
        reason = f"`--address` is {address}, without a port"
        yield finding(document, "RTS410", where, reason, f"write `--address={address}:{opened}`")
    elif match is not None and opened.isdecimal() and match[2] != opened:
        other = option_of_port(head, match[2])
        reason = f"the workers join port {match[2]}{f' (its `{other}`)' if other else ''}, but the head opens {opened}"
        yield finding(document, "RTS411", where, reason, f"write `--address={match[1]}:{opened}`")
    password = next((given.get("redis-password") for _, given in heads), None)
    if options.get("redis-password") != password and heads:
        reason = "`--redis-password` of head and workers differ"
        yield finding(document, "RTS402", where, reason, "write the same in both, or in neither")
