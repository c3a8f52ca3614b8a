"""The surrogates of YAHPO Gym: neural networks that predict whole learning curves on data sets of OpenML.

"yahpo/lcbench/3945" is the scenario lcbench on task 3945. A prediction is deterministic: it has no training seed and no
state, so methods that change a training midway (PBT) are rejected.

- **lcbench**: a unit of resource is an epoch. A training has 51 of the surrogate's epochs 1 to 52, and methods should
  evaluate configs at epoch 2 at the earliest, so that neither edge of the data matters.
- **rbv2 and iaml**: the fidelity is the fraction of the training data, from 0.03 or 0.05 to 1. A unit of resource is
  the fraction 1 / `max_t`, where `max_t` is the largest number up to 27 for which the surrogate supports that fraction.
  `repl` is fixed at 10. Seconds are the differences of the training times, as if data could be added to a training.
  These scenarios follow the package yahpo-gym 1.0.2; they were tested on small models with the same signature, but not
  on the authors' files.

`bounds` are the best and the worst value at `max_t` that benchmarks/tables/make_yahpo_bounds.py found; only lcbench has
them. The regret of a config that is even better is 0. On a cluster, the data must have the same path on all nodes. The
networks compute in float32, so the last digits may depend on the type of CPU.

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
from raytune_suite.types import Curve, split_config
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
"""The largest number of units of resource if the fidelity is a fraction of the training data: rungs 1, 3, 9, 27."""

LEAST_SECONDS = 1e-3
"""The least cost of a report, since the predicted time may stagnate or decrease slightly."""


def yahpo(name: str) -> Workload:
    """Create the workload of a scenario and an instance, such as "lcbench/3945".

    Raises:
        UnknownNameError: If there is no such scenario, or it has no such instance.
        DataError: If its files are missing, truncated or altered; the message has the command that downloads them.
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
    """Return the names that are known without the data: the tasks of lcbench. Other scenarios list theirs in files."""
    return tuple(f"{scenario.name}/{instance}" for scenario in SCENARIOS.values() for instance in scenario.instances)


def frozen_bounds(scenario: str, instance: str) -> tuple[float, float] | None:
    """Return the best and the worst value of the metric at `max_t`; None if they are not part of this package."""
    bounds = json.loads(BOUNDS.read_text(encoding="utf-8"))["bounds"].get(f"{scenario}/{instance}")
    return None if bounds is None else (float(bounds[0]), float(bounds[1]))


