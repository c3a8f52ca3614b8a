"""The options of `ray start`, their values, and the ports that they open.

Names and types of the options are those of the Ray that this package is tested with (`provider_data/ray_start.json`).
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.provider_data import ray_commands, ray_start_options
from raytune_suite.cluster.quantities import in_bytes
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPTIONS = {name.lstrip("-"): kind for name, kind in ray_start_options().items()}
"""The kind of value of each option, without its dashes: "integer", "flag", "text", and so on, or its choices."""

FLAGS = tuple(name for name, kind in OPTIONS.items() if kind in ("flag", "integer range"))
"""The options that need no value."""

JSON_OPTIONS = ("resources", "system-config")

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
    "dashboard-grpc-port": "dashboard-agent-grpc-port",
    "storage": None,
}
"""Options of earlier versions, with their replacements."""

PORTS = tuple(name for name, kind in OPTIONS.items() if kind == "integer" and name.endswith("port"))
SINGLE_PORTS = tuple(name for name in PORTS if "worker-port" not in name)

DEFAULT_PORTS = {"port": 6379, "ray-client-server-port": 10001, "dashboard-port": 8265}
"""The ports that the head opens unless options say otherwise."""

LOWEST_PORT, HIGHEST_PORT = 1024, 65535

FEW_PORTS, SPARE_PORTS = 32, 8
"""Ports for worker processes: fewer are too few for any machine; what drivers, actors and helpers need besides CPUs."""

LONGEST_FOLDER = 107 - len("/session_2026-01-01_00-00-00_000000_1000/sockets/plasma_store")
"""Characters; Linux allows 107 in the path of a socket."""

LEAST_OBJECT_STORE = 75 * 2**20
"""Bytes; Ray rejects a smaller object store."""

BOOLEANS = ("true", "false", "1", "0", "yes", "no", "t", "f", "y", "n", "on", "off")


def wrong_option(name: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if `ray start` has no option of this name (without dashes), None if it has.

    Example:
        >>> wrong_option("num-cpus") is None, wrong_option("redis-port")[1]
        (True, 'use `--port`')
    """
    if name in OPTIONS or name in ("h", "help"):
        return None
    if name in REMOVED:
        replacement = REMOVED[name]
        remedy = f"use `--{replacement}`" if replacement else "remove it"
        return f"`ray start` no longer has the option `--{name}`", remedy
    match = nearest(name.replace("_", "-"), OPTIONS)
    reason = f"`ray start` has no option `--{name}`"
    return (f"{reason}: did you mean `--{match}`?", f"write `--{match}`") if match else (reason, "remove it")


CHECKED = ("stop", "status", "memory", "timeline", "up", "down")
"""Commands of `ray` without arguments for other programs."""


def wrong_command(words: Sequence[str]) -> tuple[str, str] | None:
    """Return the reason and the remedy if `ray` does not have a command, or the command an option; None if it has.

    Example:
        >>> wrong_command(["ray", "stop", "--force"]) is None, wrong_command(["ray", "strat"])[1]
        (True, 'write `ray start`')
    """
    known = ray_commands()
    name = words[1] if len(words) > 1 else ""
    if not re.fullmatch(r"[a-z][a-z-]*", name) or name == "start":
        return None
    match = None if name in known else nearest(name, known)
    if match is not None:
        return f"`ray` has no command `{name}`: did you mean `{match}`?", f"write `ray {match}`"
    for word in words[2:] if name in CHECKED else ():
        option = word.partition("=")[0]
        if re.fullmatch(r"--[a-z][\w-]*", option) and option not in (*known.get(name, ()), "--help"):
            match = nearest(option, known.get(name, ()))
            reason = f"`ray {name}` has no option `{option}`{f': did you mean `{match}`?' if match else ''}"
            return reason, f"write `{match}`" if match else "remove it"
    return None


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
    if kind == "integer" or name in JSON_OPTIONS:
        return wrong_number(name, value) if kind == "integer" else wrong_json(name, value)
    if name in FORMS:
        return FORMS[name](value)
    choices = BOOLEANS if kind == "boolean" else tuple(kind.split("|")) if "|" in kind else ()
    if choices and value.lower() not in choices:
        return f"`{name}` is {value!r}", f"use one of {', '.join(choices[:3])}"
    return None


