"""Build the report of a comparison from its sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.bench import analysis, anytime
from raytune_suite.bench.report.sections import (
    anytime_curves,
    failures,
    headline,
    performance_profiles,
    protocol,
    reproduction,
    significance,
    speedup,
    tuning_test_gap,
    workloads,
)
from raytune_suite.bench.store import EXACT, FAILED, REFUSED, TEST_SEEDS, TUNING_METRIC
from raytune_suite.pages.document import ReportDocument
from raytune_suite.pages.formatting import format_count
from raytune_suite.pages.line_styles import assign_line_styles

if TYPE_CHECKING:
    from raytune_suite.bench.store import Results

SEED, REPETITIONS = analysis.BOOTSTRAP["seed"], analysis.BOOTSTRAP["repetitions"]
"""The seed and the number of samples of the bootstrap."""

FULL_RANDOM = "random"
"""The baseline: the method that trains random configs to `max_t`."""


def build_document(results: Results, *, from_file: bool) -> ReportDocument:
    """Build the report of a comparison.

    Args:
        results: The comparison.
        from_file: Whether its protocol file is in the same folder.
    """
    methods = [method["label"] for method in results.manifest["protocol"]["methods"]]
    names = protocol.workload_names(results)
    line_styles = assign_line_styles(methods)
    groups = analysis.comparison_groups(results)
    baseline = baseline_label(results)
    tables = {group: analysis.headline(results, group, baseline, SEED, REPETITIONS) for group in groups}
    trajectories = {axis: anytime.trajectories(results, axis) for axis in anytime_curves.AXES}
    sections = [
        headline.section(tables, baseline, line_styles),
        significance.section(results, groups, line_styles),
        *anytime_curves.sections(trajectories, groups, line_styles, SEED),
        performance_profiles.section(results, groups, line_styles, SEED),
        tuning_test_gap.section(results, groups, line_styles),
        speedup.section(trajectories["cost"], groups, baseline, line_styles),
        workloads.section(results, trajectories["cost"], line_styles, workloads=names, seed=SEED),
        failures.section(results),
        protocol.section(results),
        reproduction.section(results, from_file=from_file),
    ]
    facts = {
        "methods": str(len(methods)),
        "workloads": str(len(names)),
        "runs": str(int((results.runs["status"] != REFUSED).sum())),
        "failed": str(int((results.runs["status"] == FAILED).sum())),
    }
    size = f"{format_count(len(methods), 'tuning method')} on {format_count(len(names), 'workload')}."
    title = f"Comparison “{results.manifest['protocol']['name']}”"
    return ReportDocument(title, f"{size} {evaluation_sentence(results)}", facts, sections, line_styles)


def baseline_label(results: Results) -> str | None:
    """Return the label of full-fidelity random search; None if it is not among the methods."""
    methods = results.manifest["protocol"]["methods"]
    return next((one["label"] for one in methods if one["method"] == FULL_RANDOM), None)


def evaluation_sentence(results: Results) -> str:
    """Say how incumbents were evaluated, with the number of workloads of each kind.

    Example:
        >>> import pandas as pd; from raytune_suite.bench.store import Results
        >>> rows = pd.DataFrame({"workload": ["a", "a", "b"], "judged_by": "exact"})
        >>> evaluation_sentence(Results({}, rows, *[pd.DataFrame()] * 3))
        'Incumbents were evaluated by their exact value (2 workloads).'
    """
    descriptions = {
        TEST_SEEDS: "by new trainings on unseen test seeds",
        EXACT: "by their exact value",
        TUNING_METRIC: "by the tuning metric only",
    }
    counts = results.results.drop_duplicates("workload")["judged_by"].value_counts()
    shown = [
        f"{text} ({format_count(counts[kind], 'workload')})" for kind, text in descriptions.items() if kind in counts
    ]
    return f"Incumbents were evaluated {', '.join(shown)}." if shown else "No run has found an incumbent."
