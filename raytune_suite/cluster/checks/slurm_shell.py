"""Checks of the shell language in a batch script: arrays that are none, and a script that never ends."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.shell import SimpleCommand

COUNT = "SLURM_JOB_NUM_NODES|SLURM_NNODES"
NODE_COUNT = r"\$\{?(?:SLURM_JOB_NUM_NODES|SLURM_NNODES)\}?"
ELEMENT = re.compile(r"\$\{#?(\w+)\[([^\]]*)\]")
"""An element of an array, or all of them."""

ARRAY = re.compile(
    r"\b(\w+)\+?=\(|\b(?:mapfile|readarray)\b(?:\s+-\w+(?:\s+\S+)?)*?\s+(\w+)|\bread\b[^;|\n]*\s-\w*a\s+(\w+)|"
    r"\b(?:declare|local|typeset)\s+-\w*[aA]\w*\s+(\w+)|\b(\w+)\[[^\]]*\]\+?="
)
"""What makes a variable an array."""

ONLY_IN_BASH = re.compile(
    r"^\s*(?:\w+=\(|for\s*\(\(|mapfile\b|readarray\b|declare\b|source\s|shopt\b|function\s+\w+|\(\()|\[\[\s|<<<|<\(|\$\{!\w|"
    r"\$\{\w+\[|\bpipefail\b",
    re.MULTILINE,
)
"""The language of bash that simpler shells do not know."""

OWN_DISK = re.compile(r"(?:/tmp|/var/tmp|/dev/shm)(?=/|$)|\$\{?(?:TMPDIR|SLURM_TMPDIR|LOCAL_SCRATCH|TMP)\b")
"""Folders of which each node has its own."""

OWN = ("BASH_REMATCH", "PIPESTATUS", "FUNCNAME", "BASH_SOURCE", "BASH_LINENO", "GROUPS", "DIRSTACK", "BASH_ARGV")
"""Arrays of bash."""

ENDS_RAY = re.compile(r"\b(?:kill|pkill|killall|scancel|ray\s+stop)\b|\btrap\b")
ENDERS = ("kill", "pkill", "killall", "scancel")
PROGRAMS = ("python", "python3", "raytune-suite", "uv", "ray", "srun")


def check(text: str, commands: list[SimpleCommand], nodes: int | None, *, ray_runs: bool) -> Iterator[Finding]:
    """Yield the mistakes in the shell language of a script.

    Args:
        text: The script.
        commands: Its simple commands.
        nodes: The number of nodes of the job, None if it is not known.
        ray_runs: Whether it has processes of Ray in the background.
    """
    yield from other_shell(text)
    yield from late_module(commands)
    if nodes is not None and nodes > 1:
        yield from own_disk(commands)
    yield from no_arrays(text)
    yield from first_only(text)
    yield from beyond_nodes(text)
    yield from several_hosts(text)
    yield from missing_node(text, nodes)
    yield from worker_beside_head(text)
    if ray_runs:
        yield from never_ends(text, commands)


def other_shell(text: str) -> Iterator[Finding]:
    """Yield an interpreter in the first line that cannot run the script."""
    first = text.partition("\n")[0]
    match = re.match(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(?:\S*/)?([\w.]+)", first)
    name = match[1] if match is not None else "bash"
    simple = name in ("sh", "dash", "ash", "posh")
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    found = ONLY_IN_BASH.search(code) if simple else None
    if found is not None:
        line = code[: found.start()].count("\n") + found[0].count("\n") + 1
        reason = f"{found[0].strip()} is only known to bash, but line 1 runs the script with {name}"
        yield Finding(1, "RTS415", f"line {line}", reason, "write `#!/bin/bash` in line 1", "warning")
    elif re.match(r"python|perl|ruby|csh|tcsh|fish", name) and re.search(r"(?m)^\s*(srun|fi|done|export)\b", code):
        reason = f"line 1 runs the script with {name}, but its commands are those of bash"
        yield Finding(1, "RTS415", "line 1", reason, "write `#!/bin/bash`", "error")


def late_module(commands: list[SimpleCommand]) -> Iterator[Finding]:
    """Yield a module with Python that is loaded after an environment, and hides its programs."""
    active = False
    for part in commands:
        if part.program in ("source", ".") and re.search(r"/bin/activate$", " ".join(part.words[1:2])):
            active = True
        names = " ".join(part.words[2:]) if part.words[:2] == ("module", "load") else ""
        if active and re.search(r"(?i)\b(python|anaconda|miniconda|miniforge|conda)", names):
            reason = "the module's Python comes before that of the environment, which is activated earlier"
            yield Finding(part.line + 1, "RTS416", "script", reason, "load modules first", "warning")


def own_disk(commands: list[SimpleCommand]) -> Iterator[Finding]:
    """Yield a storage path on the disk of each node, which the others do not see."""
    for part in commands:
        for option, value in itertools.pairwise(part.words):
            match = OWN_DISK.match(value) if option == "--storage-path" else None
            if match is not None:
                reason = f"`--storage-path` is {value}, but each node has its own {match[0]}"
                yield Finding(part.line + 1, "RTS503", "script", reason, "use a folder that all nodes share", "error")


def beyond_nodes(text: str) -> Iterator[Finding]:
    """Yield a loop over the workers that goes one step too far, because it counts the head's node, too."""
    all_nodes = {
        match[1] for match in re.finditer(rf"^\s*(\w+)=[\"']?(?:{NODE_COUNT})[\"']?\s*(?:#.*)?$", text, re.MULTILINE)
    }
    all_nodes |= set(re.findall(rf"(?m)^\s*(\w+)=\$\(\(\s*\$?\{{?(?:{COUNT})\}}?\s*\+\s*\d+\s*\)\)", text))
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(r"for\s*\(\(\s*\w+\s*=\s*1\s*;\s*\w+\s*<=\s*\$?\{?(\w+)", line)
        if match is not None and (match[1] in all_nodes or re.fullmatch(NODE_COUNT, f"${match[1]}")):
            reason = f"the loop from 1 to {match[1]} goes beyond the last node, because the nodes are counted from 0"
            remedy = f"write `<` instead of `<=`, or subtract 1 from {match[1]}"
            yield Finding(number, "RTS845", "script", reason, remedy, "error")
    fewer = set(re.findall(rf"(?m)^\s*(\w+)=\$\(\(\s*\$?\{{?(?:{COUNT})\}}?\s*-\s*1\s*\)\)", text))
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(r"for\s*\(\(\s*\w+\s*=\s*1\s*;\s*\w+\s*<\s*\$?\{?(\w+)\}?\s*;", line)
        if match is not None and match[1] in fewer:
            reason = f"the loop from 1 below {match[1]} leaves out the last node: {match[1]} is the number of workers"
            yield Finding(number, "RTS845", "script", reason, "write `<=` instead of `<`", "error")


