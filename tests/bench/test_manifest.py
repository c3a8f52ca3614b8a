"""The manifest: checksums of the files of a workload, and methods without a limit on concurrent trials."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite.bench import run as run_module
from raytune_suite.bench.manifest import data_digests, methods_without_limit
from raytune_suite.bench.plan import plan
from raytune_suite.bench.protocol import read
from raytune_suite.datasets.catalogue import YAHPO
from raytune_suite.workloads.tabular.digits_mlp import FILE
from tests.bench.conftest import SMALL

if TYPE_CHECKING:
    from pathlib import Path


def test_a_shipped_table_has_its_checksum() -> None:
    content = FILE.read_bytes()
    assert data_digests("table/digits-mlp") == {"tables/digits-mlp.npz": hashlib.sha256(content).hexdigest()}


def test_a_file_without_a_known_checksum_has_that_of_its_present_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path))
    assert data_digests("arlbench/cc_mountain_car_ppo") == {"arlbench/cc_mountain_car_ppo.csv": None}
    (tmp_path / "arlbench").mkdir()
    (tmp_path / "arlbench" / "cc_mountain_car_ppo.csv").write_bytes(b"returns")
    digest = hashlib.sha256(b"returns").hexdigest()
    assert data_digests("arlbench/cc_mountain_car_ppo") == {"arlbench/cc_mountain_car_ppo.csv": digest}


def test_a_file_with_a_known_checksum_has_the_verified_one() -> None:
    assert data_digests("yahpo/lcbench/167104") == {f"yahpo/{path}": sha256 for path, (_, sha256) in YAHPO.items()}


@pytest.mark.parametrize(("engine", "expected"), [("simulated", []), ("ray", ["pbt"])])
def test_methods_to_which_workers_do_not_apply_are_listed(engine: str, expected: list[str], tmp_path: Path) -> None:
    place = tmp_path / "small.toml"
    place.write_text(SMALL.replace("budget = 2", f'budget = 2\nengine = "{engine}"'))
    assert methods_without_limit(plan(read(place))) == expected


def test_workers_limit_the_concurrent_trials_on_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "small.toml"
    place.write_text(SMALL.replace("budget = 2", 'budget = 2\nengine = "ray"\nworkers = 2'))
    limits: dict[str, Any] = {}
    monkeypatch.setattr(
        run_module, "tune", lambda **arguments: limits.update({arguments["method"]: arguments["max_concurrent"]})
    )
    for run in plan(read(place)).runs:
        if run.workload == "synthetic/pbt-quadratic":
            run.study(run.tuning_task(), tmp_path)
    assert limits == {"asha": 2, "pbt": None, "random": 2}
