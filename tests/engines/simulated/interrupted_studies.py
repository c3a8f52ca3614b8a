"""Helpers that suspend and resume simulated studies."""

from __future__ import annotations

import gc
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.engines.callbacks.decision_log import DecisionLog, difference
from raytune_suite.engines.simulated.clock import Clock
from raytune_suite.engines.simulated.controller import Controller
from raytune_suite.engines.simulated.suspension import resume, suspend
from raytune_suite.engines.simulated.trial_factory import make_search, pending_depth
from raytune_suite.schedulers import StudySearcher
from tests.engines.simulated.studies import METRIC, samples, study_log, variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raytune_suite.engines.callbacks.study_log import StudyLog
    from raytune_suite.engines.simulated.evaluators import Evaluator


class Study(NamedTuple):
    """A controller and the objects that are suspended with it."""

    controller: Controller
    decisions: DecisionLog
    log: StudyLog


def create(name: str, folder: Path, evaluator: Evaluator, **settings: Any) -> Study:
    """Return a study of a method, assembled as in the simulated engine."""
    made = variant(name)
    clock: Clock[Any] = Clock()
    decisions, log = DecisionLog("loss", "training_iteration", clock), study_log(made.scheduler)
    searcher = StudySearcher(made.searcher, made.scheduler)
    assert made.scheduler.set_search_properties("loss", "min")
    search_alg = make_search(
        searcher, space=None, num_samples=samples(name), max_failures=settings.pop("max_failures", 0),
        checkpoint_every=0, folder=str(folder), **METRIC,
    )  # fmt: skip
    depth = made.scheduler.max_concurrent or pending_depth(search_alg, 4)
    made.scheduler.observers.append(decisions)
    controller = Controller(
        search_alg, made.scheduler, evaluator, max_pending=depth, clock=clock,
        callbacks=[log, decisions], **{"workers": 4, **settings},
    )  # fmt: skip
    return Study(controller, decisions, log)


def after(steps: int) -> Callable[[], bool]:
    """Return a function that interrupts a run after `steps` events."""
    left = iter(range(steps))
    return lambda: next(left, None) is None


def interrupt(study: Study, steps: int, evaluator: Evaluator) -> Study:
    """Run `steps` more events, suspend the study, and return it resumed in new objects."""
    if study.controller.run(after(steps)):
        return study
    suspended = suspend(study.controller, (study.decisions, study.log))
    study.controller.close()
    gc.collect()
    controller, (decisions, log) = resume(suspended, evaluator, tempfile.mkdtemp())
    assert controller is not study.controller
    assert [callback is log for callback in controller.callbacks] == [True, False]
    return Study(controller, decisions, log)


def assert_equal(study: Study, calm: Study) -> None:
    """Assert that two studies have the same outcome."""
    assert difference(study.decisions.rows, calm.decisions.rows) is None  # here NaN equals NaN
    assert study.log.reports == calm.log.reports
    assert study.controller.clock.now == calm.controller.clock.now
    trials, calm_trials = (
        [(trial.trial_id, trial.status, trial.config, trial.last_result) for trial in each.controller.trials]
        for each in (study, calm)
    )
    assert trials == calm_trials
