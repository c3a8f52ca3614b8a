"""Checks of what Slurm's variables contain: lists, indices and compressed numbers where one name or number is needed.

Source: the manual page of sbatch (24.11), "Output environment variables".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import CODES, Finding
from raytune_suite.cluster.checks.slurm_script import RayStart, count
from raytune_suite.cluster.slurm import SET_BY_OPTION, Directive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity

NODELIST = re.compile(r"SLURM_(?:JOB_|STEP_)?NODELIST(?:_HET_GROUP_(\d+))?")
ALIAS = re.compile(
    r"^\s*(?:export\s+)?(\w+)=[\"']?\$\{?(SLURM_(?:JOB_|STEP_)?NODELIST(?:_HET_GROUP_\d+)?)\}?[\"']?\s*(?:#.*)?$",
    re.MULTILINE,
)
"""A variable that gets the list of nodes."""

AS_HOST = (
    r"(?:--address[= ]|--node-ip-address[= ]|RAY_ADDRESS=|\bgetent\s+\w+\s+|\b(?:ssh|ping)\s+)[\"']?{}(?![\w[])|"
    r"{}:(?:\d|\$)"
)
"""Places where the name of one host is needed, for the pattern of a variable."""

INDICES = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES")
COMPRESSED = ("SLURM_JOB_CPUS_PER_NODE", "SLURM_TASKS_PER_NODE")
TYPED = ("SLURM_GPUS_PER_NODE", "SLURM_GPUS_PER_TASK", "SLURM_GPUS")
OF_FIRST_NODE = ("SLURM_GPUS_ON_NODE", "SLURM_CPUS_ON_NODE", "SLURM_JOB_CPUS_PER_NODE", "SLURM_CPUS_PER_TASK")

WHOLE_JOB = re.compile(
    r"\bSLURM_(?:JOB_NUM_NODES|NNODES)\b(?=\s*\*)|(?<=\*)\s*\$?\{?SLURM_(?:JOB_NUM_NODES|NNODES|NTASKS|NPROCS)\b|"
    r"\bSLURM_(?:NTASKS|NPROCS)\b(?=\s*\*)"
)
"""A number of the whole job as a factor."""

TOTAL = re.compile(r"--(num-cpus|num-gpus)[= ]+[\"']?(\$\(\([^()]*\)\))")
"""An option of `ray start` that is computed."""

QUOTED = re.compile(r"\b(?:ba)?sh\s+-l?c\s+'")
"""A command whose variables the shell on the node replaces."""

WHOLE = re.compile(r"[\"']?\$\{?(\w+)\}?[\"']?")
BY_GROUP = re.compile(r"=[\"']?(SLURM_\w+?)_HET_GROUP_\$\{?(\w+)\}?")
"""A variable of a part of the job, whose number is in another variable."""

LOOP = re.compile(
    r"for\s+(?P<name>\w+)\s+in\s+(?:\$\(\s*seq\s+(?P<seq>\d+)\s+(?P<end>.+?)\)|\{(?P<brace>\d+)\.\.(?P<to>\d+)\})\s*(?:;|$)|"
    r"for\s*\(\(\s*(?P<c>\w+)\s*=\s*(?P<from>\d+)\s*;\s*\w+\s*(?P<op><=?)\s*(?P<limit>[^;]+);"
)
"""A loop over numbers."""

SIZE = re.compile(r"(?:\$\(\(\s*)?\$?\{?SLURM_HET_SIZE\}?\s*(?:-\s*(\d+))?\s*(?:\)\))?")
"""The number of parts of a job, or less."""


def at(line: int, reason: str, remedy: str, where: str, severity: Severity | None = None) -> Finding:
    """Return a finding about a variable."""
    return Finding(line, "RTS843", where, reason, remedy, severity or CODES["RTS843"][0])


def check(text: str, directives: list[Directive], found: list[RayStart]) -> Iterator[Finding]:
    """Yield variables whose contents are not what they are used for."""
    yield from hosts(text, directives)
    yield from addresses(text)
    yield from totals(text, directives)
    yield from by_group(text, directives)
    for one in found:
        quoted = QUOTED.search("\n".join(text.splitlines()[one.line - 1 : one.line + 3])) is not None
        yield from numbers(one, directives, on_node=quoted)
    yield from parts(text, directives, found)


def hosts(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield a list of nodes that is used as the name of one."""
    several = len({one.component for one in directives}) > 1
    names = dict(ALIAS.findall(text))
    for number, line in enumerate(text.splitlines(), 1):
        for variable in re.findall(r"\$\{?(\w+)", "" if line.lstrip().startswith("#") else line):
            source = NODELIST.fullmatch(names.get(variable, variable))
            shown = rf"\$\{{?{variable}\}}?"
            if source is None or not re.search(AS_HOST.format(shown, shown), line):
                continue
            component = int(source[1]) if source[1] else 0 if several else None
            nodes = count(directives, "nodes", component)
            if nodes != 1:
                reason = f"${variable} is the list of all nodes, such as node[01-04], but one name is needed"
                remedy = f'write `$(scontrol show hostnames "${source[0]}" | head -n 1)`'
                yield at(number, reason, remedy, source[0])
                return


