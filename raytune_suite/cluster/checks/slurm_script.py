"""Checks of the commands in a Slurm batch script: how they start Ray on the nodes, and with which resources."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks import joined_commands, shell_lint, slurm_shell
from raytune_suite.cluster.checks.findings import CODES, Finding
from raytune_suite.cluster.checks.shell_commands import check_one
from raytune_suite.cluster.ray_start import FLAGS, same_ports
from raytune_suite.cluster.shell import (
    SimpleCommand,
    bash,
    bash_message,
    option_values,
    simple_commands,
    unclosed_block,
    unclosed_quotation,
)
from raytune_suite.cluster.slurm import (
    ALWAYS_SET,
    LETTERS,
    SET_BY_OPTION,
    SRUN_FLAGS,
    SRUN_LETTERS,
    Directive,
    devices,
    full_name,
)
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity

PLACES = {"nodes", "nodelist", "relative", "het-group"}
"""Options of srun that choose nodes."""

REMOTE = ("srun", "ssh", "pdsh", "clush", "mpirun", "mpiexec", "parallel-ssh", "orterun", "prun")
"""Programs that run a command on other nodes."""

VARIABLE = re.compile(
    r"\$\{?(SLURM_[A-Z_]+?)(?:_HET_GROUP_\w+|_PACK_GROUP_\w+)?(:?[-?+=][^}]*)?(?:[%#/^,][^}]*)?\}?(?![A-Z_])"
)
ASSIGNED = re.compile(r"(?:\b|(?<=\())([A-Za-z_]\w*)(?:\[[^\]]*\])?\+?=|\bfor\s+\(*\s*(\w+)")
LOWER_CASE = re.compile(r"(?<![\\'])\$\{?[!#]?([a-z][a-z0-9_]*|RAY_[A-Z_]+)\b(?!\}?\w|:?[-=?+])")
SETTING = re.compile(r"(\w+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class RayStart:
    """A `ray start` in a script.

    Attributes:
        options: Its options.
        line: Its line, counted from 1.
        launcher: The program that runs it, "" if the script runs it itself.
        launch_options: The options of srun, by long name.
        in_background: Whether the script continues while it runs.
    """

    options: dict[str, str]
    line: int
    launcher: str
    launch_options: dict[str, str]
    in_background: bool

    @property
    def head(self) -> bool:
        """Whether it starts the head."""
        return "head" in self.options


def at(  # noqa: PLR0917 - as a finding is written
    line: int, code: str, reason: str, remedy: str, severity: Severity | None = None, where: str = "script"
) -> Finding:
    """Return a finding on a line of a script."""
    return Finding(line, code, where, reason, remedy, severity or CODES[code][0])


def check(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield the mistakes in the commands of a script."""
    message = bash_message(text) if bash() is not None else ""
    if message:
        match = re.match(r"line (\d+): (.*)", message)
        line, problem = (int(match[1]), match[2]) if match else (1, message)
        find = unclosed_quotation if "matching" in problem else unclosed_block
        block = find(text) if "matching" in problem or "end of file" in problem else None
        line = min(line, len(text.splitlines())) if block is None else block + 1
        yield at(line, "RTS415", f"bash cannot read the script: {problem}", "close the quotation, bracket or block")
        return
    commands = simple_commands(text)
    yield from general(commands)
    for lint in shell_lint.check(text):
        yield at(lint.line + 1, lint.code, lint.reason, lint.remedy)
    yield from (at(one.line + 1, one.code, one.reason, one.remedy, one.severity) for one in joined_commands.check(text))
    yield from variables(text, directives)
    yield from unassigned(text, commands)
    found = ray_starts(commands)
    for one in found:
        yield from how_it_runs(one, directives)
        yield from amounts(one, directives)
    yield from together(found, commands, directives)
    yield from programs(found, commands, directives)
    yield from environment(commands, directives)
    yield from slurm_shell.check(text, commands, count(directives, "nodes", None), ray_runs=waits_for_ray(found))
    yield from not_exported(text, commands)


def waits_for_ray(found: list[RayStart]) -> bool:
    """Return whether a script has processes of Ray in the background that do not end by themselves."""
    return any("block" in one.options and one.in_background for one in found)


