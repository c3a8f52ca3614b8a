"""The study on our simulated clock; `simulator.py` runs this module in a fresh process.

Prints reports, trials, CPU seconds, and the digest of the decision log as a line of JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ray import tune

from raytune_suite.engines.simulated import simulate as simulated
from raytune_suite.engines.simulated.evaluators import CurveEvaluator
from raytune_suite.methods import make_method
from raytune_suite.types import Curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raytune_suite.types import Config

WIDTH = 25
"""A config is a row and a column, as for Syne Tune."""


def study(losses: NDArray[np.float64], seconds: NDArray[np.float64], trials: int, workers: int, seed: int) -> Any:
    """Run a study and return its figures; the time includes writing the decision log."""
    configs, epochs = losses.shape
    space = {"row": tune.randint(0, configs // WIDTH), "column": tune.randint(0, WIDTH)}
    resource = np.arange(1.0, epochs + 1)
    times = np.repeat(seconds[:, None], epochs, axis=1)

    def curve(config: Config) -> Curve:
        index = WIDTH * config["row"] + config["column"]
        return Curve(resource, {"loss": losses[index]}, times[index])

    method = make_method("asha", space, metric="loss", mode="min", max_t=epochs, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "decisions.parquet")
        began = time.process_time()
        outcome = simulated.simulate(
            CurveEvaluator(curve),
            searcher=method.searcher,
            scheduler=method.scheduler,
            metric="loss",
            mode="min",
            num_samples=trials,
            workers=workers,
        )
        outcome.decisions.write(log)
        cpu = time.process_time() - began
        digest = hashlib.sha256(log.read_bytes()).hexdigest()
    return {"reports": len(outcome.decisions.rows), "trials": len(outcome.trials), "cpu_s": cpu, "log": digest}


def main() -> None:
    """Run a small study to warm up, then the measured one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="losses of shape (configs, epochs), and seconds of shape (configs,)")
    parser.add_argument("trials", type=int)
    parser.add_argument("workers", type=int)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    with np.load(arguments.table) as table:
        losses, seconds = table["losses"], table["seconds"]
    study(losses, seconds, 20, arguments.workers, arguments.seed)
    print(json.dumps(study(losses, seconds, arguments.trials, arguments.workers, arguments.seed)))


if __name__ == "__main__":
    main()
