"""With what a run was made: the commit, the code and the packages. It lies beside the run, and the manifest sums it up.

A run's id knows the version of this package only, so that a comparison may be resumed with code that has changed since.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.bench import store
from raytune_suite.bench.manifest import commit, versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raytune_suite.bench.run import Run

DECISIVE = (
    *("numpy", "scipy", "pandas", "torch", "ray", "onnxruntime", "scikit-learn", "hyperopt"),
    "bayesian-optimization",
)
"""The packages that can change what a run finds."""

UNKNOWN: dict[str, Any] = {"commit": None, "dirty": None, "code": None, "packages": None}
"""What is known of a run that has not noted it."""


def making() -> dict[str, Any]:
    """With what runs are made now: commit, dirty, code (a checksum) and packages (their versions)."""
    packages = {name: number for name, number in versions().items() if name in DECISIVE}
    return {**commit(), "code": code(Path(__file__).parents[1]), "packages": packages}


def code(folder: Path) -> str:
    """The SHA-256 over the names and contents of all Python files in a folder."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        for part in (file.relative_to(folder).as_posix().encode(), file.read_bytes()):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def note(folder: Path, made: dict[str, Any]) -> None:
    """Write with what a run was made into its folder."""
    store.write_text(folder / store.MADE, json.dumps(made, indent=2, sort_keys=True) + "\n")


def makings(out: Path, runs: Iterable[Run]) -> list[dict[str, Any]]:
    """With what the runs of a comparison were made, those that were refused left out.

    Returns:
        One entry for each difference, most runs first, as `making` has it, and `runs`: how many. What a run has not
        noted is None.
    """
    found: dict[str, int] = {}
    for run in runs:
        if store.status(out, run.id) != store.REFUSED:
            place = store.run_folder(out, run.id) / store.MADE
            text = place.read_text(encoding="utf-8") if place.is_file() else json.dumps(UNKNOWN)
            said = json.dumps(json.loads(text), sort_keys=True)
            found[said] = found.get(said, 0) + 1
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{**json.loads(said), "runs": number} for said, number in ordered]


def others(made_with: Sequence[dict[str, Any]], now: dict[str, Any]) -> int:
    """How many runs were made by other code or other packages than those of now, or nobody knows by which.

    Another commit with the same code counts as the same.
    """
    return sum(one["runs"] for one in made_with if any(one[name] != now[name] for name in ("code", "packages")))
