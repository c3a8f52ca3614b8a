"""All checks of a cluster file, and of a study on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raytune_suite.cluster import document
from raytune_suite.cluster.capacity import Capacity, Trial, capacity, check_study
from raytune_suite.cluster.checks import commands, kuberay, launcher, nodes
from raytune_suite.cluster.pools import as_count, cluster_of, is_kuberay, is_plain_manifest, pools, provider
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import Document


@dataclass(frozen=True)
class Report:
    """What the check of a file found.

    Attributes:
        document: The file; of several documents the cluster's.
        findings: By line.
        capacity: What the cluster does for the study, None if none was given or the file is too wrong to say.
    """

    document: Document
    findings: list[Finding]
    capacity: Capacity | None

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(found.severity == "error" for found in self.findings)

    @property
    def missing(self) -> list[Finding]:
        """The values of the reader's own that are still missing."""
        return [found for found in self.findings if found.code == "RTS106"]


def check(path: Path, trial: Trial | None = None) -> Report:
    """Check a file for `ray up`, or a manifest of KubeRay's, and if `trial` is given a study on it.

    Raises:
        ArgumentError: If the file cannot be read as YAML.
    """
    return check_document(cluster_of(document.read(path)), trial)


def check_document(document: Document, trial: Trial | None = None) -> Report:
    """Check what has been read already."""
    if is_plain_manifest(document):  # what a cluster needs besides: nothing of it is ours to judge
        found = [*launcher.repeated_keys(document), *launcher.missing_values(document)]
        return Report(document, sorted(found), None)
    found = list(one_by_one(document, trial))
    size = None
    unsound = any(one.code == "RTS101" for one in found)
    if trial is not None and not unsound:
        limit = document.get("max_workers")
        bound = None if is_kuberay(document) else as_count(limit, 2) if limit or provider(document) != "local" else None
        here = pools(document)
        size = capacity(here, trial, bound)
        found += check_study(document, here, size, trial)
    if not is_kuberay(document) and not any(one.severity == "error" for one in found):
        found += launcher.validation(document)
    return Report(document, sorted(set(found)), size)


def refuse(report: Report, what: str, *, missing: bool = False) -> None:
    """Refuse to go on with errors, and with `missing` while values of the reader's own are not there yet.

    Raises:
        ArgumentError: If it is so; it begins with `what`.
    """
    wrong = [one for one in report.findings if one.severity == "error"]
    for reason, found in (("see `raytune-suite cluster check`", wrong), ("values are missing", report.missing)):
        if found and (missing or found is wrong):
            lines = [f"  line {one.line}: {one.code} {one.reason}: {one.remedy}" for one in found]
            raise ArgumentError("\n".join([f"{what}, {reason}:", *lines]))


def one_by_one(document: Document, trial: Trial | None) -> list[Finding]:
    """The findings of each check; where the schema refuses the form, the others could only stumble."""
    storage = None if trial is None else trial.storage_path
    if is_kuberay(document):
        return list(kuberay.check(document, pools(document), storage))
    found = list(launcher.schema(document))
    if any(one.code == "RTS101" for one in found):
        return [*found, *launcher.repeated_keys(document), *launcher.missing_values(document)]
    here = pools(document)
    found += launcher.check(document)
    found += nodes.check(document, here)
    found += commands.check(document, here, storage)
    return found
