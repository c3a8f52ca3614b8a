"""`raytune-suite cluster rehearse`: try a cluster file in a lab on this host."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.errors import ArgumentError
from raytune_suite.optional import require_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.cluster.document import ClusterDocument
    from raytune_suite.cluster.rehearsal.rehearse import RehearsalResult

FOLDER = "RAYTUNE_SUITE_LAB_FOLDER"
"""The variable with the lab's folder, which the process outside the lab creates and removes."""

REHEARSE = """\
Start the cluster of a file in a lab on this host, run a study on it, cut the power of a machine on which trials run,
and report whether the study survived. Nothing leaves this host, and nothing costs money. Takes about three minutes.

The lab's machines are Linux namespaces, each with its own address, disk and ssh server. For the provider `local` they
are the hosts of the file; for `aws`, moto starts them, which stands in for Amazon's service. The lab has no network and
no GPUs: machines have the packages of this environment, pip only checks that the requested ones are among them, network
file systems are a shared folder, containers are left out, and GPUs are simulated. Every change to the file is reported.

A manifest of KubeRay is applied in a Kubernetes cluster that `kind` creates, or in a namespace of a `k3s` that runs
here: with two worker pods, simulated GPUs and a volume of the node. This needs kubectl and helm, and the network for
images.

Files for `local` and `aws` need Linux, root, iproute2, openssh-server and rsync; for `aws` also `pip install
'raytune-suite[rehearse]'`.
"""

REHEARSE_EXAMPLES = """\
examples:
  sudo .venv/bin/raytune-suite cluster rehearse mine.yaml
  sudo .venv/bin/raytune-suite cluster rehearse mine.yaml \\
      examples/tune_digits.py -- --storage-path /shared/studies

The exit status is 0 if every check passed, 1 if one failed, and 2 if the rehearsal cannot start. Without
SCRIPT, the rehearsal runs a study whose result is known in advance, and compares the two.

With `--format json`, messages about the progress go to standard error, and the result is one JSON object: file,
passed, steps (name, passed, observed), changes (to the file, for the lab), launched, unrehearsed, log (of a command
that failed) and seconds.
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `cluster rehearse`."""
    command.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT -- ARGUMENTS",
        help="the study and its arguments (default: a study with a known result)",
    )
    command.add_argument(
        "--shared", default="/shared", metavar="DIR", help="the folder that all machines share (default: /shared)"
    )
    command.add_argument(
        "--workers", type=int, default=2, metavar="N", help="for `local`: the number of workers to use (default: 2)"
    )
    command.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep logs and studies in DIR (after a failure: in rehearsal-TIME)"
    )
    command.add_argument(
        "--format", choices=["text", "json"], default="text", help="the result on standard output (default: text)"
    )
    command.set_defaults(command=rehearse)