def missing_node(text: str, nodes: int | None) -> Iterator[Finding]:
    """Yield an index beyond the nodes of the job."""
    lists = "|".join(map(re.escape, re.findall(r"(?m)^\s*(\w+)=\(\s*(?:\$\w*nodes?\w*|\$\(scontrol)", text)))
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(rf"\$\{{({lists})\[(\d+)\]\}}", line) if lists and nodes else None
        if match is not None and nodes and int(match[2]) >= nodes:
            reason = f"{match[0]} is empty: the job has {nodes} nodes, counted from 0"
            yield Finding(number, "RTS417", match[1], reason, f"write a number up to {nodes - 1}", "error")


def several_hosts(text: str) -> Iterator[Finding]:
    """Yield a list of nodes that is used as the name of one."""
    names = set(re.findall(r"(?m)^\s*(\w+)=[\"']?\$\(\s*scontrol\s+show\s+hostnames?\b[^|)]*\)", text))
    for name in sorted(names):
        names |= set(re.findall(rf"(?m)^\s*(\w+)=[\"']?\$\{{?{name}\}}?[\"']?\s*$", text))
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(r"\s(?:-w\s*|--nodelist[= ])[\"']?\$\{?(\w+)\}?[\"']?(?=\s|$)", line)
        if match is not None and match[1] in names:
            reason = f"${match[1]} has the names of all nodes, one on each line, but one is needed"
            remedy = f"write `nodes=(${match[1]})`, and use ${{nodes[0]}}"
            yield Finding(number, "RTS845", match[1], reason, remedy, "error")


