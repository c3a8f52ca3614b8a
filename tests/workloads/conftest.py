"""What the tests of workloads share: the data of others, where they are."""

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
    """Gives a file of the data of others; skips the test where it is missing, saying what to fetch."""

    def get(name: str) -> Path:
        try:
            return datasets.path(name)
        except DataError as error:
            if "is missing" in str(error):
                pytest.skip(str(error))
            raise

    return get
