"""Create raytune_suite/workloads/surrogate/yahpo_bounds.json: the best and worst values of YAHPO Gym's lcbench tasks.

For each task, evaluate 20,000 configs of a Sobol sequence at the most epochs; start differential evolution (scipy) from
the best 128 of them for 200 generations, and again from the worst 128. Everything is seeded. The file contains the
checksum of the surrogate.

    RAYTUNE_SUITE_DATA=DIR nice -n 19 python benchmarks/tables/make_yahpo_bounds.py [TASK ...]

With tasks, only these are computed, and compared with the file instead of writing it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import Bounds, differential_evolution
from scipy.stats import qmc

from raytune_suite import datasets
from raytune_suite.seeding import derive
from raytune_suite.workloads import workload
from raytune_suite.workloads.surrogate.yahpo import BOUNDS, Surrogate
from raytune_suite.workloads.surrogate.yahpo_scenarios import SCENARIOS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SCENARIO = "lcbench"
SEED = 0
SAMPLES, POPULATION, GENERATIONS, BATCH = 20_000, 128, 200, 4096


def at_max_t(surrogate: Surrogate, points: Floats) -> Floats:
    """Return the metric at the most resource for points of the unit cube, of shape (points,)."""
    column = surrogate.scenario.outputs.index(surrogate.scenario.metric)
    parts = np.array_split(points, -(-len(points) // BATCH))
    last = surrogate.fidelities[-1:]
    return np.concatenate(
        [surrogate.predict([surrogate.space.decode(point) for point in part], last)[:, 0, column] for part in parts]
    )


def least(surrogate: Surrogate, points: Floats, values: Floats, sign: int, seed: int) -> float:
    """Minimize sign x metric, and return the minimum times sign."""

    def loss(cube: Floats, /) -> Any:  # of shape (dimensions, points), because of `vectorized`
        return sign * at_max_t(surrogate, np.clip(cube.T, 0.0, 1.0))

    start = points[np.argsort(sign * values, kind="stable")[:POPULATION]]
    result = differential_evolution(
        loss,
        bounds=Bounds(np.zeros(points.shape[1]), np.ones(points.shape[1])),
        init=start,
        maxiter=GENERATIONS,
        tol=0.0,
        rng=np.random.default_rng(seed),
        polish=False,
        vectorized=True,
        updating="deferred",
    )
    return sign * min(float(result.fun), float((sign * values).min()))


def search(instance: str) -> tuple[float, float]:
    """Search the best and the worst value of one task."""
    task = workload(f"yahpo/{SCENARIO}/{instance}")
    surrogate = task.curve.__self__  # type: ignore[union-attr]
    seed = derive(SEED, "yahpo bounds", SCENARIO, instance)
    sobol = qmc.Sobol(len(surrogate.space), rng=np.random.default_rng(seed))
    points = sobol.random(2 ** int(np.ceil(np.log2(SAMPLES))))[:SAMPLES]
    values = at_max_t(surrogate, points)
    sign = 1 if task.mode == "min" else -1
    return least(surrogate, points, values, sign, seed), least(surrogate, points, values, -sign, seed)


def main(instances: list[str]) -> None:
    """Search all tasks and write the file, or compare some tasks with the file."""
    bounds = {}
    start = time.process_time()
    for instance in instances or SCENARIOS[SCENARIO].instances:
        bounds[f"{SCENARIO}/{instance}"] = search(instance)
        print(instance, *bounds[f"{SCENARIO}/{instance}"], f"{time.process_time() - start:.0f} CPU s", flush=True)
    if instances:
        shipped = json.loads(BOUNDS.read_text(encoding="utf-8"))["bounds"]
        for name, (best, worst) in bounds.items():
            print(name, "difference to the file: best", best - shipped[name][0], "worst", worst - shipped[name][1])
        return
    content = {
        "about": "best and worst val_accuracy at max_t, found by benchmarks/tables/make_yahpo_bounds.py",
        "model": {SCENARIO: datasets.digest(datasets.path(f"yahpo/{SCENARIO}/model.onnx"))},
        "search": {"samples": SAMPLES, "population": POPULATION, "generations": GENERATIONS},
        "bounds": {name: [round(value, 4) for value in pair] for name, pair in bounds.items()},
    }
    BOUNDS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
