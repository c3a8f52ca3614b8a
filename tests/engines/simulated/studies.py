"""A space, a curve, a trainable, and studies with them, which the tests of the engines share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from ray import tune

from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.simulated import simulate as simulated
from raytune_suite.engines.simulated.evaluators import CurveEvaluator, InProcessEvaluator
from raytune_suite.methods import METHODS, make_method, options, parts
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS
from raytune_suite.types import Curve, Objective
from tests.conformance.common import SOON

SPACE: dict[str, Any] = {"x": tune.uniform(0, 1), "y": tune.loguniform(1e-3, 1)}
FINITE: dict[str, Any] = {"x": tune.choice([0.1, 0.5, 0.9]), "y": tune.choice([0.01, 0.1, 1.0])}
MAX_T = 9
METRIC: dict[str, Any] = {"metric": "loss", "mode": "min"}
OBJECTIVE = Objective("loss", "min", max_t=MAX_T)


def rate(config: dict[str, Any]) -> float:
    return math.exp(-2 * abs(config["x"] - 0.7) - abs(math.log10(config["y"]) + 1))


def cost(config: dict[str, Any]) -> float:
    """Return the seconds of a step, which differ between configs."""
    return float(1 + config["x"] + 0.1 * config["y"])


def curve(config: dict[str, Any]) -> Curve:
    epochs = np.arange(1.0, MAX_T + 1)
    progress = np.cumsum(np.full(MAX_T, rate(config)))
    return Curve(epochs, {"loss": 1 / (1 + progress)}, np.full(MAX_T, cost(config)))


class Learner(tune.Trainable):
    """Reports the losses of the curve as long as its config does not change; its state is its progress."""

    def setup(self, config: dict[str, Any]) -> None:
        self.rate, self.progress = rate(config), 0.0

    def step(self) -> dict[str, Any]:
        self.progress += self.rate
        return {"loss": 1 / (1 + self.progress)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "progress").write_text(repr(self.progress))

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.progress = float(Path(checkpoint, "progress").read_text())

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


CURVES = CurveEvaluator(curve)
LEARNER = InProcessEvaluator(Learner, cost)


def method(name: str, **arguments: Any) -> Any:
    """Return the method `name`, with a long interval between decisions if it has that option."""
    known = options(SCHEDULERS[parts(name)[1]])
    few = {"interval": 3} if "interval" in known else {}
    space = FINITE if name == "grid" else SPACE
    return make_method(name, space, max_t=MAX_T, seed=3, **{**METRIC, **few, **arguments})


VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in METHODS} | {
    f"{name}-resume": (name, {"resume": True})
    for name, recipe in METHODS.items()
    if "resume" in options(SEARCHERS[recipe.searcher])
}
"""The name and the arguments of every method; methods with the option `resume` occur a second time with it."""


def variant(key: str) -> Any:
    """Return the method of a variant, whose searcher uses its model after a few trials."""
    name, arguments = VARIANTS[key]
    known = options(SEARCHERS[METHODS[name].searcher])
    return method(name, **{key: value for key, value in SOON.items() if key in known}, **arguments)


def study_log(scheduler: Any) -> StudyLog:
    """Return a study log, which every study on Ray needs."""
    return StudyLog(OBJECTIVE, scheduler)


def samples(name: str) -> int:
    """Return the number of trials of a study: few for a population, many for DEHB, which starts one per fidelity."""
    return {"pbt": 6, "pb2": 6, "assigned": 30}.get(METHODS[name].scheduler, 14)


def simulate(made: Any, evaluation: Any = CURVES, **arguments: Any) -> simulated.SimulatedStudy:
    """Run a simulated study of a method."""
    settings = {"num_samples": 14, **METRIC, **arguments}
    return simulated.simulate(evaluation, searcher=made.searcher, scheduler=made.scheduler, **settings)
