"""The manifest of a comparison: with what it was done, so that others can repeat it. It names no folder."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.bench import store
from raytune_suite.bench.analysis import BOOTSTRAP
from raytune_suite.bench.run import CRASHED, FRACTIONS
from raytune_suite.datasets import digest, folder, parts
from raytune_suite.spaces import Space
from raytune_suite.workloads.tabular.digits_mlp import FILE

if TYPE_CHECKING:
    from raytune_suite.bench.plan import Plan
    from raytune_suite.bench.run import Run
    from raytune_suite.workloads import Workload

PACKAGE = "raytune-suite"
SHIPPED, TABLES = "table", FILE.parent
"""The family of the workloads whose tables come with this package."""

CRASHES = (
    "a crashed or diverged training ends its trial and never is the incumbent; an incumbent one of whose test "
    f"trainings fails has a test score of NaN and a normalized regret of {CRASHED:g}, or of its worst test score"
)
"""What crashes count for."""


def manifest(plan: Plan, *, threads: int, made: dict[str, Any], made_with: list[dict[str, Any]]) -> dict[str, Any]:
    """The manifest of a comparison.

    Args:
        plan: What was done.
        threads: The threads of each run's process.
        made: With what runs are made now; see `making`.
        made_with: With what those that are there were made.
    """
    protocol = plan.protocol
    first = {run.workload: run for run in reversed(plan.runs)}
    return {
        "schema": store.SCHEMA,
        "commit": made["commit"],
        "dirty": made["dirty"],
        "code": made["code"],
        "packages": versions(),
        "made_with": made_with,
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()}",
        "cpu": processor(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "protocol": protocol.describe(),
        "protocol_sha256": protocol.digest,
        "engine": protocol.engine,
        "unlimited": unlimited(plan),
        "time": "simulated seconds" if protocol.engine == "simulated" else "real seconds",
        "budget_unit": "full trainings: max_t units of resource, on all tuning seeds at once",
        "fractions": list(FRACTIONS),
        "crashes": CRASHES,
        "bootstrap": BOOTSTRAP,
        "methods": {one.label: {"method": one.method, "args": one.args} for one in protocol.entrants},
        "workloads": {name: about(workload, first[name]) for name, workload in plan.workloads.items()},
        "left_out": dict(plan.missing),
        "runs": len(plan.runs),
    }


def unlimited(plan: Plan) -> list[str]:
    """The methods to which `workers` doesn't apply on Ray: populations, and what a factory made, which sets its own."""
    if plan.protocol.engine == "simulated":
        return []
    return sorted({run.label for run in plan.runs if run.limit() is None})


def about(workload: Workload, run: Run) -> dict[str, Any]:
    """What a workload says of itself, and how it was used."""
    said = {
        "summary": workload.summary,
        "metric": workload.metric,
        "mode": workload.mode,
        "bounds": workload.bounds,
        "optimum": workload.optimum,
        "time_attr": workload.time_attr,
        "min_t": workload.min_t,
        "max_t": workload.max_t,
        "eta": workload.eta,
        "space": Space(workload.space).describe(),
        "has_state": workload.has_state,
        "exact": workload.exact is not None,
        "data": data(workload.name),
        "fingerprint": run.fingerprint,
        "tuning_seeds": run.tuning_seeds,
        "test_seeds": run.test_seeds,
        "budget": run.budget,
        "workers": run.workers,
    }
    return dict(json.loads(json.dumps(said, default=repr)))


def data(workload: str) -> dict[str, str | None]:
    """The SHA-256 of each file that a workload reads, by its name in the catalogue; of shipped tables, in the package.

    A file whose checksum the catalogue knows was held against it when it was read; of the others it is that of the file
    that lies there, None if none does.
    """
    mine = [part for name, part in parts().items() if workload == name or workload.startswith((f"{name}/", f"{name}-"))]
    found = {file.path: file.sha256 or _digest(folder() / file.path) for part in mine for file in part.files}
    family, _, name = workload.partition("/")
    if family == SHIPPED:
        found[f"tables/{name}.npz"] = _digest(TABLES / f"{name}.npz")
    return found


def _digest(place: Path) -> str | None:
    return digest(place) if place.is_file() else None


def versions() -> dict[str, str]:
    """The versions of this package and of all that it may use, as far as it is installed."""
    found = {PACKAGE: importlib.metadata.version(PACKAGE)}
    for requirement in importlib.metadata.requires(PACKAGE) or []:
        match = re.match(r"[\w.-]+", requirement)
        if match is not None and match[0] != PACKAGE and not re.search(r"extra == .(dev|test)", requirement):
            try:
                found[match[0]] = importlib.metadata.version(match[0])
            except importlib.metadata.PackageNotFoundError:
                continue
    return dict(sorted(found.items()))


def commit() -> dict[str, Any]:
    """The commit of the checkout that this package runs from, and whether it was changed; None if it is none."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return {"commit": None, "dirty": None}
    try:
        head = _git(folder, "rev-parse", "HEAD")
        return {"commit": head.strip(), "dirty": bool(_git(folder, "status", "--porcelain", "-uno").strip())}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def processor() -> str:
    """What the CPU calls itself."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1] if match else platform.machine()


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
