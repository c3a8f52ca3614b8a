"""Checks of the amounts that a Slurm job requests: their units, and their products against what nodes have.

Source: the manual page of sbatch (24.11). --mem, --mem-per-cpu, --mem-per-gpu and --tmp without a unit are megabytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import CODES, Finding
from raytune_suite.cluster.slurm import MEMORY, SIGNAL, Directive, devices, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity

MEGABYTES = {"K": 2.0**-10, "M": 1.0, "G": 2.0**10, "T": 2.0**20, "P": 2.0**30}
MEMORY_OPTIONS = ("mem", "mem-per-cpu", "mem-per-gpu")

MOST_CPUS, MOST_GPUS, MOST_MEMORY = 256, 16, 3 * 2**20
"""CPUs, GPUs and megabytes beyond which a node is so rare that a wrong product is more likely."""

LEAST_MEMORY, LEAST_PER_GPU = 2000, 3000
"""Megabytes that Ray's processes need on a node, and that a process with a GPU needs (CUDA alone takes over 1 GB)."""

LEAST_TMP = 1024
"""Megabytes; less local disk is a forgotten unit."""

SHORTEST_NOTICE = 10
"""Seconds that stopping Ray and writing a snapshot take at least."""

DAY, LONGEST_TIME = 1440, 31 * 1440
"""Minutes; no usual partition allows a month."""

FORGOTTEN_UNIT, HARDLY_GIGABYTES = 256, 4096
"""Numbers without a unit: a smaller one is reported with its option; a larger one was hardly meant in gigabytes."""

IN_HOURS = re.compile(r"(?:[0-3]?\d|4[0-8]):[0-5]\d")
FULL_HOURS_OF_A_DAY = re.compile(r"(?:[01]?\d|2[0-4]):00")
"""Minutes and seconds that look like hours and minutes; full hours of one day are reported with their option."""


def at(one: Directive, reason: str, remedy: str, severity: Severity | None = None, code: str = "RTS842") -> Finding:
    """Return a finding about an option."""
    return Finding(one.line, code, f"--{one.name}", reason, remedy, severity or CODES[code][0])


def megabytes(text: str) -> float | None:
    """Return an amount of memory as Slurm reads it, None if it is not one.

    Example:
        >>> megabytes("480"), megabytes("64G"), megabytes("1T"), megabytes("64 GB")
        (480.0, 65536.0, 1048576.0, None)
    """
    if not MEMORY.fullmatch(text):
        return None
    match = re.match(r"(\d+)([KMGTP]?)", text.upper())
    return None if match is None else int(match[1]) * MEGABYTES[match[2] or "M"]


def check(directives: list[Directive]) -> Iterator[Finding]:
    """Yield amounts that no node has, or that are too small for Ray."""
    for component in sorted({one.component for one in directives}):
        given = {one.name: one for one in directives if one.component == component and one.known}
        yield from cpus(given)
        yield from gpus(given)
        yield from memory(given)
        yield from disk(given)
    everywhere = {one.name: one for one in directives if one.known}
    yield from notice(everywhere)
    yield from duration(everywhere)


def number(given: dict[str, Directive], name: str) -> int | None:
    """Return the whole number that an option has, None if it has none."""
    value = given[name].value if name in given else ""
    return int(value) if value.isdecimal() else None


