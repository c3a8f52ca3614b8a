"""Time one ask and one tell of a searcher at a given number of observations, for ours and for other packages.

    python -m benchmarks.references.askers ours:kde 50,200,1000        in the environment of this project
    build/envs/dehb/bin/python -m benchmarks.references.askers dehb 50,200,1000

prints a line of JSON. `benchmarks/perf/suggest.py` runs it for each searcher in its environment. All have the same
mixed space of six dimensions, the same observations and the same losses; except for DEHB, which accepts results of its
own configs only.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import statistics
import tempfile
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_T = 81


class Number(NamedTuple):
    """A number from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    integer: bool = False


SPACE: dict[str, Number | list[str]] = {
    "lr": Number(1e-5, 1e-1, log=True),
    "momentum": Number(0.0, 1.0),
    "layers": Number(1, 8, integer=True),
    "width": Number(16, 512, integer=True),
    "activation": ["relu", "tanh", "gelu"],
    "optimizer": ["sgd", "adam", "rmsprop", "adagrad"],
}


def sample(rng: np.random.Generator) -> dict[str, Any]:
    """Draw a random config."""
    config: dict[str, Any] = {}
    for name, kind in SPACE.items():
        if isinstance(kind, list):
            config[name] = kind[int(rng.integers(len(kind)))]
        elif kind.integer:
            config[name] = int(rng.integers(int(kind.low), int(kind.high) + 1))
        elif kind.log:
            config[name] = math.exp(rng.uniform(math.log(kind.low), math.log(kind.high)))
        else:
            config[name] = float(rng.uniform(kind.low, kind.high))
    return config


def loss_of(config: Any) -> float:
    """Return the loss of a config: smooth in the numbers, with a best option for each choice."""
    numbers = (math.log10(config["lr"]) + 3) ** 2 + (config["momentum"] - 0.9) ** 2 + abs(config["layers"] - 3) / 8
    choices = 0.3 * (config["activation"] != "gelu") + 0.5 * (config["optimizer"] != "adam")
    return float(numbers + (config["width"] / 512 - 0.5) ** 2 + choices)


class Asker(Protocol):
    """The interface of a searcher in this benchmark."""

    def prime(self, configs: Sequence[dict[str, Any]]) -> None:
        """Add these configs with their losses as fast as possible; called once, at the start."""

    def pair(self) -> None:
        """Ask for a config and tell its loss."""


class Ours:
    """A registered searcher through Ray's `Searcher` interface."""

    def __init__(self, name: str, seed: int) -> None:
        from ray import tune

        from raytune_suite.searchers import SEARCHERS

        space: dict[str, Any] = {}
        for key, kind in SPACE.items():
            if isinstance(kind, list):
                space[key] = tune.choice(kind)
            elif kind.integer:
                space[key] = tune.randint(int(kind.low), int(kind.high) + 1)
            else:
                space[key] = (tune.loguniform if kind.log else tune.uniform)(kind.low, kind.high)
        self._class, self._count = SEARCHERS[name], 0
        self._arguments: dict[str, Any] = {"space": space, "max_t": MAX_T, "levels": (1, 3, 9, 27, MAX_T), "seed": seed}

    def prime(self, configs: Sequence[dict[str, Any]]) -> None:
        """Pass the configs as those to evaluate first."""
        first = () if self._class.assigns else configs
        self._searcher = self._class(metric="loss", mode="min", points_to_evaluate=first, **self._arguments)
        for _ in configs:
            self.pair()

    def pair(self) -> None:
        """Suggest, report once and complete."""
        from raytune_suite.types import FIDELITY

        self._count += 1
        trial = f"{self._count:08d}"
        config = self._searcher.suggest(trial)
        result = {"loss": loss_of(config), "training_iteration": config.get(FIDELITY, MAX_T)}
        self._searcher.on_trial_result(trial, result)
        self._searcher.on_trial_complete(trial, result)


def config_space(seed: int) -> Any:
    """Return the space for ConfigSpace 0.7 and 1.2."""
    import ConfigSpace

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    hyperparameters: list[Any] = []
    for name, kind in SPACE.items():
        if isinstance(kind, list):
            hyperparameters.append(ConfigSpace.CategoricalHyperparameter(name, kind))
        elif kind.integer:
            hyperparameters.append(ConfigSpace.UniformIntegerHyperparameter(name, int(kind.low), int(kind.high)))
        else:
            hyperparameters.append(ConfigSpace.UniformFloatHyperparameter(name, kind.low, kind.high, log=kind.log))
    (space.add if hasattr(space, "add") else space.add_hyperparameters)(hyperparameters)
    return space


