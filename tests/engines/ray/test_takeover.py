"""A trial is about to reuse the process of an ended trial when that process dies."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

import raytune_suite as rts
from tests.engines.simulated.studies import METRIC, SPACE, Learner

if TYPE_CHECKING:
    from pathlib import Path

    from ray.tune.experiment import Trial


class Strike(tune.Callback):
    """Kills the process of the first trial as soon as the trial has ended."""

    def __init__(self) -> None:
        self.killed = False

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        if not self.killed:
            self.killed = True
            os.kill(trial.last_result["pid"], signal.SIGKILL)


@pytest.mark.usefixtures("ray_session")
@pytest.mark.e2e
@pytest.mark.long
def test_a_failed_reset_counts_as_one_failure_and_is_retried(tmp_path: Path) -> None:
    """Ray reports the failure twice; the second report must not end a trial that is about to be retried."""
    result = rts.tune(
        Learner,
        SPACE,
        method="random",
        **METRIC,
        max_t=1,
        num_samples=3,
        max_concurrent=1,
        storage_path=tmp_path,
        callbacks=[Strike()],
        settings=rts.Settings(max_failures=1),
        progress=False,
    )
    assert result.trials["status"].tolist() == ["TERMINATED"] * 3
