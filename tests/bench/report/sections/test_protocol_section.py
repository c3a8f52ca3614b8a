from __future__ import annotations

from raytune_suite.bench.report.sections import protocol
from tests.bench.report.example import comparison
from tests.bench.report.tables import table_rows


def test_methods_and_workloads_are_in_the_order_of_the_protocol() -> None:
    section = protocol.section(comparison(["zeta", "alpha"], ["w/2", "w/1"], refused=(), failed=()))
    assert [row[0] for row in table_rows(section, "Methods")] == ["zeta", "alpha"]
    assert table_rows(section, "Workloads")[0][:6] == [
        "w/2", "loss, minimized", "training_iteration 1 to 27", "40", "0-2", "0-4",
    ]  # fmt: skip
