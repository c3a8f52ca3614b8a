"""RLlib in a trial: an `AlgorithmConfig` with Ray Tune's domains in it becomes a trainable and its search space."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ray import tune
from ray.tune.search.sample import Domain
from ray.tune.utils import flatten_dict

from raytune_suite.errors import ArgumentError
from raytune_suite.types import ADDED_BY_RAY, FIDELITY

if TYPE_CHECKING:
    from raytune_suite.types import Config


def trainable_and_space(config: Any) -> tuple[type[tune.Trainable], dict[str, Any]]:
    """Return the first two arguments of `rts.tune` for an algorithm of RLlib.

    The space has only what `config` leaves open, so that the configs of the study are short. Each iteration of the
    algorithm is a report, with nested results named like "env_runners/episode_return_mean". A trial occupies what the
    algorithm requests, unless `rts.tune` has `resources`, and continues from RLlib's checkpoints.

    Args:
        config: An `AlgorithmConfig` such as `PPOConfig().environment("CartPole-v1").training(lr=tune.loguniform(...))`.
            Domains may also be in its dicts, such as `env_config` and `model_config`.

    Raises:
        ArgumentError: If it is not an `AlgorithmConfig` of an algorithm, or has no domain.
    """
    from ray.rllib.algorithms import AlgorithmConfig

    if not isinstance(config, AlgorithmConfig) or config.algo_class is None:
        raise ArgumentError.invalid("config", config, "an AlgorithmConfig of an algorithm, such as PPOConfig()")
    fixed = config.to_dict()
    space: dict[str, Any] = _open(fixed) or {}
    if not space:
        raise ArgumentError("`config` has no domain of ray.tune: add at least one, as in `config.training(lr=...)`")
    return _trainable(config, fixed), space


def _trainable(config: Any, fixed: Config) -> type[tune.Trainable]:
    """Return a trainable that fills in `config`, whose dict is `fixed`, and trains its algorithm."""

    def complete(hyperparameters: Config) -> Any:
        chosen = {name: _merged(fixed.get(name), value) for name, value in hyperparameters.items() if name != FIDELITY}
        return config.copy(copy_frozen=False).update_from_dict(chosen)

    class AlgorithmTrainable(tune.Trainable):
        @classmethod
        def default_resource_request(cls, config: Config) -> Any:
            completed = complete(config)
            return completed.algo_class.default_resource_request(completed.to_dict())

        def setup(self, config: Config) -> None:
            completed = complete(config)
            self._algorithm = completed.algo_class(completed, storage=self._storage)

        def step(self) -> dict[str, Any]:
            return _reported(self._algorithm.train())

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            self._algorithm.save_checkpoint(checkpoint_dir)

        def load_checkpoint(self, checkpoint: Any) -> None:
            self._algorithm.load_checkpoint(checkpoint)
            _set_learning_rates(self._algorithm)

        def reset_config(self, new_config: Config) -> bool:
            self._algorithm.stop()
            self.setup(new_config)
            return True

        def cleanup(self) -> None:
            self._algorithm.stop()

    AlgorithmTrainable.__name__ = AlgorithmTrainable.__qualname__ = config.algo_class.__name__
    return AlgorithmTrainable


def _reported(result: dict[str, Any]) -> dict[str, Any]:
    """A flat copy of RLlib's result, without what Ray Tune adds, and without NaN.

    RLlib reports NaN as the mean of no values, such as the return of an iteration in which no episode has ended. In a
    study, NaN is the result of a training that has failed.
    """
    flat = flatten_dict({key: value for key, value in result.items() if key not in ADDED_BY_RAY})
    return {key: value for key, value in flat.items() if not (isinstance(value, float) and math.isnan(value))}


def _set_learning_rates(algorithm: Any) -> None:
    """Give the optimizers the learning rates of the config: after a checkpoint is loaded, they have the checkpoint's.

    RLlib does that itself only after it has trained an iteration.
    """
    from ray.rllib.core.learner import Learner
    from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

    if not algorithm.config.enable_rl_module_and_learner:
        return
    sampled = algorithm.metrics.peek((ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME), default=0)
    timesteps = {NUM_ENV_STEPS_SAMPLED_LIFETIME: sampled}
    algorithm.learner_group.foreach_learner(
        lambda learner: Learner.after_gradient_based_update(learner, timesteps=timesteps)
    )


def _open(value: Any) -> Any:
    """The part of a (nested) dict that has domains; None if there are none."""
    if isinstance(value, Domain) or (isinstance(value, dict) and value.keys() == {"grid_search"}):
        return value
    if isinstance(value, dict):
        found = {key: _open(child) for key, child in value.items()}
        return {key: child for key, child in found.items() if child is not None} or None
    if isinstance(value, (list, tuple)) and any(_open(child) is not None for child in value):
        return value  # which the space rejects, with an explanation
    return None


def _merged(fixed: Any, chosen: Any) -> Any:
    """A nested dict, with what was chosen in place of the domains."""
    if isinstance(fixed, dict) and isinstance(chosen, dict) and fixed.keys() != {"grid_search"}:
        return {**fixed, **{key: _merged(fixed.get(key), value) for key, value in chosen.items()}}
    return chosen
