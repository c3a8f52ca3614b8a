"""The training loops that one would write by hand: what `fused.py` compares with. They need torch only.

Models, batches, steps per report and evaluations are those of `DigitsProgram` and `GPTProgram`; the loops use torch's
modules, optimizers and fast attention, and have no CUDA graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping


class MLPLoop:
    """Two hidden layers on 8 x 8 images, trained by SGD with momentum; a unit is an epoch."""

    def __init__(self, hp: Mapping[str, Any], data: Mapping[str, Tensor], device: torch.device) -> None:
        """Initialize the network."""
        width, drop = hp["width"], hp["dropout"]
        layers = [
            nn.Linear(64, width),
            nn.ReLU(),
            nn.Dropout(drop),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(drop),
        ]
        self.model = nn.Sequential(*layers, nn.Linear(width, 10)).to(device)
        self.data = {name: value.to(device) for name, value in data.items()}
        self.batch, self.device = hp["batch"], device
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=hp["lr"], momentum=hp["momentum"], weight_decay=hp["weight_decay"]
        )

    def unit(self) -> float:
        """Train for an epoch and evaluate; returns the validation loss."""
        pixels, classes = self.data["train_pixels"], self.data["train_classes"]
        self.model.train()
        order = torch.randperm(len(classes), device=self.device)
        total = torch.zeros((), device=self.device)
        for rows in order.split(self.batch)[: len(classes) // self.batch]:
            loss = functional.cross_entropy(self.model(pixels[rows]), classes[rows])
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        self.model.eval()
        with torch.no_grad():
            losses = []
            for split in ("validation", "test"):
                logits = self.model(self.data[f"{split}_pixels"])
                losses.append(functional.cross_entropy(logits, self.data[f"{split}_classes"]))
                losses.append((logits.argmax(-1) != self.data[f"{split}_classes"]).float().mean())
        return float(torch.stack([*losses, total]).tolist()[0])


class GPTBlock(nn.Module):
    """One layer of the transformer."""

    def __init__(self, width: int, heads: int, drop: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.attention, self.mix = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to activations (batch, length, width)."""
        batch, length, width = x.shape
        parts = self.attention(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        read = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.drop(self.mix(read.transpose(1, 2).reshape(batch, length, width)))
        added: Tensor = x + self.drop(self.down(functional.gelu(self.up(self.norm2(x)))))
        return added


class GPT(nn.Module):
    """The transformer."""

    def __init__(self, symbols: int, length: int, width: int, depth: int, drop: float) -> None:
        super().__init__()
        self.embedding, self.positions = (
            nn.Embedding(symbols + 1, width),
            nn.Parameter(torch.randn(length, width) * 0.02),
        )
        self.drop = nn.Dropout(drop)
        self.blocks = nn.ModuleList(GPTBlock(width, max(4, width // 64), drop) for _ in range(depth))
        self.norm, self.output = nn.LayerNorm(width, bias=False), nn.Linear(width, symbols, bias=False)

    def forward(self, symbols: Tensor) -> Tensor:
        """The logits (batch, length, symbols)."""
        x = self.drop(self.embedding(symbols) + self.positions)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.output(self.norm(x))
        return logits


class GPTLoop:
    """The transformer with AdamW and bfloat16; a unit is `steps` steps."""

    def __init__(self, hp: Mapping[str, Any], data: Mapping[str, Tensor], device: torch.device, steps: int) -> None:
        """Initialize the model."""
        self.data = {name: value.to(device) for name, value in data.items()}
        self.steps, self.device, self.batch = steps, device, hp["batch"]
        symbols, length = data["distributions"].shape[1], data["inputs"].shape[1]
        self.model = GPT(symbols, length, hp["width"], hp["depth"], hp["dropout"]).to(device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), hp["lr"], weight_decay=hp["weight_decay"], fused=device.type == "cuda"
        )

    def unit(self) -> float:
        """Train for a unit and evaluate; returns the validation loss."""
        self.model.train()
        bfloat16 = self.device.type == "cuda"
        total = torch.zeros((), device=self.device)
        for _ in range(self.steps):
            rows = torch.randint(len(self.data["inputs"]), (self.batch,), device=self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
                logits = self.model(self.data["inputs"][rows])
            loss = functional.cross_entropy(logits.float().flatten(0, 1), self.data["targets"][rows].flatten())
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        self.model.eval()
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            logs = self.model(self.data["validation_inputs"]).float().log_softmax(-1)
            loss = -(logs * self.data["distributions"][self.data["validation_states"]]).sum(-1).mean()
        return float(torch.stack([loss, total]).tolist()[0])
