"""What the report of a comparison says, section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.bench import analysis, anytime
from raytune_suite.bench.report import final_scores, incumbent_curves, ranking, reproducibility
from raytune_suite.bench.report.document import Document
from raytune_suite.bench.report.line_styles import looks
from raytune_suite.bench.report.wording import count
from raytune_suite.bench.store import EXACT, FAILED, REFUSED, TEST_SEEDS, TUNING_METRIC

if TYPE_CHECKING:
    from raytune_suite.bench.store import Results

SEED, REPETITIONS = analysis.BOOTSTRAP["seed"], analysis.BOOTSTRAP["repetitions"]
"""Of the bootstrap."""


def contents(results: Results, *, from_file: bool) -> Document:
    """All that a report says of a comparison.

    Args:
        results: The comparison.
        from_file: Whether its protocol lies beside it as a file.
    """
    methods, workloads = reproducibility.labels(results), reproducibility.workloads(results)
    look = looks(methods)
    groups = analysis.groups(results)
    baseline = reproducibility.baseline(results)
    tables = {group: analysis.headline(results, group, baseline, SEED, REPETITIONS) for group in groups}
    along = {axis: anytime.trajectories(results, axis) for axis in incumbent_curves.AXES}
    sections = [
        ranking.headline(tables, baseline, look),
        ranking.significance(results, groups, look),
        *incumbent_curves.sections(along, groups, look, SEED),
        final_scores.profiles(results, groups, look, SEED),
        final_scores.gap(results, groups, look),
        incumbent_curves.faster(along["cost"], groups, baseline, look),
        final_scores.by_workload(results, along["cost"], look, workloads=workloads, seed=SEED),
        reproducibility.missing(results),
        reproducibility.protocol(results),
        reproducibility.repeat(results, from_file=from_file),
    ]
    facts = {
        "methods": str(len(methods)),
        "workloads": str(len(workloads)),
        "runs": str(int((results.runs["status"] != REFUSED).sum())),
        "failed": str(int((results.runs["status"] == FAILED).sum())),
    }
    size = f"{count(len(methods), 'way')} to choose hyperparameters on {count(len(workloads), 'workload')}."
    lead = f"{size} {judges(results)}"
    return Document(f"Comparison “{results.manifest['protocol']['name']}”", lead, facts, sections, look)


def judges(results: Results) -> str:
    """By what the choices were judged, in a sentence.

    Example:
        >>> import pandas as pd; from raytune_suite.bench.store import Results
        >>> judged = pd.DataFrame({"workload": ["a", "a", "b"], "judged_by": ["test seeds", "test seeds", "exact"]})
        >>> judges(Results({}, judged, *[pd.DataFrame()] * 3))
        'Choices were judged by trainings on test seeds that no method has seen (1), by their exact value (1).'
    """
    words = {
        TEST_SEEDS: "by trainings on test seeds that no method has seen",
        EXACT: "by their exact value",
        TUNING_METRIC: "by nothing but the metric that was tuned",
    }
    kinds = results.results.drop_duplicates("workload")["judged_by"].value_counts()
    said = [f"{text} ({kinds[kind]})" for kind, text in words.items() if kind in kinds]
    return f"Choices were judged {', '.join(said)}." if said else "No run has found anything."
