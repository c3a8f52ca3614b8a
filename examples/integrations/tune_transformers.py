"""Tune a Transformers model by its own `hyperparameter_search`, with a method of raytune_suite."""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import torch
from ray import tune
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

import raytune_suite as rts

EPOCHS = 4

TARGET = 7


class Words(torch.utils.data.Dataset[dict[str, Any]]):
    """Sentences of random words; the label says whether word `TARGET` is in them."""

    def __init__(self, size: int, seed: int) -> None:
        draws = torch.Generator().manual_seed(seed)
        self.words = torch.randint(0, 30, (size, 12), generator=draws)

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {"input_ids": self.words[number], "labels": int((self.words[number] == TARGET).any())}


def model() -> BertForSequenceClassification:
    """A tiny model with random weights, so that nothing is downloaded."""
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return BertForSequenceClassification(BertConfig(vocab_size=30, num_labels=2, **size))


if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else "tpe+asha"
    space = {"learning_rate": tune.loguniform(1e-4, 1e-1), "weight_decay": tune.uniform(0, 0.1)}
    method = rts.make_method(name, metric="eval_loss", mode="min", max_t=EPOCHS, time_attr="epoch", max_concurrent=2)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, num_train_epochs=EPOCHS, eval_strategy="epoch", save_strategy="no", report_to=[], disable_tqdm=True
        )
        trainer = Trainer(
            args=arguments, model_init=model, train_dataset=Words(200, seed=0), eval_dataset=Words(100, seed=1)
        )
        best = trainer.hyperparameter_search(
            hp_space=lambda _: space,
            backend="ray",
            n_trials=4,
            direction="minimize",
            compute_objective=lambda metrics: metrics["eval_loss"],
            search_alg=method.search_alg,
            scheduler=method.scheduler,
            resources_per_trial={"cpu": 1},
            reuse_actors=True,
            verbose=0,
        )
    print(f"best {best.objective:.3f} with {best.hyperparameters}")