def worker_beside_head(text: str) -> Iterator[Finding]:
    """Yield a loop over the workers' nodes that begins with the node of the head."""
    head = re.search(r"(?m)^\s*(\w*head\w*)=[\"']?\$\{(\w+)\[0\]\}", text)
    if head is None:
        return
    for match in re.finditer(r"for\s*\(\(\s*(\w+)\s*=\s*0\s*;[^)]*\)\)(.*?)\bdone\b", text, re.DOTALL):
        element = rf"\$\{{{head[2]}\[\$?\{{?{match[1]}\}}?\]\}}"
        if re.search(element, match[2]) and "ray start" in match[2] and "continue" not in match[2]:
            number = text[: match.start()].count("\n") + 1
            reason = f"the loop begins with node 0, where the head runs ({head[1]})"
            yield Finding(number, "RTS845", "script", reason, f"write `{match[1]} = 1`", "error")


def no_arrays(text: str) -> Iterator[Finding]:
    """Yield elements of a variable that the script assigns only as text."""
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    arrays = {name for groups in ARRAY.findall(code) for name in groups if name} | set(OWN)
    seen: set[str] = set()
    for number, line in enumerate(code.splitlines(), 1):
        for name, index in ELEMENT.findall(line):
            plain = re.search(rf"(?m)^\s*(?:export\s+)?{name}=", code)
            if name in arrays or name in seen or plain is None or index in ("0", "@", "*"):
                continue
            seen.add(name)
            place = code[: plain.start()].count("\n") + 1
            reason = f"${{{name}[{index}]}} is empty: {name} is text, not an array"
            remedy = f"write `{name}=(...)` on line {place}, with parentheses"
            yield Finding(number, "RTS417", name, reason, remedy, "error")


def first_only(text: str) -> Iterator[Finding]:
    """Yield an array without an index, which stands for its first element only (SC2128)."""
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    arrays = {name for groups in ARRAY.findall(code) for name in groups if name}
    plain = {name for name in arrays if re.search(rf"(?m)(?:^|[\s;])(?:export\s+)?{name}=(?!\()", code)}
    for number, line in enumerate(code.splitlines(), 1):
        for name in sorted(arrays - plain):
            if re.search(rf"\$(?:{name}(?![\w\[])|\{{{name}\}})", line):
                reason = f"${name} is an array, so without an index it stands for its first element only"
                yield Finding(number, "RTS845", name, reason, f"write `${{{name}[@]}}`, or an index", "warning")


def never_ends(text: str, commands: list[SimpleCommand]) -> Iterator[Finding]:
    """Yield a `wait` after the study, which waits for Ray: the job then runs until its time is over."""
    last = max((n for n, part in enumerate(commands) if part.program in PROGRAMS), default=-1)
    if last < 0 or (ENDS_RAY.search(text) and not commands[last].in_background):
        return
    for part in commands[last + 1 :]:
        if part.program in ENDERS:
            return
        if part.words == ("wait",):
            reason = "`wait` waits for the processes of Ray, which do not end: the job runs until its time is over"
            remedy = "remove it: Slurm ends Ray with the job"
            if commands[last].in_background:
                remedy = "write `wait $!`, which waits for the study alone"
            yield Finding(part.line + 1, "RTS412", "script", reason, remedy, "error")
