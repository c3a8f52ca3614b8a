"""The manifest: which files a workload has read, and to which methods a limit does not apply."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite.bench import run as run_module
from raytune_suite.bench.manifest import data, unlimited
from raytune_suite.bench.plan import plan
from raytune_suite.bench.protocol import read
from raytune_suite.datasets.catalogue import YAHPO
from raytune_suite.workloads.tabular.digits_mlp import FILE
from tests.bench.conftest import SMALL

if TYPE_CHECKING:
    from pathlib import Path


def test_a_shipped_table_has_its_checksum() -> None:
    content = FILE.read_bytes()
    assert data("table/digits-mlp") == {"tables/digits-mlp.npz": hashlib.sha256(content).hexdigest()}


def test_a_file_that_is_trusted_on_first_use_has_the_checksum_of_what_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path))
    assert data("arlbench/cc_mountain_car_ppo") == {"arlbench/cc_mountain_car_ppo.csv": None}
    (tmp_path / "arlbench").mkdir()
    (tmp_path / "arlbench" / "cc_mountain_car_ppo.csv").write_bytes(b"returns")
    digest = hashlib.sha256(b"returns").hexdigest()
    assert data("arlbench/cc_mountain_car_ppo") == {"arlbench/cc_mountain_car_ppo.csv": digest}


def test_a_file_of_known_checksum_has_the_one_that_it_was_held_against() -> None:
    assert data("yahpo/lcbench/167104") == {f"yahpo/{path}": sha256 for path, (_, sha256) in YAHPO.items()}


@pytest.mark.parametrize(("engine", "expected"), [("simulated", []), ("ray", ["pbt"])])
def test_it_names_the_methods_to_which_workers_do_not_apply(engine: str, expected: list[str], tmp_path: Path) -> None:
    place = tmp_path / "small.toml"
    place.write_text(SMALL.replace("budget = 3", f'budget = 3\nengine = "{engine}"'))
    assert unlimited(plan(read(place))) == expected


def test_workers_limit_the_trials_at_once_on_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "small.toml"
    place.write_text(SMALL.replace("budget = 3", 'budget = 3\nengine = "ray"\nworkers = 2'))
    asked: dict[str, Any] = {}
    monkeypatch.setattr(run_module, "tune", lambda **given: asked.update({given["method"]: given["max_concurrent"]}))
    for run in plan(read(place)).runs:
        if run.workload == "synthetic/pbt-quadratic":
            run.study(run.problem(), tmp_path)
    assert asked == {"asha": 2, "pbt": None, "random": 2}
