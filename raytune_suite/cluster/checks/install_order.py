"""Check that set-up commands use a program or package only after they have installed it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

USES = re.compile(
    r"\b(?:import|from)\s+(raytune_suite|ray|torch|boto3)\b|"
    r"(?:^|&&|;|\|\|)\s*(raytune-suite|ray)\s+(?!stop\b)\w|\bpython3?\s+-m\s+(raytune_suite|ray)\b"
)
"""A use of a package, by its import or its command."""

INSTALLS = {
    "raytune_suite": r"\binstall\b.*(raytune[-_]suite|[\s'\"]\.(\[|['\"\s]|$))",
    "ray": r"\binstall\b.*(?<![\w/-])ray(\[|==|['\"\s]|$)",
    "torch": r"\binstall\b.*(?<![\w-])torch\b",
    "boto3": r"\binstall\b.*\bboto3\b",
}


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield commands that use a package which a later one installs, unless the machine's image has it already."""
    image = bool(document.mapping("docker"))
    lists: list[KeyPath] = [("setup_commands",), ("head_setup_commands",)]
    steps = [((*place, index), text) for place in lists for index, text in enumerate(document.strings(*place))]
    for number, (where, text) in enumerate(steps):
        for names in USES.findall(text):
            name = next(filter(None, names)).replace("-", "_")
            pattern = re.compile(INSTALLS[name])
            before = any(pattern.search(other) for _, other in steps[:number]) or pattern.search(text)
            later = [place for place, other in steps[number + 1 :] if pattern.search(other)]
            if later and not before and not (image and name in ("ray", "torch")):
                reason = f"this command uses {name.replace('_suite', '-suite')}, which a later one installs"
                yield finding(document, "RTS306", where, reason, "move it below that command", severity="warning")
                break
