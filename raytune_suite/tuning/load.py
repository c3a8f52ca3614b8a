"""`load_study()`: the results of a study in its folder, whether it has finished, was interrupted or is running."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pandas as pd

from raytune_suite.engines.callbacks.reports import incumbents
from raytune_suite.engines.callbacks.stored_log import StoredReports, StoredTrials, from_stored
from raytune_suite.engines.stored_study import storage_errors
from raytune_suite.engines.study_lock import is_locked
from raytune_suite.errors import StudyError
from raytune_suite.spaces import Space
from raytune_suite.spaces.stored import from_json
from raytune_suite.tuning.result import FINISHED, INTERRUPTED, RUNNING, assemble
from raytune_suite.tuning.study_folder import StudyFolder
from raytune_suite.types import DECISIONS, Objective

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.tuning.result import StudyResult


def load_study(path: str | Path, *, storage_filesystem: Any = None) -> StudyResult:
    """Read the results of a study without resuming it or starting Ray.

    Args:
        path: The study's folder or URI, such as `result.path`.
        storage_filesystem: The file system of pyarrow or fsspec in which `path` is; None for a folder or URI.

    Returns:
        What `tune` returns, with the `status` of the study. If it has not finished, it has the reports so far (of a
        running study, up to half a second ago; in an object store, up to its last snapshot). Values of configs that
        JSON does not have are there as their `repr`. `result_grid` and `overhead` are None.

    Raises:
        StudyError: If there is no study, or what is stored is damaged.
    """
    folder = StudyFolder.at(path, storage_filesystem)
    with storage_errors(folder.files):
        folder.check_exists()
        manifest = folder.manifest()
        status = RUNNING if is_locked(folder.files) else FINISHED if folder.files.has(DECISIONS) else INTERRUPTED
        reports, trials = StoredReports.of(folder.files), StoredTrials.of(folder.files)
        return result_of(folder, manifest, reports, trials, test_scores=test_scores_in(folder), status=status)


def result_of(
    folder: StudyFolder,
    manifest: dict[str, Any],
    reports: StoredReports,
    trials: StoredTrials,
    *,
    test_scores: pd.DataFrame | None,
    status: str,
) -> StudyResult:
    """The result of a study from its journals.

    Args:
        folder: The study's folder.
        manifest: Its manifest.
        reports: Its reports.
        trials: Its trials.
        test_scores: One row per test seed, or None.
        status: See `StudyResult`.
    """
    objective = Objective(manifest["metric"], manifest["mode"], manifest["time_attr"], manifest["max_t"])
    log = from_stored(objective, reports, trials)
    return assemble(
        log,
        incumbents(log.reports, objective.mode),
        name=folder.name,
        path=folder.path,
        method=manifest["method"],
        test_scores=test_scores,
        has_seeds=bool(manifest["tuning_seeds"]),
        space=Space(from_json(manifest["space"])),
        status=status,
        storage_filesystem=folder.filesystem,
    )


def test_scores_in(folder: StudyFolder) -> pd.DataFrame | None:
    """The test scores that are stored, or None.

    Raises:
        StudyError: If their table is damaged.
    """
    if not folder.files.has("test_scores.parquet"):
        return None
    try:
        return pd.read_parquet(io.BytesIO(folder.files.read("test_scores.parquet")))
    except (ValueError, OSError) as error:  # pyarrow's errors of damaged files
        path = (folder.files / "test_scores.parquet").path
        raise StudyError(f"{path} is damaged ({error}): restore it from a backup, or remove it") from None
