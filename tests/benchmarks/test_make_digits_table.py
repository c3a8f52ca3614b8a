"""The script that creates the digits table: its configs, its working folder, and resuming."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from benchmarks.tables import make_digits_table as script
from raytune_suite.spaces import Space
from raytune_suite.workloads import Workload, workload
from raytune_suite.workloads.tabular.digits_mlp import read_table

if TYPE_CHECKING:
    from pathlib import Path


def short() -> Workload:
    """The live workload with two seeds only."""
    return replace(workload(script.LIVE), tuning_seeds=(0,), test_seeds=(5,))


def test_configs_are_a_fixed_sequence_that_covers_the_space_evenly() -> None:
    live = short()
    configs = script.draw(live, 64)
    assert configs == script.draw(live, 64)
    assert script.draw(live, 8) == configs[:8]
    space = Space(live.space)
    points = np.array([space.encode(config) for config in configs])
    for column, name in zip(points.T, space.names, strict=True):
        if name not in {"batch", "width"}:  # rounded to integers
            assert sorted(np.floor(column * 64)) == list(range(64)), "one point in each of 64 slices"


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_resumed_run_trains_missing_configs_only_and_writes_the_same_table(tmp_path: Path) -> None:
    live, work = short(), tmp_path / "work"
    configs = script.draw(live, 2)
    script.open_work(work, live, configs)
    script.fill(work, live, configs, workers=1)
    table = script.collect(work, live, configs)
    assert np.array_equal(table["val_loss"][1, 1], script.train(configs[1], seed=5)["val_loss"])
    script.row_file(work, 1).unlink()
    before = script.row_file(work, 0).stat().st_mtime_ns
    script.open_work(work, live, configs)
    script.fill(work, live, configs, workers=1)
    assert script.row_file(work, 0).stat().st_mtime_ns == before
    again = script.collect(work, live, configs)
    assert all(np.array_equal(again[name], values) for name, values in table.items())
    path = script.write(tmp_path, live, configs, again)
    first = path.read_bytes()
    assert script.write(tmp_path, live, configs, table).read_bytes() == first
    read = read_table(path)
    assert list(read.configs) == configs
    assert np.array_equal(read.metrics["test_error"], table["test_error"])
    assert not list(tmp_path.rglob("*.part"))


def test_a_working_folder_of_another_table_is_rejected(tmp_path: Path) -> None:
    live = short()
    script.open_work(tmp_path, live, script.draw(live, 2))
    with pytest.raises(SystemExit, match=re.escape(str(tmp_path))):
        script.open_work(tmp_path, live, script.draw(live, 3))
    assert len(json.loads((tmp_path / "plan.json").read_text())["configs"]) == 2
