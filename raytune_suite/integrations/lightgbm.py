"""LightGBM in a trial: reports after each round, and continues from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raytune_suite.types import COUNT
from raytune_suite.validation import checked

if TYPE_CHECKING:
    from collections.abc import Sequence


@checked(num_boost_round=COUNT, checkpoint_every=COUNT)
def train(
    params: dict[str, Any],
    train_set: Any,
    num_boost_round: int,
    *,
    valid_sets: Sequence[Any],
    valid_names: Sequence[str],
    checkpoint_every: int = 1,
    callbacks: Sequence[Any] = (),
    **options: Any,
) -> Any:
    """Call `lightgbm.train` within the function that `rts.tune` tunes.

    Each round is a report with the metrics of `valid_sets`, named like "valid-binary_logloss". A trial that was paused,
    copied by pbt or interrupted continues from its checkpoint and trains only the rounds that are left, with the params
    it has now.

    Args:
        params: The params of LightGBM.
        train_set: The `lightgbm.Dataset` to train on, made within the trial.
        num_boost_round: The rounds of a full training: the `max_t` of the study.
        valid_sets: The datasets to evaluate.
        valid_names: Their names.
        checkpoint_every: Save the model every so many rounds. With methods that pause or copy trials, keep 1.
        callbacks: More callbacks of LightGBM.
        options: Other arguments of `lightgbm.train`.

    Returns:
        The `lightgbm.Booster`.
    """
    import lightgbm
    from ray import tune
    from ray.tune.integration.lightgbm import TuneReportCheckpointCallback

    checkpoint = tune.get_checkpoint()
    model = None if checkpoint is None else TuneReportCheckpointCallback.get_model(checkpoint)
    done = 0 if model is None else model.current_iteration()
    if model is not None and done >= num_boost_round:
        return model
    report = TuneReportCheckpointCallback(frequency=checkpoint_every, checkpoint_at_end=False)
    return lightgbm.train(
        params,
        train_set,
        num_boost_round - done,
        valid_sets=list(valid_sets),
        valid_names=list(valid_names),
        init_model=model,
        callbacks=[*callbacks, report],
        **options,
    )
