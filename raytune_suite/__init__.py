"""Tune models on Ray with ASHA, Hyperband, BOHB, DEHB, PBT and more; switch methods by changing one argument.

The public names are imported on first use, so that importing this package is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raytune_suite.bench.compare import compare
    from raytune_suite.engines.callbacks.stop_rules import NoImprovement, RegretBound, TrialTime
    from raytune_suite.engines.ray.settings import Settings
    from raytune_suite.engines.simulated.engine import Fault, Simulation
    from raytune_suite.errors import RaytuneSuiteError, StudyError, StudyInterrupted
    from raytune_suite.fused.program import FusedProgram
    from raytune_suite.fused.trainable import FusedTrainable
    from raytune_suite.methods import METHODS, Method, make_method
    from raytune_suite.plotting import plot_study
    from raytune_suite.schedulers import SCHEDULERS, StudyScheduler
    from raytune_suite.searchers import SEARCHERS, AskTellSearcher
    from raytune_suite.spaces import Space, prior
    from raytune_suite.tuning.load import load_study
    from raytune_suite.tuning.optuna_export import to_optuna
    from raytune_suite.tuning.result import StudyResult
    from raytune_suite.tuning.tune import tune
    from raytune_suite.workloads import WORKLOADS, Workload, workload

    __version__: str

_PLACES = {
    "tune": "tuning.tune",
    "load_study": "tuning.load",
    "to_optuna": "tuning.optuna_export",
    "compare": "bench.compare",
    "StudyResult": "tuning.result",
    "NoImprovement": "engines.callbacks.stop_rules",
    "RegretBound": "engines.callbacks.stop_rules",
    "TrialTime": "engines.callbacks.stop_rules",
    "Simulation": "engines.simulated.engine",
    "Fault": "engines.simulated.engine",
    "make_method": "methods",
    "Method": "methods",
    "METHODS": "methods",
    "SEARCHERS": "searchers",
    "SCHEDULERS": "schedulers",
    "AskTellSearcher": "searchers",
    "StudyScheduler": "schedulers",
    "Space": "spaces",
    "prior": "spaces",
    "Settings": "engines.ray.settings",
    "FusedProgram": "fused.program",
    "FusedTrainable": "fused.trainable",
    "workload": "workloads",
    "Workload": "workloads",
    "WORKLOADS": "workloads",
    "plot_study": "plotting",
    "RaytuneSuiteError": "errors",
    "StudyError": "errors",
    "StudyInterrupted": "errors",
}

__all__ = [
    "METHODS",
    "SCHEDULERS",
    "SEARCHERS",
    "WORKLOADS",
    "AskTellSearcher",
    "Fault",
    "FusedProgram",
    "FusedTrainable",
    "Method",
    "NoImprovement",
    "RaytuneSuiteError",
    "RegretBound",
    "Settings",
    "Simulation",
    "Space",
    "StudyError",
    "StudyInterrupted",
    "StudyResult",
    "StudyScheduler",
    "TrialTime",
    "Workload",
    "compare",
    "load_study",
    "make_method",
    "plot_study",
    "prior",
    "to_optuna",
    "tune",
    "workload",
]


if not TYPE_CHECKING:  # a type checker reads the imports above, and reports names that do not exist

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib import metadata  # late: it takes longer than the rest of this package

            return metadata.version("raytune-suite")
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