def not_exported(text: str, commands: list[SimpleCommand]) -> Iterator[Finding]:
    """Yield variables of Ray that the script sets, but does not export to the programs that read them."""
    exported = set(re.findall(r"\b(?:export|declare\s+-\w*x\w*|typeset\s+-x)\s+(?:[^\n;&|]*\s)?(RAY_\w+)", text))
    if re.search(r"\bset\s+-\w*a|\bset\s+-o\s+allexport", text):
        return
    for part in commands:
        for word in part.assignments if not part.words else ():
            name = word.partition("=")[0]
            if name.startswith("RAY_") and name not in exported:
                reason = f"the script sets {name}, but does not export it, so Ray does not see it"
                yield at(part.line + 1, "RTS416", reason, f"write `export {word}`", where=name)


def general(commands: list[SimpleCommand]) -> Iterator[Finding]:
    """Yield mistakes that any script may have: questions, rights, and options of `ray start`."""
    for part in commands:
        inner, _ = behind_launcher(part)
        for code, reason, remedy, _, severity in check_one(inner, None):
            last = part is commands[-1] or part.in_background or inner.words[:2] == ("ray", "start")
            if code != "RTS412" or not last:
                line = inner.line + 1
                yield at(line, code, reason, remedy, severity)
    for part in commands:
        if part.words[:2] in (("conda", "activate"), ("mamba", "activate")):
            ready = any(
                one.program in ("source", ".", "eval") and re.search(r"conda|bashrc|mamba|profile", " ".join(one.words))
                for one in commands
            ) or any("hook" in one.words or one.program == "module" for one in commands)
            if not ready:
                reason = "batch scripts do not read ~/.bashrc, so `conda activate` is not known"
                remedy = 'write `eval "$(conda shell.bash hook)"` before it'
                yield at(part.line + 1, "RTS845", reason, remedy, "warning")


def variables(text: str, directives: list[Directive]) -> Iterator[Finding]:
    """Yield variables that Slurm does not have, or only sets if an option is given."""
    given = {one.name for one in directives}
    assigned = set(re.findall(r"\b(S(?:LURM|RUN)_\w+)=", text))
    known = (*ALWAYS_SET, *SET_BY_OPTION)
    seen = set()
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for match in VARIABLE.finditer(line):
            name, default = match[1].rstrip("_"), match[2]
            if default or name in assigned or (name, number) in seen:
                continue
            seen.add((name, number))
            needed = SET_BY_OPTION.get(name)
            if needed is not None and not given & set(needed):
                reason = f"Slurm sets ${name} only if `--{needed[0]}` is given"
                remedy = f"add `#SBATCH --{needed[0]}=...`, or write ${{{name}:-VALUE}}"
                yield at(number, "RTS843", reason, remedy, where=name)
            elif needed is None and name not in known:
                similar = nearest(name, known)
                if similar is not None:
                    reason = f"Slurm has no variable ${name}: did you mean ${similar}?"
                    yield at(number, "RTS843", reason, f"write ${similar}", where=name)


def unassigned(text: str, commands: list[SimpleCommand]) -> Iterator[Finding]:
    """Yield variables with names in lower case that the script never sets, next to a similar one that it sets."""
    assigned = {name for pair in ASSIGNED.findall(text) for name in pair if name}
    for part in commands:
        if part.program in ("read", "mapfile", "readarray", "declare", "local", "getopts", "printf"):
            assigned |= set(part.words)
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        for name in () if line.lstrip().startswith("#") else LOWER_CASE.findall(line):
            similar = next((one for one in sorted(assigned) if one.startswith(name)), None) or nearest(name, assigned)
            if name not in assigned and name not in seen and similar is not None:
                seen.add(name)
                reason = f"the script never sets ${name}, so it is empty: did you mean ${similar}?"
                yield at(number, "RTS417", reason, f"write ${similar}, or set {name}", "warning", where=name)


