"""The parameters of a model as one vector, so that an optimizer is a few operations whatever the number of layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor
else:
    torch = require("torch", extra="torch")


@dataclass(frozen=True)
class Layout:
    """Where each parameter lies in the vector.

    Attributes:
        names: The names of the parameters.
        shapes: Their shapes.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, parameters: Mapping[str, Tensor]) -> Layout:
        """The layout of these parameters, in their order."""
        return cls(tuple(parameters), tuple(tuple(value.shape) for value in parameters.values()))

    @property
    def sizes(self) -> list[int]:
        """The number of entries of each parameter."""
        return [math.prod(shape) for shape in self.shapes]

    def join(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """The parameters as one vector of dtype float32.

        Raises:
            ArgumentError: If they do not have this layout.
        """
        found = Layout.of(parameters)
        if found != self:
            raise ArgumentError(
                f"the parameters are {found.described()}, but must be {self.described()}: "
                "keep the structural hyperparameters of the checkpoint"
            )
        return torch.cat([value.detach().float().flatten() for value in parameters.values()])

    def split(self, vector: Tensor) -> dict[str, Tensor]:
        """Views of the parameters in a vector; of shape (lanes, ...) if the vector has shape (lanes, size)."""
        lanes = vector.shape[:-1]
        parts = vector.split(self.sizes, dim=-1)
        return {name: p.view(*lanes, *shape) for name, p, shape in zip(self.names, parts, self.shapes, strict=True)}

    def matrices(self, device: torch.device) -> Tensor:
        """A vector with 1 for the entries of parameters of two or more dimensions, and 0 for biases and scales."""
        parts = [torch.full((size,), float(len(s) > 1)) for size, s in zip(self.sizes, self.shapes, strict=True)]
        return torch.cat(parts).to(device)

    def described(self) -> str:
        """The names and shapes as text."""
        return ", ".join(f"{name} {shape}" for name, shape in zip(self.names, self.shapes, strict=True))
