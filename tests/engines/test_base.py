"""Both engines make the same decisions, and a study on Ray stores its decision log."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite import cli
from raytune_suite.engines.callbacks.decision_log import difference, read
from raytune_suite.errors import StudyInterrupted
from raytune_suite.workloads.synthetic.function_workloads import branin

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.engines.callbacks.decision_log import Decision

COMMON: dict[str, Any] = {"tuning_seeds": [0], "test_seeds": [], "progress": False}


class Interrupt(tune.Callback):
    """Sends Ctrl-C in the middle of a study."""

    def __init__(self) -> None:
        self.steps = 0

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ARG002 - Ray's
        self.steps += 1
        if self.steps == 3:
            os.kill(os.getpid(), signal.SIGINT)

    def get_state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def set_state(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]


def decisions(folder: Path, **arguments: Any) -> list[Decision]:
    """Return the log of a study with one trial at a time, which fixes the order of the results."""
    place = {"storage_path": folder.parent, "name": folder.name, "max_concurrent": 1}
    rts.tune(workload=branin(max_t=27), **{**COMMON, **place, **arguments})
    return read(folder / "decisions.parquet")


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize(
    ("method", "limit"),
    [
        ("hyperband", {"budget": 3}),
        *(
            pytest.param(method, limit, marks=[pytest.mark.e2e, pytest.mark.long])
            for method, limit in [
                ("hyperband", {"num_samples": 7}),
                ("asha", {"budget": 3}),
                ("asha", {"num_samples": 7}),
            ]
        ),
    ],
    ids=str,
)
def test_with_one_worker_both_engines_write_the_same_log(method: str, limit: dict[str, float], tmp_path: Path) -> None:
    on_ray = decisions(tmp_path / "ray", method=method, **limit)
    simulated = decisions(tmp_path / "simulated", method=method, engine=rts.Simulation(workers=1), **limit)
    assert len(on_ray) > 27
    assert difference(on_ray, simulated, times=False) is None
    logs = [str(tmp_path / name) for name in ("ray", "simulated")]
    assert cli.main(["diff", *logs, "--ignore-time"]) == 0
    assert cli.main(["diff", *logs]) == 1


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_population_on_ray_has_a_log_and_a_lineage(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {
        "workload": "synthetic/pbt-quadratic",
        "method": "pbt",
        "method_args": {"interval": 27},
    }
    result = rts.tune(**COMMON, **arguments, num_samples=3, storage_path=tmp_path, name="pbt")
    rows = read(tmp_path / "pbt" / "decisions.parquet")
    assert result.lineage[0].start == 0
    assert len(rows) == len(result.reports)
    assert [row.value for row in rows] == result.reports["value"].tolist()
    assert {row.decision for row in rows} >= {"CONTINUE", "STOP"}


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_the_log_survives_an_interruption(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"method": "asha", "seed": 1, "num_samples": 6}
    uninterrupted = decisions(tmp_path / "uninterrupted", **arguments)
    with pytest.raises(StudyInterrupted):
        decisions(tmp_path / "interrupted", **arguments, callbacks=[Interrupt()])
    assert not (tmp_path / "interrupted" / "decisions.parquet").exists()
    resumed = decisions(tmp_path / "interrupted", **arguments, callbacks=[Interrupt()], resume=True)
    assert list(dict.fromkeys(row[1:] for row in resumed)) == [
        row[1:] for row in uninterrupted
    ]  # except for repeated reports
