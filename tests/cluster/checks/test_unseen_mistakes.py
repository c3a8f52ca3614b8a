"""`cluster check` finds the mistakes of `unseen_mistakes.py`."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path

import pytest

from raytune_suite.cluster.checks import check, launcher
from tests.cluster.checks.unseen_mistakes import UNSEEN

CHECKOUT = Path(__file__).parents[3]
EVERYWHERE = ("slurm CRLF", "kuberay image tag order")
"""Mistakes that replace a text at all of its places."""


def findings(path: Path) -> Counter[tuple[str, str]]:
    found = check(path).findings
    assert all(one.remedy for one in found)
    return Counter((one.code, one.reason) for one in found)


@functools.cache
def findings_before(file: str) -> Counter[tuple[str, str]]:
    return findings(CHECKOUT / file)


PROVIDERS = sorted({one.name.partition(" ")[0] for one in UNSEEN})
PARTS = 8
"""`make test` checks one part of the mistakes, and CI the rest; each code has tests of its own as well."""


@pytest.mark.parametrize("part", [pytest.param(part, marks=[pytest.mark.e2e] if part else []) for part in range(PARTS)])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.slow
def test_mistakes_are_found(provider: str, part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)  # where the files' relative paths are
    by_ray = launcher.validation
    missed = []
    for one in [one for one in UNSEEN if one.name.partition(" ")[0] == provider][part::PARTS]:
        text = (CHECKOUT / one.file).read_text()
        for old, new in one.edits:
            assert old in text, one.name
            text = text.replace(old, new) if one.name in EVERYWHERE else text.replace(old, new, 1)
        # Ray's own validation takes most of the time, and gives only this code.
        monkeypatch.setattr(launcher, "validation", by_ray if one.code == "RTS105" else lambda _: iter(()))
        path = tmp_path / Path(one.file).name
        path.write_bytes(text.encode())
        added = findings(path) - findings_before(one.file)
        if one.code not in {code for code, _ in added}:
            missed.append((one.name, sorted(added)))
    assert not missed
