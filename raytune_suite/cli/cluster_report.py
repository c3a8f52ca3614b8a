"""What `raytune-suite cluster check` prints: findings, and what a cluster does for a study."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raytune_suite.cluster.capacity import Capacity, Share, Trial
    from raytune_suite.cluster.checks.check import Report


def as_text(report: Report) -> str:
    """A report for people: a line for each finding, in the form that editors know, and its remedy below."""
    from raytune_suite.cluster.instance_types import price_note
    from raytune_suite.cluster.pools import provider

    lines = []
    for found in report.findings:
        lines.append(f"{report.document.path}:{found.line}: {found.severity} {found.code} {found.reason}")
        lines.append(f"    {found.where or 'the file'}: {found.remedy}")
    warnings = len(report.findings) - report.errors
    lines.append(f"{counted(report.errors, 'error')}, {counted(warnings, 'warning')}")
    capacity = sound(report)
    if capacity is not None:
        lines += capacity_lines(capacity, price_note(provider(report.document)))
    return "\n".join([*lines, *notes(report)])


def sound(report: Report) -> Capacity | None:
    """What the cluster does for the study; None too if there is no such trial."""
    return None if any(found.code == "RTS704" for found in report.findings) else report.capacity


def notes(report: Report) -> list[str]:
    """What the check could not see."""
    from raytune_suite.cluster.checks.kuberay import definition_file
    from raytune_suite.cluster.pools import is_kuberay

    if not is_kuberay(report.document) or definition_file(report.document) is not None:
        return []
    remedy = f"see clusters/README.md, or `kubectl apply --dry-run=server -f {report.document.path}`"
    return [f"KubeRay's own schema is not here, so that only near misses of its main keys are seen: {remedy}"]


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> counted(0, "error"), counted(1, "error")
        ('no errors', '1 error')
    """
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def capacity_lines(found: Capacity, prices: str) -> list[str]:
    """What a cluster does for a study, for people; what it costs where there are `prices`."""
    slots = f"{'unknown' if found.slots is None else found.slots} (of {asked(found.trial)} each)"
    why = ", since the file does not say what the machines have" if found.slots is None else ""
    lines = [f"trials at once: {slots}{why}"]
    for one in found.shares:
        machines = f"{one.machines} of {one.pool.most} machine{'' if one.pool.most == 1 else 's'}"
        line = f"  {one.pool.name}: {fitting(one, found.trial)}, {machines}"
        if prices:
            line += f" ({'spot' if one.pool.spot else 'on demand'}), an hour of each {dollars(one.price, one.at_most)}"
        lines.append(line)
    if prices:
        lines.append(f"an hour of all that, head included: {dollars(found.dollars, found.at_most)}")
        lines.append(f"prices are indicative: {prices}")
    return lines


def asked(trial: Trial) -> str:
    """What each trial gets."""
    return f"{trial.cpus:g} CPU{'' if trial.cpus == 1 else 's'} and {trial.gpus:g} GPU{'' if trial.gpus == 1 else 's'}"


def fitting(one: Share, trial: Trial) -> str:
    """The trials on each machine of a pool; why none, where none fits."""
    if one.slots is None:
        return "unknown"
    if one.slots == 0:
        lacks = "GPUs" if trial.gpus > (one.pool.gpus or 0) else "CPUs"
        return f"no trial, for want of {lacks}"
    return f"{counted(one.slots, 'trial')} on each"


def dollars(price: float | None, at_most: bool) -> str:
    """A price per hour."""
    return "unknown" if price is None else f"{'at most ' if at_most else ''}${price:.2f}"


def as_json(report: Report) -> dict[str, Any]:
    """A report for programs."""
    from raytune_suite.cluster.checks.findings import CODES
    from raytune_suite.cluster.instance_types import price_note
    from raytune_suite.cluster.pools import provider

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
    size = None
    capacity = sound(report)
    if capacity is not None:
        trial = dataclasses.asdict(capacity.trial)
        pools = [
            {
                "name": one.pool.name,
                "slots_per_machine": one.slots,
                "machines": one.machines,
                "max_machines": one.pool.most,
                "spot": one.pool.spot,
                "dollars_per_hour": one.price,
                "at_most": one.at_most,
            }
            for one in capacity.shares
        ]
        size = {
            "trial": trial,
            "trials_at_once": capacity.slots,
            "dollars_per_hour": capacity.dollars,
            "at_most": capacity.at_most,
            "prices": price_note(provider(report.document)),
            "pools": pools,
        }
    return {
        "file": str(report.document.path),
        "errors": report.errors,
        "findings": findings,
        "capacity": size,
        "notes": notes(report),
    }
