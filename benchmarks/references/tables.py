"""The tables of `reference_parity.py`: means, intervals, verdicts, and the Markdown page."""

from __future__ import annotations

import math
import statistics
from typing import Any

from scipy.stats import t as student

from benchmarks.references.recorder import COUNTS, MARKS, TIMES

WORSE = "worse"
KEYS = ("against_package", "against_published")

PUBLISHED: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "published/counting-ones": (
        (-0.5756, -0.5850, -0.5981, -0.6158, -0.6165),
        (0.01409, 0.01115, 0.00309, 0.01976, 0.01900),
    ),
    "published/mfh3": ((-2.861, -3.506, -3.722, -3.741, -3.741), (0.0688, 0.0763, 0.0869, 0.0985, 0.0985)),
    "published/mfh6": ((-1.494, -1.869, -2.175, -2.314, -2.314), (0.2482, 0.2609, 0.2059, 0.2622, 0.2622)),
}
"""Mean and standard deviation over 5 seeds at `COUNTS` (automl/DEHB, benchmarking/results/benchmark_results.md)."""

PUBLISHED_SEEDS = 5


def mean_and_half(values: list[float]) -> tuple[float, float]:
    """Return the mean and the half width of its 95 % interval."""
    return statistics.fmean(values), half_width(statistics.stdev(values), len(values))


def half_width(deviation: float, count: int) -> float:
    """Return the half width of the 95 % interval of a mean, from the standard deviation and the number of values."""
    return float(student.ppf(0.975, count - 1)) * deviation / math.sqrt(count)


def verdict(mean: float, reference: tuple[float, float]) -> str:
    """Compare a mean with the mean and half width of the reference; lower is better."""
    center, half = reference
    if mean < center - half:
        return "better"
    return "within" if mean <= center + half else WORSE


def at_marks(runs: list[dict[str, Any]], field: str, mark: str) -> tuple[float, float] | None:
    """Return the mean and half width of a field of the runs, or None if a run has no value yet."""
    values = [run[field][mark] for run in runs]
    return None if None in values else mean_and_half(values)


def row(problem: str, method: str, side: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a row of the table: the results of one implementation ("ours" or a package) on one problem."""
    published = problem in PUBLISHED
    field, marks = ("best_seen", COUNTS) if published else ("regret", MARKS)
    results: dict[str, Any] = {"problem": problem, "method": method, "side": side, "seeds": len(runs)}
    results |= {field: {str(mark): at_marks(runs, field, str(mark)) for mark in marks}}
    if side == "ours" and not published:
        results["regret_resume"] = {str(mark): at_marks(runs, "regret_resume", str(mark)) for mark in marks}
    evaluations: dict[str, list[int]] = {}
    for run in runs:
        for resource, count in run["evaluations"].items():
            evaluations.setdefault(resource, []).append(count)
    results["evaluations"] = {resource: sum(counts) / len(runs) for resource, counts in evaluations.items()}
    return results


RESUMED = "resuming_against_package"
"""The key of the verdicts on our actual cost, with resumed promotions."""


def add_verdicts(rows: list[dict[str, Any]]) -> None:
    """Add the verdicts to our rows, for each mark; the last one counts."""
    for ours in (one for one in rows if one["side"] == "ours"):
        field = "best_seen" if "best_seen" in ours else "regret"
        for theirs in rows:
            same = (theirs["problem"], theirs["method"]) == (ours["problem"], ours["method"])
            if same and theirs["side"] != "ours":
                key = "against_published" if theirs["side"] == "published" else "against_package"
                ours[key] = verdicts(ours[field], theirs[field])
                if field == "regret":
                    ours[RESUMED] = verdicts(ours["regret_resume"], theirs["regret"])


def verdicts(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, str]:
    """Return the verdict at each mark that both have reached."""
    return {
        mark: verdict(value[0], theirs[mark])
        for mark, value in ours.items()
        if value is not None and theirs[mark] is not None
    }


def any_worse(rows: list[dict[str, Any]]) -> bool:
    """Whether ours is worse than a reference at the last mark."""
    return any(list(one[key].values())[-1] == WORSE for one in rows for key in KEYS if key in one)


def format_verdicts(verdicts: dict[str, str]) -> str:
    """Format the last verdict, and the earlier marks that are worse."""
    *earlier, last = verdicts
    worse = [mark for mark in earlier if verdicts[mark] == WORSE]
    return verdicts[last] + (f" ({WORSE} at {', '.join(worse)})" if worse else "")


def published_row(problem: str) -> dict[str, Any]:
    """Return the results published by dehb's authors."""
    means, deviations = PUBLISHED[problem]
    values = [(mean, half_width(sd, PUBLISHED_SEEDS)) for mean, sd in zip(means, deviations, strict=True)]
    best = dict(zip(map(str, COUNTS), values, strict=True))
    return {"problem": problem, "method": "dehb", "side": "published", "seeds": PUBLISHED_SEEDS, "best_seen": best}


def table(rows: list[dict[str, Any]], field: str, marks: tuple[int, ...], unit: str) -> list[str]:
    """Return a Markdown table of the rows that have this field."""
    heads = ["problem", "method", "by", "seeds", *(f"{mark}{unit}" for mark in marks), "verdict"]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|---|--:|" + "--:|" * len(marks) + "---|"]
    for one in rows:
        if field not in one:
            continue
        values = [one[field][str(mark)] for mark in marks]
        cells = ["-" if value is None else f"{value[0]:.3f} ± {value[1]:.3f}" for value in values]
        resumed = field == "regret_resume"
        keys = (RESUMED,) if resumed else KEYS
        verdict_cell = "; ".join(format_verdicts(one[key]) for key in keys if key in one)
        side = one["side"] + (", resuming" if resumed else "")
        row_cells = [one["problem"], one["method"], side, str(one["seeds"]), *cells, verdict_cell]
        lines.append("| " + " | ".join(row_cells) + " |")
    return lines


def report(rows: list[dict[str, Any]], versions: dict[str, Any], seeds: int, own_seeds: int) -> str:
    """Return the Markdown page."""
    packages = ", ".join(f"{name} {number}" for name, number in versions.items())
    lines = [
        "# BOHB and DEHB compared with their reference packages",
        "",
        f"Seeds 0 to {seeds - 1} for the references and 0 to {own_seeds - 1} for ours; r = 1, R = 81, eta = 3; one",
        f"worker, a budget of {TIMES} x R. Mean regret without noise of the incumbent (the best observed at R) at",
        "multiples of R, ± the half width of the 95 % interval. An evaluation costs its full resource, since the",
        "references train from scratch; with `resuming`, promotions resume and cost only the additional resource.",
        "",
        *table(rows, "regret", MARKS, " x R"),
        *table(rows, "regret_resume", MARKS, " x R")[2:],
        "",
        "The best value at any fidelity after 60 to 300 evaluations, as published by dehb's authors (5 seeds). The",
        "first verdict compares with our runs of the package, the second with the published values.",
        "",
        *table(rows, "best_seen", COUNTS, ""),
        "",
        f"Created by `python benchmarks/reference_parity.py --seeds {seeds} --own-seeds {own_seeds}` with {packages}.",
        "",
    ]
    return "\n".join(lines)
