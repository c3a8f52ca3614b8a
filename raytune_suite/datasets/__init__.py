"""Third-party data: where it is stored, how it is downloaded, and whether it is what its authors published."""

from __future__ import annotations

from raytune_suite.datasets.catalogue import Dataset, DatasetPart, File, datasets, parts, select
from raytune_suite.datasets.download import fetch
from raytune_suite.datasets.verification import State, check, digest, folder, path

__all__ = [
    "Dataset",
    "DatasetPart",
    "File",
    "State",
    "check",
    "datasets",
    "digest",
    "fetch",
    "folder",
    "parts",
    "path",
    "select",
]
