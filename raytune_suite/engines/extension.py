"""The extension of a finished study: it continues from the state in which a limit ended it, with higher limits.

When a limit ends a study, the state just before that is stored in `extension/` of the study's folder, in the format of
a snapshot. A study that ended by itself is extended from its last state. To extend a study, this state becomes its last
snapshot again, together with what is to change (`Change`); then it is resumed as after a kill. So an extension that is
killed and resumed makes the same decisions.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from ray.tune.experiment import Trial

from raytune_suite.engines import snapshots
from raytune_suite.engines.callbacks.stop_rules import RegretBound, renewed
from raytune_suite.engines.callbacks.stored_log import raise_max_t
from raytune_suite.engines.snapshots import SnapshotWriter
from raytune_suite.engines.stored_study import MANIFEST
from raytune_suite.errors import StudyError
from raytune_suite.searchers import AskTellSearcher
from raytune_suite.types import FAILED, FIDELITY, KnownTrial, as_loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ray.tune import Stopper

    from raytune_suite.engines.base import StudySpec
    from raytune_suite.engines.callbacks.budget import StudyStopper
    from raytune_suite.engines.callbacks.study_log import StudyLog
    from raytune_suite.engines.snapshots import Generation
    from raytune_suite.engines.storage import Folder
    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.types import Config

FOLDER = "extension"
"""The folder of the state from which a finished study is extended, in that of the study."""

CHANGE = "change.json"
"""The file in a snapshot that says what changes when the study is resumed from it."""

_logger = logging.getLogger("raytune_suite")


@dataclass(frozen=True)
class Change:
    """What changes in an extended study besides its limits.

    Attributes:
        retry: Whether failed trials run again.
        space: Whether the space has grown.
        stop: Whether the stop rules are others.
        max_t: Whether the maximum resource of a trial is higher.
    """

    retry: bool = False
    space: bool = False
    stop: bool = False
    max_t: bool = False

    def after(self, other: Change | None) -> Change:
        """This change and another one that was prepared before it, but never applied."""
        if other is None:
            return self
        return Change(**{name: value or getattr(other, name) for name, value in asdict(self).items()})


def keep(study: Folder, files: Mapping[str, bytes], covers: Mapping[str, Any]) -> None:
    """Store the state in which a study ended; the arguments are those of `SnapshotWriter.write`.

    If that fails, a warning says that the study cannot be extended.
    """
    try:
        SnapshotWriter(study / FOLDER).write(files, covers)
    except OSError as error:
        _logger.warning("the state of the study cannot be stored in %s: %s. It cannot be extended", study.path, error)


def forget(study: Folder) -> None:
    """Remove the stored state.

    Raises:
        OSError: If that fails.
    """
    snapshots.clear(study / FOLDER)


def base(study: Folder) -> Generation | None:
    """The state from which a study can be extended, whether it has finished or not; None if there is none."""
    return snapshots.latest(study / FOLDER).snapshot or snapshots.latest(study).snapshot


def prepare(study: Folder, manifest: bytes, change: Change) -> None:
    """Make the state from which a study is extended its last snapshot, with the new manifest.

    A kill in between harms nothing: the extension can be prepared again.

    Raises:
        StudyError: If there is no such state.
        OSError: If it cannot be read or written.
    """
    state = base(study)
    if state is None:
        raise StudyError(f"the study {study.path!r} cannot be extended: the state in which it ended was not stored")
    last = snapshots.latest(study).snapshot
    files = {**state.files, MANIFEST: manifest, CHANGE: json.dumps(asdict(change.after(change_of(state)))).encode()}
    SnapshotWriter(study, None if last is None else last.number).write(files, state.covers)


def change_of(generation: Generation) -> Change | None:
    """What changes when a study is resumed from a snapshot; None if it is resumed as it was."""
    content = generation.files.get(CHANGE)
    return None if content is None else Change(**json.loads(content))


def apply(
    spec: StudySpec, change: Change | None, *, search_alg: Any, stopper: StudyStopper, scheduler: Any, log: StudyLog
) -> None:
    """Give a study that is resumed its limits, which may be higher than before, and apply a change.

    Args:
        spec: The study as it is resumed.
        change: What changes; None if nothing does.
        search_alg: Ray's `SearchGenerator`, as it was stored; it counts the trials.
        stopper: What ends the study, as it was stored.
        scheduler: The scheduler, whose state has been loaded.
        log: The study's log, as it was stored.
    """
    stopper.update(spec.budget, spec.time_limit, _rules(spec, change, stopper, log))
    searcher: Any = search_alg.searcher
    while hasattr(searcher, "searcher"):
        searcher = searcher.searcher
    again = sum(record.retried for record in log.trials)
    if isinstance(searcher, AskTellSearcher):
        again += searcher.retrained
    search_alg._total_samples = sys.maxsize if spec.num_samples is None else spec.num_samples + again  # noqa: SLF001 - there is no public way
    if isinstance(searcher, AskTellSearcher):
        searcher.watch(spec.files)  # which may have been moved
    if change is None:
        return
    if change.max_t:
        searcher = _raise_max_t(search_alg, searcher, scheduler, spec, log)
    elif change.space and isinstance(searcher, AskTellSearcher):
        searcher = _replaced(search_alg, searcher, spec, log)
    if change.retry and isinstance(searcher, AskTellSearcher):
        configs = log.retry_failed()
        searcher.enqueue([_proposed(config) for config in configs])
        search_alg._total_samples = min(search_alg._total_samples + len(configs), sys.maxsize)  # noqa: SLF001 - as above
        search_alg._finished = False  # noqa: SLF001 - as above; the searcher may have been stopped after crashes
        scheduler.forget_crashes()


def _rules(spec: StudySpec, change: Change | None, stopper: StudyStopper, log: StudyLog) -> Sequence[Stopper] | None:
    """The stop rules of an extended study; None if they are as they were."""
    if change is None or not (change.stop or change.max_t or change.space):
        return None
    # They may count full trainings.
    rules = spec.stop if change.stop or change.max_t else renewed(stopper.rules, spec.stop)
    for rule in rules:
        if isinstance(rule, RegretBound):
            for report in log.reports:
                loss = as_loss(report.value, log.objective.mode)
                trial_id = log.trials[report.trial].trial_id
                rule.add(trial_id, log.configs[report.trial], report.resource, loss)
    return rules


def _raise_max_t(
    search_alg: Any, searcher: AskTellSearcher, scheduler: StudyScheduler, spec: StudySpec, log: StudyLog
) -> AskTellSearcher:
    """Raise the `max_t` of a study; returns its searcher, which is a new one.

    Trials that were trained to the one before have no state any more. The configs of the best of them, as many as would
    be promoted, are trained again from the start, as new trials.
    """
    max_t = spec.objective.max_t
    assert max_t is not None  # noqa: S101 - it was raised
    trials = _own_trials(log, spec.name)
    complete = raise_max_t(log, max_t)
    eta = scheduler.raise_max_t(spec.scheduler, trials)
    fresh: Any = spec.searcher
    fresh.levels = None if fresh.levels is None else scheduler.levels
    new = _replaced(search_alg, searcher, spec, log)
    losses = {number: trials[number].reports[-1][1] for number in complete}
    best = [number for number in sorted(complete, key=losses.__getitem__) if losses[number] != FAILED]
    again = best[: math.ceil(len(complete) / eta)]
    configs = [_proposed(log.configs[number]) for number in again]
    new.enqueue(configs)
    new.retrained += len(configs)
    search_alg._total_samples = min(search_alg._total_samples + len(configs), sys.maxsize)  # noqa: SLF001 - there is no public way
    return new


def _proposed(config: Config) -> Config:
    """What to propose to train a config again: the same, with its training seed, but without its assigned fidelity."""
    return {key: value for key, value in config.items() if key != FIDELITY}


def _replaced(search_alg: Any, old: AskTellSearcher, spec: StudySpec, log: StudyLog) -> AskTellSearcher:
    """Put the searcher of the larger space in place of the old one; returns it."""
    new: Any = spec.searcher
    holder = search_alg
    while holder.searcher is not old:
        holder = holder.searcher
    new.take_over(old, _own_trials(log, spec.name))
    holder.searcher = new
    search_alg._finished = False  # noqa: SLF001 - there is no public way; there may be more configs now
    return cast("AskTellSearcher", new)


def _own_trials(log: StudyLog, name: str) -> list[KnownTrial]:
    """The trials of a study, named by their ids: those that continue are no other trials than before."""
    trials = known_trials(log, name)
    return [trial._replace(name=record.trial_id) for trial, record in zip(trials, log.trials, strict=True)]


def known_trials(log: StudyLog, name: str) -> list[KnownTrial]:
    """The trials of a study, as a searcher learns from them; `name` is one that no other study has."""
    reports: dict[int, list[tuple[float, float]]] = {}
    for report in log.reports:
        reports.setdefault(report.trial, []).append((report.resource, as_loss(report.value, log.objective.mode)))
    trials = []
    for number, record in enumerate(log.trials):
        own = reports.get(number, [])
        if record.error and not record.retried:
            own = [*own, (own[-1][0] if own else 0.0, FAILED)]
        ended = record.status in (Trial.TERMINATED, Trial.ERROR)
        trials.append(KnownTrial(f"{name}:{number}", log.configs[number], own, ended))
    return trials
