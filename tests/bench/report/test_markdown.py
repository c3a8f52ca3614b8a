from __future__ import annotations

from raytune_suite.bench.report.markdown import markdown
from raytune_suite.pages.document import (
    Block,
    BulletList,
    Cell,
    CodeBlock,
    Collapsible,
    Paragraph,
    ReportDocument,
    ReportTable,
    Section,
)

TABLE = ReportTable(
    "Regret", ["Method", "IQM", "Why"], [("a|b", [Cell("0.1", "[0, 1]", "best"), Cell("<i>", kind="text")])]
)


def document(*sections: Section) -> ReportDocument:
    return ReportDocument("Comparison *x*", "A comparison.", {"Runs": "3"}, sections)


def test_a_summary_contains_paragraphs_lists_tables_and_commands() -> None:
    blocks: list[Block] = [Paragraph("One\ntwo."), BulletList(["A.", "B."]), TABLE, CodeBlock("do\nit")]
    assert markdown(document(Section("a", "Results", blocks, summarized=True))) == (
        "# Comparison \\*x\\*\n\nA comparison.\n\n- Runs: 3\n\n## Results\n\nOne two.\n\n- A.\n- B.\n\n"
        "Regret\n\n| Method | IQM | Why |\n| --- | ---: | --- |\n| a\\|b | **0.1 \\[0, 1\\]** | \\<i\\> |\n\n"
        "    do\n    it\n"
    )


def test_other_sections_and_collapsed_content_are_left_out() -> None:
    collapsed = Section("a", "Shown", [Collapsible("f", "Collapsed", [Paragraph("hidden")])], summarized=True)
    text = markdown(document(collapsed, Section("b", "Left out", [Paragraph("hidden")])))
    assert "## Shown" in text
    assert "Left out" not in text
    assert "hidden" not in text
