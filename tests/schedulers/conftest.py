"""Fixtures of the scheduler tests."""

from __future__ import annotations

import logging
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the folders of studies with the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
