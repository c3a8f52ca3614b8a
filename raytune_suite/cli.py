"""The command line: `raytune-suite list` says what there is, `raytune-suite run` tunes a workload.

Only what a command needs is imported, and late: `raytune-suite --help` must answer at once, and importing Ray takes a
second.
"""

from __future__ import annotations

import argparse
import datetime as dt
import inspect
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite import __version__
from raytune_suite.errors import ArgumentError, RaytuneSuiteError, StudyError, StudyInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from rich.table import Table

    from raytune_suite.report import StudyResult as Drawable
    from raytune_suite.study import StudyResult

DEFAULT_BUDGET = 20.0
"""Full trainings that `run` spends where nobody sets a limit."""

SHOWN_TRIALS = 10
"""Rows of the table that `run` prints."""

PIPE_WIDTH = 200
"""Characters in a row where the output is no terminal, so that a pipe never cuts a column."""

FAILURE, INTERRUPTED = 2, 130
"""Exit codes: what was asked cannot be done; Ctrl-C."""

ABOUT = """\
Tune models on Ray with any multi-fidelity method by changing one word.
"""

EXAMPLES = """\
examples:
  raytune-suite list methods                      what can follow --method
  raytune-suite run live/digits-mlp               tune a small network with ASHA, about two minutes
  raytune-suite run live/digits-mlp --method pbt  the same with another method
  raytune-suite run --help                        everything that a run can be told

In Python: rts.tune(train, space, method="asha", metric="loss", mode="min", max_t=27, budget=20); see README.md
"""

RUN_ABOUT = """\
Tune a workload with a method, print the best trials and the best config, and judge that config on seeds that the
method has never seen.

A budget of 20 means: all trials together train as long as 20 trials that run to their end. Methods that stop bad
trials early look at many more than 20 configs for it.
"""

