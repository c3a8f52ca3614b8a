"""Checks of shell commands that nobody watches: syntax, questions, rights, and programs that do not end."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from raytune_suite.cluster.checks import joined_commands, shell_lint
from raytune_suite.cluster.ray_start import FLAGS, OPTIONS, contradictions, wrong_command, wrong_option, wrong_value
from raytune_suite.cluster.shell import (
    SimpleCommand,
    bash,
    bash_message,
    option_values,
    simple_commands,
    syntax_errors,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity


class Problem(NamedTuple):
    """A mistake in a shell command, before it is known where the command is written."""

    code: str
    reason: str
    remedy: str
    line: int = 0
    severity: Severity | None = None


YES = (
    "-y",
    "--yes",
    "--assume-yes",
    "--assumeyes",
    "-qq",
    "--noconfirm",
    "-qy",
    "-yq",
    "-yqq",
)
ASKING: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(
        ("apt-get", "apt"),
        (("install", "upgrade", "dist-upgrade", "full-upgrade", "remove", "purge", "autoremove"), YES),
    ),
    **dict.fromkeys(("yum", "dnf"), (("install", "update", "upgrade", "remove", "groupinstall"), YES)),
    "zypper": (("install", "update", "remove", "in", "up", "rm"), ("-n", "--non-interactive", *YES)),
    **dict.fromkeys(("conda", "mamba", "micromamba"), (("install", "create", "update", "upgrade", "remove"), YES)),
    **dict.fromkeys(("pip", "pip3"), (("uninstall",), ("-y", "--yes"))),
    "add-apt-repository": ((), YES),
    "pacman": (("-S", "-Syu", "-Sy", "-R"), ("--noconfirm",)),
    "ssh-keygen": ((), ("-N", "-R", "-l", "-F", "-y")),
    "ray": (("down", "up"), ("-y", "--yes")),
}
"""Programs that ask before they act: their subcommands that do, and the options that answer."""

INTERACTIVE = (
    *("vi", "vim", "nano", "emacs", "passwd", "less", "more", "top", "htop", "visudo", "nvtop", "nmtui", "mc", "ftp"),
    *("telnet", "ipython", "gdb", "btop", "ncdu", "chsh"),
)
WITHOUT_ARGUMENTS = ("python", "python3", "bash", "sh", "zsh", "su", "R", "node", "sqlite3", "psql", "mysql", "cat")
"""Programs that read from the terminal if they have no argument."""

QUESTIONS: dict[str, tuple[str, str]] = {
    r"(bash|sh) \S*(Miniconda|Anaconda|Miniforge|Mambaforge)\S*(?!.* -\w*b)": ("asks for the license", "add `-b`"),
    r"(bash |sh )?\S*cuda_\S+\.run(?!.*--(silent|extract|toolkitpath))": ("asks for the license", "add `--silent`"),
    r"(bash |sh )?\S*NVIDIA-Linux\S+\.run(?!.*( -s|--silent|--ui=none))": ("asks before it acts", "add `--silent`"),
    r"git commit(?= |$)(?!.*( -\w*[mFC]|--message|--no-edit|--file))": ("opens an editor", "add `-m TEXT`"),
    r"git rebase .*(-i|--interactive)\b": ("opens an editor", "remove `-i`"),
    r"crontab .*-e\b": ("opens an editor", "write `(crontab -l; echo '...') | crontab -`"),
    r"adduser (?!.*(--gecos|--comment|--system|--disabled-login|-D\b|-m\b|--create-home))\w+$": (
        "asks for a password and a name",
        "write `useradd --create-home NAME`",
    ),
    r"openssl req (?!.*(-subj|-batch|-config|-in\b))": (
        "asks for the names of the certificate",
        "add `-subj /CN=NAME`",
    ),
    r"gcloud (?!.*(-q\b|--quiet)).*\b(delete|components (install|update))\b": (
        "asks before it acts",
        "add `--quiet`",
    ),
    r"(rm|cp|mv) (\S+ )*(-\w*i\w*|--interactive)( |$)": ("asks for each file", "remove `-i`"),
    r"apt-key adv .*--edit-key|gpg (--full-)?(generate|gen|edit)-key(?!.*--batch)": ("asks for names", "add `--batch`"),
    r"terraform (apply|destroy)(?!.*-auto-approve)": ("asks before it acts", "add `-auto-approve`"),
    r"(npm|yarn|poetry) init(?!.* (-y|--yes|-n|--no-interaction))": ("asks for names", "add `-y`"),
    r"dpkg-reconfigure (?!.*(-f\s*noninteractive|--frontend[= ]noninteractive))": (
        "asks questions",
        "add `-fnoninteractive`",
    ),
    r"su(?!.* (-c|--command)\b)( -\S*| \w+)*$|bash (-i|-l|--login)( -i| -l)*$|newgrp\b": (
        "starts a shell that waits for commands",
        "write `sudo -u USER bash -c '...'`",
    ),
    r"do-release-upgrade(?!.* -f)": ("asks questions", "use an image of the newer release"),
}
"""Commands that ask a question, by a pattern: what they do, and what to write."""
LOGINS = {
    ("wandb", "login"): "set the environment variable WANDB_API_KEY",
    ("huggingface-cli", "login"): "set the environment variable HF_TOKEN",
    ("docker", "login"): "use `--password-stdin`, or a credential helper",
    ("gcloud", "auth", "login"): "use a service account",
    ("aws", "configure"): "use an instance profile, or environment variables",
    ("aws", "sso", "login"): "use an instance profile, or environment variables",
    ("az", "login"): "add `--identity`, or use a service principal",
    ("gcloud", "init"): "use a service account",
    ("gcloud", "auth", "application-default", "login"): "use a service account",
    ("gh", "auth", "login"): "set the environment variable GH_TOKEN",
    ("hf", "auth", "login"): "set the environment variable HF_TOKEN",
    ("wandb", "init"): "set the environment variables WANDB_API_KEY and WANDB_PROJECT",
    ("ray", "attach"): "remove it",
}
"""Commands that ask for a secret if they have no further argument."""

ENDLESS = re.compile(
    r"tail (?:\S+ )*(?:-f|-F|--follow)\b|sleep (?:inf|infinity)\b|jupyter(?:-lab|-notebook)? |watch\b|code-server\b|"
    r"jupyter-(?:lab|notebook)\b|tensorboard\b|mlflow (?:ui|server)\b|prometheus\b|serve run\b|optuna-dashboard\b|"
    r"python[\d.]* -m (?:http\.server|tensorboard\S*)|ray (?:start (?:.*)--block\b)|"
    r"docker run (?!(?:.* )?(?:-\w*d\w*|--detach)(?: |$))"
    r".*\b(?:prom/|grafana/|redis:|postgres:|nginx|minio/|mlflow)\S*$"
)
"""Commands that run until they are stopped."""

REBOOT = re.compile(r"(?:reboot|poweroff|halt|shutdown)\b(?! -c)|init [06]\b|systemctl (?:reboot|poweroff|halt)\b")
"""Commands that stop the machine."""

LOST = ("cd", "export", "source", ".", "alias", "ulimit", "umask", "shopt", "module", "pushd")
"""Commands that only change the shell in which they run."""

SYSTEM_FOLDERS = re.compile(r"/(etc|usr|opt|root|var|lib|boot|sys|proc|bin|sbin|srv)(/|$)")
AS_ROOT = (
    "apt-get",
    "apt",
    "yum",
    "dnf",
    "mount",
    "umount",
    "systemctl",
    "sysctl",
    "modprobe",
    "useradd",
    "add-apt-repository",
)
"""Programs that only root may run."""

CHANGES = ("mkdir", "touch", "chmod", "chown", "cp", "mv", "ln", "rm", "rmdir", "tee", "install")
"""Programs that change files."""

LIMITS = ("unlimited", "hard", "soft")
"""Words that `ulimit` knows, besides numbers."""

DETACHED = ("nohup", "setsid")

TO_SOURCE = re.compile(r"(?:\S*/)?(?:bin/activate|\.bashrc|\.bash_profile|\.profile|\.zshrc|profile\.d/\S+|init/bash)")
"""Files that change the shell which reads them, so that running them has no effect."""


def check_commands(
    commands: list[str], *, user: str | None = None, own_shells: bool = True
) -> dict[int, list[Problem]]:
    """Return the problems of shell commands that run without a person, by index.

    Args:
        commands: The commands.
        user: The account that runs them, None if unknown, as in a container.
        own_shells: Whether each command runs in its own shell.
    """
    messages = syntax_errors(commands)
    result: dict[int, list[Problem]] = {}
    for index, text in enumerate(commands):
        if index in messages:
            reason = f"bash cannot read the command: {messages[index]}"
            result[index] = [Problem("RTS415", reason, "close the quotation, bracket or block, or escape it")]
            continue
        parts = simple_commands(text)
        found = [*own_problems(text, user)]
        found += [problem for part in parts for problem in inner_syntax(part, text)]
        if own_shells and parts and all(only_changes_shell(part) for part in parts):
            shown = " ".join(parts[-1].words or parts[-1].assignments)[:60]
            reason = f"`{shown}` has no effect on the other commands: each runs in its own shell"
            remedy = f"write it before the command that needs it, as in `{shown} && ...`"
            found.append(Problem("RTS416", reason, remedy))
        result[index] = found
    return {index: found for index, found in result.items() if found}


@lru_cache(maxsize=1024)
def own_problems(text: str, user: str | None) -> tuple[Problem, ...]:
    """Return the problems of a command that do not depend on the others, nor on this machine."""
    found = [problem for part in simple_commands(text) for problem in check_one(part, user)]
    lints = [*shell_lint.check(text), *joined_commands.check(text)]
    return (*found, *(Problem(*lint) for lint in lints))


def inner_syntax(part: SimpleCommand, text: str) -> Iterator[Problem]:
    """Yield a problem if another shell cannot read the text in single quotes that it gets by `-c`."""
    if part.program not in ("bash", "sh") or bash() is None:
        return
    for option, inner in itertools.pairwise(part.words):
        quoted_once = re.fullmatch(r"-[a-z]*c", option) is not None and f"'{inner}'" in text
        message = bash_message(inner) if quoted_once and "\n" not in inner else ""
        if message:
            reason = f"{part.program} cannot read {inner[:40]!r}: {message}"
            yield Problem("RTS415", reason, "close the quotation, bracket or block, or add `;` before `do`", part.line)


def only_changes_shell(part: SimpleCommand) -> bool:
    """Return whether a command has no effect beyond its shell."""
    if part.redirections:
        return False
    if not part.words:
        return bool(part.assignments)
    return part.program in LOST or part.words[:2] in (("conda", "activate"), ("mamba", "activate"), ("set", "-e"))


def check_one(part: SimpleCommand, user: str | None) -> Iterator[Problem]:
    """Yield the problems of one simple command."""
    yield from asks(part)
    yield from endless(part)
    yield from rights(part, user)
    extra = next((word for word in part.words[1:] if re.fullmatch(r"[a-z]\S*", word) and word not in LIMITS), None)
    if part.program == "ulimit" and extra is not None:
        yield Problem("RTS415", f"`ulimit` takes {extra!r} as an argument", f"write `;` before {extra!r}", part.line)
    if part.words[:2] == ("ray", "start"):
        yield from ray_start_options(part)
    elif part.program == "ray" and (unknown := wrong_command(part.words)) is not None:
        yield Problem("RTS410", *unknown, part.line)
    if part.program in ("source", ".") and re.search(r"/activate\.(csh|fish|ps1|bat)$", " ".join(part.words[1:2])):
        reason = f"{part.words[1]} is for another shell than bash"
        yield Problem("RTS415", reason, f"write `source {part.words[1].rpartition('.')[0]}`", part.line)
    file = part.words[1] if part.program in ("bash", "sh", "zsh") and len(part.words) > 1 else "".join(part.words[:1])
    if TO_SOURCE.fullmatch(file):
        reason = f"{file} changes the shell that runs it, which ends at once (or it cannot be run at all)"
        yield Problem("RTS416", reason, f"write `source {file}`", part.line, "error")


def asks(part: SimpleCommand) -> Iterator[Problem]:
    """Yield a problem if a command asks a question, or needs a terminal."""
    if part.program in ASKING and not part.piped:
        subcommands, answers = ASKING[part.program]
        used = next((word for word in part.words[1:] if word in subcommands), None)
        answered = any(
            word in answers or (word[:1] == "-" and word[:2] != "--" and "y" in word[1:]) for word in part.words[1:]
        )
        if part.program == "conda" and part.words[1:2] == ("env",):
            return
        if (used is not None or not subcommands) and not answered and "--dry-run" not in part.words:
            answer = answers[0]
            if part.program == "ssh-keygen":
                reason, remedy = "`ssh-keygen` asks for a file and a passphrase", "add `-N '' -f FILE`"
            else:
                shown = " ".join(filter(None, (part.program, used)))
                reason, remedy = f"`{shown}` asks before it acts, and nobody answers", f"write `{shown} {answer} ...`"
            yield Problem("RTS413", reason, remedy, part.line)
    yield from questions(part)


def questions(part: SimpleCommand) -> Iterator[Problem]:
    """Yield a problem if a command asks for a secret or a decision, or needs a terminal."""
    for login, remedy in LOGINS.items():
        if part.words[: len(login)] == login and len(part.words) == len(login) and not part.piped:
            reason = f"`{' '.join(login)}` asks for a secret, and nobody answers"
            yield Problem("RTS413", reason, remedy, part.line)
    text = " ".join((part.program, *part.words[1:]))
    for pattern, (does, remedy) in QUESTIONS.items() if not part.piped and not answered_by_variable(part) else ():
        if re.match(pattern, text):
            yield Problem("RTS413", f"`{text[:40]}` {does}, and nobody answers", remedy, part.line)
    alone = len(part.words) == 1 and part.program in WITHOUT_ARGUMENTS and not part.redirections
    if (part.program in INTERACTIVE or alone) and not part.piped and not {"--version", "-b"} & set(part.words):
        reason = f"`{part.program}` needs a terminal and a person"
        yield Problem("RTS413", reason, "use a command that needs neither, such as sed", part.line)
    fed = part.piped or "-t" in part.words or any(operator.startswith("<") for operator, _ in part.redirections)
    if part.program == "read" and not fed and "while" not in part.prefixes:  # a loop usually has its own input
        yield Problem("RTS413", "`read` waits for input, and nobody answers", "use a fixed value", part.line)


def answered_by_variable(part: SimpleCommand) -> bool:
    """Return whether the environment of a command says that nobody is there."""
    return any(
        one.startswith(("DEBIAN_FRONTEND=", "CLOUDSDK_CORE_DISABLE_PROMPTS="))
        for one in (*part.assignments, *part.words)
    )


def endless(part: SimpleCommand) -> Iterator[Problem]:
    """Yield a problem if a command never ends, or ends with the connection."""
    text = " ".join((part.program, *part.words[1:]))
    if REBOOT.match(text):
        reason = f"`{text}` ends the connection, so what follows is never run, and the set-up counts as failed"
        yield Problem("RTS412", reason, "remove it, or use a machine image that is set up already", part.line)
    if ENDLESS.match(text) and not part.in_background and "timeout" not in part.prefixes:
        if "--block" in part.words:
            reason, remedy = "`ray start --block` does not end, so what follows is never run", "remove `--block`"
        else:
            reason = f"`{part.program}` runs until it is stopped, so what follows is never run"
            remedy = f"write `nohup {text[:40]} > log 2>&1 &`, or remove it"
        yield Problem("RTS412", reason, remedy, part.line)
    elif part.in_background and not set(part.prefixes) & set(DETACHED) and part.words and part.program != "sleep":
        reason = f"`{part.program}` runs in the background of a connection, and ends with it"
        remedy = f"write `nohup {text[:40]} > log 2>&1 &`"
        yield Problem("RTS412", reason, remedy, part.line, "warning")


def rights(part: SimpleCommand, user: str | None) -> Iterator[Problem]:
    """Yield a problem if a command lacks the rights to write a file, or to run."""
    if user == "root":
        return
    writes = [path for operator, path in part.redirections if ">" in operator and SYSTEM_FOLDERS.match(path)]
    if writes and "sudo" in part.prefixes:
        operator = next(operator for operator, path in part.redirections if path == writes[0])
        reason = (
            f"`sudo` does not cover the redirection: the account itself opens {writes[0]}, which only root may write"
        )
        append = " -a" if ">>" in operator else ""
        remedy = f"write `{' '.join(part.words[:1])} ... | sudo tee{append} {writes[0]}`"
        yield Problem("RTS414", reason, remedy, part.line)
    elif writes and user is not None:
        reason = f"{user} may not write {writes[0]}"
        yield Problem("RTS414", reason, f"write `... | sudo tee -a {writes[0]}`", part.line, "warning")
    paths = [word for word in part.words[1:] if SYSTEM_FOLDERS.match(word)]
    target = paths[-1:] if part.program in ("cp", "mv", "ln") else paths
    if part.program in CHANGES and target and user is not None and "sudo" not in part.prefixes and part.after != "||":
        reason = f"{user} may not change {target[0]}"
        yield Problem("RTS414", reason, f"write `sudo {part.program} ...`", part.line, "warning")
    if part.program in AS_ROOT and user is not None and "sudo" not in part.prefixes and len(part.words) > 1:
        if part.program in ("mount", "systemctl", "sysctl") and part.words[1] in ("-l", "status", "--user", "-a", "-n"):
            return
        reason = f"only root may run `{' '.join(part.words[:2])}`, but the account is {user}"
        yield Problem("RTS414", reason, f"write `sudo {' '.join(part.words[:2])} ...`", part.line)


def ray_start_options(part: SimpleCommand) -> Iterator[Problem]:
    """Yield the options of a `ray start` that do not exist or have the wrong value."""
    given = option_values(part.words[2:], FLAGS)
    for name, value in given.items():
        unknown = wrong_option(name)
        if unknown is not None:
            yield Problem("RTS410", *unknown, part.line)
        elif value and OPTIONS.get(name) == "flag":
            reason = f"`--{name}` takes no value, but has {value!r}"
            yield Problem("RTS410", reason, f"write `--{name}`", part.line)
        elif value or name not in FLAGS:
            wrong = wrong_value(name, value)
            if wrong is not None:
                yield Problem("RTS410", *wrong, part.line)
    for word in part.words[2:]:
        if re.fullmatch(r"-[a-z]{2,}[\w-]*(=.*)?", word):
            name = word.lstrip("-").partition("=")[0]
            yield Problem("RTS410", f"`ray start` has no option `{word}`", f"write `--{name}`", part.line)
    names = [word[2:].partition("=")[0] for word in part.words[2:] if word.startswith("--")]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem("RTS410", f"`--{name}` is given twice, and Ray uses the last", "remove one", part.line, "warning")
    for reason, remedy in contradictions(given):
        yield Problem("RTS410", reason, remedy, part.line)