def addresses(text: str) -> Iterator[Finding]:
    """Yield all addresses of a machine where one is needed."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(r"(\w+)=[\"']?\$\((?:srun\s[^)]*)?hostname\s+(-I|--all-ip-addresses)\s*\)", line)
        if match is not None and not line.lstrip().startswith("#"):
            reason = f"`hostname {match[2]}` prints all addresses of a machine, with spaces between them"
            remedy = f"write `{match[1]}=$(hostname -I | awk '{{print $1}}')`"
            yield Finding(number, "RTS845", match[1], reason, remedy, "error")


def numbers(one: RayStart, directives: list[Directive], *, on_node: bool) -> Iterator[Finding]:
    """Yield variables in the options of `ray start` that are not plain numbers, or those of another node."""
    group = one.launch_options.get("het-group", "")
    components = sorted({item.component for item in directives})
    nodes = count(directives, "nodes", None)
    for option in ("num-gpus", "num-cpus"):
        match = WHOLE.fullmatch(one.options.get(option, ""))
        name = match[1] if match is not None else ""
        value = f"${name}"
        if name in INDICES:
            reason = f"`--{option}` is {value}, which has the indices of GPUs, such as 0,1,2,3, not their number"
            yield at(one.line, reason, "write `--num-gpus=N`, or leave it out: Ray counts them", name)
        elif name in COMPRESSED and nodes is not None and nodes > 1:
            reason = f"`--{option}` is {value}, which is such as 8(x4) for several nodes, not a number"
            yield at(one.line, reason, 'write `--num-cpus="$SLURM_CPUS_PER_TASK"`', name)
        elif name in TYPED:
            kinds = [item for item in directives if item.name in SET_BY_OPTION[name] and ":" in item.value]
            if kinds:
                reason = f"`--{option}` is {value}, which is {kinds[0].value!r}, with the type of the GPUs"
                yield at(one.line, reason, f'write `--{option}="${{{name}##*:}}"`', name)
        if name in OF_FIRST_NODE and not on_node and len(components) > 1 and group not in ("", "0"):
            reason = f"the batch script expands {value} on its own node, which belongs to part 0 of the job"
            better = name.replace("_ON_NODE", "_PER_NODE" if "GPU" in name else "_PER_TASK")
            better = "SLURM_CPUS_PER_TASK" if better == "SLURM_JOB_CPUS_PER_NODE" else better
            shown = group if group.isdecimal() else "N"
            yield at(one.line, reason, f"write ${better}_HET_GROUP_{shown}", name)


def totals(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield options of `ray start` on several nodes with a number of the whole job."""
    several = count(directives, "nodes", None) != 1
    for number, line in enumerate(text.splitlines() if several else (), 1):
        for option, value in TOTAL.findall("" if line.lstrip().startswith("#") else line):
            name = WHOLE_JOB.search(value)
            if name is not None:
                reason = f"`--{option}` is {value}, a number of the whole job, but each node gets it"
                better = "$SLURM_CPUS_PER_TASK" if option == "num-cpus" else "${SLURM_GPUS_PER_NODE##*:}"
                yield at(number, reason, f'write `--{option}="{better}"`', name[0].strip(" *"))


def first_of_loop(text: str, variable: str) -> int:
    """Return the number with which the loop over a variable begins, 1 if there is none."""
    for match in LOOP.finditer(text):
        if variable in (match["name"], match["c"]):
            return int(match["seq"] or match["brace"] or match["from"] or 1)
    return 1


def by_group(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield variables of the parts of a job that Slurm does not set, because a part lacks their option."""
    for number, line in enumerate(text.splitlines(), 1):
        for name, group in BY_GROUP.findall("" if line.lstrip().startswith("#") else line):
            needed = SET_BY_OPTION.get(name)
            for component in sorted({one.component for one in directives} if needed else ()):
                given = {one.name for one in directives if one.component == component}
                if needed and component >= first_of_loop(text, group) and not given & set(needed):
                    reason = f"Slurm does not set ${name}_HET_GROUP_{component}: part {component} of the job has no "
                    remedy = f"add `--{needed[0]}=...` to that part"
                    gres = next((one for one in directives if one.component == component and one.name == "gres"), None)
                    if gres is not None and "GPUS" in name:
                        remedy = f"write `--{needed[0]}=N` instead of `--gres={gres.value}`"
                    yield at(number, f"{reason}`--{needed[0]}`", remedy, name)


def parts(text: str, directives: list[Directive], found: list[RayStart]) -> Iterator[Finding]:
    """Yield a loop over the parts of a job that begins with the head's, or goes beyond the last."""
    last = max((one.component for one in directives), default=0)
    for one in found if last else ():
        if one.launcher == "srun" and "het-group" not in one.launch_options and not one.head:
            reason = "without `--het-group` this step runs in part 0 of the job only, where the head is"
            remedy = 'write `srun --het-group="$group" ...` in a loop over the other parts'
            yield Finding(one.line, "RTS845", "script", reason, remedy, "error")
    on_head = any(one.head and one.launch_options.get("het-group") == "0" for one in found)
    for match in LOOP.finditer(text) if last else ():
        variable = match["name"] or match["c"]
        end = match["end"] or match["to"] or match["limit"] or ""
        size = SIZE.fullmatch(end.strip())
        if not re.search(rf"--het-group[= ][\"']?\$\{{?{variable}\b", text) or not (size or end.strip().isdecimal()):
            continue
        most = int(end) if size is None else last + 1 - int(size[1] or 0)
        most -= match["op"] == "<"
        number = text[: match.start()].count("\n") + 1
        if most > last:
            reason = f"the loop ends with part {most}, but the job has the parts 0 to {last}"
            remedy = "write `$((SLURM_HET_SIZE - 1))` as its end"
            yield Finding(number, "RTS845", "script", reason, remedy, "error")
        if on_head and int(match["seq"] or match["brace"] or match["from"] or 1) == 0 and "continue" not in text:
            reason = "the loop begins with part 0, where the head runs Ray already"
            yield Finding(number, "RTS845", "script", reason, f"begin with 1: `{variable}` from 1", "error")
