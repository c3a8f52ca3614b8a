"""The training behind "live/cartpole-ppo": proximal policy optimization on gymnasium's vector CartPole, without Ray.

Every random draw comes from a generator that belongs to (seed, what it is for, unit), the environment's draws too. So
no generator has to be saved, a restored training goes on to the last bit, and the process's global generators are
neither read nor moved.

Sources: Schulman et al. 2017, "Proximal Policy Optimization Algorithms" (arXiv 1707.06347); Huang et al. 2022, "The 37
Implementation Details of Proximal Policy Optimization", whose details 2 (orthogonal weights), 3 (Adam's epsilon), 5
(generalized advantages), 6 (minibatches), 7 (normalized advantages, here over a whole rollout, so that a minibatch may
be small), 8 (clipped surrogate), 10 (entropy), 11 (clipped gradient) and 13 (separate networks) are followed. Two are
not: the rate is not annealed (4), since a training's course must not depend on how far it will be trained, and the
value's loss is not clipped (9).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raytune_suite.optional import require
from raytune_suite.seeding import derive, stream
from raytune_suite.workloads.live.base import within

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
"""Environments at once, steps of each in a rollout, rollouts in a unit of training: 1,856 environment steps."""
EPISODES, LONGEST = 16, 500
"""Episodes that judge a policy, and the most steps of an episode."""
HIDDEN, OBSERVED, ACTIONS = 64, 4, 2

SHAPES = [
    shape
    for outputs in (ACTIONS, 1)
    for rows, columns in ((HIDDEN, OBSERVED), (HIDDEN, HIDDEN), (outputs, HIDDEN))
    for shape in ((rows, columns), (rows,))
]
"""The weights and biases of the actor's three layers, then those of the critic's."""

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
"""Where a training is defined: from the first number to below the second. The space to tune is far smaller."""


@dataclass(frozen=True, kw_only=True)
class PPOHyperparameters:
    """One config of the workload, checked.

    Attributes:
        lr: Adam's learning rate.
        gamma: The discount of future rewards.
        gae_lambda: The decay of generalized advantage estimation.
        clip: How far the ratio of new to old probability may go from 1 before the surrogate is cut.
        ent_coef: The weight of the entropy in the loss.
        vf_coef: The weight of the value's loss.
        max_grad_norm: The longest gradient; longer ones are shortened to it.
        epochs: How often a rollout is gone through.
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
        """Take the hyperparameters out of a config.

        Raises:
            ArgumentError: If one is missing, is no number, or is outside of `RANGES`.
        """
        return cls(**within(config, RANGES, whole={"epochs", "minibatch"}))


class Rollout(NamedTuple):
    """What happened in T steps of N environments.

    Attributes:
        observations: Of shape (T + 1, N, 4): before each step and after the last.
        actions: Of shape (T, N).
        terminated: Of shape (T, N): whether the pole fell in this step.
        done: Of shape (T, N): whether it fell or the episode was long enough.
        valid: Of shape (T, N): False where a step only began the next episode, which an environment does in the step
            after the last (gymnasium's autoreset mode NEXT_STEP).
    """

    observations: Tensor
    actions: Tensor
    terminated: Tensor
    done: Tensor
    valid: Tensor


def advantages(rollout: Rollout, values: Tensor, gamma: float, gae_lambda: float) -> Tensor:
    """Generalized advantage estimates (T, N) from the values (T + 1, N) of the observations; each reward is 1.

    An episode cut for its length is worth as much as its last observation promises, one that ended by itself nothing
    more (Pardo et al. 2018, "Time Limits in Reinforcement Learning"). Source: Schulman et al. 2016, "High-Dimensional
    Continuous Control Using Generalized Advantage Estimation", eq. 16.
    """
    delta = 1 + gamma * values[1:] * ~rollout.terminated - values[:-1]
    carried = gamma * gae_lambda * ~rollout.done
    found = torch.empty_like(delta)
    following = torch.zeros_like(delta[0])
    for step in reversed(range(len(delta))):
        following = found[step] = delta[step] + carried[step] * following
    return found