def behind_launcher(part: SimpleCommand) -> tuple[SimpleCommand, dict[str, str]]:
    """Return the command that srun or the like runs, and the options of srun; the command itself without a launcher."""
    if part.program not in REMOTE:
        return part, {}
    words = list(zip(part.words, part.lines, strict=True))[1:]
    options: dict[str, str] = {}
    while words and words[0][0].startswith("-"):
        word = words.pop(0)[0]
        if word.startswith("--"):
            given, equals, value = word[2:].partition("=")
            name = full_name(given) or given
        else:
            letter = word[1:2]
            name, equals, value = LETTERS.get(letter) or SRUN_LETTERS.get(letter) or letter, word[2:], word[2:]
        if not equals and name not in SRUN_FLAGS and words:
            value = words.pop(0)[0]
        options[name] = value
    if part.program != "srun" and words and "ray" in [word for word, _ in words]:  # such as ssh HOST ray start
        first = [word for word, _ in words].index("ray")
        words = words[first:]
    text = next((word for word, _ in words if re.search(r"\sray start\b|^ray start\b", word)), None)
    inner = simple_commands(text) if text is not None else []  # as in ssh HOST "ray start ..." and bash -c "..."
    ray = next((one for one in inner if one.words[:2] == ("ray", "start")), None)
    if ray is not None:
        line = words[0][1]
        return SimpleCommand(ray.words, (), (), (), part.after, tuple(line for _ in ray.words)), options
    rest = tuple(word for word, _ in words)
    return SimpleCommand(
        rest, part.prefixes, part.redirections, part.assignments, part.after, tuple(n for _, n in words)
    ), options


def ray_starts(commands: list[SimpleCommand]) -> list[RayStart]:
    """Return the commands that start Ray, with variables replaced whose value is written in the script."""
    values: dict[str, str] = {}
    result = []
    for part in commands:
        own = part.assignments if not part.words else ()  # those before a command hold for it alone
        for word in (*own, *(part.words[1:] if part.program == "export" else ())):
            match = SETTING.fullmatch(word)
            if match is not None and not match[2].endswith("$"):
                values[match[1]] = expand(match[2], values)
            elif match is not None:
                values.pop(match[1], None)
        inner, launch = behind_launcher(part)
        words = inner.words
        if words[:2] != ("ray", "start") and "ray" in words:  # behind a container runtime, numactl, and so on
            first = words.index("ray")
            words = words[first:]
        if words[:2] != ("ray", "start"):
            continue
        line = inner.lines[len(inner.words) - len(words)] + 1
        given = {name: expand(value, values) for name, value in option_values(words[2:], FLAGS).items()}
        launcher = part.program if part.program in REMOTE else ""
        result.append(RayStart(given, line, launcher, launch, part.in_background))
    return result


