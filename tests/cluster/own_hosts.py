"""clusters/local.yaml on four machines of the lab, used as a person uses it: own_hosts.py FILE OUTCOME.

It enters the lab by itself, and writes what it has seen to OUTCOME as JSON.
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
from raytune_suite.cluster.rehearsal import machines
from raytune_suite.cluster.rehearsal.rehearse import SECONDS, STEPS, TRIALS, Rehearsal, wait
from raytune_suite.cluster.rehearsal.sites import site_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.rehearsal.site import Site

EXAMPLE = Path(__file__).parents[2] / "examples" / "tune_digits.py"
OWN = str(resources.files("raytune_suite.cluster.rehearsal") / "study.py")


def main(file: str, outcome: str) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        site = site_of(read(Path(file))[0], Path(folder), shared="/shared", workers=2)
        acts = Rehearsal(site, print)
        try:
            Path(outcome).write_text(json.dumps(use(acts)), encoding="utf-8")
        finally:
            site.lab.shut_down()


def use(acts: Rehearsal) -> dict[str, Any]:
    """Three studies on one cluster, two of which lose a machine."""
    acts.up()
    up = len(acts.workers())
    acts.lose_a_machine(acts.submit(str(EXAMPLE), ["--method", "hyperband", "--budget", "12", *name("hyperband")]))
    said = acts.last_lines(10_000)
    bohb = acts.submit(str(EXAMPLE), ["--method", "bohb", "--budget", "5", *name("bohb")]).wait(200)
    with dashboard(acts.site):
        acts.lose_a_machine(
            acts.submit(OWN, [*acts.site.study_arguments(TRIALS, STEPS, SECONDS), "--name", "own"], job=True)
        )
    acts.check_trials()
    acts.check_own_study("own")
    acts.down()
    studies = {each: summary(acts.lab.shared / "studies" / each) for each in ("hyperband", "bohb")}
    return {"workers": up, "checks": acts.verdict.checks, "said": said, "bohb": bohb, "studies": studies}


def name(study: str) -> list[str]:
    return ["--name", study, "--storage-path", "/shared/studies"]


@contextmanager
def dashboard(site: Site) -> Iterator[None]:
    """Bring the dashboard here as the README says: by `ray dashboard` in another terminal."""
    ray = Path(sys.executable).parent / "ray"
    with subprocess.Popen([ray, "dashboard", str(site.file)], stdin=subprocess.DEVNULL) as process:  # noqa: S603 - our own words
        try:
            assert wait(answers, 60)
            yield
        finally:
            process.terminate()


def answers() -> bool:
    with suppress(OSError), urllib.request.urlopen("http://127.0.0.1:8265/api/version", timeout=5) as answer:
        return bool(answer.status == 200)
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
    if not machines.inside():
        machines.check_host()
        sys.exit(machines.enter([sys.executable, *sys.argv]))
    main(*sys.argv[1:])
