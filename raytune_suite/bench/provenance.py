"""Provenance: the commit, the source code and the packages that produced a run.

It is stored beside each run and summarized in the manifest. The id of a run contains only the version of this package,
so a comparison may be resumed with code that has changed since.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.bench import store
from raytune_suite.bench.manifest import git_commit, package_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raytune_suite.bench.run import Run

RELEVANT_PACKAGES = (
    *("numpy", "scipy", "pandas", "torch", "ray", "onnxruntime", "scikit-learn", "hyperopt"),
    "bayesian-optimization",
)
"""The packages that can change the result of a run."""

UNKNOWN: dict[str, Any] = {"commit": None, "dirty": None, "code": None, "packages": None}
"""The provenance of a run that recorded none."""


def current_provenance() -> dict[str, Any]:
    """Return the provenance of runs that start now: commit, dirty, code (a checksum) and packages (their versions)."""
    packages = {name: number for name, number in package_versions().items() if name in RELEVANT_PACKAGES}
    return {**git_commit(), "code": source_digest(Path(__file__).parents[1]), "packages": packages}


def source_digest(folder: Path) -> str:
    """Return the SHA-256 over the names and contents of all Python files in a folder."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        for part in (file.relative_to(folder).as_posix().encode(), file.read_bytes()):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def write_provenance(folder: Path, provenance: dict[str, Any]) -> None:
    """Write the provenance of a run into its folder."""
    store.write_text(folder / store.PROVENANCE, json.dumps(provenance, indent=2, sort_keys=True) + "\n")


def recorded_provenance(out: Path, runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Summarize the recorded provenance of the runs of a comparison, without the refused ones.

    Returns:
        One entry per distinct provenance, the most frequent first: the fields of `current_provenance` (None if a run
        recorded none), and `runs`, their number.
    """
    counts: dict[str, int] = {}
    for run in runs:
        if store.status(out, run.id) != store.REFUSED:
            path = store.run_folder(out, run.id) / store.PROVENANCE
            text = path.read_text(encoding="utf-8") if path.is_file() else json.dumps(UNKNOWN)
            entry = json.dumps(json.loads(text), sort_keys=True)
            counts[entry] = counts.get(entry, 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{**json.loads(entry), "runs": number} for entry, number in ordered]


def count_outdated(recorded: Sequence[dict[str, Any]], current: dict[str, Any]) -> int:
    """Count the runs produced by other code or other packages than the current ones, or of unknown provenance.

    Another commit with the same code counts as the same.
    """
    return sum(one["runs"] for one in recorded if any(one[name] != current[name] for name in ("code", "packages")))
