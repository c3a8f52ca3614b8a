from __future__ import annotations

from raytune_suite.bench.report.document import Block, Cell, Code, Document, Fold, Grid, Points, Prose, Section
from raytune_suite.bench.report.markdown import markdown

GRID = Grid("Regret", ["Method", "IQM", "Why"], [("a|b", [Cell("0.1", "[0, 1]", "best"), Cell("<i>", kind="text")])])


def document(*sections: Section) -> Document:
    return Document("Comparison *x*", "What it is about.", {"Runs": "3"}, sections)


def test_a_summary_holds_paragraphs_lists_tables_and_commands() -> None:
    blocks: list[Block] = [Prose("One\ntwo."), Points(["A.", "B."]), GRID, Code("do\nit")]
    assert markdown(document(Section("a", "Results", blocks, summarized=True))) == (
        "# Comparison \\*x\\*\n\nWhat it is about.\n\n- Runs: 3\n\n## Results\n\nOne two.\n\n- A.\n- B.\n\n"
        "Regret\n\n| Method | IQM | Why |\n| --- | ---: | --- |\n| a\\|b | **0.1 \\[0, 1\\]** | \\<i\\> |\n\n"
        "    do\n    it\n"
    )


def test_what_is_not_summarized_or_folded_away_is_left_out() -> None:
    folded = Section("a", "Shown", [Fold("f", "Folded", [Prose("hidden")])], summarized=True)
    text = markdown(document(folded, Section("b", "Left out", [Prose("hidden")])))
    assert "## Shown" in text
    assert "Left out" not in text
    assert "hidden" not in text
