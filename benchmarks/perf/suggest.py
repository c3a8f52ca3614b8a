"""The cost of a suggestion: CPU milliseconds per ask and tell of our searchers and other packages.

    python benchmarks/perf/suggest.py [--methods bohb,dehb] [--observations 50,300,1000] [--peers hpbandster,dehb]

All have the same space of six dimensions (two floats, one of them log, two integers, two categoricals) and the same
observations, and alternate ask and tell. Ours are measured through Ray's `Searcher` interface. Each runs in its own
process with one thread; hpbandster, dehb and Optuna run in environments that are created on first use (see
`references/environments.py`), or are skipped with a message. The Gaussian processes of bayesian-optimization take
seconds per suggestion, and are measured up to 200 observations only, unless `--slow` is set.

The last line is JSON. `bohb_speedup_1000` and `dehb_speedup_1000` are our speed-ups over hpbandster's BOHB at 1000
observations; `bohb_growth_1000_over_200` is the ratio of our times at 1000 and at 200 observations (5 would be linear);
`mfes_ms_300` is our time at 300 observations.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # to import `benchmarks` from any working directory

from benchmarks.references.askers import PEERS  # noqa: E402 - after the path is set
from benchmarks.references.environments import REFERENCES, reference, run_module  # noqa: E402
from raytune_suite.methods import METHODS, parts  # noqa: E402

MODEL_FREE = frozenset({"random", "sobol", "grid"})
"""Searchers without a surrogate model."""

SLOW = frozenset({"bayesopt", "bayesian-optimization"})
SLOW_FROM = 200
"""The most observations for the slow searchers."""

REFERENCE = "hpbandster"


def default_methods() -> list[str]:
    """Return one method for each searcher with a surrogate model."""
    methods: dict[str, str] = {}
    for method, recipe in METHODS.items():
        if recipe.searcher not in MODEL_FREE:
            methods.setdefault(recipe.searcher, method)
    return list(methods.values())


def names(text: str) -> list[str]:
    """Split a comma-separated list."""
    return [word for word in text.split(",") if word]


def measure(asker: str, sizes: list[int], effort: list[str]) -> dict[str, Any] | None:
    """Return milliseconds by number of observations, and the version; None if the environment cannot be created."""
    package = asker.partition(":")[0]
    python = reference(package) if package in REFERENCES else Path(sys.executable)
    if python is None:
        return None
    done = run_module(python, "benchmarks.references.askers", asker, ",".join(map(str, sizes)), *effort)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def figures(ms: dict[str, dict[int, float]], methods: list[str], sizes: list[int]) -> dict[str, float]:
    """Return the times, the speed-ups over hpbandster's BOHB, and the growth of the time between sizes."""
    ratios: dict[str, float] = {}
    reference_ms = ms.get(REFERENCE, {})
    for method in methods:
        own_ms = ms[f"ours: {method}"]
        ratios |= {f"{method}_ms_{size}": round(value, 2) for size, value in own_ms.items()}
        for size in set(own_ms) & set(reference_ms):
            ratios[f"{method}_speedup_{size}"] = round(reference_ms[size] / own_ms[size], 1)
        for fewer, more in itertools.combinations(sizes, 2):
            if more in own_ms:
                ratios[f"{method}_growth_{more}_over_{fewer}"] = round(own_ms[more] / own_ms[fewer], 2)
    return dict(sorted(ratios.items()))


def show(ms: dict[str, dict[int, float]], versions: dict[str, str], sizes: list[int]) -> None:
    """Print the table."""
    table = Table(title=f"CPU ms per ask and tell, by observations; Python {platform.python_version()}")
    for column in ("", "version", *map(str, sizes)):
        table.add_column(column, justify="left" if column in {"", "version"} else "right")
    for name, by_size in ms.items():
        cells = [f"{by_size[size]:.2f}" if size in by_size else "-" for size in sizes]
        table.add_row(name, versions[name], *cells)
    Console().print(table)


def main() -> None:
    """Measure all searchers, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--methods", type=names, default=default_methods(), help="our methods, comma-separated (all with a model)"
    )
    parser.add_argument("--peers", type=names, default=list(PEERS), help=f"comma-separated ({','.join(PEERS)})")
    parser.add_argument(
        "--observations", type=names, default=["50", "200", "300", "1000"], help="numbers (50,200,300,1000)"
    )
    parser.add_argument("--pairs", default="20", help="pairs of ask and tell per repeat (20)")
    parser.add_argument("--repeats", default="5", help="repeats; the median counts (5)")
    parser.add_argument("--slow", action="store_true", help=f"also Gaussian processes beyond {SLOW_FROM} observations")
    arguments = parser.parse_args()
    unknown = set(arguments.peers) - set(PEERS)
    if unknown:
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    sizes = sorted(int(size) for size in arguments.observations)
    askers = {f"ours: {method}": f"ours:{parts(method)[0]}" for method in arguments.methods}
    askers |= {peer: peer for peer in arguments.peers}
    ms: dict[str, dict[int, float]] = {}
    versions: dict[str, str] = {}
    for name, asker in askers.items():
        slow = not arguments.slow and asker.rpartition(":")[2] in SLOW
        fit = [size for size in sizes if not slow or size <= SLOW_FROM]
        result = measure(asker, fit, ["--pairs", arguments.pairs, "--repeats", arguments.repeats]) if fit else None
        if result is not None:
            ms[name], versions[name] = {int(size): value for size, value in result["ms"].items()}, result["version"]
            print(f"{name}: {ms[name]}", file=sys.stderr)
    show(ms, versions, sizes)
    if REFERENCE not in ms:
        print(f"{REFERENCE} was not measured, so the speed-ups over it are missing.")
    rows = {name: {str(size): round(value, 3) for size, value in by_size.items()} for name, by_size in ms.items()}
    print(json.dumps({**figures(ms, arguments.methods, sizes), "ms": rows, "versions": versions}))


if __name__ == "__main__":
    main()
