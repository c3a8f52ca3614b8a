"""Train each config on several seeds in lockstep, and report the mean over the seeds as the trial's metric."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune

from raytune_suite.types import SEED, Curve, as_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.types import Config


def on_seeds(  # noqa: C901 - a class of eight short methods
    trainable: type[tune.Trainable], seeds: Sequence[int]
) -> type[tune.Trainable]:
    """Return a class trainable that trains one copy of `trainable` per seed in lockstep, and reports the means.

    Each copy receives its seed as `config["seed"]`. Each reported number is replaced by its mean over the seeds, and
    its standard deviation (with n in the denominator) is added as "NAME_std"; other values are those of the first
    copy. The trial is done when all copies are done. Copies
    of a `FusedTrainable` are fused.
    """
    together: Callable[[Sequence[Any]], None] | None = getattr(trainable, "advance_together", None)

    class OnSeeds(tune.Trainable):  # the name is set below
        @classmethod
        def default_resource_request(cls, config: dict[str, Any]) -> Any:
            return _with_workers(trainable.default_resource_request(config), len(seeds))

        def setup(self, config: dict[str, Any]) -> None:
            self._copies = [trainable({**config, SEED: seed}) for seed in seeds]
            self._results: list[dict[str, Any]] = [{} for _ in seeds]

        def step(self) -> dict[str, Any]:
            if together is not None:
                together(self._copies)
            for index, copy in enumerate(self._copies):
                if not self._results[index].get("done", False):  # a copy that is done keeps its last result
                    copy._iteration = self._iteration  # noqa: SLF001 - Ray's `train` counts it outside `step`
                    self._results[index] = copy.step()
            return {**mean(self._results), "done": all(result.get("done", False) for result in self._results)}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            for folder, copy in self._folders(checkpoint_dir):
                folder.mkdir()
                state = copy.save_checkpoint(str(folder))
                if isinstance(state, dict):
                    (folder / "state.pkl").write_bytes(pickle.dumps(state))

        def load_checkpoint(self, checkpoint: Any) -> None:
            for folder, copy in self._folders(checkpoint):
                state = folder / "state.pkl"
                saved: Any = pickle.loads(state.read_bytes()) if state.exists() else str(folder)  # noqa: S301 - ours
                copy.load_checkpoint(saved)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._results = [{} for _ in seeds]
            for copy, seed in zip(self._copies, seeds, strict=True):
                copy.config = {**new_config, SEED: seed}  # as Ray does before it calls `reset_config`
            return all(copy.reset_config(copy.config) for copy in self._copies)

        def cleanup(self) -> None:
            for copy in self._copies:
                copy.cleanup()

        def _folders(self, checkpoint_dir: str) -> list[tuple[Path, tune.Trainable]]:
            return [(Path(checkpoint_dir) / f"seed_{seed}", c) for seed, c in zip(seeds, self._copies, strict=True)]

    if together is not None:
        OnSeeds.advance_together = staticmethod(  # type: ignore[attr-defined]
            lambda trials: together([copy for trial in trials for copy in trial._copies])  # noqa: SLF001 - of this class
        )
    for name in ("reset_config", "save_checkpoint", "load_checkpoint"):
        if getattr(trainable, name) is getattr(tune.Trainable, name):
            setattr(OnSeeds, name, getattr(tune.Trainable, name))  # so that Ray sees that it is not supported
    OnSeeds.__name__ = OnSeeds.__qualname__ = f"{trainable.__name__}OnSeeds"
    return OnSeeds


def _with_workers(request: Any, copies: int) -> Any:
    """The resources of this many copies of a trial, which train in one process, and have their workers each.

    The workers of all copies share bundles, since a copy may choose bundles by their index, as those of RLlib do.
    """
    if not isinstance(request, tune.PlacementGroupFactory):
        return request
    head, first = ({}, 0) if request.head_bundle_is_empty else (request.bundles[0], 1)
    workers = [{name: amount * copies for name, amount in bundle.items()} for bundle in request.bundles[first:]]
    return tune.PlacementGroupFactory([head, *workers], strategy=request.strategy)


def mean_curve(curve: Callable[[Config, int], Curve], seeds: Sequence[int]) -> Callable[[Config, int], Curve]:
    """Return a curve function with the mean of each metric over the seeds, and the sum of the seconds.

    It is the counterpart of `on_seeds` for curves, with bitwise equal means. The new function ignores its seed.
    """

    def averaged(config: Config, _seed: int) -> Curve:
        curves = [curve(config, seed) for seed in seeds]
        metrics = {
            name: np.array([math.fsum(values) / len(values) for values in zip(*columns, strict=True)])
            for name in curves[0].metrics
            for columns in [[one.metrics[name].tolist() for one in curves]]
        }
        return Curve(curves[0].resource, metrics, np.sum([one.seconds for one in curves], axis=0))

    return averaged


def mean(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The means and standard deviations of the numbers in `results`; NaN if only some have the number.

    Example:
        >>> mean([{"loss": 1.0, "note": "a"}, {"loss": 3.0, "note": "b"}])
        {'loss': 2.0, 'loss_std': 1.0, 'note': 'a'}
    """
    combined: dict[str, Any] = {}
    for name in dict.fromkeys(key for result in results for key in result):
        numbers = [as_number(result.get(name)) for result in results]
        known = [number for number in numbers if number is not None]
        if len(known) < len(results):
            combined[name] = math.nan if known else results[0].get(name)
            continue
        combined[name] = math.fsum(known) / len(known)
        combined[f"{name}_std"] = math.sqrt(math.fsum((x - combined[name]) ** 2 for x in known) / len(known))
    return combined
