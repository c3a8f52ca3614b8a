"""Fixtures of the workloads' tests: third-party data, if they are on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite import datasets
from raytune_suite.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def data_file() -> Callable[[str], Path]:
    """Return a function that gets the path of a data file, or skips the test if the file is missing."""

    def get(name: str) -> Path:
        try:
            return datasets.path(name)
        except DataError as error:
            if "is missing" in str(error):
                pytest.skip(str(error))
            raise

    return get
