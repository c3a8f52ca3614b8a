"""The tensors in which K lanes train up to their next report, and the three functions that do it.

On a GPU each function is captured once in a CUDA graph, so that a step costs one launch. The functions therefore read
and write the same tensors each time.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, final

from raytune_suite.fused import draws
from raytune_suite.fused.optimizers import OptimizerStep
from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from torch import Tensor

    from raytune_suite.fused.lanes import LaneGroup
else:
    torch = require("torch", extra="torch")
    Tensor = torch.Tensor

_logger = logging.getLogger("raytune_suite")

WARM_UP = 3
"""How often a function runs before it is captured, as torch's documentation of CUDA graphs recommends."""


@final
class Workspace:
    """K lanes of a group in training.

    Attributes:
        lanes: K.
        steps: The number of steps up to the next report.
    """

    def __init__(self, group: LaneGroup, lanes: int) -> None:
        """Allocate the tensors, and capture the functions on a GPU."""
        self._group, self.lanes = group, lanes
        device, count = group.device, sum(group.layout.sizes)
        self._vectors = torch.zeros(lanes, count, device=device)
        self._slots = {
            name: torch.zeros(lanes, *value.shape, device=device)
            for name, value in group.optimizer.start(self._vectors[0]).items()
        }
        self._values = torch.full((lanes, max(len(group.varying), 1)), 0.5, device=device)
        columns = dict(zip(group.varying, self._values.unsqueeze(-1).unbind(1), strict=False))
        self._columns = {**group.structure, **columns}
        self._keys = torch.zeros(lanes, dtype=torch.int64, device=device)
        self._counts = torch.zeros(lanes, device=device)  # steps before this unit
        self._index = torch.zeros(1, dtype=torch.int64, device=device)  # the step in this unit
        self._total = torch.zeros(lanes, device=device)  # of the losses
        self._matrices = group.layout.matrices(device)
        self._bfloat16 = group.program.autocast and device.type == "cuda" and torch.cuda.is_bf16_supported()
        self._plan, self._rates = self._planned()
        self.steps = self._rates.shape[1]
        self._reported = self._evaluated()
        compiled = group.program.compiled and device.type == "cuda"
        train_step = torch.compile(self._train_step, dynamic=False) if compiled else self._train_step
        functions = (self._plan_unit, train_step, self._evaluate)
        self._run = _captured(functions) if device.type == "cuda" else functions

    def load(
        self,
        *,
        vectors: Sequence[Tensor],
        slots: Sequence[Mapping[str, Tensor]],
        values: Sequence[Sequence[float]],
        keys: Sequence[int],
        units: Sequence[int],
        steps: Sequence[int],
    ) -> None:
        """Copy the states of K lanes into the tensors."""
        torch.stack([*vectors], out=self._vectors)
        for name, target in self._slots.items():
            torch.stack([each[name] for each in slots], out=target)
        if self._group.varying:
            self._values.copy_(torch.tensor(values))
        unit_keys = [draws.fold(key, unit) for key, unit in zip(keys, units, strict=True)]
        self._keys.copy_(torch.tensor(unit_keys))
        self._counts.copy_(torch.tensor(steps, dtype=torch.float32))

    def run(self) -> dict[str, list[float]]:
        """Train up to the next report; returns each metric of all lanes."""
        plan, train, evaluate = self._run
        plan()
        for _ in range(self.steps):
            train()
        evaluate()
        names = [*self._reported]
        rows = torch.stack([self._reported[name] for name in names]).tolist()  # waits for the GPU
        return dict(zip(names, rows, strict=True))

    def lane(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Copies of the parameters and slots of a lane."""
        return self._vectors[index].clone(), {name: value[index].clone() for name, value in self._slots.items()}

    # ---- the three functions ----------------------------------------------------------------------------------

    def _plan_unit(self) -> None:
        """Draw what the steps train on, and compute their learning rates."""
        plan, rates = self._planned()
        for name, value in plan.items():
            self._plan[name].copy_(value)
        self._rates.copy_(rates)
        self._index.zero_()
        self._total.zero_()

    @torch.no_grad()
    def _train_step(self) -> None:
        """Make one step of each lane."""
        group, index = self._group, self._index
        batch = {name: value.index_select(1, index).squeeze(1) for name, value in self._plan.items()}
        gradients, losses = self._gradients(batch)
        at = OptimizerStep(
            hp=self._columns,
            lr=self._rates.index_select(1, index),
            count=(self._counts + index + 1).unsqueeze(1),
            layout=group.layout,
            matrices=self._matrices,
        )
        group.optimizer.update(self._vectors, gradients, self._slots, at)
        self._total += losses
        index += 1

    def _evaluate(self) -> None:
        """Compute the metrics."""
        for name, value in self._evaluated().items():
            self._reported[name].copy_(value)

    # ---- internals --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _planned(self) -> tuple[dict[str, Tensor], Tensor]:
        program, data = self._group.program, self._group.data
        plan = self._each(lambda key, values: program.draw(key, self._hp(values), data), self._keys, self._values)
        steps = next(iter(plan.values())).shape[1]
        passed = self._counts.unsqueeze(1) + torch.arange(steps, device=self._group.device)
        return plan, self._each(lambda values, at: program.rate(self._hp(values), at), self._values, passed)

    @torch.no_grad()
    def _evaluated(self) -> dict[str, Tensor]:
        group = self._group

        def metrics(vector: Tensor, values: Tensor) -> dict[str, Tensor]:
            with self._autocast():
                found = group.program.metrics(group.layout.split(vector), self._hp(values), group.data)
            return {name: value.float() for name, value in found.items()}

        vectors = group.optimizer.evaluated(self._vectors, self._slots)
        return {**self._each(metrics, vectors, self._values), "train_loss": self._total / self.steps}

    def _hp(self, values: Tensor) -> dict[str, Any]:
        """The hyperparameters of one lane: structural ones as they are, others as tensors of shape ()."""
        return {**self._group.structure, **dict(zip(self._group.varying, values.unbind(0), strict=False))}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._group.device.type, torch.bfloat16, enabled=self._bfloat16, cache_enabled=False)

    def _gradients(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The gradients (K, size) and losses (K,) of one step."""
        group = self._group

        def loss(vector: Tensor, rows: dict[str, Tensor], values: Tensor) -> Tensor:
            with self._autocast():
                return group.program.loss(group.layout.split(vector), rows, self._hp(values), group.data)

        if self.lanes > 1:
            gradients, losses = torch.vmap(torch.func.grad_and_value(loss))(self._vectors, batch, self._values)
            return gradients, losses.float()
        with torch.enable_grad():
            vector = self._vectors[0].detach().requires_grad_()
            value = loss(vector, _only(batch), self._values[0])
            (gradient,) = torch.autograd.grad(value, vector)
        return gradient.unsqueeze(0), value.detach().float().unsqueeze(0)

    def _each(self, function: Callable[..., Any], *tensors: Tensor) -> Any:
        """Call a function of one lane for all of them; with one lane, without the overhead of vmap."""
        if self.lanes > 1:
            return torch.vmap(function)(*tensors)
        result = function(*(tensor[0] for tensor in tensors))
        if isinstance(result, Tensor):
            return result.unsqueeze(0)
        return {name: value.unsqueeze(0) for name, value in result.items()}


def _only(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The batch of the only lane."""
    return {name: value[0] for name, value in batch.items()}


def _captured(functions: Sequence[Callable[[], None]]) -> list[Callable[[], None]]:
    """Capture each function in a CUDA graph; one that cannot be captured is left as it is: correct, but slower."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            for function in functions:
                function()
    torch.cuda.current_stream().wait_stream(stream)
    pool: Any = torch.cuda.graph_pool_handle()  # they never run at once, so they share their memory
    replays: list[Callable[[], None]] = []
    for function in functions:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=pool):
                function()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            torch.cuda.synchronize()
            _logger.warning("a step runs without a CUDA graph, more slowly: %s", error)
            replays.append(function)
        else:
            replays.append(graph.replay)
    return replays
