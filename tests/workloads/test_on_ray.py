"""A workload of each kind is tuned by its name on both engines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import raytune_suite as rts

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["live/digits-mlp", "table/digits-mlp", "arlbench/cc_cartpole_ppo", "yahpo/lcbench/167168", "live/cartpole-ppo"]


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("name", NAMES)
def test_both_engines_tune_it(name: str, tmp_path: Path) -> None:
    family = name.partition("/")[0]
    if family in ("arlbench", "yahpo") and "RAYTUNE_SUITE_DATA" not in os.environ:
        pytest.skip(f"set RAYTUNE_SUITE_DATA, or run `raytune-suite data fetch {family}`")
    results = {
        engine: rts.tune(
            workload=name,
            method="asha",
            num_samples=2,
            max_concurrent=1,
            tuning_seeds=[0],
            test_seeds=[],
            engine=engine,
            storage_path=tmp_path,
            name=engine,
        )
        for engine in ("ray", "simulated")
    }
    assert results["ray"].best_config == results["simulated"].best_config
    assert results["ray"].best_value == results["simulated"].best_value
