"""`compare()`: a whole comparison of methods in one call."""

from __future__ import annotations

import shutil
import sys
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
from raytune_suite.bench.custom_methods import factory_identity
from raytune_suite.bench.plan import plan
from raytune_suite.bench.progress import progress_watcher
from raytune_suite.bench.protocol import (
    ENGINES,
    WORKERS,
    MethodEntry,
    Protocol,
    WorkloadEntry,
    as_seeds,
    check_budget,
    check_marks,
)
from raytune_suite.bench.runner import carry_out
from raytune_suite.errors import ArgumentError, StudyError, shortened
from raytune_suite.types import check_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raytune_suite.bench.run import Run
    from raytune_suite.workloads import Workload


@dataclass(frozen=True, repr=False)
class Comparison(store.Results):
    """The results of a comparison; see `bench.store.Results` for the tables.

    Attributes:
        folder: The folder of the results. If `out` was None, it is deleted when this object is garbage-collected.
    """

    folder: Path

    def __repr__(self) -> str:
        methods, workloads = sorted(self.runs["method"].unique()), sorted(self.manifest["workloads"])
        what = f"{', '.join(methods)} on {', '.join(shortened(name, 40) for name in workloads[:3])}"
        more = f" and {len(workloads) - 3} more" if workloads[3:] else ""
        return f"<Comparison of {what}{more}: {len(self.runs)} runs in {self.folder}>"

    @property
    def regret(self) -> pd.DataFrame:
        """The mean normalized regret at the end of the budget: one row per workload, one column per method.

        A failed run counts as 1, the worst of the workload's bounds, and larger regrets are clipped to 1. NaN if the
        method does not support the workload, or the workload has no bounds.
        """
        return self.regret_at(None)

    def regret_at(self, trainings: float | None) -> pd.DataFrame:
        """The mean normalized regret after so many full trainings, one of `judge_at`; None: at the end of the budget.

        NaN also where the incumbent was not evaluated then.
        """
        pairs = self.runs[self.runs["status"] != store.REFUSED].drop_duplicates(["workload", "method"])
        columns = sorted(self.runs["method"].unique())
        index = sorted(self.manifest["workloads"])
        table = pd.DataFrame(np.nan, pd.Index(index, name="workload"), pd.Index(columns, name="method"))
        for workload, method in zip(pairs["workload"], pairs["method"], strict=True):
            facts = self.manifest["workloads"][workload]
            fraction = 1.0 if trainings is None else trainings / facts["budget"]
            judged = np.isclose(facts.get("fractions", self.manifest["fractions"]), fraction).any()
            if facts["bounds"] is not None and judged:
                table.loc[workload, method] = float(regrets(self, method, (workload,), fraction).mean())
        return table

    @property
    def refused(self) -> pd.DataFrame:
        """The pairs that were not run, with the columns workload, method and reason."""
        rows = self.runs[self.runs["status"] == store.REFUSED].drop_duplicates(["workload", "method"])
        return rows[["workload", "method", "error"]].rename(columns={"error": "reason"}).reset_index(drop=True)

    def report(self, path: str | Path) -> Path:
        """Write the HTML report to `path`, and return that path.

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
    judge_at: Sequence[float] | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Compare methods: each tunes each workload with each method seed, and is evaluated on seeds it has not seen.

    Each run has its own process. In a script, call this function under `if __name__ == "__main__":`, like everything
    that starts processes.

    Args:
        methods: Names of methods. Or a mapping from labels to names or factories: a factory is a function or class that
            is called with those of `space`, `metric`, `mode`, `max_t`, `time_attr` and `seed` that it accepts, and
            returns a Ray searcher or a `Method`, such as that of `make_method("tpe", space, ...)`.
        workloads: Names of workloads, or workloads.
        budget: The full trainings that each run may spend.
        method_seeds: The method seeds, with one run each.
        method_args: Arguments of methods, by label.
        tuning_seeds: The training seeds that methods may see; by default each workload's.
        test_seeds: The seeds on which incumbents are evaluated; by default each workload's.
        workers: The number of concurrent trials. With the engine "ray", it does not apply to populations and factories.
        engine: "simulated" for virtual time, or "ray".
        out: The folder for the results; runs that an earlier call finished there are not repeated.
        processes: The number of runs at once on this machine; by default the number of CPUs.
        ray: The address of a Ray cluster that executes the runs; "auto" for the running one.
        judge_at: The full trainings after which incumbents are evaluated, besides the end; by default each third.
        progress: Whether to show on stderr how many runs have ended, and which pairs are not supported; by default on
            a terminal only.

    Raises:
        ArgumentError: If an argument is invalid; nothing was started.
        UnknownNameError: If an argument of a method is unknown; nothing was started.
        StudyError: If all runs failed, with the error of the first one; partial failures are in `Comparison.runs`.
        StudyInterrupted: After Ctrl-C; with `out`, the same call resumes.

    Example:
        >>> import raytune_suite as rts
        >>> comparison = rts.compare(["asha", "random"], ["synthetic/branin"], budget=10)  # doctest: +SKIP
        >>> comparison.regret  # doctest: +SKIP
    """
    entries = _method_entries(methods, method_args or {})
    if engine not in ENGINES:
        raise ArgumentError(f"`engine` is {engine!r}, but must be one of {', '.join(map(repr, ENGINES))}")
    shared: dict[str, Any] = {
        "budget": check_budget(budget),
        "method_seeds": as_seeds(method_seeds),
        "workers": check_count("workers", workers),
        "tuning_seeds": None if tuning_seeds is None else as_seeds(tuning_seeds),
        "test_seeds": None if test_seeds is None else as_seeds(test_seeds),
        "judge_at": None if judge_at is None else check_marks(judge_at),
    }
    workload_entries = _workload_entries(workloads, shared)
    planned = plan(Protocol(name="comparison", methods=entries, workloads=workload_entries, engine=engine))
    folder = Path(tempfile.mkdtemp(prefix="comparison-") if out is None else out).expanduser()
    shown = sys.stderr.isatty() if progress is None else progress
    if shown:
        for line in planned.refusals():
            print(line, file=sys.stderr)  # noqa: T201 - progress
    watcher = progress_watcher("runs") if shown else _SilentWatcher()
    summary = carry_out(planned, folder, processes=processes, ray=ray, watcher=watcher)
    if summary.failed and summary.done + summary.finished_before == 0:
        run, error = summary.failed[0]
        raise StudyError(f"all {len(summary.failed)} runs failed; the first one, {run}: {error}")
    comparison = Comparison(**vars(store.read(folder)), folder=folder)
    if out is None:
        weakref.finalize(comparison, shutil.rmtree, folder, ignore_errors=True)
    return comparison


