"""Checks of the command of a job: the options of `raytune-suite run`, the study's storage, what a pod cannot run.

Sources: the command line of raytune-suite; Ray Jobs, which run the entrypoint on the head; read in 2026-11.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.job_endings import inner
from raytune_suite.cluster.checks.kuberay_jobs import POD, number
from raytune_suite.cluster.checks.schema_errors import closest
from raytune_suite.cluster.pools import cluster_spec, dicts
from raytune_suite.cluster.shell import option_values, simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.shell import SimpleCommand

PROGRAM = "raytune-suite"
SUBCOMMANDS = ("bench", "cluster", "completion", "data", "diff", "list", "logs", "report", "run", "watch")
OPTIONS = (
    *("--arg", "--budget", "--compute", "--cpus", "--engine", "--format", "--gpus", "--help", "--max-concurrent"),
    *("--max-t", "--method", "--metric", "--metrics-file", "--mode", "--name", "--num-samples", "--pattern", "--plot"),
    *("--price-per-hour", "--resources", "--resume", "--retry-failed", "--seed", "--space", "--storage-path"),
    *("--test-seeds", "--time-attr", "--time-limit", "--tracker", "--tuning-seeds", "--workers"),
)
"""The subcommands, and the options of `run`; a test compares them with the command line."""

INVERTED = re.compile(
    r"\b(test|\[\[?)\s+!\s*-[defs]\s[^;&|]*&&\s*echo\s+[\"']?--resume|"
    r"\b(test|\[\[?)\s+-[defs]\s[^;&|]*\|\|\s*echo\s+[\"']?--resume"
)
"""Tests by which a study is resumed if it does not exist."""

NOT_IN_PODS = {
    "sudo": "containers have no `sudo`, and no password: remove it",
    "kubectl": "the image has no `kubectl`, and the pod no rights: write the program's command only",
    "docker": "pods have no Docker: write the program's command only",
    "srun": "this is not a Slurm job: write the program's command only",
    "sbatch": "this is not a Slurm job: write the program's command only",
}
OF_RAY = ("start", "stop", "up", "down", "submit", "attach", "exec")
"""Subcommands of `ray` by which a job starts or ends the cluster on which it runs."""

VARIABLE = re.compile(r"(?<![\\$])\$\{?([A-Z][A-Z0-9_]*)\}?")
ALWAYS_SET = re.compile(
    r"HOME|PATH|USER|PWD|SHELL|HOSTNAME|LANG|TMPDIR|RAY_\w+|FQ_RAY_IP|KUBERNETES_\w+|CUDA_\w+|NVIDIA_\w+|\w+_SERVICE_\w+|"
    r"\w+_PORT(_\w+)?|REDIS_PASSWORD|LD_LIBRARY_PATH|PYTHON\w*|RANDOM|SECONDS|PIPESTATUS|UID|PPID|OLDPWD|IFS|CONDA_\w+"
)

NUMBERS = ("num-samples", "time-limit", "cpus", "gpus")
"""Options of `raytune-suite run` whose values are numbers."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in the command of a job."""
    job = cluster_spec(document)[:-1]
    where, text = (*job, "entrypoint"), document.get(*job, "entrypoint")
    if document.get("kind") not in ("RayJob", "RayCronJob") or not isinstance(text, str):
        return
    script = inner(text)
    for part in simple_commands(re.sub(r"\$\([^()]*\)", "$X", script)):
        for code, reason, remedy in [*own_program(part), *elsewhere(part)]:
            severity: Severity = "error" if code in ("RTS820", "RTS704") and part.program == PROGRAM else "warning"
            yield finding(document, code, where, reason, remedy, severity=severity)
    yield from no_command(document, where, text)
    yield from resuming(document, where, text)
    yield from unset(document, where, script)
    yield from relative(document, where, script)
    yield from custom(document, job)


