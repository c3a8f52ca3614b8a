"""`to_optuna()`: a study as a study of Optuna, for its dashboard and its plots."""

from __future__ import annotations

import datetime as dt
import json
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from raytune_suite.errors import ArgumentError
from raytune_suite.importance.study import flat_config
from raytune_suite.optional import require

if TYPE_CHECKING:
    from types import ModuleType

    import pandas as pd

    from raytune_suite.spaces.parameters import Parameter
    from raytune_suite.tuning.result import StudyResult

_PLAIN = (str, bool, int, float, type(None))


def to_optuna(result: StudyResult, storage: Any = None, *, name: str | None = None) -> Any:
    """Copy a study into a storage of Optuna.

    A conditional parameter is in the trials in which it is active. All reports become intermediate values, at the
    resource as step. Trials that were stopped early become PRUNED, as do those that have not ended; failed ones FAIL.
    Parameters are named as in `result.space.names`; options that are not plain values are named by their constants. The
    user attributes of a trial have its whole config and its outcome.

    Args:
        result: The study.
        storage: What `optuna.create_study` takes, such as "sqlite:///studies.db"; by default the memory.
        name: The name of the study in the storage, by default that of `result`.

    Returns:
        The `optuna.study.Study`.

    Raises:
        ArgumentError: If the storage has a study of this name.
        MissingPackageError: If Optuna is not installed.
    """
    optuna = require("optuna", extra="optuna")
    name = name or result.name
    distributions = {one.name: distribution(optuna, one, result) for one in result.space.parameters}
    try:
        study = optuna.create_study(
            storage=storage, study_name=name, direction="minimize" if result.mode == "min" else "maximize"
        )
    except optuna.exceptions.DuplicatedStudyError:
        raise ArgumentError(f"`name` is {name!r}, but the storage already has such a study: choose another") from None
    study.set_user_attr("method", result.method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([result.metric])
    reports = dict(tuple(result.reports.groupby("trial"))) if len(result.reports) else {}
    elapsed = float(result.reports["elapsed"].iloc[-1]) if len(result.reports) else 0.0
    start = dt.datetime.now() - dt.timedelta(seconds=elapsed)  # noqa: DTZ005 - Optuna's times have no zone
    study.add_trials(
        [
            _frozen(optuna, result, int(number), reports.get(number), distributions, start)
            for number in result.trials.index
        ]
    )
    return study


def distribution(optuna: ModuleType, parameter: Parameter, result: StudyResult) -> Any:
    """The distribution of Optuna that has the values of a parameter."""
    kinds = optuna.distributions
    if parameter.kind == "categorical":
        return kinds.CategoricalDistribution(categories(parameter))
    if parameter.normal is not None:  # Optuna has bounds: those of the trials
        flats = [flat_config(result.space, config) for config in result.configs]
        values = [flat[parameter.name] for flat in flats if parameter.name in flat] or [0.0]
        return kinds.FloatDistribution(min(values), max(values))
    kind = kinds.IntDistribution if parameter.kind == "integer" else kinds.FloatDistribution
    step = {} if parameter.q is None or parameter.log else {"step": parameter.q}
    return kind(parameter.lower, parameter.upper, log=parameter.log, **step)


def categories(parameter: Parameter) -> list[Any]:
    """The options of a choice as values that Optuna can store, all different."""
    plain: list[Any] = []
    for number, option in enumerate(parameter.categories):
        value = option if isinstance(option, _PLAIN) else _label(option)
        plain.append(value if value not in plain else f"{value} ({number})")
    return plain


def _label(option: Any) -> str:
    if isinstance(option, dict):
        constants = {key: value for key, value in option.items() if isinstance(value, _PLAIN)}
        return ", ".join(str(value) for value in constants.values()) or str(list(option))
    return str(option)


def _frozen(  # noqa: PLR0917 - of one study
    optuna: ModuleType,
    result: StudyResult,
    number: int,
    reports: pd.DataFrame | None,
    distributions: dict[str, Any],
    start: dt.datetime,
) -> Any:
    row: Any = result.trials.loc[number]
    config = result.configs[number]
    values = flat_config(result.space, config)
    params = {
        key: distributions[key].choices[value] if hasattr(distributions[key], "choices") else value
        for key, value in values.items()
    }
    usable = math.isfinite(row["value"])
    states = optuna.trial.TrialState
    state = {"trained in full": states.COMPLETE, "failed": states.FAIL}.get(row["outcome"], states.PRUNED)
    times = [0.0] if reports is None else reports["elapsed"].to_list()
    return optuna.trial.FrozenTrial(
        number=number,
        trial_id=-1,
        state=state,
        value=float(row["value"]) if usable and state != states.FAIL else None,
        datetime_start=start + dt.timedelta(seconds=float(times[0])),
        datetime_complete=start + dt.timedelta(seconds=float(times[-1])),
        params=params,
        distributions={key: distributions[key] for key in params},
        user_attrs={"config": json.loads(json.dumps(config, default=repr)), "outcome": row["outcome"]},
        system_attrs={},
        intermediate_values={} if reports is None else _steps(reports),
    )


def _steps(reports: pd.DataFrame) -> dict[int, float]:
    """The values by resource, which Optuna wants as whole numbers; otherwise by the number of the report."""
    resource, values = reports["resource"].to_numpy(dtype=float), reports["value"].to_numpy(dtype=float)
    whole = bool(np.all(resource == np.round(resource)))
    steps = resource.astype(int).tolist() if whole else range(1, len(values) + 1)
    return {int(step): float(value) for step, value in zip(steps, values, strict=True)}
