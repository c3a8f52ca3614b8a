"""An `AlgorithmConfig` becomes a trainable and a space, and checkpoints continue a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ray import tune
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.algorithms.ppo import PPOConfig

import raytune_suite as rts
from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.integrations.rllib import trainable_and_space
from raytune_suite.spaces import Space

if TYPE_CHECKING:
    from pathlib import Path

METRIC = "env_runners/episode_return_mean"


def small(**training: Any) -> Any:
    sizes = {"train_batch_size_per_learner": 200, "minibatch_size": 100, "num_epochs": 1}
    return PPOConfig().environment("CartPole-v1").env_runners(num_env_runners=0).training(**{**sizes, **training})


def test_the_space_has_what_the_config_leaves_open() -> None:
    config = small(lr=tune.loguniform(1e-4, 1e-2), lambda_=tune.uniform(0.9, 1))
    config.rl_module(model_config={"fcnet_hiddens": tune.choice([[8], [8, 8]]), "fcnet_activation": "relu"})
    trainable, space = trainable_and_space(config)
    assert trainable.__name__ == "PPO"
    assert Space(space).names == ("lr", "_model_config/fcnet_hiddens", "lambda")


@pytest.mark.parametrize(
    "config",
    [{"lr": tune.uniform(0, 1)}, PPOConfig, AlgorithmConfig(), small()],
    ids=["dict", "class", "any", "closed"],
)
def test_what_is_not_an_open_config_is_rejected(config: Any) -> None:
    with pytest.raises(ArgumentError, match="config"):
        trainable_and_space(config)


def test_a_config_in_place_of_a_space_is_rejected_with_the_remedy() -> None:
    config: Any = small(lr=tune.uniform(0, 1))
    with pytest.raises(ArgumentError, match="trainable_and_space"):
        rts.tune("PPO", config, metric=METRIC, mode="max")


def test_a_domain_in_a_list_is_rejected_by_the_space() -> None:
    _, space = trainable_and_space(small(lr=[[0, tune.uniform(0, 1)], [100, 0.0]]))
    with pytest.raises(SpaceError, match="lr"):
        Space(space)


@pytest.mark.usefixtures("ray_session")
def test_a_training_continues_from_a_checkpoint_with_another_learning_rate(tmp_path: Path) -> None:
    config = small(lr=tune.loguniform(1e-4, 1e-2))
    config.rl_module(model_config={"fcnet_hiddens": [8], "fcnet_activation": tune.choice(["relu", "tanh"])})
    trainable, _ = trainable_and_space(config)
    choice = {"_model_config": {"fcnet_activation": "relu"}, "seed": 0}
    trial: Any = trainable({"lr": 1e-2, **choice})
    assert trial.step()[METRIC] > 0
    trial.save_checkpoint(str(tmp_path))
    saved = weights(trial)
    assert trial.reset_config({"lr": 0.0, **choice})
    assert weights(trial) != saved
    trial.load_checkpoint(str(tmp_path))
    result = trial.step()
    assert result["num_env_steps_sampled_lifetime"] == 400
    assert result["learners/default_policy/default_optimizer_learning_rate"] == 0
    assert weights(trial) == saved
    trial.cleanup()


@pytest.mark.usefixtures("ray_session")
def test_each_seed_of_a_trial_has_its_env_runners(tmp_path: Path) -> None:
    config = small(lr=tune.loguniform(1e-4, 1e-2)).env_runners(num_env_runners=2, num_cpus_per_env_runner=0.25)
    trainable, space = trainable_and_space(config)
    result = rts.tune(
        trainable,
        space,
        metric=METRIC,
        mode="max",
        method="random",
        max_t=1,
        num_samples=1,
        tuning_seeds=[0, 1],
        test_seeds=[],
        storage_path=tmp_path,
        progress=False,
    )
    assert result.trials["outcome"].tolist() == ["trained in full"]
    assert f"{METRIC}_std" in result.trials


@pytest.mark.usefixtures("ray_session")
def test_an_iteration_without_an_episode_that_ends_reports_no_return() -> None:
    config = small(lr=tune.uniform(0, 1), train_batch_size_per_learner=100).environment("Pendulum-v1")
    trainable, _ = trainable_and_space(config)
    trial: Any = trainable({"lr": 1e-3, "seed": 0})
    assert [METRIC in trial.step() for _ in range(4)] == [False, True, False, True]
    trial.cleanup()


def weights(trial: Any) -> dict[str, list[float]]:
    module = trial._algorithm.get_module()
    return {name: values.flatten().tolist() for name, values in module.get_state().items()}
