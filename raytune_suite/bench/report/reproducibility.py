"""The sections of a report that say how its numbers came about: what is missing, the protocol, how to repeat it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from raytune_suite.bench.analysis import BOOTSTRAP
from raytune_suite.bench.report.document import Cell, Code, Fold, Grid, Points, Prose, Section
from raytune_suite.bench.store import DONE, FAILED, MANIFEST, PROTOCOL, REFUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.bench.report.document import Block
    from raytune_suite.bench.store import Results

FULL_RANDOM = "random"
"""The method that trains random configs to their end."""

DIGEST = 12
"""Characters of a checksum or a commit in a table; the manifest has all of them."""

ERROR_LENGTH = 300


def labels(results: Results) -> list[str]:
    """The methods, in the order of the protocol."""
    return [entrant["label"] for entrant in results.manifest["protocol"]["methods"]]


def workloads(results: Results) -> list[str]:
    """The workloads that were run, in the order of the protocol."""
    asked = [task["workload"] for task in results.manifest["protocol"]["workloads"]]
    return [name for name in asked if name in results.manifest["workloads"]]


def missing(results: Results) -> Section:
    """What the tables lack, and why: runs that failed, pairs that were refused, workloads that were left out."""
    runs, left_out = results.runs, results.manifest["left_out"]
    failed, refused = runs[runs["status"] == FAILED], runs[runs["status"] == REFUSED]
    blocks: list[Block] = []
    if failed.empty and refused.empty and not left_out:
        blocks.append(Prose("Nothing: every run of the protocol ended, and all of them are in the tables above."))
    if len(failed):
        words = f"{len(failed)} of {len(runs)} runs failed. Each counts as the worst regret, 1, in what is said above."
        blocks.append(Prose(words))
        rows = [
            (run["method"], [text(run["workload"]), Cell(str(run["method_seed"])), text(shorten(run["error"]))])
            for run in failed.to_dict("records")
        ]
        blocks.append(Grid("Failed runs", ["Method", "Workload", "Method seed", "Error"], rows))
    if len(refused):
        pairs = refused.drop_duplicates(["method", "workload"]).to_dict("records")
        rows = [(pair["method"], [text(pair["workload"]), text(shorten(pair["error"]))]) for pair in pairs]
        blocks.append(Grid("Refused pairs: the method cannot serve the workload", ["Method", "Workload", "Why"], rows))
    if left_out:
        rows = [(name, [text(shorten(why))]) for name, why in sorted(left_out.items())]
        blocks.append(Grid("Workloads that were left out", ["Workload", "Why"], rows))
    return Section("missing", "What failed or was left out", blocks, summarized=True)


def protocol(results: Results) -> Section:
    """What was compared, on what, and with what."""
    said = results.manifest
    entrants = [
        (one["label"], [text(one["method"]), text(json.dumps(one["args"]) if one["args"] else "the defaults")])
        for one in said["protocol"]["methods"]
    ]
    tasks = {task["workload"]: task for task in said["protocol"]["workloads"]}
    rows = [(name, about(said["workloads"][name], tasks[name])) for name in workloads(results)]
    columns = ["Workload", "Metric", "Resource", "Budget", "Method seeds", "Tuning seeds", "Test seeds", "Workers"]
    facts = {
        "Commit": f"{said['commit'][:DIGEST]}{', changed since' if said['dirty'] else ''}"
        if said["commit"]
        else "unknown",
        "Protocol": f"{said['protocol']['name']}, SHA-256 {said['protocol_sha256'][:DIGEST]}…",
        "Intervals": f"95 % of {BOOTSTRAP['repetitions']} stratified bootstrap samples, of curves and single workloads "
        f"{BOOTSTRAP['curve_repetitions']}; seed {BOOTSTRAP['seed']}",
        "Engine": f"{said['engine']}, time in {said['time']}",
        "Machine": f"{said['cpu']}, {said['cpus']} CPUs, {said['threads']} thread per run, {said['os']}",
        "Software": f"Python {said['python']}, "
        + ", ".join(f"{name} {version}" for name, version in said["packages"].items()),
    }
    manifest = json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False)
    blocks: list[Block] = [
        Prose(
            "Every method had the same space, the same tuning seeds and the same budget on a workload. The budget is "
            f"in {said['budget_unit']}. Of crashes: {said['crashes']}."
        ),
        Grid("Methods", ["Label", "Method", "Arguments"], entrants),
        Grid("Workloads", columns, rows),
        Grid("Where it ran", ["", ""], [(name, [text(value)]) for name, value in facts.items()]),
        Fold("manifest", "The whole manifest", [Code(manifest)]),
    ]
    return Section("protocol", "Protocol and manifest", blocks)


def about(workload: dict[str, Any], task: dict[str, Any]) -> list[Cell]:
    """A row of the table of workloads."""
    direction = "minimized" if workload["mode"] == "min" else "maximized"
    return [
        text(f"{workload['metric']}, {direction}"),
        text(f"{workload['time_attr']} {workload['min_t']:g} to {workload['max_t']:g}"),
        Cell(f"{workload['budget']:g}"),
        Cell(spans(task["method_seeds"])),
        Cell(spans(workload["tuning_seeds"])),
        Cell(spans(workload["test_seeds"])),
        Cell(str(workload["workers"])),
    ]


def repeat(results: Results, *, from_file: bool) -> Section:
    """The commands that do it again, in the folder of the page, or what to call if no protocol file lies there."""
    commit = results.manifest["commit"]
    commands = [
        *([f"git checkout {commit}  # in a clone of the project"] if commit else []),
        f"raytune-suite bench run {PROTOCOL} --out again",
        "raytune-suite bench report again",
        "raytune-suite bench verify .",
    ]
    tables = f"{MANIFEST} and the Parquet tables beside this page hold all that it shows."
    same = "bench run writes the same tables again, to the byte; only the timings differ."
    verified = "bench verify runs a random sample of the runs again and says whether they match to the bit."
    python = "This comparison was made in Python: call raytune_suite.compare again with the same arguments."
    blocks: list[Block] = [Prose(python), Prose(tables)]
    if from_file:
        blocks = [Prose("In the folder of this page:"), Code("\n".join(commands)), Points([same, verified, tables])]
    if results.manifest["dirty"]:
        blocks.append(
            Prose("The checkout had changes that were not committed: the commit alone may not repeat it.", "warn")
        )
    versions = results.manifest.get("made_with", [])
    if len(versions) > 1:
        made = ", ".join(f"{one['runs']} by {(one['commit'] or 'an unknown one')[:DIGEST]}" for one in versions)
        blocks.append(Prose(f"The runs were not all made by one commit: {made}. The manifest has more of it.", "warn"))
    return Section("repeat", "How to repeat it", blocks, summarized=True)


def ended(results: Results) -> int:
    """How many runs ended as they should."""
    return int((results.runs["status"] == DONE).sum())


def text(words: str) -> Cell:
    """A cell of words."""
    return Cell(words, kind="text")


def shorten(error: str) -> str:
    r"""The last line of an error, which says what went wrong, and not too much of it.

    Example:
        >>> shorten("Traceback: ...\nValueError: no")
        'ValueError: no'
    """
    last = next((line.strip() for line in reversed(error.splitlines()) if line.strip()), "no message")
    return last if len(last) <= ERROR_LENGTH else f"{last[: ERROR_LENGTH - 1]}…"


def spans(seeds: Sequence[int]) -> str:
    """Seeds as a person writes them.

    Example:
        >>> spans([0, 1, 2, 5, 7, 8]), spans([])
        ('0-2, 5, 7-8', 'none')
    """
    groups: list[list[int]] = []
    for seed in seeds:
        if groups and seed == groups[-1][-1] + 1:
            groups[-1].append(seed)
        else:
            groups.append([seed])
    return ", ".join(f"{one[0]}-{one[-1]}" if len(one) > 1 else f"{one[0]}" for one in groups) or "none"


def baseline(results: Results) -> str | None:
    """What the protocol calls full-fidelity random search; None if it is not among the methods."""
    entrants = results.manifest["protocol"]["methods"]
    return next((one["label"] for one in entrants if one["method"] == FULL_RANDOM), None)
