"""The transformer on the synthetic language approaches the known optimum with each optimizer, and never passes it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from raytune_suite.errors import ArgumentError, UnknownNameError  # noqa: E402 - after the skip
from raytune_suite.fused.lanes import Lane, LaneReport, advance  # noqa: E402
from raytune_suite.workloads.live.gpt_program import GPTProgram, corpus  # noqa: E402
from raytune_suite.workloads.live.language import SYMBOLS, least_loss  # noqa: E402

LENGTH = 8
PROGRAM = GPTProgram(length=LENGTH, reports=5, steps_per_report=20)
BETAS = {"beta1": 0.9, "beta2": 0.95}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {**BETAS, "schedule": "cosine"},
    "muon": {**BETAS, "momentum": 0.9, "schedule": "linear"},
    "sgd": {"momentum": 0.9, "schedule": "constant"},
    "schedule-free": BETAS,
}
RATES = {"sgd": 0.3}


def config(name: str, **changes: Any) -> dict[str, Any]:
    values = {
        "lr": RATES.get(name, 0.03), "warmup": 1, "weight_decay": 1e-3, "dropout": 0.0,
        "batch": 16, "width": 16, "depth": 1, "optimizer": {"name": name, **OPTIMIZERS[name]},
    }  # fmt: skip
    return values | changes


def train(lanes: list[Lane], reports: int) -> list[list[LaneReport]]:
    """Train the lanes together; returns the reports of each."""
    curves: list[list[LaneReport]] = [[] for _ in lanes]
    for _ in range(reports):
        for lane, curve, report in zip(lanes, curves, advance(lanes), strict=True):
            lane.current = report.state
            curve.append(report)
    return curves


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.e2e
def test_each_optimizer_approaches_the_optimum_from_above() -> None:
    lanes = [Lane(PROGRAM, config(name), 0, "cpu") for name in OPTIMIZERS]
    for name, curve in zip(OPTIMIZERS, train(lanes, 4), strict=True):
        excess = [report.metrics["excess"] for report in curve]
        assert 0 < excess[-1] < excess[0] < math.log(SYMBOLS) - least_loss(LENGTH), name
        assert excess[-1] < 1.3, name
        assert curve[-1].metrics["val_loss"] == pytest.approx(least_loss(LENGTH) + excess[-1], abs=1e-5)


def test_a_model_that_knows_the_distribution_would_have_no_excess() -> None:
    data = corpus(LENGTH)
    true = data["distributions"][data["validation_states"]]
    entropy = -(true * true.clamp(min=1e-30).log()).sum(-1).mean()
    assert float(entropy) == pytest.approx(float(data["best_loss"]), abs=1e-5)


def test_a_symbol_is_predicted_from_those_before_it_only() -> None:
    data = corpus(LENGTH)
    assert (data["inputs"][:, 0] == SYMBOLS).all()
    assert (data["inputs"][:, 1:] == data["targets"][:, :-1]).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fused_lanes_report_the_same_as_lanes_alone(name: str) -> None:
    configs = [config(name, lr=rate, dropout=drop) for rate, drop in ((0.01, 0.0), (0.02, 0.1), (0.03, 0.2))]
    brief = replace(PROGRAM, steps_per_report=4)
    lanes = [Lane(brief, each, seed, "cpu") for seed, each in enumerate(configs)]
    together, alone = advance(lanes), [advance([lane])[0] for lane in lanes]
    for ours, other in zip(together, alone, strict=True):
        assert ours.metrics == pytest.approx(other.metrics, rel=1e-4)


def test_the_learning_rate_warms_up_and_decays_as_its_schedule_says() -> None:
    steps = torch.arange(100.0)
    rates = {}
    for schedule in ("constant", "linear", "cosine"):
        hp = PROGRAM.hyperparameters(
            config("adamw", lr=1.0, optimizer={"name": "adamw", **BETAS, "schedule": schedule})
        )
        tensors = {name: torch.tensor(float(hp[name])) for name in ("lr", "warmup", "schedule")}
        rates[schedule] = PROGRAM.rate(tensors, steps)
        assert torch.allclose(rates[schedule][0], torch.tensor(1 / 20))
        assert rates[schedule][20] == pytest.approx(1)
    assert rates["constant"][-1] == pytest.approx(1)
    assert rates["linear"][60] == pytest.approx(0.5)
    assert rates["cosine"][60] == pytest.approx(0.5)
    assert rates["cosine"][-1] < rates["linear"][-1] < 0.02


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"optimizer": {"name": "adamv"}}, "adamv"),
        ({"optimizer": "adamw"}, "`optimizer`"),
        ({"optimizer": {"name": "adamw", "beta1": 1.0, "beta2": 0.9}}, "`beta1` is 1.0"),
        ({"optimizer": {"name": "adamw", **BETAS, "schedule": "step"}}, "`schedule`"),
        ({"width": 18}, "`width`"),
        ({"lr": float("nan")}, "`lr` is nan"),
    ],
)
def test_invalid_values_are_rejected_by_name(changes: dict[str, Any], culprit: str) -> None:
    with pytest.raises((ArgumentError, UnknownNameError), match=culprit):
        Lane(PROGRAM, config("adamw", **changes), 0, "cpu")
