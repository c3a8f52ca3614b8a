"""Random results of a fictitious comparison, with the columns and the rules of a real one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from raytune_suite.bench.store import (
    DONE,
    EXACT,
    FAILED,
    MANIFEST,
    REFUSED,
    SCHEMA,
    TABLES,
    TEST_SEEDS,
    TUNING_METRIC,
    Results,
    write_table,
    write_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

METHODS = ("random", "random-full", "asha", "pbt")
WORKLOADS = ("toy/exact", "toy/live", "toy/table")
BUDGET = 40.0


def comparison(
    methods: Sequence[str] = METHODS,
    workloads: Sequence[str] = WORKLOADS,
    seeds: int = 3,
    *,
    judged_by: Sequence[str] = (EXACT, TEST_SEEDS, TUNING_METRIC),
    refused: Sequence[tuple[str, str]] = (("pbt", "toy/table"),),
    failed: Sequence[tuple[str, str, int]] = (("asha", "toy/live", 1),),
    error: str = "ValueError: the loss was <nan> & more",
) -> Results:
    """A comparison in which later methods are better; workloads cycle through the kinds of evaluation."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for index, workload in enumerate(workloads):
        for strength, method in enumerate(methods):
            for seed in range(seeds):
                run = {"workload": workload, "method": method, "method_seed": seed}
                state = REFUSED if (method, workload) in refused else DONE
                state = FAILED if (method, workload, seed) in failed else state
                done = state == DONE
                message = {DONE: "", FAILED: error, REFUSED: f"{method} needs a state, and {workload} has none"}[state]
                spent = {
                    "trials": 50 * done,
                    "reports": 90 * done,
                    "spent": BUDGET * done,
                    "simulated_seconds": 800.0 * done,
                }
                tables["runs"].append({**run, "status": state, "error": message, **spent})
                if done:
                    add_run(tables, run, judged_by[index % len(judged_by)], strength, (index, strength, seed))
    manifest = describe(methods, workloads, seeds)
    return Results(manifest, **{name: pd.DataFrame(rows, columns=TABLES[name].names) for name, rows in tables.items()})


def add_run(
    tables: dict[str, list[dict[str, Any]]], run: dict[str, Any], kind: str, strength: int, entropy: tuple[int, ...]
) -> None:
    """Add a finished run: its incumbents, their evaluation, and its times."""
    rng = np.random.default_rng(entropy)
    cost = 0.4 * np.cumprod(1 + rng.exponential(0.6, 12))
    cost = cost[cost <= BUDGET]
    regret = 0.5 * np.exp(-np.cumsum(rng.exponential(0.08 * (1 + strength), len(cost))))
    exact = regret * rng.uniform(0.9, 1.4, len(cost)) if kind == EXACT else np.full(len(cost), np.nan)
    for row in range(len(cost)):
        incumbent = {"cost": cost[row], "resource": 27.0, "tuning_score": regret[row], "tuning_regret": regret[row]}
        tables["trajectories"].append({**run, **incumbent, "time": 20 * cost[row], "exact_regret": exact[row]})
    for fraction in (1 / 3, 2 / 3, 1.0):
        before = np.flatnonzero(cost <= fraction * BUDGET)
        if not len(before):
            continue
        last = before[-1]
        tests = regret[last] * rng.uniform(1.0, 1.6, 5) if kind != TUNING_METRIC else np.empty(0)
        test = float(tests.mean()) if len(tests) else np.nan
        decisive = {EXACT: exact[last], TEST_SEEDS: test, TUNING_METRIC: regret[last]}[kind]
        tables["results"].append(
            {
                **run,
                "fraction": fraction,
                "cost": cost[last],
                "resource": 27.0,
                "config": json.dumps({"lr": float(rng.random())}),
                "tuning_score": regret[last],
                "test_score": test,
                "test_seeds": np.arange(5, 5 + len(tests)),
                "test_scores": tests,
                "gap": test - regret[last],
                "tuning_regret": regret[last],
                "test_regret": test,
                "exact_regret": exact[last],
                "regret": decisive,
                "judged_by": kind,
            }
        )
    tables["timings"].append({**run, "wall_seconds": 1.5, "cpu_seconds": 1.4, "overhead_seconds": 0.2})


def save(results: Results, folder: Path) -> Path:
    """Write a comparison like the runner."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        write_table(folder, name, getattr(results, name).to_dict("records"))
    write_text(folder / MANIFEST, json.dumps(results.manifest))
    return folder


def describe(methods: Sequence[str], workloads: Sequence[str], seeds: int) -> dict[str, Any]:
    """A manifest with the keys of a real one."""
    facts = {
        "summary": "a toy",
        "metric": "loss",
        "mode": "min",
        "bounds": [0.0, 1.0],
        "time_attr": "training_iteration",
        "min_t": 1,
        "max_t": 27,
        "eta": 3,
        "space": {"lr": "uniform(0, 1)"},
        "has_state": True,
        "data": {},
        "tuning_seeds": [0, 1, 2, 3, 4],
        "test_seeds": [5, 6, 7, 8, 9],
        "budget": BUDGET,
        "workers": 4,
    }
    method_entries = [{"label": name, "method": name, "args": {}} for name in methods]
    workload_entries = [{"workload": name, "budget": BUDGET, "method_seeds": list(range(seeds))} for name in workloads]
    return {
        "schema": SCHEMA,
        "commit": "f" * 40,
        "dirty": False,
        "packages": {"raytune-suite": "0.1.0", "numpy": "2.4.6"},
        "python": "3.11.2",
        "os": "Linux 6.1",
        "cpu": "a processor",
        "cpus": 2,
        "threads": 1,
        "protocol": {
            "name": "toy",
            "engine": "simulated",
            "compute": 0,
            "methods": method_entries,
            "workloads": workload_entries,
        },
        "protocol_sha256": "0" * 64,
        "engine": "simulated",
        "time": "simulated seconds",
        "budget_unit": "full trainings",
        "fractions": [1 / 3, 2 / 3, 1.0],
        "crashes": "a crashed training never is the incumbent",
        "methods": {name: {"method": name, "args": {}} for name in methods},
        "workloads": dict.fromkeys(workloads, facts),
        "left_out": {"away/table": "its data are missing: raytune-suite data fetch away"},
        "runs": len(methods) * len(workloads) * seeds,
    }
