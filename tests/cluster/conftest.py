"""A fixture for tests that need a lab of namespaces."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from raytune_suite.cluster.rehearsal.lab import check_host
from raytune_suite.errors import RehearsalError


@pytest.fixture(scope="session")
def lab() -> None:
    """Skip the test on hosts without support for a lab, but fail in CI. As root, install missing programs first."""
    if os.geteuid() == 0:
        subprocess.run(["bash", Path(__file__).with_name("install_lab.sh")], check=False)  # noqa: S603, S607 - our own script
    try:
        check_host()
    except RehearsalError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
