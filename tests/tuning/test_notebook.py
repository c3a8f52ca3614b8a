"""In a notebook, a result is a table, and a running study shows one that updates."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import raytune_suite as rts

if TYPE_CHECKING:
    from pathlib import Path


class FakeHandle:
    """What `display(..., display_id=True)` returns."""

    def __init__(self, shown: list[str]) -> None:
        self.shown = shown

    def update(self, html: str) -> None:
        """Replace the output."""
        self.shown.append(html)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a notebook shows."""
    outputs: list[str] = []

    def display(html: str, *, display_id: bool) -> FakeHandle:
        assert display_id
        outputs.append(html)
        return FakeHandle(outputs)

    shell = SimpleNamespace(kernel=object(), events=SimpleNamespace(register=lambda *_: None))  # Ray registers, too
    fake = SimpleNamespace(get_ipython=lambda: shell, display=SimpleNamespace(display=display, HTML=str))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    return outputs


def tuned(folder: Path, **how: Any) -> rts.StudyResult:
    """A small simulated study."""
    call: dict[str, Any] = {"workload": "synthetic/mfh3", "method": "asha", "num_samples": 8, "test_seeds": []}
    return rts.tune(**call, engine="simulated", storage_path=folder, **how)


def test_a_running_study_shows_a_table_that_updates(shown: list[str], tmp_path: Path) -> None:
    result = tuned(tmp_path)
    assert len(shown) >= 2
    assert "<table>" in shown[-1]
    assert f"{result.best_value:.4g}" in shown[-1]
    assert "X_0" in shown[-1]
    shown.clear()
    tuned(tmp_path, progress=False, name="quiet")
    assert shown == []


def test_a_result_is_a_table(tmp_path: Path) -> None:
    result = tuned(tmp_path, name="a<b")
    html = result._repr_html_()
    assert html.count("<tr>") == 9
    assert "a&lt;b" in html
    assert f"{result.best_value:.4g}" in html


def test_a_console_shows_a_result_in_a_line_or_two(tmp_path: Path) -> None:
    result = tuned(tmp_path, name="short")
    assert {"short", "asha"} <= {*repr(result).replace("(", " ").replace(",", " ").split()}
    assert repr(result.best_config) in repr(result)
    assert len(repr(result)) < 240
