"""Slurm batch scripts: the options of sbatch and their forms, and the directives of a script by line.

Source: the manual pages of sbatch and srun of Slurm 24.11. Options of plugins, such as those of Pyxis, are not listed.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Literal

OPTIONS: dict[str, str] = {
    "account": "A", "acctg-freq": "", "array": "a", "batch": "", "bb": "", "bbf": "", "begin": "b", "chdir": "D",
    "cluster-constraint": "", "clusters": "M", "comment": "", "constraint": "C", "container": "", "container-id": "",
    "contiguous": "", "core-spec": "S", "cores-per-socket": "", "cpu-freq": "", "cpus-per-gpu": "",
    "cpus-per-task": "c", "deadline": "", "delay-boot": "", "dependency": "d", "distribution": "m", "error": "e",
    "exclude": "x", "exclusive": "", "export": "", "export-file": "", "extra": "", "extra-node-info": "B",
    "get-user-env": "", "gid": "", "gpu-bind": "", "gpu-freq": "", "gpus": "G", "gpus-per-node": "",
    "gpus-per-socket": "", "gpus-per-task": "", "gres": "", "gres-flags": "", "help": "h", "hint": "", "hold": "H",
    "ignore-pbs": "", "input": "i", "job-name": "J", "kill-on-invalid-dep": "", "licenses": "L", "mail-type": "",
    "mail-user": "", "mcs-label": "", "mem": "", "mem-bind": "", "mem-per-cpu": "", "mem-per-gpu": "", "mincpus": "",
    "network": "", "nice": "", "no-kill": "k", "no-requeue": "", "nodefile": "F", "nodelist": "w", "nodes": "N",
    "ntasks": "n", "ntasks-per-core": "", "ntasks-per-gpu": "", "ntasks-per-node": "", "ntasks-per-socket": "",
    "oom-kill-step": "", "open-mode": "", "output": "o", "overcommit": "O", "oversubscribe": "s", "parsable": "",
    "partition": "p", "power": "", "prefer": "", "priority": "", "profile": "", "propagate": "", "qos": "q",
    "quiet": "Q", "reboot": "", "requeue": "", "reservation": "", "resv-ports": "", "segment": "", "signal": "",
    "sockets-per-node": "", "spread-job": "", "stepmgr": "", "switches": "", "tasks-per-node": "", "test-only": "",
    "thread-spec": "", "threads-per-core": "", "time": "t", "time-min": "", "tmp": "", "tres-bind": "",
    "tres-per-task": "", "uid": "", "usage": "", "use-min-nodes": "", "verbose": "v", "version": "V", "wait": "W",
    "wait-all-nodes": "", "wckey": "", "wrap": "",
}  # fmt: skip
"""The options of sbatch, with their letters."""

RENAMED = {"workdir": "chdir", "share": "oversubscribe", "mem_bind": "mem-bind"}
"""Former options of sbatch, and what replaced them."""

FLAGS = (
    *("contiguous", "exclusive", "get-user-env", "help", "hold", "ignore-pbs", "no-kill", "no-requeue", "overcommit"),
    *("oversubscribe", "parsable", "propagate", "quiet", "reboot", "requeue", "spread-job", "stepmgr", "test-only"),
    *("usage", "use-min-nodes", "verbose", "version", "wait", "resv-ports", "nice"),
)
"""Options that have no value, or may be without one."""

SRUN_OPTIONS = (
    *("overlap", "exact", "label", "relative", "mpi", "pty", "unbuffered", "het-group", "immediate", "cpu-bind"),
    *("kill-on-bad-exit", "multi-prog", "task-epilog", "task-prolog", "epilog", "prolog", "slurmd-debug", "threads"),
    *("msg-timeout", "bcast", "compress", "disable-status", "external-launcher", "gpu-bind", "whole", "jobid"),
    *("preserve-env", "send-libs", "treewidth", "unbuffered", "wait", "x11", "environment"),
)
SRUN_FLAGS = (*FLAGS, "overlap", "exact", "label", "pty", "unbuffered", "multi-prog", "disable-status", "whole", "x11")
SRUN_LETTERS = {"l": "label", "r": "relative", "u": "unbuffered", "K": "kill-on-bad-exit", "X": "disable-status"}

LETTERS = {letter: name for name, letter in OPTIONS.items() if letter}

TIME = re.compile(r"\d+|\d+:\d+|\d+:\d+:\d+|\d+-\d+|\d+-\d+:\d+|\d+-\d+:\d+:\d+|UNLIMITED|INFINITE", re.IGNORECASE)
MEMORY = re.compile(r"\d+(?:[KMGTP]B?)?", re.IGNORECASE)
COUNT = re.compile(r"\d+[kmKM]?")
AT_LEAST_1 = re.compile(r"0*[1-9]\d*[kmKM]?")
AT_LEAST_1_OR_ANY = re.compile(r"0*[1-9]\d*|\*")
DEVICES = re.compile(r"(?:[A-Za-z][\w.+-]*:)?\d+(?:,(?:[A-Za-z][\w.+-]*:)?\d+)*")
NODES = re.compile(r"\d+[kmKM]?(?:-\d+[kmKM]?)?(?:[,:]\d+(?:-\d+)?)*")
GENERIC = re.compile(r"(?:gres[/:])?([A-Za-z][\w-]*)(?:[:/][A-Za-z][\w.+-]*)?(?:[:=]\d+[kKmMgG]?)?(?:\([^)]*\))?")
SIGNALS = "HUP|INT|QUIT|ABRT|KILL|ALRM|TERM|USR1|USR2|URG|CONT|STOP|TSTP|TTIN|TTOU"
SIGNAL = re.compile(
    rf"(?:(?P<flags>[RB]{{1,2}}):)?(?:SIG)?(?P<name>\d{{1,2}}|{SIGNALS})(?:@(?P<seconds>\d{{1,5}}))?", re.IGNORECASE
)
ARRAY = re.compile(r"\d+(?:-\d+(?::\d+)?)?(?:,\d+(?:-\d+(?::\d+)?)?)*(?:%\d+)?")
HOST = r"(?:[\w.-]|\[\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*\])+(?:\*\d+)?"
HOSTS = re.compile(rf"{HOST}(?:,{HOST})*|\S*/\S*")
JOB = r"\d+(?:_(?:\d+|\*))?(?:\+\d+)?"
CONDITION = rf"(?:singleton|(?:after(?:any|burstbuffer|corr|notok|ok)?|expand):{JOB}(?::{JOB})*)"
DEPENDENCY = re.compile(rf"{CONDITION}(?:,{CONDITION})*|{CONDITION}(?:\?{CONDITION})*", re.IGNORECASE)
CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\s*(?:AM|PM)?|midnight|noon|elevenses|fika|teatime"
DATE = r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}(?:[/.]\d{2,4})?|\d{6}|\d{8}|today|tomorrow"
START = re.compile(
    rf"(?:{DATE})(?:[T\s-](?:{CLOCK}))?|(?:{CLOCK})(?:\s(?:{DATE}))?"
    r"|(?:now|today|tomorrow)(?:\s?[+-]\s?\d+\s?(?:seconds?|minutes?|hours?|days?|weeks?)?)?",
    re.IGNORECASE,
)
DISTRIBUTION = re.compile(
    r"(?:\*|block|cyclic|arbitrary|plane=\d+)(?::(?:\*|block|cyclic|fcyclic)){0,2}(?:,(?:no)?pack)?", re.IGNORECASE
)
LICENSES = re.compile(r"[\w./-]+(?:@[\w.-]+)?(?:[:=]\d+)?(?:[,;|][\w./-]+(?:@[\w.-]+)?(?:[:=]\d+)?)*")
SOCKETS = re.compile(r"(?:\d+|\*)(?::(?:\d+|\*)){0,2}")
ONE_WORD = re.compile(r"[^\s;]+")
ADDRESSES = re.compile(r"[^@\s,]+(?:@[^@\s,]+)?(?:,[^@\s,]+(?:@[^@\s,]+)?)*")
EXPORTED = re.compile(r"(?:[A-Za-z_]\w*(?:=[^,]*)?)(?:,[A-Za-z_]\w*(?:=[^,]*)?)*")
GPU_BIND = re.compile(
    r"(?:verbose,|v,)?(?:closest|none|per_task:\d+|single:\d+|(?:map|mask)(?:_gpu)?:[\w,*]+)", re.IGNORECASE
)

FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    **dict.fromkeys(("time", "time-min"), (TIME, "HOURS:MINUTES:SECONDS or DAYS-HOURS, such as 12:00:00 or 2-00")),
    **dict.fromkeys(("mem", "mem-per-cpu", "mem-per-gpu", "tmp"), (MEMORY, "a whole number with K, M, G or T")),
    **dict.fromkeys(("ntasks-per-node", "tasks-per-node"), (COUNT, "a whole number")),
    **dict.fromkeys(
        (
            "cpus-per-task",
            "ntasks",
            "cpus-per-gpu",
            "ntasks-per-gpu",
            "ntasks-per-core",
            "ntasks-per-socket",
            "mincpus",
        ),
        (AT_LEAST_1, "a whole number, 1 or more"),
    ),
    **dict.fromkeys(
        ("cores-per-socket", "sockets-per-node", "threads-per-core"), (AT_LEAST_1_OR_ANY, "a whole number, 1 or more")
    ),
    **dict.fromkeys(
        ("gpus", "gpus-per-node", "gpus-per-task", "gpus-per-socket"), (DEVICES, "N or TYPE:N, such as 4 or a100:4")
    ),
    "nodes": (NODES, "a number of nodes, such as 4 or 2-4"),
    "signal": (SIGNAL, "[B:]SIGNAL[@SECONDS], such as B:USR1@120"),
    "array": (ARRAY, "indices such as 0-15 or 1,3,5, with %N for at most N at once"),
    **dict.fromkeys(("nodelist", "exclude"), (HOSTS, "names of nodes such as node[01-04],node07, or a path")),
    "dependency": (DEPENDENCY, "TYPE:JOB, such as afterok:12345, or singleton"),
    **dict.fromkeys(("begin", "deadline"), (START, "a time such as 20:00, now+2hours or 2026-12-31T08:00")),
    "distribution": (DISTRIBUTION, "words such as block, cyclic or block:cyclic"),
    "licenses": (LICENSES, "NAME:N, such as matlab:2"),
    "extra-node-info": (SOCKETS, "SOCKETS[:CORES[:THREADS]]"),
    **dict.fromkeys(
        ("account", "partition", "qos", "reservation", "clusters"), (ONE_WORD, "one word, or several with commas")
    ),
    "mail-user": (ADDRESSES, "an address, or several with commas"),
    "export": (EXPORTED, "ALL, NONE, or names of variables with commas"),
    "gpu-bind": (GPU_BIND, "closest, none, per_task:N, single:N, map:LIST or mask:LIST"),
    "nice": (re.compile(r"[+-]?\d+"), "a whole number"),
    "core-spec": (COUNT, "a whole number"),
    "thread-spec": (COUNT, "a whole number"),
    "priority": (re.compile(r"\d+|TOP", re.IGNORECASE), "a whole number"),
    "switches": (re.compile(rf"\d+(?:@(?:{TIME.pattern}))?"), "COUNT[@TIME], such as 1@00:30:00"),
    "wait-all-nodes": (re.compile(r"[01]"), "0 or 1"),
    "delay-boot": (re.compile(r"\d+"), "a number of minutes"),
}
"""The form of the values of options, with a description."""

WORDS: dict[str, tuple[str, ...]] = {
    "mail-type": (
        *("NONE", "BEGIN", "END", "FAIL", "REQUEUE", "ALL", "INVALID_DEPEND", "STAGE_OUT", "TIME_LIMIT"),
        *("TIME_LIMIT_90", "TIME_LIMIT_80", "TIME_LIMIT_50", "ARRAY_TASKS"),
    ),
    "open-mode": ("append", "truncate"),
    "exclusive": ("user", "mcs", "topo", "exclusive"),
    "oversubscribe": ("yes", "force", "user", "topo"),
    "hint": ("compute_bound", "memory_bound", "multithread", "nomultithread", "help"),
    "kill-on-invalid-dep": ("yes", "no"),
    "gres-flags": (
        *("allow-task-sharing", "disable-binding", "enforce-binding", "multiple-tasks-per-sharing"),
        "one-task-per-sharing",
    ),
    "profile": ("all", "none", "energy", "task", "filesystem", "lustre", "network"),
    "propagate": (
        *("all", "none", "as", "core", "cpu", "data", "fsize", "memlock", "nofile", "nproc", "rss", "stack"),
    ),
}
"""The words that options accept, without regard to case; several are separated by commas."""

PATTERNS = "%AabJjNnstuxX"
"""The letters that Slurm replaces after a % in the name of a file of output, and % itself."""

EXCLUSIVE_PAIRS = (
    ("mem", "mem-per-cpu"),
    ("mem", "mem-per-gpu"),
    ("mem-per-cpu", "mem-per-gpu"),
    ("cpus-per-task", "cpus-per-gpu"),
    ("ntasks-per-gpu", "gpus-per-task"),
    ("ntasks-per-gpu", "gpus-per-socket"),
    ("ntasks-per-gpu", "ntasks-per-node"),
)
"""Options of which sbatch only accepts one."""

GPU_OPTIONS = ("gpus", "gpus-per-node", "gpus-per-task", "gpus-per-socket", "gres", "tres-per-task")

NEEDED: dict[str, tuple[tuple[str, ...], str, Literal["error", "warning"]]] = {
    "mail-user": (("mail-type",), "no mail is sent", "warning"),
    "gpus-per-socket": (("sockets-per-node", "extra-node-info"), "sbatch rejects it", "error"),
    "gpus-per-task": (
        ("ntasks", "ntasks-per-node", "tasks-per-node", "gpus", "tres-per-task"),
        "the number of tasks is not known",
        "error",
    ),
    "ntasks-per-gpu": (("ntasks", *GPU_OPTIONS), "the number of GPUs is not known", "error"),
    "cpus-per-gpu": (GPU_OPTIONS, "the job has no GPUs", "warning"),
    "mem-per-gpu": (GPU_OPTIONS, "the job has no GPUs", "warning"),
    "gpu-bind": (GPU_OPTIONS, "the job has no GPUs", "warning"),
    "kill-on-invalid-dep": (("dependency",), "the job depends on no other", "warning"),
}
"""Options that need one of others, and what happens without them."""

SET_BY_OPTION = {
    "SLURM_CPUS_PER_TASK": ("cpus-per-task",),
    "SLURM_CPUS_PER_GPU": ("cpus-per-gpu",),
    "SLURM_GPUS": ("gpus",),
    "SLURM_GPUS_PER_NODE": ("gpus-per-node",),
    "SLURM_GPUS_PER_TASK": ("gpus-per-task",),
    "SLURM_NTASKS": ("ntasks", "ntasks-per-node", "tasks-per-node", "gpus-per-task", "ntasks-per-gpu"),
    "SLURM_NTASKS_PER_NODE": ("ntasks-per-node", "tasks-per-node"),
    "SLURM_MEM_PER_NODE": ("mem",),
    "SLURM_MEM_PER_CPU": ("mem-per-cpu",),
    "SLURM_MEM_PER_GPU": ("mem-per-gpu",),
    "SLURM_ARRAY_TASK_ID": ("array",),
    "SLURM_ARRAY_JOB_ID": ("array",),
    "SLURM_ARRAY_TASK_COUNT": ("array",),
}
"""Variables that Slurm sets only if an option is given."""

ALWAYS_SET = (
    *("SLURM_JOB_ID", "SLURM_JOBID", "SLURM_JOB_NAME", "SLURM_JOB_NODELIST", "SLURM_NODELIST", "SLURM_JOB_NUM_NODES"),
    *("SLURM_NNODES", "SLURM_SUBMIT_DIR", "SLURM_SUBMIT_HOST", "SLURM_CPUS_ON_NODE", "SLURM_JOB_CPUS_PER_NODE"),
    *("SLURM_JOB_PARTITION", "SLURM_JOB_ACCOUNT", "SLURM_JOB_USER", "SLURM_JOB_UID", "SLURM_CLUSTER_NAME"),
    *("SLURM_NODEID", "SLURM_LOCALID", "SLURM_PROCID", "SLURM_TASKS_PER_NODE", "SLURM_TASK_PID", "SLURMD_NODENAME"),
    *("SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE", "SLURM_HET_SIZE", "SLURM_HET_JOB_ID", "SLURM_JOB_QOS", "SLURM_GTIDS"),
    *("SLURM_JOB_START_TIME", "SLURM_JOB_END_TIME", "SLURM_RESTART_COUNT", "SLURM_TOPOLOGY_ADDR", "SLURM_CONF"),
    *("SLURM_STEP_ID", "SLURM_STEPID", "SLURM_STEP_NODELIST", "SLURM_STEP_NUM_NODES", "SLURM_STEP_NUM_TASKS"),
    *("SLURM_NPROCS", "SLURM_EXPORT_ENV", "SLURM_TMPDIR", "SLURM_SCRATCH", "SLURM_JOB_GID", "SLURM_JOB_GROUP"),
    *("SLURM_LAUNCH_NODE_IPADDR", "SLURM_SRUN_COMM_HOST", "SLURM_DISTRIBUTION", "SLURM_JOB_DEPENDENCY"),
    *("SLURM_JOB_RESERVATION", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"),
    *("SLURM_THREADS_PER_CORE", "SLURM_PRIO_PROCESS", "SLURM_WORKING_CLUSTER", "SLURM_STEP_GPUS", "SLURM_MEM_BIND"),
    *("SLURM_SHARDS_ON_NODE", "SLURM_OVERCOMMIT", "SLURM_PROFILE", "SLURM_CPU_BIND", "SLURM_JOB_COMMENT"),
    *("SLURM_JOB_EXTRA_NODE_INFO", "SLURM_JOB_LICENSES", "SLURM_CONTAINER", "SLURM_WCKEY", "SLURM_CLUSTERS"),
)
"""Variables that Slurm sets in every job, or of which it is not known."""


LONG_ENOUGH = frozenset(name for name in OPTIONS if len(name) > 2)  # noqa: PLR2004 - "bb" may be a letter and its value


@dataclass(frozen=True)
class Directive:
    """An option in a line `#SBATCH ...`.

    Attributes:
        line: The line, counted from 1.
        name: The long name, as it is written if it is unknown.
        value: The value, "" if there is none.
        component: The part of a heterogeneous job, counted from 0.
        known: Whether sbatch has such an option.
    """

    line: int
    name: str
    value: str
    component: int
    known: bool


def full_name(text: str) -> str | None:
    """Return the option that a long name, or the beginning of one, stands for; None if there is none.

    Example:
        >>> full_name("cpus-per-t"), full_name("gpu"), full_name("nodes")
        ('cpus-per-task', None, 'nodes')
    """
    if text in OPTIONS:
        return text
    matches = [name for name in OPTIONS if name.startswith(text)]
    return matches[0] if len(matches) == 1 else None


def parse_directive(text: str, line: int, component: int) -> list[Directive]:
    """Return the options of the text after #SBATCH; words that belong to no option have the name ""."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        words = text.split()
    result = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word.startswith("--"):
            given, equals, value = word[2:].partition("=")
            name = full_name(given)
        elif word.startswith("-") and full_name(word[1:].partition("=")[0]) in LONG_ENOUGH:
            given, equals, value = word.partition("=")  # with one hyphen, a letter whose value is the rest of the word
            name = None
        elif word.startswith("-") and len(word) > 1:
            given, value = word[:2], word[2:]
            name, equals = LETTERS.get(word[1]), value
        else:
            result.append(Directive(line, "", word, component, known=False))
            continue
        takes_next = not equals and (name is None or name not in FLAGS)
        if takes_next and index < len(words) and not words[index].startswith("-"):
            value = words[index]
            index += 1
        result.append(Directive(line, name or given, value, component, known=name is not None))
    return result


