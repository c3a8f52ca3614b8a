"""`FusedProgram`: a training written once, as pure functions, that runs alone or fused with others."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar

from raytune_suite.fused.optimizers import SGD
from raytune_suite.optional import require
from raytune_suite.types import FIDELITY, SEED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor

    from raytune_suite.fused.optimizers import LaneOptimizer
    from raytune_suite.types import Config
else:
    torch = require("torch", extra="torch")


class FusedProgram(abc.ABC):
    """What a training computes. A subclass implements `initialize`, `data`, `draw`, `loss` and `metrics`.

    The functions describe one training (a lane) and are called under `torch.func.vmap` for K of them. So they must be
    pure: no `.item()`, no branch on the value of a tensor, no in-place change of an argument, and no random draw but
    those of `raytune_suite.fused.draws`. They must not depend on attributes that change.

    `hp` holds the hyperparameters by name. The structural ones, such as a width or a batch size, are plain Python
    values: they decide shapes and control flow, and lanes that are fused have equal ones. All others are numbers that
    may differ between lanes, and arrive as tensors of shape (); in `initialize` they are plain numbers, too.

    Attributes:
        structural: The names of the structural hyperparameters.
        most_lanes: How many lanes are fused at most; fewer if the memory of a GPU is too small for them.
        autocast: Whether matrix products are computed in bfloat16 on a GPU that has it.
        compiled: Whether a step is compiled by `torch.compile` on a GPU. A transformer of 3 M parameters then trains
            2.5 times as fast on an H200, but each group and number of lanes takes about 25 s longer to start. It is
            worth it where few structural hyperparameters are tuned.
    """

    structural: ClassVar[tuple[str, ...]] = ()
    most_lanes: ClassVar[int] = 64
    autocast: ClassVar[bool] = False
    compiled: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """The name of the program's random streams: another name draws other weights and data."""
        return type(self).__name__

    def hyperparameters(self, config: Config) -> dict[str, Any]:
        """Check a config, and return its hyperparameters by name, without nesting.

        The default returns the entries of the config. Override it to check ranges or to flatten conditional parameters.

        Raises:
            ArgumentError: If a value cannot be used.
        """
        return {name: value for name, value in config.items() if name not in (SEED, FIDELITY)}

    @abc.abstractmethod
    def initialize(self, hp: Mapping[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
        """Draw the initial parameters by name, on the CPU."""

    @abc.abstractmethod
    def data(self, hp: Mapping[str, Any]) -> dict[str, Tensor]:
        """The data that all lanes share, on the CPU; `hp` has the structural hyperparameters only."""

    @abc.abstractmethod
    def draw(self, key: Tensor, hp: Mapping[str, Any], data: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the steps up to the next report train on: row numbers, bits for dropout; tensors of shape (steps, ...).

        The number of steps depends on structural hyperparameters only.
        """

    @abc.abstractmethod
    def loss(
        self,
        parameters: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
        hp: Mapping[str, Any],
        data: Mapping[str, Tensor],
    ) -> Tensor:
        """The loss of one step, a tensor of shape (); `batch` is one step of what `draw` returned."""

    @abc.abstractmethod
    def metrics(
        self, parameters: Mapping[str, Tensor], hp: Mapping[str, Any], data: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """What is reported, by name: tensors of shape (). "train_loss", the mean over the steps, is added."""

    def rate(self, hp: Mapping[str, Any], steps: Tensor) -> Tensor:
        """The learning rate in each of `steps`, which count from 0 since the start of the training: by default `lr`."""
        rates: Tensor = hp["lr"] * torch.ones_like(steps)
        return rates

    def optimizer(self, hp: Mapping[str, Any]) -> LaneOptimizer:  # noqa: ARG002 - for subclasses
        """The optimizer, which may depend on structural hyperparameters; by default `SGD`."""
        return SGD()
