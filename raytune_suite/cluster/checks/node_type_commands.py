"""Check the settings of single node types that replace those of the whole file, instead of being added to them.

In Ray's autoscaler (`_get_node_type_specific_fields`), `initialization_commands` of a node type replace the general
ones, its `worker_setup_commands` replace `setup_commands` and `worker_setup_commands`, and the keys of its `docker`
replace those of the file. The head's machine is set up with the general ones.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.commands import SHARING, VOLUME
from raytune_suite.cluster.checks.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

REPLACED: dict[str, tuple[KeyPath, ...]] = {
    "initialization_commands": (("initialization_commands",),),
    "worker_setup_commands": (("setup_commands",), ("worker_setup_commands",)),
}
"""The lists of commands of a node type, and the general ones that they replace."""

OPTIONS = ("run_options", "worker_run_options", "head_run_options")


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield lists of a node type that leave out what the general ones do."""
    for name in document.mapping("available_node_types"):
        where: KeyPath = ("available_node_types", name)
        for key, general in REPLACED.items():
            if isinstance(document.get(*where, key), list) and name != document.get("head_node_type"):
                yield from lost_commands(
                    document, (*where, key), [text for one in general for text in document.strings(*one)]
                )
        for key in OPTIONS:
            if isinstance(document.get(*where, "docker", key), list):
                yield from lost_options(document, (*where, "docker", key), document.strings("docker", key))


def steps(text: str) -> set[str]:
    """Return what a command does, in a form that does not depend on spaces and quotation marks."""
    return {re.sub(r"[\s\"']+", " ", part).strip() for part in re.split(r"&&|\|\||;|\n", text)} - {""}


def lost_commands(document: ClusterDocument, where: KeyPath, general: list[str]) -> Iterator[Finding]:
    """Yield a list of commands of a node type that leaves out general ones, such as mounts and installations."""
    own = "\n".join(document.strings(*where))
    lost = [text for text in general if not steps(text) <= steps(own)]
    mounts = [text for text in lost if SHARING.search(text)]
    installs = [text for text in lost if re.search(r"\binstall\b", text)]
    if mounts and not SHARING.search(own):
        what, severity = (
            "so this type does not mount the shared folder, and its trials write to their own disk",
            "error",
        )
    elif installs and not re.search(r"\binstall\b.*\bray\b|\binstall\b.*(\s\.|raytune)", own):
        what, severity = (
            f"so this type lacks {shown(installs[0])}",
            "error" if "image" not in document.mapping("docker") else "warning",
        )
    elif lost and not (mounts or installs):
        what, severity = f"so this type does not run {shown(lost[0])}", "warning"
    else:
        return
    replaced = " and ".join(f"`{one[0]}`" for one in REPLACED[str(where[-1])] if document.strings(*one))
    reason = f"`{where[-1]}` of {where[1]} replace {replaced} of the file, {what}"
    remedy = f"repeat these commands here, or move all to {replaced.partition(' and ')[0]}"
    yield finding(
        document,
        "RTS503" if mounts else "RTS306",
        where,
        reason,
        remedy,
        severity="error" if severity == "error" else "warning",
    )


def lost_options(document: ClusterDocument, where: KeyPath, general: list[str]) -> Iterator[Finding]:
    """Yield options of the containers of a node type that leave out general ones."""
    own = " ".join(document.strings(*where)).split()
    lost = [text for text in general if not set(text.split()) <= set(own)]
    if lost:
        volume = next((text for text in lost if VOLUME.search(text)), None)
        reason = (
            f"`{where[-1]}` of {where[1]} replaces that of the file: its containers start without `{volume or lost[0]}`"
        )
        yield finding(
            document, "RTS503" if volume else "RTS905", where, reason, "repeat the options here", severity="warning"
        )


def shown(text: str) -> str:
    """Return a command, shortened, for a message."""
    line = " ".join(text.split())
    return f"`{line[:47]}...`" if len(line) > 50 else f"`{line}`"  # noqa: PLR2004 - what fits in a message
