"""Checks of a file for `ray up` as a whole: settings that undo others, and variables that Ray never reads."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.commands import VOLUME, within
from raytune_suite.cluster.checks.file_mounts import FILE_OPTION, PROJECT, THIS_FOLDER
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.start_commands import HEAD, SETUP, WORKERS, starts
from raytune_suite.cluster.document import on_this_machine
from raytune_suite.cluster.pools import RUN_OPTIONS
from raytune_suite.cluster.shell import simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

FLAGS = (
    *("health_check_initial_delay_ms", "health_check_period_ms", "health_check_timeout_ms"),
    *(
        "health_check_failure_threshold",
        "memory_monitor_refresh_ms",
        "memory_usage_threshold",
        "object_spilling_config",
    ),
    *("object_spilling_threshold", "gcs_rpc_server_reconnect_timeout_s", "gcs_server_request_timeout_seconds"),
    *("worker_register_timeout_seconds", "enable_autoscaler_v2", "preallocate_plasma_memory", "gcs_storage"),
    *("scheduler_spread_threshold", "task_oom_retries", "object_store_full_delay_ms", "num_workers_soft_limit"),
    *("raylet_client_num_connect_attempts", "grpc_keepalive_time_ms", "max_io_workers", "event_stats"),
    *("automatic_object_spilling_enabled", "object_timeout_milliseconds", "pull_based_healthcheck"),
)
"""Settings of Ray (ray_config_def.h), which it reads from variables RAY_NAME, with exactly these letters."""

SET = re.compile(r"\b(RAY_\w+)=")
FILE_SYSTEM = re.compile(r"\bfs-(\w+)\.(?:efs|fsx)\.")
DATA = re.compile(r"(?:-e|--env)[ =]RAYTUNE_SUITE_DATA=(/\S*)")
OWN_FOLDER = re.compile(r"\s*cd\s+(~/[\w.-]+)/?\s*&&[^;|]*\binstall\s")
CONDITIONAL = re.compile(r"\b(if|case|until|while)\b|\|\|")
"""A command that runs another one only if something holds."""

NEEDS_RAY = ("status", "list", "summary", "job", "submit", "memory", "timeline", "logs", "get")
"""Subcommands of `ray` that fail while there is no cluster."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield settings of a file for `ray up` that undo others."""
    yield from excluded(document)
    yield from folders(document)
    yield from own_address(document)
    yield from too_early(document)
    for key in (*SETUP, HEAD, WORKERS, "initialization_commands"):
        for index, text in enumerate(document.strings(key)):
            yield from variables(document, (key, index), SET.findall(text))
            for name in FILE_SYSTEM.findall(text):
                if not re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{17}", name) and not name[:1].isupper():
                    reason = f"'fs-{name}' is not a file system of AWS: after `fs-` it has 8 or 17 hexadecimal digits"
                    yield finding(document, "RTS909", (key, index), reason, "copy it again", severity="warning")
    for key in RUN_OPTIONS:
        for index, text in enumerate(document.strings("docker", key)):
            yield from variables(document, ("docker", key, index), SET.findall(text))
    speed = document.get("upscaling_speed")
    if isinstance(speed, (int, float)) and not isinstance(speed, bool) and speed <= 0:
        reason = f"`upscaling_speed` is {speed:g}, but must be above 0: the cluster grows by five machines at a time"
        yield finding(document, "RTS203", ("upscaling_speed",), reason, "write 1.0 or more", severity="warning")


def variables(document: ClusterDocument, where: KeyPath, names: list[str]) -> Iterator[Finding]:
    """Yield variables that resemble a setting of Ray, but have other letters, so that Ray never reads them."""
    for name in names:
        letters = name[4:].replace("_", "").upper()
        right = next((f"RAY_{flag}" for flag in FLAGS if flag.replace("_", "").upper() == letters), None)
        if right is not None and name != right:
            reason = f"Ray does not read {name}: its variable is {right}"
            yield finding(document, "RTS103", where, reason, f"write {right}", severity="warning")


