"""Checks of where the commands of a batch script run: in the job, in containers, with which environment and rights."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import CODES, Finding
from raytune_suite.cluster.checks.slurm_script import RayStart, count, gpus_per_node
from raytune_suite.cluster.checks.slurm_shell import OWN_DISK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity
    from raytune_suite.cluster.shell import SimpleCommand
    from raytune_suite.cluster.slurm import Directive

CONTAINERS = re.compile(r"\b(apptainer|singularity)\s+(?:-\S+\s+)*(exec|run|shell)\b([^;&|\n]*)")
DOCKER = re.compile(r"\b(docker|podman)\s+run\b([^;&|\n]*)")
REMOVES = re.compile(r"\brm\s+-\w*[rR]\w*\s+[\"']?\$\{?([A-Za-z_]\w*)\}?/")
KNOWN = re.compile(r"(HOME|USER|PWD|TMPDIR|SLURM_\w+|SCRATCH|WORK|VIRTUAL_ENV|CONDA_\w+|XDG_\w+)$")
"""Variables that systems set."""


def at(line: int, code: str, reason: str, remedy: str, severity: Severity | None = None) -> Finding:
    """Return a finding on a line of a script."""
    return Finding(line, code, "script", reason, remedy, severity or CODES[code][0])


def check(
    text: str, commands: list[SimpleCommand], directives: list[Directive], found: list[RayStart]
) -> Iterator[Finding]:
    """Yield commands that run outside of the job, or without its GPUs, its environment or its rights."""
    joined = re.sub(r"\\\n", "  ", text)
    nodes = count(directives, "nodes", None) if len({one.component for one in directives}) <= 1 else None
    gpus = max((gpus_per_node(directives, part) or 0 for part in {one.component for one in directives}), default=0)
    for one in found:
        if one.launcher in ("ssh", "pdsh", "clush", "parallel-ssh"):
            reason = f"{one.launcher} starts Ray outside of the job's steps: without its GPUs, limits and end"
            yield at(one.line, "RTS845", reason, "write `srun --nodes=1 --ntasks=1 -w NODE ray start ...`", "warning")
    yield from containers(joined, gpus, started=bool(found))
    for part in commands:
        environment = " ".join(part.words[1:2])
        if part.program in ("source", ".") and OWN_DISK.match(environment) and nodes != 1 and found:
            reason = f"{environment} is on the disk of the first node, and other nodes start Ray without it"
            remedy = "use an environment in a folder that all nodes share"
            yield at(part.line + 1, "RTS845", reason, remedy, "warning")
        if "sudo" in part.prefixes and "-u" not in part.prefixes:
            reason = f"`sudo {' '.join(part.words[:2])}`: users of a cluster usually have no rights of root"
            remedy = "load a module, or install it in an environment of your own"
            yield at(part.line + 1, "RTS414", reason, remedy, "warning")
    yield from removals(text)
    yield from left(text)
    yield from again(text, directives)
    if found and not re.search(r"\bRAY_AUTH_MODE=[\"']?token\b", text):
        reason = "no token is required: all users of the cluster who reach these nodes can run code in your name"
        remedy = "write `raytune-suite cluster token` and `export RAY_AUTH_MODE=token` before `ray start`"
        yield at(found[0].line, "RTS611", reason, remedy, "warning")
    tasks = count(directives, "ntasks", None)
    if found and nodes is None and tasks is not None and tasks > 1 and "nodes" not in {one.name for one in directives}:
        line = next(one.line for one in directives if one.name == "ntasks")
        reason = f"without `--nodes` Slurm places the {tasks} tasks on any number of nodes, even on one"
        yield Finding(line, "RTS842", "--ntasks", reason, f"write `--nodes={tasks} --ntasks-per-node=1`", "warning")


def left(text: str) -> Iterator[Finding]:
    """Yield paths of a documentation that stand for your own."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(r"/path/to/[\w./-]*|/your/[\w./-]+", "" if line.lstrip().startswith("#") else line)
        if match is not None:
            yield at(number, "RTS106", f"{match[0]} is a placeholder for your own path", "replace it")


def again(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield a job that Slurm starts again, but whose study then begins from the start."""
    line = next((one.line for one in directives if one.name == "requeue"), None)
    if line is not None and "--storage-path" in text and not re.search(r"--resume|restore|resume", text):
        reason = "Slurm starts the job again after a failure of a node, but no command resumes the study"
        yield at(line, "RTS845", reason, "add `$(test -d STUDY && echo --resume)` to the study", "warning")


def containers(text: str, gpus: int, *, started: bool) -> Iterator[Finding]:
    """Yield containers that see no GPUs, or have a network of their own, in which other nodes do not reach Ray."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        match = CONTAINERS.search(line)
        if match is not None and gpus and not re.search(r"--(nv|nvccli|rocm)\b", match[0]):
            reason = f"`{match[1]} {match[2]}` without `--nv` shows no GPUs to the programs in the container"
            yield at(number, "RTS844", reason, f"write `{match[1]} {match[2]} --nv ...`")
        match = DOCKER.search(line)
        if match is None or not started:
            continue
        if not re.search(r"--net(?:work)?[= ]host\b", match[2]):
            reason = f"`{match[1]} run` gives the container its own network, where other nodes cannot reach Ray"
            yield at(number, "RTS845", reason, f"write `{match[1]} run --network=host ...`")
        if not re.search(r"(?:^|\s)(?:-v|--volume|--mount)\b", match[2]):
            reason = (
                f"`{match[1]} run` without `-v` shows no folder of the nodes to the program: what it stores is lost"
            )
            yield at(
                number,
                "RTS503",
                reason,
                f"write `{match[1]} run -v FOLDER:FOLDER ...` with the shared folder",
                "warning",
            )
        if gpus and not re.search(r"--gpus\b|--device\b|--runtime[= ]nvidia", match[2]):
            reason = f"`{match[1]} run` without `--gpus` shows no GPUs to the programs in the container"
            yield at(number, "RTS844", reason, f"write `{match[1]} run --gpus all ...`")


def removals(text: str) -> Iterator[Finding]:
    """Yield folders that are removed below a variable which the script does not set: if it is empty, below /."""
    if re.search(r"(?m)^\s*set\s+-\w*u|^\s*set\s+-o\s+nounset", text):
        return
    for number, line in enumerate(text.splitlines(), 1):
        for name in REMOVES.findall("" if line.lstrip().startswith("#") else line):
            if not re.search(rf"(?m)(?:^|[\s;]){name}=", text) and not KNOWN.match(name):
                reason = f"${name} is not set in this script: if it is empty, folders below / are removed"
                yield at(number, "RTS417", reason, f"write `${{{name}:?}}/...`, which stops if it is empty")