def _workload_entries(workloads: Sequence[str | Workload], shared: dict[str, Any]) -> tuple[WorkloadEntry, ...]:
    """Convert the workloads of `compare`, which share the other arguments.

    Raises:
        ArgumentError: If there are none.
    """
    if isinstance(workloads, str):
        raise ArgumentError(f"`workloads` is {workloads!r}, but must be a list: write [{workloads!r}]")
    if not workloads:
        raise ArgumentError("`workloads` is empty, but must contain at least one workload")
    return tuple(
        WorkloadEntry(workload=one, **shared)
        if isinstance(one, str)
        else WorkloadEntry(workload=one.name, custom_workload=one, **shared)
        for one in workloads
    )


def _method_entries(
    methods: Sequence[str] | Mapping[str, str | Callable[..., Any]], method_args: Mapping[str, Mapping[str, Any]]
) -> tuple[MethodEntry, ...]:
    """Convert the arguments of `compare`.

    Raises:
        ArgumentError: If one of them is invalid.
    """
    if isinstance(methods, str):
        raise ArgumentError(f"`methods` is {methods!r}, but must be a list: write [{methods!r}]")
    unnamed = [] if isinstance(methods, Mapping) else [one for one in methods if not isinstance(one, str)]
    if unnamed:
        raise ArgumentError(
            f"`methods` contains {unnamed[0]!r}, but a list may contain names only: write a mapping "
            f"{{'mine': {unnamed[0]!r}}}"
        )
    named: dict[str, Any] = dict(methods) if isinstance(methods, Mapping) else {name: name for name in methods}
    if not named:
        raise ArgumentError("`methods` is empty, but must contain at least one method")
    unknown = sorted(set(method_args) - set(named))
    if unknown:
        raise ArgumentError(
            f"`method_args` has the key {unknown[0]!r}, but must have labels of `methods`: {', '.join(named)}"
        )
    return tuple(_method_entry(label, method, dict(method_args.get(label, {}))) for label, method in named.items())


def _method_entry(label: str, method: Any, args: dict[str, Any]) -> MethodEntry:
    """Convert the name or the factory of a method.

    Raises:
        ArgumentError: If it is neither a name nor callable.
    """
    if isinstance(method, str):
        return MethodEntry(label=label, method=method, args=args)
    if not callable(method):
        raise ArgumentError(
            f"`methods[{label!r}]` is {method!r}, but must be a name, or a function or class that returns a Ray "
            "searcher or a Method"
        )
    return MethodEntry(label=label, method=factory_identity(method), args=args, factory=method)


@final
class _SilentWatcher:
    """Shows no progress."""

    def begin(self, total: int, done: int) -> None:
        """Do nothing."""

    def ended(self, run: Run, status: str) -> None:
        """Do nothing."""

    def tick(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""
