"""Simulated studies match real ones: if the order of results is forced, Ray makes the same decision at each report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite.engines.callbacks.decision_log import ERROR, difference
from raytune_suite.engines.ray.settings import Settings
from raytune_suite.engines.simulated.engine import Fault
from raytune_suite.engines.simulated.evaluators import InProcessEvaluator
from raytune_suite.methods import METHODS
from tests.conformance import common
from tests.engines.simulated import studies
from tests.engines.turns import Gated, GatedSaving, Saving, end, on_ray, on_ray_in_turns

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.engines.callbacks.decision_log import DecisionLog

pytestmark = [pytest.mark.usefixtures("ray_session"), pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    common.cheapen(monkeypatch.setattr)


def assert_alike(simulated: DecisionLog, real: DecisionLog, *, times: bool) -> None:
    assert difference(simulated.rows, real.rows, times=times) is None
    assert len({row.trial for row in real.rows}) > 1


ALIKE = ("random", "random-fidelity", "sobol", "grid", "gp", "pb2")
"""With several workers these go the ways of tpe, of dehb and of pbt; one worker is enough for them."""
IN_CI = ("dehb",)
"""`make test` compares hyperband and pbt in other tests, call by call; `make e2e` runs all."""
FIRST = {METHODS[name].scheduler: key for key, (name, _) in reversed(studies.VARIANTS.items()) if name not in ALIKE}


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(key, marks=[pytest.mark.e2e] if key in IN_CI else [pytest.mark.e2e, pytest.mark.long])
        for key, (name, _) in studies.VARIANTS.items()
        if name in ALIKE or key in FIRST.values()
    ],
)
def test_one_worker_decides_as_in_virtual_time(key: str, tmp_path: Path) -> None:
    samples = studies.samples(studies.VARIANTS[key][0])
    simulated = studies.simulate(studies.variant(key), studies.LEARNER, num_samples=samples, workers=1)
    real = on_ray(studies.variant(key), str(tmp_path), num_samples=samples)
    assert_alike(simulated.decisions, real, times=False)


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.parametrize("key", [key for key, (name, _) in studies.VARIANTS.items() if name not in ALIKE])
def test_four_workers_make_the_decisions_of_the_simulation(key: str, tmp_path: Path) -> None:
    """All configs have different costs, which determines the order; even the times are bitwise equal."""
    samples = studies.samples(studies.VARIANTS[key][0])
    simulated = studies.simulate(studies.variant(key), studies.LEARNER, num_samples=samples, workers=4)
    real, _ = on_ray_in_turns(studies.variant(key), str(tmp_path), workers=4, num_samples=samples)
    assert_alike(simulated.decisions, real, times=True)


FAULTS = [Fault(3.3, 0), Fault(7.1, 1), Fault(7.2, 2), Fault(9.9, 1)]
LOSING = (("asha", True), ("hyperband", True), ("dehb", True), ("pbt", True), ("pbt", False))
"""Methods, and whether their trials save at each report; other methods use the same code, and would take as long."""


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.parametrize(("key", "saves"), LOSING)
def test_a_trial_on_a_lost_worker_ends_as_in_the_simulation(key: str, saves: bool, tmp_path: Path) -> None:
    """On Ray the process of the trial dies during a step; each trial may fail once."""
    settings: dict[str, Any] = {"num_samples": studies.samples(studies.VARIANTS[key][0]), "workers": 4}
    evaluation = InProcessEvaluator(Saving, studies.cost) if saves else studies.LEARNER
    simulated = studies.simulate(studies.variant(key), evaluation, max_failures=1, faults=FAULTS, **settings)
    deaths = [(row.time, row.trial) for row in simulated.decisions.rows if row.decision == ERROR]
    assert deaths
    settings |= {"settings": Settings(snapshot_s=1000, max_failures=1), "deaths": deaths}
    trainable = GatedSaving if saves else Gated
    real, turns = on_ray_in_turns(studies.variant(key), str(tmp_path), trainable, **settings)
    assert_alike(simulated.decisions, real, times=True)
    numbers = simulated.decisions._numbers
    assert turns.ends == {numbers[trial.trial_id]: end(trial) for trial in simulated.trials}