def not_numbers(given: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield texts in options that expect numbers."""
    for name in sorted(set(NUMBERS) & set(given)):
        if "$" not in given[name] and not re.fullmatch(r"(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", given[name]):
            yield "RTS820", f"`--{name}` is {given[name]!r}, but must be a number", "write the number without a unit"


def no_command(document: ClusterDocument, where: KeyPath, text: str) -> Iterator[Finding]:
    """Yield a shell that takes a whole command for the name of a file, because it is not given `-c`."""
    for part in simple_commands(text):
        words = [word for word in part.words[1:] if not word.startswith("-")]
        by_name = re.fullmatch(r"(?:ba|da|z|k)?sh", part.program) and not any(
            re.fullmatch(r"-\w*[cs]\w*", word) for word in part.words[1:]
        )
        if by_name and words and re.search(r"\s", words[0].strip()):
            reason = f"{part.program} looks for a file named {words[0][:30]!r}..., because it is not given `-c`"
            yield finding(document, "RTS415", where, reason, f"write `{part.program} -c '...'`")


def own_program(part: SimpleCommand) -> Iterator[tuple[str, str, str]]:
    """Yield subcommands and options that raytune-suite does not have, and a study that is stored in the pod only."""
    if part.program != PROGRAM or len(part.words) == 1:
        return
    subcommand, words = part.words[1], part.words[2:]
    if re.fullmatch(r"[a-z]+", subcommand) and subcommand not in SUBCOMMANDS:
        hint = closest(subcommand, SUBCOMMANDS)
        reason = f"raytune-suite has no command {subcommand!r}{hint and f': {hint}'}"
        yield "RTS820", reason, f"write one of {', '.join(SUBCOMMANDS)}"
    if subcommand != "run":
        return
    words = words[: words.index("--")] if "--" in words else words
    for word in words:
        name = word.partition("=")[0]
        if name.startswith("--") and not any(one.startswith(name) for one in OPTIONS):
            hint = closest(name.replace("_", "-"), OPTIONS)
            reason = f"`raytune-suite run` has no option `{name}`{hint and f': {hint}'}"
            better = name.replace("_", "-") if name.replace("_", "-") in OPTIONS else "see `raytune-suite run --help`"
            yield "RTS820", reason, f"write `{better}`" if better in OPTIONS else better
    given = option_values(words, ("resume", "retry-failed", "help"))
    yield from not_numbers(given)
    gpus = given.get("gpus", "")
    if re.fullmatch(r"\d+\.\d+", gpus) and float(gpus) > 1 and float(gpus) != int(float(gpus)):
        reason = f"a trial has {gpus} GPUs, but it can have a fraction of one, or whole ones"
        yield "RTS704", reason, f"write `--gpus {int(float(gpus))}`"
    if (
        "storage-path" not in given
        and not any("storage" in word for word in words)
        and "$" not in " ".join(words).replace("$X", "")
    ):
        reason = "without `--storage-path` the study is stored in the head's own pod, and lost with it"
        yield "RTS501", reason, "add `--storage-path` with a folder of the shared volume, or a URI such as s3://bucket"
    if "resume" in given and "name" not in given:
        yield "RTS820", "`--resume` resumes the study called `--name`, which is missing", "add `--name NAME`"


def elsewhere(part: SimpleCommand) -> Iterator[tuple[str, str, str]]:
    """Yield programs that a pod does not have, or that start or end the cluster of the job."""
    name = next((one for one in (*part.prefixes, part.program) if one in NOT_IN_PODS), None)
    if name is not None:
        reason, _, remedy = NOT_IN_PODS[name].partition(": ")
        yield "RTS820", reason, remedy
    if part.program == "ray" and len(part.words) > 1 and part.words[1] in OF_RAY:
        reason = (
            f"the job runs on a cluster of the operator's, which `ray {part.words[1]}` starts or ends a second time"
        )
        yield "RTS820", reason, "remove it"


def resuming(document: ClusterDocument, where: KeyPath, text: str) -> Iterator[Finding]:
    """Yield a study that is not resumed when the job is run again, or only when there is none."""
    if INVERTED.search(text):
        reason = "`--resume` is given if the study does not exist, and missing if it does"
        remedy = "write `$(test -d FOLDER && echo --resume)`"
        yield finding(document, "RTS804", where, reason, remedy, severity="warning")
    again = number(document.get(*where[:-1], "backoffLimit")) > 0
    if not again and "--resume" in text and document.get(*where[:-1], "clusterSelector") is None:
        beside = document.get(*where[:-1], "submitterConfig", "backoffLimit") is not None
        reason = "the command resumes the study, but without `backoffLimit` nothing runs it again after a failure"
        if beside:
            reason += " (that of `submitterConfig` only counts the pod which submits the job)"
        remedy = "add `backoffLimit: 2` beside `entrypoint`"
        yield finding(document, "RTS804", where, reason, remedy, severity="warning")
    if again and re.search(r"\braytune-suite run\b", text) and "--resume" not in text:
        reason = "the job is run again after a failure (`backoffLimit`), but without `--resume` the study starts over"
        remedy = "add `--name NAME $(test -d FOLDER/NAME && echo --resume)`"
        yield finding(document, "RTS804", where, reason, remedy, severity="warning")


def unset(document: ClusterDocument, where: KeyPath, script: str) -> Iterator[Finding]:
    """Yield variables that nothing sets in the pod of the head."""
    container: KeyPath = (*where[:-1], "rayClusterSpec", "headGroupSpec", *POD, "containers", 0)
    if document.entries(*container, "envFrom") or not document.mapping(*container):
        return
    known = {str(one.get("name")) for one in dicts(document.entries(*container, "env"))}
    known |= set(re.findall(r"\b([A-Z][A-Z0-9_]*)=", script)) | set(re.findall(r"\b(?:for|read)\s+([A-Z]\w*)", script))
    try:
        environment = yaml.safe_load(str(document.get(*where[:-1], "runtimeEnvYAML", default="")))
    except yaml.YAMLError:
        environment = None
    given = environment.get("env_vars") if isinstance(environment, dict) else None
    known |= set(map(str, given)) if isinstance(given, dict) else set()
    for name in dict.fromkeys(VARIABLE.findall(script)):
        if name not in known and not ALWAYS_SET.fullmatch(name):
            reason = f"${name} is not set in the pod of the head, so it is empty"
            remedy = f"add `- {{name: {name}, value: ...}}` to the `env` of the containers"
            yield finding(document, "RTS417", where, reason, remedy, severity="warning")


def custom(document: ClusterDocument, job: KeyPath) -> Iterator[Finding]:
    """Yield custom resources for the command of a job that no group of pods has."""
    top = cluster_spec(document)
    try:
        wanted = json.loads(str(document.get(*job, "entrypointResources")))
    except ValueError:
        return  # another rule reports it
    groups = [
        (*top, "headGroupSpec"),
        *((*top, "workerGroupSpecs", i) for i in range(len(document.entries(*top, "workerGroupSpecs")))),
    ]
    offered = " ".join(
        f"{document.get(*one, 'resources')} {document.get(*one, 'rayStartParams', 'resources')}" for one in groups
    )
    for name in wanted if isinstance(wanted, dict) and document.mapping(*top) else ():
        if (
            name not in offered
            and not name.startswith(("node:", "accelerator_type:"))
            and name not in ("CPU", "GPU", "TPU")
        ):
            reason = f"the command needs the resource {name!r}, which no group of pods has: it never starts"
            remedy = f'add `resources: {{{name}: "1"}}` to a group, or remove it'
            yield finding(document, "RTS818", (*job, "entrypointResources"), reason, remedy)


def relative(document: ClusterDocument, where: KeyPath, script: str) -> Iterator[Finding]:
    """Yield a program of the user's folder, which the pod does not have."""
    job = where[:-1]
    container: KeyPath = (*job, "rayClusterSpec", "headGroupSpec", *POD, "containers", 0)
    moved = "working_dir" in str(document.get(*job, "runtimeEnvYAML")) or document.get(*container, "workingDir")
    for part in simple_commands(script):
        words = [word for word in part.words[1:] if not word.startswith("-")]
        if part.program == "cd":
            return
        ours = part.program.startswith("python") and "-c" not in part.words and "-m" not in part.words
        if ours and words and not moved and re.match(r"\./|\.\./", words[0]) and words[0].endswith(".py"):
            reason = (
                f"{words[0]} is looked up in the folder in which the head starts jobs, and your machine's is not copied"
            )
            remedy = (
                "write its path in the image, or `runtimeEnvYAML` with a `working_dir` that is the URI of a .zip file"
            )
            yield finding(document, "RTS820", where, reason, remedy, severity="warning")
