"""Fixtures: a lab of namespaces, and the version of Python."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from raytune_suite.cluster.checks import commands, python_versions
from raytune_suite.cluster.rehearsal.lab import check_host
from raytune_suite.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def _python_of_the_images() -> Iterator[None]:
    """Let this be Python 3.11, which the images in `clusters/` have."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (commands, python_versions):
            patch.setattr(module, "sys", SimpleNamespace(version_info=SimpleNamespace(major=3, minor=11)))
        yield


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