def wrong_number(name: str, value: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if the value of an option is not a whole number, or out of its range."""
    if not re.fullmatch(r"\d+", value):
        size = in_bytes(value)
        if "memory" in name:
            shown = "a number of bytes, such as 2147483648 for 2 GiB" if size is None else f"{size:.0f}"
            return f"`{name}` is {value!r}, but must be a number of bytes", f"write {shown}"
        return f"`{name}` is {value!r}, but must be a whole number", "write a whole number"
    if name in PORTS and 0 < int(value) < LOWEST_PORT:
        return f"`{name}` is {value}, but only root may open ports below {LOWEST_PORT}", "use such as 6379"
    if name in PORTS and int(value) > HIGHEST_PORT:
        return f"`{name}` is {value}, but ports end at {HIGHEST_PORT}", "use a port between 1024 and 65535"
    return wrong_amount(name, int(value))


def wrong_amount(name: str, value: int) -> tuple[str, str] | None:
    """Return the reason and the remedy if an amount of memory is too small to be meant in bytes, None if it is not."""
    if name == "memory" and value < 2**20:
        return f"`memory` is {value}, but Ray counts bytes", f"write {value * 2**30} for {value} GiB"
    if name == "object-store-memory" and value < LEAST_OBJECT_STORE:
        return f"`{name}` is {value} bytes, less than the 75 MiB that Ray requires", "write a number of bytes"
    return None


def wrong_folder(value: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if Ray cannot put its sockets in a folder, None if it can."""
    if value and not value.startswith(("/", "~")):
        return f"`temp-dir` is {value!r}, but must be an absolute path", f"write, for example, /tmp/{value}"
    if len(value) > LONGEST_FOLDER:
        reason = (
            f"`temp-dir` has {len(value)} characters, but with more than {LONGEST_FOLDER} the paths of Ray's sockets"
        )
        return f"{reason} are too long", "use a shorter path, such as one below /tmp"
    return None


def wrong_labels(value: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if a text is not a list of labels `KEY=VALUE`, None if it is."""
    for part in value.strip("\"'").split(","):
        if part.count("=") != 1 or not part.partition("=")[0]:
            return (
                f"`labels` has {part!r}, but a label is KEY=VALUE",
                f"write, for example, `--labels={part or 'gpu'}=true`",
            )
    return None


def wrong_json(name: str, value: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if the value of an option is not a JSON object, or has CPUs or GPUs."""
    try:
        parsed = json.loads(value)
        if isinstance(parsed, str):  # KubeRay's samples quote it twice
            parsed = json.loads(parsed)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        reason = f"`{name}` is {value!r}, which is not a JSON object"
        return reason, f"""write `{name}: '{{"NAME": 1}}'`, in single quotes"""
    if name == "resources" and {"CPU", "GPU"} & set(parsed):
        return "`resources` contains CPU or GPU, which Ray rejects", "use `num-cpus` and `num-gpus`"
    return None


def wrong_host(value: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if a text is more than a host, None if it is not."""
    if not re.fullmatch(r"[\w.-]+:\d+|\w+://.*", value):
        return None
    host = re.sub(r"^\w+://|:\d+/?$", "", value)
    return f"{value!r} is more than a host", f"write {host}; the port has its own option"


FORMS = {
    "dashboard-host": wrong_host,
    "node-ip-address": wrong_host,
    "labels": wrong_labels,
    "temp-dir": wrong_folder,
}
"""What checks the values of single options."""


def contradictions(options: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the reason and the remedy of each contradiction between the options of a command."""
    result = []
    if "head" in options and "address" in options:
        result.append(("`ray start` has both `--head` and `--address`", "keep one of them"))
    elif "head" not in options and "address" not in options and not {"h", "help"} & set(options):
        remedy = "add `--head`, or `--address=HEAD:PORT` on workers"
        result.append(("`ray start` has neither `--head` nor `--address`", remedy))
    low, high = options.get("min-worker-port", ""), options.get("max-worker-port", "")
    if low.isdecimal() and high.isdecimal() and int(low) > int(high):
        reason = f"`min-worker-port` is {low}, above `max-worker-port`, which is {high}"
        result.append((reason, "exchange them"))
    return result


def same_ports(options: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return pairs of options that open the same port, with the port."""
    given = {name: options[name] for name in SINGLE_PORTS if options.get(name, "").isdecimal()}
    defaults = {name: str(port) for name, port in DEFAULT_PORTS.items() if name not in options and "head" in options}
    ports = [*given.items(), *defaults.items()]
    pairs = []
    for index, (name, port) in enumerate(ports):
        for other, taken in ports[:index]:
            if port == taken != "0" and (name in given or other in given):
                pairs.append((other, name, port))
    low, high = options.get("min-worker-port", "10002"), options.get("max-worker-port", "19999")
    fixed = low.isdecimal() and high.isdecimal() and int(low) > 0  # 0 stands for any port
    if fixed and "worker-port-list" not in options:
        pairs += [(name, "min-worker-port", port) for name, port in ports if int(low) <= int(port) <= int(high)]
    return pairs


def few_worker_ports(options: Mapping[str, str], cpus: float | None) -> tuple[str, str] | None:
    """Return the reason and the remedy if there are fewer ports for worker processes than they need, None if not.

    Ray starts a process for each CPU, and each has a port of its own. Without `cpus`, only very few are too few.

    Example:
        >>> few_worker_ports({"min-worker-port": "10002", "max-worker-port": "10012"}, 96)[1]
        'write `--min-worker-port=10002 --max-worker-port=19999`, or leave both out'
        >>> few_worker_ports({"min-worker-port": "10002", "max-worker-port": "10999"}, 96) is None
        True
    """
    low, high = options.get("min-worker-port", ""), options.get("max-worker-port", "")
    listed = options.get("worker-port-list", "")
    if re.fullmatch(r"\d+(,\d+)*", listed):
        count, remedy = listed.count(",") + 1, "leave `--worker-port-list` out, or list more"
    elif low.isdecimal() and high.isdecimal() and 0 < int(low) < int(high):
        count = int(high) - int(low) + 1
        remedy = f"write `--min-worker-port={low} --max-worker-port={int(low) + 9997}`, or leave both out"
    else:
        return None
    needed = FEW_PORTS if cpus is None else int(cpus) + SPARE_PORTS
    if count >= needed:
        return None
    what = "worker processes" if cpus is None else f"the worker processes of {cpus:g} CPUs"
    return f"there are {count} ports for {what}, with which Ray cannot start all that it needs", remedy


def only_this_machine(host: str) -> bool:
    """Return whether a host means each machine itself, so that no other machine reaches it.

    Example:
        >>> [only_this_machine(host) for host in ("127.0.0.1", "localhost", "0.0.0.0", "[::1]", "10.0.0.1", "$HEAD")]
        [True, True, True, True, False, False]
    """
    bare = host.strip("[]\"'").lower().rstrip(".")
    if re.fullmatch(r"localhost\d?(\.localdomain\d?)?|ip6-(localhost|loopback)", bare):
        return True
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def option_of_port(options: Mapping[str, str], port: str) -> str | None:
    """Return the option of a head that opens a port, None if there is none."""
    opened = {**{name: str(number) for name, number in DEFAULT_PORTS.items()}, **options}
    return next((name for name in SINGLE_PORTS if opened.get(name) == port), None)
