"""The page about `cluster check` has every code."""

from __future__ import annotations

import runpy

from tests.docs.markdown import ROOT


def test_the_table_of_codes_is_up_to_date() -> None:
    page = ROOT / "docs" / "clusters" / "checks.md"
    with_table = runpy.run_path(str(ROOT / "docs" / "write_check_codes.py"))["with_table"]
    assert page.read_text(encoding="utf-8") == with_table(page.read_text(encoding="utf-8"))
