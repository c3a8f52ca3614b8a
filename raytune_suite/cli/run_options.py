"""The options of `raytune-suite run` that define a study: its method, limits, seeds, engine and resources."""

from __future__ import annotations

import argparse
import json
from typing import Any

from raytune_suite.errors import ArgumentError

DEFAULT_BUDGET = 20.0
"""Full trainings that `run` spends if no limit is set and the method does not end by itself."""


def add_method(command: argparse.ArgumentParser) -> None:
    """Add the options that define the study: its method, limits and seeds."""
    group = command.add_argument_group("method")
    group.add_argument(
        "--method",
        default="auto",
        help="a name from `raytune-suite list methods`, or SEARCHER+SCHEDULER (default: auto, which chooses one and "
        "says why)",
    )
    group.add_argument(
        "--arg",
        action="append",
        type=assignment,
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the method, such as eta=4; may be repeated; `raytune-suite list methods --format json` "
        "has the names",
    )
    group.add_argument("--seed", type=int, default=0, help="the seed of the method's random draws (default: 0)")

    about = (
        f"The study ends at the first limit that it reaches (default: --budget {DEFAULT_BUDGET:g}; none for methods "
        "that end by themselves, such as grid; --num-samples 20 for a function or program without --max-t)."
    )
    group = command.add_argument_group("limits", about)
    group.add_argument(
        "--budget",
        type=number_or_text,
        metavar="N",
        help="N full trainings, in total; or what the study may cost, as in '20 USD'",
    )
    group.add_argument(
        "--price-per-hour",
        type=float,
        metavar="USD",
        help="US dollars per hour of one machine (default: looked up for machines that `ray up` started)",
    )
    group.add_argument("--num-samples", type=int, metavar="N", help="run N trials; for pbt and pb2 the population size")
    group.add_argument(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        help="wall-clock seconds (virtual seconds with --engine simulated)",
    )

    group = command.add_argument_group("training seeds", "A list such as 0,1 or a range such as 0-4.")
    group.add_argument("--tuning-seeds", type=seeds, metavar="SEEDS", help="the seeds that each trial is trained with")
    group.add_argument(
        "--test-seeds", type=seeds, metavar="SEEDS", help="the seeds that the best config is evaluated with, or none"
    )


def add_engine(command: argparse.ArgumentParser) -> None:
    """Add the options that say where trials run."""
    group = command.add_argument_group("engine")
    group.add_argument(
        "--engine",
        choices=["ray", "simulated"],
        default="ray",
        help="ray trains on this machine or on a cluster; simulated uses a virtual clock in this process, which is "
        "fast and gives the same result in every run (default: ray)",
    )
    group.add_argument("--workers", type=int, metavar="N", help="simulated: the number of parallel trials (default: 4)")
    group.add_argument(
        "--compute",
        type=int,
        metavar="N",
        help="simulated: train in N Ray workers in parallel; the result is the same for every N (default: train in "
        "this process)",
    )

    group = command.add_argument_group("resources")
    group.add_argument(
        "--max-concurrent",
        type=int,
        metavar="N",
        help="maximum number of parallel trials (default: as many as Ray can place)",
    )
    group.add_argument("--cpus", type=float, metavar="N", help="CPUs per trial (default: 1)")
    group.add_argument("--gpus", type=float, metavar="N", help="GPUs per trial, such as 0.5 or 2 (default: 0)")
    group.add_argument(
        "--resources",
        type=resources,
        metavar="LIST",
        help="for trials with several workers, the resources of each process, that of the trial first, instead of "
        "--cpus and --gpus: '[{cpu = 1}, {cpu = 4, gpu = 1}, {cpu = 4, gpu = 1}]', as TOML or JSON",
    )


def resources(text: str) -> Any:
    """Parse the resources of a trial: a TOML or JSON value.

    Example:
        >>> resources("[{}, {cpu = 4, gpu = 1}]"), resources('{"CPU": 2}')
        ([{}, {'cpu': 4, 'gpu': 1}], {'CPU': 2})
    """
    import tomllib

    try:
        return tomllib.loads(f"resources = {text}")["resources"]
    except (tomllib.TOMLDecodeError, RecursionError):
        pass  # it may be JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        example = "[{cpu = 1}, {cpu = 4, gpu = 1}]"
        raise argparse.ArgumentTypeError(f"the resources are {text!r}, but must be a list such as {example}") from None


def number_or_text(text: str) -> float | str:
    """A number if the text is one, otherwise the text."""
    try:
        return float(text)
    except ValueError:
        return text


def assignment(text: str) -> tuple[str, Any]:
    """Parse NAME=VALUE; a value that is not JSON is a string.

    Example:
        >>> assignment("eta=4"), assignment("kind=fast"), assignment('mutable=["lr"]')
        (('eta', 4), ('kind', 'fast'), ('mutable', ['lr']))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"the argument is {text!r}, but must have the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or lists nested as deeply
        return name, value


def seeds(text: str) -> list[int]:
    """Parse seeds such as "0,1", "0-4" or "none".

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
