"""Check the versions of Python that commands install: new enough, and the same on the head, the workers and here."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.commands import OLDEST_PYTHON, RAY_IMAGE, installs_this
from raytune_suite.cluster.checks.containers import image_of
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.start_commands import HEAD, SETUP, WORKERS
from raytune_suite.cluster.pools import pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

ENVIRONMENT = re.compile(
    r"\b(?:conda|mamba|micromamba)\s+(?:create|install)\b[^;&|\n]*?\bpython\s?=+\s?[\"']?(\d)\.(\d+)|"
    r"(?<![/\w])python(\d)\.(\d+)\b(?!/)|"
    r"\b(?:uv venv|uv python install|pyenv install|pyenv global|virtualenv)\b[^;&|\n]*?(\d)\.(\d+)"
)
"""A command that makes an environment with a version of Python, or calls that version."""

WHEEL = re.compile(r"ray-[\w.+]+-cp(\d)(\d+)-")
"""A wheel of Ray, which fits one version of Python."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the versions of Python that set-up commands install, and that images have."""
    yield from images(document)
    by_key: dict[str, tuple[tuple[int, int], KeyPath]] = {}
    for key in (*SETUP, HEAD, WORKERS):
        for index, text in enumerate(document.strings(key)):
            where: KeyPath = (key, index)
            for match in ENVIRONMENT.finditer(text):
                major, minor = [int(group) for group in match.groups() if group is not None]
                by_key[key] = ((major, minor), where)
                yield from version(document, where, (major, minor))
            for major_text, minor_text in WHEEL.findall(text):
                wheel = (int(major_text), int(minor_text))
                made = by_key.get(key, by_key.get("setup_commands"))
                if made is not None and made[0] != wheel:
                    reason = f"this wheel is for Python {shown(wheel)}, but the environment has {shown(made[0])}"
                    yield finding(document, "RTS309", where, reason, "use the wheel for that version")
    head, workers = by_key.get("head_setup_commands"), by_key.get("worker_setup_commands")
    common = by_key.get("setup_commands")
    head, workers = head or common, workers or common
    if head is not None and workers is not None and head[0] != workers[0]:
        reason = f"the head gets Python {shown(head[0])}, but the workers {shown(workers[0])}, which Ray rejects"
        where = workers[1] if workers is not common else head[1]
        yield finding(document, "RTS309", where, reason, "use the same version on all nodes")


def images(document: ClusterDocument) -> Iterator[Finding]:
    """Yield an image of workers with another Ray or Python than that of the head."""
    found = [(pool, *image_of(document, pool)) for pool in pools(document)]
    heads = [(image, RAY_IMAGE.match(image)) for pool, _, image in found if pool.head]
    for pool, where, image in found:
        match, head = RAY_IMAGE.match(image), heads[0][1] if heads else None
        if pool.head or match is None or head is None:
            continue
        pythons = [re.search(r"-py(\d)(\d+)", one["rest"]) for one in (head, match)]
        for what, of_head, own in (
            ("Ray", head["version"], match["version"]),
            ("Python", *(one and f"{one[1]}.{one[2]}" for one in pythons)),
        ):
            if of_head and own and of_head != own:
                reason = f"the workers have {what} {own} ({image}), but the head {of_head}: Ray rejects such workers"
                code = "RTS301" if what == "Ray" else "RTS302"
                yield finding(document, code, where, reason, "use the same version in both images", severity="error")


def version(document: ClusterDocument, where: KeyPath, installed: tuple[int, int]) -> Iterator[Finding]:
    """Yield a finding if a version of Python is too old, or another than here."""
    here = (sys.version_info.major, sys.version_info.minor)
    if installed < OLDEST_PYTHON:
        reason = f"the nodes get Python {shown(installed)}, but raytune-suite needs {shown(OLDEST_PYTHON)} or newer"
        severity: Severity | None = None if installs_this(document) else "warning"
        yield finding(document, "RTS309", where, reason, f"install python={shown(here)}", severity=severity)
    elif installed != here:
        reason = (
            f"the nodes get Python {shown(installed)}, but it is {shown(here)} here, and Ray Client requires the same"
        )
        yield finding(document, "RTS302", where, reason, f"install python={shown(here)}")


def shown(numbers: tuple[int, int]) -> str:
    """Return a version for a message."""
    return f"{numbers[0]}.{numbers[1]}"