RUN_EXAMPLES = """\
examples:
  raytune-suite run live/digits-mlp --budget 10 --plot study.png
  raytune-suite run live/digits-mlp --method tpe+asha             any searcher with any scheduler
  raytune-suite run live/digits-mlp --method asha --arg eta=4 --arg min_t=3
  raytune-suite run live/digits-mlp --method hyperband --tuning-seeds 0-4 --test-seeds 5-9
  raytune-suite run live/digits-mlp --name mine --resume          go on with the study called mine

Ctrl-C, a crash or a power cut lose nothing: the same command with --name and --resume goes on.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; `argv` is what follows "raytune-suite", by default the process's own arguments.

    Returns:
        The exit status: 0, 2 after an error that a message on stderr tells, 130 after Ctrl-C.

    Example:
        >>> main(["list", "clusters"])  # doctest: +SKIP
    """
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except StudyInterrupted as interruption:
        print(f"\n{interruption}", file=sys.stderr)  # noqa: T201 - this is the command line
        return INTERRUPTED
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)  # noqa: T201 - as above
        return INTERRUPTED
    except RaytuneSuiteError as error:
        print(f"raytune-suite: {error}", file=sys.stderr)  # noqa: T201 - as above
        return FAILURE
    except BrokenPipeError:  # `raytune-suite list methods | head -1`
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; parsed arguments hold the function to call as `command`."""
    top = argparse.ArgumentParser(
        prog="raytune-suite", description=ABOUT, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_list(commands)
    add_run(commands)
    return top


# ---- list -----------------------------------------------------------------------------------------------------------


def add_list(commands: Any) -> None:
    """Add the command `list`."""
    command = commands.add_parser(
        "list",
        help="what there is: methods, their parts, workloads, clusters",
        description="One line for each, its name first: what it is, what it needs, and what it cannot serve.",
        epilog="Any searcher and any scheduler make a method: --method tpe+asha.",
    )
    command.add_argument("what", choices=sorted(LISTS), help="of what")
    command.add_argument("--format", choices=["text", "json"], default="text", help="JSON has more details")
    command.set_defaults(command=list_command)


def list_command(arguments: argparse.Namespace) -> int:
    """Print what is registered."""
    entries = LISTS[arguments.what]()
    text = json.dumps(entries, indent=2) if arguments.format == "json" else aligned(map(line, entries))
    if text:
        print(text)  # noqa: T201 - this is the command line
    return 0


def list_methods() -> list[dict[str, Any]]:
    """Every method of the table, as the classes of its two parts declare it."""
    from raytune_suite.methods import METHODS
    from raytune_suite.schedulers import SCHEDULERS
    from raytune_suite.searchers import SEARCHERS

    entries = []
    for name, recipe in METHODS.items():
        sides = (SEARCHERS[recipe.searcher], SCHEDULERS[recipe.scheduler])
        what = {"name": name, "summary": recipe.summary, "searcher": recipe.searcher, "scheduler": recipe.scheduler}
        entries.append({**what, **declared(sides)})
    return entries


def list_searchers() -> list[dict[str, Any]]:
    """Every searcher, as its class declares it."""
    from raytune_suite.searchers import SEARCHERS

    return [{"name": name, "summary": summary(SEARCHERS[name]), **declared([SEARCHERS[name]])} for name in SEARCHERS]


def list_schedulers() -> list[dict[str, Any]]:
    """Every scheduler, as its class declares it."""
    from raytune_suite.schedulers import SCHEDULERS

    return [{"name": name, "summary": summary(SCHEDULERS[name]), **declared([SCHEDULERS[name]])} for name in SCHEDULERS]


def list_workloads() -> list[dict[str, Any]]:
    """Every workload, as its record says."""
    from raytune_suite.spaces import Space
    from raytune_suite.workloads import WORKLOADS, workload

    entries = []
    for name in WORKLOADS:
        found = workload(name)
        goal = {"metric": found.metric, "mode": found.mode, "time_attr": found.time_attr, "max_t": found.max_t}
        seeds = {"tuning_seeds": list(found.tuning_seeds), "test_seeds": list(found.test_seeds)}
        more = {"has_state": found.has_state, "space": Space(found.space).describe()}
        needs = [] if found.extra is None else [needed_extra(found.extra)]
        entries.append({"name": name, "summary": found.summary, **goal, **seeds, **more, "needs": needs})
    return entries


def list_clusters() -> list[dict[str, Any]]:
    """Every YAML of the clusters folder, with its first comment."""
    entries = []
    for path in sorted(clusters_folder().glob("*.yaml")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        entries.append({"name": path.stem, "summary": first.removeprefix("#").strip(), "path": str(path)})
    return entries


LISTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "methods": list_methods,
    "searchers": list_searchers,
    "schedulers": list_schedulers,
    "workloads": list_workloads,
    "clusters": list_clusters,
}
"""What can be listed. An entry has name and summary, and maybe needs (words) and refuses (features of spaces)."""


def declared(sides: Collection[type[Any]]) -> dict[str, Any]:
    """What the classes of a searcher, a scheduler, or both declare about themselves."""
    from raytune_suite.methods import options
    from raytune_suite.spaces import FEATURES

    served = set(FEATURES).intersection(*(side.features for side in sides))
    extras = dict.fromkeys(side.extra for side in sides if side.extra is not None)
    needs = ["max_t"] if any(getattr(side, "ladder", False) for side in sides) else []
    needs += ["checkpoints"] if any(getattr(side, "pauses", False) for side in sides) else []
    needs += [needed_extra(extra) for extra in extras]
    return {
        "needs": needs,
        "serves": [feature for feature in FEATURES if feature in served],
        "refuses": [feature for feature in FEATURES if feature not in served],
        "arguments": list(dict.fromkeys(name for side in sides for name in options(side))),
    }


def needed_extra(extra: str) -> str:
    """What to install, and whether that is done."""
    from raytune_suite.optional import available

    return f"raytune-suite[{extra}] ({'installed' if available(extra) else 'not installed'})"


def summary(side: type[Any]) -> str:
    """The first sentence of the module that defines a class, without what stands in parentheses."""
    words = " ".join(inspect.cleandoc(sys.modules[side.__module__].__doc__ or "").split())
    return re.sub(r" \([^()]*\)", "", words).replace("*", "").split(". ")[0].removesuffix(".")


def line(entry: dict[str, Any]) -> list[str]:
    """The cells of an entry's line."""
    about = [f"needs {', '.join(entry['needs'])}"] if entry.get("needs") else []
    if "metric" in entry:
        about.insert(0, f"{entry['mode']} {entry['metric']}, max_t {entry['max_t']}")
    if "serves" in entry:
        fewer, word = min((entry["refuses"], "any space but"), (entry["serves"], "only"), key=lambda pair: len(pair[0]))
        about.append(f"{word} {', '.join(fewer)}" if fewer else "any space")
    return [entry["name"], entry["summary"], "; ".join(about)]


