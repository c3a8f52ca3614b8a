"""XGBoost in a trial: reports after each round, and continues from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raytune_suite.types import COUNT
from raytune_suite.validation import checked

if TYPE_CHECKING:
    from collections.abc import Sequence


@checked(num_boost_round=COUNT, checkpoint_every=COUNT)
def train(
    params: dict[str, Any],
    dtrain: Any,
    num_boost_round: int,
    *,
    evals: Sequence[tuple[Any, str]],
    checkpoint_every: int = 1,
    callbacks: Sequence[Any] = (),
    **options: Any,
) -> Any:
    """Call `xgboost.train` within the function that `rts.tune` tunes.

    Each round is a report with the metrics of `evals`, named like "valid-logloss". A trial that was paused, copied by
    pbt or interrupted continues from its checkpoint and trains only the rounds that are left, with the params it has
    now.

    Args:
        params: The params of XGBoost.
        dtrain: The `xgboost.DMatrix` to train on.
        num_boost_round: The rounds of a full training: the `max_t` of the study.
        evals: Pairs of a `xgboost.DMatrix` and its name, as for `xgboost.train`.
        checkpoint_every: Save the model every so many rounds. With methods that pause or copy trials, keep 1.
        callbacks: More callbacks of XGBoost.
        options: Other arguments of `xgboost.train`.

    Returns:
        The `xgboost.Booster`.
    """
    import xgboost
    from ray import tune
    from ray.tune.integration.xgboost import TuneReportCheckpointCallback

    checkpoint = tune.get_checkpoint()
    model = None if checkpoint is None else TuneReportCheckpointCallback.get_model(checkpoint)
    done = 0 if model is None else model.num_boosted_rounds()
    if model is not None and done >= num_boost_round:
        return model
    report = TuneReportCheckpointCallback(frequency=checkpoint_every, checkpoint_at_end=False)
    return xgboost.train(
        params,
        dtrain,
        num_boost_round - done,
        evals=list(evals),
        xgb_model=model,
        callbacks=[*callbacks, report],
        **{"verbose_eval": False, **options},
    )
