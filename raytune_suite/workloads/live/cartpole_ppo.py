"""The workload "live/cartpole-ppo": proximal policy optimization of CartPole, trained in about six seconds.

Like the digits it can be saved and continued, and so serves every method, PBT included. `_ppo_training` does the
training; this file is its Ray side.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

from ray import tune

from raytune_suite.seeding import check_seed
from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.live.base import LiveTrainable

if TYPE_CHECKING:
    from raytune_suite.types import Config
    from raytune_suite.workloads.live.ppo_training import PPOTraining

TRANSITIONS, ROLLOUTS = 928, 2
"""Transitions of a rollout and rollouts of a unit in `_ppo_training`, here so that the cost model needs no torch."""


@final
class CartPolePPO(LiveTrainable):
    """Trains an actor and a critic by one unit, 1,856 environment steps, per step.

    A config holds lr, gamma, gae_lambda, clip, ent_coef, vf_coef, max_grad_norm, epochs, minibatch, and may hold a seed
    (0 where it is absent). All of them may differ between a checkpoint and the config that continues it.

    A step reports, after the unit: return (the mean of 16 episodes in which the likelier action is taken, whose starts
    depend on the seed alone; from about 9 to 500), and policy_loss, value_loss and entropy (means over the updates).
    The losses of a diverged training are NaN, its return is not.

    Raises:
        ArgumentError: If the config has no usable hyperparameter or seed.
        MissingPackageError: If torch or gymnasium is not installed.
    """

    training: PPOTraining

    def begin(self, config: Config) -> PPOTraining:
        """A training from scratch."""
        from raytune_suite.workloads.live.ppo_training import PPOHyperparameters, PPOTraining

        return PPOTraining(PPOHyperparameters.of(config), check_seed(config.get("seed", 0)))

    def step(self) -> dict[str, float]:
        """Train for one unit."""
        losses = self.training.run_unit()
        return {"return": self.training.judge()} | losses


def seconds_per_unit(config: Config) -> float:
    """The declared cost of one unit on one CPU core, its judging included.

    Fitted by us to twelve (epochs, minibatch) pairs (torch 2.13, a 2-core cloud machine), all within 5 %. How well the
    policy does is not part of it: judging takes from 11 to 51 ms, the longer the better it is, and 35 are reckoned.
    """
    updates = ROLLOUTS * config["epochs"] * math.ceil(TRANSITIONS / config["minibatch"])
    return float(6.8e-2 + 9.6e-4 * updates + 1.85e-3 * config["epochs"])


def cartpole_ppo() -> Workload:
    """Make the workload.

    27 units are 50,112 environment steps. The metric is the return of episodes apart from the training, without the
    noise of exploring: those of the training end rarely when the policy is good, and lag behind it. After one unit a
    policy that has hardly learnt may score 200 by luck, so that nothing is judged before the third. Its bounds are the
    longest episodes, 500, and about those of a policy that always pushes to the same side, 9 (9.3 on average).
    """
    space: dict[str, Any] = {
        "lr": tune.loguniform(1e-5, 1e-1),
        "gamma": tune.uniform(0.8, 0.9999),
        "gae_lambda": tune.uniform(0.8, 0.9999),
        "clip": tune.uniform(0.05, 0.5),
        "ent_coef": tune.loguniform(1e-5, 1e-1),
        "vf_coef": tune.uniform(0, 1),
        "max_grad_norm": tune.loguniform(1e-1, 1e1),
        "epochs": tune.lograndint(1, 11),
        "minibatch": tune.lograndint(64, 513),
    }
    return Workload(
        name="live/cartpole-ppo",
        summary="proximal policy optimization of CartPole; torch, gymnasium, CPU, 50,112 steps, two to eleven seconds",
        trainable=CartPolePPO,
        space=space,
        metric="return",
        mode="max",
        cost=seconds_per_unit,
        min_t=3,
        max_t=27,
        has_state=True,
        mutable=tuple(space),
        bounds=(500.0, 9.0),
        extra="rl",
    )
