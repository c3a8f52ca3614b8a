"""Tune LoRA: rank, alpha and learning rate of an adapter for a language model, which here is tiny and built locally."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from ray import tune
from transformers import GPT2Config, GPT2LMHeadModel

import raytune_suite as rts

EPOCHS = 9
WORDS, LENGTH = 16, 12


def sentences(size: int, seed: int) -> torch.Tensor:
    """Sentences that count upwards from a random word, of shape (size, LENGTH)."""
    first = torch.randint(0, WORDS, (size, 1), generator=torch.Generator().manual_seed(seed))
    return (first + torch.arange(LENGTH)) % WORDS


def base_model() -> GPT2LMHeadModel:
    """The model to adapt; in your program, `AutoModelForCausalLM.from_pretrained(...)`."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=WORDS, n_positions=LENGTH, n_embd=32, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
    )


def fit(config: dict[str, Any]) -> None:
    """Train an adapter, report after each epoch, and continue from a checkpoint."""
    torch.set_num_threads(1)
    checkpoint, done = tune.get_checkpoint(), 0
    lora = LoraConfig(
        r=config["rank"], lora_alpha=config["alpha"], target_modules=["c_attn", "c_fc"], fan_in_fan_out=True
    )
    if checkpoint is None:
        model: Any = get_peft_model(base_model(), lora)
        optimizer = torch.optim.AdamW((one for one in model.parameters() if one.requires_grad), lr=config["lr"])
    else:
        with checkpoint.as_directory() as folder:
            model = PeftModel.from_pretrained(base_model(), folder, is_trainable=True)
            optimizer = torch.optim.AdamW((one for one in model.parameters() if one.requires_grad), lr=config["lr"])
            state = torch.load(Path(folder, "state.pt"))
        optimizer.load_state_dict(state["optimizer"])
        done = state["epoch"]
    train, valid = sentences(64, seed=0), sentences(64, seed=1)
    for epoch in range(done + 1, EPOCHS + 1):
        for batch in train.split(16):
            optimizer.zero_grad()
            model(input_ids=batch, labels=batch).loss.backward()
            optimizer.step()
        with torch.no_grad():
            loss = float(model(input_ids=valid, labels=valid).loss)
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            torch.save({"optimizer": optimizer.state_dict(), "epoch": epoch}, Path(folder, "state.pt"))
            tune.report({"val_loss": loss}, checkpoint=tune.Checkpoint.from_directory(folder))


if __name__ == "__main__":
    space = {"rank": tune.lograndint(2, 17), "alpha": tune.lograndint(4, 65), "lr": tune.loguniform(1e-4, 1e-1)}
    method = sys.argv[1] if len(sys.argv) > 1 else "hyperband"
    result = rts.tune(fit, space, metric="val_loss", mode="min", max_t=EPOCHS, method=method, budget=4)
    print(f"best {result.best_value:.3f} with {result.best_config}")
