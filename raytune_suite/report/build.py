"""Build the page of a study from its panels and tables."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.atomic_file import write_atomically
from raytune_suite.optional import require_extra
from raytune_suite.pages.document import (
    BulletList,
    Cell,
    CodeBlock,
    Panels,
    Paragraph,
    ReportDocument,
    ReportTable,
    Section,
)
from raytune_suite.pages.formatting import format_count, format_value
from raytune_suite.pages.html import html
from raytune_suite.plotting.panels import study_panels
from raytune_suite.plotting.study_data import config_columns, incumbent_trial, ranked_trials, resource_unit
from raytune_suite.report.pictures import picture

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from raytune_suite.pages.document import Block
    from raytune_suite.plotting.study_data import StudyData

SHOWN_TRIALS = 20
"""Rows of the table of trials."""

SHOWN_ERRORS = 10
"""Errors in the list of failures."""

SECTIONS = {
    "curves": ("Training", ("learning-curves",), True),
    "importance": ("Hyperparameters", ("importance",), True),
    "slices": ("Slices", ("slices",), False),
    "contours": ("Pairs of hyperparameters", ("contours",), False),
    "parallel": ("All hyperparameters at once", ("parallel-coordinates",), True),
    "fidelities": ("Fidelities and values", ("ranks", "edf"), True),
    "workers": ("Workers", ("timeline",), True),
}
"""Sections with figures: title, kinds of panels, and whether they are wide."""

NOTES = {
    "slices": "Each dot is a trial; the star is the best one. The most important hyperparameters come first.",
    "contours": "Each dot is a trial, the star the best one. The stronger the color, the better they rank.",
}


def write_report(study: StudyData, path: str | os.PathLike[str], *, status: str = "finished") -> Path:
    """Write the page of a study.

    Args:
        study: The study; it may be unfinished or empty.
        path: The file to write; missing folders are created.
        status: The status of the study, for the page's heading.

    Returns:
        The path of the page.

    Raises:
        MissingPackageError: If matplotlib or jinja2 is not installed.
    """
    require_extra("report", "the page of a study")
    target = Path(path).expanduser()
    write_atomically(target, html(study_document(study, status=status)).encode())
    return target


def study_document(
    study: StudyData, *, status: str = "finished", figures: Sequence[Section] | None = None
) -> ReportDocument:
    """The page of a study, before it is rendered.

    Args:
        study: The study.
        status: Its status, for the heading.
        figures: Sections with figures that were drawn before; None to draw them.
    """
    sections = [result_section(study), *(figure_sections(study) if figures is None else figures), trials_section(study)]
    if (failures := failures_section(study)) is not None:
        sections.append(failures)
    return ReportDocument(
        f"Study “{study.name}”",
        f"{study.method}, {study.metric} to be {'minimized' if study.mode == 'min' else 'maximized'}; {status}.",
        facts(study),
        sections,
        generator="raytune-suite report",
        source="the study's folder",
    )


def figure_sections(study: StudyData) -> list[Section]:
    """The sections with figures, without those that would be empty."""
    panels = study_panels(study)
    sections = []
    for name, (title, kinds, wide) in SECTIONS.items():
        pictures = [picture(panel) for kind in kinds for panel in panels.get(kind, [])]
        if pictures:
            note: list[Block] = [Paragraph(NOTES[name])] if name in NOTES else []
            sections.append(Section(name, title, [*note, Panels(pictures, wide=wide)]))
    return sections


def facts(study: StudyData) -> dict[str, str]:
    """The key figures of a study."""
    figures = {"trials": f"{len(study.trials):,}"}
    failed = int((study.trials["outcome"] == "failed").sum())
    if failed:
        figures["failed"] = f"{failed:,}"
    if len(study.incumbent):
        figures[f"best {study.metric}"] = number(study.incumbent["value"].iloc[-1])
    if study.test_scores is not None:
        figures[f"test {study.metric}"] = number(study.test_scores["value"].mean(skipna=False))
    if len(study.reports):
        last = study.reports.iloc[-1]
        figures[resource_unit(study)] = f"{last['cost']:,.6g}" if "cost" in last else ""
        figures["time"] = str(dt.timedelta(seconds=round(float(last["elapsed"]))))
    if study.dollars is not None:
        figures["US dollars"] = f"{study.dollars:,.2f}"
    return {name: value for name, value in figures.items() if value}


def result_section(study: StudyData) -> Section:
    """The best config, and its scores."""
    best = incumbent_trial(study)
    if best is None:
        return Section("result", "Result", [Paragraph(f"No trial has reported a finite {study.metric} yet.", "warn")])
    last = study.incumbent.iloc[-1]
    where = f"at {last['resource']:g} {resource_unit(study)}"
    text = f"Trial {best} reached {study.metric} {number(last['value'])} {where}."
    blocks: list[Block] = [Paragraph(text)]
    config = study.configs[best] if best < len(study.configs) else {}
    blocks.append(CodeBlock(json.dumps(config, indent=2, default=repr)))
    scores = study.test_scores
    if scores is not None:
        rows = [(str(seed), [Cell(number(value))]) for seed, value in zip(scores["seed"], scores["value"], strict=True)]
        blocks.append(ReportTable("Trained from scratch on test seeds", ["Seed", study.metric], rows))
    return Section("result", "Result", blocks)


def trials_section(study: StudyData) -> Section:
    """The best trials."""
    names, best = config_columns(study), incumbent_trial(study)
    columns = [
        "Trial",
        "Outcome",
        resource_unit(study),
        study.metric,
        *(name.removeprefix("config/") for name in names),
    ]
    rows = []
    for trial, row in ranked_trials(study).head(SHOWN_TRIALS).iterrows():
        kind = "best" if trial == best else ""
        cells = [Cell(row["outcome"], kind="text"), Cell(f"{row['resource']:g}"), Cell(number(row["value"]), kind=kind)]
        rows.append((str(trial), [*cells, *(Cell(format_value(row[name])) for name in names)]))
    title = f"The {len(rows)} best of {format_count(len(study.trials), 'trial')}, those trained furthest first"
    return Section("trials", "Trials", [ReportTable(title, columns, rows)])


def failures_section(study: StudyData) -> Section | None:
    """How many trials failed, and with which errors; None if none did."""
    failed = study.trials[study.trials["outcome"] == "failed"]
    if failed.empty:
        return None
    errors: dict[Any, Any] = {}
    if "error" in failed:
        errors = failed["error"].replace("", f"{study.metric} was not finite").value_counts().to_dict()
    lines = [f"{format_count(int(times), 'trial')}: {error}" for error, times in list(errors.items())[:SHOWN_ERRORS]]
    return Section(
        "failures", "Failures", [Paragraph(f"{format_count(len(failed), 'trial')} failed."), BulletList(lines)]
    )


def number(value: Any) -> str:
    """A number with 4 digits; "-" for NaN."""
    return f"{value:.4g}" if math.isfinite(value) else "-"
