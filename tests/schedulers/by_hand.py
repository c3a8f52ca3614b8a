"""Schedulers driven by hand with random reports, so that Ray's classes and ours can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from tests.conformance.harness import METRIC

if TYPE_CHECKING:
    import random

    from raytune_suite.schedulers import StudyScheduler


class Event(NamedTuple):
    """A report of a trial, or its first appearance (without a metric)."""

    trial: int
    resource: int
    metric: float | None
    done: bool


class Trials:
    """The reports of 30 trials in a random order; five run at once, and some end by themselves."""

    def __init__(self, rng: random.Random, *, max_t: int, stride: int) -> None:
        """A trial reports after each `stride` units of resource, sometimes one unit later."""
        self.events: list[Event] = []
        reached: dict[int, int] = {}
        ends = {trial: max_t if rng.random() < 0.7 else rng.randint(1, max_t) for trial in range(30)}
        running: list[int] = []
        waiting = list(range(30))
        while running or waiting:
            while waiting and len(running) < 5:
                running.append(waiting.pop(0))
                self.events.append(Event(running[-1], 0, None, done=False))
            trial = rng.choice(running)
            reached[trial] = reached.get(trial, 0) + stride + (rng.random() < 0.1)
            done = reached[trial] >= ends[trial]
            self.events.append(Event(trial, reached[trial], round(rng.gauss(trial % 7, 2), 1), done=done))
            if done:
                running.remove(trial)


def decisions(scheduler: StudyScheduler, trials: Trials) -> list[tuple[int, int, str]]:
    """The decisions on these reports; a trial that was stopped reports no more."""
    made = []
    live: dict[int, Trial] = {}
    for number, resource, metric, done in trials.events:
        if metric is None:
            live[number] = Trial("double", stub=True, trial_id=f"{number:03d}")
            scheduler.on_trial_add(None, live[number])
        elif number in live:
            result = {"training_iteration": resource, METRIC: metric}
            decision = scheduler.on_trial_result(None, live[number], result)
            made.append((number, resource, decision))
            if done or decision == TrialScheduler.STOP:
                scheduler.on_trial_complete(None, live.pop(number), result)
    return made
