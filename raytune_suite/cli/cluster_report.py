"""The output of `raytune-suite cluster check`: findings, and the capacity of a cluster for a study."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raytune_suite.cluster.capacity import Capacity, PoolCapacity, StudyRequirements
    from raytune_suite.cluster.checks import CheckReport


def as_text(report: CheckReport) -> str:
    """Format a report for people: a line per finding, in the format that editors recognize, and its remedy below."""
    from raytune_suite.cluster.instance_types import price_note
    from raytune_suite.cluster.pools import provider

    lines = []
    for found in report.findings:
        lines.append(f"{report.document.path}:{found.line}: {found.severity} {found.code} {found.reason}")
        lines.append(f"    {found.where or 'the file'}: {found.remedy}")
    warnings = len(report.findings) - report.errors
    lines.append(f"{counted(report.errors, 'error')}, {counted(warnings, 'warning')}")
    capacity = valid_capacity(report)
    if capacity is not None:
        lines += capacity_lines(capacity, price_note(provider(report.document)))
    return "\n".join([*lines, *notes(report)])


def valid_capacity(report: CheckReport) -> Capacity | None:
    """Return the capacity for the study, None if it is unknown or Ray rejects the resources of a trial."""
    return None if any(found.code == "RTS704" for found in report.findings) else report.capacity


def notes(report: CheckReport) -> list[str]:
    """Return what could not be checked."""
    from raytune_suite.cluster.checks.slurm import is_script
    from raytune_suite.cluster.pools import is_kuberay
    from raytune_suite.cluster.schemas.manifests import table
    from raytune_suite.cluster.shell import bash

    if is_kuberay(report.document):
        return [f"checked against KubeRay's schema of {table()['version']} ({table()['date']})"]
    if is_script(report.document.path) and bash() is None:
        return ["bash is not available, so the syntax of commands is not checked"]
    return []


def counted(number: int, noun: str) -> str:
    """Format a number with its noun.

    Example:
        >>> counted(0, "error"), counted(1, "error")
        ('no errors', '1 error')
    """
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def capacity_lines(capacity: Capacity, prices: str) -> list[str]:
    """Format the capacity for a study, with its cost if `prices` names their source."""
    slots = "unknown" if capacity.slots is None else capacity.slots
    why = ", because the file does not state the machines' resources" if capacity.slots is None else ""
    lines = [f"concurrent trials: {slots} ({per_trial(capacity.requirements)} each){why}"]
    for one in capacity.pools:
        machines = f"{one.machines} of {one.pool.max_machines} machine{'' if one.pool.max_machines == 1 else 's'}"
        line = f"  {one.pool.name}: {trials_per_machine(one, capacity.requirements)}, {machines}"
        if prices:
            market = "spot" if one.pool.spot else "on demand"
            line += f" ({market}, {dollars(one.price, at_most=one.at_most)} per hour each)"
        lines.append(line)
    if prices:
        lines.append(f"cost per hour, including the head: {dollars(capacity.dollars, at_most=capacity.at_most)}")
        lines.append(f"prices are indicative: {prices}")
    return lines


def per_trial(study: StudyRequirements) -> str:
    """Format the resources of a trial."""
    total = f"{study.cpus:g} CPU{'' if study.cpus == 1 else 's'} and {study.gpus:g} GPU{'' if study.gpus == 1 else 's'}"
    return f"{total} in {len(study.processes)} processes" if study.processes else total


def trials_per_machine(one: PoolCapacity, study: StudyRequirements) -> str:
    """Format the number of trials per machine of a pool, and why if it is zero."""
    if one.slots is None:
        return "unknown"
    if one.slots == 0 and study.processes:
        return "trials span machines" if one.machines else "not used"
    if one.slots == 0:
        return f"no trial fits, too few {'GPUs' if study.gpus > (one.pool.gpus or 0) else 'CPUs'}"
    return f"{counted(one.slots, 'trial')} per machine"


def dollars(price: float | None, *, at_most: bool) -> str:
    """Format a price."""
    return "unknown" if price is None else f"{'at most ' if at_most else ''}${price:.2f}"


def as_json(report: CheckReport) -> dict[str, Any]:
    """Convert a report to JSON values."""
    from raytune_suite.cluster.checks.findings import CODES

    findings = [
        {
            "code": found.code,
            "severity": found.severity,
            "title": CODES[found.code][1],
            "line": found.line,
            "where": found.where,
            "reason": found.reason,
            "remedy": found.remedy,
        }
        for found in report.findings
    ]
    return {
        "file": str(report.document.path),
        "errors": report.errors,
        "findings": findings,
        "capacity": capacity_as_json(report),
        "notes": notes(report),
    }


def capacity_as_json(report: CheckReport) -> dict[str, Any] | None:
    """Convert the capacity for the study to JSON values, None if it is unknown."""
    from raytune_suite.cluster.instance_types import price_note
    from raytune_suite.cluster.pools import provider

    capacity = valid_capacity(report)
    if capacity is None:
        return None
    pools = [
        {
            "name": one.pool.name,
            "slots_per_machine": one.slots,
            "machines": one.machines,
            "max_machines": one.pool.max_machines,
            "spot": one.pool.spot,
            "dollars_per_hour": one.price,
            "at_most": one.at_most,
        }
        for one in capacity.pools
    ]
    return {
        "trial": dataclasses.asdict(capacity.requirements),
        "trials_at_once": capacity.slots,
        "dollars_per_hour": capacity.dollars,
        "at_most": capacity.at_most,
        "prices": price_note(provider(report.document)),
        "pools": pools,
    }
