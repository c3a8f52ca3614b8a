"""Lanes: trainings that advance together, from report to report.

A lane is a value: its parameters, its optimizer's slots, and how far it is. `advance` takes any lanes, groups them by
what must be equal, and trains each group at once. Between two reports nothing is shared, so lanes join, pause, are
cloned, stop and are replaced at every report without further ado.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, final

from raytune_suite.errors import ArgumentError
from raytune_suite.fused.layout import ParameterLayout
from raytune_suite.fused.workspace import Workspace
from raytune_suite.optional import require
from raytune_suite.seeding import derive
from raytune_suite.types import as_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor

    from raytune_suite.fused.program import FusedProgram
    from raytune_suite.types import Config
else:
    torch = require("torch", extra="torch")

_logger = logging.getLogger("raytune_suite")

WORKSPACES = 8
"""How many workspaces a process keeps; those on a GPU hold the memory and the CUDA graphs of their lanes."""


def resolve(device: str) -> torch.device:
    """The device called "auto" (the first GPU that this process sees, else the CPU), "cpu", "cuda" or the like."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


class LaneState(NamedTuple):
    """How far a lane is.

    Attributes:
        vector: The parameters, of shape (size,).
        slots: What the optimizer remembers.
        unit: The number of reports.
        steps: The number of gradient steps.
    """

    vector: Tensor
    slots: dict[str, Tensor]
    unit: int
    steps: int


class LaneReport(NamedTuple):
    """What `advance` returns for a lane: its next state, and its metrics."""

    state: LaneState
    metrics: dict[str, float]


