"""What the commands print on a terminal: the result of a study, and the difference between two studies.

Importing this does not load Ray.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from raytune_suite.cli.table import Column, fit, render, wrapped
from raytune_suite.pages.formatting import format_value
from raytune_suite.plotting.study_data import config_columns, ranked_trials, resource_unit
from raytune_suite.types import SEED

if TYPE_CHECKING:
    import pandas as pd

    from raytune_suite.engines.callbacks.decision_log import Decision, Difference
    from raytune_suite.tuning.result import StudyResult
    from raytune_suite.types import Config

SHOWN_TRIALS = 10
"""Rows in the table of trials."""

PIPE_WIDTH = 200
"""Characters per row of a table where the output is not a terminal."""

LABEL = 13
"""Characters of a line's label, such as "best config"."""

OUTCOMES = {"trained in full": "full", "stopped early": "stopped"}
"""Outcomes that the table shortens, so that one more hyperparameter fits."""


def output() -> Console:
    """The standard output."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(width=PIPE_WIDTH, highlight=False)


def show_study(result: StudyResult, console: Console) -> None:
    """Print the result of a study: its best trials, its best config, and the scores of that config."""
    last = result.reports.iloc[-1]
    seconds = "s" if result.result_grid is not None else "s of simulated time"
    console.print(
        f"\n[bold]{result.method}[/] tried {len(result.trials)} configs in {last['cost']:g} {resource_unit(result)} "
        f"and {last['elapsed']:.0f} {seconds}{'' if result.dollars is None else f', for ${result.dollars:,.2f}'}\n"
    )
    show_trials(result, console)
    show_config("best config", result.best_config, console)
    if len(result.lineage) > 1:
        show_lineage(result, console)
    show_fact("tuning", f"{result.metric} {result.best_value:.4g} (trial {result.best_trial})", console)
    if result.test_scores is not None and result.test_value is not None:
        scores = describe_scores(list(result.test_scores["value"]))
        seeds = ", ".join(str(seed) for seed in result.test_scores["seed"])
        show_fact("test", f"{result.metric} {result.test_value:.4g}, {scores} (seeds {seeds})", console)
        show_fact("gap", describe_gap(result.best_value, result.test_value, result.mode), console)
    if result.best_checkpoint is not None:
        show_fact("checkpoint", result.best_checkpoint.path, console, wrap=False)
    show_fact("study", result.path, console, wrap=False)


def describe_scores(scores: list[float]) -> str:
    """The test scores behind their mean.

    Example:
        >>> describe_scores([0.4, 0.6]), describe_scores([-3.666, -3.666])
        ('the mean of 0.4, 0.6', '2 equal test scores of -3.666')
    """
    shown = [f"{score:.4g}" for score in scores]
    if len(shown) > 1 and len(set(shown)) == 1:
        return f"{len(shown)} equal test scores of {shown[0]}"
    return f"the mean of {', '.join(shown)}"


def describe_gap(tuning: float, test: float, mode: str) -> str:
    """The test score minus the tuning score, and which of the two is better, if they differ in the printed digits.

    Example:
        >>> describe_gap(0.5, 0.52, "min"), describe_gap(0.5, 0.52, "max"), describe_gap(0.5, 0.500001, "max")
        ('+0.02: worse than tuning', '+0.02: better than tuning', 'no difference')
    """
    gap = test - tuning
    if not math.isfinite(gap):
        return f"{gap:+.4g}: a training on a test seed failed"
    if f"{tuning:.4g}" == f"{test:.4g}":
        return "no difference"
    worse = gap if mode == "min" else -gap
    return f"{gap:+.4g}: {'better' if worse < 0 else 'worse'} than tuning"


def show_lineage(result: StudyResult, console: Console) -> None:
    """Print the schedule of a population's best member: each config with the range of the resource that it covers."""
    for stage, following in itertools.pairwise(result.lineage):
        show_config(f"  [{stage.start:g}, {following.start:g})", without_seed(stage.config, result), console)
    last = result.lineage[-1]
    end = result.incumbent["resource"].iloc[-1]
    show_config(f"  {last.start:g} to {end:g}", without_seed(last.config, result), console)


