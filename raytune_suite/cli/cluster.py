"""`raytune-suite cluster`: check, fill in and use cluster files."""

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
from raytune_suite.cli.help import HelpFormatter
from raytune_suite.cli.list import checkable_file, cluster_file
from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.cluster.capacity import StudyRequirements
    from raytune_suite.cluster.commands import Command
    from raytune_suite.cluster.document import ClusterDocument

GOOD, BAD = 0, 1
"""Exit codes of `check`."""

SUBMIT_OPTIONS = ("--address", "--dry-run", "--fetch", "--job", "--working-dir")
"""The options of `submit` itself, as opposed to those of the program."""

ABOUT = "Check a cluster file, fill it in, and start, use and stop the cluster that it describes."

CHECK = """\
Report mistakes in a file for `ray up`, in a KubeRay manifest with all other documents of its file, or in a Slurm batch
script: those that Ray's own validation finds, and those that it does not. With a study (--study, or --gpus-per-trial
and --cpus-per-trial), also report whether a pool can place its trials, how many run at once, and what an hour costs
according to a table of indicative prices. Nothing is started.

The exit status is 0 without errors, 1 with errors, and 2 if the file cannot be read. Warnings do not count unless
--strict is given.
"""

CHECK_EXAMPLES = """\
examples:
  raytune-suite cluster check clusters/aws-gpu.yaml
  raytune-suite cluster check clusters/slurm/study.sbatch
  raytune-suite cluster check mine.yaml --gpus-per-trial 0.5 --cpus-per-trial 2
  raytune-suite cluster check mine.yaml --study ~/ray_results/a/study.json

--study takes the study.json of an earlier study, or a TOML file with arguments of rts.tune:
resources = {cpu = 2, gpu = 0.5}, max_concurrent = 8, storage_path = "/shared/studies". For trials of several
workers, resources is a list: [{cpu = 1}, {cpu = 4, gpu = 1}, {cpu = 4, gpu = 1}].
"""

RENDER_EXAMPLES = """\
examples:
  raytune-suite cluster render clusters/aws-gpu.yaml \\
      --set region=us-west-2 --set zone=us-west-2a \\
      --set gpu_1.instance_type=g5.xlarge --set gpu_1.max_workers=16 \\
      --set storage=fs-0123.efs.us-west-2.amazonaws.com:/ --output mine.yaml
  raytune-suite cluster render clusters/gcp-gpu.yaml --toml mine.toml

Names: region, zone, image, storage, POOL.min_workers, POOL.max_workers, POOL.instance_type, or the dotted path of any
value in the file, such as provider.project_id. In TOML, a table [gpu_1] holds the settings of that pool.
"""

PRICES_EXAMPLES = """\
examples:
  raytune-suite cluster prices aws --region eu-west-1
  raytune-suite cluster prices gcp --file ~/.sky/catalogs/v8/gcp/vms.csv

The source is the catalog of an installed SkyPilot if there is one, else EC2's public offers (several hundred MB),
Azure's retail prices, or for Google Cloud SkyPilot's catalog on GitHub. The result is prices/CLOUD.json in the folder
RAYTUNE_SUITE_DATA, by default raytune_suite in the cache folder. Without it, `check` uses the table of the package.
"""

SUBMIT_EXAMPLES = """\
examples:
  raytune-suite cluster submit mine.yaml examples/tune_digits.py -- \\
      --method bohb --storage-path /shared/studies
  # while `ray dashboard mine.yaml` runs in another terminal
  raytune-suite cluster submit --job --working-dir . mine.yaml study.py
  raytune-suite cluster submit --fetch /shared/studies/a/ a/ mine.yaml study.py

Everything after SCRIPT is passed to it; write the options of `submit` itself before FILE.
"""