def expand(text: str, values: dict[str, str]) -> str:
    """Replace the variables in a text whose values are known."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values.get(match[1], match[0]), text)


def count(directives: list[Directive], name: str, component: int | None) -> int | None:
    """Return the number that an option asks for in a part of a job, None if it is not known."""
    values = [one.value for one in directives if one.name == name and component in (None, one.component)]
    return int(values[-1]) if values and values[-1].isdecimal() else None


def tasks_per_node(directives: list[Directive]) -> int:
    """Return how many tasks Slurm starts on each node unless srun says otherwise."""
    each = count(directives, "ntasks-per-node", None) or count(directives, "tasks-per-node", None)
    total, nodes = count(directives, "ntasks", None), count(directives, "nodes", None)
    if each is None and total is not None:
        each = -(-total // (nodes or 1))
    return each or 1


def how_it_runs(one: RayStart, directives: list[Directive]) -> Iterator[Finding]:
    """Yield what stops Ray early, stops the script, or starts Ray more than once on a node."""
    what = "the head" if one.head else "a worker"
    if "block" in one.options and not one.in_background:
        reason = f"{what} runs in the foreground (`--block`), so the script never continues"
        if not one.head and one.launcher == "":
            return
        yield at(one.line, "RTS845", reason, "add `&` at the end of the command")
    if one.launcher == "srun" and "block" not in one.options:
        reason = f"without `--block` this step ends at once, and Slurm stops {what} with it"
        yield at(one.line, "RTS845", reason, "add `--block`, and `&` at the end of the command")
    if one.launcher == "srun":
        limited = {"ntasks", "ntasks-per-node", "tasks-per-node"} & set(one.launch_options)
        each = tasks_per_node(directives)
        nodes = count(directives, "nodes", None) if len({item.component for item in directives}) == 1 else None
        if one.head and not limited and each == 1 and nodes and nodes > 1 and not one.launch_options.keys() & PLACES:
            reason = f"srun starts the head on all {nodes} nodes"
            yield at(one.line, "RTS845", reason, "add `--nodes=1 --ntasks=1`, and `-w` with the node of the head")
        if not limited and each > 1:
            reason = f"srun starts {what} {each} times on each node (once per task)"
            yield at(one.line, "RTS845", reason, "add `--ntasks-per-node=1`, or `--ntasks=1` for one node")
        cpus = any(item.name == "cpus-per-task" for item in directives)
        own = {"cpus-per-task", "exclusive", "whole", "cpus-per-gpu"} & set(one.launch_options)
        needs = one.options.get("num-cpus") not in ("0", "1")
        if cpus and not own and needs and "SRUN_CPUS_PER_TASK" not in one.launch_options.get("environment", ""):
            yield at(
                one.line,
                "RTS844",
                "since Slurm 22.05 srun does not take over `--cpus-per-task`, so this step may get one CPU",
                'add `--cpus-per-task="$SLURM_CPUS_PER_TASK"` to srun, or export SRUN_CPUS_PER_TASK',
                "warning",
            )


def gpus_per_node(directives: list[Directive], component: int | None) -> int | None:
    """Return the GPUs that each node of a part of a job gives, None if that is not known."""
    for name in ("gpus-per-node", "gres"):
        values = [one.value for one in directives if one.name == name and component in (None, one.component)]
        values = [value for value in values if name != "gres" or "gpu" in value]
        if values:
            return max(devices(value) or 0 for value in values)
    each = count(directives, "gpus-per-task", component)
    if each is not None:
        return each * tasks_per_node(directives)
    total, nodes = count(directives, "gpus", component), count(directives, "nodes", component)
    if total is not None and nodes is not None:
        return -(-total // nodes)
    asked = any(one.name in ("gpus", "gpus-per-task", "gpus-per-socket", "tres-per-task") for one in directives)
    return None if asked or not directives else 0


def amounts(one: RayStart, directives: list[Directive]) -> Iterator[Finding]:
    """Yield CPUs and GPUs that Ray would offer beyond those of the job, or leave idle."""
    parts = {item.component for item in directives}
    group = one.launch_options.get("het-group", "")
    component = int(group) if group.isdecimal() else None
    if len(parts) > 1 and component is None:
        return
    offered, given = one.options.get("num-gpus", ""), gpus_per_node(directives, component)
    if offered.isdecimal() and given is not None:
        if int(offered) > given:
            has = f"has {given}" if given else "requests none"
            reason = f"Ray is started with {offered} GPUs per node, but the job {has}"
            remedy = f"write `--num-gpus={given}`" if given else "add `#SBATCH --gpus-per-node=N`"
            yield at(one.line, "RTS844", reason, remedy)
        elif int(offered) < given and not one.head:
            reason = f"Ray is started with {offered} of {given} GPUs per node: the others stay idle"
            yield at(one.line, "RTS844", reason, f"write `--num-gpus={given}`", "warning")
    offered = one.options.get("num-cpus", "")
    cpus = count(directives, "cpus-per-task", component)
    if offered.isdecimal() and cpus is not None and int(offered) > cpus * tasks_per_node(directives):
        reason = f"Ray is started with {offered} CPUs per node, but the job has {cpus * tasks_per_node(directives)}"
        yield at(one.line, "RTS844", reason, f"write `--num-cpus={cpus * tasks_per_node(directives)}`")
    elif "num-cpus" not in one.options and one.launcher and not one.head:
        reason = "without --num-cpus Ray takes all CPUs of the node, not those of the job"
        yield at(one.line, "RTS844", reason, 'add `--num-cpus="$SLURM_CPUS_PER_TASK"`', "warning")


def together(found: list[RayStart], commands: list[SimpleCommand], directives: list[Directive]) -> Iterator[Finding]:
    """Yield what keeps head and workers apart: missing ones, other ports, ports that several jobs use."""
    heads = [one for one in found if one.head]
    workers = [one for one in found if "address" in one.options]
    symmetric = any("symmetric-run" in part.words for part in commands)
    nodes = count(directives, "nodes", None)
    if workers and not heads and not symmetric:
        remedy = "add `srun --nodes=1 --ntasks=1 ray start --head --block ... &`"
        yield at(workers[0].line, "RTS845", "no command starts the head", remedy)
    for head in heads:
        yield from head_ports(head, workers)
        if not workers and nodes is not None and nodes > 1:
            reason = f"the job has {nodes} nodes, but Ray is only started on the head's"
            remedy = "start workers: `srun --nodes=1 --ntasks=1 -w NODE ray start --address=HEAD:PORT --block &`"
            yield at(head.line, "RTS845", reason, remedy)
    for worker in workers:
        if worker.launcher == "" and nodes != 1:
            reason = "this worker starts on the first node, where the script runs, and not on the others"
            remedy = "write `srun --nodes=1 --ntasks=1 -w NODE ray start ... --block &`"
            yield at(worker.line, "RTS845", reason, remedy)
        if worker.options["address"].startswith(":"):
            reason = f"`--address` is {worker.options['address']}, without a host"
            yield at(worker.line, "RTS410", reason, "write the head's address and port")
        if bare_host(worker.options["address"], commands):
            reason = f"`--address` is {worker.options['address']}, a host without a port"
            port = next((head.options["port"] for head in heads if "port" in head.options), "6379")
            yield at(worker.line, "RTS410", reason, f"write `--address={worker.options['address']}:{port}`")
        if worker.options["address"] in ("auto", "localhost:6379", "127.0.0.1:6379"):
            reason = f"`--address={worker.options['address']}` finds a head on the same node only"
            yield at(worker.line, "RTS845", reason, "write the head's address and port")


def bare_host(address: str, commands: list[SimpleCommand]) -> bool:
    """Return whether an address is a variable that the script sets to the name or address of a host."""
    match = re.fullmatch(r"\$\{?(\w+)\}?", address)
    texts = [word for part in commands for word in (*part.assignments, *part.words)]
    found = [word for word in texts if match is not None and word.startswith(f"{match[1]}=")]
    if any(part.words and part.words[0].startswith(":") for part in commands):  # as in $(hostname):6379
        return False
    run = [word for part in commands if found and part.program != "scontrol" for word in part.words]
    shown = " ".join([*found, *(word for word in run if word in ("hostname", "--ip-address"))])
    return bool(found) and ":" not in shown and re.search(r"hostname|getent", shown) is not None


def head_ports(head: RayStart, workers: list[RayStart]) -> Iterator[Finding]:
    """Yield ports of the head that collide with each other or other jobs, or that workers do not use."""
    port = head.options.get("port", "6379")
    if port.isdecimal() and port != "0":
        reason = f"port {port} is fixed: a second job with a head on the same node cannot start, or joins this cluster"
        yield at(head.line, "RTS846", reason, "write, for example, `port=$((20000 + SLURM_JOB_ID % 20000))`")
    for name, other, same in same_ports(head.options):
        yield at(head.line, "RTS411", f"`--{name}` and `--{other}` are both port {same}", "choose different ports")
    for worker in workers:
        match = re.fullmatch(r".*:(\d+|\$\{?\w+\}?)", worker.options["address"])
        if match is not None and match[1].strip("${}") != port.strip("${}"):
            reason = f"the workers join port {match[1]}, but the head opens {port}"
            yield at(worker.line, "RTS411", reason, f"write `--address=...:{port}`")


def programs(found: list[RayStart], commands: list[SimpleCommand], directives: list[Directive]) -> Iterator[Finding]:
    """Yield a study that is started several times, or not waited for."""
    if not found:
        return
    total = count(directives, "ntasks", None) or (count(directives, "nodes", None) or 1) * tasks_per_node(directives)
    runs = ("python", "python3", "raytune-suite", "uv")
    last = [part for part in commands if behind_launcher(part)[0].program in runs]
    for part in last:
        inner, launch = behind_launcher(part)
        if (
            part.program == "srun"
            and total > 1
            and not {"ntasks", "ntasks-per-node"} & set(launch)
            and "-c" not in inner.words
        ):
            reason = f"srun starts this program {total} times (once per task), and each runs the whole study"
            yield at(
                inner.line + 1, "RTS845", reason, "run it without srun, or with `srun --nodes=1 --ntasks=1 --overlap`"
            )
    waits = any(part.program == "wait" for part in commands)
    if last and last[-1].in_background and not waits:
        reason = "the study runs in the background, and the job ends with the script"
        yield at(last[-1].line + 1, "RTS845", reason, "remove the `&`, or add `wait` at the end")


def environment(commands: list[SimpleCommand], directives: list[Directive]) -> Iterator[Finding]:
    """Yield a finding if the variables of the script do not reach its steps."""
    for one in directives:
        if one.name != "export" or "ALL" in one.value.upper().split(","):
            continue
        steps = any(part.program == "srun" and not any("export" in word for word in part.words) for part in commands)
        text = [word for part in commands for word in (*part.words, *part.assignments)]
        reset = any("SLURM_EXPORT_ENV" in word for word in text)
        if steps and not reset:
            reason = f"with `--export={one.value}` the variables of this script, such as PATH, do not reach srun"
            yield at(
                one.line,
                "RTS843",
                reason,
                "write `--export=ALL`, or `export SLURM_EXPORT_ENV=ALL` in the script",
                where="--export",
            )
