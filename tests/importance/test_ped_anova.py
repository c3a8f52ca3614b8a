"""PED-ANOVA agrees with an independent implementation, and judges conditional parameters where they are active."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from ray import tune

from raytune_suite.errors import ArgumentError
from raytune_suite.importance import judged_fidelities, study_importance
from raytune_suite.importance.ped_anova import INACTIVE, ParameterCells, importance, importances
from raytune_suite.spaces import Space

SPACE = Space(
    {
        "lr": tune.loguniform(1e-4, 1.0),
        "units": tune.randint(1, 201),
        "opt": tune.choice([{"name": "sgd", "momentum": tune.uniform(0, 1)}, {"name": "adam"}]),
        "batch": tune.qrandint(16, 64, 16),
        "layers": tune.lograndint(1, 65),
    }
)
FROM_OPTUNA = {
    0.1: {
        "lr": 0.5492005860546382,
        "opt[0]/momentum": 0.3618283991272015,
        "opt": 0.05802265534879849,
        "layers": 0.016161897739614697,
        "units": 0.014418519824776913,
        "batch": 0.0003679419049703375,
    },
    0.25: {
        "lr": 0.7977517374726756,
        "opt[0]/momentum": 0.1750175184373132,
        "layers": 0.01241620281967775,
        "units": 0.007088700375481044,
        "opt": 0.006557349966989497,
        "batch": 0.0011684909278627553,
    },
}
"""`optuna.importance.get_param_importances` with `PedAnovaImportanceEvaluator(target_quantile=...)`, Optuna 5.0.0, for
the same 200 trials; `momentum` is suggested only where `opt` is 0."""


def trials(seed: int = 7, count: int = 200) -> tuple[list[dict[str, object]], list[float]]:
    """Random configs of `SPACE` and their losses."""
    rng = np.random.default_rng(seed)
    configs: list[dict[str, object]] = []
    losses = []
    for _ in range(count):
        lr = float(np.exp(rng.uniform(np.log(1e-4), 0)))
        units, opt, batch = int(rng.integers(1, 201)), int(rng.integers(0, 2)), int(rng.choice([16, 32, 48, 64]))
        momentum, layers = float(rng.uniform()), int(np.exp(rng.uniform(np.log(1), np.log(65))))
        layers = min(max(layers, 1), 64)
        loss = (np.log10(lr) + 2) ** 2 + 0.2 * opt + (2 * (momentum - 0.9) ** 2 if opt == 0 else 0.3) + 0.001 * units
        losses.append(loss + 0.3 * rng.normal())
        choice = {"name": "sgd", "momentum": momentum} if opt == 0 else {"name": "adam"}
        configs.append({"lr": lr, "units": units, "opt": choice, "batch": batch, "layers": layers})
    return configs, losses


def frame(losses: list[float], resource: float = 9.0) -> pd.DataFrame:
    """One report per trial."""
    return pd.DataFrame({"trial": range(len(losses)), "resource": resource, "value": losses})


@pytest.mark.parametrize("quantile", [0.1, 0.25])
def test_importances_are_those_of_optuna(quantile: float) -> None:
    configs, losses = trials()
    table = study_importance(SPACE, configs, frame(losses), "min", fidelities=[9.0], quantile=quantile, repetitions=0)
    expected = FROM_OPTUNA[quantile]
    assert dict(zip(table["parameter"], table["importance"], strict=True)) == pytest.approx(expected, rel=1e-6)


def test_a_conditional_parameter_is_judged_among_the_trials_in_which_it_is_active() -> None:
    configs, losses = trials()
    table = study_importance(SPACE, configs, frame(losses), "min", fidelities=[9.0]).set_index("parameter")
    active = sum("momentum" in str(config["opt"]) for config in configs)
    assert table.loc["opt[0]/momentum", "trials"] == active < len(configs) == table.loc["lr", "trials"]


def test_a_parameter_that_is_active_in_one_trial_or_in_none_of_the_best_has_no_importance() -> None:
    best = np.array([True, True, False, False])
    for cells in ([3, INACTIVE, INACTIVE, INACTIVE], [INACTIVE, INACTIVE, 1, 3]):
        assert importance(ParameterCells(np.array(cells), 5, categorical=False), best) == 0.0


def test_equal_losses_give_no_importance() -> None:
    cells = ParameterCells(np.arange(10), 10, categorical=False)
    assert importances([cells], np.zeros(10), 0.1).tolist() == [0.0]


def test_maximizing_the_negated_metric_gives_the_same() -> None:
    configs, losses = trials()
    low = study_importance(SPACE, configs, frame(losses), "min", fidelities=[9.0], repetitions=5)
    high = study_importance(SPACE, configs, frame([-loss for loss in losses]), "max", fidelities=[9.0], repetitions=5)
    pd.testing.assert_frame_equal(low, high)


def test_intervals_contain_the_estimate_and_narrow_with_more_trials() -> None:
    widths = []
    for count in (40, 2000):
        configs, losses = trials(count=count)
        table = study_importance(SPACE, configs, frame(losses), "min", fidelities=[9.0], repetitions=40)
        assert ((table["low"] <= table["importance"]) & (table["importance"] <= table["high"])).all()
        widths.append((table["high"] - table["low"]).mean())
    assert widths[1] < widths[0] / 2


def test_configs_outside_the_space_and_failed_trials_are_left_out() -> None:
    configs, losses = trials()
    wrong = [*configs, {**configs[0], "lr": 5.0}, configs[0]]
    table = study_importance(SPACE, wrong, frame([*losses, -99.0, math.nan]), "min", fidelities=[9.0], repetitions=0)
    expected = study_importance(SPACE, configs, frame(losses), "min", fidelities=[9.0], repetitions=0)
    pd.testing.assert_frame_equal(table, expected)


def test_each_fidelity_compares_the_trials_that_reached_it() -> None:
    """At 1 only `units` matters, at 9 only `lr`; the trial with the best value at 1 is stopped there."""
    configs, _ = trials()
    reports = [(number, 1.0, float(str(config["units"]))) for number, config in enumerate(configs)]
    reports += [(number, 9.0, abs(math.log10(float(str(configs[number]["lr"]))))) for number in range(0, 200, 2)]
    table = pd.DataFrame(reports, columns=["trial", "resource", "value"])
    fidelities = judged_fidelities(table)
    assert fidelities == [1.0, 9.0]
    judged = study_importance(SPACE, configs, table, "min", fidelities=fidelities, repetitions=3)
    first = judged.drop_duplicates("fidelity")
    assert first["parameter"].tolist() == ["units", "lr"]
    assert judged.groupby("fidelity")["trials"].max().to_dict() == {1.0: 200, 9.0: 100}


def test_fidelities_with_few_trials_are_not_judged() -> None:
    ends = [1.0] * 100 + [3.0] * 30 + [9.0] * 5
    assert judged_fidelities(pd.DataFrame({"trial": range(135), "resource": ends, "value": 0.0})) == [1.0, 3.0]
    assert judged_fidelities(pd.DataFrame({"trial": [0], "resource": [2.0], "value": [1.0]})) == [2.0]
    assert judged_fidelities(pd.DataFrame({"trial": [0], "resource": [2.0], "value": [math.nan]})) == []


def test_a_quantile_out_of_range_is_rejected() -> None:
    configs, losses = trials()
    with pytest.raises(ArgumentError, match="quantile"):
        study_importance(SPACE, configs, frame(losses), "min", fidelities=[9.0], quantile=1.0)
