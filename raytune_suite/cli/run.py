"""`raytune-suite run`: tune a workload, and tell what came out."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shlex
from pathlib import Path
from typing import Any

from raytune_suite.errors import ArgumentError, StudyError, StudyInterrupted

SIMULATED = ("workers", "compute")
"""The options that only the simulated clock knows; they are fields of `Simulation`."""

DEFAULT_BUDGET = 20.0
"""Full trainings that `run` spends where nobody sets a limit."""

ABOUT = """\
Tune a workload with a method, print the best trials and the best config, and judge that config on seeds that the
method has never seen.

A budget of 20 means: all trials together train as long as 20 trials that run to their end. Methods that stop bad
trials early look at many more than 20 configs for it.
"""

EXAMPLES = """\
examples:
  raytune-suite run live/digits-mlp --budget 10 --plot study.png
  raytune-suite run live/digits-mlp --method tpe+asha             any searcher with any scheduler
  raytune-suite run live/digits-mlp --method asha --arg eta=4 --arg min_t=3
  raytune-suite run live/digits-mlp --method hyperband --tuning-seeds 0-4 --test-seeds 5-9
  raytune-suite run live/digits-mlp --name mine --resume          go on with the study called mine
  raytune-suite run synthetic/mfh3 --engine simulated             a test function in virtual time

Ctrl-C, a crash or a power cut lose nothing: the same command with --name and --resume goes on.
"""


def add(commands: Any) -> None:
    """Add the command `run`."""
    command = commands.add_parser(
        "run",
        help="tune a workload",
        description=ABOUT,
        epilog=EXAMPLES,
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
    group.add_argument("--time-limit", type=float, metavar="SECONDS", help="of simulated time with --engine simulated")

    group = command.add_argument_group("training seeds")
    example = "such as 0,1 or 0-4"
    group.add_argument("--tuning-seeds", type=seeds, metavar="SEEDS", help=f"what the method may see, {example}")
    group.add_argument("--test-seeds", type=seeds, metavar="SEEDS", help="what judges its choice afterwards; or none")

    group = command.add_argument_group("the engine")
    group.add_argument(
        "--engine",
        choices=["ray", "simulated"],
        default="ray",
        help="ray trains on this machine or the cluster; simulated has a virtual clock, in this process: the same "
        "decisions, as fast as they can be made, and the same in each run (default: ray)",
    )
    group.add_argument(
        "--workers", type=int, metavar="N", help="simulated: trials at once in virtual time (default: 4)"
    )
    group.add_argument(
        "--compute",
        type=int,
        metavar="N",
        help="simulated: let N Ray workers train in parallel; it is faster, and decides the same for every N "
        "(default: this process trains)",
    )

    group = command.add_argument_group("resources")
    group.add_argument("--max-concurrent", type=int, metavar="N", help="trials at once (default: what Ray can place)")
    group.add_argument("--cpus", type=float, metavar="N", help="CPUs of each trial (default: 1)")
    group.add_argument("--gpus", type=float, metavar="N", help="GPUs of each trial, parts such as 0.5 too (default: 0)")

    group = command.add_argument_group("where it lies")
    group.add_argument("--storage-path", metavar="DIR", default="~/ray_results", help="(default: ~/ray_results)")
    group.add_argument("--name", help="the study's folder in it (default: workload, method and time)")
    group.add_argument("--resume", action="store_true", help="go on with the study called --name")
    group.add_argument("--plot", type=Path, metavar="FILE", help="draw the study into a .png, .svg or .pdf")
    command.set_defaults(command=run)


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
    if text == "none":
        return []
    from raytune_suite.seeding import parse_seeds

    try:
        return parse_seeds(text)
    except ArgumentError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(arguments: argparse.Namespace) -> int:
    """Tune a workload and tell what came out."""
    check(arguments)

    from rich.console import Console

    from raytune_suite.optional import require_extra
    from raytune_suite.workloads import workload

    found = workload(arguments.workload)
    if found.extra is not None:
        require_extra(found.extra, f"workload {found.name!r}")
    limits = {name: getattr(arguments, name) for name in ("budget", "num_samples", "time_limit")}
    if all(limit is None for limit in limits.values()):
        limits["budget"] = DEFAULT_BUDGET
    given = {"cpu": arguments.cpus, "gpu": arguments.gpus}
    resources = {kind: amount for kind, amount in given.items() if amount is not None}
    name = arguments.name or (None if arguments.resume else new_name(arguments.workload, arguments.method))

    from raytune_suite.cli.console import output, show_study
    from raytune_suite.methods import parts  # after the checks above: this imports Ray
    from raytune_suite.plotting import plot_study
    from raytune_suite.tuning.tune import Simulation, tune

    parts(arguments.method)
    engine: str | Simulation = arguments.engine
    settings = {name: getattr(arguments, name) for name in SIMULATED if getattr(arguments, name) is not None}
    if settings:
        engine = Simulation(**settings)
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
            engine=engine,
        )
    except StudyInterrupted as interruption:
        raise StudyInterrupted(f"{interruption}{resuming(arguments, name)}") from None
    except StudyError as error:
        raise StudyError(f"{error}{resuming(arguments, name)}") from error
    console = output()
    show_study(result, console)
    if arguments.plot is not None:
        picture = plot_study(result, arguments.plot)
        console.print(f"picture  {picture}", soft_wrap=True, markup=False, highlight=False)
    return 0


def check(arguments: argparse.Namespace) -> None:
    """Refuse what does not go together, and a picture that could not be drawn: better now than after the study.

    Raises:
        ArgumentError: If an option has no meaning for the engine, or the picture's suffix is unknown.
        MissingPackageError: If matplotlib is missing.
    """
    simulated = arguments.engine == "simulated"
    for option in SIMULATED if not simulated else () if arguments.compute else ("cpus", "gpus"):
        if getattr(arguments, option) is not None:
            remedy = "train on Ray, or give `--compute`" if simulated else "add `--engine simulated`"
            raise ArgumentError(f"`--{option}` has no meaning for the engine {arguments.engine!r}: {remedy}")
    if arguments.plot is None:
        return

    from raytune_suite.optional import require
    from raytune_suite.plotting.study import SUFFIXES

    require("matplotlib", extra="report")
    if arguments.plot.suffix.lower() not in SUFFIXES:
        raise ArgumentError(f"`--plot` is {str(arguments.plot)!r}, but must end in one of {', '.join(SUFFIXES)}")


def new_name(workload: str, method: str) -> str:
    """A study's name that says what it is, and is new."""
    now = dt.datetime.now().astimezone()
    return f"{workload}-{method}-{now:%Y%m%d-%H%M%S}".replace("/", "-")


def resuming(arguments: argparse.Namespace, name: str | None) -> str:
    """How to go on with the study of these arguments, as a line with a command to copy; "" for a simulated one."""
    if arguments.engine == "simulated":
        return ""
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
    return f"\nTo go on: {shlex.join(words)}"
