"""The page in a real browser; requires Debian's chromium: bash tests/bench/report/install_chromium.sh"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite.bench.report.page import write
from tests.bench.report.browser import chromium
from tests.bench.report.example import comparison, save
from tests.bench.report.legibility import DESKTOP, PHONE, check_legible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.report.browser import Browser

pytestmark = pytest.mark.e2e

METHODS = ("random", "random-full", "asha", "hyperband", "bohb", "dehb", "tpe+asha", "pbt")
HIDDEN = """[...document.querySelectorAll('details > *')].filter(part =>
  !part.checkVisibility({contentVisibilityAuto: true})).length"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small comparison."""
    return write(save(comparison(METHODS, seeds=4), tmp_path_factory.mktemp("page") / "results"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser."""
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize(("width", "dark"), [(PHONE, True), (DESKTOP, False)])
def test_the_page_is_legible_on_phones_and_desktops(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    check_legible(browser, page, width)


def test_collapsed_content_is_printed(browser: Browser, page: Path) -> None:
    browser.open(page, width=DESKTOP, dark=False)
    assert browser.evaluate(HIDDEN) > 0
    browser.open(page, width=DESKTOP, dark=False, media="print")
    assert browser.evaluate(HIDDEN) == 0


def test_every_link_has_a_target_on_the_page(browser: Browser, page: Path) -> None:
    browser.open(page, width=DESKTOP, dark=False)
    links = browser.evaluate("[...document.querySelectorAll('a')].map(link => link.getAttribute('href'))")
    assert links
    assert browser.evaluate("[...document.querySelectorAll('a')].every(link => document.querySelector(link.hash))")
    assert browser.evaluate("new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size") == browser.evaluate(
        "document.querySelectorAll('[id]').length"
    )
