"""The surrogates of YAHPO Gym: neural networks that predict a whole learning curve, on data sets of OpenML.

"yahpo/lcbench/3945" is the scenario lcbench on task 3945. A prediction is deterministic, has no training seed and no
state, and its trainings are over before they begin: methods that change a training midway are refused.

- **lcbench**: a unit of resource is an epoch. Of the surrogate's epochs 1 to 52 a training has 51, and methods should
  judge by epoch 2 at the earliest, so that neither edge of the data decides.
- **rbv2 and iaml**: the fidelity is the share of the training data, from 0.03 or 0.05 to 1. A unit of resource is
  1 / `max_t` of them, with the largest `max_t` up to 27 whose unit the surrogate knows. `repl` stays at 10. Seconds are
  the differences of the training times, as if more data could be added to a training. These are written after the
  package yahpo-gym 1.0.2 and tried on small models of the same signature, never on the authors' files.

`bounds` are the best and the worst value at `max_t` that benchmarks/tables/make_yahpo_bounds.py has found; only lcbench
has them. Where a config is better than that, its regret is 0. The data must lie at the same path on each machine of a
cluster. The networks compute in float32: kinds of CPU may differ in the last digits.

Source: see `yahpo_scenarios`; the surrogates are github.com/slds-lmu/yahpo_data, v1.0.2, and LCBench's data are from
L. Zimmer, M. Lindauer, F. Hutter, "Auto-PyTorch Tabular" (2021), doi.org/10.1109/TPAMI.2021.3067763.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite import datasets
from raytune_suite.errors import DataError, UnknownNameError
from raytune_suite.optional import require
from raytune_suite.spaces import Space
from raytune_suite.types import FIDELITY, Curve
from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.surrogate.yahpo_scenarios import SCENARIOS
from raytune_suite.workloads.surrogate.yahpo_space import flat, read_space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from raytune_suite.types import Config
    from raytune_suite.workloads.surrogate.yahpo_scenarios import Scenario

    Floats = NDArray[np.float64]

BOUNDS = Path(__file__).with_name("yahpo_bounds.json")

MOST_SHARES = 27
"""The most units of resource where the fidelity is a share of the training data: rungs 1, 3, 9, 27."""

LEAST_SECONDS = 1e-3
"""What a report costs at least: the predicted time may stand still or go back a little."""


def yahpo(name: str) -> Workload:
    """The workload of a scenario and an instance, such as "lcbench/3945".

    Raises:
        UnknownNameError: If there is no such scenario, or it has no such instance.
        DataError: If its files are missing, truncated or altered; the message has the command that fetches them.
        MissingPackageError: If onnxruntime is not installed.
    """
    kind, _, instance = name.partition("/")
    if kind not in SCENARIOS:
        raise UnknownNameError("scenario of YAHPO Gym", kind, SCENARIOS)
    scenario = SCENARIOS[kind]
    if scenario.instances and instance not in scenario.instances:
        raise UnknownNameError(f"instance of {kind}", instance, scenario.instances)
    files = {
        file: datasets.path(f"yahpo/{kind}/{file}") for file in ("config_space.json", "encoding.json", "model.onnx")
    }
    document = json.loads(files["config_space.json"].read_text(encoding="utf-8"))
    encoding = json.loads(files["encoding.json"].read_text(encoding="utf-8"))
    surrogate = Surrogate.of(scenario, instance, document, encoding, files["model.onnx"])
    bounds = frozen_bounds(kind, instance)
    return Workload(
        name=f"yahpo/{name}",
        summary=f"YAHPO Gym's surrogate of {scenario.about}, on data set {instance}",
        curve=surrogate.curve,
        space=surrogate.param_space,
        metric=scenario.metric,
        mode=scenario.mode,
        cost=surrogate.seconds_per_unit,
        min_t=surrogate.min_t,
        max_t=len(surrogate.fidelities),
        tuning_seeds=(0,),
        test_seeds=(),
        bounds=bounds,
        optimum=None if bounds is None else bounds[0],
        exact=surrogate.exact,
        extra="surrogates",
    )


def names() -> tuple[str, ...]:
    """What can be asked for without the data: the tasks of lcbench. The instances of others are in their files."""
    return tuple(f"{scenario.name}/{instance}" for scenario in SCENARIOS.values() for instance in scenario.instances)


def frozen_bounds(scenario: str, instance: str) -> tuple[float, float] | None:
    """The best and the worst value of the metric at `max_t`, where they are shipped."""
    found = json.loads(BOUNDS.read_text(encoding="utf-8"))["bounds"].get(f"{scenario}/{instance}")
    return None if found is None else (float(found[0]), float(found[1]))


@dataclass(frozen=True, eq=False, kw_only=True)
class Surrogate:
    """One scenario on one instance; it can be pickled, since each process opens the network when it first needs it.

    Attributes:
        scenario: The order of inputs and outputs.
        param_space: The space in Ray Tune's words, without instance and fidelities.
        constants: The inputs that are the same for all configs: the instance and the fixed fidelities.
        codes: The number of each value of each categorical input; "#na#" is that of a parameter that does not exist.
        model: The file of the network.
        fidelities: The surrogate's fidelity after 1, 2, ... units of resource.
        min_t: The least resource to judge a config by.
        space: `param_space`, compiled.
    """

    scenario: Scenario
    param_space: dict[str, Any]
    constants: Mapping[str, Any]
    codes: Mapping[str, Mapping[str, int]]
    model: Path
    fidelities: Floats
    min_t: int
    space: Space = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "space", Space(self.param_space))

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        instance: str,
        document: Mapping[str, Any],
        encoding: Mapping[str, Mapping[str, int]],
        model: Path,
    ) -> Surrogate:
        """Read what the files of a scenario say.

        Args:
            scenario: What the files do not say.
            instance: Which data set.
            document: What is in config_space.json.
            encoding: What is in encoding.json.
            model: The path of model.onnx.

        Raises:
            UnknownNameError: If the scenario has no such instance.
            DataError: If a file does not have what the scenario says.
        """
        described = {entry["name"]: entry for entry in document["hyperparameters"]}
        unknown = {*scenario.continuous, *scenario.categorical} ^ described.keys()
        choices = {name: described.get(name, {}).get("choices", ()) for name in scenario.categorical}
        choices[scenario.instance] = [instance] if instance in choices[scenario.instance] else []
        unencoded = [name for name in choices if not {"#na#", *choices[name]} <= encoding.get(name, {}).keys()]
        if unknown or unencoded:
            raise DataError(f"the files of {scenario.name} do not fit it: {sorted(unknown) or unencoded}")
        instances = described[scenario.instance]["choices"]
        if instance not in instances:
            raise UnknownNameError(f"instance of {scenario.name}", instance, instances)
        bounds = described[scenario.fidelity]
        fidelities, min_t = (shares if scenario.fraction else epochs)(bounds["lower"], bounds["upper"])
        return cls(
            scenario=scenario,
            param_space=read_space(document, {scenario.instance, scenario.fidelity, *scenario.fixed}),
            constants={scenario.instance: instance, **scenario.fixed},
            codes={name: encoding[name] for name in scenario.categorical},
            model=model,
            fidelities=fidelities,
            min_t=min_t,
        )

    def predict(self, configs: Sequence[Config], fidelities: Floats) -> Floats:
        """What is predicted for each config at each fidelity, of shape (configs, fidelities, outputs).

        Raises:
            SpaceError: If a config is not one of the space.
        """
        numbers, codes = zip(*map(self._inputs, configs), strict=True)
        x_cont = np.repeat(np.array(numbers, dtype=np.float32), len(fidelities), axis=0)
        x_cont[:, self.scenario.continuous.index(self.scenario.fidelity)] = np.tile(fidelities, len(configs))
        x_cat = np.repeat(np.array(codes, dtype=np.int32), len(fidelities), axis=0)
        predicted: Floats = _session(self.model).run(None, {"x_cat": x_cat, "x_cont": x_cont})[0].astype(np.float64)
        return predicted.reshape(len(configs), len(fidelities), len(self.scenario.outputs))

    def curve(self, config: Config, seed: int) -> Curve:  # noqa: ARG002 - the surrogates have no training seeds
        """The whole training of a config."""
        predicted = self.predict([config], self.fidelities)[0]
        columns = dict(zip(self.scenario.outputs, predicted.T, strict=True))
        elapsed = np.maximum.accumulate(columns.pop(self.scenario.runtime))
        return Curve(
            resource=np.arange(1, len(predicted) + 1, dtype=np.float64),
            metrics=columns,
            seconds=np.maximum(np.diff(elapsed, prepend=0.0), LEAST_SECONDS),
        )

    def exact(self, config: Config) -> float:
        """The metric at `max_t`."""
        return float(self.curve(config, 0).metrics[self.scenario.metric][-1])

    def seconds_per_unit(self, config: Config) -> float:
        """The predicted seconds of one unit of resource, on average over a training."""
        return float(self.curve(config, 0).seconds.mean())

    def _inputs(self, config: Config) -> tuple[list[float], list[int]]:
        """The network's numeric and categorical inputs; those of parameters that do not exist are 0 and "#na#"."""
        tuned = {name: value for name, value in config.items() if name not in {"seed", FIDELITY}}
        values = {**dict(flat(self.space.complete(tuned))), **self.constants}
        numbers = [float(values.get(name, 0.0)) for name in self.scenario.continuous]
        return numbers, [self.codes[name][values.get(name, "#na#")] for name in self.scenario.categorical]


def epochs(lower: int, upper: int) -> tuple[Floats, int]:
    """The epochs from the first to the last but one, and the second as the least to judge by.

    Example:
        >>> fidelities, least = epochs(1, 52)
        >>> fidelities[[0, -1]].tolist(), least
        ([1.0, 51.0], 2)
    """
    return np.arange(lower, upper, dtype=np.float64), 2


def shares(lower: float, upper: float) -> tuple[Floats, int]:
    """Equal steps up to the greatest share of the training data, none below the least, 27 at most.

    Example:
        >>> [len(shares(least, 1.0)[0]) for least in (0.03, 0.05)]
        [27, 20]
    """
    steps = min(MOST_SHARES, math.floor(upper / lower))
    return upper * np.arange(1, steps + 1) / steps, 1


@lru_cache(maxsize=8)
def _session(model: Path) -> Any:
    """The network, opened once per process, with one thread and so with sums in one order.

    Raises:
        DataError: If the file is not on this machine.
    """
    if not model.is_file():
        raise DataError(f"the surrogate {str(model)!r} is not on this machine: fetch the data to this path, here too")
    onnxruntime = require("onnxruntime", extra="surrogates")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