class Hpbandster:
    """The config generator of hpbandster's BOHB; all observations at the highest fidelity."""

    def __init__(self, seed: int) -> None:
        from hpbandster.core.dispatcher import Job  # type: ignore[import-not-found]  # in its own environment
        from hpbandster.optimizers.config_generators.bohb import BOHB  # type: ignore[import-not-found]

        np.random.seed(seed)  # noqa: NPY002 - the package draws from the global generator
        self._bohb, self._job, self._count = BOHB(config_space(seed)), Job, 0

    def _tell(self, config: dict[str, Any], *, update: bool) -> None:
        self._count += 1
        job = self._job((0, 0, self._count), config=config, budget=float(MAX_T))
        job.result = {"loss": loss_of(config)}
        self._bohb.new_result(job, update_model=update)

    def prime(self, configs: Sequence[dict[str, Any]]) -> None:
        """Fit the model with the last config only."""
        for number, config in enumerate(configs, 1):
            self._tell(config, update=number == len(configs))

    def pair(self) -> None:
        """Ask and tell."""
        self._tell(self._bohb.get_config(float(MAX_T))[0], update=True)


class Dehb:
    """The package dehb with its ask-and-tell interface."""

    def __init__(self, seed: int) -> None:
        from dehb import DEHB  # type: ignore[import-not-found]  # in its own environment

        self._folder = tempfile.TemporaryDirectory()
        self._dehb = DEHB(
            cs=config_space(seed),
            min_fidelity=1,
            max_fidelity=MAX_T,
            eta=3,
            n_workers=1,
            seed=seed,
            output_path=self._folder.name,
            save_freq="end",
            log_level="ERROR",
        )

    def prime(self, configs: Sequence[dict[str, Any]]) -> None:
        """Ask and tell as often, since it accepts results of its own configs only."""
        for _ in configs:
            self.pair()

    def pair(self) -> None:
        """Ask and tell."""
        job = self._dehb.ask()
        self._dehb.tell(job, {"fitness": loss_of(job["config"]), "cost": 1.0})


