"""Fast construction of Ray `Trial` objects for the simulator, in a twentieth of Ray's time.

For each trial Ray parses a command line, looks up the trainable in the cluster's key-value store and requests its
resources, which takes most of a millisecond. All trials of a study share the outcome, so Ray creates one of them, and
the others are copies with their own id, config and state.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from ray import tune
from ray.tune.experiment import Experiment, Trial
from ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter, Searcher, SearchGenerator
from ray.tune.utils import flatten_dict, merge_dicts

from raytune_suite.engines.simulated.finished_trial import FinishedTrial, TrialPacker, shallow_copy
from raytune_suite.errors import ArgumentError
from raytune_suite.spaces.values import copied

if TYPE_CHECKING:
    from collections.abc import Iterable


class PlaceholderTrainable(tune.Trainable):
    """The trainable of the trials of a simulated study. It is never instantiated."""


_Storage: Any = Experiment._storage_context_cls  # noqa: SLF001 - Ray has no public name for it


class _LocalStorage(_Storage):  # type: ignore[misc] # of type Any
    """Keeps all paths of a study in its folder; Ray's class puts some into the session folder of the cluster."""

    def _get_session_path(self) -> str:
        return str(self.experiment_fs_path)


class _LocalExperiment(Experiment):
    _storage_context_cls = _LocalStorage


def make_search(
    searcher: Any,
    *,
    space: dict[str, Any] | None,
    metric: str | None,
    mode: str | None,
    num_samples: int,
    max_failures: int,
    checkpoint_every: int,
    folder: str,
) -> Any:
    """Create the search algorithm of a study, wired as `tune.Tuner` does it.

    Args:
        searcher: A Ray searcher or search algorithm, or None for Ray's variant generator.
        space: What `param_space` is to `tune.Tuner`, or None.
        metric: The metric's name.
        mode: "min" or "max".
        num_samples: The maximum number of trials; -1 for no limit.
        max_failures: How often a crashed trial is retried.
        checkpoint_every: The number of reports from checkpoint to checkpoint; 0 for no regular checkpoints.
        folder: The folder for the files of the study.

    Raises:
        ArgumentError: If the searcher rejects the metric, the mode or the space.
    """
    search_alg = BasicVariantGenerator() if searcher is None else searcher
    if isinstance(search_alg, Searcher):
        search_alg = TrialGenerator(search_alg)
    elif isinstance(search_alg, BasicVariantGenerator):
        search_alg._uuid_prefix = "trial_"  # noqa: SLF001 - Ray derives it from the clock
    experiment = _LocalExperiment(
        "simulated",
        PlaceholderTrainable,
        config=space,
        num_samples=sys.maxsize if num_samples == -1 else num_samples,  # as `tune.run` does
        max_failures=max_failures,
        checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=checkpoint_every),
        storage_path=folder,
    )
    if space and not search_alg.set_search_properties(metric, mode, space, **experiment.public_spec):
        raise ArgumentError(
            f"the searcher rejects the space or the metric {metric!r} (mode {mode!r}), since it was created with "
            "others: pass them in one place only"
        )
    search_alg.add_configurations([experiment])
    _make_staging_folder(experiment)
    return search_alg


def move_storage(search_alg: Any, trials: Iterable[Trial], folder: str) -> None:
    """Let the files of a study that was unpickled lie in `folder`."""
    Experiment.register_if_needed(PlaceholderTrainable)
    experiment = getattr(search_alg, "_experiment", None)
    owner: Any
    for owner in [*trials, experiment, getattr(search_alg, "_template", None)]:
        if owner is not None and not isinstance(owner, FinishedTrial):  # which takes that of the template
            owner.storage.storage_fs_path = folder
    if experiment:
        _make_staging_folder(experiment)


def _make_staging_folder(experiment: Any) -> None:
    Path(experiment.storage.experiment_driver_staging_path).mkdir(parents=True, exist_ok=True)  # for a log of Ray's PBT


def pending_depth(search_alg: Any, workers: int) -> int:
    """The number of trials that Ray requests in advance: its `_get_max_pending_trials` without environment variable."""
    if isinstance(search_alg, BasicVariantGenerator):
        return max(200, int(workers * 1.1))
    searcher = getattr(search_alg, "searcher", None)
    while searcher is not None:
        if isinstance(searcher, ConcurrencyLimiter):
            return int(searcher.max_concurrent)
        searcher = getattr(searcher, "searcher", None)
    return 1


class _EmptySearcher(Searcher):
    """Proposes the empty config."""

    def suggest(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {}


@final
class TrialGenerator(SearchGenerator):
    """Ray's `SearchGenerator` with copied trials whose ids are numbers; the calls and their order are the same.

    As in Ray, each call of the searcher has a new id, even if it did not propose anything for the one before.

    Attributes:
        packer: Packs its trials once they have ended; None before the first trial.
    """

    def __init__(self, searcher: Searcher) -> None:
        super().__init__(searcher)
        self._suggestions = 0
        self._template: Trial | None = None
        self.packer: TrialPacker | None = None

    def create_trial_if_possible(self, experiment_spec: dict[str, Any]) -> Trial | None:
        """Request a config from the searcher and create its trial."""
        trial_id = f"{self._suggestions:08x}"
        self._suggestions += 1
        suggested: Any = self.searcher.suggest(trial_id)
        if suggested is None:
            return None
        if suggested == Searcher.FINISHED:
            self._finished = True
            return None
        config, fixed = copied(suggested), experiment_spec["config"]
        evaluated = (
            flatten_dict(suggested) if any(isinstance(value, dict) for value in suggested.values()) else suggested
        )
        if fixed:
            config = merge_dicts(fixed, config)
        self._counter += 1
        if self._template is None:
            self._template = self._make_template()
            self.packer = TrialPacker(self._template)
        return derive_trial(self._template, trial_id, config, dict(evaluated), str(self._counter))

    def get_state(self) -> dict[str, Any]:
        """What Ray saves, and the next id."""
        return {**super().get_state(), "suggestions": self._suggestions}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned."""
        super().set_state(state)
        self._suggestions = state["suggestions"]

    def _make_template(self) -> Trial:
        generator: Any = SearchGenerator(_EmptySearcher())
        generator.add_configurations([self._experiment])
        template: Trial = generator.next_trial()
        template.create_placement_group_factory()
        return template


def derive_trial(template: Trial, trial_id: str, config: dict[str, Any], evaluated: dict[str, Any], tag: str) -> Trial:
    """A pending trial that shares with `template` all that `Trial.__init__` would create equal."""
    trial: Trial = shallow_copy(template)
    metadata = shallow_copy(template.run_metadata)
    manager = shallow_copy(metadata.checkpoint_manager)
    manager.__dict__["_checkpoint_results"] = []
    metadata.__dict__.update(last_result={}, metric_analysis={}, metric_n_steps={}, checkpoint_manager=manager)
    trial.__dict__.update(
        trial_id=trial_id,
        temporary_state=type(template.temporary_state)(),
        run_metadata=metadata,
        storage=shallow_copy(template.storage),
        config=config,
        _Trial__unresolved_config=config,
        evaluated_params=evaluated,
        experiment_tag=tag,
    )
    return trial
