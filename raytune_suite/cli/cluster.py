"""`raytune-suite cluster`: check a cluster file, fill one in, and use it."""

from __future__ import annotations

import argparse
import itertools
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cli import rehearse
from raytune_suite.cli.cluster_report import as_json, as_text
from raytune_suite.cli.list import cluster_file
from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require_extra

if TYPE_CHECKING:
    from raytune_suite.cluster.capacity import Trial
    from raytune_suite.cluster.commands import Command
    from raytune_suite.cluster.document import Document

GOOD, BAD = 0, 1
"""Exit codes of `check`."""

SUBMIT_OPTIONS = ("--address", "--dry-run", "--fetch", "--job", "--working-dir")
"""Of `submit` itself, rather than of the program that it runs."""

CHECK = """\
Say what is wrong with a file for `ray up`, or with a manifest of KubeRay's: first Ray's own validation, then what that
does not see. With a study (--study, or --gpus-per-trial and --cpus-per-trial) say too whether a pool can place its
trials, how many run at once, and what an hour costs, by a table of indicative prices. Nothing is started.

The exit status is 0 if there is no error, 1 if there is one, 2 if the file cannot be read. Warnings do not count unless
--strict is given.
"""

CHECK_EXAMPLES = """\
examples:
  raytune-suite cluster check clusters/aws-gpu.yaml
  raytune-suite cluster check mine.yaml --gpus-per-trial 0.5 --cpus-per-trial 2
  raytune-suite cluster check mine.yaml --study ~/ray_results/digits/study.json --format json

A study is the study.json of an earlier one, or a TOML file with the words of rts.tune:
resources = {cpu = 2, gpu = 0.5}, max_concurrent = 8, storage_path = "/shared/studies".
"""

RENDER_EXAMPLES = """\
examples:
  raytune-suite cluster render clusters/aws-gpu.yaml --set region=us-west-2 --set zone=us-west-2a \\
      --set gpu_1.instance_type=g5.xlarge --set gpu_1.max_workers=16 \\
      --set storage=fs-0123.efs.us-west-2.amazonaws.com:/ --output mine.yaml
  raytune-suite cluster render clusters/gcp-gpu.yaml --toml mine.toml > mine.yaml

Names: region, zone, image, storage, POOL.min_workers, POOL.max_workers, POOL.instance_type, or the way to any value
of the file with dots, such as provider.project_id. In TOML a table [gpu_1] holds what is said of that pool.
"""

SUBMIT_EXAMPLES = """\
examples:
  raytune-suite cluster submit mine.yaml examples/tune_digits.py -- --method bohb --storage-path /shared/studies
  raytune-suite cluster submit --job --working-dir . mine.yaml study.py      (after `ray dashboard mine.yaml`)
  raytune-suite cluster submit --fetch /shared/studies/mine/ results/ mine.yaml study.py

All that follows SCRIPT is the program's; the options of `submit` itself stand before it.
"""


