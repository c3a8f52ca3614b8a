"""Pools of simulated GPU nodes grow for waiting trials, and shrink afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

DRIVER = Path(__file__).with_name("on_laptop.py")


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("lab")
def test_pools_of_the_laptop_grow_for_studies_survive_a_loss_and_shrink(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, DRIVER, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    sys.stdout.write(done.stdout)  # shown if the test fails
    assert done.returncode == 0
    observed = json.loads((tmp_path / "observed.json").read_text(encoding="utf-8"))
    assert set(observed["status"].values()) == {0}
    studies = tmp_path / "shared/studies"
    small, large = (json.loads((studies / f"{name}.json").read_text(encoding="utf-8")) for name in ("small", "large"))

    assert observed["alone"] == [0]  # only the head, which runs no trials
    assert [0, 1, 1] in observed["grown"]  # two concurrent trials with one GPU each: two nodes of gpu_1, none of gpu_8
    assert not any(8 in shape for shape in observed["grown"])
    assert any(8 in shape for shape in observed["shapes"])
    assert observed["shapes"][-1] == [0]
    assert observed["left"] == []

    assert [(len(set(trial["gpus"].split(","))), observed["gpus"][trial["node"]]) for trial in large] == [(4, 8)]
    assert [len(trial["gpus"].split(",")) for trial in small] == [1, 1, 1]
    moved = [trial["node"] for trial in small if trial["lost_machines"]]
    assert len(moved) >= 1
    assert observed["lost"] not in moved
    reports = pd.read_parquet(studies / "small" / "reports.parquet")
    assert (reports["resource"] == 1).groupby(reports["trial"]).sum().tolist() == [
        1,
        1,
        1,
    ]  # none started again from scratch
    assert reports.groupby(["trial", "resource"])["value"].last().to_dict() == {
        (number, float(step)): pytest.approx((trial["config/x"] - 0.3) ** 2 + 1 / step)
        for number, trial in enumerate(small)
        for step in range(1, 13)
    }

    assert pd.read_parquet(studies / "digits" / "test_scores.parquet")["value"].notna().tolist() == [True] * 5
