"""The workload "live/cartpole-ppo": proximal policy optimization of CartPole, trained in about six seconds.

Like those of the digits, its trainings can be saved and continued, so it works with every method, including PBT. The
training is in `ppo_training`; this module wraps it for Ray.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

from ray import tune

from raytune_suite.seeding import check_seed
from raytune_suite.types import split_config
from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.live.base import LiveTrainable

if TYPE_CHECKING:
    from raytune_suite.types import Config
    from raytune_suite.workloads.live.ppo_training import PPOTraining

TRANSITIONS, ROLLOUTS = 928, 2
"""Transitions per rollout and rollouts per unit in `ppo_training`, repeated here so that the cost model needs no
torch."""


@final
class CartPolePPO(LiveTrainable):
    """Trains an actor and a critic for one unit, 1,856 environment steps, per step.

    A config has the entries lr, gamma, gae_lambda, clip, ent_coef, vf_coef, max_grad_norm, epochs and minibatch, and
    optionally a seed (by default 0). All of them may differ between a checkpoint and the config that continues it.

    After each unit, a step reports return (the mean over 16 episodes in which the more likely action is taken, and
    whose starts depend only on the seed; from about 9 to 500), policy_loss, value_loss and entropy (means over the
    updates). If the training diverges, the losses are NaN, but the return is not.

    Raises:
        ArgumentError: If a hyperparameter or the seed is invalid.
        MissingPackageError: If torch or gymnasium is not installed.
    """

    training: PPOTraining

    def new_training(self, config: Config) -> PPOTraining:
        """Create a training from scratch."""
        from raytune_suite.workloads.live.ppo_training import PPOHyperparameters, PPOTraining

        return PPOTraining(PPOHyperparameters.of(config), check_seed(split_config(config).seed))

    def step(self) -> dict[str, float]:
        """Train for one unit."""
        losses = self.training.run_unit()
        return {"return": self.training.evaluate()} | losses


def seconds_per_unit(config: Config) -> float:
    """Return the declared cost of one unit on one CPU core, including the evaluation.

    The model was fitted to measurements of twelve (epochs, minibatch) pairs (torch 2.13, a 2-core cloud machine), all
    within 5 %. It does not depend on the policy: the evaluation takes from 11 to 51 ms, longer for better policies, and
    the model includes 35 ms.
    """
    updates = ROLLOUTS * config["epochs"] * math.ceil(TRANSITIONS / config["minibatch"])
    return float(6.8e-2 + 9.6e-4 * updates + 1.85e-3 * config["epochs"])


def cartpole_ppo() -> Workload:
    """Create the workload.

    27 units are 50,112 environment steps. The metric is the return in separate evaluation episodes without exploration,
    because training episodes rarely end if the policy is good, and their returns lag behind it. After one unit, a
    policy that has hardly learned may reach 200 by chance; the least resource is therefore 3 units. The bounds are the
    return of the longest episodes, 500, and about that of a policy that always pushes to the same side, 9 (9.3 on
    average).
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
