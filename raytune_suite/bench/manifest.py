"""The manifest of a comparison: everything that others need to reproduce it. It contains no paths of this machine."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.bench import store
from raytune_suite.bench.analysis import BOOTSTRAP
from raytune_suite.bench.run import CRASH_REGRET, FRACTIONS
from raytune_suite.datasets import digest, folder, parts
from raytune_suite.spaces import Space
from raytune_suite.workloads.tabular.digits_mlp import FILE

if TYPE_CHECKING:
    from raytune_suite.bench.plan import Plan
    from raytune_suite.bench.run import Run
    from raytune_suite.workloads import Workload

PACKAGE = "raytune-suite"
SHIPPED_FAMILY, TABLES = "table", FILE.parent
"""The family of the workloads whose tables are part of this package, and the folder of these tables."""

CRASH_RULE = (
    "a training that crashes or diverges ends its trial and never becomes the incumbent; an incumbent with a failed "
    f"test training has a test score of NaN and a normalized regret of {CRASH_REGRET:g}, or of its worst test score"
)
"""How crashes count."""


def build_manifest(
    plan: Plan, *, threads: int, provenance: dict[str, Any], recorded: list[dict[str, Any]]
) -> dict[str, Any]:
    """Build the manifest of a comparison.

    Args:
        plan: The runs of the comparison.
        threads: The threads of each run's process.
        provenance: The current provenance; see `current_provenance`.
        recorded: The provenance of the stored runs; see `recorded_provenance`.
    """
    protocol = plan.protocol
    first = {run.workload: run for run in reversed(plan.runs)}
    return {
        "schema": store.SCHEMA,
        "commit": provenance["commit"],
        "dirty": provenance["dirty"],
        "code": provenance["code"],
        "packages": package_versions(),
        "made_with": recorded,
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()}",
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "protocol": protocol.describe(),
        "protocol_sha256": protocol.digest,
        "engine": protocol.engine,
        "unlimited": methods_without_limit(plan),
        "time": "simulated seconds" if protocol.engine == "simulated" else "real seconds",
        "budget_unit": "full trainings: max_t units of resource, on all tuning seeds at once",
        "fractions": list(FRACTIONS),
        "crashes": CRASH_RULE,
        "bootstrap": BOOTSTRAP,
        "methods": {one.label: {"method": one.method, "args": one.args} for one in protocol.methods},
        "workloads": {name: describe_workload(workload, first[name]) for name, workload in plan.workloads.items()},
        "left_out": dict(plan.missing),
        "runs": len(plan.runs),
    }


def methods_without_limit(plan: Plan) -> list[str]:
    """Return the methods to which `workers` does not apply on Ray: populations, and user-defined methods."""
    if plan.protocol.engine == "simulated":
        return []
    return sorted({run.label for run in plan.runs if run.max_concurrent() is None})


def describe_workload(workload: Workload, run: Run) -> dict[str, Any]:
    """Describe a workload, and how it was used, as JSON values."""
    facts: dict[str, Any] = {
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
        "data": data_digests(workload.name),
        "fingerprint": run.fingerprint,
        "tuning_seeds": run.tuning_seeds,
        "test_seeds": run.test_seeds,
        "budget": run.budget,
        "workers": run.workers,
    }
    if run.judge_at is not None:
        facts["fractions"] = run.fractions
    return dict(json.loads(json.dumps(facts, default=repr)))


def data_digests(workload: str) -> dict[str, str | None]:
    """Return the SHA-256 of each file that a workload reads, by its name in the catalogue (or in the package).

    If the catalogue has a checksum, it was verified when the file was read. Otherwise it is that of the present file,
    or None if the file does not exist.
    """
    needed = [
        part for name, part in parts().items() if workload == name or workload.startswith((f"{name}/", f"{name}-"))
    ]
    digests = {file.path: file.sha256 or _digest(folder() / file.path) for part in needed for file in part.files}
    family, _, name = workload.partition("/")
    if family == SHIPPED_FAMILY:
        digests[f"tables/{name}.npz"] = _digest(TABLES / f"{name}.npz")
    return digests


def _digest(path: Path) -> str | None:
    return digest(path) if path.is_file() else None


_version = cache(importlib.metadata.version)


def package_versions() -> dict[str, str]:
    """Return the versions of this package and of its installed dependencies, optional ones included."""
    installed = {PACKAGE: _version(PACKAGE)}
    for requirement in importlib.metadata.requires(PACKAGE) or []:
        match = re.match(r"[\w.-]+", requirement)
        if match is not None and match[0] != PACKAGE and not re.search(r"extra == .(dev|test)", requirement):
            try:
                installed[match[0]] = _version(match[0])
            except importlib.metadata.PackageNotFoundError:
                continue
    return dict(sorted(installed.items()))


def git_commit() -> dict[str, Any]:
    """Return the commit of the checkout of this package, and whether it has uncommitted changes; None without one."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return {"commit": None, "dirty": None}
    try:
        head = _git(root, "rev-parse", "HEAD")
        return {"commit": head.strip(), "dirty": bool(_git(root, "status", "--porcelain", "-uno").strip())}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def cpu_name() -> str:
    """Return the model name of the CPU."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1] if match else platform.machine()


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - no user input