def aligned(rows: Iterable[list[str]]) -> str:
    r"""Rows of cells as lines with straight columns.

    Example:
        >>> aligned([["a", "1", ""], ["long", "20", "x"]])
        'a     1\nlong  20  x'
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(text.rstrip() for text in lines)


def clusters_folder() -> Path:
    """Where the cluster files are: within an installed package, beside it in a checkout."""
    package = Path(__file__).parent
    return package / "clusters" if (package / "clusters").is_dir() else package.parent / "clusters"


# ---- run ------------------------------------------------------------------------------------------------------------


def add_run(commands: Any) -> None:
    """Add the command `run`."""
    command = commands.add_parser(
        "run",
        help="tune a workload",
        description=RUN_ABOUT,
        epilog=RUN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("workload", metavar="WORKLOAD", help="its name, see `raytune-suite list workloads`")

    group = command.add_argument_group("the method")
    group.add_argument("--method", default="asha", help="one of `list methods`, or SEARCHER+SCHEDULER (default: asha)")
    group.add_argument(
        "--arg",
        action="append",
        type=assignment,
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the method, such as eta=4; may be repeated; `list methods --format json` has the names",
    )
    group.add_argument("--seed", type=int, default=0, help="drives all draws of the method (default: 0)")

    group = command.add_argument_group(f"when it ends (whichever comes first; default: --budget {DEFAULT_BUDGET:g})")
    group.add_argument(
        "--budget", type=float, metavar="N", help="all trials together may train as much as N full trainings"
    )
    group.add_argument("--num-samples", type=int, metavar="N", help="the most trials; for pbt and pb2 the population")
    group.add_argument("--time-limit", type=float, metavar="SECONDS")

    group = command.add_argument_group("training seeds")
    example = "such as 0,1 or 0-4"
    group.add_argument("--tuning-seeds", type=seeds, metavar="SEEDS", help=f"what the method may see, {example}")
    group.add_argument("--test-seeds", type=seeds, metavar="SEEDS", help="what judges its choice afterwards; or none")

    group = command.add_argument_group("resources")
    group.add_argument("--max-concurrent", type=int, metavar="N", help="trials at once (default: what Ray can place)")
    group.add_argument("--cpus", type=float, metavar="N", help="CPUs of each trial (default: 1)")
    group.add_argument("--gpus", type=float, metavar="N", help="GPUs of each trial, parts such as 0.5 too (default: 0)")

    group = command.add_argument_group("where it lies")
    group.add_argument("--storage-path", metavar="DIR", default="~/ray_results", help="(default: ~/ray_results)")
    group.add_argument("--name", help="the study's folder in it (default: workload, method and time)")
    group.add_argument("--resume", action="store_true", help="go on with the study called --name")
    group.add_argument("--plot", type=Path, metavar="FILE", help="draw the study into a .png, .svg or .pdf")
    command.set_defaults(command=run_command)


def assignment(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value as JSON if it is that.

    Example:
        >>> assignment("eta=4"), assignment("kind=fast"), assignment('mutable=["lr"]')
        (('eta', 4), ('kind', 'fast'), ('mutable', ['lr']))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} must have the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def seeds(text: str) -> list[int]:
    """Seeds such as "0,1", "0-4", or "none".

    Example:
        >>> seeds("0-2,7"), seeds("none")
        ([0, 1, 2, 7], [])
    """
    found: list[int] = []
    for part in [] if text == "none" else text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if match is None:
            raise argparse.ArgumentTypeError(f"{text!r} must be seeds such as 0,1 or 0-4")
        first, last = int(match[1]), int(match[2] or match[1])
        found.extend(range(first, last + 1))
    return found


def run_command(arguments: argparse.Namespace) -> int:
    """Tune a workload and tell what came out."""
    from rich.console import Console

    from raytune_suite.optional import require
    from raytune_suite.report import plot_study
    from raytune_suite.report.figures import SUFFIXES
    from raytune_suite.workloads import workload

    limits = {name: getattr(arguments, name) for name in ("budget", "num_samples", "time_limit")}
    if all(limit is None for limit in limits.values()):
        limits["budget"] = DEFAULT_BUDGET
    if arguments.plot is not None:  # better now than after the study
        require("matplotlib", extra="report")
        if arguments.plot.suffix.lower() not in SUFFIXES:
            raise ArgumentError(f"`--plot` is {str(arguments.plot)!r}, but must end in one of {', '.join(SUFFIXES)}")
    found = workload(arguments.workload)
    if found.extra is not None:
        require_extra(found.name, found.extra)
    given = {"cpu": arguments.cpus, "gpu": arguments.gpus}
    resources = {kind: amount for kind, amount in given.items() if amount is not None}
    name = arguments.name or (None if arguments.resume else new_name(arguments.workload, arguments.method))

    from raytune_suite.methods import parts  # after the checks above: this imports Ray
    from raytune_suite.tuning import tune

    parts(arguments.method)

    output = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    messages = Console(stderr=True, highlight=False, soft_wrap=True)
    if name is not None:
        place = Path(arguments.storage_path, name) if "://" not in arguments.storage_path else name
        messages.print(f"study {place}", style="dim", markup=False)
    try:
        result = tune(
            workload=found,
            method=arguments.method,
            method_args=dict(arguments.arg),
            **limits,
            resources={"cpu": 1.0, **resources} if resources else None,
            max_concurrent=arguments.max_concurrent,
            seed=arguments.seed,
            tuning_seeds=arguments.tuning_seeds,
            test_seeds=arguments.test_seeds,
            storage_path=arguments.storage_path,
            name=name,
            resume=arguments.resume,
        )
    except StudyInterrupted as interruption:
        raise StudyInterrupted(f"{interruption}\n{resuming(arguments, name)}") from None
    except StudyError as error:
        raise StudyError(f"{error}\n{resuming(arguments, name)}") from error
    show(result, output)
    if arguments.plot is not None:
        drawable: Drawable = result
        output.print(f"picture  {plot_study(drawable, arguments.plot)}", soft_wrap=True, markup=False, highlight=False)
    return 0


def require_extra(name: str, extra: str) -> None:
    """Refuse a workload whose packages are missing, before any trial fails for want of them.

    Raises:
        MissingPackageError: Saying what to install.
    """
    from raytune_suite.errors import MissingPackageError
    from raytune_suite.optional import available

    if not available(extra):
        raise MissingPackageError(f"workload {name!r} needs more packages: pip install 'raytune-suite[{extra}]'")


def new_name(workload: str, method: str) -> str:
    """A study's name that says what it is, and is new."""
    now = dt.datetime.now().astimezone()
    return f"{workload}-{method}-{now:%Y%m%d-%H%M%S}".replace("/", "-")