def devices(text: str) -> int | None:
    """Return the number of GPUs in a value such as "4", "a100:4" or "gpu:a100:4"; None if it has none.

    Example:
        >>> devices("4"), devices("a100:4"), devices("gpu:h100:8(S:0-1)"), devices("gpu"), devices("mps:50")
        (4, 4, 8, 1, None)
    """
    total = None
    for part in re.sub(r"\([^)]*\)", "", text).split(","):
        words = re.split(r"[:=]", part.removeprefix("gres/").removeprefix("gres:"))
        if words[-1].isdecimal():
            if words[0] in ("mps", "shard") or (len(words) > 1 and words[0] in ("nic", "tmpdisk", "craynetwork")):
                continue
            total = (total or 0) + int(words[-1])
        elif words[0] == "gpu":
            total = (total or 0) + 1
    return total


def hosts(text: str) -> list[str]:
    """Return the nodes of a list such as "node[01-03],gpu7"; none for a path or a list that cannot be read.

    Example:
        >>> hosts("node[01-03,07],gpu7")
        ['node01', 'node02', 'node03', 'node07', 'gpu7']
    """
    if "/" in text or not HOSTS.fullmatch(text):
        return []
    result = []
    for entry in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):
        names = [""]
        for plain, ranges in re.findall(r"([^\[]+)|\[([^\]]*)\]", entry.partition("*")[0]):
            ends = [plain] if plain else [number for one in ranges.split(",") for number in numbers(one)]
            names = [f"{name}{end}" for name in names for end in ends]
        result += names
    return result


def numbers(text: str) -> list[str]:
    """Return the numbers of a range such as "08-10", with as many digits as its beginning; at most ten thousand."""
    first, dash, last = text.partition("-")
    end = int(last) if dash else int(first)
    return [f"{number:0{len(first)}}" for number in range(int(first), min(end, int(first) + 9999) + 1)]


def minutes(text: str) -> float | None:
    """Return a time of sbatch in minutes, None for one without limit.

    Example:
        >>> minutes("90"), minutes("2-00"), minutes("01:30:00")
        (90.0, 2880.0, 90.0)
    """
    if not TIME.fullmatch(text) or not text[0].isdecimal():
        return None
    days, dash, rest = text.rpartition("-")
    parts = [float(part) for part in rest.split(":")]
    if dash:
        hours, minute, second = [*parts, 0.0, 0.0][:3]
        return float(days) * 1440 + hours * 60 + minute + second / 60
    if len(parts) == len(("hours", "minutes", "seconds")):
        return parts[0] * 60 + parts[1] + parts[2] / 60
    return parts[0] + (parts[1] / 60 if parts[1:] else 0)
