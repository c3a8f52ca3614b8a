"""`cluster check` finds nothing new in valid settings near the rules for pods that start, but do not work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite.cluster.checks import launcher
from tests.cluster.checks.test_unseen_mistakes import CHECKOUT, findings, findings_before
from tests.cluster.checks.unseen_at_run_time import VALID

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", VALID)
def test_a_valid_setting_gives_no_finding(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.setattr(launcher, "validation", lambda _: iter(()))
    file = VALID[name][0][0]
    text = (CHECKOUT / file).read_text()
    for _, old, new in VALID[name]:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    new_codes = {(code, reason) for code, reason in findings(path) - findings_before(file) if code != "RTS106"}
    assert not new_codes
