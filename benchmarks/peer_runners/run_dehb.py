"""DEHB with ask and tell. A config that it evaluates at several fidelities is resumed."""

from __future__ import annotations

import contextlib
import tempfile

from dehb import DEHB  # type: ignore[import-not-found]  # in its own environment

from benchmarks.peer_runners.config_space import space
from benchmarks.peer_runners.protocol import Spent, Trainings, read_study


def main() -> None:
    """Run the study until the budget is spent."""
    study = read_study()
    trainings = Trainings(study["parameters"])
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Spent):
        dehb = DEHB(
            cs=space(study["parameters"], study["seed"]),
            min_fidelity=1,
            max_fidelity=study["max_t"],
            eta=3,
            n_workers=1,
            seed=study["seed"],
            output_path=folder,
            save_freq="end",
            log_level="ERROR",
        )
        while True:
            job = dehb.ask()
            loss = trainings.train(dict(job["config"]), round(job["fidelity"]))
            dehb.tell(job, {"fitness": loss, "cost": float(job["fidelity"])})


if __name__ == "__main__":
    main()