def without_seed(config: Config, result: StudyResult) -> Config:
    """A config of a lineage without the reserved training seed; a `seed` of the user's own space is kept."""
    return {name: value for name, value in config.items() if name != SEED or SEED in result.best_config}


def show_config(label: str, config: Any, console: Console) -> None:
    """Print a config as JSON, in full precision; lines break between its items."""
    items = [f"{json.dumps(name)}: {json.dumps(value, default=repr)}" for name, value in config.items()]
    lines = [f"{label:<{LABEL - 1}} {{"]
    for number, item in enumerate(items):
        ending = "," if number < len(items) - 1 else "}"
        start = "" if lines[-1].endswith("{") else " "
        if start and console.is_terminal and len(lines[-1] + start + item + ending) > console.width:
            lines.append(" " * (LABEL + 1) + item + ending)
        else:
            lines[-1] += start + item + ending
    printed = Text("\n".join(lines) + ("" if items else "}"))
    printed.stylize("bold", 0, len(label))
    console.print(printed, soft_wrap=True)


def show_fact(label: str, text: str, console: Console, *, wrap: bool = True) -> None:
    """Print one labelled line; on a terminal it is wrapped between words, in a pipe it stays one line.

    A path should not be wrapped, so that it can be copied.
    """
    first = f"{label:<{LABEL - 1}} "
    lines = wrapped(text, console.width, first, " " * LABEL) if wrap and console.is_terminal else [first + text]
    printed = Text("\n".join(lines))
    printed.stylize("bold", 0, len(label))
    console.print(printed, soft_wrap=True)


def show_trials(result: StudyResult, console: Console) -> None:
    """Print the best trials with as many of their hyperparameters as fit."""
    ranked = ranked_trials(result)
    columns = trial_columns(result, ranked.head(SHOWN_TRIALS))
    shown = fit(columns, console.width)
    for number, line in enumerate(render(shown)):
        style = {0: "bold", 1: "green"}.get(number, "")  # the header and the incumbent
        console.print(Text(line, style=style), soft_wrap=True)
    omitted = [count(len(ranked) - SHOWN_TRIALS, "more trial"), count(len(columns) - len(shown), "more column")]
    if any(omitted):
        text = f"{' and '.join(filter(None, omitted))}: use --format json to print everything"
        console.print(Text(text, style="dim"))
    console.print()


def count(number: int, noun: str) -> str:
    """A number with its noun; "" for none.

    Example:
        >>> count(1, "more trial"), count(2, "more trial"), count(0, "more trial")
        ('1 more trial', '2 more trials', '')
    """
    return "" if number <= 0 else f"{number} {noun}{'s' * (number > 1)}"


def trial_columns(result: StudyResult, shown: pd.DataFrame) -> list[Column]:
    """All columns of the table of trials; hyperparameters that are the same in every row are the least important."""
    outcomes = [OUTCOMES.get(outcome, outcome) for outcome in shown["outcome"]]
    values = [
        f"{value:.4g}" if resource else "" for value, resource in zip(shown["value"], shown["resource"], strict=True)
    ]
    config = {
        name.removeprefix("config/"): [format_value(value) for value in shown[name]] for name in config_columns(result)
    }
    return [
        Column("trial", [str(trial) for trial in shown.index]),
        Column("outcome", outcomes, importance=2, numeric=False),
        Column(resource_unit(result), [f"{value:g}" for value in shown["resource"]], importance=1),
        Column(result.metric, values),
        *(Column(name, cells, importance=3 if len(set(cells)) > 1 else 4) for name, cells in config.items()),
    ]


