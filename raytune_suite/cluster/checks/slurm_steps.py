"""Checks of the steps of a Slurm job: the options of srun, the parts of heterogeneous jobs, signals and waiting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import CODES, Finding
from raytune_suite.cluster.checks.slurm_script import (
    RayStart,
    behind_launcher,
    count,
    gpus_per_node,
    ray_starts,
    tasks_per_node,
)
from raytune_suite.cluster.shell import SimpleCommand, bash, bash_message, simple_commands
from raytune_suite.cluster.slurm import (
    ALWAYS_SET,
    FORMS,
    OPTIONS,
    SET_BY_OPTION,
    SIGNAL,
    SRUN_OPTIONS,
    Directive,
    devices,
)
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity

OF_A_PART = re.compile(r"\$\{?(SLURM_\w+?)_(HET|PACK)_GROUP_(\w*)")
BY_NAME = re.compile(r"(?:=[\"']?|environ(?:\.get\(|\[)[\"']|printenv\s+)(SLURM_[A-Z_]+)(?![A-Z_])")
"""A variable whose name is used as text, such as for `${!name}`, or in a program inside the script."""

STUDIES = ("python", "python3", "raytune-suite", "uv")
ONLY_SBATCH = ("array", "wrap", "requeue", "no-requeue", "parsable", "test-only", "hold", "mail-type", "mail-user")
"""Options that srun ignores within an existing job."""


def at(  # noqa: PLR0917 - as a finding is written
    line: int, code: str, reason: str, remedy: str, severity: Severity | None = None, where: str = "script"
) -> Finding:
    """Return a finding on a line of a script."""
    return Finding(line, code, where, reason, remedy, severity or CODES[code][0])


def check(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield the mistakes in how the commands of a script use the allocation."""
    if bash() is not None and bash_message(text):
        return
    commands = simple_commands(text)
    for part in commands:
        if part.program == "srun":
            yield from step(part, directives)
    found = ray_starts(commands)
    yield from parts_of_variables(text, directives)
    yield from named_variables(text, directives)
    for one in found:
        yield from idle(one, directives)
        if everywhere(one, count(directives, "nodes", None)):
            reason = f"this step starts Ray on all nodes, not only on {one.launch_options['nodelist']}"
            yield at(one.line, "RTS845", reason, "add `--nodes=1 --ntasks=1`")
    yield from same_node(text, found, count(directives, "nodes", None))
    yield from other_port(commands, found)
    yield from waiting(commands, found)
    yield from blocked(commands, found)
    yield from signals(commands, directives)


def step(part: SimpleCommand, directives: list[Directive]) -> Iterator[Finding]:
    """Yield options of srun that do not exist, have the wrong form, or ask for more than the job has."""
    _, options = behind_launcher(part)
    line = part.line + 1
    yield from one_hyphen(part, line)
    nodes, tasks = options.get("nodes", ""), options.get("ntasks", "")
    if nodes.isdecimal() and tasks.isdecimal() and int(tasks) < int(nodes):
        reason = f"this step has {tasks} tasks for {nodes} nodes, so it runs on {tasks} of them only"
        yield at(line, "RTS842", reason, f"write `--ntasks={nodes}`, or `--nodes={tasks}`", where="srun")
    for name, value in options.items():
        if name not in OPTIONS and name not in SRUN_OPTIONS and len(name) > 1:
            similar = nearest(name, (*OPTIONS, *SRUN_OPTIONS))
            if similar is not None:
                reason = f"srun has no option `--{name}`: did you mean `--{similar}`?"
                yield at(line, "RTS841", reason, f"write `--{similar}`", where="srun")
        form = FORMS.get(name)
        plain = value and not re.search(r"[$`(){]", value)
        if form is not None and plain and name not in ONLY_SBATCH and not form[0].fullmatch(value):
            reason = f"`--{name}` of srun is {value!r}, but must be {form[1]}"
            yield at(line, "RTS842", reason, f"write {form[1]}", where="srun")
    parts = {one.component for one in directives}
    groups = options.get("het-group", "")
    for group in re.findall(r"\d+", groups) if re.fullmatch(r"[\d,-]+", groups) else ():
        if int(group) not in parts:
            reason = f"`--het-group={groups}` names part {group}, but the job has {described(parts)}"
            yield at(line, "RTS842", reason, f"write a number up to {max(parts, default=0)}", where="srun")
    if len(parts) > 1 and not groups.isdecimal():  # without --het-group a step uses the first part
        return
    component = int(groups) if groups.isdecimal() else None
    yield from beyond(options, directives, component, line)


