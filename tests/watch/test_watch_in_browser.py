"""The live page in a real browser; requires chromium: bash tests/bench/report/install_chromium.sh"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.bench.report.browser import chromium
from tests.bench.report.legibility import PHONE, VISIBLE, WIDTHS
from tests.watch.growth import grow

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.watch.server import LivePage
    from tests.bench.report.browser import Browser

pytestmark = pytest.mark.e2e

TRIALS = "document.querySelector('.facts dd').textContent"


class Address:
    """An address where the browser expects a file."""

    def __init__(self, address: str) -> None:
        self.address = address

    def as_uri(self) -> str:
        """The address."""
        return self.address


def wait_for(browser: Browser, condition: str) -> None:
    """Wait until a JavaScript expression is true."""
    end = time.monotonic() + 60
    while not browser.evaluate(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.1)


def test_the_page_shows_new_trials_by_itself(
    live: tuple[LivePage, str],
    growing: Path,
    finished: Path,
    tmp_path: Path,
) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.open(Address(live[1]), width=PHONE, dark=True)  # type: ignore[arg-type] # it needs `as_uri` only
        wait_for(browser, "document.documentElement.dataset.updates >= 1")
        before = browser.evaluate(TRIALS)
        grow(growing, finished)
        wait_for(browser, f"{TRIALS} !== '{before}'")
        assert browser.evaluate(TRIALS) == "12"
        assert browser.evaluate(VISIBLE) == browser.evaluate("document.querySelectorAll('figure').length") > 0
        content, viewport = browser.evaluate(WIDTHS)
        assert content == viewport
        assert browser.messages() == []  # the policy of the page blocks nothing
        assert {url.partition("?")[0].rpartition("/")[2] for url in browser.requests() if url.startswith("http")} <= {
            "",
            "events",
        }
