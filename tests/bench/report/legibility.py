"""Whether the page that a browser shows can be read: nothing overflows, is clipped, too small or too pale."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.report.browser import Browser

PHONE, DESKTOP = 360, 1280

WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"

VISIBLE = """[...document.querySelectorAll('figure')].filter(figure => {
  const box = figure.querySelector('svg').getBoundingClientRect();
  return box.width > 200 && box.height > 60 && figure.querySelectorAll('svg path').length > 5;
}).length"""

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


def check_legible(browser: Browser, page: Path, width: int) -> None:
    """Check the page that is open in a window of this width, in pixels."""
    assert browser.messages() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]
    content, viewport = browser.evaluate(WIDTHS)
    assert content == viewport <= width  # no horizontal scrolling
    assert browser.evaluate(VISIBLE) == page.read_text().count("<figure") > 0
    assert browser.evaluate(SMALLEST) >= 8.5
    assert browser.evaluate(CLIPPED) == []
    assert browser.evaluate(CONTRAST) >= 4.5