def add(commands: Any) -> None:
    """Add the command `cluster`."""
    parser = commands.add_parser("cluster", help="check, fill in and use cluster files", description=ABOUT)
    parts = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = with_file(parts, "check", "report mistakes in a cluster file", CHECK, CHECK_EXAMPLES, kind=checkable_file)
    study = command.add_mutually_exclusive_group()
    study.add_argument("--study", type=Path, metavar="FILE", help="a study.json, or a TOML file")
    study.add_argument(
        "--gpus-per-trial", type=float, metavar="N", help="GPUs per trial; may be a fraction such as 0.5"
    )
    command.add_argument("--cpus-per-trial", type=float, metavar="N", help="CPUs per trial (default: 1)")
    command.add_argument("--storage-path", metavar="DIR", help="check that all nodes share this folder for studies")
    command.add_argument("--online", action="store_true", help="also ask the provider (dry runs only)")
    command.add_argument("--strict", action="store_true", help="treat warnings as errors")
    command.add_argument("--format", choices=["text", "json"], default="text", help="(default: text)")
    command.set_defaults(command=check)

    about = "Print a cluster file with some of its values replaced. Comments are kept."
    command = with_file(parts, "render", "fill in a cluster file", about, RENDER_EXAMPLES)
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set a value (repeatable)")
    command.add_argument("--toml", type=Path, metavar="FILE", help="read values from FILE; --set takes precedence")
    command.add_argument("--output", type=Path, metavar="FILE", help="write to FILE (default: print)")
    command.set_defaults(command=render)

    command = with_file(parts, "up", "start a cluster", "Check the file, then start the cluster with `ray up`.")
    command.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    command.add_argument("--force", action="store_true", help="start the cluster even if the file has errors")
    command.set_defaults(command=up)
    parts.add_parser(
        "token",
        help="create the token that protects your clusters",
        description="Create ~/.ray/auth_token, readable only by you, unless it exists, and print its path. Clusters "
        "with RAY_AUTH_MODE=token run code only for those who have this token. `cluster up` does this itself.",
    ).set_defaults(command=token)
    command = with_file(parts, "down", "stop a cluster", "Stop all nodes of the cluster with `ray down`.")
    command.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    command.set_defaults(command=down)
    command = with_file(parts, "status", "show the nodes of a cluster", "Run `ray status` on the head.")
    command.set_defaults(command=status)

    about = "Run a program on the head with `ray submit` or Ray Jobs, and show its output."
    command = with_file(parts, "submit", "run a program on a cluster", about, SUBMIT_EXAMPLES)
    command.add_argument("program", nargs=argparse.PARSER, metavar="SCRIPT", help="the program and its arguments")
    command.add_argument(
        "--job", action="store_true", help="use Ray Jobs: the program continues if this terminal is closed"
    )
    command.add_argument(
        "--working-dir", default=".", metavar="DIR", help="with --job: the folder to upload (default: .)"
    )
    command.add_argument("--address", metavar="URL", help="with --job: address of Ray Jobs (default: local port 8265)")
    command.add_argument("--fetch", nargs=2, metavar=("REMOTE", "LOCAL"), help="copy results from the head afterwards")
    command.set_defaults(command=submit)
    about = "Record a cloud's current prices and machine types on this machine, for the costs that `check` shows."
    command = parts.add_parser(
        "prices",
        help="record current prices",
        description=about,
        epilog=PRICES_EXAMPLES,
        formatter_class=HelpFormatter,
    )
    command.add_argument("cloud", choices=["aws", "gcp", "azure"], help="the cloud")
    command.add_argument("--region", metavar="REGION", help="(default: us-east-1, us-central1 or eastus)")
    command.add_argument("--file", type=Path, metavar="FILE", help="read a vms.csv of SkyPilot's catalog instead")
    command.set_defaults(command=prices)
    rehearse.add_arguments(
        with_file(
            parts, "rehearse", "try a cluster file on this machine", rehearse.REHEARSE, rehearse.REHEARSE_EXAMPLES
        )
    )
    for name in ("up", "down", "status", "submit"):
        parts.choices[name].add_argument("--dry-run", action="store_true", help="only show the commands")


