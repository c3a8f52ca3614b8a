"""Tune PPO of RLlib: an `AlgorithmConfig` with Ray Tune's domains is the search space."""

from __future__ import annotations

import sys

from ray import tune
from ray.rllib.algorithms.ppo import PPOConfig

import raytune_suite as rts
from raytune_suite.integrations.rllib import trainable_and_space

ITERATIONS = 2

if __name__ == "__main__":
    config = (
        PPOConfig()
        .environment("CartPole-v1")
        .env_runners(num_env_runners=0)
        .training(
            lr=tune.loguniform(1e-4, 1e-2),
            lambda_=tune.uniform(0.9, 1.0),
            train_batch_size_per_learner=500,
            minibatch_size=100,
            num_epochs=4,
        )
    )
    method = sys.argv[1] if len(sys.argv) > 1 else "asha"
    result = rts.tune(
        *trainable_and_space(config),
        metric="env_runners/episode_return_mean",
        mode="max",
        max_t=ITERATIONS,
        method=method,
        num_samples=2,
    )
    print(f"best {result.best_value:.3f} with {result.best_config}")
