"""What is told on a terminal: what a study has found, and where two runs part. Importing this does not load Ray."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from raytune_suite.engines.callbacks.decision_log import Decision, Difference
    from raytune_suite.tuning.result import StudyResult

SHOWN_TRIALS = 10
"""Rows of the table of a study."""

PIPE_WIDTH = 200
"""Characters in a row where the output is no terminal, so that a pipe never cuts a column."""


def output() -> Console:
    """The standard output."""
    return Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)


def show_study(result: StudyResult, console: Console) -> None:
    """Print what a study found: its best trials, its best config, and how that does on the test seeds."""
    unit = "iterations" if result.time_attr == "training_iteration" else result.time_attr
    last = result.reports.iloc[-1]
    seconds = "s" if result.result_grid is not None else "s of simulated time"
    console.print(
        f"\n[bold]{result.method}[/] tried {len(result.trials)} configs in {last['cost']:g} {unit} and "
        f"{last['elapsed']:.0f} {seconds}"
    )
    console.print(trials_table(result))
    console.print("[bold]best config[/]", Text(json.dumps(result.best_config, default=repr)), soft_wrap=True)
    for start, config in result.lineage[:-1]:
        console.print(f"  it began at {start:g} with", Text(json.dumps(config, default=repr)), soft_wrap=True)
    console.print(f"[bold]tuning[/]   {result.metric} {result.best_value:.4g} (trial {result.best_trial})")
    if result.test_scores is not None and result.test_value is not None:
        scores = "  ".join(f"{score.value:.4g}" for score in result.test_scores.itertuples())
        names = ", ".join(str(seed) for seed in result.test_scores["seed"])
        gap = result.test_value - result.best_value
        console.print(
            f"[bold]test[/]     {result.metric} {result.test_value:.4g}, the mean of {scores} (seeds {names})"
        )
        worse = gap if result.mode == "min" else -gap
        words = "better than" if worse < 0 else "worse than" if worse > 0 else "as"
        console.print(f"[bold]gap[/]      {gap:+.4g}: {words} while tuning")
    console.print("[bold]study[/]   ", Text(result.path), soft_wrap=True)


def trials_table(result: StudyResult) -> Table:
    """The best trials: those that were trained furthest first, and among equals the best value first."""
    loss = result.trials["value"] if result.mode == "min" else -result.trials["value"]
    ranked = result.trials.assign(loss=loss)
    ranked = ranked.sort_values(["resource", "loss"], ascending=[False, True], kind="stable")
    ranked = ranked.loc[[result.best_trial, *(trial for trial in ranked.index if trial != result.best_trial)]]
    configs = [name for name in ranked.columns if name.startswith("config/") and name != "config/seed"]
    table = Table(box=None, pad_edge=False, header_style="bold", caption_justify="left")
    table.add_column("trial", justify="right")
    table.add_column("outcome", no_wrap=True)
    for name in (result.time_attr if result.time_attr != "training_iteration" else "iterations", result.metric):
        table.add_column(name, justify="right")
    for name in configs:
        table.add_column(name.removeprefix("config/"), justify="right")
    for trial, row in ranked.head(SHOWN_TRIALS).iterrows():
        cells = [str(trial), str(row["outcome"]), f"{row['resource']:g}", f"{row['value']:.4g}"]
        table.add_row(
            *cells, *(cell(row[name]) for name in configs), style="green" if trial == result.best_trial else None
        )
    if len(ranked) > SHOWN_TRIALS:
        table.caption = f"and {len(ranked) - SHOWN_TRIALS} more"
    return table


def cell(value: Any) -> str:
    """A hyperparameter's value in a table; nothing for one that does not exist in that config."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"  # noqa: PLR0124 - only NaN differs from itself
    return "" if value is None else str(value)


def show_difference(found: Difference, lengths: tuple[int, int], console: Console, *, times: bool) -> None:
    """Print where two decision logs, A and B, of these lengths part: both rows side by side, and what that means."""
    of_a, of_b = lengths
    console.print(f"the first {found.row} rows agree, of {of_a} in A and {of_b} in B; row {found.row} differs:")
    console.print(difference_table(found, times=times))
    console.print(meaning(found), soft_wrap=True)


def difference_table(found: Difference, *, times: bool) -> Table:
    """The two rows side by side, in full precision; what differs is marked. Times may be left out."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (f"row {found.row}", "A", "B", ""):
        table.add_column(title, overflow="fold")
    left, right = cells(found.left), cells(found.right)
    for name in dict.fromkeys([*left, *right]):
        if name == "time" and not times:
            continue
        one, other = left.get(name, ""), right.get(name, "")
        mark, style = ("", None) if one == other else ("<", "bold red")
        table.add_row(Text(name), Text(one), Text(other), mark, style=style)
    return table


def cells(row: Decision | None) -> dict[str, str]:
    """What a row says, each hyperparameter by itself; nothing where the log has ended."""
    if row is None:
        return {}
    plain = {name: str(value) for name, value in row._asdict().items() if name != "config"}
    return plain | {f"config/{name}": json.dumps(value) for name, value in json.loads(row.config).items()}


MEANINGS = {
    "trial": "Another trial reported next: other workers, other speeds, or a scheduler that resumed another.",
    "config": "The same trial has another config: the searchers part here, or what a population clones.",
    "resource": "The same config reported at another resource: it went on from another checkpoint.",
    "value": "The same config, trained as far, has another value: the trainings part, not the method.",
    "decision": "The same report led to another decision: the schedulers part here.",
    "time": "The same happened at another time; --ignore-time leaves times out, as between two engines.",
}
"""What it means that a field of two rows differs. The first tells most: what follows may follow from it."""


def meaning(found: Difference) -> str:
    """What a difference says about the two runs, in a sentence."""
    left, right = found.left, found.right
    if left is None or right is None:
        ended, other = ("A", "B") if left is None else ("B", "A")
        return f"{ended} has ended, {other} goes on: they had other limits, or one was cut off."
    return next(words for name, words in MEANINGS.items() if repr(getattr(left, name)) != repr(getattr(right, name)))
