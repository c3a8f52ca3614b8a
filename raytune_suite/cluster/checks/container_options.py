"""Checks of the options that a file for `ray up` gives to `docker run`: their names, values and contradictions.

Ray runs `docker run --rm --name NAME -d -it -v ... OPTIONS --net=host IMAGE bash`, with the options joined by spaces.
Source: https://docs.docker.com/reference/cli/docker/container/run, and ray.autoscaler._private.docker of Ray 2.60.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.pods import FOLDERS_OF_IMAGES
from raytune_suite.cluster.checks.sizes import without_unit
from raytune_suite.cluster.pools import RUN_OPTIONS, pools
from raytune_suite.cluster.quantities import in_bytes
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath


FLAGS = (
    *("detach", "disable-content-trust", "help", "init", "interactive", "no-healthcheck", "oom-kill-disable"),
    *("privileged", "publish-all", "quiet", "read-only", "rm", "sig-proxy", "tty", "use-api-socket"),
)
"""Options without a value."""

VALUED = (
    *("add-host", "annotation", "attach", "blkio-weight", "blkio-weight-device", "cap-add", "cap-drop"),
    *("cgroup-parent", "cgroupns", "cidfile", "cpu-count", "cpu-percent", "cpu-period", "cpu-quota", "cpu-rt-period"),
    *("cpu-rt-runtime", "cpu-shares", "cpus", "cpuset-cpus", "cpuset-mems", "detach-keys", "device"),
    *("device-cgroup-rule", "device-read-bps", "device-read-iops", "device-write-bps", "device-write-iops", "dns"),
    *("dns-option", "dns-search", "domainname", "entrypoint", "env", "env-file", "expose", "gpus", "group-add"),
    *("health-cmd", "health-interval", "health-retries", "health-start-interval", "health-start-period"),
    *("health-timeout", "hostname", "io-maxbandwidth", "io-maxiops", "ip", "ip6", "ipc", "isolation"),
    *("kernel-memory", "label", "label-file", "link", "link-local-ip", "log-driver", "log-opt", "mac-address"),
    *("memory", "memory-reservation", "memory-swap", "memory-swappiness", "mount", "name", "net", "net-alias"),
    *("network", "network-alias", "oom-score-adj", "pid", "pids-limit", "platform", "publish", "pull", "restart"),
    *("runtime", "security-opt", "shm-size", "stop-signal", "stop-timeout", "storage-opt", "sysctl", "tmpfs"),
    *("ulimit", "user", "userns", "uts", "volume", "volume-driver", "volumes-from", "workdir"),
)
LETTERS = {
    "a": "attach",
    "c": "cpu-shares",
    "d": "detach",
    "e": "env",
    "h": "hostname",
    "i": "interactive",
    "l": "label",
    "m": "memory",
    "p": "publish",
    "P": "publish-all",
    "q": "quiet",
    "t": "tty",
    "u": "user",
    "v": "volume",
    "w": "workdir",
}

SUBSTITUTION = re.compile(r"\$\([^()]*\)|`[^`]*`")
"""A command whose output the shell writes in its place."""

SIZE = r"\d+(?:\.\d+)?\s*(?:[kmgt]i?)?b?"
FORMS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("shm-size", "memory", "memory-reservation"), (SIZE, "a size such as 8g")),
    "memory-swap": (rf"-1|{SIZE}", "a size such as 8g, or -1"),
    "cpus": (r"\d+(\.\d+)?", "a number"),
    "gpus": (r"all|\d+|(?:[a-z]+=[\w,.:-]+,?)+|\"?device=[\w,.:-]+\"?", "all, a number, or device=0,1"),
    "ulimit": (r"\w+=-?\d+(?::-?\d+)?", "NAME=SOFT[:HARD], such as nofile=65536:65536"),
    "volume": (r"[^:]+(?::[^:]+(?::[\w,]+)?)?", "/OUTSIDE:/INSIDE"),
    "env": (r"[A-Za-z_][\w.-]*(?:=.*)?", "NAME=VALUE"),
    "restart": (r"no|always|unless-stopped|on-failure(?::\d+)?", "no, always, unless-stopped or on-failure"),
    "pull": (r"always|missing|never", "always, missing or never"),
    "ipc": (r"|none|private|shareable|host|container:\S+", "host, private, shareable or none"),
    "pids-limit": (r"-?\d+", "a whole number"),
    "device": (r"/[^:]+(?::[^:]+(?::[rwm]+)?)?|[\w./-]+=\S+", "/dev/NAME"),
    "publish": (r"(?:[\d.\[\]:a-f]+:)?(?:\d+(?:-\d+)?)?:?\d+(?:-\d+)?(?:/(?:tcp|udp|sctp))?", "OUTSIDE:INSIDE"),
}
"""The form of values, with a description."""

LEAST_MEMORY = 4 * 2**30
"""Bytes that a container with Ray needs."""

TAKEN = {
    "name": "Ray sets it: write `container_name`",
    "restart": "Ray runs containers with `--rm`, which docker rejects together with `--restart`",
    "network": "Ray adds `--net=host`",
    "net": "Ray adds `--net=host`",
}
"""Options that Ray gives itself, or that contradict those."""


DETECTIONS = {
    "disable_automatic_runtime_detection": (
        *("RTS908", r"--gpus\b|--runtime\b|--device\b|--privileged\b"),
        "`--runtime=nvidia`: unless docker is configured so, containers see no GPU",
    ),
    "disable_shm_size_detection": (
        *("RTS902", r"--shm-size\b|--ipc[= ]host\b|/dev/shm"),
        "`--shm-size`: docker gives containers 64 MB of shared memory, too little for the object store",
    ),
}
"""What Ray detects unless these keys are set: the code of a finding, the options instead, and what is lost."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the options of containers."""
    places: list[KeyPath] = [("docker", key) for key in RUN_OPTIONS]
    places += [
        ("available_node_types", name, "docker", key)
        for name in document.mapping("available_node_types")
        for key in RUN_OPTIONS
    ]
    for place in places:
        yield from one_list(document, place)
    yield from no_detection(document, places)