def rehearse(arguments: argparse.Namespace) -> int:
    """Check the file, enter the lab, and run the rehearsal there."""
    from raytune_suite.cluster.pools import is_kuberay
    from raytune_suite.cluster.rehearsal import lab

    if lab.inside():
        return run_inside(arguments)
    document = validate(arguments)
    if is_kuberay(document):
        return rehearse_manifest(arguments)
    lab.check_host()
    require_extra("cluster", "a rehearsal")
    if document.get("provider", "type") == "aws":
        require_extra("rehearse", "a rehearsal of a file for AWS")
    with tempfile.TemporaryDirectory(prefix="rehearsal-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        status = lab.enter([sys.executable, "-m", "raytune_suite", *sys.argv[1:]])
        place = arguments.keep
        if place is None and status != 0:  # so that a failure can be analyzed without another run
            place = Path(f"rehearsal-{dt.datetime.now().astimezone():%Y%m%d-%H%M%S}")
        if place is not None and Path(folder, "logs").exists():
            keep(Path(folder), place)
        return status


def validate(arguments: argparse.Namespace) -> ClusterDocument:
    """Return the cluster file if it can be rehearsed with these arguments.

    Raises:
        ArgumentError: If the file has errors or another provider, or an argument is invalid.
    """
    from raytune_suite.cluster import checks
    from raytune_suite.cluster.pools import provider
    from raytune_suite.cluster.quoting import check_program_name
    from raytune_suite.cluster.rehearsal import lab

    report = checks.check(arguments.file)
    checks.reject(report, f"{str(arguments.file)!r} is not rehearsed", missing=True)
    if provider(report.document) not in ("local", "aws", "kuberay"):
        known = "only `local`, `aws` and KubeRay's manifests can be rehearsed"
        raise ArgumentError(f"the provider is {provider(report.document)!r}, but {known}")
    if arguments.workers < 1:
        raise ArgumentError(f"`--workers` is {arguments.workers}, but must be at least 1")
    if not arguments.shared.startswith("/"):
        raise ArgumentError(f"`--shared` is {arguments.shared!r}, but must be an absolute path such as /shared")
    script, _ = split_program(arguments.program)
    if script is not None and not Path(script).is_file():
        raise ArgumentError(f"the program {script!r} does not exist")
    if script is not None:
        check_program_name(script)
    if arguments.keep is not None and not lab.inside():
        try:
            arguments.keep.mkdir(parents=True)
        except OSError as error:
            raise ArgumentError(f"`--keep` is {str(arguments.keep)!r}, but must be a new folder: {error}") from None
    return report.document


def rehearse_manifest(arguments: argparse.Namespace) -> int:
    """Rehearse a KubeRay manifest in a Kubernetes cluster on this host.

    Raises:
        RehearsalError: If the host has none of the programs that make such a cluster, or one fails.
    """
    from raytune_suite.cluster.document import read
    from raytune_suite.cluster.rehearsal import kuberay, kubernetes

    kind = kubernetes.choose()
    report = reporter(as_json=arguments.format == "json")
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        start = time.monotonic()
        lab = kubernetes.KubernetesLab(kind, Path(folder))
        program = split_program(arguments.program)
        result, changes = kuberay.rehearse(lab, read(arguments.file), program, arguments.shared, report)
        log = Path(folder, "study.log")
        if not result.passed and log.exists():
            result.log = log.read_text(encoding="utf-8", errors="replace")[-5000:]
            report(result.log)
    return conclude(arguments, result, changes, time.monotonic() - start, report)


def reporter(*, as_json: bool) -> Callable[[str], None]:
    """Return a function that prints messages with the time since now: to standard error if the result is JSON."""
    start = time.monotonic()

    def report(text: str) -> None:
        shown = f"[{time.monotonic() - start:4.0f} s] {text}"
        print(shown, file=sys.stderr if as_json else sys.stdout, flush=True)

    return report


def conclude(
    arguments: argparse.Namespace,
    result: RehearsalResult,
    changes: list[str],
    seconds: float,
    report: Callable[[str], None],
) -> int:
    """Print how many checks have passed, and return the exit status."""
    failed = [step.name for step in result.steps if not step.passed]
    count = f"{len(result.steps) - len(failed)} of {len(result.steps)}"
    report(f"{count} checks passed{''.join(f'; failed: {name}' for name in failed)}")
    if arguments.format == "json":
        print(json.dumps(to_json(str(arguments.file), result, changes, seconds), indent=2))  # noqa: T201 - as above
    return 0 if result.passed else 1


def split_program(words: list[str]) -> tuple[str | None, list[str]]:
    """Split `SCRIPT -- ARGUMENTS` into the script, None if there is none, and its arguments.

    Raises:
        ArgumentError: If the first word is an option.
    """
    if not words:
        return None, []
    script, *others = words
    if script.startswith("-"):
        raise ArgumentError(f"`{script}` is ignored after FILE: write options before FILE")
    return script, others[1:] if others[:1] == ["--"] else others


def run_inside(arguments: argparse.Namespace) -> int:
    """Run the rehearsal in the lab, which ends with this process."""
    from raytune_suite.cluster.rehearsal import rehearse as run
    from raytune_suite.cluster.rehearsal.providers import lab_cluster_for

    start, report = time.monotonic(), reporter(as_json=arguments.format == "json")
    cluster = lab_cluster_for(
        validate(arguments), Path(os.environ[FOLDER]), shared=arguments.shared, workers=arguments.workers
    )
    try:
        for change in cluster.changes:
            report(f"changed for the lab: {change}")
        try:
            result = run.rehearse(cluster, *split_program(arguments.program), report)
        finally:
            cluster.lab.collect_logs()
    finally:
        cluster.lab.shut_down()
    return conclude(arguments, result, cluster.changes, time.monotonic() - start, report)


def to_json(file: str, result: RehearsalResult, changes: list[str], seconds: float) -> dict[str, Any]:
    """Convert the result of a rehearsal to JSON values."""
    return {
        "file": file,
        "passed": result.passed,
        "steps": [step._asdict() for step in result.steps],
        "changes": changes,
        "launched": result.launched,
        "unrehearsed": result.unrehearsed,
        "log": result.log,
        "seconds": round(seconds, 1),
    }


def keep(folder: Path, place: Path) -> None:
    """Copy the logs, studies and files of a rehearsal from `folder` to `place`."""
    for part in filter(Path.exists, (folder / "logs", folder / "shared")):
        shutil.copytree(part, place / part.name, symlinks=True, copy_function=copy_without_rights)
    for file in folder.glob("*.yaml"):
        place.mkdir(exist_ok=True)
        shutil.copy(file, place)
    print(f"logs and studies are in {place}", file=sys.stderr, flush=True)  # noqa: T201 - this is the command line


def copy_without_rights(source: str, target: str) -> None:
    """Copy a file as a plain one: what a study has marked to run as root must not run on this host."""
    shutil.copyfile(source, target)
    os.chmod(target, os.stat(source).st_mode & 0o777)  # noqa: PTH101, PTH116 - called by `shutil`