def excluded(document: ClusterDocument) -> Iterator[Finding]:
    """Yield patterns that keep files from being copied which a command installs from."""
    needed = set()
    for key in SETUP:
        for text in document.strings(key):
            needed |= {name for name in FILE_OPTION.findall(text) if "/" not in name}
            needed |= {PROJECT[0]} if re.search(r"\binstall\s", text) and THIS_FOLDER.search(text) else set()
    for index, pattern in enumerate(document.strings("rsync_exclude")):
        if pattern in ("*", "**", "/*", "/**", "./*", "**/*", "."):
            reason = f"{pattern!r} keeps all files from being copied"
            yield finding(document, "RTS310", ("rsync_exclude", index), reason, "write the names of single folders")
        packages = package_folders(document) if PROJECT[0] in needed else []
        inside = sorted(name for name in packages if fnmatch(name, pattern.strip("/")))
        if inside:
            reason = f"{pattern!r} keeps the package {inside[0]} from being copied, which a command installs"
            yield finding(document, "RTS310", ("rsync_exclude", index), reason, "remove it, or make it narrower")
        lost = sorted(name for name in needed if fnmatch(name, pattern.rpartition("/")[2]))
        if lost and pattern.rpartition("/")[2] not in ("*", "**", ""):
            reason = f"{pattern!r} keeps {' and '.join(lost)} from being copied, which a command needs"
            yield finding(document, "RTS310", ("rsync_exclude", index), reason, "remove it, or make it narrower")


def package_folders(document: ClusterDocument) -> list[str]:
    """Return the folders with packages of Python at the top of the folders that are copied."""
    sources = [on_this_machine(str(source)) for source in document.mapping("file_mounts").values()]
    found = [path for source in sources if source.is_dir() for path in source.glob("*/__init__.py")]
    projects = [path.parent.name for path in found if any((path.parents[1] / name).is_file() for name in PROJECT)]
    return [name for name in projects if name not in ("tests", "docs", "examples")]


def folders(document: ClusterDocument) -> Iterator[Finding]:
    """Yield folders that containers do not have: of the data, of another user, and of a copy with another name."""
    options = [(key, n, text) for key in RUN_OPTIONS for n, text in enumerate(document.strings("docker", key))]
    inside = [target for _, _, text in options for _, target in VOLUME.findall(text)]
    targets = [str(target).rstrip("/") for target in document.mapping("file_mounts")]
    for key, index, text in options:
        match = DATA.search(text)
        if match is not None and not within(match[1], [*inside, *targets]):
            reason = f"the data are expected in {match[1]}, but no `-v` gives that folder to the containers"
            yield finding(
                document,
                "RTS503",
                ("docker", key, index),
                reason,
                f"add `-v {match[1]}:{match[1]}`",
                severity="warning",
            )
    image = str(document.get("docker", "image") or "")
    for target in targets:
        if image.startswith("rayproject/") and (target == "/root" or target.startswith("/root/")):
            reason = f"{target} is in the home folder of root, but the user of {image} is ray, whose ~ is /home/ray"
            remedy = f"write '~{target.removeprefix('/root')}'"
            yield finding(document, "RTS503", ("file_mounts", target), reason, remedy, severity="warning")
    everything = "\n".join(text for key in (*SETUP, "initialization_commands") for text in document.strings(key))
    for key in SETUP:
        for index, text in enumerate(document.strings(key)):
            match = OWN_FOLDER.match(text)
            name = match[1].rpartition("/")[2] if match is not None else ""
            made = re.search(
                rf"\b(clone|mkdir|unzip|tar|cp|mv|venv|rsync|ln|wget|curl)\b[^\n]*{re.escape(name)}", everything
            )
            if match is not None and made is None and targets and not within(match[1], targets):
                reason = f"no command creates {match[1]}, and `file_mounts` copies nothing there"
                yield finding(
                    document, "RTS307", (key, index), reason, f"write one of {', '.join(targets)}", severity="warning"
                )


def own_address(document: ClusterDocument) -> Iterator[Finding]:
    """Yield workers that state the head's address as theirs, and a second head on the same machine."""
    for where, options in starts(document, WORKERS):
        if re.search(r"\$\{?RAY_HEAD_IP\b", options.get("node-ip-address", "")):
            reason = "`--node-ip-address` is the worker's own address, not the head's"
            yield finding(document, "RTS402", where, reason, "remove it: Ray finds each machine's address")
    heads = [where for where, options in starts(document, HEAD) if "head" in options]
    if len(heads) > 1 and not any(CONDITIONAL.search(text) for text in document.strings(HEAD)):
        reason = "the commands start two heads on one machine, of which workers only join one"
        yield finding(document, "RTS401", heads[1], reason, "remove one of them")


def too_early(document: ClusterDocument) -> Iterator[Finding]:
    """Yield commands of the head that ask a cluster before it is started, and fail."""
    for index, text in enumerate(document.strings(HEAD)):
        for part in simple_commands(text):
            if part.words[:2] == ("ray", "start"):
                return
            asks = part.words[:1] == ("ray",) and part.words[1:2] and part.words[1] in NEEDS_RAY
            if asks and part.after != "||" and not CONDITIONAL.search(text) and "--address" not in text:
                reason = f"`ray {part.words[1]}` fails before `ray start`, and with it the start of the head"
                yield finding(document, "RTS401", (HEAD, index), reason, "move it below `ray start`, or remove it")