def no_detection(document: ClusterDocument, places: list[KeyPath]) -> Iterator[Finding]:
    """Yield detections of Ray that are switched off, although no option of the containers replaces them.

    Ray adds `--runtime=nvidia` and `--shm-size` itself (ray.autoscaler._private.command_runner).
    """
    of_workers = [place for place in places if place[-1] != "head_run_options"]
    texts = " ".join(text for place in of_workers for text in document.strings(*place))
    for key, (code, option, lost) in DETECTIONS.items():
        if document.get("docker", key) is True and not re.search(option, texts) and needs(document, key):
            reason = f"with `{key}` Ray does not add {lost}"
            better = "--gpus all" if "runtime" in key else "--shm-size=8g"
            remedy = f"remove it, or add `{better}` to `worker_run_options`"
            yield finding(document, code, ("docker", key), reason, remedy, severity="warning")


def needs(document: ClusterDocument, key: str) -> bool:
    """Return whether containers need what a detection finds: shared memory always, GPUs unless no machine has any."""
    workers = [pool for pool in pools(document) if not pool.head]
    return key == "disable_shm_size_detection" or any(pool.gpus != 0 for pool in workers)


def one_list(document: ClusterDocument, place: KeyPath) -> Iterator[Finding]:
    """Yield the mistakes in one list of options, whose entries docker reads as one text."""
    words: list[tuple[str, int]] = []
    entries = document.entries(*place)
    if not all(isinstance(entry, str) for entry in entries):
        index = next(index for index, entry in enumerate(entries) if not isinstance(entry, str))
        inner = isinstance(entries[index], dict) and next(iter(entries[index].items()), None)
        shown = f"a mapping, because of `{inner[0]}: ...`" if inner else f"{entries[index]!r}, no text"
        reason = f"entry {index + 1} of `{place[-1]}` is {shown}; it must be an option of docker run"
        option = str(inner[0]) if inner else "--NAME"
        remedy = f"write `- {option}={inner[1]}` without a space after a colon" if inner else "write it in quotes"
        if inner and option in ("pull_before_run", "image", "container_name"):
            remedy = f"move `{option}` directly below `docker`"
        yield finding(document, "RTS101", (*place, index), reason, remedy)
        return
    for index, text in enumerate(document.strings(*place)):
        try:
            words += [(word, index) for word in shlex.split(SUBSTITUTION.sub("$X", text))]
        except ValueError:
            reason = f"{text!r} has a quotation that is not closed"
            yield finding(document, "RTS415", (*place, index), reason, "close it")
            return
    while words:
        word, index = words.pop(0)
        if not re.search(r"[$`{(]", word.partition("=")[0]):  # else the shell of the machine replaces it
            yield from one_option(document, (*place, index), word, words)