def one_hyphen(part: SimpleCommand, line: int) -> Iterator[Finding]:
    """Yield long options of srun with one hyphen, of which it reads the first letter as an option."""
    for word in part.words[1:]:
        name = word.removeprefix("-").partition("=")[0]
        if re.fullmatch(r"-[a-z][a-z-]+(=.*)?", word) and name in OPTIONS:
            reason = f"-{name} has one hyphen, so srun reads the option {word[:2]} with the value {word[2:]!r}"
            yield at(line, "RTS841", reason, f"write `-{word}`", where="srun")
        if not word.startswith("-") and "=" not in word:
            break


def described(parts: set[int]) -> str:
    """Return the numbers of a job's parts in words."""
    return f"the parts 0 to {max(parts)}" if len(parts) > 1 else "one part (no line `#SBATCH hetjob`)"


def beyond(options: dict[str, str], directives: list[Directive], component: int | None, line: int) -> Iterator[Finding]:
    """Yield numbers of nodes, tasks and GPUs of a step above those of its job."""
    nodes, cpus = count(directives, "nodes", component), count(directives, "cpus-per-task", component)
    amounts = {"nodes": nodes, "cpus-per-task": None if cpus is None else cpus * tasks_per_node(directives)}
    for name, has in amounts.items():
        asked = options.get(name, "")
        if asked.isdecimal() and has is not None and int(asked) > has:
            where = " on a node" if name == "cpus-per-task" else ""
            reason = f"this step requests `--{name}={asked}`, but the job has {has}{where}"
            yield at(line, "RTS844", reason, f"write at most `--{name}={has}`", where="srun")
    for name in ("gpus-per-node", "gres"):
        wanted = devices(options[name]) if "gpu" in name + options.get(name, "") and name in options else None
        given = gpus_per_node(directives, component)
        if wanted is not None and given is not None and wanted > given:
            reason = f"this step requests {wanted} GPUs per node, but the job has {given}"
            shown = f"gpu:{given}" if name == "gres" else given
            remedy = f"write `--{name}={shown}`" if given else "add `#SBATCH --gpus-per-node=N`"
            yield at(line, "RTS844", reason, remedy, where="srun")


def idle(one: RayStart, directives: list[Directive]) -> Iterator[Finding]:
    """Yield a worker that gets the CPUs of one task, while the job has several tasks on each node."""
    group = one.launch_options.get("het-group", "")
    component = int(group) if group.isdecimal() else None
    each = count(directives, "ntasks-per-node", component) or count(directives, "tasks-per-node", component) or 1
    cpus = count(directives, "cpus-per-task", component) or 1
    whole = {"exclusive", "whole", "cpus-per-gpu"} & set(one.launch_options)
    own = one.launch_options.get("cpus-per-task", str(cpus))
    single = {"ntasks", "ntasks-per-node"} & set(one.launch_options)
    if one.launcher != "srun" or one.head or whole or each == 1 or not single or not own.isdecimal():
        return
    if int(own) < each * cpus:
        reason = f"this worker gets {own} of the job's {each * cpus} CPUs on each node: those of one task of {each}"
        remedy = f"write `--ntasks-per-node=1 --cpus-per-task={each * cpus}` in the directives"
        yield at(one.line, "RTS844", reason, remedy, "warning")