class Optuna:
    """Optuna's TPE with its defaults, kept in memory."""

    def __init__(self, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        self._kinds: dict[str, Any] = {}
        for name, kind in SPACE.items():
            if isinstance(kind, list):
                self._kinds[name] = CategoricalDistribution(kind)
            elif kind.integer:
                self._kinds[name] = IntDistribution(int(kind.low), int(kind.high))
            else:
                self._kinds[name] = FloatDistribution(kind.low, kind.high, log=kind.log)
        self._optuna = optuna
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def prime(self, configs: Sequence[dict[str, Any]]) -> None:
        """Add finished trials."""
        create = self._optuna.trial.create_trial
        self._study.add_trials(
            [create(params=config, distributions=self._kinds, value=loss_of(config)) for config in configs]
        )

    def pair(self) -> None:
        """Ask and tell."""
        trial = self._study.ask(self._kinds)
        self._study.tell(trial, loss_of(trial.params))


class Hyperopt:
    """The package hyperopt's TPE with its defaults."""

    def __init__(self, seed: int) -> None:
        import hyperopt

        hp = hyperopt.hp
        self._space: dict[str, Any] = {}
        for name, kind in SPACE.items():
            if isinstance(kind, list):
                self._space[name] = hp.choice(name, kind)
            elif kind.integer:
                self._space[name] = hp.uniformint(name, kind.low, kind.high)
            elif kind.log:
                self._space[name] = hp.loguniform(name, math.log(kind.low), math.log(kind.high))
            else:
                self._space[name] = hp.uniform(name, kind.low, kind.high)
        self._hyperopt, self._rng = hyperopt, np.random.default_rng(seed)
        self._domain, self._trials = hyperopt.Domain(loss_of, self._space), hyperopt.Trials()

    def prime(self, configs: Sequence[dict[str, Any]]) -> None:
        """Insert finished trials."""
        docs = []
        for number, config in enumerate(configs):
            values = {
                name: kind.index(config[name]) if isinstance(kind, list) else config[name]
                for name, kind in SPACE.items()
            }
            misc = {
                "tid": number,
                "cmd": self._domain.cmd,
                "workdir": None,
                "idxs": {name: [number] for name in values},
                "vals": {name: [value] for name, value in values.items()},
            }
            docs += self._trials.new_trial_docs([number], [None], [{"status": "ok", "loss": loss_of(config)}], [misc])
            docs[-1]["state"] = self._hyperopt.JOB_STATE_DONE
        self._trials.insert_trial_docs(docs)
        self._trials.refresh()

    def pair(self) -> None:
        """Suggest, evaluate and refresh, like hyperopt's own loop."""
        ids = self._trials.new_trial_ids(1)
        doc = self._hyperopt.tpe.suggest(ids, self._domain, self._trials, int(self._rng.integers(2**31)))[0]
        values = {name: chosen[0] for name, chosen in doc["misc"]["vals"].items()}
        config = self._hyperopt.space_eval(self._space, values)
        doc["state"], doc["result"] = self._hyperopt.JOB_STATE_DONE, {"status": "ok", "loss": loss_of(config)}
        self._trials.insert_trial_docs([doc])
        self._trials.refresh()


class BayesOpt:
    """The package bayesian-optimization with its defaults; the learning rate as its logarithm."""

    def __init__(self, seed: int) -> None:
        from bayes_opt import BayesianOptimization

        bounds: dict[str, Any] = {}
        for name, kind in SPACE.items():
            if isinstance(kind, list):
                bounds[name] = tuple(kind)
            elif kind.integer:
                bounds[name] = (int(kind.low), int(kind.high), int)
            else:
                bounds[name] = (math.log(kind.low), math.log(kind.high)) if kind.log else (kind.low, kind.high)
        self._model = BayesianOptimization(None, bounds, random_state=seed, verbose=0, allow_duplicate_points=True)

    def prime(self, configs: Sequence[dict[str, Any]]) -> None:
        """Register the configs."""
        for config in configs:
            self._model.register({**config, "lr": math.log(config["lr"])}, -loss_of(config))

    def pair(self) -> None:
        """Suggest, which fits the Gaussian process, and register."""
        point: Any = self._model.suggest()
        self._model.register(point, -loss_of({**point, "lr": math.exp(point["lr"])}))


PEERS: dict[str, tuple[Callable[[int], Asker], str]] = {
    "hpbandster": (Hpbandster, "hpbandster"),
    "dehb": (Dehb, "dehb"),
    "optuna": (Optuna, "optuna"),
    "hyperopt": (Hyperopt, "hyperopt"),
    "bayesian-optimization": (BayesOpt, "bayesian-optimization"),
}
"""The class of each peer, and the package that determines its version."""


def measure(make: Callable[[int], Asker], size: int, pairs: int, repeats: int, limit: float) -> float:
    """Return the CPU milliseconds per ask and tell with `size` observations: the median over repeats.

    Each repeat uses a new searcher, and averages over its pairs, since some searchers sometimes answer without their
    model. No pair or repeat starts after `limit` seconds.
    """
    rng = np.random.default_rng(0)
    configs = [sample(rng) for _ in range(size)]
    deadline = time.process_time() + limit
    means: list[float] = []
    while len(means) < repeats and not (means and time.process_time() > deadline):
        asker = make(len(means))
        asker.prime(configs)
        done, start = 0, time.process_time()
        while done < pairs and not (done and time.process_time() > deadline):
            asker.pair()
            done += 1
        means.append(1000 * (time.process_time() - start) / done)
    return statistics.median(means)


def main() -> None:
    """Measure one searcher and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("asker", help="ours:NAME for a registered searcher, or one of: " + ", ".join(PEERS))
    parser.add_argument("sizes", help="numbers of observations, comma-separated")
    parser.add_argument("--pairs", type=int, default=20, help="pairs of ask and tell per repeat (20)")
    parser.add_argument("--repeats", type=int, default=5, help="repeats; the median counts (5)")
    parser.add_argument("--limit", type=float, default=30.0, help="seconds per size after which no pair starts (30)")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    side, _, name = arguments.asker.partition(":")
    make: Callable[[int], Asker]
    if side == "ours":
        make, package = lambda seed: Ours(name, seed), "raytune-suite"
    else:
        make, package = PEERS[side]
    milliseconds = {
        size: measure(make, int(size), arguments.pairs, arguments.repeats, arguments.limit)
        for size in arguments.sizes.split(",")
    }
    print(json.dumps({"ms": milliseconds, "version": version(package)}))


if __name__ == "__main__":
    main()
