"""Fixtures of the conformance suite."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance import common, probe

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the folders of studies with the test, and replace costly numerics."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    common.cheapen(monkeypatch.setattr)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)


@pytest.fixture(autouse=True)
def _global_streams() -> Iterator[None]:
    """Check that nothing in this package touches a global generator."""
    before = common.global_streams()
    yield
    after = common.global_streams()[: len(before)]  # the last is torch's, which the test may have imported
    assert after == before, "a global random generator was drawn from or seeded"


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The output of `probe` in a fresh process with another hash seed, which continues from snapshots of this one."""
    folder = tmp_path_factory.mktemp("snapshots")
    with pytest.MonkeyPatch.context() as patch:
        common.cheapen(patch.setattr)  # as in the other process
        probe.leave_snapshots(folder)
    environment = {**os.environ, "PYTHONHASHSEED": "271828", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "tests.conformance.probe", str(folder)]
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    output: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return output
