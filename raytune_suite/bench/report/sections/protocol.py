"""The protocol and the environment of a comparison."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from raytune_suite.bench.analysis import BOOTSTRAP
from raytune_suite.pages.document import Cell, CodeBlock, Collapsible, Paragraph, ReportTable, Section
from raytune_suite.pages.formatting import format_count, format_seeds

if TYPE_CHECKING:
    from raytune_suite.bench.store import Results
    from raytune_suite.pages.document import Block

DIGEST = 12
"""The number of characters of a checksum or a commit in a table; the manifest has all of them."""


def workload_names(results: Results) -> list[str]:
    """Return the workloads that were run, in the order of the protocol."""
    requested = [entry["workload"] for entry in results.manifest["protocol"]["workloads"]]
    return [name for name in requested if name in results.manifest["workloads"]]


def section(results: Results) -> Section:
    """Return the section with the methods, the workloads and the environment."""
    manifest = results.manifest
    methods = [
        (one["label"], [_text(one["method"]), _text(json.dumps(one["args"]) if one["args"] else "defaults")])
        for one in manifest["protocol"]["methods"]
    ]
    entries = {entry["workload"]: entry for entry in manifest["protocol"]["workloads"]}
    rows = [(name, workload_row(manifest["workloads"][name], entries[name])) for name in workload_names(results)]
    columns = ["Workload", "Metric", "Resource", "Budget", "Method seeds", "Tuning seeds", "Test seeds", "Workers"]
    full_manifest = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
    blocks: list[Block] = [
        Paragraph(
            "On each workload, all methods have the same space, the same tuning seeds and the same budget. The unit of "
            f"the budget is {manifest['budget_unit']}. Crashes: {manifest['crashes']}."
        ),
        ReportTable("Methods", ["Label", "Method", "Arguments"], methods),
        ReportTable("Workloads", columns, rows),
        ReportTable("Environment", ["", ""], [(name, [_text(value)]) for name, value in environment(manifest).items()]),
        Collapsible("manifest", "Full manifest", [CodeBlock(full_manifest)]),
    ]
    return Section("protocol", "Protocol and manifest", blocks)


def environment(manifest: dict[str, Any]) -> dict[str, str]:
    """Return the facts about code, protocol, machine and software, by their names."""
    dirty = ", with uncommitted changes" if manifest["dirty"] else ""
    packages = ", ".join(f"{name} {version}" for name, version in manifest["packages"].items())
    return {
        "Commit": f"{manifest['commit'][:DIGEST]}{dirty}" if manifest["commit"] else "unknown",
        "Protocol": f"{manifest['protocol']['name']}, SHA-256 {manifest['protocol_sha256'][:DIGEST]}…",
        "Intervals": f"95 %, {BOOTSTRAP['repetitions']} stratified bootstrap samples "
        f"({BOOTSTRAP['curve_repetitions']} for curves and single workloads), seed {BOOTSTRAP['seed']}",
        "Engine": f"{manifest['engine']}, time in {manifest['time']}",
        "Machine": f"{manifest['cpu']}, {manifest['cpus']} CPUs, "
        f"{format_count(manifest['threads'], 'thread')} per run, {manifest['os']}",
        "Software": f"Python {manifest['python']}, {packages}",
    }


def workload_row(workload: dict[str, Any], entry: dict[str, Any]) -> list[Cell]:
    """Return the cells of a workload, from the manifest and from the protocol."""
    direction = "minimized" if workload["mode"] == "min" else "maximized"
    return [
        _text(f"{workload['metric']}, {direction}"),
        _text(f"{workload['time_attr']} {workload['min_t']:g} to {workload['max_t']:g}"),
        Cell(f"{workload['budget']:g}"),
        Cell(format_seeds(entry["method_seeds"])),
        Cell(format_seeds(workload["tuning_seeds"])),
        Cell(format_seeds(workload["test_seeds"])),
        Cell(str(workload["workers"])),
    ]


def _text(text: str) -> Cell:
    return Cell(text, kind="text")
