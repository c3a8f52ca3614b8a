from __future__ import annotations

from raytune_suite.bench.report.sections import failures
from raytune_suite.pages.document import Paragraph, ReportTable
from tests.bench.report.example import comparison
from tests.bench.report.tables import table_rows


def test_failed_runs_unsupported_pairs_and_omitted_workloads_are_listed_with_their_reasons() -> None:
    section = failures.section(comparison())
    assert table_rows(section, "Failed") == [["asha", "toy/live", "1", "ValueError: the loss was <nan> & more"]]
    assert table_rows(section, "Unsupported") == [["pbt", "toy/table", "pbt needs a state, and toy/table has none"]]
    assert table_rows(section, "Workloads") == [["away/table", "its data are missing: raytune-suite data fetch away"]]


def test_without_failures_and_omissions_there_is_no_table() -> None:
    results = comparison(refused=(), failed=())
    results.manifest["left_out"] = {}
    blocks = failures.section(results).blocks
    assert any(isinstance(block, Paragraph) for block in blocks)
    assert not any(isinstance(block, ReportTable) for block in blocks)
