"""Failed runs, unsupported pairs of method and workload, and workloads that were left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.bench.store import FAILED, REFUSED
from raytune_suite.pages.document import Cell, Paragraph, ReportTable, Section

if TYPE_CHECKING:
    from raytune_suite.bench.store import Results
    from raytune_suite.pages.document import Block

ERROR_LENGTH = 300


def section(results: Results) -> Section:
    """Return the section with everything that the tables lack, and why."""
    runs, left_out = results.runs, results.manifest["left_out"]
    failed, refused = runs[runs["status"] == FAILED], runs[runs["status"] == REFUSED]
    blocks: list[Block] = []
    if failed.empty and refused.empty and not left_out:
        blocks.append(Paragraph("None: all runs of the protocol succeeded and are part of the tables above."))
    if len(failed):
        blocks.append(
            Paragraph(
                f"{len(failed)} of {len(runs)} runs failed. Each counts with the worst regret, 1, in the results."
            )
        )
        rows = [
            (run["method"], [_text(run["workload"]), Cell(str(run["method_seed"])), _text(shorten(run["error"]))])
            for run in failed.to_dict("records")
        ]
        blocks.append(ReportTable("Failed runs", ["Method", "Workload", "Method seed", "Error"], rows))
    if len(refused):
        pairs = refused.drop_duplicates(["method", "workload"]).to_dict("records")
        rows = [(pair["method"], [_text(pair["workload"]), _text(shorten(pair["error"]))]) for pair in pairs]
        caption = "Unsupported pairs: the method does not support the workload"
        blocks.append(ReportTable(caption, ["Method", "Workload", "Reason"], rows))
    if left_out:
        rows = [(name, [_text(shorten(reason))]) for name, reason in sorted(left_out.items())]
        blocks.append(ReportTable("Workloads that were left out", ["Workload", "Reason"], rows))
    return Section("missing", "Failures and omissions", blocks, summarized=True)


def shorten(error: str) -> str:
    r"""Return the last line of an error message, truncated.

    Example:
        >>> shorten("Traceback: ...\nValueError: no")
        'ValueError: no'
    """
    last = next((line.strip() for line in reversed(error.splitlines()) if line.strip()), "no message")
    return last if len(last) <= ERROR_LENGTH else f"{last[: ERROR_LENGTH - 1]}…"


def _text(text: str) -> Cell:
    return Cell(text, kind="text")
