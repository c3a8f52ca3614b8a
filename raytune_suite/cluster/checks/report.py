"""Run all checks of a cluster file, and of a study on the cluster."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raytune_suite.cluster.capacity import Capacity, StudyRequirements, compute_capacity
from raytune_suite.cluster.checks import (
    clouds,
    commands,
    commented_units,
    container_limits,
    container_options,
    contradictions,
    documents,
    hosts,
    install_order,
    kuberay,
    launcher,
    launcher_storage,
    manifests,
    mount_effects,
    mount_types,
    mounts,
    network_policies,
    node_programs,
    node_type_commands,
    nodes,
    online,
    packages,
    pool_names,
    python_versions,
    ray_variables,
    secrets,
    setup_steps,
    shell_slips,
    slurm,
    socket_folders,
    start_commands,
    study,
    tokens,
)
from raytune_suite.cluster.document import read
from raytune_suite.cluster.pools import as_count, cluster_of, is_kuberay, pools, provider
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument


@dataclass(frozen=True)
class CheckReport:
    """The result of checking a file.

    Attributes:
        document: The checked document; in a file of several, the one that describes the cluster.
        findings: The findings, by line.
        capacity: The capacity for the study; None if no study was given or the file is too broken to tell.
    """

    document: ClusterDocument
    findings: list[Finding]
    capacity: Capacity | None

    @property
    def errors(self) -> int:
        """The number of findings that are errors."""
        return sum(found.severity == "error" for found in self.findings)

    @property
    def missing(self) -> list[Finding]:
        """The findings about placeholders that still need a value."""
        return [found for found in self.findings if found.code == "RTS106"]


def check(path: Path, requirements: StudyRequirements | None = None, *, ask_cloud: bool = False) -> CheckReport:
    """Check a file for `ray up` or a KubeRay manifest, and a study on the cluster if `requirements` are given.

    With `ask_cloud`, also ask the provider (a cloud, Kubernetes or Slurm); nothing is started.

    Raises:
        ArgumentError: If the file cannot be read as YAML.
        MissingPackageError: If the cloud is to be asked, but its package is not installed.
    """
    if slurm.is_script(path):
        document = slurm.read_script(path)
        findings = list(slurm.check(document))
        if ask_cloud:
            findings += online.slurm.check(path, list(slurm.parse(document.text.splitlines())))
        return CheckReport(document, sorted(set(findings)), None)
    everything = read(path)
    report = check_document(cluster_of(everything), requirements)
    findings = [found for one in everything if one is not report.document for found in check_document(one).findings]
    findings += documents.across(everything)
    findings += commented_units.check(report.document.text)
    findings += network_policies.across(everything)
    if ask_cloud:
        findings += online.check(report.document, pools(report.document))
    return dataclasses.replace(report, findings=once_per_line({*report.findings, *findings}))


def once_per_line(findings: set[Finding]) -> list[Finding]:
    """Sort findings, and leave out those that repeat one: a block with an anchor is checked at each of its places."""
    return list({(one.line, one.code, one.reason): one for one in sorted(findings, reverse=True)}.values())[::-1]


def check_document(document: ClusterDocument, requirements: StudyRequirements | None = None) -> CheckReport:
    """Check a document that has been read already."""
    if manifests.is_manifest(document) and not is_kuberay(document):  # what a cluster needs besides, such as a volume
        return CheckReport(document, sorted(set(documents.check(document))), None)
    findings = check_file(document, requirements)
    capacity = None
    if requirements is not None and not any(one.code == "RTS101" for one in findings):
        limit = document.get("max_workers")
        if is_kuberay(document) or not (limit or provider(document) != "local"):
            max_workers = None
        else:
            max_workers = as_count(limit, 2)
        all_pools = pools(document)
        capacity = compute_capacity(all_pools, requirements, max_workers)
        findings += study.check(document, all_pools, capacity)
    if not is_kuberay(document) and not any(one.severity == "error" for one in findings):
        findings += launcher.validation(document)
    return CheckReport(document, sorted(set(findings)), capacity)


def reject(report: CheckReport, what: str, *, missing: bool = False) -> None:
    """Raise if a report has errors.

    Args:
        report: The report.
        what: The beginning of the error message.
        missing: Whether placeholders that still need a value are errors, too.

    Raises:
        ArgumentError: If the report has errors.
    """
    errors = [one for one in report.findings if one.severity == "error"]
    for reason, findings in (("see `raytune-suite cluster check`", errors), ("values are missing", report.missing)):
        if findings and (missing or findings is errors):
            lines = [f"  line {one.line}: {one.code} {one.reason}: {one.remedy}" for one in findings]
            raise ArgumentError("\n".join([f"{what}, {reason}:", *lines]))


def check_file(document: ClusterDocument, requirements: StudyRequirements | None) -> list[Finding]:
    """Return the findings about the file itself. If it violates the schema, most other checks are skipped."""
    storage_path = None if requirements is None else requirements.storage_path
    if is_kuberay(document):
        all_pools = pools(document)
        findings = [*documents.check(document), *kuberay.check(document, all_pools, storage_path)]
        findings += pool_names.check(document, all_pools)
        findings += node_programs.no_cpus(document, all_pools)
        findings += secrets.check(document)
        return [*findings, *tokens.check(document, all_pools)]
    findings = [*launcher.schema(document), *documents.misread_numbers(document)]
    if any(one.code == "RTS101" for one in findings):
        return [*findings, *launcher.repeated_keys(document), *launcher.missing_values(document)]
    all_pools = pools(document)
    findings += launcher.check(document)
    findings += nodes.check(document, all_pools)
    findings += commands.check(document, all_pools, storage_path)
    findings += start_commands.check(document)
    findings += setup_steps.check(document, all_pools)
    findings += node_type_commands.check(document)
    findings += install_order.check(document)
    findings += secrets.check(document)
    findings += hosts.check(document)
    findings += tokens.check(document, all_pools)
    findings += python_versions.check(document)
    findings += mounts.check(document)
    findings += mount_types.check(document)
    findings += mount_effects.check(document)
    findings += packages.check(document)
    findings += shell_slips.check(document)
    findings += socket_folders.check(document)
    findings += container_options.check(document)
    findings += container_limits.check(document)
    findings += contradictions.check(document)
    findings += ray_variables.commands(document, all_pools)
    findings += launcher_storage.check(document, all_pools)
    findings += pool_names.check(document, all_pools)
    findings += node_programs.check(document, all_pools)
    findings += clouds.check(document, all_pools, storage_path)
    return findings
