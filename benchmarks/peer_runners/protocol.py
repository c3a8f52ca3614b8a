"""How a peer's process asks for trainings: one JSON document per line. It needs no package.

The first line on stdin describes the study: `max_t`, `seed`, and `parameters`, a list of dicts with name, kind
("float", "integer" or "categorical"), lower, upper, log, step, and parent and option for a conditional one. A
category's values are its positions. The process then asks on stdout for one report of a trial at a time, in the order
in which it trains,

    {"trial": 0, "values": {"lr": 0.1}, "resource": 3}

and is answered with {"loss": 0.25}, lower is better, or with {"loss": null} for a crash. After the budget is spent, the
answer is {"end": true}, and the process exits.
"""

from __future__ import annotations

import json
import sys
from typing import Any


class Spent(Exception):  # noqa: N818 - a signal
    """The budget is spent."""


CRASHED = 1e9
"""The loss reported to a peer for a crash; most peers reject infinity."""


def read_study() -> dict[str, Any]:
    """Read the description of the study."""
    return dict(json.loads(sys.stdin.readline()))


def report(trial: int, values: dict[str, Any], resource: int) -> float:
    """Train a trial to a resource, and return its loss.

    Raises:
        Spent: If the budget is spent.
    """
    sys.__stdout__.write(json.dumps({"trial": trial, "values": values, "resource": resource}) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    answer = json.loads(sys.stdin.readline())
    if answer.get("end"):
        raise Spent
    return CRASHED if answer["loss"] is None else float(answer["loss"])


class Trainings:
    """Trains configs to a resource at once, for peers that ask so. A config that was trained before is resumed."""

    def __init__(self, parameters: list[dict[str, Any]]) -> None:
        self._parameters = parameters
        self._trials: dict[str, tuple[int, list[float]]] = {}

    def train(self, config: dict[str, Any], resource: int) -> float:
        """Return the loss of a config at a resource.

        Raises:
            Spent: If the budget is spent.
        """
        values = active_values(self._parameters, config)
        trial, losses = self._trials.setdefault(json.dumps(values), (len(self._trials), []))
        while len(losses) < resource:
            losses.append(report(trial, values, len(losses) + 1))
        return losses[resource - 1]


def active_values(parameters: list[dict[str, Any]], config: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the active parameters, rounded to the steps of quantized ones."""
    values: dict[str, Any] = {}
    for one in parameters:
        if not active(one, values):
            continue
        value, step = config[one["name"]], one["step"]
        if step:
            value = min(max(round(value / step) * step, one["lower"]), one["upper"])
        values[one["name"]] = float(value) if one["kind"] == "float" else int(value)
    return values


def active(parameter: dict[str, Any], values: dict[str, Any]) -> bool:
    """Whether a parameter is active in a config, whose earlier parameters are in `values`."""
    return parameter["parent"] is None or values.get(parameter["parent"]) in parameter["options"]