def resuming(arguments: argparse.Namespace, name: str | None) -> str:
    """How to go on with the study of these arguments, as a command to copy."""
    words = ["raytune-suite", "run", arguments.workload, "--method", arguments.method]
    for key, value in arguments.arg:
        words += ["--arg", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    for option in ("budget", "num_samples", "time_limit", "max_concurrent", "cpus", "gpus", "plot"):
        value = getattr(arguments, option)
        if value is not None:
            words += [f"--{option.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
    for option in ("tuning_seeds", "test_seeds"):
        value = getattr(arguments, option)
        if value is not None:
            words += [f"--{option.replace('_', '-')}", ",".join(map(str, value)) or "none"]
    words += ["--seed", str(arguments.seed), "--storage-path", arguments.storage_path, "--name", str(name), "--resume"]
    return f"To go on: {shlex.join(words)}"


def show(result: StudyResult, console: Any) -> None:
    """Print what a study found: its best trials, its best config, and how that does on the test seeds."""
    from rich.text import Text

    unit = "iterations" if result.time_attr == "training_iteration" else result.time_attr
    last = result.reports.iloc[-1]
    console.print(
        f"\n[bold]{result.method}[/] tried {len(result.trials)} configs in {last['cost']:g} {unit} and "
        f"{last['elapsed']:.0f} s"
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
        better = gap < 0 if result.mode == "min" else gap > 0
        console.print(f"[bold]gap[/]      {gap:+.4g}: {'better' if better else 'worse'} than while tuning")
    console.print("[bold]study[/]   ", Text(result.path), soft_wrap=True)


def trials_table(result: StudyResult) -> Table:
    """The best trials: those that were trained furthest first, and among equals the best value first."""
    from rich.table import Table

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


if __name__ == "__main__":
    sys.exit(main())
