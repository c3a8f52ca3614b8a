"""Syne Tune: `asha` (random configs), `asha-cqr` or `asha-kde` (BOHB there), all stopping; one trial runs at a time.

Syne Tune has no conditional parameters, so that inactive ones are drawn, too, and ignored.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import sys
from typing import Any

import syne_tune.config_space as domains  # type: ignore[import-not-found] # of another environment
from syne_tune.backend.trial_status import Trial  # type: ignore[import-not-found] # as above
from syne_tune.optimizer.baselines import ASHA, ASHACQR, BOHB  # type: ignore[import-not-found] # as above

from benchmarks.peer_runners.protocol import Spent, active_values, read_study, report

SCHEDULERS = {"asha": ASHA, "asha-cqr": ASHACQR, "asha-kde": BOHB}


def domain(parameter: dict[str, Any]) -> Any:
    """Return a parameter as a domain; steps are rounded to in `active_values`."""
    lower, upper = parameter["lower"], parameter["upper"]
    if parameter["kind"] == "categorical":
        return domains.choice(list(range(upper + 1)))
    if parameter["kind"] == "integer":
        return domains.lograndint(lower, upper) if parameter["log"] else domains.randint(lower, upper)
    return domains.loguniform(lower, upper) if parameter["log"] else domains.uniform(lower, upper)


def main() -> None:
    """Run the study until the budget is spent."""
    study = read_study()
    logging.disable(logging.CRITICAL)
    space = {one["name"]: domain(one) for one in study["parameters"]}
    settings = {"metric": "loss", "time_attr": "epoch", "max_t": study["max_t"], "random_seed": study["seed"]}
    scheduler = SCHEDULERS[sys.argv[1]](space, grace_period=1, reduction_factor=3, **settings)
    with contextlib.suppress(Spent):
        number = 0
        while True:
            suggestion = scheduler.suggest()
            trial = Trial(number, suggestion.config, dt.datetime.now(tz=dt.UTC))
            scheduler.on_trial_add(trial)
            values, result = active_values(study["parameters"], suggestion.config), {}
            for epoch in range(1, study["max_t"] + 1):
                result = {"loss": report(number, values, epoch), "epoch": epoch}
                if epoch < study["max_t"] and scheduler.on_trial_result(trial, result) != "CONTINUE":
                    scheduler.on_trial_remove(trial)
                    break
            else:
                scheduler.on_trial_complete(trial, result)
            number += 1


if __name__ == "__main__":
    main()
