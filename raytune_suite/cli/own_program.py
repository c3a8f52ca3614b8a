"""The options of `raytune-suite run` with which it tunes a function or a program of the user."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cli.space_file import FORMAT, read_space
from raytune_suite.errors import ArgumentError, near

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

OPTIONS = ("metric", "mode", "max_t", "time_attr", "pattern", "metrics_file")
"""Options that only a function or a program has."""

DEFAULT_SAMPLES = 20
"""The trials of a study without limits whose trials have no `--max-t`."""

PROGRAM = "-- python train.py {args}"
"""An example of a program."""

ABOUT = """\
WORKLOAD may also be your own function, MODULE:FUNCTION, which takes a config and calls ray.tune.report. After `--`,
write a program in any language: `{lr}` becomes the value of the parameter lr, `{args}` becomes --lr 0.1 --batch 32 for
all parameters, `{json_file}` the path of a JSON file with them, and `{checkpoint_dir}` a folder whose files are kept
with each report. The program prints its metrics as lines of JSON, such as {"epoch": 1, "val_loss": 0.4}. If it prints
one after each epoch, pass the number of epochs as --max-t, and bad trials are stopped early.
"""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options, and let the words after `--` be the program, `arguments.program`."""
    group = command.add_argument_group("your own function or program", f"{ABOUT}\n{FORMAT}")
    group.add_argument("--space", type=Path, metavar="FILE", help="the search space, a TOML file as above")
    group.add_argument("--metric", metavar="NAME", help="the reported value to optimize")
    group.add_argument("--mode", choices=["min", "max"], help="whether to minimize or maximize it (default: min)")
    group.add_argument(
        "--max-t",
        type=int,
        metavar="N",
        help="the length of a full training: the number of reports, or the value of --time-attr",
    )
    group.add_argument(
        "--time-attr", metavar="NAME", help="the reported value that measures training (default: the number of reports)"
    )
    group.add_argument(
        "--pattern",
        metavar="REGEX",
        help="read metrics from lines that match, instead of JSON: 'loss: (\\S+)' for the metric, or named groups: "
        "'(?P<epoch>\\d+) loss (?P<val_loss>\\S+)'",
    )
    group.add_argument(
        "--metrics-file", metavar="FILE", help="read JSON from this file in `{trial_dir}` instead of the output"
    )
    command.usage = (
        "%(prog)s [OPTIONS] WORKLOAD\n"
        "       %(prog)s --space FILE --metric NAME [OPTIONS] MODULE:FUNCTION\n"
        "       %(prog)s --space FILE --metric NAME [OPTIONS] -- PROGRAM ..."
    )
    parse = command.parse_known_args

    def split(args: Sequence[str] | None = None, namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:
        words = [*(sys.argv[1:] if args is None else args)]
        if "--" not in words:
            arguments, rest = parse(words, namespace)
            if rest and arguments.space is not None and ":" not in arguments.workload:
                command.error(f"unrecognized arguments: {' '.join(rest)}; write `--` before a program: {PROGRAM}")
            arguments.program = None
            return arguments, rest
        position = words.index("--")
        arguments, rest = parse([*words[:position], ""], namespace)  # "" is the workload
        unknown = [word for word in rest if word.startswith("-")]
        if unknown:
            known = [option for action in command._actions for option in action.option_strings]  # noqa: SLF001 - has no public name
            text = " ".join(unknown)
            command.error(f"unrecognized arguments before the program: {text}{near(unknown[0], known)}")
        if arguments.workload:
            command.error(f"{arguments.workload!r} and the program after `--` are both set: leave one out")
        arguments.program = words[position + 1 :]
        return arguments, rest

    command.parse_known_args = split  # type: ignore[method-assign, assignment]


def is_own(arguments: argparse.Namespace) -> bool:
    """Whether the arguments name a function or a program in place of a workload.

    Raises:
        ArgumentError: If options are missing, or belong to the other case.
    """
    own = arguments.program is not None or arguments.space is not None
    if not own:
        for name in OPTIONS:
            if getattr(arguments, name) is not None:
                raise ArgumentError(
                    f"`{option(name)}` is for a function or a program of your own: add `--space FILE`, or leave it out"
                )
        _reject_own(arguments.workload)
        return False
    if arguments.program is not None and not arguments.program:
        raise ArgumentError(f"there is no program after `--`: write it there, such as {PROGRAM}")
    for name in ("space", "metric"):
        if getattr(arguments, name) is None:
            what = "the file with the search space" if name == "space" else "the reported value to optimize"
            raise ArgumentError(f"`--{name}` is missing: pass {what}")
    if arguments.program is None:
        for name in ("pattern", "metrics_file"):
            if getattr(arguments, name) is not None:
                raise ArgumentError(f"`{option(name)}` is for a program after `--`; a function calls ray.tune.report")
    return True


def _reject_own(workload: str) -> None:
    """Reject a function without a space, and the path of a program, in place of a workload.

    Raises:
        ArgumentError: If it is one.
    """
    if ":" in workload:
        raise ArgumentError(f"`--space` is missing: pass the file with the search space of {workload!r}")
    if Path(workload).is_file():
        raise ArgumentError(
            f"{workload!r} is a file, not a workload: to tune a program, write its command after `--`, with `--space` "
            f"and `--metric` before it: {PROGRAM}"
        )


def task(arguments: argparse.Namespace, path: str) -> dict[str, Any]:
    """The arguments of `tune` that say what is tuned; `path` is the study's folder or URI.

    Raises:
        ArgumentError: If the space, the function or the program cannot be used.
    """
    space = read_space(arguments.space)
    if arguments.program is None:
        trainable: Any = find_function(arguments.workload)
    else:
        if arguments.engine == "simulated":
            raise ArgumentError("`--engine` is 'simulated', which runs no programs: leave it out")
        from raytune_suite.spaces import Space
        from raytune_suite.tuning.program import ProgramTrainable

        command = ProgramTrainable(
            tuple(arguments.program),
            arguments.metric,
            pattern=arguments.pattern,
            metrics_file=arguments.metrics_file,
            folder=path,
            directory=str(Path.cwd()),
        )
        compiled = Space.of(space)
        command.check([*compiled.names, *compiled.constants])
        trainable = command.as_trainable()
    return {
        "trainable": trainable,
        "space": space,
        "metric": arguments.metric,
        "mode": arguments.mode or "min",
        "max_t": arguments.max_t,
        "time_attr": arguments.time_attr,
    }


def label(arguments: argparse.Namespace) -> str:
    """What the name of the study begins with."""
    if arguments.program is None:
        return str(arguments.workload).rpartition(":")[2] or "study"
    from raytune_suite.tuning.program import ProgramTrainable

    return ProgramTrainable(tuple(arguments.program), arguments.metric).name


def find_function(name: str) -> Any:
    """The function or class that MODULE:FUNCTION names; modules in the working directory are found.

    Raises:
        ArgumentError: If there is none.
    """
    from ray import cloudpickle

    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise ArgumentError(
            f"{name!r} must have the form MODULE:FUNCTION, such as train:train for the function train in train.py; or "
            f"write a program after `--`: {PROGRAM}"
        )
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ArgumentError(
            f"there is no module {module_name!r} here ({error}): run this in the folder that contains it"
        ) from None
    finally:
        sys.path.remove(str(Path.cwd()))
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise ArgumentError(f"the module {module_name!r} has no {attribute!r}{near(attribute, vars(module))}")
    if "site-packages" not in (module.__file__ or ""):
        cloudpickle.register_pickle_by_value(module)  # the processes of trials need not find it
    return found


def words(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The words of a command that resumes the study: the options, and what comes last."""
    options: list[str] = []
    for name in ("space", *OPTIONS):
        value = getattr(arguments, name)
        if value is not None:
            options += [option(name), str(value)]
    return options, [] if arguments.program is None else ["--", *arguments.program]


def option(name: str) -> str:
    """The option of an attribute.

    Example:
        >>> option("max_t")
        '--max-t'
    """
    return f"--{name.replace('_', '-')}"
