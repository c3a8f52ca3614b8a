"""A sweeper for Hydra: `python train.py -m hydra/sweeper=raytune_suite 'lr=tag(log, interval(1e-4, 1))'`.

Hydra finds this module by its place. It imports raytune_suite, and with it Ray, only when a sweep starts.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, RangeSweep, Transformer
from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from hydra.errors import ConfigCompositionException
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf, open_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from hydra.core.override_parser.types import Override
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

RETURNED = "returned"
"""The metric where the task function returns its value."""


DEFAULTS: dict[str, Any] = {
    "_target_": "hydra_plugins.raytune_suite_sweeper.RaytuneSuiteSweeper",
    "params": None,
    "metric": None,
    "method": "auto",
    "method_args": {},
    "mode": "min",
    "max_t": None,
    "time_attr": None,
    "num_samples": None,
    "budget": None,
    "time_limit": None,
    "resources": None,
    "max_concurrent": None,
    "seed": 0,
    "storage_path": "~/ray_results",
    "name": None,
    "resume": False,
    "trackers": [],
}
"""The config group `hydra/sweeper`: the arguments of `rts.tune`, and two more.

`params` are sweeps that are not on the command line, such as `{lr: "tag(log, interval(1e-4, 1))"}`. `metric` is the
value that the task function reports by `ray.tune.report`; None for the number that it returns.

A dict, because Hydra runs this module without registering it, and a dataclass looks for its module.
"""

ConfigStore.instance().store(group="hydra/sweeper", name="raytune_suite", node=DEFAULTS, provider="raytune_suite")


class RaytuneSuiteSweeper(Sweeper):  # type: ignore[misc]
    """Runs the task function as the trials of a study on Ray. The launcher of Hydra is not used."""

    def __init__(self, params: dict[str, str] | None = None, metric: str | None = None, **arguments: Any) -> None:
        """See `DEFAULTS`."""
        self.params, self.metric = dict(params or {}), metric
        self.arguments = {name: _plain(value) for name, value in arguments.items()}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what a trial needs."""
        self.context, self.task, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> float:
        """Run the study; writes `optimization_results.yaml` into the folder of the sweep.

        Args:
            arguments: The overrides of the command line.

        Returns:
            The best value.
        """
        import raytune_suite as rts

        parser = OverridesParser.create(config_loader=self.context.config_loader)
        overrides = parser.parse_overrides([*(f"{key}={value}" for key, value in self.params.items()), *arguments])
        space = {one.get_key_element(): domain(one) for one in overrides if one.is_sweep_override()}
        fixed = [one.input_line for one in overrides if not one.is_sweep_override()]
        if not space:
            raise ConfigCompositionException(
                "the sweep has no parameter: add one such as 'lr=tag(log, interval(1e-4, 1))'"
            )
        folder = Path(self.config.hydra.sweep.dir).absolute()  # a trial has another working directory
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        train = job(
            self.context, self.task, self.config, fixed, names=[*space], folder=folder, returns=self.metric is None
        )
        keyed = {key.replace("/", "."): value for key, value in space.items()}
        result = rts.tune(train, keyed, metric=self.metric or RETURNED, **self.arguments)
        best = {key: result.best_config[key] for key in keyed}
        OmegaConf.save(
            OmegaConf.create(
                {"name": "raytune_suite", "best_params": best, "best_value": result.best_value, "study": result.path}
            ),
            folder / "optimization_results.yaml",
        )
        return result.best_value


def job(
    context: HydraContext,
    task: TaskFunction,
    config: DictConfig,
    fixed: list[str],
    *,
    names: list[str],
    folder: Path,
    returns: bool,
) -> Callable[[dict[str, Any]], None]:
    """The function that Ray trains: it composes the config of a trial, and calls the task function as Hydra does."""
    state = Singleton.get_state()

    def train(trial: dict[str, Any]) -> None:
        from ray import tune

        setup_globals()
        Singleton.set_state(state)
        values = {name: trial[name.replace("/", ".")] for name in names}
        chosen = [f"{name}={'null' if value is None else value}" for name, value in values.items()]
        composed = context.config_loader.load_sweep_config(config, [*fixed, *chosen])
        identity = tune.get_context().get_trial_id()
        with open_dict(composed):
            composed.hydra.job.id = identity
            composed.hydra.job.num = _number(identity)
            composed.hydra.sweep.dir, composed.hydra.sweep.subdir = str(folder), identity
        done = run_job(
            hydra_context=context,
            task_function=task,
            config=composed,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        value = done.return_value  # raises what the task function has raised
        if returns:
            tune.report({RETURNED: float(value)})

    return train


def domain(override: Override) -> Any:
    """The domain of Ray Tune for a sweep of Hydra: a choice, a range or an interval, the last also on a log scale."""
    from ray import tune

    value = override.value()
    if isinstance(value, IntervalSweep):
        low, high, log = value.start, value.end, "log" in value.tags
        if isinstance(low, int) and isinstance(high, int):
            return tune.lograndint(low, high + 1) if log else tune.randint(low, high + 1)
        return tune.loguniform(float(low), float(high)) if log else tune.uniform(float(low), float(high))
    if isinstance(value, RangeSweep) and value.step == 1 and isinstance(value.start, int):
        return tune.randint(int(value.start), int(value.stop))
    return tune.choice([*override.sweep_iterator(transformer=Transformer.encode)])


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _number(identity: str) -> int:
    """A number for a trial."""
    with contextlib.suppress(ValueError):
        return int(identity, 16)
    return 0
