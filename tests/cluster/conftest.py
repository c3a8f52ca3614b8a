"""What the tests that need a lab of namespaces share."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from raytune_suite.cluster.rehearsal.machines import check_host
from raytune_suite.errors import RehearsalError


@pytest.fixture(scope="session")
def lab() -> None:
    """Skip where there can be no lab. Root gets the programs that are missing; continuous integration must have one."""
    if os.geteuid() == 0:
        subprocess.run(["bash", Path(__file__).with_name("install_lab.sh")], check=False)  # noqa: S603, S607 - our own
    try:
        check_host()
    except RehearsalError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
