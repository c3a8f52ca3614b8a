"""Warm start: a searcher learns from the trials of earlier studies before it proposes its first config."""

from __future__ import annotations

import logging
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.engines.callbacks.stored_log import StoredReports, StoredTrials, from_stored
from raytune_suite.engines.extension import known_trials
from raytune_suite.engines.stored_study import storage_errors
from raytune_suite.errors import ArgumentError, SpaceError, StudyError
from raytune_suite.searchers import SEARCHERS, AskTellSearcher
from raytune_suite.tuning.result import StudyResult
from raytune_suite.tuning.study_folder import StudyFolder
from raytune_suite.types import FIDELITY, SEED, Objective

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raytune_suite.methods import Method
    from raytune_suite.spaces import Space
    from raytune_suite.types import KnownTrial

_logger = logging.getLogger("raytune_suite")


def sources(warm_start: Sequence[StudyResult | str | Path]) -> tuple[StudyFolder, ...]:
    """The folders of the studies to learn from.

    Raises:
        ArgumentError: If one is neither a result nor a path.
    """
    for source in warm_start:
        if not isinstance(source, StudyResult | str | Path):
            raise ArgumentError.invalid("warm_start", source, "a list of results, or of paths of studies")
    return tuple(
        StudyFolder.at(source.path, source.storage_filesystem)
        if isinstance(source, StudyResult)
        else StudyFolder.at(source)
        for source in warm_start
    )


def learn_from(studies: Sequence[StudyFolder], method: Method, space: Space, objective: Objective) -> None:
    """Let the searcher of a method learn from the trials of studies; what does not fit is logged as a warning.

    Raises:
        ArgumentError: If the searcher does not learn from other trials, or a study has another metric or mode.
        StudyError: If there is no such study, or it is damaged.
    """
    searcher = method.searcher
    if not isinstance(searcher, AskTellSearcher) or not searcher.learns:
        able = ", ".join(name for name in SEARCHERS if SEARCHERS[name].learns)
        raise ArgumentError(
            f"`warm_start` has no effect on the method {method.name!r}, whose searcher does not learn from other "
            f"trials: use one of the searchers {able}, such as method='bohb'"
        )
    for study in studies:
        searcher.learn(_fitting(study, space, objective))


def _fitting(folder: StudyFolder, space: Space, objective: Objective) -> list[KnownTrial]:
    """The trials of a study that fit into a space."""
    path, name = folder.path, folder.name
    with storage_errors(folder.files):
        if not folder.files.names():
            raise StudyError(f"`warm_start` has {path!r}, where there is no study")
        manifest = folder.manifest()
        for key, now in {"metric": objective.metric, "mode": objective.mode}.items():
            if manifest[key] != now:
                raise ArgumentError(
                    f"`warm_start` has the study {path!r} with {key}={manifest[key]!r}, but this study has {now!r}"
                )
        theirs = Objective(manifest["metric"], manifest["mode"], manifest["time_attr"], manifest["max_t"])
        log = from_stored(theirs, StoredReports.of(folder.files), StoredTrials.of(folder.files))
    added = {FIDELITY, *([SEED] if manifest["tuning_seeds"] else [])}
    fitting, dropped, misfits = [], Counter[str](), Counter[str]()
    trials = [trial for trial in known_trials(log, path) if trial.reports]  # not `name`, which two may share
    for trial in trials:
        known = {key: value for key, value in trial.config.items() if key in space.param_space and key not in added}
        dropped.update(key for key in trial.config if key not in space.param_space and key not in added)
        try:
            fitting.append(trial._replace(config=space.complete(known)))
        except SpaceError as error:
            named = re.search(r"'([^']+)'", str(error))
            misfits[named[1] if named else str(error)] += 1
    _report(name, len(fitting), len(trials), dropped, misfits)
    return fitting


def _report(name: str, fitting: int, count: int, dropped: Counter[str], misfits: Counter[str]) -> None:
    """Log what is learned from a study."""
    parts = [f"warm start: learns from {fitting} of {count} trials of {name!r}"]
    if misfits:
        parts.append(f"{sum(misfits.values())} do not fit the space: {_counted(misfits)}")
    if dropped:
        parts.append(f"parameters that this space does not have are ignored: {_counted(dropped)}")
    _logger.log(logging.WARNING if misfits or dropped else logging.INFO, "%s", "; ".join(parts))


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name!r} ({count})" for name, count in counts.most_common())