def one_option(document: ClusterDocument, where: KeyPath, word: str, rest: list[tuple[str, int]]) -> Iterator[Finding]:
    """Yield the mistakes in one option, and take its value from the words after it."""
    if not word.startswith("-"):
        reason = f"{word!r} belongs to no option, so docker takes it as the image"
        option = f"`--{word}`" if word.partition("=")[0] in VALUED else "the option before it, as in `-e NAME=VALUE`"
        yield finding(document, "RTS902", where, reason, f"write {option}")
        return
    name, value, known = split(word)
    alone = not rest or rest[0][0].startswith("-")
    if not known:
        near = nearest(name, (*VALUED, *FLAGS))
        hint = f": did you mean `--{near}`?" if near else ""
        reason = f"docker run has no option `{word.partition('=')[0]}`{hint}"
        yield finding(document, "RTS902", where, reason, f"write `--{near}`" if near else "correct the name")
        if value is None and not alone:
            rest.pop(0)
    elif name in VALUED and value is None and alone:
        reason = f"`{word}` has no value, so docker takes {rest[0][0] if rest else 'the next option'} as one"
        yield finding(document, "RTS902", where, reason, f"write a value after `{word}`, or remove it")
    elif name in VALUED:
        yield from one_value(document, where, name, rest.pop(0)[0] if value is None else value)


def split(word: str) -> tuple[str, str | None, bool]:
    """Return the long name of an option, the value in the same word, and whether docker has the option.

    Example:
        >>> split("--shm-size=8g"), split("-v"), split("-it"), split("-eA=1")
        (('shm-size', '8g', True), ('volume', None, True), ('interactive', None, True), ('env', 'A=1', True))
    """
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        return name, value if equals else None, name in VALUED or name in FLAGS
    letters = word[1:]
    for position, letter in enumerate(letters):
        name = LETTERS.get(letter, "")
        if name in VALUED:
            rest = letters[position + 1 :].removeprefix("=")
            return name, rest or None, True
        if not name:
            return letters.partition("=")[0], None, False
    return LETTERS[letters[0]] if letters else "", None, bool(letters)


def one_value(document: ClusterDocument, where: KeyPath, name: str, value: str) -> Iterator[Finding]:
    """Yield mistakes in the value of one option."""
    pattern, form = FORMS.get(name, (".*", ""))
    plain = not re.search(r"[$`]|YOUR-", value)
    if plain and not re.fullmatch(pattern, value, re.IGNORECASE if name in ("shm-size", "memory") else 0):
        reason = f"`--{name}` of docker run is {value!r}, but must be {form}"
        yield finding(document, "RTS902", where, reason, f"write {form}")
    elif name == "volume" and plain and ":" in value and not re.match(r"[^:]+:/", value):
        reason = f"`-v {value}`: the path in the container must be absolute"
        yield finding(document, "RTS902", where, reason, "write `-v /OUTSIDE:/INSIDE`")
    unit = without_unit(name, value) if plain else None
    if unit is not None:
        yield finding(document, "RTS902", where, *unit)
    size = in_bytes(value) if name == "memory" and plain else None
    if size is not None and size < LEAST_MEMORY:
        reason = f"`--memory` of docker run is {value}, but Ray and one trial need about 4 GiB"
        yield finding(document, "RTS215", where, reason, "write more, or remove it", severity="warning")
    limits = re.fullmatch(r"\w+=(\d+):(\d+)", value) if name == "ulimit" else None
    if limits is not None and int(limits[1]) > int(limits[2]):
        reason = f"`--ulimit {value}`: the soft limit {limits[1]} is above the hard limit {limits[2]}"
        yield finding(document, "RTS902", where, reason, f"write {value.partition('=')[0]}={limits[1]}:{limits[1]}")
    if name in TAKEN and value not in ("host", "no"):
        reason = f"`--{name}` does not fit the other options: {TAKEN[name]}"
        yield finding(document, "RTS902", where, reason, "remove it")
    inside = value.split(":")[1].rstrip("/") if name == "volume" and value.count(":") else ""
    if inside and FOLDERS_OF_IMAGES.fullmatch(inside):
        reason = f"`-v {value}` hides what the image has at {inside}, such as Ray itself"
        yield finding(document, "RTS902", where, reason, f"write `-v {value.split(':', maxsplit=1)[0]}:{inside}/data`")
    if name == "publish":
        reason = "`-p` has no effect, because Ray's containers have the network of the machine (`--net=host`)"
        yield finding(document, "RTS902", where, reason, "remove it", severity="warning")
