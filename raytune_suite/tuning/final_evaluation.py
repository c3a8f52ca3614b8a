"""The evaluation of a study's choice on training seeds that the method has never seen."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pandas as pd
from ray import tune as ray_tune

from raytune_suite.schedulers.fifo import FIFO
from raytune_suite.schedulers.population import ReplayScheduler
from raytune_suite.searchers.grid import GridSearcher
from raytune_suite.tuning.study_folder import StudyFolder
from raytune_suite.types import FIDELITY, SEED, split_config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.engines.base import Engine
    from raytune_suite.engines.resources import Resources
    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.tuning.task import TuningTask
    from raytune_suite.types import Stage

_logger = logging.getLogger("raytune_suite")


def evaluate_on_test_seeds(
    task: TuningTask,
    lineage: Sequence[Stage],
    study: StudyFolder,
    engine: Engine,
    *,
    resources: Resources | None = None,
    name: str = "test",
    resume: bool = True,
    check_lock: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """Train the chosen schedule from scratch on each test seed, to the end; returns one row (seed, value) per seed.

    It is a study called `name` in the folder of `study`; with `resume` one that was interrupted there continues. A
    training that fails scores NaN, with a warning. `check_lock` is that of the study.

    Raises:
        StudyError: If the study cannot continue.
        StudyInterrupted: After Ctrl-C.
    """
    objective = task.objective
    first, _, fidelity = split_config(lineage[0].config)
    if fidelity is not None:  # a trainable may read it
        first[FIDELITY] = objective.max_t
    space = {**first, SEED: ray_tune.grid_search(list(task.test_seeds))}
    common: dict[str, Any] = {
        "metric": objective.metric,
        "mode": objective.mode,
        "time_attr": objective.time_attr,
        "max_t": objective.max_t,
    }
    scheduler: StudyScheduler = FIFO(max_concurrent=len(task.test_seeds), **common)
    if len(lineage) > 1:
        scheduler = ReplayScheduler(lineage, keep=(SEED,), **common)
    folder = StudyFolder(study.path, name, study.filesystem)
    outcome = engine.without_faults().run(
        task.spec(
            searcher=GridSearcher(space=space, **common),
            scheduler=scheduler,
            storage_path=folder.storage_path,
            name=name,
            storage_filesystem=folder.filesystem,
            resources=resources,
            resume=resume and engine.can_resume(folder.files),
            check_lock=check_lock,
        )
    )
    if outcome.interrupted:
        raise study.interrupted(engine, "while evaluating on the test seeds")
    engine.finish(folder.files)
    trials = outcome.log.trials_frame()
    complete = trials["outcome"] == "trained in full"
    scores = pd.DataFrame({"seed": trials[f"config/{SEED}"].astype(int), "value": trials["value"].where(complete)})
    if not complete.all():
        _logger.warning("training failed on the test seeds %s", sorted(scores["seed"][~complete]))
    return scores.sort_values("seed").reset_index(drop=True)