@dataclass(frozen=True, eq=False, kw_only=True)
class Surrogate:
    """One scenario on one instance. It can be pickled, since each process opens the network on first use.

    Attributes:
        scenario: The scenario, which has the order of inputs and outputs.
        param_space: The space as a dict of Ray Tune domains, without instance and fidelities.
        constants: The inputs that are the same for all configs: the instance and the fixed fidelities.
        codes: The integer code of each value of each categorical input; "#na#" stands for an inactive parameter.
        model: The file of the network.
        fidelities: The surrogate's fidelity after 1, 2, ... units of resource.
        min_t: The least resource at which a method should evaluate a config.
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
        object.__setattr__(self, "space", Space.of(self.param_space))

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        instance: str,
        document: Mapping[str, Any],
        encoding: Mapping[str, Mapping[str, int]],
        model: Path,
    ) -> Surrogate:
        """Create the surrogate from the files of a scenario.

        Args:
            scenario: The information that the files lack.
            instance: The data set.
            document: The content of config_space.json.
            encoding: The content of encoding.json.
            model: The path of model.onnx.

        Raises:
            UnknownNameError: If the scenario has no such instance.
            DataError: If the files do not match the scenario.
        """
        described = {entry["name"]: entry for entry in document["hyperparameters"]}
        unknown = {*scenario.continuous, *scenario.categorical} ^ described.keys()
        choices = {name: described.get(name, {}).get("choices", ()) for name in scenario.categorical}
        choices[scenario.instance] = [instance] if instance in choices[scenario.instance] else []
        unencoded = [name for name in choices if not {"#na#", *choices[name]} <= encoding.get(name, {}).keys()]
        if unknown or unencoded:
            raise DataError(
                f"the files of {scenario.name} do not match the scenario: {sorted(unknown) or unencoded} differ; "
                f"download them again with `raytune-suite data fetch yahpo/{scenario.name}`"
            )
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
        """Predict the outputs of each config at each fidelity, of shape (configs, fidelities, outputs).

        Raises:
            SpaceError: If a config is not in the space.
        """
        numbers, codes = zip(*map(self._inputs, configs), strict=True)
        x_cont = np.repeat(np.array(numbers, dtype=np.float32), len(fidelities), axis=0)
        x_cont[:, self.scenario.continuous.index(self.scenario.fidelity)] = np.tile(fidelities, len(configs))
        x_cat = np.repeat(np.array(codes, dtype=np.int32), len(fidelities), axis=0)
        predicted: Floats = _session(self.model).run(None, {"x_cat": x_cat, "x_cont": x_cont})[0].astype(np.float64)
        return predicted.reshape(len(configs), len(fidelities), len(self.scenario.outputs))

    def curve(self, config: Config, seed: int) -> Curve:  # noqa: ARG002 - the surrogates have no training seeds
        """Predict the learning curve of a config."""
        predicted = self.predict([config], self.fidelities)[0]
        columns = dict(zip(self.scenario.outputs, predicted.T, strict=True))
        elapsed = np.maximum.accumulate(columns.pop(self.scenario.runtime))
        return Curve(
            resource=np.arange(1, len(predicted) + 1, dtype=np.float64),
            metrics=columns,
            seconds=np.maximum(np.diff(elapsed, prepend=0.0), LEAST_SECONDS),
        )

    def exact(self, config: Config) -> float:
        """Predict the metric at `max_t`."""
        return float(self.curve(config, 0).metrics[self.scenario.metric][-1])

    def seconds_per_unit(self, config: Config) -> float:
        """Predict the seconds of one unit of resource, on average over a training."""
        return float(self.curve(config, 0).seconds.mean())

    def _inputs(self, config: Config) -> tuple[list[float], list[int]]:
        """Return the numeric and categorical inputs of the network; those of inactive parameters are 0 and "#na#"."""
        values = {**dict(flat(self.space.complete(split_config(config).hyperparameters))), **self.constants}
        numbers = [float(values.get(name, 0.0)) for name in self.scenario.continuous]
        return numbers, [self.codes[name][values.get(name, "#na#")] for name in self.scenario.categorical]


def epochs(lower: int, upper: int) -> tuple[Floats, int]:
    """Return the epochs from the first to the last but one, and the second as the least resource.

    Example:
        >>> fidelities, least = epochs(1, 52)
        >>> fidelities[[0, -1]].tolist(), least
        ([1.0, 51.0], 2)
    """
    return np.arange(lower, upper, dtype=np.float64), 2


def shares(lower: float, upper: float) -> tuple[Floats, int]:
    """Return at most 27 equal steps up to the upper fraction of the training data, none of them below the lower one.

    Example:
        >>> [len(shares(least, 1.0)[0]) for least in (0.03, 0.05)]
        [27, 20]
    """
    steps = min(MOST_SHARES, math.floor(upper / lower))
    return upper * np.arange(1, steps + 1) / steps, 1


@lru_cache(maxsize=8)
def _session(model: Path) -> Any:
    """Open the network, once per process, with one thread so that sums are always in the same order.

    Raises:
        DataError: If the file is not on this machine.
    """
    if not model.is_file():
        raise DataError(
            f"the surrogate {str(model)!r} is not on this machine: download the data to this path here, too"
        )
    onnxruntime = require("onnxruntime", extra="surrogates")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
