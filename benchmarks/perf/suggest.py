"""What a suggestion costs: CPU milliseconds per ask and tell of our searchers and their peers.

    python benchmarks/perf/suggest.py [--methods bohb,dehb] [--observations 50,200,1000] [--peers hpbandster,dehb]

All have the same space of six dimensions (two floats, one of them log, two integers, two categoricals), are told the
same observations, and then asked and told in turn. Ours are measured through Ray's `Searcher` interface. Each runs in a
process of its own with one thread; hpbandster, dehb and Optuna in environments that are made on first use (see
`references/environments.py`), or are left out with a message. Gaussian processes take seconds per suggestion and are
not asked beyond 200 observations, unless `--slow` is given.

The last line is JSON. `bohb_speedup_1000` and `dehb_speedup_1000` say how many times faster ours are at 1000
observations than hpbandster's BOHB; `bohb_growth_1000_over_200` how many times longer ours takes there than at 200 (5
would be linear).
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
sys.path.insert(0, str(ROOT))  # so that it finds its own modules from wherever it is started

from benchmarks.references.askers import PEERS  # noqa: E402 - after the path is set
from benchmarks.references.environments import REFERENCES, reference, run_module  # noqa: E402
from raytune_suite.methods import METHODS, parts  # noqa: E402

MODEL_FREE = frozenset({"random", "sobol", "grid"})
"""Searchers that learn nothing: there is nothing to time."""

SLOW = frozenset({"gp", "bayesian-optimization"})
SLOW_FROM = 200
"""More observations than this are not given to the slow ones."""

REFERENCE = "hpbandster"


def default_methods() -> list[str]:
    """One method for each searcher that learns."""
    found: dict[str, str] = {}
    for method, recipe in METHODS.items():
        if recipe.searcher not in MODEL_FREE:
            found.setdefault(recipe.searcher, method)
    return list(found.values())


def names(text: str) -> list[str]:
    """The words between commas."""
    return [word for word in text.split(",") if word]


def measure(asker: str, sizes: list[int], effort: list[str]) -> dict[str, Any] | None:
    """Milliseconds by number of observations, and the version; None where the environment is not to be had."""
    package = asker.partition(":")[0]
    python = reference(package) if package in REFERENCES else Path(sys.executable)
    if python is None:
        return None
    done = run_module(python, "benchmarks.references.askers", asker, ",".join(map(str, sizes)), *effort)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def figures(ms: dict[str, dict[int, float]], methods: list[str], sizes: list[int]) -> dict[str, float]:
    """The speedups over hpbandster's BOHB, and how the time grows from size to size."""
    made: dict[str, float] = {}
    theirs = ms.get(REFERENCE, {})
    for method in methods:
        took = ms[f"ours: {method}"]
        for size in set(took) & set(theirs):
            made[f"{method}_speedup_{size}"] = round(theirs[size] / took[size], 1)
        for fewer, more in itertools.pairwise(sizes):
            if more in took:
                made[f"{method}_growth_{more}_over_{fewer}"] = round(took[more] / took[fewer], 2)
    return dict(sorted(made.items()))


def show(ms: dict[str, dict[int, float]], versions: dict[str, str], sizes: list[int]) -> None:
    """Print the table."""
    table = Table(title=f"CPU ms per ask and tell, by observations; Python {platform.python_version()}")
    for column in ("", "version", *map(str, sizes)):
        table.add_column(column, justify="left" if column in {"", "version"} else "right")
    for name, took in ms.items():
        cells = [f"{took[size]:.2f}" if size in took else "-" for size in sizes]
        table.add_row(name, versions[name], *cells)
    Console().print(table)


def main() -> None:
    """Measure all, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=names, default=default_methods(), help="ours, with commas (all that learn)")
    parser.add_argument("--peers", type=names, default=list(PEERS), help=f"with commas ({','.join(PEERS)})")
    parser.add_argument("--observations", type=names, default=["50", "200", "1000"], help="numbers (50,200,1000)")
    parser.add_argument("--pairs", default="20", help="ask and tell so often per repeat (20)")
    parser.add_argument("--repeats", default="5", help="repeats, of which the median is taken (5)")
    parser.add_argument("--slow", action="store_true", help=f"Gaussian processes beyond {SLOW_FROM} observations, too")
    arguments = parser.parse_args()
    unknown = set(arguments.peers) - set(PEERS)
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
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
            ms[name], versions[name] = {int(size): took for size, took in result["ms"].items()}, result["version"]
            print(f"{name}: {ms[name]}", file=sys.stderr)
    show(ms, versions, sizes)
    if REFERENCE not in ms:
        print(f"{REFERENCE} was not measured, so that there is no speedup over it.")
    rows = {name: {str(size): round(value, 3) for size, value in took.items()} for name, took in ms.items()}
    print(json.dumps({**figures(ms, arguments.methods, sizes), "ms": rows, "versions": versions}))


if __name__ == "__main__":
    main()
