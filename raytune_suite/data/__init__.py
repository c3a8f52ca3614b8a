"""Data that others made: where it lies, how it is fetched, and whether it is what its authors published."""

from __future__ import annotations

from raytune_suite.data.catalogue import Dataset, File, Part, datasets, parts
from raytune_suite.data.checking import State, folder, path

__all__ = ["Dataset", "File", "Part", "State", "datasets", "folder", "parts", "path"]
