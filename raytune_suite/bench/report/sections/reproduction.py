"""How to reproduce a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.bench.report.sections.protocol import DIGEST
from raytune_suite.bench.store import MANIFEST, PROTOCOL
from raytune_suite.pages.document import BulletList, CodeBlock, Paragraph, Section

if TYPE_CHECKING:
    from raytune_suite.bench.store import Results
    from raytune_suite.pages.document import Block


def section(results: Results, *, from_file: bool) -> Section:
    """Return the section with the commands, or the call if there is no protocol file."""
    commit = results.manifest["commit"]
    commands = [
        *([f"git checkout {commit}  # in a clone of the repository"] if commit else []),
        f"raytune-suite bench run {PROTOCOL} --out again",
        "raytune-suite bench report again",
        "raytune-suite bench verify .",
    ]
    tables = f"{MANIFEST} and the Parquet tables next to this page contain all data of this report."
    if from_file:
        same = "bench run writes the same tables byte for byte, except for the timings."
        verified = "bench verify repeats a random sample of the runs, and compares them bit by bit."
        blocks: list[Block] = [
            Paragraph("Run these commands in the folder of this page:"),
            CodeBlock("\n".join(commands)),
            BulletList([same, verified, tables]),
        ]
    else:
        python = "This comparison was started from Python: call raytune_suite.compare again with the same arguments."
        blocks = [Paragraph(python), Paragraph(tables)]
    if results.manifest["dirty"]:
        text = "The checkout had uncommitted changes: the commit alone may not reproduce the results."
        blocks.append(Paragraph(text, "warn"))
    recorded = results.manifest.get("made_with", [])
    if len(recorded) > 1:
        counts = ", ".join(f"{one['runs']} by {short_commit(one['commit'])}" for one in recorded)
        blocks.append(
            Paragraph(f"The runs were produced by several versions: {counts}. See made_with in the manifest.", "warn")
        )
    return Section("repeat", "How to reproduce", blocks, summarized=True)


def short_commit(commit: str | None) -> str:
    """Abbreviate a commit."""
    return commit[:DIGEST] if commit else "an unknown commit"
