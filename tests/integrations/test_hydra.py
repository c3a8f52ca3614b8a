"""The sweeper of Hydra, with a function that returns its loss and with one that reports it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_plugins.raytune_suite_sweeper import domain
from omegaconf import OmegaConf
from ray import tune

from raytune_suite.spaces import Space

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "integrations" / "hydra_program" / "train.py"
SWEEP = ["optimizer.lr=tag(log, interval(1e-3, 1))", "optimizer.name=choice(sgd, adam)"]


def sweep(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    sweeper = ["hydra/sweeper=raytune_suite", f"hydra.sweeper.storage_path={folder}/studies", "hydra.sweep.dir=sweep"]
    command = [sys.executable, str(PROGRAM), "-m", *sweeper, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(  # noqa: S603 - our own program
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=200
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["hydra.sweeper.method=tpe", "hydra.sweeper.num_samples=4"],
        ["hydra.sweeper.method=asha", "hydra.sweeper.num_samples=4", "hydra.sweeper.budget=9", "hydra.sweeper.max_t=9",
         "hydra.sweeper.metric=loss", "report=true"],
    ],
    ids=["returned", "reported"],
)  # fmt: skip
def test_a_sweep_finds_the_best(arguments: list[str], tmp_path: Path) -> None:
    done = sweep(tmp_path, *SWEEP, *arguments)
    assert done.returncode == 0, done.stderr
    results: Any = OmegaConf.load(tmp_path / "sweep" / "optimization_results.yaml")
    assert 1e-3 <= results.best_params["optimizer.lr"] <= 1
    assert results.best_params["optimizer.name"] in ("sgd", "adam")
    assert results.best_value < 9
    jobs = [*(tmp_path / "sweep").glob("*/.hydra/overrides.yaml")]
    assert len(jobs) == 4
    assert all("optimizer.lr" in path.read_text() for path in jobs)


def test_a_sweep_without_parameters_is_rejected(tmp_path: Path) -> None:
    done = sweep(tmp_path, "epochs=3", "hydra.sweeper.num_samples=2")
    assert done.returncode != 0
    assert "no parameter" in done.stderr


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("x=int(interval(0, 5))", tune.randint(0, 6)),
        ("x=interval(0.0, 5.0)", tune.uniform(0.0, 5.0)),
        ("x=int(tag(log, interval(1, 8)))", tune.lograndint(1, 9)),
        ("x=tag(log, interval(1e-4, 1))", tune.loguniform(1e-4, 1.0)),
        ("x=range(1, 5)", tune.randint(1, 5)),
        ("x=range(0, 9, 3)", tune.choice([0, 3, 6])),
        ("x=choice(a, b)", tune.choice(["a", "b"])),
    ],
)
def test_sweeps_become_domains(override: str, expected: Any) -> None:
    (parsed,) = OverridesParser.create().parse_overrides([override])
    assert Space({"x": domain(parsed)}).describe() == Space({"x": expected}).describe()
