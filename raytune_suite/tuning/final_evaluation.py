"""Judging a study's choice on training seeds that the method has never seen."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pandas as pd
from ray import tune as ray_tune

from raytune_suite.engines import base
from raytune_suite.engines.callbacks.budget import StudyStopper
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.ray import engine
from raytune_suite.errors import StudyInterrupted
from raytune_suite.schedulers.fifo import FIFO
from raytune_suite.schedulers.population import ReplayScheduler
from raytune_suite.searchers.grid import GridSearcher
from raytune_suite.tuning.result import how_to_resume
from raytune_suite.types import FIDELITY, SEED, hyperparameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raytune_suite.engines.base import Simulation
    from raytune_suite.engines.ray.engine import Settings
    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.schedulers.population import Stage
    from raytune_suite.tuning.task import Problem

_logger = logging.getLogger("raytune_suite")


def judge(
    problem: Problem,
    lineage: Sequence[Stage],
    path: str,
    *,
    simulation: Simulation | None,
    resources: Mapping[str, float] | None,
    settings: Settings,
    name: str = "test",
) -> pd.DataFrame:
    """Train the chosen schedule anew on each test seed, to the end, and return the scores: one row (seed, value) each.

    On Ray it is a study called `name` within the study's folder, resumed if it is there. A training that fails has a
    score of NaN, and is told.

    Raises:
        StudyError: If the engine gave up.
        StudyInterrupted: After Ctrl-C.
    """
    first = hyperparameters(lineage[0].config)
    if FIDELITY in lineage[0].config:  # a trainable may read it
        first[FIDELITY] = problem.max_t
    space = {**first, SEED: ray_tune.grid_search(list(problem.test_seeds))}
    common: dict[str, Any] = {"metric": problem.metric, "mode": problem.mode, "time_attr": problem.time_attr}
    scheduler: StudyScheduler = FIFO(max_t=problem.max_t, max_concurrent=len(problem.test_seeds), **common)
    if len(lineage) > 1:
        scheduler = ReplayScheduler(lineage, keep=(SEED,), max_t=problem.max_t, **common)
    ran = base.run(
        problem,
        simulation,
        seeds=(),
        searcher=GridSearcher(space=space, **common),
        scheduler=scheduler,
        num_samples=-1,
        time_limit=None,
        stopper=StudyStopper(None, metric=problem.metric, time_attr=problem.time_attr),
        resources=resources,
        storage_path=path,
        name=name,
        callbacks=[StudyLog(max_t=problem.max_t, scheduler=scheduler, **common)],
        resume=simulation is None and engine.exists(path, name),
        settings=settings,
    )
    if ran.interrupted:
        folder, _, study = path.rpartition("/")
        again = "run it again" if simulation else how_to_resume(folder, study)
        raise StudyInterrupted(f"interrupted while judging on the test seeds; {again}")
    log = next(callback for callback in ran.callbacks if isinstance(callback, StudyLog))
    trials = log.trials_frame()
    good = trials["outcome"] == "trained in full"
    scores = pd.DataFrame({"seed": trials[f"config/{SEED}"].astype(int), "value": trials["value"].where(good)})
    if not good.all():
        _logger.warning("training failed on the test seeds %s", sorted(scores["seed"][~good]))
    return scores.sort_values("seed").reset_index(drop=True)