def add(commands: Any) -> None:
    """Add the command `cluster`."""
    parser = commands.add_parser("cluster", help="check a cluster file, fill one in, and use it")
    parts = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = with_file(parts, "check", "say what is wrong with a cluster file", CHECK, CHECK_EXAMPLES)
    study = command.add_mutually_exclusive_group()
    study.add_argument("--study", type=Path, metavar="FILE", help="a study.json, or a TOML file")
    study.add_argument("--gpus-per-trial", type=float, metavar="N", help="GPUs of a trial, parts such as 0.5 too")
    command.add_argument("--cpus-per-trial", type=float, metavar="N", help="CPUs of a trial (default: 1)")
    command.add_argument("--storage-path", metavar="DIR", help="where the study shall lie: can all nodes reach it?")
    command.add_argument("--strict", action="store_true", help="warnings count as errors")
    command.add_argument("--format", choices=["text", "json"], default="text", help="(default: text)")
    command.set_defaults(command=check)

    command = with_file(parts, "render", "fill a cluster file in", "Print a file with other values.", RENDER_EXAMPLES)
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a value; may be repeated")
    command.add_argument("--toml", type=Path, metavar="FILE", help="values; those of --set go first")
    command.add_argument("--output", type=Path, metavar="FILE", help="write it there (default: print it)")
    command.set_defaults(command=render)

    command = with_file(parts, "up", "start a cluster", "Check the file, then start the cluster by `ray up`.")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--force", action="store_true", help="start although there are errors")
    command.set_defaults(command=up)
    command = with_file(parts, "down", "stop a cluster", "Stop the cluster by `ray down`, all of its nodes.")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.set_defaults(command=down)
    command = with_file(parts, "status", "tell which nodes there are", "Ask the head by `ray status`.")
    command.set_defaults(command=status)

    about = "Run a program on the head by `ray submit` or Ray Jobs, and follow what it prints."
    command = with_file(parts, "submit", "run a program on a cluster", about, SUBMIT_EXAMPLES)
    command.add_argument("program", nargs=argparse.PARSER, metavar="SCRIPT", help="the program, then what it is told")
    command.add_argument("--job", action="store_true", help="by Ray Jobs: pack the folder, survive this terminal")
    command.add_argument("--working-dir", default=".", metavar="DIR", help="with --job: what is packed (default: .)")
    command.add_argument(
        "--address", metavar="URL", help="with --job: where Ray Jobs listens (default: port 8265 here)"
    )
    command.add_argument("--fetch", nargs=2, metavar=("THERE", "HERE"), help="copy from the head afterwards")
    command.set_defaults(command=submit)
    rehearse.add_arguments(
        with_file(parts, "rehearse", "try it in a lab", rehearse.REHEARSE, rehearse.REHEARSE_EXAMPLES)
    )
    for name in ("up", "down", "status", "submit"):
        parts.choices[name].add_argument("--dry-run", action="store_true", help="show the commands, run none")


def with_file(parts: Any, name: str, summary: str, about: str, examples: str = "") -> argparse.ArgumentParser:
    """A command whose first argument is a cluster file."""
    command: argparse.ArgumentParser = parts.add_parser(
        name,
        help=summary,
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "file", type=cluster_file, metavar="FILE", help="a YAML file, or a name of `raytune-suite list clusters`"
    )
    return command


def check(arguments: argparse.Namespace) -> int:
    """Print what is wrong with a file."""
    from raytune_suite.cluster.checks.check import check as check_file

    report = check_file(arguments.file, trial(arguments))
    print(json.dumps(as_json(report), indent=2) if arguments.format == "json" else as_text(report))  # noqa: T201 - this is the command line
    return BAD if report.errors or (arguments.strict and report.findings) else GOOD


def trial(arguments: argparse.Namespace) -> Trial | None:
    """What the study asks for, None if no study is given."""
    import dataclasses

    from raytune_suite.cluster.capacity import Trial, read_study

    given = {"cpus": arguments.cpus_per_trial, "storage_path": arguments.storage_path, "gpus": arguments.gpus_per_trial}
    for name in ("cpus", "gpus"):
        if given[name] is not None and given[name] < 0:
            raise ArgumentError(f"`--{name}-per-trial` is {given[name]:g}, but must not be negative")
    said = {name: value for name, value in given.items() if value is not None}
    if arguments.study is not None:
        return dataclasses.replace(read_study(arguments.study), **said)
    return Trial(**said) if said else None


def render(arguments: argparse.Namespace) -> int:
    """Print or write a template that is filled in, unless it would be wrong."""
    from raytune_suite.cluster.checks import check as checks
    from raytune_suite.cluster.document import parse
    from raytune_suite.cluster.pools import cluster_of
    from raytune_suite.cluster.render import assignments
    from raytune_suite.cluster.render import render as fill_in

    if arguments.output is not None and not arguments.output.absolute().parent.is_dir():
        raise ArgumentError(f"`--output {arguments.output}`: there is no folder {str(arguments.output.parent)!r}")
    text = fill_in(cluster(arguments.file), assignments(arguments.set, arguments.toml))
    report = checks.check_document(cluster_of(parse(text, arguments.output or arguments.file)))
    checks.refuse(report, "the result would be wrong")
    if report.findings:
        print(as_text(report), file=sys.stderr)  # noqa: T201 - this is the command line
    if arguments.output is None:
        print(text, end="")  # noqa: T201 - as above
    else:
        arguments.output.write_text(text, encoding="utf-8")
    return GOOD


