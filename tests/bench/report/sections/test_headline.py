from __future__ import annotations

from raytune_suite.bench.analysis import ComparisonGroup
from raytune_suite.bench.report.sections.headline import group_title


def test_titles_distinguish_groups_by_their_workloads_and_additional_methods() -> None:
    wide, narrow = ComparisonGroup(("a",), ("v", "w")), ComparisonGroup(("a", "b"), ("w",))
    titles = [group_title(group, [wide, narrow]) for group in (wide, narrow)]
    assert titles == ["All workloads: 1 method, 2 workloads", "Workloads supported by b: 2 methods, 1 workload"]
