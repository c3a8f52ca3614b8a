"""A trial that is about to take over the process of one that has ended, when that process dies."""

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
    """Kills the process of the first trial as soon as that has ended."""

    def __init__(self) -> None:
        self.killed = False

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        if not self.killed:
            self.killed = True
            os.kill(trial.last_result["pid"], signal.SIGKILL)


@pytest.mark.usefixtures("ray_session")
def test_a_takeover_that_fails_is_one_failure_and_is_tried_again(tmp_path: Path) -> None:
    """Ray tells of it twice, and took the second time for the end of a trial that it was about to try again."""
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
