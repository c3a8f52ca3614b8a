"""Workloads: tuning problems with a space, a metric, a resource and an evaluator, each found by its name.

Importing this package loads neither Ray nor torch; `workload(name)` loads what that workload needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raytune_suite.registry import Registry
from raytune_suite.workloads.base import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WORKLOADS", "Workload", "workload"]

WORKLOADS: Registry[Callable[[], Workload]] = Registry("workload")
"""The function that makes each workload; "live/" trains a model, and later kinds look their curves up."""

WORKLOADS.add("live/digits-mlp", "raytune_suite.workloads.digits_mlp:digits_mlp")


def workload(name: str) -> Workload:
    """Make the workload of this name, with a space of its own that the caller may change.

    Raises:
        UnknownNameError: If there is none; the message has the nearest name.

    Example:
        >>> workload("live/digits-mlp").metric
        'val_loss'
    """
    return WORKLOADS[name]()
