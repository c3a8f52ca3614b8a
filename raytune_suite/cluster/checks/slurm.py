"""Checks of Slurm batch scripts: the file, its directives, and the commands below them."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks import (
    commented_units,
    packages,
    ray_variables,
    shell_slips,
    slurm_amounts,
    slurm_folders,
    slurm_places,
    slurm_ports,
    slurm_ray,
    slurm_script,
    slurm_steps,
    slurm_values,
    socket_folders,
    typography,
)
from raytune_suite.cluster.checks.findings import CODES, Finding
from raytune_suite.cluster.checks.launcher import PLACEHOLDER
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.document import ClusterDocument
from raytune_suite.cluster.shell import bash, bash_message, simple_commands
from raytune_suite.cluster.slurm import (
    EXCLUSIVE_PAIRS,
    FLAGS,
    FORMS,
    GENERIC,
    NEEDED,
    OPTIONS,
    PATTERNS,
    RENAMED,
    SIGNAL,
    WORDS,
    Directive,
    devices,
    hosts,
    minutes,
    parse_directive,
)
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity

SUFFIXES = (".sbatch", ".slurm", ".sh", ".job", ".batch", ".bash")

MARK = re.compile(r"#SBATCH(?=\s|$)")
SPLIT_JOB = re.compile(r"(het|pack)job\b")
MISWRITTEN = re.compile(
    r"#+\s*(?:S\s?BATCH|SBTACH|SBACTH|SBATH|SBATCHS?|SBACH|SBTCH|SLURM)\s*:?\s*--?[A-Za-z]", re.IGNORECASE
)
"""Comments that were probably meant as directives; "##SBATCH" is a usual way to disable one."""

ANY_PLACEHOLDER = re.compile(
    rf"{PLACEHOLDER.pattern}|<[A-Za-z][\w .-]*>|\bXXX+\b|\byour[-_](?:partition|account|email|user)\b"
)

LONGEST_NOTICE = 65535
"""Seconds between a signal and the end of a job."""

LISTS = ("partition", "nodelist", "exclude", "clusters", "licenses", "mail-type", "gres", "account")
"""Options whose value may be a list with commas."""

LEAST_MEMORY = 256
"""Megabytes; less is a forgotten unit."""

MOST_MEMORY = 64 * 2**20
"""Megabytes; more than any node has: a number of bytes."""

DAY = 24
SHORT = 60
"""Minutes; a shorter limit without a unit was probably meant in hours."""


def is_script(path: Path) -> bool:
    """Return whether a file is a shell script instead of YAML."""
    if path.suffix in SUFFIXES:
        return True
    if path.suffix in (".yaml", ".yml"):
        return False
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            start = file.read(4096)
    except (OSError, UnicodeDecodeError):
        return False
    return start.startswith("#!") or re.search(r"^#SBATCH\b", start, re.MULTILINE) is not None


def read_script(path: Path) -> ClusterDocument:
    """Read a batch script.

    Raises:
        ArgumentError: If the file cannot be read.
    """
    try:
        text = path.expanduser().read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise ArgumentError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    return ClusterDocument(path, text, {}, yaml.compose("{}", Loader=yaml.SafeLoader))


def at(  # noqa: PLR0917 - as a finding is written
    line: int, code: str, where: str, reason: str, remedy: str, severity: Severity | None = None
) -> Finding:
    """Return a finding on a line of a script."""
    return Finding(line, code, where, reason, remedy, severity or CODES[code][0])


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in a batch script."""
    lines = document.text.splitlines()
    yield from whole_file(document.text, lines)
    yield from typography.lines(document.text)
    directives = list(parse(lines))
    for one in directives:
        yield from option(one, document.path)
    yield from pairs(directives)
    yield from whole_job(directives)
    yield from slurm_amounts.check(directives)
    yield from slurm_script.check(document.text, directives)
    yield from slurm_steps.check(document.text, directives)
    yield from started(document.text, directives)
    yield from ray_variables.script(document.text)
    yield from slurm_folders.check(document.text)
    yield from socket_folders.script(document.text)
    yield from packages.script(document.text)
    yield from commented_units.check(document.text)


