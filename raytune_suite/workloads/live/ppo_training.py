"""The training of "live/cartpole-ppo": proximal policy optimization on gymnasium's vector CartPole, independent of Ray.

Every random draw, including those of the environment, comes from a generator that is derived from the seed, its purpose
and the unit. Hence no generator has to be saved, a restored training continues bit for bit, and the global generators
of the process are not used.

Sources: Schulman et al. 2017, "Proximal Policy Optimization Algorithms" (arXiv 1707.06347); Huang et al. 2022, "The 37
Implementation Details of Proximal Policy Optimization", of which this follows details 2 (orthogonal weights), 3 (Adam's
epsilon), 5 (generalized advantages), 6 (minibatches), 7 (normalized advantages, here over a whole rollout, so that a
minibatch may be small), 8 (clipped surrogate), 10 (entropy), 11 (clipped gradient) and 13 (separate networks). It does
not follow 4 (the learning rate is not annealed, since a training must not depend on how far it will be continued) and 9
(the value loss is not clipped).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raytune_suite.optional import require
from raytune_suite.seeding import derive, stream
from raytune_suite.workloads.live.hyperparameters import checked_values

if TYPE_CHECKING:
    import torch
    from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
    from torch import Tensor
    from torch.nn import functional

    from raytune_suite.types import Config
else:
    torch = require("torch", extra="rl")
    functional = require("torch.nn.functional", extra="rl")
    CartPoleVectorEnv = require("gymnasium.envs.classic_control.cartpole", extra="rl").CartPoleVectorEnv

STREAM = "cartpole-ppo"
ENVIRONMENTS, ROLLOUT, ROLLOUTS = 8, 116, 2
"""The number of parallel environments, their steps per rollout, and the rollouts per unit: 1,856 environment steps."""
EPISODES, LONGEST = 16, 500
"""The number of episodes in an evaluation, and the largest number of steps of an episode."""
HIDDEN, OBSERVED, ACTIONS = 64, 4, 2

SHAPES = [
    shape
    for outputs in (ACTIONS, 1)
    for rows, columns in ((HIDDEN, OBSERVED), (HIDDEN, HIDDEN), (outputs, HIDDEN))
    for shape in ((rows, columns), (rows,))
]
"""The shapes of the weights and biases of the actor's three layers, then of the critic's."""

RANGES: dict[str, tuple[float, float]] = {
    "lr": (0, math.inf),
    "gamma": (0, 1 + 1e-12),
    "gae_lambda": (0, 1 + 1e-12),
    "clip": (0, math.inf),
    "ent_coef": (0, math.inf),
    "vf_coef": (0, math.inf),
    "max_grad_norm": (0, math.inf),
    "epochs": (1, math.inf),
    "minibatch": (1, math.inf),
}
"""The half-open ranges of valid values. The search space is much smaller."""


@dataclass(frozen=True, kw_only=True)
class PPOHyperparameters:
    """The checked hyperparameters of the workload.

    Attributes:
        lr: Adam's learning rate.
        gamma: The discount of future rewards.
        gae_lambda: The decay of generalized advantage estimation.
        clip: The distance from 1 at which the ratio of new to old probability is clipped.
        ent_coef: The weight of the entropy in the loss.
        vf_coef: The weight of the value loss.
        max_grad_norm: The norm to which larger gradients are clipped.
        epochs: The number of passes over each rollout.
        minibatch: Transitions per step of Adam.
    """

    lr: float
    gamma: float
    gae_lambda: float
    clip: float
    ent_coef: float
    vf_coef: float
    max_grad_norm: float
    epochs: int
    minibatch: int

    @classmethod
    def of(cls, config: Config) -> PPOHyperparameters:
        """Read the hyperparameters from a config.

        Raises:
            ArgumentError: If one is missing, is not a number, or is outside `RANGES`.
        """
        return cls(**checked_values(config, RANGES, integers={"epochs", "minibatch"}))


class Rollout(NamedTuple):
    """The transitions of T steps in N environments.

    Attributes:
        observations: The observations before each step and after the last, of shape (T + 1, N, 4).
        actions: The actions, of shape (T, N).
        terminated: Whether the pole fell in this step, of shape (T, N).
        done: Whether the pole fell or the episode reached its maximum length, of shape (T, N).
        valid: False for a step that only started the next episode, of shape (T, N). An environment does this in the
            step after the last one of an episode (gymnasium's autoreset mode NEXT_STEP).
    """

    observations: Tensor
    actions: Tensor
    terminated: Tensor
    done: Tensor
    valid: Tensor


def advantages(rollout: Rollout, values: Tensor, gamma: float, gae_lambda: float) -> Tensor:
    """Compute generalized advantage estimates (T, N) from the values (T + 1, N) of the observations; all rewards are 1.

    An episode that is truncated at its maximum length is bootstrapped from the value of its last observation; one that
    terminated is not (Pardo et al. 2018, "Time Limits in Reinforcement Learning"). Source: Schulman et al. 2016,
    "High-Dimensional Continuous Control Using Generalized Advantage Estimation", eq. 16.
    """
    delta = 1 + gamma * values[1:] * ~rollout.terminated - values[:-1]
    carried = gamma * gae_lambda * ~rollout.done
    estimates = torch.empty_like(delta)
    following = torch.zeros_like(delta[0])
    for step in reversed(range(len(delta))):
        following = estimates[step] = delta[step] + carried[step] * following
    return estimates


def layers(weights: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the weights and biases of the actor and of the critic as views into the vector of all weights."""
    parts = torch.split(weights, [math.prod(shape) for shape in SHAPES])
    views = [part.view(shape) for part, shape in zip(parts, SHAPES, strict=True)]
    return views[: len(views) // 2], views[len(views) // 2 :]


def forward(network: list[Tensor], observations: Tensor) -> Tensor:
    """Apply a network with two hidden tanh layers to observations (..., 4); the result has shape (..., outputs)."""
    hidden = torch.tanh(functional.linear(observations, network[0], network[1]))
    hidden = torch.tanh(functional.linear(hidden, network[2], network[3]))
    return functional.linear(hidden, network[4], network[5])


def observed(environment: CartPoleVectorEnv) -> Tensor:
    """Return the current observations of the environments, of shape (N, 4)."""
    return torch.tensor(np.asarray(environment.state).T, dtype=torch.float32)


def starting_weights(draws: torch.Generator) -> Tensor:
    """Draw orthogonal weights scaled by sqrt 2 (last layer: 0.01 for the actor, 1 for the critic), with zero biases."""
    parts = [torch.zeros(shape) for shape in SHAPES]
    scales = (math.sqrt(2), math.sqrt(2), 0.01, math.sqrt(2), math.sqrt(2), 1.0)
    for weight, scale in zip(parts[::2], scales, strict=True):
        torch.nn.init.orthogonal_(weight, scale, generator=draws)
    return torch.cat([part.flatten() for part in parts])


class Adam:
    """Adam on one vector, identical to torch.optim.Adam, with the epsilon of Huang et al. (detail 3).

    It is written out here because the first torch optimizer of a process takes a second of imports (torch 2.13).
    Source: Kingma, Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
    """

    decays, epsilon = (0.9, 0.999), 1e-5

    def __init__(self, size: int) -> None:
        """Initialize the moments with zeros."""
        self.mean, self.square, self.steps = torch.zeros(size), torch.zeros(size), 0

    @torch.no_grad()
    def descend(self, weights: Tensor, gradient: Tensor, lr: float) -> None:
        """Make one step that changes the weights in place."""
        self.steps += 1
        first, second = self.decays
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        scale = (self.square.sqrt() / math.sqrt(1 - second**self.steps)).add_(self.epsilon)
        weights.addcdiv_(self.mean, scale, value=-lr / (1 - first**self.steps))


class PPOTraining:
    """The training of an actor and a critic.

    Attributes:
        unit: The number of completed units.
        weights: All weights and biases, as one vector.
    """

    def __init__(self, hyperparameters: PPOHyperparameters, seed: int) -> None:
        """Initialize the networks and the environments."""
        self.hyperparameters, self.seed, self.unit = hyperparameters, seed, 0
        self.weights = starting_weights(self.generator("weights")).requires_grad_()
        self.adam = Adam(len(self.weights))
        self.environment = self._environment(ENVIRONMENTS, "start")

    def generator(self, *names: Any) -> torch.Generator:
        """Create the torch generator of these names."""
        return torch.Generator().manual_seed(derive(self.seed, STREAM, *names))

    def _environment(self, count: int, name: str) -> CartPoleVectorEnv:
        """Create environments, each at the start of an episode."""
        environment = CartPoleVectorEnv(count, max_episode_steps=LONGEST)
        environment.np_random = stream(self.seed, STREAM, name)
        environment.reset()
        return environment

    def run_unit(self) -> dict[str, float]:
        """Train for one unit, and return the means over its updates of policy_loss, value_loss and entropy."""
        self.environment.np_random = stream(self.seed, STREAM, "environment", self.unit)
        draws = self.generator("unit", self.unit)
        losses = [update for _ in range(ROLLOUTS) for update in self._improve(self._collect(draws), draws)]
        self.unit += 1
        means = torch.stack(losses).mean(dim=0).tolist()
        return dict(zip(("policy_loss", "value_loss", "entropy"), means, strict=True))

    @torch.no_grad()
    def _collect(self, draws: torch.Generator) -> Rollout:
        """Collect a rollout, sampling the actions from the actor's probabilities."""
        environment, (actor, _) = self.environment, layers(self.weights)
        observations = torch.empty(ROLLOUT + 1, ENVIRONMENTS, OBSERVED)
        actions = torch.empty(ROLLOUT, ENVIRONMENTS, dtype=torch.int64)
        terminated, done, valid = (torch.empty(ROLLOUT, ENVIRONMENTS, dtype=torch.bool) for _ in range(3))
        uniform = torch.rand(ROLLOUT, ENVIRONMENTS, generator=draws)
        observations[0] = observed(environment)
        for step in range(ROLLOUT):
            valid[step] = torch.from_numpy(~environment.prev_done)
            probabilities = forward(actor, observations[step]).softmax(dim=1)
            actions[step] = uniform[step] < probabilities[:, 1]  # of two actions; a diverged actor chooses the first
            seen, _, fallen, _, _ = environment.step(actions[step].numpy())
            observations[step + 1], terminated[step] = torch.from_numpy(seen), torch.from_numpy(fallen)
            done[step] = torch.from_numpy(environment.prev_done)
        return Rollout(observations, actions, terminated, done, valid)

    def _improve(self, rollout: Rollout, draws: torch.Generator) -> list[Tensor]:
        """Make several passes over a rollout in minibatches, and return the three losses of each minibatch."""
        settings, valid = self.hyperparameters, rollout.valid
        with torch.no_grad():
            actor, critic = layers(self.weights)
            values = forward(critic, rollout.observations).squeeze(-1)
            estimated = advantages(rollout, values, settings.gamma, settings.gae_lambda)
            targets = (estimated + values[:-1])[valid]
            estimated = estimated[valid]
            estimated = (estimated - estimated.mean()) / (estimated.std() + 1e-8)
            observations, actions = rollout.observations[:-1][valid], rollout.actions[valid].unsqueeze(1)
            before = forward(actor, observations).log_softmax(dim=1).gather(1, actions).squeeze(1)
        losses = []
        for _ in range(settings.epochs):
            for rows in torch.split(torch.randperm(len(actions), generator=draws), settings.minibatch):
                actor, critic = layers(self.weights)
                log = forward(actor, observations[rows]).log_softmax(dim=1)
                ratio = (log.gather(1, actions[rows]).squeeze(1) - before[rows]).exp()
                cut = ratio.clamp(1 - settings.clip, 1 + settings.clip)
                policy_loss = -torch.min(ratio * estimated[rows], cut * estimated[rows]).mean()  # eq. 7
                value_loss = (forward(critic, observations[rows]).squeeze(1) - targets[rows]).square().mean() / 2
                entropy = -(log.exp() * log).sum(dim=1).mean()
                loss = policy_loss + settings.vf_coef * value_loss - settings.ent_coef * entropy  # eq. 9
                (gradient,) = torch.autograd.grad(loss, [self.weights])
                gradient *= (settings.max_grad_norm / (gradient.norm() + 1e-6)).clamp(max=1)
                self.adam.descend(self.weights, gradient, settings.lr)
                losses.append(torch.stack((policy_loss, value_loss, entropy)).detach())
        return losses

    @torch.no_grad()
    def evaluate(self) -> float:
        """Compute the mean return of `EPISODES` episodes in which the more likely action is taken.

        Their starts depend only on the seed, so that the units of a training are compared on the same episodes.
        """
        environment, (actor, _) = self._environment(EPISODES, "judge"), layers(self.weights)
        running, total = np.ones(EPISODES, dtype=bool), 0
        observations = observed(environment)
        while running.any():
            total += running.sum()
            seen = environment.step(forward(actor, observations).argmax(dim=1).numpy())[0]
            observations, running = torch.from_numpy(seen), running & ~environment.prev_done
        return float(total / EPISODES)

    def state(self) -> dict[str, Any]:
        """Return a copy of the state, from which a training with any hyperparameters can continue."""
        environment = self.environment
        return {
            "unit": self.unit,
            "updates": self.adam.steps,
            "weights": self.weights.detach().clone(),
            "mean": self.adam.mean.clone(),
            "square": self.adam.square.clone(),
            "state": torch.tensor(environment.state),
            "steps": torch.tensor(environment.steps),
            "prev_done": torch.tensor(environment.prev_done),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state` with the hyperparameters of this training."""
        self.unit, self.adam.steps = state["unit"], state["updates"]
        with torch.no_grad():
            self.weights.copy_(state["weights"])
        self.adam.mean, self.adam.square = state["mean"].clone(), state["square"].clone()
        for name in ("state", "steps", "prev_done"):
            setattr(self.environment, name, state[name].numpy().copy())