def layers(weights: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The actor's and the critic's weights and biases as views into the vector of all."""
    parts = torch.split(weights, [math.prod(shape) for shape in SHAPES])
    views = [part.view(shape) for part, shape in zip(parts, SHAPES, strict=True)]
    return views[: len(views) // 2], views[len(views) // 2 :]


def forward(network: list[Tensor], observations: Tensor) -> Tensor:
    """What a network of two hidden tanh layers says: (..., 4) becomes (..., outputs)."""
    hidden = torch.tanh(functional.linear(observations, network[0], network[1]))
    hidden = torch.tanh(functional.linear(hidden, network[2], network[3]))
    return functional.linear(hidden, network[4], network[5])


def observed(environment: CartPoleVectorEnv) -> Tensor:
    """What the actor sees of the environments now, of shape (N, 4)."""
    return torch.tensor(np.asarray(environment.state).T, dtype=torch.float32)


def starting_weights(draws: torch.Generator) -> Tensor:
    """Orthogonal weights, scaled by sqrt 2, or 0.01 for the actor's last layer and 1 for the critic's; biases zero."""
    parts = [torch.zeros(shape) for shape in SHAPES]
    scales = (math.sqrt(2), math.sqrt(2), 0.01, math.sqrt(2), math.sqrt(2), 1.0)
    for weight, scale in zip(parts[::2], scales, strict=True):
        torch.nn.init.orthogonal_(weight, scale, generator=draws)
    return torch.cat([part.flatten() for part in parts])


class Adam:
    """Adam on one vector, the same as torch.optim.Adam's, with Huang et al.'s epsilon (detail 3).

    It is spelled out since making a torch optimizer costs each new process a second of imports (torch 2.13). Source:
    Kingma, Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
    """

    decays, epsilon = (0.9, 0.999), 1e-5

    def __init__(self, size: int) -> None:
        """Start with no gradient seen."""
        self.mean, self.square, self.steps = torch.zeros(size), torch.zeros(size), 0

    @torch.no_grad()
    def descend(self, weights: Tensor, gradient: Tensor, lr: float) -> None:
        """Change the weights by one step."""
        self.steps += 1
        first, second = self.decays
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        scale = (self.square.sqrt() / math.sqrt(1 - second**self.steps)).add_(self.epsilon)
        weights.addcdiv_(self.mean, scale, value=-lr / (1 - first**self.steps))


class PPOTraining:
    """An actor and a critic in training.

    Attributes:
        unit: The number of units behind it.
        weights: All weights and biases, as one vector.
    """

    def __init__(self, hyperparameters: PPOHyperparameters, seed: int) -> None:
        """Start anew."""
        self.hyperparameters, self.seed, self.unit = hyperparameters, seed, 0
        self.weights = starting_weights(self.generator("weights")).requires_grad_()
        self.adam = Adam(len(self.weights))
        self.environment = self._environment(ENVIRONMENTS, "start")

    def generator(self, *names: Any) -> torch.Generator:
        """A torch generator of our own for these names."""
        return torch.Generator().manual_seed(derive(self.seed, STREAM, *names))

    def _environment(self, count: int, name: str) -> CartPoleVectorEnv:
        """Environments at the start of an episode each."""
        made = CartPoleVectorEnv(count, max_episode_steps=LONGEST)
        made.np_random = stream(self.seed, STREAM, name)
        made.reset()
        return made

    def run_unit(self) -> dict[str, float]:
        """Train for one unit and return the means over its updates: policy_loss, value_loss, entropy."""
        self.environment.np_random = stream(self.seed, STREAM, "environment", self.unit)
        draws = self.generator("unit", self.unit)
        told = [told for _ in range(ROLLOUTS) for told in self._improve(self._collect(draws), draws)]
        self.unit += 1
        means = torch.stack(told).mean(dim=0).tolist()
        return dict(zip(("policy_loss", "value_loss", "entropy"), means, strict=True))

    @torch.no_grad()
    def _collect(self, draws: torch.Generator) -> Rollout:
        """Act as the actor says, by its probabilities."""
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
        """Go through a rollout several times, in minibatches; returns the three losses of each."""
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
        told = []
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
                told.append(torch.stack((policy_loss, value_loss, entropy)).detach())
        return told

    @torch.no_grad()
    def judge(self) -> float:
        """The mean return of `EPISODES` episodes in which the likelier action is taken.

        Their starts depend on the seed alone, so that the units of a training are compared on the same episodes.
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
        """All that a training needs to go on from here, whatever its hyperparameters; nothing in it changes later."""
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
        """Go on from where `state` was taken, with this training's own hyperparameters."""
        self.unit, self.adam.steps = state["unit"], state["updates"]
        with torch.no_grad():
            self.weights.copy_(state["weights"])
        self.adam.mean, self.adam.square = state["mean"].clone(), state["square"].clone()
        for name in ("state", "steps", "prev_done"):
            setattr(self.environment, name, state[name].numpy().copy())
