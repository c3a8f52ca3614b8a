"""The results of studies and the differences between runs, as they are printed."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from raytune_suite.cli.console import (
    EXPLANATIONS,
    SHOWN_TRIALS,
    describe_gap,
    explain,
    show_study,
    study_as_json,
)
from raytune_suite.engines.callbacks.decision_log import Decision, difference
from raytune_suite.pages.formatting import format_value
from raytune_suite.types import Stage

ROW = Decision(1.0, 0, 1.0, 0.5, "CONTINUE", '{"lr": 0.1}')
OTHER = Decision(2.0, 1, 3.0, math.nan, "STOP", '{"lr": 0.2}')

LONG = "validation/balanced_accuracy"
NAMES = ["lr", "momentum", "weight_decay", "optimizer[0]/momentum", "a_rather_long_name_of_a_hyperparameter", "batch"]
MANY = [*NAMES, *(f"layer_{number}_units" for number in range(40))]


def study(names: list[str], *, metric: str = "val_loss", trials: int = 12, **changes: Any) -> Any:
    """A result with hyperparameters of these names; the last one is the same in every trial."""
    rng = np.random.default_rng(0)
    config = {name: rng.random(trials) for name in names[:-1]} | {names[-1]: np.full(trials, 64)}
    frame = pd.DataFrame({f"config/{name}": values for name, values in config.items()})
    frame["config/seed"] = 0
    frame["outcome"] = ["stopped early"] * (trials - 1) + ["trained in full"]
    frame["resource"] = [1.0] * (trials - 1) + [27.0]
    frame["value"] = rng.random(trials) / 7
    frame.index.name = "trial"
    best = trials - 1
    result = {
        "name": "study",
        "path": "/a/folder/of/studies/" + "x" * 90,
        "method": "asha",
        "metric": metric,
        "mode": "min",
        "time_attr": "training_iteration",
        "trials": frame,
        "reports": pd.DataFrame({"cost": [405.0], "elapsed": [7.0]}),
        "incumbent": pd.DataFrame({"trial": [best], "resource": [27.0]}),
        "best_trial": best,
        "best_value": float(frame["value"].iloc[best]),
        "best_config": {name: float(values[best]) for name, values in config.items()},
        "lineage": [(0, {})],
        "test_value": 0.5,
        "test_scores": pd.DataFrame({"seed": [5, 6], "value": [0.4, 0.6]}),
        "result_grid": None,
        "best_checkpoint": None,
        "dollars": None,
    }
    return SimpleNamespace(**{**result, **changes})


def printed(result: Any, width: int, *, terminal: bool = True) -> list[str]:
    """The lines that a terminal of this width, or a pipe, receives."""
    stream = io.StringIO()
    show_study(result, Console(file=stream, width=width, force_terminal=terminal, color_system=None))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def table(lines: list[str]) -> list[str]:
    """The lines of the table of trials."""
    start = next(number for number, line in enumerate(lines) if line.startswith("trial "))
    return lines[start : start + SHOWN_TRIALS + 1]


@pytest.mark.process
def test_importing_it_loads_neither_ray_nor_matplotlib() -> None:
    program = "import sys, raytune_suite.cli.console; print({'ray', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("metric", ["loss", LONG])
@pytest.mark.parametrize("names", [NAMES[:3], NAMES, MANY], ids=len)
def test_every_line_fits_and_no_name_or_number_is_cut(names: list[str], metric: str, width: int) -> None:
    result = study(names, metric=metric)
    lines = printed(result, width)
    assert all(len(line) <= width for line in lines if not line.startswith("study "))
    assert "…" not in "".join(lines)
    header, *rows = table(lines)
    columns = header.split()
    assert {"trial", metric} <= set(columns) <= {"trial", "outcome", "iterations", metric, *names}
    for line, (trial, row) in zip(rows, result.trials.loc[[11]].iterrows(), strict=False):
        cells = dict(zip(columns, line.split(), strict=True))
        assert cells["trial"] == str(trial)
        assert cells[metric] == f"{row['value']:.4g}"
        assert all(cells[name] == f"{row[f'config/{name}']:.4g}" for name in set(columns) & set(names))


@pytest.mark.parametrize("width", [80, 200])
def test_columns_that_do_not_fit_are_counted_and_the_informative_ones_stay(width: int) -> None:
    lines = printed(study(MANY), width)
    columns = table(lines)[0].split()
    left_out = len(MANY) + 4 - len(columns)
    assert any(f"{left_out} more columns" in line and "2 more trials" in line for line in lines)
    assert MANY[0] in columns
    assert MANY[-1] not in columns, "it is the same in every row"


def test_where_all_columns_fit_none_is_left_out() -> None:
    lines = printed(study(NAMES[:3], trials=5), 80)
    assert table(lines)[0].split() == ["trial", "outcome", "iterations", "val_loss", *NAMES[:3]]
    assert not any("more" in line for line in lines)


@pytest.mark.parametrize(("width", "terminal"), [(40, True), (80, True), (200, True), (200, False)])
def test_the_best_config_is_printed_in_full_precision_as_json(width: int, terminal: bool) -> None:
    result = study(MANY)
    lines = printed(result, width, terminal=terminal)
    start = next(number for number, line in enumerate(lines) if line.startswith("best config"))
    end = next(number for number, line in enumerate(lines) if line.startswith("tuning"))
    assert json.loads(" ".join(lines[start:end]).removeprefix("best config")) == result.best_config
    assert terminal or end == start + 1, "one line in a pipe"


def test_a_path_is_not_wrapped_so_that_it_can_be_copied() -> None:
    result = study(NAMES)
    assert any(line.endswith(result.path) for line in printed(result, 80))


def test_the_best_trial_comes_first_then_the_longest_trained() -> None:
    _, first, *others = table(printed(study(NAMES), 80))
    assert first.split()[:3] == ["11", "full", "27"]
    values = [float(line.split()[3]) for line in others]
    assert values == sorted(values)


def test_a_trial_without_a_report_has_no_value() -> None:
    result = study(NAMES[:2], trials=3)
    result.trials.loc[0, ["resource", "value"]] = [0.0, math.nan]
    (line,) = (line for line in table(printed(result, 80)) if re.match(r" +0 ", line))
    assert "nan" not in line


def test_values_have_four_significant_digits_and_what_is_absent_is_empty() -> None:
    values = [format_value(value) for value in (0.123456, 1234567.0, 3, "relu", math.nan, None)]
    assert values == ["0.1235", "1.235e+06", "3", "relu", "", ""]


@pytest.mark.parametrize(
    ("test", "mode", "expected"),
    [
        (0.6, "min", "worse"),
        (0.6, "max", "better"),
        (0.4, "min", "better"),
        (0.4, "max", "worse"),
        (0.5, "min", "no difference"),
        (0.50001, "max", "no difference"),
    ],
)
def test_the_gap_is_judged_by_the_mode_and_the_printed_digits(test: float, mode: str, expected: str) -> None:
    assert expected in describe_gap(0.5, test, mode)


def test_a_failed_training_on_a_test_seed_is_no_gap() -> None:
    assert "failed" in describe_gap(0.5, math.nan, "min")


def test_equal_test_scores_are_printed_once() -> None:
    scores = pd.DataFrame({"seed": [5, 6, 7], "value": [-3.6661, -3.6662, -3.6663]})
    (line,) = (line for line in printed(study(NAMES, test_scores=scores), 200) if line.startswith("test"))
    assert line.count("-3.666") == 1
    assert "seeds 5, 6, 7" in line


def test_a_lineage_is_printed_with_ranges_and_without_the_reserved_seed() -> None:
    lineage = [Stage(start, {"lr": lr, "seed": 0}) for start, lr in ((0, 0.1), (8, 0.2), (16, 0.3))]
    result = study(["lr"], lineage=lineage, incumbent=pd.DataFrame({"trial": [11, 11], "resource": [9.0, 81.0]}))
    lines = {line.partition("{")[0].strip(): line for line in printed(result, 80) if "{" in line}
    assert [*lines] == ["best config", "[0, 8)", "[8, 16)", "16 to 81"]
    assert "0.3" in lines["16 to 81"]
    assert not any("seed" in line for line in lines.values())
    assert json.loads(study_as_json(result))["lineage"][1] == {"start": 8, "config": {"lr": 0.2}}


def test_json_has_every_trial_and_column_and_null_for_nan() -> None:
    result = study(NAMES, trials=30, test_value=math.nan)
    result.trials.loc[3, "config/lr"] = math.nan
    told = json.loads(study_as_json(result), parse_constant=pytest.fail)
    assert len(told["trials"]) == 30
    assert {f"config/{name}" for name in NAMES} <= set(told["trials"][0])
    assert told["trials"][3]["config/lr"] is None
    assert told["trials"][4]["config/lr"] == result.trials["config/lr"][4]
    assert told["best_config"] == result.best_config
    assert told["test_scores"] == [{"seed": 5, "value": 0.4}, {"seed": 6, "value": 0.6}]
    assert told["test_value"] is None


@pytest.mark.parametrize("field", Decision._fields)
def test_each_field_that_differs_is_explained(field: str) -> None:
    first = difference([ROW], [ROW._replace(**{field: getattr(OTHER, field)})])
    assert first is not None
    assert explain(first) == EXPLANATIONS[field]


def test_the_field_that_may_have_caused_the_others_is_explained() -> None:
    first = difference([ROW], [ROW._replace(config=OTHER.config, value=OTHER.value, decision=OTHER.decision)])
    assert first is not None
    assert explain(first) == EXPLANATIONS["config"]


@pytest.mark.parametrize(("logs", "ended"), [(([], [ROW]), "A"), (([ROW], []), "B")])
def test_the_log_that_ended_is_named(logs: tuple[list[Decision], list[Decision]], ended: str) -> None:
    first = difference(*logs)
    assert first is not None
    assert explain(first).startswith(f"{ended} ends")