def everywhere(one: RayStart, nodes: int | None) -> bool:
    """Return whether a step that names one node runs on all nodes of the job, as it takes their number from there."""
    options = one.launch_options
    single = re.fullmatch(r"\$\{?\w+(\[[^@*\]]*\])?\}?", options.get("nodelist", "")) is not None
    return bool(single and one.launcher == "srun" and nodes and nodes > 1 and not {"nodes", "ntasks"} & set(options))


def parts_of_variables(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield variables of a part that a heterogeneous job does not have, or whose option that part does not have."""
    parts = {one.component for one in directives}
    for number, line in enumerate(text.splitlines(), 1):
        for name, kind, group in OF_A_PART.findall("" if line.lstrip().startswith("#") else line):
            variable = f"{name}_{kind}_GROUP_{group}"
            if kind == "PACK":
                new = variable.replace("_PACK_", "_HET_")
                reason = f"Slurm no longer sets ${variable}: since 20.02 it is named ${new}"
                yield at(number, "RTS843", reason, f"write ${new}", where=variable)
                continue
            if group.isdecimal() and int(group) not in parts:
                reason = f"the job has no part {group} for ${variable}, but {described(parts)}"
                yield at(number, "RTS843", reason, f"write a number up to {max(parts, default=0)}", where=variable)
                continue
            needed = SET_BY_OPTION.get(name)
            chosen = int(group) if group.isdecimal() else None
            given = {one.name for one in directives if chosen in (None, one.component)}
            if needed is not None and chosen is not None and not given & set(needed):
                reason = f"Slurm sets ${variable} only if part {group} of the job has `--{needed[0]}`"
                yield at(number, "RTS843", reason, f"add `--{needed[0]}=...` to that part", where=variable)


def named_variables(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield names of variables that Slurm does not have, or only sets if an option is given."""
    given = {one.name for one in directives}
    known = (*ALWAYS_SET, *SET_BY_OPTION)
    for number, line in enumerate(text.splitlines(), 1):
        for written in BY_NAME.findall("" if line.lstrip().startswith("#") else line):
            name = re.sub(r"_HET_GROUP_?$", "", written.rstrip("_"))
            needed = SET_BY_OPTION.get(name)
            if needed is not None and not given & set(needed):
                reason = f"Slurm sets {name} only if `--{needed[0]}` is given"
                yield at(number, "RTS843", reason, f"add `#SBATCH --{needed[0]}=...`", where=name)
            elif needed is None and name not in known and nearest(name, known) is not None:
                reason = f"Slurm has no variable {name}: did you mean {nearest(name, known)}?"
                yield at(number, "RTS843", reason, f"write {nearest(name, known)}", where=name)


def same_node(text: str, found: list[RayStart], nodes: int | None) -> Iterator[Finding]:
    """Yield a worker that is sent to the node of the head, while the others stay idle."""
    places = {one.launch_options["nodelist"] for one in found if one.head and one.launch_options.get("nodelist")}
    for one in found:
        place = one.launch_options.get("nodelist", "")
        name = place.strip("${}")
        if (
            nodes == 1
            or len(re.findall(rf"\b{re.escape(name)}=|\b(?:for|read(?: -\w+)*) {re.escape(name)}\b", text)) > 1
        ):
            continue  # the name of another node by then
        if not one.head and place in places and one.launcher == "srun":
            reason = f"this worker starts on {place}, the node of the head, which runs Ray already"
            yield at(one.line, "RTS845", reason, f"write `--exclude={place}`, or the name of another node")


def other_port(commands: list[SimpleCommand], found: list[RayStart]) -> Iterator[Finding]:
    """Yield an address for the study with another port than the head's."""
    ports = {one.options.get("port", "6379") for one in found if one.head}
    assigned = dict(word.split("=", 1) for part in commands for word in part.assignments if "=" in word)
    ports = {assigned.get(port.strip("${}"), port) if port.startswith("$") else port for port in ports}
    for part in commands if ports else ():
        for word in (*part.assignments, *part.words):
            match = re.fullmatch(r"RAY_ADDRESS=[^:]*:(\d+)", word)
            known = all(re.fullmatch(r"\d+|\$", port) for port in ports)  # "$" is what the shell computes
            if match is not None and known and match[1] not in ports:
                opened = ", ".join(sorted({one.options.get("port", "6379") for one in found if one.head}))
                reason = f"the study looks for Ray at port {match[1]}, but the head opens {opened}"
                yield at(part.line + 1, "RTS411", reason, "write the head's address and port, in the same variables")


def waiting(commands: list[SimpleCommand], found: list[RayStart]) -> Iterator[Finding]:
    """Yield a `wait` for all programs in the background before the study: Ray is one of them, and does not end."""
    endless = [one.line for one in found if one.in_background and "block" in one.options]
    for index, part in enumerate(commands):
        if part.words != ("wait",) or not any(line <= part.line for line in endless) or "||" in part.after:
            continue
        later = [one for one in commands[index + 1 :] if behind_launcher(one)[0].program in STUDIES]
        if later:
            reason = "`wait` waits for Ray, which runs until the job ends, so the script never continues"
            yield at(part.line + 1, "RTS845", reason, "remove it, or wait for one process: `wait $PID`")


def blocked(commands: list[SimpleCommand], found: list[RayStart]) -> Iterator[Finding]:
    """Yield a study whose own step waits for resources that Ray's steps hold: by default, all memory of a node."""
    rays = [one for one in found if one.launcher == "srun" and one.in_background]
    shared = any("overlap" in one.launch_options or "mem" in one.launch_options for one in rays)
    for part in commands if rays and not shared else ():
        inner, options = behind_launcher(part)
        if part.program == "srun" and inner.program in STUDIES and "overlap" not in options:
            reason = "the steps of Ray have the memory of their nodes, so this step may wait for them forever"
            yield at(part.line + 1, "RTS845", reason, "add `--overlap`, or run it without srun", "warning")


def signals(commands: list[SimpleCommand], directives: list[Directive]) -> Iterator[Finding]:
    """Yield signals before the end of a job that the script does not get, does not handle, or handles too late."""
    traps: dict[str, SimpleCommand] = {}
    replaced = any("exec" in part.prefixes for part in commands)  # the script's process is the study's
    for part in commands:
        if part.program == "trap":
            traps |= {word.upper().removeprefix("SIG"): part for word in part.words[2:]}
    for one in directives:
        match = SIGNAL.fullmatch(one.value) if one.name == "signal" else None
        if match is None:
            continue
        name, to_script = match["name"].upper(), "B" in (match["flags"] or "").upper()
        if to_script and name not in traps and name not in ("CONT", "URG") and not replaced:
            reason = f"Slurm sends {name} to the script, which has no trap for it, so the job ends at once"
            remedy = f"add `trap '...' {name}` to the script, or remove `B:`"
            yield at(one.line, "RTS845", reason, remedy, "warning", where="--signal")
        elif name in traps and not to_script:
            reason = f"the script has a trap for {name}, but without `B:` Slurm sends {name} only to the steps of srun"
            yield at(one.line, "RTS845", reason, f"write `--signal=B:{one.value}`", "warning", where="--signal")
        elif to_script and name in traps:
            yield from late_trap(commands, name)


def late_trap(commands: list[SimpleCommand], name: str) -> Iterator[Finding]:
    """Yield the study if it runs in the foreground, where bash handles a signal only after it has ended."""
    last = [part for part in commands if behind_launcher(part)[0].program in STUDIES and not part.in_background]
    waits = any(part.program == "wait" for part in commands if last and part.line > last[-1].line)
    if last and last[-1].after in ("\n", ";") and not waits:
        reason = f"bash runs the trap for {name} only when this command has ended, which is too late"
        yield at(last[-1].line + 1, "RTS845", reason, "write `... &` and `wait $!` below it", "warning")
