"""Trials without their price: real `Trial` objects for the simulated controller, in a twentieth of the time.

Ray parses a command line for each trial, looks its trainable up in the cluster's key-value store and asks it for its
resources, which takes most of a millisecond. All trials of a study agree in that, so one is made by Ray and the
others are copies of it with what is their own.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any, final

from ray import tune
from ray.tune.experiment import Experiment, Trial
from ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter, Searcher, SearchGenerator
from ray.tune.utils import flatten_dict, merge_dicts

from raytune_suite.errors import ArgumentError

_PLAIN = (bool, int, float, str, type(None))


class Simulated(tune.Trainable):
    """Stands for the trainable in the trials of a simulated study; nobody ever makes one."""


_Storage: Any = Experiment._storage_context_cls  # noqa: SLF001 - Ray has no public name for it


class _LocalStorage(_Storage):  # type: ignore[misc] # of type Any
    """Keeps all paths of a study within its folder; Ray's keeps some in the folder of a running cluster."""

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
    """The search algorithm of a study, wired as `tune.Tuner` does it.

    Args:
        searcher: A Ray searcher, a search algorithm of Ray's, or None for its variant generator.
        space: What `param_space` is to `tune.Tuner`, or None.
        metric: The metric's name.
        mode: "min" or "max".
        num_samples: The most trials; -1 for no limit.
        max_failures: How often a crashed trial is tried again.
        checkpoint_every: After how many reports a checkpoint is saved; 0 for never.
        folder: Where files of the study may lie.

    Raises:
        ArgumentError: If the searcher refuses metric, mode or space.
    """
    search_alg = BasicVariantGenerator() if searcher is None else searcher
    if isinstance(search_alg, Searcher):
        search_alg = TrialGenerator(search_alg)
    elif isinstance(search_alg, BasicVariantGenerator):
        search_alg._uuid_prefix = "trial_"  # noqa: SLF001 - Ray draws it from the clock
    experiment = _LocalExperiment(
        "simulated",
        Simulated,
        config=space,
        num_samples=sys.maxsize if num_samples == -1 else num_samples,  # as `tune.run` does
        max_failures=max_failures,
        checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=checkpoint_every),
        storage_path=folder,
    )
    if space and not search_alg.set_search_properties(metric, mode, space, **experiment.public_spec):
        raise ArgumentError(
            f"the searcher refuses the space or the metric {metric!r} ({mode!r}), since it was made with others: "
            "give them in one place only"
        )
    search_alg.add_configurations([experiment])
    Path(experiment.storage.experiment_driver_staging_path).mkdir()  # Ray's PBT writes a log there
    return search_alg


def pending_depth(search_alg: Any, workers: int) -> int:
    """How many trials Ray asks for in advance (its `_get_max_pending_trials`), its environment variable left out."""
    if isinstance(search_alg, BasicVariantGenerator):
        return max(200, int(workers * 1.1))
    searcher = getattr(search_alg, "searcher", None)
    while searcher is not None:
        if isinstance(searcher, ConcurrencyLimiter):
            return int(searcher.max_concurrent)
        searcher = getattr(searcher, "searcher", None)
    return 1


class _Blank(Searcher):
    """Proposes the empty config."""

    def suggest(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {}


@final
class TrialGenerator(SearchGenerator):
    """Ray's `SearchGenerator`: the same calls in the same order, but trials are copies, and their ids are numbers.

    As there, a searcher is asked with a fresh id each time, also where it had nothing to propose before.
    """

    def __init__(self, searcher: Searcher) -> None:
        super().__init__(searcher)
        self._asked = 0
        self._template: Trial | None = None

    def create_trial_if_possible(self, experiment_spec: dict[str, Any]) -> Trial | None:
        """Ask the searcher, and make a trial of what it proposes."""
        trial_id = f"{self._asked:08x}"
        self._asked += 1
        suggested: Any = self.searcher.suggest(trial_id)
        if suggested is None:
            return None
        if suggested == Searcher.FINISHED:
            self._finished = True
            return None
        config, given = own(suggested), experiment_spec["config"]
        evaluated = (
            flatten_dict(suggested) if any(isinstance(value, dict) for value in suggested.values()) else suggested
        )
        if given:
            config = merge_dicts(given, config)
        self._counter += 1
        if self._template is None:
            self._template = self._make_template()
        return derive(self._template, trial_id, config, dict(evaluated), str(self._counter))

    def _make_template(self) -> Trial:
        generator: Any = SearchGenerator(_Blank())
        generator.add_configurations([self._experiment])
        template: Trial = generator.next_trial()
        template.create_placement_group_factory()
        return template


def own(config: dict[str, Any]) -> dict[str, Any]:
    """A deep copy of `config`, which most often has plain values only."""
    for value in config.values():
        if not isinstance(value, _PLAIN):
            return copy.deepcopy(config)
    return dict(config)


def derive(template: Trial, trial_id: str, config: dict[str, Any], evaluated: dict[str, Any], tag: str) -> Trial:
    """A trial that is pending, with everything from `template` that `Trial.__init__` would make alike."""
    trial: Trial = _twin(template)
    metadata = _twin(template.run_metadata)
    manager = _twin(metadata.checkpoint_manager)
    manager.__dict__["_checkpoint_results"] = []
    metadata.__dict__.update(last_result={}, metric_analysis={}, metric_n_steps={}, checkpoint_manager=manager)
    trial.__dict__.update(
        trial_id=trial_id,
        temporary_state=type(template.temporary_state)(),
        run_metadata=metadata,
        storage=_twin(template.storage),
        config=config,
        _Trial__unresolved_config=config,
        evaluated_params=evaluated,
        experiment_tag=tag,
    )
    return trial


def _twin(thing: Any) -> Any:
    """A shallow copy, around slow `__setattr__` and `__getstate__`."""
    twin = object.__new__(type(thing))
    twin.__dict__.update(thing.__dict__)
    return twin
