"""The tables of `peers.py`: means with intervals, paired differences from `auto`, and means by workload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MARKS = ("10", "20", "50")
"""The marks that are shown, in full trainings."""

BUDGET_AWARE = ("auto",)
"""The optimizers whose decisions depend on the budget; all others do the same with any, until it is spent."""

BEGIN, END = "<!-- tables by benchmarks/peers.py -->", "<!-- end of the tables -->"

RESAMPLES = 4000


def run_key(label: str, workload: str, seed: int, budget: float) -> str:
    """Return what identifies a run."""
    return f"{label} {workload} {seed} {budget:g}"


def interval(values: NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean of values, of shape (workloads, seeds).

    Workloads are drawn with replacement, and seeds within each of them.
    """
    workloads, seeds = values.shape
    rows = rng.integers(workloads, size=(RESAMPLES, workloads, 1))
    means = values[rows, rng.integers(seeds, size=(RESAMPLES, workloads, seeds))].mean(axis=(1, 2))
    low, high = np.percentile(means, [2.5, 97.5]).tolist()
    return low, high


def study_budgets(label: str, budget: float) -> list[float]:
    """Return the budget of the study from which each column of an optimizer is taken, in full trainings.

    Example:
        >>> study_budgets("auto", 50), study_budgets("random", 50)
        ([10.0, 20.0, 50.0], [50, 50, 50])
    """
    marks = [float(mark) for mark in MARKS if float(mark) <= budget]
    return marks if label in BUDGET_AWARE else [budget] * len(marks)


def collected(
    runs: dict[str, dict[str, Any]], workloads: Sequence[str], seeds: int, budget: float, marks: Sequence[str]
) -> dict[str, tuple[NDArray[np.float64], float]]:
    """Return the regrets, of shape (workloads, seeds, marks), and the mean CPU seconds of optimizers with all runs.

    An optimizer that depends on the budget gets that of each column, and a second row for one study of the largest.
    """
    rows = {}
    for label in dict.fromkeys(run["label"] for run in runs.values()):
        rows[label] = label, study_budgets(label, budget)
        if label in BUDGET_AWARE:
            rows[f"{label}, one study of {budget:g}"] = label, [budget] * len(marks)
    results = {}
    for row, (label, budgets) in rows.items():
        cells = [
            [
                [(run_key(label, name, seed, own), mark) for own, mark in zip(budgets, marks, strict=True)]
                for seed in range(seeds)
            ]
            for name in workloads
        ]
        if all(key in runs for by_seed in cells for by_mark in by_seed for key, _ in by_mark):
            regrets = [
                [[runs[key]["regrets"][mark] for key, mark in by_mark] for by_mark in by_seed] for by_seed in cells
            ]
            seconds = [runs[by_mark[-1][0]]["seconds"] for by_seed in cells for by_mark in by_seed]
            results[row] = np.array(regrets), float(np.mean(seconds))
    return dict(sorted(results.items(), key=lambda item: float(item[1][0][..., -1].mean())))


def tables(
    runs: dict[str, dict[str, Any]], workloads: Sequence[str], seeds: int, budget: float, reference: str = "auto"
) -> Iterator[str]:
    """Yield the lines of the tables in Markdown: one row per optimizer that has all runs."""
    marks = [mark for mark in MARKS if float(mark) <= budget]
    results = collected(runs, workloads, seeds, budget, marks)
    rng = np.random.default_rng(0)
    head = " | ".join(f"{mark} full trainings" for mark in marks)
    count = f"{seeds} seed{'s' if seeds > 1 else ''} each"
    yield f"Mean normalized regret on {len(workloads)} workloads, {count}, one worker [95 % interval]:\n"
    yield f"| optimizer | {head} | CPU seconds per run |"
    yield "|---" * (len(marks) + 2) + "|"
    for label, (regrets, seconds) in results.items():
        cells = [
            "{:.3f} [{:.3f}, {:.3f}]".format(regrets[..., column].mean(), *interval(regrets[..., column], rng))
            for column in range(len(marks))
        ]
        yield f"| {label} | {' | '.join(cells)} | {seconds:.1f} |"
    if reference not in results:
        return
    yield f"\nMean differences in pairs of runs with the same workload and seed; negative: `{reference}` is better."
    yield "Intervals without 0 are bold:\n"
    yield f"| `{reference}` minus | {head} | workloads won, lost after {marks[-1]} |"
    yield "|---" * (len(marks) + 2) + "|"
    for label, (regrets, _) in results.items():
        if label == reference:
            continue
        differences = results[reference][0] - regrets
        cells = [difference(differences[..., column], rng) for column in range(len(marks))]
        last = differences[..., -1].mean(axis=1)
        yield f"| {label} | {' | '.join(cells)} | {(last < 0).sum()}, {(last > 0).sum()} |"
    yield f"\nAfter {marks[-1]} full trainings, by workload:\n"
    yield f"| workload | {' | '.join(results)} |"
    yield "|---" * (len(results) + 1) + "|"
    for row, name in enumerate(workloads):
        yield f"| {name} | {' | '.join(f'{regrets[row, :, -1].mean():.3f}' for regrets, _ in results.values())} |"


def difference(values: NDArray[np.float64], rng: np.random.Generator) -> str:
    """Return a cell: the mean difference and its interval, of values of shape (workloads, seeds)."""
    low, high = interval(values, rng)
    mean = f"{values.mean():+.3f}"
    return f"{f'**{mean}**' if low > 0 or high < 0 else mean} [{low:+.3f}, {high:+.3f}]"


def write(path: Path, text: str) -> None:
    """Replace the tables in a page, whose text before and after them stays."""
    page = path.read_text() if path.exists() else f"{BEGIN}\n{END}\n"
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
