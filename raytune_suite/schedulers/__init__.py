"""Schedulers: each decides which trials continue, and is an ordinary Ray Tune `TrialScheduler`, usable on its own.

One file per scheduler. To add one, write a final subclass of `StudyScheduler` in a new file and register it below; the
conformance suite then covers it. `StockScheduler` adapts any scheduler of Ray's.
"""

from __future__ import annotations

from raytune_suite.registry import Registry
from raytune_suite.schedulers.base import StudyScheduler
from raytune_suite.schedulers.study_searcher import StudySearcher

__all__ = ["SCHEDULERS", "StudyScheduler", "StudySearcher"]

SCHEDULERS: Registry[type[StudyScheduler]] = Registry(
    "scheduler", group="raytune_suite.schedulers", base=StudyScheduler
)
SCHEDULERS.add("fifo", "raytune_suite.schedulers.fifo:FIFO")
SCHEDULERS.add("asha", "raytune_suite.schedulers.asha:ASHA")
SCHEDULERS.add("hyperband", "raytune_suite.schedulers.hyperband:Hyperband")
SCHEDULERS.add("async-hyperband", "raytune_suite.schedulers.async_hyperband:AsyncHyperband")
SCHEDULERS.add("pasha", "raytune_suite.schedulers.pasha:PASHA")
SCHEDULERS.add("assigned", "raytune_suite.schedulers.assigned:AssignedFidelity")
SCHEDULERS.add("median", "raytune_suite.schedulers.median:MedianStopping")
SCHEDULERS.add("pbt", "raytune_suite.schedulers.pbt:PBT")
SCHEDULERS.add("pb2", "raytune_suite.schedulers.pb2:PB2")
