"""Checks of the order of set-up and start commands, and of what they expect to be on the machine."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.start_commands import HEAD, SETUP, WORKERS, command_lists, entries
from raytune_suite.cluster.pools import provider
from raytune_suite.cluster.shell import SimpleCommand, simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

VISIBLE = re.compile(r"(?:CUDA|NVIDIA|HIP|ROCR)_VISIBLE_DEVICES=[\"']?([\d,]*|none|void)[\"']?(?=[\s;&|]|$)")
"""The GPUs that programs may see."""

CREATES_ENVIRONMENT = re.compile(r"\b(?:conda|mamba|micromamba) (?:env )?(?:create|update)\b|\bconda-pack\b|\bvenv\b")
SCRIPT = re.compile(r"[A-Za-z_][\w-]*(?:/[\w.-]+)*\.(?:sh|py|txt|ya?ml|toml)")
"""A relative path of a file."""

READS = {"pip": ("-r", "-c", "--requirement", "--constraint"), "conda": ("-f", "--file")}
"""Options with a file, by program."""


def check(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield steps that come too late, or that need what is not there."""
    if provider(document) == "external":
        return
    yield from second_head(document, pools)
    yield from order(document)
    yield from hidden_gpus(document, pools)
    for place in command_lists(document):
        for index, text in entries(document, place):
            for part in simple_commands(text):
                yield from as_root(document, (*place, index), part)
                yield from installs_for_root(document, (*place, index), part)
                yield from environment(document, (*place, index), part)
    yield from files(document)


def second_head(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield a least number of machines like the head's, which Ray starts beside it."""
    for pool in pools:
        least = document.get(*pool.where, "min_workers")
        if pool.head and pool.where[:1] == ("available_node_types",) and isinstance(least, int) and least > 0:
            reason = f"{pool.name} is the head's type: Ray starts {least} more such machines, as workers"
            yield finding(document, "RTS213", (*pool.where, "min_workers"), reason, "write `min_workers: 0`")


def order(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a `ray stop` after the `ray start` of the same list, which ends what was started."""
    for key in (HEAD, WORKERS):
        steps = [
            (index, part.words[1])
            for index, text in enumerate(document.strings(key))
            for part in simple_commands(text)
            if part.words[:1] == ("ray",) and part.words[1:2] in (("start",), ("stop",))
        ]
        if steps and steps[-1][1] == "stop" and any(word == "start" for _, word in steps):
            reason = "`ray stop` comes after `ray start`, and ends what was started"
            code = "RTS401" if key == HEAD else "RTS402"
            yield finding(document, code, (key, steps[-1][0]), reason, "write `ray stop` as the first command")


def hidden_gpus(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield variables that hide GPUs of a pool from Ray, which then does not start."""
    most = max((int(pool.gpus or 0) for pool in pools if not pool.head), default=0)
    lists: list[KeyPath] = [*((key,) for key in (*SETUP, WORKERS)), ("docker", "run_options")]
    places = [((*place, index), text) for place in lists for index, text in enumerate(document.strings(*place))]
    for where, text in places:
        match = VISIBLE.search(text)
        if match is None or (where[0] in SETUP and ">>" not in text):
            continue
        seen = len([one for one in match[1].split(",") if one.isdecimal()])
        if seen < most:
            reason = f"`{match[0]}` shows Ray {seen} of the {most} GPUs of a machine"
            yield finding(document, "RTS208", where, reason, "remove it: Ray sets it for each trial")


def as_root(document: ClusterDocument, where: KeyPath, part: SimpleCommand) -> Iterator[Finding]:
    """Yield a start of Ray by sudo, which drops the account's PATH and variables."""
    if part.words[:2] == ("ray", "start") and "sudo" in part.prefixes and "env" not in part.prefixes:
        reason = "`sudo` drops the PATH and the variables of the account, such as RAY_AUTH_MODE"
        yield finding(document, "RTS416", where, reason, "remove `sudo`: Ray needs no rights of root")


def installs_for_root(document: ClusterDocument, where: KeyPath, part: SimpleCommand) -> Iterator[Finding]:
    """Yield packages that `sudo` installs for root, in another environment than that in which Ray runs."""
    words = part.words[2:] if part.words[1:2] == ("-m",) else part.words
    if "sudo" not in part.prefixes or words[:1] not in (("pip",), ("pip3",)) or "install" not in words:
        return
    user = document.get("auth", "ssh_user")
    container = bool(document.mapping("docker")) and where[0] != "initialization_commands"
    if container or user not in (None, "root"):
        own = "--user" in words
        reason = "`sudo` installs the packages for root, so the account that runs Ray does not have them"
        if not own:
            reason = "`sudo` installs with the Python of root, which need not be the one that runs Ray"
        yield finding(document, "RTS416", where, reason, "remove `sudo`", severity="error" if own else "warning")


def environment(document: ClusterDocument, where: KeyPath, part: SimpleCommand) -> Iterator[Finding]:
    """Yield the activation of an environment that Ray's images do not have, and no command creates."""
    image = str(document.get("docker", "image") or "")
    if where[0] == "initialization_commands" or not image.startswith("rayproject/"):
        return
    words = part.words[1:] if part.words[:1] == ("conda",) else part.words
    if words[:2] == ("source", "activate"):
        words = words[1:]
    name = words[1] if words[:1] == ("activate",) and len(words) > 1 else "base"
    commands = " ".join(text for key in SETUP for text in document.strings(key))
    if name != "base" and "$" not in name and "/" not in name and not CREATES_ENVIRONMENT.search(commands):
        reason = f"Ray's image {image} has no environment {name!r}, and no command creates it"
        yield finding(document, "RTS415", where, reason, "remove it: Ray is in the environment base")


def files(document: ClusterDocument) -> Iterator[Finding]:
    """Yield files in the working directory that nothing puts there."""
    targets = {str(target).rstrip("/").removeprefix("~/") for target in document.mapping("file_mounts")}
    everything = [text for place in command_lists(document) for _, text in entries(document, place)]
    for key in SETUP:
        for index, text in enumerate(document.strings(key)):
            parts = simple_commands(text)
            if any(part.program in ("cd", "pushd") for part in parts):
                continue
            for name in dict.fromkeys(name for part in parts for name in reads(part)):
                first = name.partition("/")[0]
                other = sum(one.count(first) for one in everything) > text.count(name)
                if name in targets or first in targets or other:
                    continue
                reason = f"{name} is looked up in the home folder, where nothing puts it"
                remedy = f'add `"~/{first}": ./{first}` to file_mounts, or write `cd FOLDER && ...`'
                yield finding(document, "RTS310", (key, index), reason, remedy, severity="warning")


def reads(part: SimpleCommand) -> Iterator[str]:
    """Yield the relative files that a command reads."""
    words = part.words
    if words[1:3] == ("-m", "pip"):
        words = words[2:]
    for program, options in READS.items():
        if words and words[0].rpartition("/")[2].startswith(program):
            for option, value in itertools.pairwise(words):
                if option in options and SCRIPT.fullmatch(value):
                    yield value
    if part.program in ("bash", "sh", "python", "python3") and len(words) > 1 and SCRIPT.fullmatch(words[1]):
        yield words[1]
