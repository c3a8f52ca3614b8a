"""Use clusters/local.yaml on machines of the lab like a user: own_hosts.py FILE OUTCOME.

The script enters the lab, and writes its observations to OUTCOME as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from raytune_suite.cluster.document import read
from raytune_suite.cluster.rehearsal import lab
from raytune_suite.cluster.rehearsal.providers import lab_cluster_for
from raytune_suite.cluster.rehearsal.rehearse import SECONDS, STEPS, TRIALS, Rehearsal, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.rehearsal.lab_cluster import LabCluster

EXAMPLE = Path(__file__).parents[3] / "examples" / "tune_digits.py"
OWN = str(resources.files("raytune_suite.cluster.rehearsal") / "study.py")


def main(file: str, outcome: str) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        cluster = lab_cluster_for(read(Path(file))[0], Path(folder), shared="/shared", workers=2)
        rehearsal = Rehearsal(cluster, print)
        try:
            Path(outcome).write_text(json.dumps(use(rehearsal)), encoding="utf-8")
        finally:
            cluster.lab.shut_down()


def use(rehearsal: Rehearsal) -> dict[str, Any]:
    """Run three studies on one cluster; two of them lose a machine."""
    rehearsal.up()
    up = len(rehearsal.workers())
    rehearsal.lose_a_machine(
        rehearsal.submit(str(EXAMPLE), ["--method", "hyperband", "--budget", "12", *name("hyperband")])
    )
    output = rehearsal.last_lines(10_000)
    bohb = rehearsal.submit(str(EXAMPLE), ["--method", "bohb", "--budget", "5", *name("bohb")]).wait(200)
    with dashboard(rehearsal.cluster):
        rehearsal.lose_a_machine(
            rehearsal.submit(
                OWN, [*rehearsal.cluster.study_arguments(TRIALS, STEPS, SECONDS), "--name", "own"], job=True
            )
        )
    rehearsal.check_trials()
    rehearsal.check_own_study("own")
    rehearsal.down()
    studies = {each: summary(rehearsal.lab.shared / "studies" / each) for each in ("hyperband", "bohb")}
    return {"workers": up, "checks": rehearsal.result.steps, "output": output, "bohb": bohb, "studies": studies}


def name(study: str) -> list[str]:
    return ["--name", study, "--storage-path", "/shared/studies"]


@contextmanager
def dashboard(cluster: LabCluster) -> Iterator[None]:
    """Forward the dashboard as the guide to clusters says: with `ray dashboard` in another terminal."""
    ray = Path(sys.executable).parent / "ray"
    with subprocess.Popen([ray, "dashboard", str(cluster.file)], stdin=subprocess.DEVNULL) as process:  # noqa: S603 - our own command
        try:
            assert wait(dashboard_responds, 60)
            yield
        finally:
            process.terminate()


def dashboard_responds() -> bool:
    with suppress(OSError), urllib.request.urlopen("http://127.0.0.1:8265/", timeout=5) as response:
        return bool(response.status == 200)
    return False


def summary(folder: Path) -> dict[str, Any]:
    reports = pd.read_parquet(folder / "reports.parquet")
    manifest = json.loads((folder / "study.json").read_text())
    return {
        "budget": manifest["budget"],
        "errors": [each.read_text() for each in folder.glob("*/error.txt")],
        "cost": float(reports["cost"].max()),
        "best": float(reports.loc[reports["resource"] == manifest["max_t"], "value"].min()),
        "test": pd.read_parquet(folder / "test_scores.parquet")["value"].tolist(),
    }


if __name__ == "__main__":
    if not lab.inside():
        lab.check_host()
        sys.exit(lab.enter([sys.executable, *sys.argv]))
    main(*sys.argv[1:])
