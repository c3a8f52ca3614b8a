"""The page in a real browser; requires Debian's chromium: bash tests/bench/report/install_chromium.sh"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite.bench.report.page import write
from tests.bench.report.browser import chromium
from tests.bench.report.example import comparison, save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.report.browser import Browser

pytestmark = pytest.mark.e2e

METHODS = ("random", "random-full", "asha", "hyperband", "bohb", "dehb", "tpe+asha", "pbt")
PHONE, DESKTOP = 360, 1280

WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"

VISIBLE = """[...document.querySelectorAll('figure')].filter(figure => {
  const box = figure.querySelector('svg').getBoundingClientRect();
  return box.width > 200 && box.height > 60 && figure.querySelectorAll('svg path').length > 5;
}).length"""

HIDDEN = """[...document.querySelectorAll('details > *')].filter(part =>
  !part.checkVisibility({contentVisibilityAuto: true})).length"""

SMALLEST = """Math.min(...[...document.querySelectorAll('figure svg text')].map(text =>
  parseFloat(getComputedStyle(text).fontSize) * Math.hypot(text.getScreenCTM().a, text.getScreenCTM().b)))"""

CLIPPED = """[...document.querySelectorAll('figure svg text')].filter(text => {
  const box = text.getBoundingClientRect();
  return box.left < -1 || box.right > document.documentElement.clientWidth + 1;
}).map(text => text.textContent)"""

CONTRAST = """(() => {
  const light = color => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255);
    const [r, g, b] = parts.map(part => part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  return Math.min(...['p', '.lead', 'figcaption', 'caption', 'a', 'figure svg text', 'td'].map(selector => {
    const style = getComputedStyle(document.querySelector(selector));
    const ink = light(selector.includes('svg') ? style.fill : style.color);
    return (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
  }));
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small comparison."""
    return write(save(comparison(METHODS, seeds=4), tmp_path_factory.mktemp("page") / "results"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser."""
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_page_is_legible_on_phones_and_desktops(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert browser.messages() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]
    content, viewport = browser.evaluate(WIDTHS)
    assert content == viewport <= width  # no horizontal scrolling
    assert browser.evaluate(VISIBLE) == page.read_text().count("<figure") > 0
    assert browser.evaluate(SMALLEST) >= 8.5
    assert browser.evaluate(CLIPPED) == []
    assert browser.evaluate(CONTRAST) >= 4.5


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
