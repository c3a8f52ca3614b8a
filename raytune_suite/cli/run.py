"""`raytune-suite run`: tune a workload, a function or a program, and print the result."""

from __future__ import annotations

import datetime as dt
import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cli import own_program
from raytune_suite.cli.help import add_command
from raytune_suite.cli.run_options import DEFAULT_BUDGET, add_engine, add_method
from raytune_suite.errors import AllTrialsFailedError, ArgumentError, StudyError, StudyInterrupted, UnknownNameError

if TYPE_CHECKING:
    import argparse

    from raytune_suite.engines.base import Engine, Outcome, StudySpec
    from raytune_suite.engines.storage import Folder
    from raytune_suite.tuning.result import StudyResult
    from raytune_suite.workloads import Workload

SIMULATED = ("workers", "compute")
"""Options of the simulated engine only; they are fields of `Simulation`."""

TRACKER_NAMES = ("mlflow", "wandb", "tensorboard", "trackio")
"""The names of `engines.callbacks.trackers.TRACKERS`, without its imports."""

ABOUT = """\
Tune a workload, a function or a program with a method. Prints the best trials and the best config, and evaluates that
config on test seeds, which the method never sees while tuning.

A budget of 20 means that all trials together train as long as 20 full trainings. Methods that stop bad trials early try
many more than 20 configs within it.
"""

EXAMPLES = """\
examples:
  raytune-suite run live/digits-mlp --budget 10 --plot study.png
  # any searcher with any scheduler
  raytune-suite run live/digits-mlp --method tpe+asha
  raytune-suite run live/digits-mlp --method asha --arg eta=4 --arg min_t=3
  raytune-suite run live/digits-mlp --tuning-seeds 0-4 --test-seeds 5-9
  # resume the study called mine
  raytune-suite run live/digits-mlp --name mine --resume
  # a test function in simulated time
  raytune-suite run synthetic/mfh3 --engine simulated
  raytune-suite run synthetic/mfh3 --engine simulated --format json > mfh3.json
  # the function train in train.py
  raytune-suite run train:train --space space.toml --metric loss --max-t 20
  # a program, which prints lines such as {"loss": 0.4} after each epoch
  raytune-suite run --space space.toml --metric loss --max-t 20 \\
    -- python train.py --lr {lr} --batch {batch}
  # extend the study called mine to 60 full trainings
  raytune-suite run live/digits-mlp --name mine --resume --budget 60

After Ctrl-C, a crash or a power cut, repeat the command with --name and --resume: the study continues from its last
snapshot, at most a few seconds before.
"""


