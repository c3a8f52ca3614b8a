"""`cluster check` finds nothing new in valid settings near the rules for what shows at run time, or in two places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite.cluster.checks import launcher
from tests.cluster.checks import unseen_at_run_time, unseen_two_places
from tests.cluster.checks.test_unseen_mistakes import CHECKOUT, findings, findings_before

if TYPE_CHECKING:
    from pathlib import Path

VALID = {**unseen_at_run_time.VALID, **unseen_two_places.VALID}


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
