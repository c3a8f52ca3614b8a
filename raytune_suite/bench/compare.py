"""`compare()`: a whole comparison of methods with one call."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pandas as pd

from raytune_suite.bench import store
from raytune_suite.bench.analysis import regrets
from raytune_suite.bench.custom_methods import identity
from raytune_suite.bench.plan import plan
from raytune_suite.bench.protocol import ENGINES, WORKERS, Entrant, Protocol, Task, check_budget, seeds
from raytune_suite.bench.runner import carry_out
from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.types import check_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.bench.run import Run
    from raytune_suite.workloads import Workload


@dataclass(frozen=True)
class Comparison(store.Results):
    """What a comparison has found; see `bench.store.Results` for the tables.

    Attributes:
        folder: Where it lies; without `out` it is gone when nothing refers to this object any more.
    """

    folder: Path

    @property
    def regret(self) -> pd.DataFrame:
        """The mean normalized regret of a method's runs at the end of the budget: a row per workload, a column each.

        A run that failed counts as 1, the worst of the workload's bounds, and so does a regret above 1. NaN where the
        method was refused, or the workload has no bounds.
        """
        pairs = self.runs[self.runs["status"] != store.REFUSED].drop_duplicates(["workload", "method"])
        columns = sorted(self.runs["method"].unique())
        index = sorted(self.manifest["workloads"])
        table = pd.DataFrame(np.nan, pd.Index(index, name="workload"), pd.Index(columns, name="method"))
        for workload, method in zip(pairs["workload"], pairs["method"], strict=True):
            if self.manifest["workloads"][workload]["bounds"] is not None:
                table.loc[workload, method] = float(regrets(self, method, (workload,)).mean())
        return table

    def report(self, path: str | Path) -> Path:
        """Write the page about it to `path`, and return that.

        Raises:
            MissingPackageError: If matplotlib or jinja2 is not installed.
        """
        from raytune_suite.bench.report.page import write

        target = Path(path).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        page = write(self.folder)
        if page.resolve() != target.resolve():
            shutil.copyfile(page, target)
        return target


def compare(
    methods: Sequence[str] | Mapping[str, str | Callable[..., Any]],
    workloads: Sequence[str | Workload],
    *,
    budget: float,
    method_seeds: Sequence[int] | str = "0-9",
    method_args: Mapping[str, Mapping[str, Any]] | None = None,
    tuning_seeds: Sequence[int] | None = None,
    test_seeds: Sequence[int] | None = None,
    workers: int = WORKERS,
    engine: str = "simulated",
    out: str | Path | None = None,
    processes: int | None = None,
    ray: str | None = None,
) -> Comparison:
    """Compare methods: each tunes each workload with each method seed, and is judged on seeds that it has not seen.

    Runs are processes of their own. In a program, call it under `if __name__ == "__main__":`, as all that starts
    processes.

    Args:
        methods: Names of methods; or what the tables shall call them, with the name or with what makes them: a
            function or class that is called with those of `space`, `metric`, `mode`, `max_t`, `time_attr` and `seed`
            that it takes, and gives a Ray searcher or a `Method`, such as that of `make_method("tpe", space, ...)`.
        workloads: Names of workloads, or workloads.
        budget: What a run may spend, in full trainings.
        method_seeds: One run for each.
        method_args: Arguments of methods, by what the tables call them.
        tuning_seeds: The training seeds that methods may see; by default each workload's.
        test_seeds: Those that judge what they choose; by default each workload's.
        workers: Trials at once. With the engine "ray" it does not apply to populations, nor to what a function makes.
        engine: "simulated" for virtual time, or "ray".
        out: The folder for the results; what an earlier call has done there is not done again.
        processes: Runs at once on this machine; by default as many as it has CPUs.
        ray: The address of a Ray cluster that shall do the runs; "auto" for the one that is there.

    Raises:
        ArgumentError: If an argument cannot be used; nothing was started.
        UnknownNameError: If an argument of a method is unknown; nothing was started.
        StudyError: If all runs have failed, with the first one's error; those of some are in `Comparison.runs`.
        StudyInterrupted: After Ctrl-C; with `out` the same call goes on.

    Example:
        >>> import raytune_suite as rts
        >>> found = rts.compare(["asha", "random"], ["synthetic/branin"], budget=10)  # doctest: +SKIP
        >>> found.regret  # doctest: +SKIP
    """
    for word, names in (("methods", methods), ("workloads", workloads)):
        if isinstance(names, str):
            raise ArgumentError(f"`{word}` is {names!r}, but must be a list: write [{names!r}]")
    unnamed = [] if isinstance(methods, Mapping) else [one for one in methods if not isinstance(one, str)]
    if unnamed:
        raise ArgumentError(f"`methods` has {unnamed[0]!r}, which needs a label: write {{'mine': ...}}, not a list")
    named: dict[str, Any] = dict(methods) if isinstance(methods, Mapping) else {name: name for name in methods}
    arguments = dict(method_args or {})
    unknown = sorted(set(arguments) - set(named))
    if unknown:
        raise ArgumentError(f"`method_args` has {unknown[0]!r}, which is none of the methods: {', '.join(named)}")
    if engine not in ENGINES:
        raise ArgumentError(f"`engine` is {engine!r}, but must be one of {', '.join(map(repr, ENGINES))}")
    if not named or not workloads:
        raise ArgumentError("`methods` or `workloads` is empty, but must name at least one")
    entrants = tuple(_entrant(label, method, dict(arguments.get(label, {}))) for label, method in named.items())
    shared: dict[str, Any] = {
        "budget": check_budget(budget),
        "method_seeds": seeds(method_seeds),
        "workers": check_count("workers", workers),
        "tuning_seeds": None if tuning_seeds is None else seeds(tuning_seeds),
        "test_seeds": None if test_seeds is None else seeds(test_seeds),
    }
    tasks = tuple(
        Task(workload=one, **shared) if isinstance(one, str) else Task(workload=one.name, made=one, **shared)
        for one in workloads
    )
    planned = plan(Protocol(name="comparison", entrants=entrants, tasks=tasks, engine=engine))
    folder = Path(tempfile.mkdtemp(prefix="comparison-") if out is None else out).expanduser()
    summary = carry_out(planned, folder, processes=processes, ray=ray, watcher=_Silent())
    if summary.failed and summary.done + summary.found == 0:
        run, error = summary.failed[0]
        raise StudyError(f"all {len(summary.failed)} runs have failed; the first one, {run}: {error}")
    found = Comparison(**vars(store.read(folder)), folder=folder)
    if out is None:
        weakref.finalize(found, shutil.rmtree, folder, ignore_errors=True)
    return found


def _entrant(label: str, method: Any, args: dict[str, Any]) -> Entrant:
    """A method by its name, or a user's own.

    Raises:
        ArgumentError: If it is neither a name nor can be called.
    """
    if isinstance(method, str):
        return Entrant(label=label, method=method, args=args)
    if not callable(method):
        raise ArgumentError(
            f"`methods` has {label!r}: {method!r}, but must have a name, or what makes a searcher or a Method"
        )
    return Entrant(label=label, method=identity(method), args=args, factory=method)


@final
class _Silent:
    """Shows nothing."""

    def begin(self, total: int, done: int) -> None:
        """Nothing."""

    def ended(self, run: Run, status: str) -> None:
        """Nothing."""

    def tick(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""
