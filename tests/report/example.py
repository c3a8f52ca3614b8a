"""A fictitious study with a conditional space, with any number of trials."""

from __future__ import annotations

import numpy as np
import pandas as pd
from ray import tune

from raytune_suite.plotting.study_data import StudyData
from raytune_suite.spaces import Space

LEVELS = (1.0, 3.0, 9.0)
SPACE = {
    "lr": tune.loguniform(1e-4, 1.0),
    "units": tune.randint(8, 65),
    "optimizer": tune.choice([{"name": "sgd", "momentum": tune.uniform(0, 1)}, {"name": "adam"}]),
    "noise<b>$x$": tune.uniform(0, 1),
}


def study(trials: int, *, seed: int = 0, failed: int = 1) -> StudyData:
    """A study that halves: a third of the trials of each level reach the next one; the first `failed` trials fail."""
    rng = np.random.default_rng(seed)
    space = Space(SPACE)
    configs = [space.sample(rng) for _ in range(trials)]
    losses = np.array([abs(np.log10(config["lr"]) + 2) + 0.1 * rng.random() for config in configs])
    losses += [0.5 * config["optimizer"].get("momentum", 0.5) for config in configs]
    rows: list[tuple[int, float, float]] = []
    members, end = np.arange(trials), np.zeros(trials)
    for level in LEVELS:
        rows += [(int(trial), level, losses[trial] + 1 / level) for trial in members]
        end[members] = level
        members = members[np.argsort(losses[members])][: max(len(members) // 3, 1)]
    reports = pd.DataFrame(rows, columns=["trial", "resource", "value"])
    reports.loc[reports["trial"] < failed, "value"] = np.nan
    reports["elapsed"] = np.arange(1, len(reports) + 1) / 4.0
    reports["cost"] = np.arange(1, len(reports) + 1, dtype=float)
    best = reports[(reports["resource"] == LEVELS[-1]) & reports["value"].notna()]
    incumbent = best.loc[[best["value"].idxmin()]] if len(best) else reports.iloc[:0]
    last = reports.groupby("trial")["value"].last()
    outcome = np.where(end == LEVELS[-1], "trained in full", "stopped early").astype(object)
    outcome[:failed] = "failed"
    table = pd.DataFrame({"outcome": outcome, "resource": end, "value": last.to_numpy(), "error": ""})
    table["config/lr"] = [config["lr"] for config in configs]
    table["config/optimizer/momentum"] = [config["optimizer"].get("momentum", np.nan) for config in configs]
    table.loc[: failed - 1, "error"] = "RuntimeError: <script>alert(1)</script>"
    return StudyData(
        name="fictitious <i>",
        method="asha",
        metric="loss",
        mode="min",
        time_attr="epochs",
        max_t=9,
        trials=table,
        reports=reports,
        incumbent=incumbent,
        test_scores=pd.DataFrame({"seed": [5, 6], "value": [0.4, 0.5]}),
        space=space,
        configs=configs,
    )
