"""What the tests of clusters share."""

from __future__ import annotations

import os

import pytest

from raytune_suite.cluster.lab.machines import check_host
from raytune_suite.errors import RehearsalError


@pytest.fixture
def lab() -> None:
    """Skip where there can be no lab; continuous integration installs what it needs by install_lab.sh."""
    try:
        check_host()
    except RehearsalError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
