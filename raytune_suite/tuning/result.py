"""A study as it lies in its folder: its name, its manifest, its tables, and the record of what it found."""

from __future__ import annotations

import datetime as dt
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.engines.ray import engine
from raytune_suite.errors import ArgumentError, StudyError, near
from raytune_suite.types import DECISIONS

if TYPE_CHECKING:
    import pandas as pd
    from ray.tune import ResultGrid

    from raytune_suite.engines.callbacks.decision_log import DecisionLog
    from raytune_suite.engines.callbacks.study_log import Report, StudyLog
    from raytune_suite.tuning.task import Problem
    from raytune_suite.types import Config, Mode, Stage

_logger = logging.getLogger("raytune_suite")


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes:
        name: The study's name.
        path: The folder in which it lies.
        method: The method's name.
        metric: The metric's name.
        mode: "min" or "max".
        time_attr: The reported value that counts the resource.
        max_t: The most resource of a trial, or None.
        trials: One row per trial, indexed by its number: status (Ray's word), outcome (ours), stopped_early, resource,
            value (the last one), error, config/..., and the other values of the last report.
        reports: One row per report: trial, resource, value, elapsed (seconds), cost (the study's so far), complete.
        incumbent: The rows of `reports` at which the incumbent changed; the last one is the result.
        best_config: The incumbent's config; of a population method, what it ended with.
        lineages: The schedule behind each incumbent, one for each row of `incumbent`: one stage, or several of a
            population method.
        test_scores: One row per test seed (seed, value): the chosen config trained anew; None if no seeds were given.
        result_grid: Ray's own result; None for a simulated study.
        overhead: The real seconds of decisions in a simulated study; None on Ray.
    """

    name: str
    path: str
    method: str
    metric: str
    mode: Mode
    time_attr: str
    max_t: int | None
    trials: pd.DataFrame
    reports: pd.DataFrame
    incumbent: pd.DataFrame
    best_config: Config
    lineages: list[list[Stage]]
    test_scores: pd.DataFrame | None
    result_grid: ResultGrid | None
    overhead: float | None = None

    @property
    def lineage(self) -> list[Stage]:
        """The schedule behind the incumbent: one stage, or several of a population method."""
        return self.lineages[-1]

    @property
    def best_trial(self) -> int:
        """The number of the incumbent's trial."""
        return int(self.incumbent["trial"].iloc[-1])

    @property
    def best_value(self) -> float:
        """The metric of the incumbent, on the tuning seeds."""
        return float(self.incumbent["value"].iloc[-1])

    @property
    def test_value(self) -> float | None:
        """The mean of the metric over the test seeds, NaN if a training failed; None if there were no test seeds."""
        return None if self.test_scores is None else float(self.test_scores["value"].mean(skipna=False))


def check_name(problem: Problem, method: str, storage: str, name: str | None, *, resume: bool) -> str:
    """The study's name.

    Raises:
        ArgumentError: If it is taken, or shall be resumed and is not there.
    """
    if name is None:
        if resume:
            raise ArgumentError("`resume` needs `name`: which study shall go on")
        what = problem.trainable if isinstance(problem.trainable, str) else problem.trainable.__name__
        now = dt.datetime.now().astimezone()
        return f"{what.strip('<>')}-{method}-{now:%Y%m%d-%H%M%S-%f}"
    if not name or "/" in name:
        raise ArgumentError(f"`name` is {name!r}, but must be the name of a folder")
    there = engine.exists(storage, name)
    if resume and not there:
        raise ArgumentError(f"no study named {name!r} is in {storage}: leave out `resume` to start it")
    if there and not resume:
        raise ArgumentError(
            f"a study named {name!r} is in {storage} already: go on with it by `resume=True`, or choose another name"
        )
    folder = engine.local_folder(f"{storage}/{name}")
    if not resume and folder is not None and (folder / DECISIONS).exists():
        raise ArgumentError(f"a finished study named {name!r} is in {storage} already: choose another name")
    return name


def check_manifest(path: str, manifest: dict[str, Any], *, resume: bool) -> None:
    """Write the manifest of a new study, or compare it with that of the one to be resumed.

    Raises:
        ArgumentError: If an argument differs: the study would not be one.
    """
    folder = engine.local_folder(path)
    if folder is None:
        return
    place = folder / "study.json"
    if resume and place.exists():
        before = json.loads(place.read_text())
        for key, value in manifest.items():
            if before.get(key) != plain(value):
                raise ArgumentError(
                    f"`{key}` was {before.get(key)!r} when this study began and is {value!r} now: a study goes on with "
                    "the arguments that it began with"
                )
        return
    folder.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(manifest, indent=2, default=repr) + "\n")


def plain(value: Any) -> Any:
    """`value` as JSON would give it back."""
    return json.loads(json.dumps(value, default=repr))


def how_to_resume(storage: str, name: str) -> str:
    """What to tell after an interruption."""
    return (
        f"everything is saved. Go on with the same call and `resume=True, name={name!r}, storage_path={storage!r}` "
        f"(`raytune-suite run`: --resume --name {name} --storage-path {storage})"
    )


def check_outcome(log: StudyLog, found: list[Report], path: str) -> None:
    """Tell about failures.

    Raises:
        StudyError: If no trial has a usable result.
    """
    failed = [record for record in log.trials if record.error]
    if found:
        if failed:
            _logger.warning("%d of %d trials failed; their errors are in %s", len(failed), len(log.trials), path)
        return
    if failed:
        raise StudyError(
            f"all {len(failed)} trials that ended have failed, the first with {failed[0].error!r}; "
            f"the tracebacks are in {path}/*/error.txt"
        )
    if log.unmetered and not log.reports:
        raise StudyError(
            f"no trial has reported the metric {log.metric!r}{near(log.metric, log.unmetered)} "
            f"(reported: {', '.join(log.unmetered)})"
        )
    if log.wrong is not None:
        number, value = log.wrong
        raise StudyError(f"trial {number} reported {log.metric!r} as {value!r}, but a metric must be a number")
    if log.reports:
        raise StudyError(
            f"no trial has reported a finite {log.metric!r}: all {len(log.reports)} reports are NaN or infinite"
        )
    raise StudyError(f"no trial has reported anything before the study ended; its folder is {path}")


def write(result: StudyResult, decisions: DecisionLog | None) -> None:
    """Write the tables beside the study, if its folder is local."""
    folder = engine.local_folder(result.path)
    if folder is None:
        return
    result.reports.to_parquet(folder / "reports.parquet")
    result.incumbent.to_parquet(folder / "incumbent.parquet")
    if result.test_scores is not None:
        result.test_scores.to_parquet(folder / "test_scores.parquet")
    if decisions is not None:
        decisions.write(folder / DECISIONS)
