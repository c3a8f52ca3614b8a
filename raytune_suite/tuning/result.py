"""`StudyResult`: what a study found."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray.tune import Checkpoint
from ray.tune.result import DEFAULT_METRIC as RETURNED

from raytune_suite.engines.callbacks.html_table import html_table
from raytune_suite.engines.callbacks.reports import incumbent_frame, incumbents
from raytune_suite.engines.storage import Folder
from raytune_suite.engines.stored_study import storage_errors
from raytune_suite.errors import AllTrialsFailedError, ArgumentError, StudyError, nearest
from raytune_suite.importance import judged_fidelities, study_importance
from raytune_suite.pages.formatting import format_value
from raytune_suite.plotting.study_data import StudyData, config_columns, ranked_trials
from raytune_suite.report.build import write_report
from raytune_suite.searchers import inbox
from raytune_suite.types import SEED, split_config

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from ray.tune import ResultGrid

    from raytune_suite.engines.base import Outcome, StudySpec
    from raytune_suite.engines.callbacks.reports import Report
    from raytune_suite.engines.callbacks.study_log import StudyLog
    from raytune_suite.spaces import Space
    from raytune_suite.types import Config, Stage

FINISHED, INTERRUPTED, RUNNING = "finished", "interrupted", "running"
"""The statuses of a study."""

SHORT = 3
"""If so many trainings ended before `max_t`, and none reached it, `max_t` is probably wrong."""

SHOWN_TRIALS = 10
"""Rows of the table in a notebook."""

SHOWN_PARAMETERS = 8
"""Columns of this table for hyperparameters."""

_logger = logging.getLogger("raytune_suite")


@dataclass(frozen=True, kw_only=True, repr=False)
class StudyResult(StudyData):
    """What a study found.

    Attributes:
        name: The study's name.
        path: The folder or URI in which it is stored.
        method: The method's name.
        metric: The metric's name.
        mode: "min" or "max".
        time_attr: The reported value that measures the resource.
        max_t: The maximum resource of a trial, or None.
        trials: One row per trial, indexed by its number: status (Ray's), outcome ("trained in full", "stopped early",
            "failed" or "unfinished"), stopped_early, resource, value (the last one), error, retried, config/..., and
            the other values of the last report.
        reports: One row per report: trial, resource, value, elapsed (seconds), cost (the study's so far), complete.
        incumbent: The rows of `reports` at which the incumbent changed; the last one is the result.
        best_config: The incumbent's config; with a population method, the config that it ended with.
        lineages: The schedule of configs behind each incumbent, one for each row of `incumbent`: one stage, or several
            with a population method.
        test_scores: One row per test seed (seed, value): the chosen config trained from scratch; None without seeds.
        result_grid: Ray's own result; None for a simulated study.
        overhead: The real seconds that decisions took in a simulated study; None on Ray.
        status: "finished", or, if it was read by `load_study`, perhaps "interrupted" or "running".
        space: The search space.
        configs: The config of each trial, by its number, as it was passed to the trainable.
        storage_filesystem: The file system of pyarrow in which `path` is; None for a folder or URI.
        dollars: What the study has cost in US dollars, without the final evaluation; None if no price is known.
    """

    path: str
    best_config: Config
    lineages: list[list[Stage]]
    result_grid: ResultGrid | None = None
    overhead: float | None = None
    status: str = FINISHED
    storage_filesystem: Any = None

    @property
    def files(self) -> Folder:
        """The files in the study's folder."""
        return Folder.at(self.path, self.storage_filesystem)

    @property
    def lineage(self) -> list[Stage]:
        """The schedule behind the incumbent: one stage, or several with a population method.

        Raises:
            StudyError: If no trial of an unfinished study has a usable result yet; the next two raise it, too.
        """
        self._check_incumbent()
        return self.lineages[-1]

    @property
    def best_trial(self) -> int:
        """The number of the incumbent's trial."""
        self._check_incumbent()
        return int(self.incumbent["trial"].iloc[-1])

    @property
    def best_checkpoint(self) -> Checkpoint | None:
        """The last checkpoint of the incumbent's trial; None if it saved none, as on the simulated clock."""
        self._check_incumbent()
        trial_id = str(self.trials.loc[self.best_trial, "trial_id"])
        folder = self.files
        for name in folder.names():
            if f"_{trial_id}_" in name or name.endswith(f"_{trial_id}"):
                saved = [each for each in (folder / name).names() if each.startswith("checkpoint_")]
                if saved:
                    latest = folder / name / max(saved)
                    system, path = latest.remote or (None, str(latest.local))
                    return Checkpoint(path, system)
        return None

    def enqueue(self, configs: Sequence[Config]) -> None:
        """Add configs to the study: one that runs trains them next, one that has ended when it is extended.

        Args:
            configs: Configs in which parameters may be missing, which are then drawn at random.

        Raises:
            ArgumentError: If a config is not a dict of JSON values.
            StudyError: If the study's storage cannot be written.
        """
        for config in configs:
            if not isinstance(config, dict):
                raise ArgumentError.invalid("configs", config, "a list of dicts")
        try:
            with storage_errors(self.files):
                inbox.put(self.files, configs)
        except TypeError as error:
            raise ArgumentError.invalid("configs", configs, "a list of dicts of JSON values", str(error)) from None

    @property
    def best_value(self) -> float:
        """The metric of the incumbent, on the tuning seeds."""
        self._check_incumbent()
        return float(self.incumbent["value"].iloc[-1])

    @property
    def test_value(self) -> float | None:
        """The mean metric over the test seeds, NaN if a training failed; None if there were no test seeds."""
        return None if self.test_scores is None else float(self.test_scores["value"].mean(skipna=False))

    def importance(
        self, *, by_fidelity: bool = False, quantile: float = 0.1, repetitions: int = 100, seed: int = 0
    ) -> pd.DataFrame:
        """How much each hyperparameter decides whether a config is among the best, by conditional PED-ANOVA.

        A conditional parameter is judged among the trials in which it is active. Trials are compared at the same
        resource: by default the highest one that at least 20 trials have reached. Trials that were stopped before are
        not judged there, so that a high fidelity compares promising configs only.

        Args:
            by_fidelity: Whether to judge all resources that at least 20 trials have reached.
            quantile: The share of trials that count as the best.
            repetitions: Samples of the bootstrap.
            seed: Seeds the bootstrap.

        Returns:
            One row per parameter, the most important first: fidelity (the resource), parameter, importance (they sum
            to 1 at each fidelity), low and high (90 % of the bootstrap samples), trials (in which it is active).

        Raises:
            ArgumentError: If `quantile` is not between 0 and 1.
        """
        fidelities = judged_fidelities(self.reports)
        return study_importance(
            self.space,
            self.configs,
            self.reports,
            self.mode,
            fidelities=fidelities if by_fidelity else fidelities[-1:],
            quantile=quantile,
            repetitions=repetitions,
            seed=seed,
        )

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write a page about the study: one HTML file without external resources, with all figures and the best trials.

        Args:
            path: The file; missing folders are created.

        Returns:
            The path of the page.

        Raises:
            MissingPackageError: If matplotlib or jinja2 is not installed.
        """
        return write_report(self, path, status=self.status)

    def __repr__(self) -> str:
        """The result in a line or two, as a console shows it; the tables are attributes."""
        best = (
            "no result yet"
            if self.incumbent.empty
            else f"best {self.metric} {self.best_value:.4g} with {self.best_config}"
        )
        return f"<StudyResult {self.name} ({self.method}, {self.status}): {len(self.trials)} trials, {best}>"

    def _repr_html_(self) -> str:
        """The result as notebooks show it: its best trials as a table."""
        names = config_columns(self)
        shown = ["outcome", "resource", "value", *names[:SHOWN_PARAMETERS]]
        best_trials = ranked_trials(self).head(SHOWN_TRIALS)
        rows = [[str(trial), *map(format_value, row[shown])] for trial, row in best_trials.iterrows()]
        best = "no result yet" if self.incumbent.empty else f"best {self.metric} {self.best_value:.4g}"
        test = "" if self.test_value is None else f", {self.test_value:.4g} on test seeds"
        columns = ["trial", "outcome", self.time_attr, self.metric, *(name.removeprefix("config/") for name in names)]
        heading = f"{self.name} ({self.method}, {self.status}): {best}{test}"
        return html_table(heading, columns[: len(shown) + 1], rows, f"{len(self.trials)} trials in {self.path}")

    def _check_incumbent(self) -> None:
        if self.incumbent.empty:
            raise StudyError(f"no trial of the study {self.path!r} has reported a finite {self.metric!r} yet")


def study_result(
    spec: StudySpec,
    outcome: Outcome,
    method: str,
    best: list[Report],
    test_scores: pd.DataFrame | None,
    *,
    space: Space,
) -> StudyResult:
    """Assemble the result of a study.

    Args:
        spec: The study.
        outcome: What the engine returned.
        method: The method's name.
        best: The reports at which the incumbent changed, at least one.
        test_scores: One row per test seed, or None.
        space: The search space.
    """
    result = assemble(
        outcome.log,
        best,
        name=spec.name,
        path=spec.path,
        method=method,
        test_scores=test_scores,
        has_seeds=bool(spec.seeds),
        space=space,
        storage_filesystem=spec.storage_filesystem,
        ended=True,
    )
    return dataclasses.replace(result, result_grid=outcome.result_grid, overhead=outcome.overhead)


def assemble(
    log: StudyLog,
    best: list[Report],
    *,
    name: str,
    path: str,
    method: str,
    test_scores: pd.DataFrame | None,
    has_seeds: bool,
    space: Space,
    status: str = FINISHED,
    storage_filesystem: Any = None,
    ended: bool = False,
) -> StudyResult:
    """The result of a study from its log, without what only its engine has.

    Args:
        log: The study's log.
        best: The reports at which the incumbent changed.
        name: The study's name.
        path: Its folder or URI.
        method: The method's name.
        test_scores: One row per test seed, or None.
        has_seeds: Whether the study has tuning seeds; otherwise a "seed" in a config is a hyperparameter.
        space: The search space.
        status: See `StudyResult`.
        storage_filesystem: The file system of pyarrow in which `path` is; None for a folder or URI.
        ended: Whether the log is complete, so that the result may share its memory.
    """
    objective = log.objective
    lineages = [log.lineage(report) for report in best]
    config = lineages[-1][-1].config if lineages else {}
    best_config = split_config(config).hyperparameters
    if SEED in config and not has_seeds:  # the user's own hyperparameter
        best_config[SEED] = config[SEED]
    return StudyResult(
        name=name,
        path=path,
        method=method,
        metric=objective.metric,
        mode=objective.mode,
        time_attr=objective.time_attr,
        max_t=objective.max_t,
        trials=log.trials_frame(),
        reports=log.reports_frame(shared=ended),
        incumbent=incumbent_frame(best),
        best_config=best_config,
        lineages=lineages,
        test_scores=test_scores,
        status=status,
        space=space,
        configs=log.configs,
        storage_filesystem=storage_filesystem,
        dollars=log.dollars,
    )


def check_outcome(log: StudyLog, study: Folder) -> list[Report]:
    """The reports at which the incumbent changed, at least one; warns if trials failed.

    Raises:
        StudyError: If no trial has a usable result (`AllTrialsFailedError` if each has failed).
    """
    best = incumbents(log.reports, log.objective.mode)
    failed = [record for record in log.trials if record.error and not record.retried]
    metric = log.objective.metric
    if best:
        _warn_if_short(log)
        if failed:
            _logger.warning("%d of %d trials failed%s", len(failed), len(log.trials), _tracebacks(study))
        return best
    if failed:
        raise AllTrialsFailedError(
            f"all {len(failed)} trials that ended have failed, the first with {failed[0].error!r}{_tracebacks(study)}"
        )
    if log.unmetered and not log.reports:
        raise StudyError(_unmetered(metric, log.unmetered))
    if log.wrong is not None:
        number, value = log.wrong
        raise StudyError(f"trial {number} reported {metric!r} as {value!r}, but a metric must be a number")
    if log.reports:
        raise StudyError(f"no trial reported a finite {metric!r}: all {len(log.reports)} reports are NaN or infinite")
    raise StudyError(
        f"no trial reported anything before the study ended: call `ray.tune.report({{{metric!r}: value}})` in the "
        f"trainable, at best after each epoch. The study's folder is {study.path}"
    )


def _warn_if_short(log: StudyLog) -> None:
    """Warn if trainings end by themselves, and none has ever reached `max_t`: its rungs and the budget mean nothing."""
    max_t, resource = log.objective.max_t, log.reports.view("resource")
    ended = int(log.reports.view("complete").sum())
    if max_t is not None and ended >= SHORT and resource.max() < max_t:
        _logger.warning(
            "no trial reached `max_t`=%d: %d trainings ended by themselves, at %s=%g or before. Set `max_t` to what a "
            "full training reaches, or train longer; otherwise `budget` counts trainings of a length that none has",
            max_t, ended, log.objective.time_attr, resource.max(),
        )  # fmt: skip


def _unmetered(metric: str, keys: list[str]) -> str:
    """What to do about trials that reported these keys, but not the metric."""
    start = f"no trial reported the metric {metric!r}"
    keys = [key for key in keys if not key.startswith("config/")]
    if RETURNED in keys:
        return f"{start}: the trainable returned a number, but must return a dict such as {{{metric!r}: value}}"
    match = nearest(metric, keys)
    return f"{start}{f': did you mean {match!r}?' if match else ''} (reported: {', '.join(keys)})"


def _tracebacks(study: Folder) -> str:
    """Where the tracebacks of failed trials are; a simulated study keeps none."""
    kept = study.local is None or any(study.local.glob("*/error.txt"))
    return f"; the tracebacks are in {(study / '*/error.txt').path}" if kept else ""