def started(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield the mistakes in how the script starts Ray, if the shell can read it."""
    if bash() is not None and bash_message(text):
        return
    commands = simple_commands(text)
    found = slurm_script.ray_starts(commands)
    yield from slurm_places.check(text, commands, directives, found)
    yield from slurm_ports.check(text, found)
    yield from slurm_values.check(text, directives, found)
    yield from slurm_ray.check(text, directives, found)
    parts = {one.component for one in directives}
    nodes = slurm_script.count(directives, "nodes", None) if len(parts) <= 1 else None
    yield from shell_slips.script(text, commands, nodes)


def whole_file(text: str, lines: list[str]) -> Iterator[Finding]:
    """Yield what makes Slurm reject the file, or ignore directives in it."""
    if not lines or not lines[0].startswith("#!"):
        yield at(
            1, "RTS840", "line 1", "the script does not begin with #!, so sbatch rejects it", "write `#!/bin/bash`"
        )
    if "\r\n" in text:
        reason = "the lines end as in Windows, which sbatch rejects"
        yield at(1, "RTS840", "line 1", reason, "convert the file, as with `dos2unix`")
    body = first_command(lines)
    for number, line in enumerate(lines, 1):
        if MARK.match(line) and number > body:
            reason = f"Slurm reads no directives after the first command, which is on line {body}"
            yield at(number, "RTS840", "#SBATCH", reason, "move this line above it")
        elif not MARK.match(line) and not line.startswith("##") and number < body and MISWRITTEN.match(line.strip()):
            yield at(
                number, "RTS840", "#SBATCH", f"Slurm takes {line.strip()[:40]!r} as a comment", "write `#SBATCH --...`"
            )


def first_command(lines: list[str]) -> int:
    """Return the number of the first line that is neither empty nor a comment."""
    return next((n for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")), len(lines) + 1)


def parse(lines: list[str]) -> Iterator[Directive]:
    """Yield the options of all directives that Slurm reads."""
    component = 0
    for number, line in enumerate(lines[: first_command(lines) - 1], 1):
        if not MARK.match(line):
            continue
        text = line.removeprefix("#SBATCH").strip()
        if SPLIT_JOB.match(text):
            component += 1
        else:
            yield from parse_directive(text, number, component)


def option(one: Directive, path: Path) -> Iterator[Finding]:
    """Yield the mistakes in one option."""
    where = f"--{one.name}"
    if not one.name:
        reason = f"{one.value!r} belongs to no option, so sbatch takes it as the script"
        remedy = "write `--name=value` without spaces around `=`"
        if one.value.partition("=")[0] in OPTIONS:
            remedy = f"write `--{one.value}`"
        yield at(one.line, "RTS841", "#SBATCH", reason, remedy)
        return
    placeholder = ANY_PLACEHOLDER.search(one.value)
    if placeholder:
        reason = f"{placeholder[0]} is a placeholder for your own value"
        yield at(one.line, "RTS106", where, reason, "replace it")
        return
    if not one.known:
        if one.name in RENAMED:
            new = RENAMED[one.name]
            yield at(one.line, "RTS841", where, f"sbatch no longer has the option `{one.name}`", f"write `--{new}`")
            return
        similar = difflib.get_close_matches(one.name, OPTIONS, n=1, cutoff=0.7)
        hint = f": did you mean `--{similar[0]}`?" if similar else ", unless a plugin of your cluster has it"
        severity: Severity | None = None if similar else "warning"
        remedy = f"write `--{similar[0]}`" if similar else "correct the name, or remove it"
        yield at(one.line, "RTS841", where, f"sbatch has no option `{one.name}`{hint}", remedy, severity)
        return
    if not one.value:
        if one.name not in FLAGS:
            yield at(one.line, "RTS842", where, f"`--{one.name}` has no value", f"write `--{one.name}=...`")
        return
    yield from value(one, where, path)


def value(one: Directive, where: str, path: Path) -> Iterator[Finding]:
    """Yield the mistakes in the value of a known option."""
    if re.search(r"\$\{?\w", one.value) or one.value.startswith("~"):
        shown = "~" if one.value.startswith("~") else "variables"
        reason = f"`{where}` is {one.value}, but Slurm does not replace {shown} in directives"
        yield at(one.line, "RTS842", where, reason, "write the value itself; for the job's number write %j")
        return
    if one.value.startswith("="):
        reason = f"`{where}` is {one.value!r}: after the letter of an option there is no `=`"
        yield at(one.line, "RTS842", where, reason, f"write `{where}{one.value}`")
        return
    if one.name in LISTS and re.search(r"^,|,,|,$", one.value):
        reason = f"`{where}` is {one.value!r}, with an empty name"
        yield at(one.line, "RTS842", where, reason, f"write `{where}={','.join(filter(None, one.value.split(',')))}`")
        return
    form = FORMS.get(one.name)
    if form is not None and not form[0].fullmatch(one.value):
        yield at(one.line, "RTS842", where, f"`{where}` is {one.value!r}, but must be {form[1]}", better(one, form[1]))
        return
    for word in one.value.split(",") if one.name in WORDS else ():
        if word.lower() not in [known.lower() for known in WORDS[one.name]]:
            hint = closest(word, WORDS[one.name])
            reason = f"`{where}` is {word!r}{hint and f': {hint}'}"
            yield at(one.line, "RTS842", where, reason, f"write one of {', '.join(WORDS[one.name])}")
    yield from forms_beyond_patterns(one, where)
    yield from suspicious(one, where, path)


def forms_beyond_patterns(one: Directive, where: str) -> Iterator[Finding]:
    """Yield mistakes in values that no pattern tells."""
    match = SIGNAL.fullmatch(one.value) if one.name == "signal" else None
    if match is not None and int(match["seconds"] or 0) > LONGEST_NOTICE:
        reason = f"`--signal` requests {match['seconds']} seconds, but at most {LONGEST_NOTICE} are possible"
        yield at(one.line, "RTS842", where, reason, f"write `--signal={one.value.partition('@')[0]}@{LONGEST_NOTICE}`")
    least, dash, most = one.value.partition("-")
    if one.name == "nodes" and dash and least.isdecimal() and most.isdecimal() and int(least) > int(most):
        reason = f"`--nodes={one.value}` requests at least {least} and at most {most} nodes"
        yield at(one.line, "RTS842", where, reason, f"write `--nodes={most}-{least}`")
    for first, last in re.findall(r"(\d+)-(\d+)", one.value) if one.name == "array" else ():
        if int(first) > int(last):
            reason = f"`--array={one.value}` begins with {first} and ends with {last}"
            yield at(one.line, "RTS842", where, reason, f"write `--array={last}-{first}`")
    if one.name == "nodes" and one.value in ("0", "0-0"):
        yield at(one.line, "RTS842", where, f"`--nodes` is {one.value}", "write 1 or more")
    if one.name == "constraint" and any(one.value.count(a) != one.value.count(b) for a, b in ("[]", "()")):
        reason = f"`--constraint` is {one.value!r}, with a bracket that is not closed"
        yield at(one.line, "RTS842", where, reason, "close it")
    for word in re.findall(r"%\d*([A-Za-z])", one.value) if one.name in ("output", "error", "input") else ():
        if word not in PATTERNS:
            reason = f"Slurm replaces no %{word} in the name of a file"
            yield at(one.line, "RTS842", where, reason, "write %j for the job, %N for the node, %x for the job's name")


def better(one: Directive, form: str) -> str:
    """Return what to write instead of a value of the wrong form."""
    if one.name.startswith("time"):
        for unit, text in (
            ("h(?:ours?|rs?)?", "{:02}:00:00"),
            ("d(?:ays?)?", "{}-00:00:00"),
            ("m(?:in(?:utes?)?)?", "{}:00"),
        ):
            match = re.fullmatch(rf"(\d+)\s*{unit}", one.value, re.IGNORECASE)
            if match is not None:
                return f"write `--{one.name}={text.format(int(match[1]))}`"
    memory = re.fullmatch(r"([\d.]+)\s*([KMGT])i?B?", one.value, re.IGNORECASE)
    if one.name.startswith("mem") and memory:
        return f"write `--{one.name}={round(float(memory[1]))}{memory[2].upper()}`"
    return f"write {form}"


def suspicious(one: Directive, where: str, path: Path) -> Iterator[Finding]:
    """Yield values that sbatch accepts, but that mean something else than they seem to."""
    if one.name == "time":
        yield from limit(one, where)
    if (
        one.name in ("mem", "mem-per-cpu", "mem-per-gpu")
        and one.value.isdecimal()
        and 0 < int(one.value) < LEAST_MEMORY
    ):
        reason = f"`{where}={one.value}` is {one.value} megabytes"
        yield at(one.line, "RTS842", where, reason, f"write `{where}={one.value}G`")
    if one.name in ("mem", "mem-per-cpu", "mem-per-gpu") and one.value.isdecimal() and int(one.value) > MOST_MEMORY:
        reason = f"`{where}={one.value}` is {int(one.value) / 2**20:.0f} TB, because it counts megabytes"
        yield at(one.line, "RTS842", where, reason, f"write `{where}={max(1, round(int(one.value) / 1e9))}G`")
    if one.name == "gres":
        yield from generic_resources(one, where)
    if one.name in ("output", "error") and one.value.endswith("/"):
        reason = f"`{where}` is {one.value}, a folder, but must be a file"
        yield at(one.line, "RTS842", where, reason, f"write `{where}={one.value}%j.out`")
    folder = Path(one.value).parent
    if one.name in ("output", "error") and "%" not in str(folder) and one.value != "/dev/null":
        places = [folder] if folder.is_absolute() else [path.parent / folder, Path.cwd() / folder]
        if not folder.is_absolute() and not any(place.is_dir() for place in places):
            reason = f"the folder {folder} does not exist here; without it the job ends at once, and leaves no output"
            yield at(one.line, "RTS842", where, reason, f"run `mkdir -p {folder}` before sbatch", "warning")


def generic_resources(one: Directive, where: str) -> Iterator[Finding]:
    """Yield names of generic resources that Slurm does not read as such."""
    for part in one.value.split(","):
        match = GENERIC.fullmatch(part)
        kind = "" if match is None else match[1]
        if match is None or (kind != "gpu" and kind.lower().rstrip("s") in ("gpu", "cuda", "nvidia")):
            yield at(one.line, "RTS842", where, f"{part!r} is not a generic resource", "write `--gres=gpu:N`")


def limit(one: Directive, where: str) -> Iterator[Finding]:
    """Yield a limit of time that is none, or that was probably meant in hours."""
    if re.fullmatch(r"[0:-]+", one.value):
        reason = f"`--time={one.value}` requests no limit, which most partitions reject"
        yield at(one.line, "RTS842", where, reason, "write, for example, `--time=12:00:00`", "warning")
    count = int(one.value) if one.value.isdecimal() else None
    short = re.fullmatch(r"(\d+):00", one.value)
    if (count is not None and 0 < count < SHORT) or (short and int(short[1]) <= DAY):
        number = count if count is not None else int(short[1]) if short else 0
        reason = f"`--time={one.value}` is {number} minutes"
        yield at(one.line, "RTS842", where, reason, f"for hours, write `--time={number:02}:00:00`", "warning")


def pairs(directives: list[Directive]) -> Iterator[Finding]:
    """Yield options that contradict each other within one part of a job."""
    for component in {one.component for one in directives}:
        given: dict[str, Directive] = {}
        for one in directives:
            if one.component != component or not one.known:
                continue
            before = given.get(one.name)
            if before is not None and before.value != one.value and one.name not in ("gres", "constraint"):
                reason = f"`--{one.name}` is given twice; Slurm uses {one.value!r}, not that of line {before.line}"
                yield at(one.line, "RTS102", f"--{one.name}", reason, "remove one")
            given[one.name] = one
        for first, second in EXCLUSIVE_PAIRS:
            if first in given and second in given:
                later = max(given[first], given[second], key=lambda one: one.line)
                reason = f"`--{first}` and `--{second}` are both given, but sbatch accepts only one"
                yield at(later.line, "RTS842", f"--{later.name}", reason, "remove one of them")
        by_gres = devices(given["gres"].value) if "gres" in given and "gpu" in given["gres"].value else None
        per_node = devices(given["gpus-per-node"].value) if "gpus-per-node" in given else None
        if by_gres is not None and per_node is not None and by_gres != per_node:
            reason = f"`--gres` requests {by_gres} GPUs per node, but `--gpus-per-node` for {per_node}"
            yield at(given["gres"].line, "RTS842", "--gres", reason, "keep `--gpus-per-node`")
        yield from all_gpus(given)
        yield from tasks(given)


def all_gpus(given: dict[str, Directive]) -> Iterator[Finding]:
    """Yield a number of GPUs of the job that differs from the product of nodes and GPUs per node."""
    nodes, total = (given[name].value if name in given else "" for name in ("nodes", "gpus"))
    each = devices(given["gpus-per-node"].value) if "gpus-per-node" in given else None
    amount = devices(total) if total else None
    if nodes.isdecimal() and each is not None and amount is not None and amount != int(nodes) * each:
        reason = f"`--gpus` requests {amount} GPUs in all, but `--gpus-per-node` for {each} on each of {nodes} nodes"
        yield at(given["gpus"].line, "RTS842", "--gpus", reason, "keep `--gpus-per-node`")


def whole_job(directives: list[Directive]) -> Iterator[Finding]:
    """Yield options that need others, and those that exclude each other in the whole job."""
    names = {one.name for one in directives}
    for one in directives:
        others, what, severity = NEEDED.get(one.name, ((), "", "error"))
        if others and not names & set(others):
            reason = f"`--{one.name}` is given without `--{others[0]}`: {what}"
            yield at(one.line, "RTS842", f"--{one.name}", reason, f"add `--{others[0]}=...`", severity)
        if one.name == "array" and one.known and any(other.component for other in directives):
            reason = "Slurm has no arrays of heterogeneous jobs"
            yield at(one.line, "RTS842", "--array", reason, "remove `--array`, and submit the job several times")
        if one.name in ("output", "error") and "array" not in names and re.search(r"%\d*[aA]", one.value):
            reason = f"`--{one.name}` is {one.value}, but the job is not an array: %a and %A have no number"
            yield at(one.line, "RTS842", f"--{one.name}", reason, "write %j for the job's number", "warning")
    for component in {one.component for one in directives}:
        yield from places({one.name: one for one in directives if one.component == component and one.known})


def places(given: dict[str, Directive]) -> Iterator[Finding]:
    """Yield nodes that are both required and excluded, more required nodes than the job has, and times in disorder."""
    nodes = hosts(given["nodelist"].value) if "nodelist" in given else []
    both = [name for name in nodes if "exclude" in given and name in hosts(given["exclude"].value)]
    if both:
        reason = f"{both[0]} is in `--nodelist` and in `--exclude`"
        yield at(given["exclude"].line, "RTS842", "--exclude", reason, "remove it from one of them")
    most = given["nodes"].value.rpartition("-")[2] if "nodes" in given else ""
    if most.isdecimal() and 0 < int(most) < len(nodes):
        reason = f"`--nodelist` has {len(nodes)} nodes, but the job has {most}: Slurm leaves out the others"
        remedy = f"write `--nodes={len(nodes)}`, or shorten the list"
        yield at(given["nodelist"].line, "RTS842", "--nodelist", reason, remedy, "warning")
    if "time" in given and "time-min" in given:
        least, limit = minutes(given["time-min"].value), minutes(given["time"].value)
        if least is not None and limit is not None and least > limit:
            reason = f"`--time-min={given['time-min'].value}` is longer than `--time={given['time'].value}`"
            yield at(given["time-min"].line, "RTS842", "--time-min", reason, "exchange them")


def tasks(given: dict[str, Directive]) -> Iterator[Finding]:
    """Yield numbers of tasks that do not fit the number of nodes."""
    nodes, total = given.get("nodes"), given.get("ntasks")
    each = given.get("ntasks-per-node") or given.get("tasks-per-node")
    if nodes is None or total is None or not (nodes.value.isdecimal() and total.value.isdecimal()):
        return
    if int(total.value) < int(nodes.value):
        reason = f"{total.value} tasks cannot use {nodes.value} nodes, so Slurm gives fewer"
        remedy = f"write `--ntasks-per-node=1` instead of `--ntasks={total.value}`"
        yield at(total.line, "RTS842", "--ntasks", reason, remedy)
    elif each is not None and each.value.isdecimal() and int(each.value) * int(nodes.value) < int(total.value):
        reason = f"{total.value} tasks do not fit on {nodes.value} nodes with {each.value} tasks each"
        yield at(total.line, "RTS842", "--ntasks", reason, f"write `--ntasks={int(each.value) * int(nodes.value)}`")
