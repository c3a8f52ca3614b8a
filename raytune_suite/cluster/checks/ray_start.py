"""Check the options of `ray start` in a file's commands: their names, values and ports, on the head and the workers."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.api_schema import closest
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.provider_data import ray_start_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

HEAD, WORKER = "head_start_ray_commands", "worker_start_ray_commands"

REPLACED = {
    "--redis-port": "--port",
    "--redis-address": "--address",
    "--webui-host": "--dashboard-host",
    "--include-webui": "--include-dashboard",
    "--gcs-server-port": "--port",
    "--raylet-socket-name": "--node-manager-port",
    "--num-workers": "--num-cpus",
    "--internal-config": "--system-config",
    "--dashboard-grpc-port": "--dashboard-agent-grpc-port",
    "--autoscaler-config": "--autoscaling-config",
    "--lru-evict": "",
    "--java-worker-options": "",
    "--storage": "",
    "--plasma-store-socket-name": "",
}
"""Options that Ray removed or that people guess, and what replaced them ("" for nothing)."""

DEFAULT_PORTS = {"--port": 6379, "--dashboard-port": 8265, "--ray-client-server-port": 10001}
"""The ports that Ray uses on the head unless told otherwise; other ports are chosen at random."""

LAST_PORT = 65535

LEAST_OBJECT_STORE = 75 * 2**20
"""Bytes; Ray rejects a smaller object store."""

BOOLEANS = ("true", "false", "1", "0", "yes", "no", "t", "f", "y", "n", "on", "off")

BOOTSTRAP = "~/ray_bootstrap_config.yaml"
"""Where `ray up` puts the file for the autoscaler on the head."""

RAY_START = re.compile(r"""\bray\s+start\b((?:"[^"]*"|'[^']*'|\$\([^)]*\)|`[^`]*`|[^;&|"'])*)""")
"""The arguments of `ray start` in a command."""

SUBSTITUTION = re.compile(r"\$\([^)]*\)|`[^`]*`")
"""A command whose output the shell puts in its place."""

SUFFIX = re.compile(r"(?i)^(\d+(?:\.\d+)?)\s*(k|kb|kib|m|mb|mib|g|gb|gib|gi|mi|ki|t|tb|tib)$")
POWERS = {"k": 10, "m": 20, "g": 30, "t": 40}


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the commands that start Ray."""
    ports: dict[str, str] = {}
    for key in (HEAD, WORKER):
        for index, text in enumerate(document.strings(key)):
            for options in ray_starts(text):
                where: KeyPath = (key, index)
                yield from options_of(document, where, options)
                yield from role(document, where, dict(options))
                if key == HEAD:
                    ports.update({name: value for name, value in options if value is not None})
                    yield from collisions(document, where, dict(options))
                else:
                    yield from address(document, where, dict(options), ports)


def ray_starts(text: str) -> list[list[tuple[str, str | None]]]:
    """Return the options of each `ray start` in a command, None as the value of an option without one.

    Example:
        >>> ray_starts("ulimit -n 65536; ray start --head --port=6379 --block && date")
        [[('--head', None), ('--port', '6379'), ('--block', None)]]
    """
    result = []
    for part in RAY_START.findall(text):
        try:
            words = shlex.split(SUBSTITUTION.sub("$(...)", part))
        except ValueError:
            continue
        result.append(list(pairs(words)))
    return result


def pairs(words: list[str]) -> Iterator[tuple[str, str | None]]:
    """Yield the options in a list of words, each with its value."""
    known = ray_start_options()
    words = [word for word in words if not re.fullmatch(r"\d?>.*", word)]
    index = 0
    while index < len(words):
        name, sign, value = words[index].partition("=")
        index += 1
        if not name.startswith("-"):
            continue
        if sign:
            yield name, value
        elif known.get(name) != "flag" and index < len(words) and not words[index].startswith("-"):
            yield name, words[index]
            index += 1
        else:
            yield name, None


def options_of(document: ClusterDocument, where: KeyPath, options: list[tuple[str, str | None]]) -> Iterator[Finding]:
    """Yield unknown options, and options with an invalid value."""
    known = ray_start_options()
    for name, value in options:
        if name not in known:
            replacement = REPLACED.get(name)
            suggestion = f"; Ray now has `{replacement}`" if replacement else closest(name, known)
            remedy = "remove it" if replacement == "" else f"use `{replacement}`" if replacement else "correct it"
            yield finding(document, "RTS405", where, f"`ray start` has no option `{name}`{suggestion}", remedy)
            continue
        problem = invalid(name, known[name], value)
        if problem is not None:
            yield finding(document, "RTS406", where, *problem)


def invalid(name: str, kind: str, value: str | None) -> tuple[str, str] | None:
    """Return the reason why an option's value is invalid, and a remedy; None if it is valid or a variable."""
    if value is None and kind not in ("flag", "integer range"):
        return f"`{name}` has no value", f"write `{name}=...`"
    if value is None or "$" in value or "`" in value:
        return None
    if kind == "integer" or name == "--resources":
        return invalid_number(name, value) if kind == "integer" else invalid_resources(value)
    allowed = BOOLEANS if kind == "boolean" else tuple(kind.split("|")) if "|" in kind else ()
    if kind == "flag":
        return f"`{name}` takes no value, but has {value!r}", f"write `{name}`"
    if allowed and value.lower() not in allowed:
        return f"`{name}` is {value!r}", f"use one of {', '.join(allowed[:3])}"
    return None


def invalid_number(name: str, value: str) -> tuple[str, str] | None:
    """Return what is wrong with the value of an option that takes a whole number, and a remedy."""
    if not re.fullmatch(r"-?\d+", value):
        unit = SUFFIX.match(value)
        if unit is None:
            return f"`{name}` is {value!r}, but must be a whole number", f"write `{name}=N`"
        size = int(float(unit[1]) * 2 ** POWERS[unit[2][0].lower()])
        return f"`{name}` is {value!r}, but must be a number of bytes", f"write `{name}={size}`"
    if name.endswith("-port") and not 0 <= int(value) <= LAST_PORT:
        return f"`{name}` is {value}, which is no port", f"use a port up to {LAST_PORT}"
    if name == "--object-store-memory" and int(value) < LEAST_OBJECT_STORE:
        return f"`{name}` is {value} bytes, less than the 75 MiB that Ray requires", "write a number of bytes"
    return None


def invalid_resources(value: str) -> tuple[str, str] | None:
    """Return what is wrong with the value of `--resources`, and a remedy."""
    try:
        resources = json.loads(value)
    except ValueError:
        resources = None
    if not isinstance(resources, dict):
        return f"`--resources` is {value!r}, which is not JSON", """write `--resources='{"name": 1}'`"""
    if {"CPU", "GPU"} & set(resources):
        return "`--resources` contains CPU or GPU, which Ray rejects", "use `--num-cpus` and `--num-gpus`"
    return None


def role(document: ClusterDocument, where: KeyPath, options: dict[str, str | None]) -> Iterator[Finding]:
    """Yield options that contradict each other, or the role of the node."""
    head = where[0] == HEAD
    if "--block" in options:
        reason = "`ray start --block` never returns, so `ray up` waits for ever"
        yield finding(document, "RTS406", where, reason, "remove `--block`")
    if head and "--address" in options and "--head" in options:
        yield finding(document, "RTS406", where, "`--head` and `--address` exclude each other", "remove `--address`")
    if not head and "--head" in options:
        reason = "the workers are started with `--head`, so that each is a cluster by itself"
        yield finding(document, "RTS402", where, reason, "use `ray start --address=$RAY_HEAD_IP:6379`")
    if head and "--head" not in options and "--address" not in options:
        reason = "`ray start` without `--head` starts no head"
        yield finding(document, "RTS406", where, reason, "add `--head`")
    config = options.get("--autoscaling-config")
    if config is not None and "ray_bootstrap_config.yaml" not in config and "$" not in config:
        reason = f"`--autoscaling-config` is {config}, but `ray up` writes the file {BOOTSTRAP}"
        yield finding(document, "RTS401", where, reason, f"write `--autoscaling-config={BOOTSTRAP}`")


def address(
    document: ClusterDocument, where: KeyPath, options: dict[str, str | None], head: dict[str, str]
) -> Iterator[Finding]:
    """Yield a worker's address whose port is not the head's."""
    given = options.get("--address")
    match = re.search(r"RAY_HEAD_IP\}?\"?:(\d+)", given or "")
    port = head.get("--port", "6379")
    if match is not None and port.isdecimal() and int(port) != int(match[1]):
        other = next(
            (name for name, number in (*head.items(), *DEFAULT_PORTS.items()) if str(number) == match[1]), None
        )
        what = f", which is its `{other}`" if other and other != "--port" else ""
        reason = f"the workers use port {match[1]} of the head{what}, but the head listens at {port}"
        yield finding(document, "RTS407", where, reason, f"write `--address=$RAY_HEAD_IP:{port}`")
    elif given and match is None and re.search(r"RAY_HEAD_IP\}?\"?$", given):
        reason = f"`--address` is {given!r}, without a port"
        yield finding(document, "RTS406", where, reason, f"write `--address=$RAY_HEAD_IP:{port}`")


def collisions(document: ClusterDocument, where: KeyPath, options: dict[str, str | None]) -> Iterator[Finding]:
    """Yield ports of the head that are used twice."""
    used: dict[int, str] = {}
    ports = {**DEFAULT_PORTS, **{name: value for name, value in options.items() if name.endswith("-port")}}
    if "--port" in options:
        ports["--port"] = options["--port"]
    low, high = (number(ports.pop(name, None)) for name in ("--min-worker-port", "--max-worker-port"))
    for name, value in ports.items():
        port = number(value)
        if port is None or port == 0:
            continue
        if port in used:
            reason = f"`{used[port]}` and `{name}` are both {port}"
            yield finding(document, "RTS407", where, reason, f"give `{name}` another port")
        used[port] = name
        if low is not None and high is not None and low <= port <= high:
            reason = f"`{name}` is {port}, which lies between `--min-worker-port` and `--max-worker-port`"
            yield finding(document, "RTS407", where, reason, "move the range of the workers' ports")
    if low is not None and high is not None and low > high:
        reason = f"`--min-worker-port` is {low}, above `--max-worker-port`, which is {high}"
        yield finding(document, "RTS406", where, reason, "exchange them")


def number(value: str | int | None) -> int | None:
    """Return a port as a number, None if it is none."""
    return int(value) if value is not None and re.fullmatch(r"\d+", str(value)) else None
