"""The workloads "live/gpt-language", "-3m" and "-30m": transformers on a synthetic language with known entropy.

The training is in `gpt_program`; this module needs no torch.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, ClassVar, final

from ray import tune

from raytune_suite.fused.trainable import FusedTrainable
from raytune_suite.workloads.base import Workload
from raytune_suite.workloads.live.language import SYMBOLS, least_loss

if TYPE_CHECKING:
    from raytune_suite.fused.program import FusedProgram
    from raytune_suite.types import Config

REPORTS = 27
"""Reports until the learning rate has decayed."""


class GPTLanguage(FusedTrainable):
    """Trains a transformer on sentences of `length` symbols for `steps_per_report` steps per report.

    A step reports val_loss (the cross-entropy to the true distribution on the validation sentences, in nats per
    symbol), excess (by how much it is above its minimum) and train_loss. Source of the language: see `language`.
    """

    length: ClassVar[int] = 64
    steps_per_report: ClassVar[int] = 20

    @classmethod
    def fused_program(cls) -> FusedProgram:
        """The program of this size."""
        from raytune_suite.workloads.live.gpt_program import GPTProgram

        return GPTProgram(cls.length, REPORTS, cls.steps_per_report)


@final
class GPTLanguage3M(GPTLanguage):
    """`GPTLanguage` on sentences of 128 symbols."""

    length = 128


@final
class GPTLanguage30M(GPTLanguage):
    """`GPTLanguage` on sentences of 256 symbols, 100 steps per report."""

    length = 256
    steps_per_report = 100


def seconds_per_report(trainable: type[GPTLanguage], config: Config) -> float:
    """Return the declared cost of the steps up to a report, in seconds.

    It is a model: six operations per weight and symbol (Kaplan et al. 2020, "Scaling Laws for Neural Language Models",
    section 2.1) at 20 GFLOPS, the order of one CPU core.
    """
    weights = 12 * config["depth"] * config["width"] ** 2 + 2 * SYMBOLS * config["width"]
    symbols = config["batch"] * trainable.length * trainable.steps_per_report
    return float(6 * weights * symbols / 20e9)


def language_workload(
    name: str, trainable: type[GPTLanguage], *, widths: list[int], depths: list[int], size: str
) -> Workload:
    """Create the workload of a size. The bounds are the least validation loss, and the loss of a uniform guess."""

    def scheduled(**own: Any) -> dict[str, Any]:
        return {**own, "schedule": tune.choice(["constant", "linear", "cosine"])}

    betas = {"beta1": tune.uniform(0.8, 0.98), "beta2": tune.uniform(0.9, 0.999)}
    space: dict[str, Any] = {
        "lr": tune.loguniform(1e-4, 1e-1),
        "warmup": tune.uniform(0, 5),
        "weight_decay": tune.loguniform(1e-3, 1),
        "dropout": tune.uniform(0, 0.3),
        "batch": tune.choice([8, 16, 32]),
        "width": tune.choice(widths),
        "depth": tune.choice(depths),
        "optimizer": tune.choice(
            [
                {"name": "adamw", **scheduled(**betas)},
                {"name": "sgd", **scheduled(momentum=tune.uniform(0.5, 0.99))},
                {"name": "muon", **scheduled(momentum=tune.uniform(0.8, 0.98), **betas)},
                {"name": "schedule-free", **betas},
            ]
        ),
    }
    return Workload(
        name=name,
        summary=f"a transformer of about {size} parameters on a synthetic language of known entropy; torch, CPU or GPU",
        trainable=trainable,
        space=space,
        metric="val_loss",
        mode="min",
        cost=functools.partial(seconds_per_report, trainable),
        max_t=REPORTS,
        has_state=True,
        mutable=("lr", "warmup", "weight_decay", "dropout", "batch"),
        bounds=(least_loss(trainable.length), math.log(SYMBOLS)),
        extra="torch",
    )


def gpt_language() -> Workload:
    """Create the workload of about 0.3 M parameters, which trains on a CPU."""
    return language_workload("live/gpt-language", GPTLanguage, widths=[64, 96, 128], depths=[1, 2, 3], size="0.3 M")


def gpt_language_3m() -> Workload:
    """Create the workload of about 3 M parameters."""
    return language_workload(
        "live/gpt-language-3m", GPTLanguage3M, widths=[192, 256, 320], depths=[3, 4, 5], size="3 M"
    )


def gpt_language_30m() -> Workload:
    """Create the workload of about 30 M parameters."""
    return language_workload(
        "live/gpt-language-30m", GPTLanguage30M, widths=[512, 576, 640], depths=[6, 8, 10], size="30 M"
    )