def tasks(given: dict[str, Directive]) -> int:
    """Return the tasks on each node of a part of a job, as far as they are known."""
    each = number(given, "ntasks-per-node") or number(given, "tasks-per-node")
    total, nodes = number(given, "ntasks"), number(given, "nodes")
    if each is None and total is not None and nodes:
        each = -(-total // nodes)
    return each or 1


def gpus_of_node(given: dict[str, Directive]) -> int:
    """Return the GPUs of each node of a part of a job, 0 if it asks for none or their number is not known."""
    for name in ("gpus-per-node", "gres"):
        value = given[name].value if name in given else ""
        if value and (name != "gres" or "gpu" in value):
            return devices(value) or 0
    if "gpus-per-task" in given:
        return (devices(given["gpus-per-task"].value) or 0) * tasks(given)
    total, nodes = given.get("gpus"), number(given, "nodes")
    return -(-(devices(total.value) or 0) // nodes) if total is not None and nodes else 0


def cpus_of_node(given: dict[str, Directive]) -> tuple[int, str] | None:
    """Return the CPUs of each node of a part of a job, with the product in words; None if it states none."""
    each, per_gpu = number(given, "cpus-per-task"), number(given, "cpus-per-gpu")
    if each is not None:
        return each * tasks(given), f"{tasks(given)} tasks with {each} CPUs" if tasks(given) > 1 else f"{each} CPUs"
    if per_gpu is not None and gpus_of_node(given):
        count = gpus_of_node(given)
        return per_gpu * count, f"{count} GPUs with {per_gpu} CPUs each"
    return None


def cpus(given: dict[str, Directive]) -> Iterator[Finding]:
    """Yield more CPUs on each node than nodes have, by the product of tasks or GPUs with their CPUs."""
    found = cpus_of_node(given)
    if found is None or found[0] <= MOST_CPUS:
        return
    count, words = found
    one = given.get("cpus-per-task") or given["cpus-per-gpu"]
    if tasks(given) > 1 and one.name == "cpus-per-task":
        reason = f"each node must have {count} CPUs ({words}), more than most nodes: Ray needs one task on each node"
        remedy = f"write `--ntasks-per-node=1 --cpus-per-task={one.value}`"
    else:
        reason = f"each node must have {count} CPUs ({words}), more than most nodes"
        remedy = f"write the CPUs of one {'task' if one.name == 'cpus-per-task' else 'GPU'}; `sinfo -o %c` shows them"
    yield at(one, reason, remedy, "warning")


def gpus(given: dict[str, Directive]) -> Iterator[Finding]:
    """Yield more GPUs on each node than nodes have: usually the number of the whole job."""
    count = gpus_of_node(given)
    one = given.get("gpus-per-node") or given.get("gres") or given.get("gpus-per-task") or given.get("gpus")
    if one is None or count <= MOST_GPUS:
        return
    product = f" ({tasks(given)} tasks with {one.value} each)" if one.name == "gpus-per-task" else ""
    reason = f"each node must have {count} GPUs{product}, but nodes have at most {MOST_GPUS}"
    remedy = "write `--ntasks-per-node=1`" if product else f"write the GPUs of one node, and `--nodes={-(-count // 8)}`"
    yield at(one, reason, remedy)


def memory(given: dict[str, Directive]) -> Iterator[Finding]:
    """Yield memory of each node beyond what nodes have, or too little for Ray: usually a wrong or forgotten unit."""
    one = next((given[name] for name in MEMORY_OPTIONS if name in given), None)
    amount = None if one is None else megabytes(one.value)
    if one is None or not amount:
        return
    found = cpus_of_node(given)
    each = {"mem": 1, "mem-per-cpu": found[0] if found else tasks(given), "mem-per-gpu": gpus_of_node(given)}[one.name]
    total = amount * each
    unit = not one.value[-1].isdecimal()
    product = f" ({each} x {one.value})" if each > 1 else ""
    if total > MOST_MEMORY and (unit or one.name != "mem"):
        reason = f"each node must have {total / 2**20:.1f} TB of memory{product}, more than most nodes"
        remedy = f"write the memory of a node: `--mem={one.value}`" if product else "write a smaller amount"
        yield at(one, reason, remedy, "warning")
    count = gpus_of_node(given)
    if not total or (not unit and amount < FORGOTTEN_UNIT):
        return
    gigabytes = not unit and amount <= HARDLY_GIGABYTES
    hint = f"write `--{one.name}={one.value}G`" if gigabytes else "write, for example, `--mem=16G`"
    if total < LEAST_MEMORY:
        reason = f"`--{one.name}={one.value}`{product} is {total:.0f} MB on each node, but Ray alone needs about 2 GB"
        yield at(one, reason, hint, None if total < LEAST_MEMORY / 2 else "warning")
    elif total < LEAST_PER_GPU * count:
        reason = f"`--{one.name}={one.value}`{product} is {total:.0f} MB on each node, for {count} GPUs"
        yield at(one, reason, hint, "warning")


def disk(given: dict[str, Directive]) -> Iterator[Finding]:
    """Yield a local disk that is too small to be meant."""
    one = given.get("tmp")
    if one is not None and one.value.isdecimal() and 0 < int(one.value) < LEAST_TMP:
        reason = f"`--tmp={one.value}` is {one.value} megabytes"
        yield at(one, reason, f"write `--tmp={one.value}G`", "warning")


def notice(given: dict[str, Directive]) -> Iterator[Finding]:
    """Yield a signal that comes as soon as the job starts, or too late to do anything."""
    one, limit = given.get("signal"), minutes(given["time"].value) if "time" in given else None
    match = SIGNAL.fullmatch(one.value) if one is not None else None
    if one is None or match is None or not match["seconds"]:
        return
    seconds, name = int(match["seconds"]), one.value.partition("@")[0]
    if limit is not None and seconds >= limit * 60:
        reason = f"the signal comes {seconds} seconds before the end of a job of {limit * 60:.0f}: when it starts"
        yield at(one, reason, f"write, for example, `--signal={name}@120`")
    elif seconds < SHORTEST_NOTICE:
        reason = f"{seconds} seconds before the end are too few to stop Ray and to write a snapshot"
        yield at(one, reason, f"write, for example, `--signal={name}@120`", "warning")


def duration(given: dict[str, Directive]) -> Iterator[Finding]:
    """Yield a limit of time in minutes and seconds that was probably meant in hours, or one of months."""
    for name in ("time", "time-min"):
        one = given.get(name)
        if one is None:
            continue
        limit = minutes(one.value)
        if IN_HOURS.fullmatch(one.value) and not (name == "time" and FULL_HOURS_OF_A_DAY.fullmatch(one.value)):
            reason = f"`--{name}={one.value}` is {one.value.partition(':')[0]} minutes and some seconds"
            yield at(one, reason, f"for hours, write `--{name}={one.value}:00`", "warning")
        elif limit is not None and limit > LONGEST_TIME:
            reason = f"`--{name}={one.value}` is {limit / DAY:.0f} days, more than partitions usually allow"
            yield at(one, reason, f"for hours, write `--{name}=HOURS:00:00`; for days, `--{name}=DAYS-00`", "warning")
