"""The landscapes of ARLBench: reinforcement learning as tables of 256 Sobol configs x 10 seeds x 10 fidelities.

"arlbench/cc_cartpole_ppo" is PPO on classic control's CartPole. The metric is the mean return over the evaluation
episodes; more is better. A unit of resource is a tenth of the task's environment steps; the metric "steps" counts them.
Methods tune on the seeds 0-4, and the seeds 5-9 judge their choice.

- **Spaces** are those of the authors' files runscripts/configs/search_space/{ppo,dqn,sac}_*.yaml. What exists only with
  prioritized sampling or with a target network is within that option, e.g. `config["use_target_network"]["tau"]`.
- **Crashes**: a missing return is that of a crashed training, and so is one that the environment cannot pay: some runs
  of the field mark a crash with a tiny positive number, which would win where all returns are negative. Both are scored
  as the worst return of the whole landscape.
- **Cost** is a model of ours, no measurement: the environment steps of a unit at 10,000 steps a second, and for DQN and
  SAC a microsecond more for each sample of a step's minibatch.
- **Bounds** are those of the landscape, see `tables.table_workload`.

Source: J. Becktepe et al., "ARLBench: Flexible and Efficient Benchmarking for Hyperparameter Optimization in
Reinforcement Learning" (2024), arxiv.org/abs/2409.18827, and github.com/automl/arlbench, branch "experiments".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune

from raytune_suite import datasets
from raytune_suite.errors import DataError, UnknownNameError
from raytune_suite.workloads.tabular.table import Table, blocks, scored, table_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from raytune_suite.types import Config
    from raytune_suite.workloads.base import Workload
    from raytune_suite.workloads.tabular.table import Floats

PREFIX = "hp_config."
"""Before the names of the hyperparameters in the files."""

CONDITIONS = {
    "buffer_prio_sampling": ("buffer_alpha", "buffer_beta", "buffer_epsilon"),
    "use_target_network": ("tau", "target_update_interval"),
}
"""What exists only where a switch is on."""

SECONDS_PER_STEP = 1e-4
SECONDS_PER_SAMPLE = 1e-6


def ppo(minibatches: list[int]) -> dict[str, Any]:
    """The space of PPO."""
    return {
        "clip_eps": tune.uniform(0.0, 0.5),
        "ent_coef": tune.uniform(0.0, 0.5),
        "gae_lambda": tune.uniform(0.8, 0.9999),
        "learning_rate": tune.loguniform(1e-6, 0.1),
        "max_grad_norm": tune.uniform(0.0, 1.0),
        "minibatch_size": tune.choice(minibatches),
        "normalize_advantage": tune.choice([True, False]),
        "vf_clip_eps": tune.uniform(0.0, 0.5),
        "vf_coef": tune.uniform(0.0, 1.0),
    }


def dqn() -> dict[str, Any]:
    """The space of DQN."""
    return {
        "buffer_batch_size": tune.choice([64, 128, 256]),
        "buffer_prio_sampling": replay(1e-7, 1e-3),
        "buffer_size": tune.randint(1024, 120_001),
        "initial_epsilon": tune.uniform(0.5, 1.0),
        "learning_rate": tune.loguniform(1e-6, 0.1),
        "learning_starts": tune.randint(0, 2049),
        "target_epsilon": tune.uniform(0.001, 0.2),
        "use_target_network": switch(target_update_interval=tune.randint(1, 101)),
    }


def sac(batches: list[int], buffer: tuple[int, int], learning_starts: int) -> dict[str, Any]:
    """The space of SAC, whose batch, buffer and start differ from task to task."""
    return {
        "buffer_batch_size": tune.choice(batches),
        "buffer_prio_sampling": replay(1e-9, 1e-4),
        "buffer_size": tune.randint(buffer[0], buffer[1] + 1),
        "learning_rate": tune.loguniform(1e-6, 0.1),
        "learning_starts": tune.randint(0, learning_starts + 1),
        "reward_scale": tune.loguniform(0.1, 10.0),
        "use_target_network": switch(tau=tune.uniform(0.01, 1.0)),
    }


def replay(low: float, high: float) -> Any:
    """Uniform sampling from the buffer, or prioritized sampling."""
    return switch(
        buffer_alpha=tune.uniform(0.01, 1.0),
        buffer_beta=tune.uniform(0.01, 1.0),
        buffer_epsilon=tune.loguniform(low, high),
    )


def switch(**parameters: Any) -> Any:
    """Off, or on with these parameters."""
    return tune.choice([{"on": False}, {"on": True, **parameters}])


@dataclass(frozen=True, kw_only=True)
class ARLBenchTask:
    """One landscape.

    Attributes:
        about: The algorithm and the environment.
        space: Makes its space.
        steps: The environment steps of a unit of resource.
        returns: The least and the greatest return that the environment can pay, where there is one.
        batch: The hyperparameter that says how many samples an environment step is trained on; None for PPO.
    """

    about: str
    space: Callable[[], dict[str, Any]]
    steps: int
    returns: tuple[float, float] = (-math.inf, math.inf)
    batch: str | None = "buffer_batch_size"


TASKS: dict[str, ARLBenchTask] = {
    "box2d_lunar_lander_dqn": ARLBenchTask(about="DQN on LunarLander", space=dqn, steps=10_000),
    "brax_hopper_sac": ARLBenchTask(
        about="SAC on Brax's Hopper",
        space=partial(sac, [512, 1024, 2048], (2048, 2_000_000), 16_384),
        steps=500_000,
    ),
    "cc_acrobot_dqn": ARLBenchTask(about="DQN on Acrobot", space=dqn, steps=10_000, returns=(-500.0, 0.0)),
    "cc_cartpole_ppo": ARLBenchTask(
        about="PPO on CartPole", space=partial(ppo, [128, 256, 512]), steps=10_000, returns=(0.0, 500.0), batch=None
    ),
    "cc_pendulum_sac": ARLBenchTask(
        about="SAC on Pendulum",
        space=partial(sac, [256, 512, 1024], (1024, 120_000), 8192),
        steps=2000,
        returns=(-math.inf, 0.0),
    ),
    "minigrid_empty_random_ppo": ARLBenchTask(
        about="PPO on MiniGrid's EmptyRandom",
        space=partial(ppo, [32, 64, 128]),
        steps=10_000,
        returns=(0.0, 1.0),
        batch=None,
    ),
}
"""Pendulum pays 0 at most, in every step; Acrobot -1 for a step, of which it has 500."""


def names() -> tuple[str, ...]:
    """The tasks."""
    return tuple(TASKS)


def arlbench(name: str) -> Workload:
    """The workload of a task, such as "cc_cartpole_ppo".

    Raises:
        UnknownNameError: If there is none.
        DataError: If its file is missing, truncated or altered; the message has the command that fetches it.
    """
    if name not in TASKS:
        raise UnknownNameError("task of ARLBench", name, TASKS)
    task = TASKS[name]
    return table_workload(
        read(datasets.path(f"arlbench/{name}.csv"), name),
        name=f"arlbench/{name}",
        summary=f"ARLBench's landscape of {task.about}: 256 configs, 10 fidelities of {task.steps:,} steps, 10 seeds",
        metric="return",
        mode="max",
        tuning_seeds=(0, 1, 2, 3, 4),
        test_seeds=(5, 6, 7, 8, 9),
        cost=partial(seconds_per_unit, task),
    )


def seconds_per_unit(task: ARLBenchTask, config: Config) -> float:
    """The declared seconds of a tenth of a training."""
    samples = 0 if task.batch is None else config[task.batch]
    return task.steps * (SECONDS_PER_STEP + SECONDS_PER_SAMPLE * samples)


@cache
def read(path: Path, name: str) -> Table:
    """The table of a task, read once per process.

    Raises:
        DataError: If the file has not the columns or the fidelities of the task.
        SpaceError: If one of its configs lies outside the space.
    """
    import pandas as pd

    task, frame = TASKS[name], pd.read_csv(path)
    found = blocks(frame, row="run_id", seed="seed", resource="budget", metrics=["performance"])
    units = found.resource / task.steps
    if not np.array_equal(units, np.arange(1, len(units) + 1)):
        raise DataError(f"{str(path)!r} has reports after {found.resource.tolist()} steps, not every {task.steps}")
    columns = [column for column in frame.columns if column.startswith(PREFIX)]
    lines = frame.drop_duplicates("run_id").sort_values("run_id")[columns].to_dict("records")
    configs = [nested({str(key).removeprefix(PREFIX): value for key, value in line.items()}) for line in lines]
    returns = crashes_scored(found.metrics["performance"], task.returns)
    seconds = np.array([seconds_per_unit(task, config) for config in configs])
    return Table(
        space=task.space(),
        configs=configs,
        metrics={"return": returns, "steps": np.broadcast_to(found.resource, returns.shape)},
        seeds=found.seeds,
        resource=units,
        seconds=np.repeat(seconds[:, np.newaxis], len(units), axis=1),
    )


def nested(line: Mapping[str, Any]) -> Config:
    """A line's hyperparameters as a config of the space.

    Example:
        >>> nested({"use_target_network": True, "target_update_interval": 7.0, "tau": float("nan")})
        {'use_target_network': {'on': True, 'target_update_interval': 7}}
    """
    inner = {name for names in CONDITIONS.values() for name in names}
    config = {name: value for name, value in line.items() if name not in inner}
    for switched, names_within in CONDITIONS.items():
        if switched in config:
            on = bool(config[switched])
            within = {name: line[name] for name in names_within if on and not math.isnan(line.get(name, math.nan))}
            config[switched] = {"on": on, **within}
            if "target_update_interval" in within:  # a float in the file, since other lines have none
                config[switched]["target_update_interval"] = int(within["target_update_interval"])
    return config


def crashes_scored(returns: NDArray[np.float64], possible: tuple[float, float]) -> Floats:
    """`returns` with the worst possible one seen in place of those missing and of those that cannot be.

    Example:
        >>> crashes_scored(np.array([-1200.0, np.nan, -150.0, 1e-8]), (-np.inf, 0.0)).tolist()
        [-1200.0, -1200.0, -150.0, -1200.0]
    """
    least, greatest = possible
    real = (returns >= least) & (returns <= greatest)
    return scored(np.where(real, returns, np.nan), "max")
