"""The same study on Syne Tune's simulator; `simulator.py` runs this module in its own environment.

Prints reports, trials and CPU seconds as a line of JSON. Optional work is turned off: Syne Tune does not save its
tuner, and does not log.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from syne_tune import StoppingCriterion, Tuner  # type: ignore[import-not-found] # of another environment
from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback  # type: ignore[import-not-found] # of another environment
from syne_tune.blackbox_repository import UserBlackboxBackend  # type: ignore[import-not-found] # of another environment
from syne_tune.blackbox_repository.blackbox_tabular import BlackboxTabular  # type: ignore[import-not-found] # of another environment
from syne_tune.config_space import randint  # type: ignore[import-not-found] # of another environment
from syne_tune.optimizer.baselines import ASHA  # type: ignore[import-not-found] # of another environment
from syne_tune.tuner_logger import TunerLogger  # type: ignore[import-not-found] # of another environment

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Silent(TunerLogger):  # type: ignore[misc] # as above
    """Prints nothing."""

    def __getattribute__(self, name: str) -> Any:
        """Replace methods that print by methods that do nothing."""
        return (lambda *_, **__: None) if name.startswith("print_") else super().__getattribute__(name)


WIDTH = 25
"""Syne Tune does not support tables with a single parameter, so a config is a row and a column."""


class Counter(SimulatorCallback):  # type: ignore[misc] # as above
    """Counts the reports."""

    def __init__(self) -> None:
        super().__init__()
        self.reports = 0

    def on_trial_result(self, *args: Any, **info: Any) -> None:
        """Count a report, and call the simulator's callback."""
        self.reports += 1
        super().on_trial_result(*args, **info)


def study(losses: NDArray[np.float64], seconds: NDArray[np.float64], trials: int, workers: int, seed: int) -> Any:
    """Run a study and return its figures."""
    configs, epochs = losses.shape
    space = {"row": randint(0, configs // WIDTH - 1), "column": randint(0, WIDTH - 1)}
    elapsed = np.cumsum(np.repeat(seconds[:, None], epochs, axis=1), axis=1)
    blackbox = BlackboxTabular(
        hyperparameters=pd.DataFrame({"row": np.arange(configs) // WIDTH, "column": np.arange(configs) % WIDTH}),
        configuration_space=space,
        fidelity_space={"epoch": randint(1, epochs)},
        objectives_evaluations=np.stack([losses, elapsed], axis=-1)[:, None],
        objectives_names=["loss", "elapsed"],
    )
    backend = UserBlackboxBackend(blackbox, elapsed_time_attr="elapsed", seed=0)
    scheduler = ASHA(space, metric="loss", time_attr="epoch", max_t=epochs, random_seed=seed)
    counter = Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SYNETUNE_FOLDER"] = folder  # instead of the user's home directory
        tuner = Tuner(
            trial_backend=backend,
            scheduler=scheduler,
            stop_criterion=StoppingCriterion(max_num_trials_started=trials),
            n_workers=workers,
            sleep_time=0,
            callbacks=[counter],
            output_logger=Silent(),
            save_tuner=False,
            wait_trial_completion_when_stopping=True,
            results_update_interval=600,
            print_update_interval=600,
            trial_backend_path=folder,
            tuner_name="simulator",
        )
        began = time.process_time()
        tuner.run()
        cpu = time.process_time() - began
    return {"reports": counter.reports, "trials": len(backend.trial_ids), "cpu_s": cpu}


def main() -> None:
    """Run a small study to warm up, then the measured one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="losses of shape (configs, epochs), and seconds of shape (configs,)")
    parser.add_argument("trials", type=int)
    parser.add_argument("workers", type=int)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with np.load(arguments.table) as table:
        losses, seconds = table["losses"], table["seconds"]
    study(losses, seconds, 20, arguments.workers, arguments.seed)
    print(json.dumps(study(losses, seconds, arguments.trials, arguments.workers, arguments.seed)))


if __name__ == "__main__":
    main()
