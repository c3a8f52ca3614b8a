"""The options of `ray start`, for the Ray that this package is tested with, and the ports that they open."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal

from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["text", "integer", "number", "flag", "boolean", "json"]

KINDS: dict[Kind, tuple[str, ...]] = {
    "integer": (
        *("port", "object-manager-port", "node-manager-port", "min-worker-port", "max-worker-port"),
        *("ray-client-server-port", "memory", "object-store-memory", "num-cpus", "num-gpus", "dashboard-port"),
        *("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port", "metrics-export-port"),
        "system-reserved-memory",
    ),
    "number": ("system-reserved-cpu",),
    "flag": (
        *("head", "block", "no-redirect-output", "enable-object-reconstruction", "no-monitor"),
        *("ray-debugger-external", "disable-usage-stats", "enable-resource-isolation", "verbose"),
    ),
    "boolean": ("include-dashboard", "include-log-monitor"),
    "json": ("resources", "system-config"),
    "text": (
        *("node-ip-address", "address", "node-name", "redis-username", "redis-password", "redis-shard-ports"),
        *("worker-port-list", "dashboard-host", "plasma-directory", "object-spilling-directory"),
        *("autoscaling-config", "temp-dir", "tracing-startup-hook", "labels", "labels-file", "cgroup-path"),
        *("proxy-server-url", "log-style", "log-color"),
    ),
}
OPTIONS: dict[str, Kind] = {name: kind for kind, names in KINDS.items() for name in names}
"""The kind of value of each option of Ray 2.60, without its dashes."""

REMOVED = {
    "redis-port": "port",
    "redis-address": "address",
    "webui-host": "dashboard-host",
    "include-webui": "include-dashboard",
    "gcs-server-port": "port",
    "num-redis-shards": None,
    "redis-max-memory": None,
    "redis-max-clients": None,
    "raylet-socket-name": None,
    "plasma-store-socket-name": None,
    "internal-config": "system-config",
    "lru-evict": None,
    "java-worker-options": None,
    "huge-pages": None,
    "dashboard-grpc-port": None,
    "storage": None,
}
"""Options of earlier versions, with their replacements."""

PORTS = tuple(name for name in KINDS["integer"] if name.endswith("port"))
SINGLE_PORTS = tuple(name for name in PORTS if "worker-port" not in name)

DEFAULT_PORTS = {"port": 6379, "ray-client-server-port": 10001, "dashboard-port": 8265}
"""The ports that the head opens unless options say otherwise."""

HIGHEST_PORT = 65535


def wrong_option(name: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if `ray start` has no option of this name (without dashes), None if it has.

    Example:
        >>> wrong_option("num-cpus") is None, wrong_option("redis-port")[1]
        (True, 'use `--port`')
    """
    if name in OPTIONS or name in ("v", "h", "help"):
        return None
    if name in REMOVED:
        replacement = REMOVED[name]
        remedy = f"use `--{replacement}`" if replacement else "remove it"
        return f"`ray start` no longer has the option `--{name}`", remedy
    match = nearest(name.replace("_", "-"), OPTIONS)
    reason = f"`ray start` has no option `--{name}`"
    return (f"{reason}: did you mean `--{match}`?", f"write `--{match}`") if match else (reason, "remove it")


def wrong_value(name: str, value: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if an option of `ray start` cannot have this value, None if it can.

    Values that the shell expands are not checked.

    Example:
        >>> wrong_value("num-cpus", "8"), wrong_value("num-gpus", "$GPUS"), wrong_value("port", "70000")[0]
        (None, None, '`port` is 70000, but ports end at 65535')
    """
    kind = OPTIONS.get(name)
    if kind is None or "$" in value or "`" in value or "{{" in value:
        return None
    if kind == "integer":
        if not re.fullmatch(r"\d+", value):
            unit = "bytes, such as 2147483648 for 2 GiB" if "memory" in name else "a whole number"
            return f"`{name}` is {value!r}, but must be {unit}", f"write {unit}"
        if name in PORTS and int(value) > HIGHEST_PORT:
            return f"`{name}` is {value}, but ports end at {HIGHEST_PORT}", "use a port between 1024 and 65535"
    if kind == "boolean" and value.lower() not in ("true", "false", "1", "0", "yes", "no", "t", "f", "y", "n"):
        return f"`{name}` is {value!r}, but must be true or false", "write true or false"
    if kind == "json":
        return wrong_json(name, value)
    return None


def wrong_json(name: str, value: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if the value of an option is not a JSON object."""
    try:
        parsed = json.loads(value)
        if isinstance(parsed, str):  # KubeRay's samples quote it twice
            parsed = json.loads(parsed)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        return None
    return (
        f"`{name}` is {value!r}, which is not a JSON object",
        f"""write `{name}: '{{"NAME": 1}}'`, in single quotes""",
    )


def same_ports(options: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return pairs of options that open the same port, with the port."""
    given = {name: options[name] for name in SINGLE_PORTS if options.get(name, "").isdecimal()}
    defaults = {name: str(port) for name, port in DEFAULT_PORTS.items() if name not in options}
    ports = [*given.items(), *defaults.items()]
    pairs = []
    for index, (name, port) in enumerate(ports):
        for other, taken in ports[:index]:
            if port == taken != "0" and (name in given or other in given):
                pairs.append((other, name, port))
    low, high = options.get("min-worker-port", ""), options.get("max-worker-port", "")
    if low.isdecimal() and high.isdecimal():
        pairs += [(name, "min-worker-port", port) for name, port in given.items() if int(low) <= int(port) <= int(high)]
    return pairs