def with_file(
    parts: Any,
    name: str,
    summary: str,
    about: str,
    examples: str = "",
    *,
    kind: Callable[[str], Path] = cluster_file,
) -> argparse.ArgumentParser:
    """Add a command whose first argument is a cluster file."""
    command: argparse.ArgumentParser = parts.add_parser(
        name,
        help=summary,
        description=about,
        epilog=examples,
        formatter_class=HelpFormatter,
    )
    command.add_argument(
        "file", type=kind, metavar="FILE", help="a YAML file, or a name from `raytune-suite list clusters`"
    )
    return command


def check(arguments: argparse.Namespace) -> int:
    """Print the mistakes in a file."""
    from raytune_suite.cluster import checks

    report = checks.check(arguments.file, requirements(arguments), ask_cloud=arguments.online)
    print(json.dumps(as_json(report), indent=2) if arguments.format == "json" else as_text(report))  # noqa: T201 - this is the command line
    return BAD if report.errors or (arguments.strict and report.findings) else GOOD


def requirements(arguments: argparse.Namespace) -> StudyRequirements | None:
    """Return the requirements of the study, None if no study is given."""
    import dataclasses

    from raytune_suite.cluster.capacity import AMOUNT, StudyRequirements, read_requirements
    from raytune_suite.validation import optional

    given = {"cpus": arguments.cpus_per_trial, "storage_path": arguments.storage_path, "gpus": arguments.gpus_per_trial}
    for name in ("cpus", "gpus"):
        optional(AMOUNT).check(f"--{name}-per-trial", given[name])
    stated = {name: value for name, value in given.items() if value is not None}
    if arguments.study is not None:
        study = read_requirements(arguments.study)
        if study.processes and arguments.cpus_per_trial is not None:
            raise ArgumentError("`--cpus-per-trial` does not apply to the study, whose trials have several processes")
        return dataclasses.replace(study, **stated)
    return StudyRequirements(**stated) if stated else None


def render(arguments: argparse.Namespace) -> int:
    """Print or write a filled-in template, unless it has errors."""
    from raytune_suite.cluster import checks
    from raytune_suite.cluster.document import parse
    from raytune_suite.cluster.pools import cluster_of
    from raytune_suite.cluster.render import read_settings
    from raytune_suite.cluster.render import render as fill_in

    if arguments.output is not None and not arguments.output.absolute().parent.is_dir():
        raise ArgumentError(
            f"`--output {arguments.output}`: the folder {str(arguments.output.parent)!r} does not exist"
        )
    text = fill_in(cluster(arguments.file), read_settings(arguments.set, arguments.toml))
    report = checks.check_document(cluster_of(parse(text, arguments.output or arguments.file)))
    checks.reject(report, "the result would have errors")
    if report.findings:
        print(as_text(report), file=sys.stderr)  # noqa: T201 - this is the command line
    if arguments.output is None:
        print(text, end="")  # noqa: T201 - as above
    else:
        arguments.output.write_text(text, encoding="utf-8")
    return GOOD


def up(arguments: argparse.Namespace) -> int:
    """Check a file, and start its cluster."""
    from raytune_suite.cluster import checks, commands
    from raytune_suite.cluster.pools import is_plain_manifest
    from raytune_suite.cluster.tokens import create_token

    report = checks.check(arguments.file)
    if not arguments.force:
        checks.reject(report, f"{str(arguments.file)!r} is not started without --force", missing=True)
    for one in report.findings:
        print(f"{arguments.file}:{one.line}: {one.severity} {one.code} {one.reason}", file=sys.stderr)  # noqa: T201 - this is the command line
    if not is_plain_manifest(report.document) and commands.needs_token(report.document):
        print("$ raytune-suite cluster token", file=sys.stdout if arguments.dry_run else sys.stderr, flush=True)
        if not arguments.dry_run:
            create_token()
    return run(commands.up(report.document, yes=arguments.yes), report.document, dry=arguments.dry_run)


def token(_arguments: argparse.Namespace) -> int:
    """Create this account's token if it has none, and print its path."""
    from raytune_suite.cluster.tokens import create_token

    print(create_token())  # noqa: T201 - this is the command line
    return GOOD


