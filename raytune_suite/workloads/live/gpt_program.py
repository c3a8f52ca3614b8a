"""The training of "live/gpt-language": a decoder-only transformer on `Language`, as a `FusedProgram`.

The architecture is that of GPT-2 (Radford et al. 2019) without biases in the hidden matrices. The loss on the
validation sentences is the cross-entropy to the true distribution of the next symbol, not to the symbol that was drawn.
So it has no sampling noise, and the mean entropy of the states in these sentences is its exact minimum.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.fused import draws
from raytune_suite.fused.optimizers import SGD, AdamW, Muon, ScheduleFree
from raytune_suite.fused.program import FusedProgram
from raytune_suite.optional import require
from raytune_suite.workloads.live.hyperparameters import checked_values
from raytune_suite.workloads.live.language import SYMBOLS, VALIDATION, Language, least_loss

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor
    from torch.nn import functional

    from raytune_suite.fused.optimizers import LaneOptimizer
    from raytune_suite.types import Config
else:
    torch = require("torch", extra="torch")
    functional = require("torch.nn.functional", extra="torch")
    Tensor = torch.Tensor

HEAD, HEADS = 64, 4
"""The width of an attention head, and the least number of heads."""
TRAINING = 32768
"""The number of training sentences."""

Ranges = dict[str, tuple[float, float]]

SHARED: Ranges = {
    "lr": (0, math.inf),
    "warmup": (0, math.inf),
    "weight_decay": (0, math.inf),
    "dropout": (0, 1),
    "batch": (1, math.inf),
    "width": (4, math.inf),
    "depth": (1, math.inf),
}
"""The half-open ranges of valid values; `warmup` is a number of reports."""

BETAS: Ranges = {"beta1": (0, 1), "beta2": (0, 1)}
OPTIMIZERS: dict[str, Ranges] = {
    "adamw": BETAS,
    "sgd": {"momentum": (0, 1)},
    "muon": {"momentum": (0, 1), **BETAS},
    "schedule-free": BETAS,
}
"""The optimizers, and the ranges of the hyperparameters that only they have."""

SCHEDULES = {"constant": 0.0, "linear": 1.0, "cosine": 2.0}
"""The schedules of the learning rate after the warm-up, by the number that lanes use."""

MATRICES = frozenset({"embedding", "positions", "output"})
"""The matrices that are not hidden layers."""


@dataclass(frozen=True)
class GPTProgram(FusedProgram):
    """Trains for `steps_per_report` steps per report.

    Attributes:
        length: The length of a sentence.
        reports: The number of reports until the learning rate has decayed.
        steps_per_report: The number of gradient steps per report.
    """

    length: int = 64
    reports: int = 27
    steps_per_report: int = 20

    structural = ("width", "depth", "batch", "optimizer")
    autocast = True

    @property
    def name(self) -> str:
        """The name of the random streams."""
        return "gpt-language"

    def hyperparameters(self, config: Config) -> dict[str, Any]:
        """Check a config, and flatten its optimizer."""
        values = checked_values(config, SHARED, integers={"batch", "width", "depth"})
        optimizer = config.get("optimizer")
        if not isinstance(optimizer, dict) or "name" not in optimizer:
            raise ArgumentError.invalid(
                "optimizer", optimizer, "a dict with a name and that optimizer's hyperparameters"
            )
        name = optimizer["name"]
        if name not in OPTIMIZERS:
            raise UnknownNameError("optimizer", str(name), OPTIMIZERS)
        if values["width"] % max(HEADS, values["width"] // HEAD):
            raise ArgumentError.invalid(
                "width", values["width"], f"a multiple of {HEAD}, or of {HEADS} if it is smaller"
            )
        own = checked_values(optimizer, OPTIMIZERS[name], integers=())
        schedule = optimizer.get("schedule", "constant")
        if not isinstance(schedule, str) or schedule not in SCHEDULES:
            raise ArgumentError.invalid("schedule", schedule, f"one of {', '.join(SCHEDULES)}")
        return {**values, **own, "schedule": SCHEDULES[schedule], "optimizer": name}

    def initialize(self, hp: Mapping[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
        """Draw weights with deviation 0.02, those into the residual stream scaled by 1 / sqrt(2 depth), as GPT-2."""
        width, depth = hp["width"], hp["depth"]

        def normal(*shape: int, scale: float = 0.02) -> Tensor:
            return torch.randn(*shape, generator=generator) * scale

        residual = 0.02 / math.sqrt(2 * depth)
        parameters = {"embedding": normal(SYMBOLS + 1, width), "positions": normal(self.length, width)}
        for layer in range(depth):
            parameters |= {
                f"{layer}.norm1": torch.ones(width),
                f"{layer}.attention": normal(3 * width, width),
                f"{layer}.mix": normal(width, width, scale=residual),
                f"{layer}.norm2": torch.ones(width),
                f"{layer}.up": normal(4 * width, width),
                f"{layer}.down": normal(width, 4 * width, scale=residual),
            }
        return {**parameters, "norm": torch.ones(width), "output": normal(SYMBOLS, width)}

    def data(self, hp: Mapping[str, Any]) -> dict[str, Tensor]:  # noqa: ARG002 - the same for all
        """The sentences; `SYMBOLS` stands for the start of one."""
        return corpus(self.length)

    def draw(self, key: Tensor, hp: Mapping[str, Any], data: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Random sentences, and the bits of the dropout."""
        steps, batch = self.steps_per_report, hp["batch"]
        rows = draws.integers(draws.fold(key, 0), steps * batch, data["inputs"].shape[0])
        return {
            "rows": rows.view(steps, batch),
            "of_rows": draws.bits(draws.fold(key, 1), steps, batch * self.length),
            "of_columns": draws.bits(draws.fold(key, 2), steps, 2 * hp["depth"] + 1, hp["width"]),
        }

    def loss(
        self,
        parameters: Mapping[str, Tensor],
        batch: Mapping[str, Tensor],
        hp: Mapping[str, Any],
        data: Mapping[str, Tensor],
    ) -> Tensor:
        """The cross-entropy of the next symbols."""
        noise = Noise(hp["dropout"], batch["of_rows"], batch["of_columns"])
        logs = log_probabilities(parameters, data["inputs"][batch["rows"]], hp["depth"], noise)
        return -logs.gather(-1, data["targets"][batch["rows"]].unsqueeze(-1)).mean()

    def metrics(
        self, parameters: Mapping[str, Tensor], hp: Mapping[str, Any], data: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The validation loss, and how far it is above its minimum (`excess`), both in nats per symbol."""
        logs = log_probabilities(parameters, data["validation_inputs"], hp["depth"])
        loss = -(logs * data["distributions"][data["validation_states"]]).sum(-1).mean()
        return {"val_loss": loss, "excess": loss - data["best_loss"]}

    def rate(self, hp: Mapping[str, Any], steps: Tensor) -> Tensor:
        """A linear warm-up, then the schedule down to zero."""
        warmup = hp["warmup"] * self.steps_per_report
        total = self.reports * self.steps_per_report
        left = ((total - steps) / (total - warmup).clamp(min=1)).clamp(0, 1)
        cosine = 0.5 - 0.5 * torch.cos(math.pi * left)
        constant, linear, curved = (1.0 * (hp["schedule"] == number) for number in SCHEDULES.values())
        decayed = constant + linear * left + curved * cosine
        rates: Tensor = hp["lr"] * ((steps + 1) / warmup.clamp(min=1)).clamp(max=1) * decayed
        return rates

    def optimizer(self, hp: Mapping[str, Any]) -> LaneOptimizer:
        """The optimizer of the config."""
        optimizers = {"adamw": AdamW(), "sgd": SGD(), "muon": Muon(MATRICES), "schedule-free": ScheduleFree()}
        return optimizers[hp["optimizer"]]


@functools.cache
def corpus(length: int) -> dict[str, Tensor]:
    """The training and validation sentences of a length, with the true distributions and the least validation loss."""
    language = Language.random(0)
    found: dict[str, Tensor] = {"distributions": torch.tensor(language.probabilities, dtype=torch.float32)}
    for prefix, count in (("", TRAINING), ("validation_", VALIDATION)):
        symbols, states = language.sentences(count, length, "validation" if prefix else "training")
        targets = torch.tensor(symbols)
        start = torch.full((count, 1), SYMBOLS)
        found[f"{prefix}inputs"] = torch.cat([start, targets[:, :-1]], dim=1)
        found[f"{prefix}targets"] = targets
    found["validation_states"] = torch.tensor(states)
    found["best_loss"] = torch.tensor(least_loss(length))
    return found


@dataclass(frozen=True)
class Noise:
    """The dropout of one step.

    Attributes:
        rate: The probability with which a value is dropped.
        of_rows: The bits of the positions of all sentences, of shape (batch * length,).
        of_columns: The bits of the columns, one row per layer with dropout.
    """

    rate: Tensor
    of_rows: Tensor
    of_columns: Tensor

    def apply(self, values: Tensor, layer: int) -> Tensor:
        """Drop some of the activations (batch, length, width)."""
        dropped = draws.dropout(values.flatten(0, 1), self.rate, self.of_rows, self.of_columns[layer])
        return dropped.view_as(values)


def log_probabilities(
    parameters: Mapping[str, Tensor], symbols: Tensor, depth: int, noise: Noise | None = None
) -> Tensor:
    """The log-probabilities (batch, length, SYMBOLS) of the symbols that follow `symbols` (batch, length)."""

    def dropped(values: Tensor, layer: int) -> Tensor:
        return values if noise is None else noise.apply(values, layer)

    length = symbols.shape[-1]
    embedding = parameters["embedding"]
    one_hot = (symbols.unsqueeze(-1) == torch.arange(SYMBOLS + 1, device=symbols.device)).to(embedding.dtype)
    x = dropped(one_hot @ embedding + parameters["positions"], 0)  # a product, since its gradient is deterministic
    width = x.shape[-1]
    heads = max(HEADS, width // HEAD)
    future = torch.ones(length, length, dtype=torch.bool, device=symbols.device).triu(1)
    for layer in range(depth):
        own = {name: parameters[f"{layer}.{name}"] for name in ("norm1", "attention", "mix", "norm2", "up", "down")}
        normed = functional.layer_norm(x, (width,), own["norm1"])
        parts = functional.linear(normed, own["attention"]).view(-1, length, 3, heads, width // heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        scores = (query * (width // heads) ** -0.5) @ key.transpose(-1, -2)
        with torch.autocast(x.device.type, enabled=False):  # else in float32, at twice the memory traffic
            weights = scores.masked_fill(future, -math.inf).softmax(-1)
        read = (weights @ value).transpose(1, 2).reshape(-1, length, width)
        x = x + dropped(functional.linear(read, own["mix"]), 2 * layer + 1)
        normed = functional.layer_norm(x, (width,), own["norm2"])
        hidden = functional.gelu(functional.linear(normed, own["up"]))
        x = x + dropped(functional.linear(hidden, own["down"]), 2 * layer + 2)
    normed = functional.layer_norm(x, (width,), parameters["norm"])
    return functional.linear(normed, parameters["output"]).float().log_softmax(-1)
