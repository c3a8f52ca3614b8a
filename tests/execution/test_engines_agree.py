"""The simulated clock is honest: where the order of the results is forced, real Ray decides alike, report by report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite.execution.decision_log import difference
from tests.conformance import common
from tests.execution import studies
from tests.execution.turns import on_ray, on_ray_in_turns

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.execution.decision_log import DecisionLog

pytestmark = [pytest.mark.usefixtures("ray_session"), pytest.mark.timeout(120)]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    common.cheapen(monkeypatch.setattr)


def assert_alike(simulated: DecisionLog, real: DecisionLog, *, times: bool) -> None:
    assert difference(simulated.rows, real.rows, times=times) is None
    assert len({row.trial for row in real.rows}) > 1


@pytest.mark.parametrize("key", studies.VARIANTS)
def test_one_worker_decides_as_in_virtual_time(key: str, tmp_path: Path) -> None:
    samples = studies.samples(studies.VARIANTS[key][0])
    simulated = studies.simulate(studies.variant(key), studies.LEARNER, num_samples=samples, workers=1)
    real = on_ray(studies.variant(key), str(tmp_path), num_samples=samples)
    assert_alike(simulated.decisions, real, times=False)


@pytest.mark.e2e
@pytest.mark.parametrize("key", studies.VARIANTS)
def test_four_workers_decide_as_in_virtual_time(key: str, tmp_path: Path) -> None:
    """No two configs cost the same, so that the order is forced. Even the times are the same, to the last bit."""
    samples = studies.samples(studies.VARIANTS[key][0])
    simulated = studies.simulate(studies.variant(key), studies.LEARNER, num_samples=samples, workers=4)
    real = on_ray_in_turns(studies.variant(key), str(tmp_path), workers=4, num_samples=samples)
    assert_alike(simulated.decisions, real, times=True)