def up(arguments: argparse.Namespace) -> int:
    """Check a file, and start the cluster if it is right, or in spite of all that is wrong with it."""
    from raytune_suite.cluster import commands
    from raytune_suite.cluster.checks import check as checks

    report = checks.check(arguments.file)
    if not arguments.force:
        checks.refuse(report, f"{str(arguments.file)!r} is not started without --force", missing=True)
    for one in report.findings:
        print(f"{arguments.file}:{one.line}: {one.severity} {one.code} {one.reason}", file=sys.stderr)  # noqa: T201 - this is the command line
    return run(commands.up(report.document, yes=arguments.yes), dry=arguments.dry_run)


def down(arguments: argparse.Namespace) -> int:
    """Stop a cluster."""
    from raytune_suite.cluster import commands

    first, *others = commands.down(cluster(arguments.file), yes=arguments.yes)
    failed = run([first], dry=arguments.dry_run)
    if failed:
        return failed
    return max([run([other], dry=arguments.dry_run) for other in others], default=GOOD)  # each, though one is off


def status(arguments: argparse.Namespace) -> int:
    """Tell which nodes there are."""
    from raytune_suite.cluster import commands

    return run(commands.status(cluster(arguments.file)), dry=arguments.dry_run)


def submit(arguments: argparse.Namespace) -> int:
    """Run a program on a cluster."""
    from raytune_suite.cluster import commands
    from raytune_suite.cluster.pools import is_kuberay

    document = cluster(arguments.file)
    script, *words = arguments.program
    check_words(words)
    by_jobs = arguments.job or is_kuberay(document)
    folder = arguments.working_dir if by_jobs else "."
    if "://" not in folder and not Path(folder, script).is_file():
        raise ArgumentError(f"there is no program {script!r} in {str(Path(folder).absolute())!r}")
    address = arguments.address or commands.DASHBOARD
    if by_jobs and not arguments.dry_run:
        commands.check_listens(address, document)
    wanted = commands.submit(
        document,
        script,
        words[1:] if words[:1] == ["--"] else words,
        job=arguments.job,
        address=address,
        working_dir=arguments.working_dir,
        fetch=None if arguments.fetch is None else tuple(arguments.fetch),
    )
    return run(wanted, dry=arguments.dry_run)


def check_words(words: list[str]) -> None:
    """Refuse options of `submit` among what the program is told.

    Raises:
        ArgumentError: If one stands there, and not after `--`.
    """
    for word in itertools.takewhile(lambda word: word != "--", words):
        option = word.partition("=")[0]
        if option in SUBMIT_OPTIONS:
            raise ArgumentError(
                f"`{option}` stands after SCRIPT, so it would go to the program: write it before FILE, or after `--` "
                f"if it is the program's"
            )


def cluster(path: Path) -> Document:
    """The document of a file that describes a cluster."""
    from raytune_suite.cluster.document import read
    from raytune_suite.cluster.pools import cluster_of

    return cluster_of(read(path))


def run(wanted: list[Command], *, dry: bool) -> int:
    """Show commands and run them, up to the first that fails; the exit status of the last.

    Raises:
        MissingPackageError: If Ray is installed without what its own commands need.
    """
    from raytune_suite.cluster import commands

    if not dry and any(command.words[0] == "ray" for command in wanted):
        require_extra("cluster", "`raytune-suite cluster`")

    for command in wanted:
        print(f"$ {command}", file=sys.stdout if dry else sys.stderr, flush=True)
        done = 0 if dry else commands.run(command)
        if done != 0:
            print(f"it ended with status {done}: {shlex.join(command.words)}", file=sys.stderr)  # noqa: T201 - as above
            return done
    return GOOD