def add(commands: Any) -> None:
    """Add the command `run`."""
    command = add_command(
        commands, "run", summary="tune a workload, a function or a program", about=ABOUT, examples=EXAMPLES
    )
    command.add_argument(
        "workload", metavar="WORKLOAD", help="a name from `raytune-suite list workloads`, or MODULE:FUNCTION; see below"
    )
    own_program.add_options(command)
    add_method(command)
    add_engine(command)

    group = command.add_argument_group("output")
    group.add_argument(
        "--storage-path",
        metavar="DIR",
        default="~/ray_results",
        help="the folder, or the URI of a bucket, that holds studies (default: %(default)s)",
    )
    group.add_argument(
        "--retry-failed", action="store_true", help="with --resume: train the configs of failed trials again"
    )
    group.add_argument(
        "--name", help="the name of the study's folder (default: derived from the workload, method and time)"
    )
    group.add_argument("--resume", action="store_true", help="resume or extend the study called --name")
    group.add_argument(
        "--tracker",
        action="append",
        default=[],
        choices=TRACKER_NAMES,
        help="also log each trial to this tracker; may be repeated",
    )
    group.add_argument("--plot", type=Path, metavar="FILE", help="plot the study to a .png, .svg or .pdf file")
    group.add_argument(
        "--format", choices=["text", "json"], default="text", help="json has every trial and column (default: text)"
    )
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Tune a workload and print the result."""
    check(arguments)
    unnamed = arguments.name is None and not arguments.resume
    if own_program.is_own(arguments):
        name = new_name(own_program.label(arguments), arguments.method) if unnamed else arguments.name
        from raytune_suite.engines.storage import absolute, study_path

        task = own_program.task(arguments, study_path(absolute(arguments.storage_path), name))
    else:
        task = {"workload": find_workload(arguments.workload)}
        name = new_name(arguments.workload, arguments.method) if unnamed else arguments.name

    from raytune_suite.engines.simulated.engine import Simulation
    from raytune_suite.tuning.arguments import make_engine  # after the checks above: this imports Ray
    from raytune_suite.tuning.tune import tune

    method_limits = limits(arguments, finite=is_finite(arguments.method))
    settings = {name: getattr(arguments, name) for name in SIMULATED if getattr(arguments, name) is not None}
    engine = make_engine(Simulation(**settings) if settings else arguments.engine, None)
    try:
        result = tune(
            **task,
            method=arguments.method,
            method_args=dict(arguments.arg),
            **method_limits,
            price_per_hour=arguments.price_per_hour,
            resources=resources(arguments),
            max_concurrent=arguments.max_concurrent,
            seed=arguments.seed,
            tuning_seeds=arguments.tuning_seeds,
            test_seeds=arguments.test_seeds,
            storage_path=arguments.storage_path,
            name=name,
            resume=arguments.resume,
            retry="failed" if arguments.retry_failed else None,
            trackers=arguments.tracker,
            engine=AnnouncingEngine(engine),
        )
    except StudyInterrupted as interruption:
        raise StudyInterrupted(f"{interruption}{resume_command(arguments, name)}") from None
    except StudyError as error:
        again = arguments.retry_failed or isinstance(error, AllTrialsFailedError)
        raise StudyError(f"{error}{resume_command(arguments, name, retry=again)}") from error
    show(result, arguments)
    return 0


def find_workload(name: str) -> Workload:
    """The workload of this name.

    Raises:
        UnknownNameError: If there is none.
        MissingPackageError: If it needs a package that is not installed.
    """
    from raytune_suite.optional import require_extra
    from raytune_suite.workloads import workload

    chosen = workload(name)
    if chosen.extra is not None:
        require_extra(chosen.extra, f"workload {chosen.name!r}")
    return chosen


@dataclass(frozen=True)
class AnnouncingEngine:
    """An engine that prints on stderr where the study is stored, so that it can be found while it runs.

    It does so when all checks have passed and the study starts.

    Attributes:
        engine: The engine that runs the study.
    """

    engine: Engine

    @property
    def workers(self) -> int | None:
        """How many trials the engine runs at once."""
        return self.engine.workers

    def describe(self) -> dict[str, Any]:
        """What the engine describes."""
        return self.engine.describe()

    def can_resume(self, study: Folder) -> bool:
        """Whether the engine can resume the study in a folder."""
        return self.engine.can_resume(study)

    def without_faults(self) -> Engine:
        """The engine for the final evaluation, which is not announced."""
        return self.engine.without_faults()

    def check(self, spec: StudySpec) -> None:
        """Check that the engine can run the study."""
        self.engine.check(spec)

    def run(self, spec: StudySpec) -> Outcome:
        """Print the folder, and run the study."""
        from rich.console import Console

        Console(stderr=True, highlight=False, soft_wrap=True).print(f"study {spec.path}", style="dim", markup=False)
        return self.engine.run(spec)

    def finish(self, study: Folder) -> None:
        """Let the engine remove what it no longer needs."""
        self.engine.finish(study)


def is_finite(method: str) -> bool:
    """Whether a method ends by itself, because its searcher runs out of configs.

    Raises:
        ArgumentError: If the method does not exist.
    """
    from raytune_suite.automatic import AUTO
    from raytune_suite.methods import METHODS, parts
    from raytune_suite.searchers import SEARCHERS

    if method == AUTO:
        return False
    try:
        searcher, _ = parts(method)
    except UnknownNameError as error:
        if error.kind == "method" or error.name not in METHODS:
            raise
        recipe = METHODS[error.name]
        raise ArgumentError(
            f"{error}; {error.name!r} is a method ({recipe.searcher}+{recipe.scheduler}), not a {error.kind}"
        ) from None
    return bool(getattr(SEARCHERS[searcher], "finite", False))


def show(result: StudyResult, arguments: argparse.Namespace) -> None:
    """Print a result and plot it, as the arguments request."""
    from raytune_suite.cli.console import output, show_fact, show_study, study_as_json
    from raytune_suite.plotting import plot_study

    console = output()
    as_json = arguments.format == "json"
    if as_json:
        print(study_as_json(result))  # noqa: T201 - this is the command line
    else:
        show_study(result, console)
    if arguments.plot is not None:
        figure = plot_study(result, arguments.plot)
        if not as_json:
            show_fact("figure", str(figure), console, wrap=False)


def limits(arguments: argparse.Namespace, *, finite: bool) -> dict[str, Any]:
    """The limits of the study; the default budget if none is set and the method is not `finite`."""
    chosen = {name: getattr(arguments, name) for name in ("budget", "num_samples", "time_limit")}
    if finite or any(limit is not None for limit in chosen.values()):
        return chosen
    if arguments.space is not None and arguments.max_t is None:
        return {"num_samples": own_program.DEFAULT_SAMPLES}
    return {"budget": DEFAULT_BUDGET}


def resources(arguments: argparse.Namespace) -> Any:
    """The resources of a trial; None if they are left to `tune`."""
    if arguments.resources is not None:
        return arguments.resources
    amounts = {"cpu": arguments.cpus, "gpu": arguments.gpus}
    requested = {kind: amount for kind, amount in amounts.items() if amount is not None}
    return {"cpu": 1.0, **requested} if requested else None


def check(arguments: argparse.Namespace) -> None:
    """Reject options that contradict each other or cannot work, before the study starts.

    Raises:
        ArgumentError: If an option has no meaning for the engine, two contradict each other, the study to resume has no
            name, or the figure's suffix is unknown.
        MissingPackageError: If matplotlib is missing.
    """
    if arguments.resume and arguments.name is None:
        raise ArgumentError("`--resume` needs `--name`, the name of the study to resume")
    simulated = arguments.engine == "simulated"
    for option in SIMULATED if not simulated else () if arguments.compute else ("cpus", "gpus", "resources"):
        if getattr(arguments, option) is not None:
            remedy = "use `--engine ray`, or add `--compute N`" if simulated else "add `--engine simulated`"
            raise ArgumentError(f"`--{option}` is not an option of the engine {arguments.engine!r}: {remedy}")
    if arguments.resources is not None and (arguments.cpus is not None or arguments.gpus is not None):
        raise ArgumentError("`--resources` and `--cpus` or `--gpus` are both set: put all amounts into `--resources`")
    if arguments.plot is None:
        return

    from raytune_suite.optional import require
    from raytune_suite.plotting.study import SUFFIXES

    require("matplotlib", extra="report")
    if arguments.plot.suffix.lower() not in SUFFIXES:
        raise ArgumentError(f"`--plot` is {str(arguments.plot)!r}, but must end in one of {', '.join(SUFFIXES)}")
    parent = arguments.plot.expanduser().absolute().parent
    existing = next(one for one in (parent, *parent.parents) if one.exists())
    if arguments.plot.is_dir() or not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ArgumentError.invalid("--plot", str(arguments.plot), "a file that can be written")


def new_name(workload: str, method: str) -> str:
    """A name for a study that is descriptive and unique."""
    now = dt.datetime.now().astimezone()
    return f"{workload}-{method}-{now:%Y%m%d-%H%M%S}".replace("/", "-")


OPTIONS_WITH_VALUES = (
    *("budget", "price_per_hour", "num_samples", "time_limit", "max_concurrent", "workers", "compute"),
    *("cpus", "gpus", "plot"),
)


def resume_command(arguments: argparse.Namespace, name: str | None, *, retry: bool = False) -> str:
    """A line with the command that resumes the study of these arguments, and trains failed trials again if `retry`."""
    target = [arguments.workload] if arguments.workload else []
    own, program = own_program.words(arguments)
    command = ["raytune-suite", "run", *target, "--method", arguments.method, *own]
    for key, value in arguments.arg:
        command += ["--arg", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    command += ["--engine", arguments.engine] if arguments.engine == "simulated" else []
    for option in OPTIONS_WITH_VALUES:
        value = getattr(arguments, option)
        if value is not None:
            command += [f"--{option.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
    if arguments.resources is not None:
        command += ["--resources", json.dumps(arguments.resources)]
    for tracker in arguments.tracker:
        command += ["--tracker", tracker]
    for option in ("tuning_seeds", "test_seeds"):
        value = getattr(arguments, option)
        if value is not None:
            command += [f"--{option.replace('_', '-')}", ",".join(map(str, value)) or "none"]
    if arguments.format != "text":
        command += ["--format", arguments.format]
    command += [
        "--seed",
        str(arguments.seed),
        "--storage-path",
        arguments.storage_path,
        "--name",
        str(name),
        "--resume",
        *(["--retry-failed"] if retry else []),
    ]
    return f"\nTo resume: {shlex.join([*command, *program])}"
