"""Check that nodes have what their commands need: a GPU to wait for, Ray on the PATH, and CPUs for trials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.mounts import of_nodes
from raytune_suite.cluster.checks.start_commands import HEAD, SETUP, WORKERS
from raytune_suite.cluster.pools import is_kuberay
from raytune_suite.cluster.shell import simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

WAITS = re.compile(r"\b(?:until|while\s+!)\s+(?:sudo\s+)?(?:\S*/)?nvidia-smi\b")
ONLY_IF = re.compile(r"\b(?:if|case|test|which|lspci|type|hash)\b|\|\||\bcommand -v\b|\[|/dev/nvidia")
"""What limits a command to some machines, or ignores that it fails."""

INSTALLS_RAY = re.compile(r"\binstall\b[^;&|\n]*[\s'\"]ray(?:\[|=|[\s'\"]|$)")
IN_ENVIRONMENT = re.compile(
    r"(?<![\w/])(?P<python>[~$\w./-]+)/bin/(?:python[\d.]*|pip[\d.]*)\s|(?:\bsource|(?:^|\s)\.)\s+(?P<venv>\S+)/bin/activate\b|"
    r"\bconda activate (?P<conda>[\w./~-]+)|\bconda (?:install|run)\s(?:[^;&|\n]*\s)?(?:-n|--name)[ =]?(?P<name>[\w-]+)"
)
"""An environment of Python that a command uses."""

USUAL = re.compile(r"base|/usr(/local)?|.*(\.local|conda\d?|miniforge\d?|mambaforge|python\d*)|/opt/ray")
"""Environments that machine images put on the PATH."""

LASTING = re.compile(r"\.bashrc|\.bash_profile|\.profile|/etc/(environment|profile)|\bln -\w*s|\bPATH=|/usr/local/bin")
"""What may put an environment on the PATH of later commands."""


def check(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield commands of a file for `ray up` that need what their nodes do not have."""
    yield from drivers(document, pools)
    yield from environments(document)
    yield from no_cpus(document, pools)


def drivers(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield commands that wait for, or use, the driver of a GPU on machines without GPUs."""
    commands = of_nodes(document)
    for pool in pools:
        machine = pool.instance_type
        if machine is None or machine.gpus or not (pool.head or pool.max_machines > 0):
            continue
        for where, text in commands.get(pool.name, ()):
            match = WAITS.search(text)
            if match is not None and not ONLY_IF.search(text[: match.start()]) and "||" not in text[match.end() :]:
                reason = f"{pool.name} waits for a GPU, which {machine.name} does not have: it is never set up"
                remedy = "write `if lspci | grep -qi nvidia; then ...; fi` around it"
                yield finding(document, "RTS412", where, reason, remedy)
            elif match is None and not ONLY_IF.search(text) and "$(" not in text:
                parts = simple_commands(text)
                used = [one for one in parts if one.program == "nvidia-smi" and not set(one.prefixes) - {"sudo"}]
                if any(one.after == "&&" or one == parts[-1] for one in used):
                    reason = f"{pool.name} has no GPU, so `nvidia-smi` fails, and with it the set-up"
                    remedy = "remove it, or write `if lspci | grep -qi nvidia; then nvidia-smi; fi`"
                    yield finding(document, "RTS908", where, reason, remedy, severity="warning")


def environments(document: ClusterDocument) -> Iterator[Finding]:
    """Yield starts of Ray by commands that do not use the environment in which it is installed."""
    texts = [text for key in SETUP for text in document.strings(key)]
    names = [environment(text) for text in texts if INSTALLS_RAY.search(text)]
    if document.mapping("docker") or not names or None in names or any(LASTING.search(text) for text in texts):
        return
    for key, code in ((HEAD, "RTS401"), (WORKERS, "RTS402")):
        everything = " ".join(document.strings(key))
        if re.search(r"\bactivate\b|\bPATH=|\bconda run\b|\.bashrc|\.profile", everything):
            continue
        for index, text in enumerate(document.strings(key)):
            if any(part.words[:2] == ("ray", "start") for part in simple_commands(text)):
                reason = f"`ray` is installed in {names[0]}, which is not on the PATH of this command"
                folder = str(names[0])
                remedy = f"write `{folder}/bin/ray`" if "/" in folder else f"write `conda run -n {folder} ray`"
                yield finding(document, code, (key, index), reason, remedy, severity="warning")


def environment(text: str) -> str | None:
    """Return the environment of Python that a command uses, None for the account's own.

    Example:
        >>> environment("python3 -m venv ~/a && ~/a/bin/pip install ray"), environment("pip install ray")
        ('~/a', None)
    """
    match = IN_ENVIRONMENT.search(text)
    name = None if match is None else next(filter(None, match.groups()))
    return None if name is None or USUAL.fullmatch(name) else name


def no_cpus(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield workers that offer no CPUs, so that Ray places no trial there."""
    workers = [pool for pool in pools if not pool.head and pool.max_machines > 0]
    without = [pool for pool in workers if pool.cpus == 0]
    for pool in without if document.get("kind") != "RayService" else ():
        where: KeyPath = (*pool.where, "rayStartParams" if is_kuberay(document) else "resources")
        where = (WORKERS,) if pool.where == ("provider",) else where
        alone = len(without) == len(workers)
        if alone or pool.gpus:
            reason = (
                f"{pool.name}: the machines offer no CPUs, but a trial needs one unless its resources say otherwise"
            )
            remedy = "remove the number: only the head should offer none"
            yield finding(document, "RTS701" if alone else "RTS702", where, reason, remedy, severity="warning")
