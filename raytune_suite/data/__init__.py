"""Data that others made: where it lies, how it is fetched, and whether it is what its authors published."""

from __future__ import annotations

from raytune_suite.data.catalogue import Dataset, File, Part, datasets, parts, select
from raytune_suite.data.checking import State, check, digest, folder, path
from raytune_suite.data.fetching import fetch

__all__ = [
    "Dataset",
    "File",
    "Part",
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
