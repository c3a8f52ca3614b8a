"""The landscapes of ARLBench: reinforcement learning as tables of 256 Sobol configs x 10 seeds x 10 fidelities.

"arlbench/cc_cartpole_ppo" is PPO on classic control's CartPole. The metric is the mean return over the evaluation
episodes, to be maximized. A unit of resource is a tenth of the task's environment steps; the metric "steps" counts
them. Methods tune on the seeds 0-4; the seeds 5-9 evaluate the config that they choose.

- **Spaces** are those of the authors' files runscripts/configs/search_space/{ppo,dqn,sac}_*.yaml. The parameters of
  prioritized sampling and of the target network are nested in those options, e.g.
  `config["use_target_network"]["tau"]`.
- **Crashes**: a missing return belongs to a crashed training, and so does one that is impossible in the environment:
  some files mark a crash with a tiny positive number, which would win if all returns are negative. Both are replaced by
  the worst return of the whole landscape.
- **Cost** is a model, not a measurement: 10,000 environment steps per second, and for DQN and SAC one more microsecond
  for each sample in a step's minibatch.
- **Bounds** are those of the landscape, see `table.table_workload`.

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
from raytune_suite.workloads.tabular.table import Table, blocks, replace_nonfinite, table_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from raytune_suite.types import Config
    from raytune_suite.workloads.base import Workload
    from raytune_suite.workloads.tabular.table import Floats

PREFIX = "hp_config."
"""The prefix of the hyperparameters' columns in the files."""

CONDITIONS = {
    "buffer_prio_sampling": ("buffer_alpha", "buffer_beta", "buffer_epsilon"),
    "use_target_network": ("tau", "target_update_interval"),
}
"""The parameters that are active only if a switch is on."""

SECONDS_PER_STEP = 1e-4
SECONDS_PER_SAMPLE = 1e-6


def ppo(minibatches: list[int]) -> dict[str, Any]:
    """Return the space of PPO."""
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
    """Return the space of DQN."""
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
    """Return the space of SAC, in which batch sizes, buffer sizes and learning starts depend on the task."""
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
    """Return the choice between uniform and prioritized sampling from the replay buffer."""
    return switch(
        buffer_alpha=tune.uniform(0.01, 1.0),
        buffer_beta=tune.uniform(0.01, 1.0),
        buffer_epsilon=tune.loguniform(low, high),
    )


def switch(**parameters: Any) -> Any:
    """Return the choice between off, and on with these parameters."""
    return tune.choice([{"on": False}, {"on": True, **parameters}])


@dataclass(frozen=True, kw_only=True)
class ARLBenchTask:
    """One landscape.

    Attributes:
        about: The algorithm and the environment.
        space: The function that creates its space.
        steps: The number of environment steps in a unit of resource.
        returns: The least and the greatest possible return in the environment.
        batch: The hyperparameter with the number of samples on which an environment step trains; None for PPO.
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
"""The landscapes. The reward of Pendulum is at most 0 in every step; that of Acrobot is -1 in each of 500 steps."""


def names() -> tuple[str, ...]:
    """Return the names of the tasks."""
    return tuple(TASKS)


def arlbench(name: str) -> Workload:
    """Create the workload of a task, such as "cc_cartpole_ppo".

    Raises:
        UnknownNameError: If there is no such task.
        DataError: If its file is missing, truncated or altered; the message has the command that downloads it.
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
    """Return the declared seconds of a tenth of a training."""
    samples = 0 if task.batch is None else config[task.batch]
    return task.steps * (SECONDS_PER_STEP + SECONDS_PER_SAMPLE * samples)


@cache
def read(path: Path, name: str) -> Table:
    """Read the table of a task, once per process.

    Raises:
        DataError: If the file does not have the fidelities of the task.
        SpaceError: If one of its configs is outside the space.
    """
    import pandas as pd

    task, frame = TASKS[name], pd.read_csv(path)
    arrays = blocks(frame, row="run_id", seed="seed", resource="budget", metrics=["performance"])
    units = arrays.resource / task.steps
    if not np.array_equal(units, np.arange(1, len(units) + 1)):
        raise DataError(
            f"{str(path)!r} has reports after {arrays.resource.tolist()} steps, but must have one every {task.steps}"
        )
    columns = [column for column in frame.columns if column.startswith(PREFIX)]
    lines = frame.drop_duplicates("run_id").sort_values("run_id")[columns].to_dict("records")
    configs = [nested({str(key).removeprefix(PREFIX): value for key, value in line.items()}) for line in lines]
    returns = replace_crashes(arrays.metrics["performance"], task.returns)
    seconds = np.array([seconds_per_unit(task, config) for config in configs])
    return Table(
        space=task.space(),
        configs=configs,
        metrics={"return": returns, "steps": np.broadcast_to(arrays.resource, returns.shape)},
        seeds=arrays.seeds,
        resource=units,
        seconds=np.repeat(seconds[:, np.newaxis], len(units), axis=1),
    )


def nested(line: Mapping[str, Any]) -> Config:
    """Convert the hyperparameters in a row of the file to a config of the space.

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
            if "target_update_interval" in within:  # a float in the file, since it is missing in other rows
                config[switched]["target_update_interval"] = int(within["target_update_interval"])
    return config


def replace_crashes(returns: NDArray[np.float64], possible: tuple[float, float]) -> Floats:
    """Replace missing and impossible returns by the worst of the others.

    Example:
        >>> replace_crashes(np.array([-1200.0, np.nan, -150.0, 1e-8]), (-np.inf, 0.0)).tolist()
        [-1200.0, -1200.0, -150.0, -1200.0]
    """
    least, greatest = possible
    real = (returns >= least) & (returns <= greatest)
    return replace_nonfinite(np.where(real, returns, np.nan), "max")
