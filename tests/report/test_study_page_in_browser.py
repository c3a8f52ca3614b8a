"""The page of a study in a real browser; requires chromium: bash tests/bench/report/install_chromium.sh"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite.report.build import write_report
from tests.bench.report.browser import chromium
from tests.bench.report.legibility import DESKTOP, PHONE, check_legible
from tests.report.example import study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.report.browser import Browser

pytestmark = pytest.mark.e2e

LARGEST = 3_000_000
"""Bytes of a page, however many trials there are."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser."""
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize("trials", [10, *(pytest.param(number, marks=pytest.mark.long) for number in (1000, 20_000))])
def test_the_page_is_legible_on_phones_and_desktops(browser: Browser, tmp_path: Path, trials: int) -> None:
    page = write_report(study(trials), tmp_path / "page.html")
    assert page.stat().st_size < LARGEST
    for width, dark in ((PHONE, True), (DESKTOP, False)):
        browser.open(page, width=width, dark=dark)
        check_legible(browser, page, width)