@final
class Lane:
    """The training of one config, which alone or with others advances from report to report.

    Attributes:
        group: What it shares with the lanes with which it can be fused.
        values: The hyperparameters that are not structural, in the order of the group's names.
        key: The key of its random draws.
        current: How far it is.
    """

    def __init__(self, program: FusedProgram, config: Config, seed: int, device: str = "auto") -> None:
        """Start from scratch.

        Raises:
            ArgumentError: If a hyperparameter cannot be used, or a structural one is missing.
        """
        hp = program.hyperparameters(config)
        for name in program.structural:
            if name not in hp:
                raise ArgumentError(f"the config has no {name!r}, but {type(program).__name__} needs it: add it")
        varying = tuple(sorted(set(hp) - set(program.structural)))
        for name in varying:
            if as_number(hp[name]) is None:
                raise ArgumentError.invalid(name, hp[name], "a number", f"or add {name!r} to `structural`")
        structure = Structure({name: hp[name] for name in program.structural})
        self.group = lane_group(program, structure, varying, resolve(device))
        self.values = tuple(float(hp[name]) for name in varying)
        self.key = derive(seed, program.name, "lane")
        weights = torch.Generator().manual_seed(derive(seed, program.name, "weights"))
        vector = self.group.layout.join(program.initialize(hp, weights)).to(self.group.device)
        self.current = LaneState(vector, self.group.optimizer.start(vector), 0, 0)

    def state(self) -> dict[str, Any]:
        """A copy of the state on the CPU: the parameters by name, the optimizer's slots, and the counts."""
        vector, slots, unit, steps = self.current
        parameters = self.group.layout.split(vector.cpu())
        return {
            "unit": unit,
            "steps": steps,
            "parameters": {name: value.clone() for name, value in parameters.items()},
            "optimizer": {name: value.to("cpu", copy=True) for name, value in slots.items()},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state` with the hyperparameters of this lane.

        Raises:
            ArgumentError: If the parameters have other names or shapes, or the optimizer is another one.
        """
        device = self.group.device
        vector = self.group.layout.join(state["parameters"]).to(device)
        if set(state["optimizer"]) != set(self.current.slots):
            raise ArgumentError(
                f"the optimizer of the checkpoint has {sorted(state['optimizer'])}, but this one needs "
                f"{sorted(self.current.slots)}: keep the optimizer of the checkpoint"
            )
        slots = {name: value.to(device, copy=True) for name, value in state["optimizer"].items()}
        self.current = LaneState(vector, slots, state["unit"], state["steps"])


@final
class Structure:
    """Structural hyperparameters, which may be lists; equal if they are written in the same way, as 1 and True are not.

    Attributes:
        values: The hyperparameters by name.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values, self._text = values, repr(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@functools.lru_cache(maxsize=64)
def lane_group(
    program: FusedProgram, structure: Structure, varying: tuple[str, ...], device: torch.device
) -> LaneGroup:
    """The group of all lanes with this program, these structural values, these other names, and this device."""
    return LaneGroup(program, dict(structure.values), varying, device)


@final
class LaneGroup:
    """What lanes that can be fused have in common.

    Attributes:
        program: What they compute.
        structure: Their structural hyperparameters.
        varying: The names of the others.
        device: Where they are.
        layout: The layout of their parameters.
        optimizer: Their optimizer.
        data: The data that they share, on the device.
        most: How many are trained at once.
    """

    def __init__(
        self, program: FusedProgram, structure: dict[str, Any], varying: tuple[str, ...], device: torch.device
    ) -> None:
        self.program, self.structure, self.varying, self.device = program, structure, varying, device
        like = {**dict.fromkeys(varying, 0.5), **structure}
        self.layout = ParameterLayout.of(program.initialize(like, torch.Generator()))
        self.optimizer = program.optimizer(structure)
        self.data = {name: value.to(device) for name, value in program.data(structure).items()}
        self.most = program.most_lanes

    def advance(self, lanes: Sequence[Lane]) -> list[LaneReport]:
        """Train each lane up to its next report; no lane is changed."""
        reports: list[LaneReport] = []
        while len(reports) < len(lanes):
            some = lanes[len(reports) : len(reports) + self.most]
            try:
                reports += self._advance(some)
            except torch.OutOfMemoryError:
                if len(some) == 1:
                    raise
                self.most = len(some) // 2
                workspace_of.cache_clear()
                torch.cuda.empty_cache()
                _logger.warning("%d lanes do not fit into the memory of the GPU: %d do", len(some), self.most)
        return reports

    def _advance(self, lanes: Sequence[Lane]) -> list[LaneReport]:
        workspace = workspace_of(self, self._padded(len(lanes)))
        filled = [*lanes, *[lanes[0]] * (workspace.lanes - len(lanes))]  # a CUDA graph has a fixed number of lanes
        workspace.load(
            vectors=[lane.current.vector for lane in filled],
            slots=[lane.current.slots for lane in filled],
            values=[lane.values for lane in filled],
            keys=[lane.key for lane in filled],
            units=[lane.current.unit for lane in filled],
            steps=[lane.current.steps for lane in filled],
        )
        metrics = workspace.run()
        return [
            LaneReport(
                LaneState(*workspace.lane(index), lane.current.unit + 1, lane.current.steps + workspace.steps),
                {name: values[index] for name, values in metrics.items()},
            )
            for index, lane in enumerate(lanes)
        ]

    def _padded(self, lanes: int) -> int:
        """How many lanes are trained: on a GPU a power of two, so that few graphs serve all numbers."""
        return lanes if self.device.type == "cpu" else min(1 << (lanes - 1).bit_length(), self.most)


@functools.lru_cache(maxsize=WORKSPACES)
def workspace_of(group: LaneGroup, lanes: int) -> Workspace:
    """The workspace of a group for this number of lanes."""
    return Workspace(group, lanes)


def advance(lanes: Sequence[Lane]) -> list[LaneReport]:
    """Train each lane up to its next report, those of a group at once; no lane is changed.

    A report does not depend on the lanes with which it was trained, up to rounding. On the CPU it is bit for bit that
    of the lane alone, as long as the matrix products of torch are (those of small models are).
    """
    groups: dict[int, list[int]] = {}
    for index, lane in enumerate(lanes):
        groups.setdefault(id(lane.group), []).append(index)
    reports: dict[int, LaneReport] = {}
    for indices in groups.values():
        group = lanes[indices[0]].group
        reports.update(zip(indices, group.advance([lanes[index] for index in indices]), strict=True))
    return [reports[index] for index in range(len(lanes))]