def study_as_json(result: StudyResult) -> str:
    """The result of a study as JSON, with all trials; NaN becomes null."""
    study = {
        "name": result.name,
        "path": result.path,
        "method": result.method,
        "metric": result.metric,
        "mode": result.mode,
        "best_trial": result.best_trial,
        "best_value": result.best_value,
        "best_config": result.best_config,
        "best_checkpoint": None if result.best_checkpoint is None else result.best_checkpoint.path,
        "lineage": [{"start": start, "config": without_seed(config, result)} for start, config in result.lineage],
        "dollars": result.dollars,
        "test_value": result.test_value,
        "test_scores": None if result.test_scores is None else result.test_scores.to_dict("records"),
        "trials": result.trials.reset_index().to_dict("records"),
    }
    return json.dumps(without_nan(study), indent=2, default=plain)


def without_nan(value: Any) -> Any:
    """A nested value with None in place of what JSON cannot hold: NaN and infinities."""
    if isinstance(value, dict):
        return {name: without_nan(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain(value: Any) -> Any:
    """A numpy scalar as Python's number; anything else that JSON does not know as its `repr`."""
    return without_nan(value.item()) if hasattr(value, "item") else repr(value)


def show_difference(difference: Difference, lengths: tuple[int, int], console: Console, *, times: bool) -> None:
    """Print the first difference between two decision logs, A and B, of these lengths, and what it means."""
    of_a, of_b = lengths
    row = difference.row
    agree = f"the first {row} rows agree" if row else "no row agrees"
    console.print(f"{agree} (A has {of_a} rows, B has {of_b}); row {row} differs:", soft_wrap=True)
    console.print(difference_table(difference, times=times))
    console.print(explain(difference), soft_wrap=True)


def difference_table(difference: Difference, *, times: bool) -> Table:
    """The two rows side by side, in full precision, with a mark where they differ; times may be left out."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (f"row {difference.row}", "A", "B", ""):
        table.add_column(title, overflow="fold")
    left, right = fields(difference.left), fields(difference.right)
    for name in dict.fromkeys([*left, *right]):
        one, other = left.get(name, ""), right.get(name, "")
        if name == "time" and (not times or one == other == "nan"):  # studies on Ray record none
            continue
        mark, style = ("", None) if one == other else ("<", "bold red")
        table.add_row(Text(name), Text(one), Text(other), mark, style=style)
    return table


def fields(row: Decision | None) -> dict[str, str]:
    """The fields of a row, with one entry per hyperparameter; empty where the log has ended."""
    if row is None:
        return {}
    plain_fields = {name: str(value) for name, value in row._asdict().items() if name != "config"}
    return plain_fields | {f"config/{name}": json.dumps(value) for name, value in json.loads(row.config).items()}


EXPLANATIONS = {
    "trial": "A different trial reported next: the number or the speed of the workers differs, or the scheduler "
    "resumed another trial.",
    "config": "The same trial has a different config: the searchers diverge here, or a population cloned another "
    "member.",
    "resource": "The same config reported at a different resource: it resumed from another checkpoint.",
    "value": "The same config, trained equally far, has a different value: training differs, not the method.",
    "decision": "The same report led to a different decision: the schedulers diverge here.",
    "time": "The same event happened at a different time. Use --ignore-time to compare studies on different engines.",
}
"""What it means that a field differs. The first field that differs counts: it may have caused the others."""


def explain(difference: Difference) -> str:
    """What a difference says about the two studies, in a sentence."""
    left, right = difference.left, difference.right
    if left is None or right is None:
        ended, other = ("A", "B") if left is None else ("B", "A")
        return f"{ended} ends here, {other} continues: their limits differ, or one was interrupted."
    names = set(json.loads(left.config)), set(json.loads(right.config))
    if left.trial == right.trial and names[0] != names[1]:
        only = ", ".join(sorted(names[0] ^ names[1]))
        return f"Only one of the configs has {only}: the spaces differ, or the searchers chose different options."
    return next(text for name, text in EXPLANATIONS.items() if repr(getattr(left, name)) != repr(getattr(right, name)))
