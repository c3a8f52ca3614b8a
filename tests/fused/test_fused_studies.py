"""Studies of fused trials: the same decisions as with trials that train alone, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from ray import tune

import raytune_suite as rts
from raytune_suite.fused import lanes as fused_lanes
from raytune_suite.workloads import workload
from raytune_suite.workloads.live.digits_mlp_fused import FusedDigitsMLP
from raytune_suite.workloads.live.digits_program import DIGITS

if TYPE_CHECKING:
    from pathlib import Path

LIMITS: dict[str, dict[str, Any]] = {
    "asha": {"num_samples": 10},
    "hyperband": {"num_samples": 6},
    "pbt": {"num_samples": 5, "method_args": {"interval": 2}},
}


class Alone(rts.FusedTrainable):
    """The same trainable, whose trials are not fused."""

    program = DIGITS
    advance_together = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("method", "seeds"),
    [
        pytest.param("asha", [0, 1], marks=pytest.mark.e2e),
        ("hyperband", [0]),
        pytest.param("pbt", [0, 1], marks=[pytest.mark.e2e, pytest.mark.long]),
    ],
    ids=str,
)
@pytest.mark.slow
def test_fused_trials_give_the_same_decisions_as_trials_alone(
    method: str, seeds: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes: list[int] = []
    advance = fused_lanes.advance
    monkeypatch.setattr(fused_lanes, "advance", lambda group: lanes.append(len(group)) or advance(group))  # type: ignore[func-returns-value]
    known = workload("live/digits-mlp-fused")
    space = {**known.space, "batch": tune.choice([128, 256]), "width": 16}
    outcomes = []
    for trainable in (FusedDigitsMLP, Alone):
        lanes.clear()
        result = rts.tune(
            workload=replace(known, trainable=trainable, space=space, max_t=9, mutable=("lr", "dropout")),
            method=method, engine=rts.Simulation(workers=5), tuning_seeds=seeds, test_seeds=[], storage_path=tmp_path,
            name=trainable.__name__, **LIMITS[method],
        )  # fmt: skip
        outcomes.append((tmp_path / trainable.__name__ / "decisions.parquet").read_bytes())
        assert result.best_value < 2
        assert max(lanes) == (5 * len(seeds) if trainable is FusedDigitsMLP else 1)
    assert outcomes[0] == outcomes[1]