def prices(arguments: argparse.Namespace) -> int:
    """Record the prices of a cloud."""
    import datetime as dt

    from raytune_suite.cluster import price_lists
    from raytune_suite.cluster.prices import record

    region = arguments.region or price_lists.REGIONS[arguments.cloud]
    if arguments.file is not None and not arguments.file.is_file():
        raise ArgumentError(f"`--file {arguments.file}` does not exist")
    machines, source = price_lists.read(arguments.cloud, region, arguments.file)
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    place = record(arguments.cloud, region, source, today, machines)
    print(f"{len(machines)} machine types of {region} from {source}: {place}")  # noqa: T201 - this is the command line
    return GOOD


def down(arguments: argparse.Namespace) -> int:
    """Stop a cluster."""
    from raytune_suite.cluster import commands

    document = cluster(arguments.file)
    first, *others = commands.down(document, yes=arguments.yes)
    failed = run([first], document, dry=arguments.dry_run)
    if failed:
        return failed
    return max([run([other], document, dry=arguments.dry_run) for other in others], default=GOOD)  # even if one fails


def status(arguments: argparse.Namespace) -> int:
    """Show the nodes of a cluster."""
    from raytune_suite.cluster import commands

    document = cluster(arguments.file)
    return run(commands.status(document), document, dry=arguments.dry_run)


def submit(arguments: argparse.Namespace) -> int:
    """Run a program on a cluster."""
    from raytune_suite.cluster import commands
    from raytune_suite.cluster.pools import is_kuberay

    document = cluster(arguments.file)
    script, *program_arguments = arguments.program
    check_program_arguments(program_arguments)
    by_jobs = arguments.job or is_kuberay(document)
    folder = arguments.working_dir if by_jobs else "."
    if "://" not in folder and not Path(folder, script).is_file():
        raise ArgumentError(f"the program {script!r} does not exist in {str(Path(folder).absolute())!r}")
    address = arguments.address or commands.DASHBOARD
    if by_jobs and not arguments.dry_run:
        commands.check_listens(address, document)
    to_run = commands.submit(
        document,
        script,
        program_arguments[1:] if program_arguments[:1] == ["--"] else program_arguments,
        job=arguments.job,
        address=address,
        working_dir=arguments.working_dir,
        fetch=None if arguments.fetch is None else tuple(arguments.fetch),
    )
    return run(to_run, document, dry=arguments.dry_run)


def check_program_arguments(arguments: list[str]) -> None:
    """Check that the arguments of the program do not contain options of `submit`, unless after `--`.

    Raises:
        ArgumentError: If they do.
    """
    for word in itertools.takewhile(lambda word: word != "--", arguments):
        option = word.partition("=")[0]
        if option in SUBMIT_OPTIONS:
            raise ArgumentError(
                f"`{option}` after SCRIPT would be passed to the program: write it before FILE, or after `--` if it is "
                "meant for the program"
            )


def cluster(path: Path) -> ClusterDocument:
    """Return the document of a file that describes the cluster."""
    from raytune_suite.cluster.document import read
    from raytune_suite.cluster.pools import cluster_of

    return cluster_of(read(path))


def run(to_run: list[Command], document: ClusterDocument, *, dry: bool) -> int:
    """Show the commands of a cluster and run them until one fails. Return the exit status of the last.

    Raises:
        MissingPackageError: If Ray is installed without the packages that its commands need.
    """
    from raytune_suite.cluster import commands

    if not dry and any(command.argv[0] == "ray" for command in to_run):
        require_extra("cluster", "`raytune-suite cluster`")

    for command in to_run:
        print(f"$ {command}", file=sys.stdout if dry else sys.stderr, flush=True)
        done = 0 if dry else commands.run(command)
        if done != 0:
            why = commands.explain_failure(command, document)
            print(f"exit status {done}: {shlex.join(command.argv)}", *filter(None, [why]), sep="\n", file=sys.stderr)  # noqa: T201 - as above
            return done
    return GOOD
