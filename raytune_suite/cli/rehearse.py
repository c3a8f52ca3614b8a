"""`raytune-suite cluster rehearse`: a cluster file brought up in a lab on this host."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require_extra

if TYPE_CHECKING:
    from raytune_suite.cluster.document import Document

FOLDER = "RAYTUNE_SUITE_LAB_FOLDER"
"""The variable that tells a process in the lab where its folder is, which the one outside removes at the end."""

REHEARSE = """\
Bring a cluster file up in a lab on this host, run a study on it, cut the power of a machine on which trials run, and
tell whether the study survived. Nothing leaves this host, and nothing costs money. About three minutes.

The machines are namespaces of Linux, each with its address, disk and ssh server: those of the file for the provider
`local`; for `aws` they start as moto, which stands for Amazon's service, is asked for them. The lab has no network and
no GPU: machines have this environment's packages, pip only checks that these are what it is asked for, network file
systems are a folder that all share, containers are left out, and GPUs are numbers. Every change to the file is told.

Needed: Linux, root, iproute2, openssh-server, rsync; for `aws` pip install 'raytune-suite[rehearse]'.
"""

REHEARSE_EXAMPLES = """\
examples:
  sudo .venv/bin/raytune-suite cluster rehearse mine.yaml
  sudo .venv/bin/raytune-suite cluster rehearse mine.yaml examples/tune_digits.py -- --storage-path /shared/studies

The exit status is 0 if all went as it should, 1 if not. Without SCRIPT the study is one whose result is known
beforehand, and is compared with it.
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What `cluster rehearse` can be told."""
    command.add_argument("script", metavar="SCRIPT", nargs="?", help="the study (default: one of our own)")
    command.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- ARGUMENTS", help="what it is told")
    command.add_argument(
        "--shared", default="/shared", metavar="DIR", help="the folder that all machines share (default: /shared)"
    )
    command.add_argument(
        "--workers", type=int, default=2, metavar="N", help="of one's own hosts, how many take part (default: 2)"
    )
    command.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep logs and studies there (after a failure: in rehearsal-TIME)"
    )
    command.set_defaults(command=rehearse)


def rehearse(arguments: argparse.Namespace) -> int:
    """Check a file, enter the lab, and hold the rehearsal there."""
    from raytune_suite.cluster.rehearsal import machines

    if machines.inside():
        return within(arguments)
    document = sound(arguments)
    machines.check_host()
    require_extra("cluster", "a rehearsal")
    if document.get("provider", "type") == "aws":
        require_extra("rehearse", "a rehearsal of a file for AWS")
    with tempfile.TemporaryDirectory(prefix="rehearsal-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        status = machines.enter([sys.executable, "-m", "raytune_suite", *sys.argv[1:]])
        place = arguments.keep
        if place is None and status != 0:  # whoever wants to know why shall not need to do it again
            place = Path(f"rehearsal-{dt.datetime.now().astimezone():%Y%m%d-%H%M%S}")
        if place is not None and Path(folder, "logs").exists():
            keep(Path(folder), place)
        return status


def sound(arguments: argparse.Namespace) -> Document:
    """The cluster file, if it can be rehearsed.

    Raises:
        ArgumentError: If it is wrong, or of another provider.
    """
    from raytune_suite.cluster.checks import check as checks
    from raytune_suite.cluster.pools import provider
    from raytune_suite.cluster.rehearsal import machines

    report = checks.check(arguments.file)
    checks.refuse(report, f"{str(arguments.file)!r} is not rehearsed", missing=True)
    if provider(report.document) not in ("local", "aws"):
        raise ArgumentError(f"only files for `local` and `aws` can be rehearsed, not {provider(report.document)!r}")
    if arguments.workers < 1:
        raise ArgumentError(f"`--workers` is {arguments.workers}, but must be 1 or more")
    if not arguments.shared.startswith("/"):
        raise ArgumentError(f"`--shared` is {arguments.shared!r}, but must be a whole path such as /shared")
    if arguments.script is None and arguments.arguments:
        raise ArgumentError(f"`{arguments.arguments[0]}` stands after FILE and is not read: options stand before FILE")
    if arguments.script is not None and not Path(arguments.script).is_file():
        raise ArgumentError(f"there is no program {arguments.script!r}")
    if arguments.keep is not None and not machines.inside():
        try:
            arguments.keep.mkdir(parents=True)
        except OSError as error:
            raise ArgumentError(f"`--keep` is {str(arguments.keep)!r}, but must be a new folder: {error}") from None
    return report.document


def within(arguments: argparse.Namespace) -> int:
    """Hold the rehearsal; the lab ends with this process."""
    from raytune_suite.cluster.rehearsal.rehearse import rehearse as hold
    from raytune_suite.cluster.rehearsal.sites import site_of

    start = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - start:4.0f} s] {text}", flush=True)  # noqa: T201 - this is the command line

    site = site_of(sound(arguments), Path(os.environ[FOLDER]), shared=arguments.shared, workers=arguments.workers)
    try:
        for change in site.changes:
            say(f"changed for the lab: {change}")
        given = arguments.arguments[1:] if arguments.arguments[:1] == ["--"] else arguments.arguments
        try:
            verdict = hold(site, arguments.script, given, say)
        finally:
            site.lab.collect_logs()
    finally:
        site.lab.shut_down()
    failed = [what for what, passed, _seen in verdict.checks if not passed]
    count = f"{len(verdict.checks) - len(failed)} of {len(verdict.checks)}"
    say(f"{count} things went as they should{''.join(f'; not: {what}' for what in failed)}")
    return 0 if verdict.good else 1


def keep(folder: Path, place: Path) -> None:
    """Copy what a rehearsal has left that a person may want to read."""
    for part in filter(Path.exists, (folder / "logs", folder / "shared")):
        shutil.copytree(part, place / part.name, symlinks=True)
    for file in folder.glob("*.yaml"):
        place.mkdir(exist_ok=True)
        shutil.copy(file, place)
    print(f"logs and studies are in {place}", flush=True)  # noqa: T201 - this is the command line
