"""Checks of the options with which a batch script starts Ray, against its job: memory, ports, addresses, folders."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import CODES, Finding
from raytune_suite.cluster.checks.slurm_amounts import cpus_of_node, gpus_of_node, megabytes, tasks
from raytune_suite.cluster.ray_start import few_worker_ports, only_this_machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity
    from raytune_suite.cluster.checks.slurm_script import RayStart
    from raytune_suite.cluster.slurm import Directive

SHARED = re.compile(
    r"~|/home/|/users?/|/nfs|/lustre|/gpfs|/beegfs|\$\{?(HOME|SLURM_SUBMIT_DIR|WORK|PROJECT)\b|\$PWD|\$\(pwd\)"
)
"""The beginning of folders that the nodes of clusters share."""

OPEN_FILES = re.compile(r"(?<![\w-])ulimit\s+(?:-[SH]*n|-[SH]+\s+-n)\s+(\d+)")
LEAST_OPEN_FILES = 4096


def at(line: int, code: str, reason: str, remedy: str, severity: Severity | None = None) -> Finding:
    """Return a finding on a line of a script."""
    return Finding(line, code, "script", reason, remedy, severity or CODES[code][0])


def check(text: str, directives: list[Directive], found: list[RayStart]) -> Iterator[Finding]:
    """Yield options of `ray start` that do not fit the job."""
    components = sorted({one.component for one in directives})
    for one in found:
        group = one.launch_options.get("het-group", "")
        chosen = [int(group)] if group.isdecimal() else components[1:] if group else components[:1]
        parts = [{item.name: item for item in directives if item.component == part} for part in chosen]
        yield from memory(one, parts)
        yield from one_cpu(one, parts)
        known = [found[0] for found in map(cpus_of_node, parts) if found is not None]
        problem = few_worker_ports(one.options, max(known, default=None))
        if problem is not None:
            yield at(one.line, "RTS411", *problem, None if known else "warning")
        yield from address(one, directives)
        folder = one.options.get("temp-dir", "")
        if SHARED.match(folder) and "$SLURM_JOB_ID/$SLURM_NODEID" not in folder:
            reason = (
                f"`--temp-dir` is {folder}, in a folder that nodes usually share: its sockets and files would collide"
            )
            yield at(one.line, "RTS410", reason, "use a folder of each node, such as /tmp", "warning")
    for number, line in enumerate(text.splitlines(), 1):
        match = OPEN_FILES.search(line.partition(" #")[0])
        if found and match is not None and int(match[1]) < LEAST_OPEN_FILES and not line.lstrip().startswith("#"):
            reason = f"{match[1]} open files are too few for Ray: each worker process has several connections"
            yield at(number, "RTS845", reason, 'write `ulimit -n "$(ulimit -Hn)"`', "warning")


def one_cpu(one: RayStart, parts: list[dict[str, Directive]]) -> Iterator[Finding]:
    """Yield more CPUs for Ray than the one of each task, because the job does not ask for more."""
    offered = one.options.get("num-cpus", "")
    asks = {"cpus-per-task", "cpus-per-gpu", "exclusive", "mincpus", "tres-per-task", "extra-node-info"}
    own = {"cpus-per-task", "exclusive", "cpus-per-gpu"} & set(one.launch_options)
    for given in parts:
        has = tasks(given)
        if given and not asks & set(given) and not own and offered.isdecimal() and int(offered) > has:
            reason = f"Ray is started with {offered} CPUs, but without `--cpus-per-task` each task has one CPU"
            yield at(one.line, "RTS844", reason, f"add `#SBATCH --cpus-per-task={offered}`", "warning")


def memory(one: RayStart, parts: list[dict[str, Directive]]) -> Iterator[Finding]:
    """Yield memory that Ray would use beyond that of the job on a node."""
    amounts = []
    for given in parts:
        cpus = cpus_of_node(given)
        each = {"mem": 1, "mem-per-cpu": cpus[0] if cpus else tasks(given), "mem-per-gpu": gpus_of_node(given)}
        amounts += [(megabytes(given[name].value) or 0) * times for name, times in each.items() if name in given]
    most = max(amounts, default=0) * 2**20
    for option in ("memory", "object-store-memory"):
        size = one.options.get(option, "")
        if most and size.isdecimal() and int(size) > most:
            reason = f"`--{option}` is {int(size) / 2**30:.0f} GiB, but the job has {most / 2**30:.0f} on a node"
            yield at(one.line, "RTS844", reason, f"write at most `--{option}={int(most * 0.3)}`, or leave it out")


def address(one: RayStart, directives: list[Directive]) -> Iterator[Finding]:
    """Yield an address of a node that means each node itself."""
    own = one.options.get("node-ip-address", "")
    nodes = [item.value for item in directives if item.name == "nodes"]
    if only_this_machine(own) and nodes != ["1"]:
        what = "the head" if one.head else "a worker"
        reason = (
            f"`--node-ip-address` is {own}, which means each machine itself: it is not an address of {what} for others"
        )
        remedy = "remove it: Ray finds the address, or write that of the node"
        yield at(one.line, "RTS845", reason, remedy, None if own.startswith("0.") else "warning")
