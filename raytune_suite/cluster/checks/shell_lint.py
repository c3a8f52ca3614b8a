"""Checks of the language of shell commands: what bash reads without an error, but not as it is meant.

Many of them are those of ShellCheck (https://www.shellcheck.net/wiki), whose codes are in the comments.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from raytune_suite.cluster.checks.sizes import of_command
from raytune_suite.cluster.checks.subcommands import misspelled
from raytune_suite.cluster.shell import SimpleCommand, quoted, simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity


class Lint(NamedTuple):
    """A mistake in a shell command.

    Attributes:
        code: The code of the finding.
        reason: What is wrong.
        remedy: What to write.
        line: The line of the text, counted from 0.
        severity: "error" or "warning".
    """

    code: str
    reason: str
    remedy: str
    line: int
    severity: Severity


ARITHMETIC = re.compile(r"\$?\(\((?:[^()\n]|\([^()\n]*\))*\)\)")
"""An arithmetic expression, in which spaces around `=` are allowed."""

TESTS = ("test", "[", "[[", "expr", "let", "((")
DECLARES = ("export", "declare", "local", "readonly", "typeset")
BUILT_IN = ("cd", "source", ".", "export", "alias", "ulimit", "umask", "set", "shopt", "exit")
"""Commands of the shell, which `sudo` does not find."""

SETTINGS = re.compile(
    r"(~|\$HOME|\$\{HOME\})/\.(bashrc|bash_profile|profile|bash_aliases|zshrc|ssh/(authorized_keys|known_hosts|config))|"
    r"/etc/(fstab|hosts|environment|profile|passwd|group|sudoers|resolv\.conf|apt/sources\.list|security/limits\.conf)"
)
"""Files to which lines are added."""

NEEDED = re.compile(r"bashrc|authorized_keys|fstab|passwd|group|sudoers")
"""Those without which commands or logins fail."""

FILES = ("cd", "ls", "mkdir", "cp", "mv", "rm", "touch", "cat", "source", ".", "rsync", "ln", "chmod", "tar", "unzip")
PIP_VALUES = (
    *("-c", "-r", "-e", "-f", "-i", "-t", "--constraint", "--requirement", "--editable", "--find-links", "--index-url"),
    *("--extra-index-url", "--target", "--prefix", "--root", "--timeout", "--retries", "--trusted-host", "--python"),
    *("--upgrade-strategy", "--platform", "--python-version", "--no-binary", "--only-binary", "--cache-dir", "--log"),
    *("--config-settings", "--progress-bar", "--proxy", "--cert", "--src", "--implementation", "--abi"),
)
"""Options of pip with a value."""

VERSION_AS_FILE = re.compile(r"=?\d[\w.*]*(,.*)?|=")
MANAGERS = {"apt-get": "apt", "apt": "apt", "yum": "yum", "dnf": "yum", "zypper": "zypper", "apk": "apk"}
MANAGER_OF_USER = {"ubuntu": "apt", "debian": "apt", "ec2-user": "yum", "rocky": "yum", "almalinux": "yum"}
"""The package manager of the images in which an account logs in."""

CHOOSES = re.compile(r"command -v|which |type -p|/etc/os-release")
"""Signs that a command chooses among package managers."""

NOT_IN_CONTAINERS = ("systemctl", "service", "docker", "snap", "modprobe", "swapon", "swapoff", "reboot")


def check(text: str) -> Iterator[Lint]:
    """Yield the mistakes in a text of shell commands."""
    text = ARITHMETIC.sub("0", text)
    for part in simple_commands(text):
        yield from assignment(part)
        yield from condition(part)
        yield from pip(part)
        yield from others(part)
        yield from two_installers(part)
        yield from lost(part)
    yield from characters(text)
    yield from continued(text)
    for match in re.finditer(r"\$\(\s*([A-Z][A-Z0-9]*_\w*)\s+[-+*/]\s+\w+\s*\)", text):
        reason = f"`{match[0]}` runs a program named {match[1]}, as one pair of parentheses stands for a command"
        line = text[: match.start()].count("\n")
        yield Lint("RTS415", reason, f"write `$({match[0][1:]})`", line, "error")


def error(part: SimpleCommand, code: str, reason: str, remedy: str) -> Lint:
    """Return a mistake that makes a command fail, or do something else."""
    return Lint(code, reason, remedy, part.line, "error")


def assignment(part: SimpleCommand) -> Iterator[Lint]:
    """Yield assignments with spaces, or with a $ (SC2283, SC2066)."""
    words = part.words
    if part.program in TESTS or not words:
        return
    if len(words) > 1 and words[1] == "=" and re.fullmatch(r"\w+", words[0]):
        yield error(
            part,
            "RTS415",
            f"bash runs `{words[0]}` as a command, because of the spaces around `=`",
            (f"write `{words[0]}=...` without spaces"),
        )
    elif part.program in DECLARES and "=" in words:
        name = words[words.index("=") - 1]
        yield error(
            part,
            "RTS415",
            f"`{part.program} {name} = ...` does not set {name}, because of the spaces",
            (f"write `{part.program} {name}=...` without spaces"),
        )
    elif part.program in DECLARES and re.fullmatch(r"[A-Za-z_]\w* \$\S*", " ".join(words[1:])):
        yield error(
            part,
            "RTS415",
            f"`{part.program} {words[1]} {words[2]}` does not set {words[1]}: there is no `=`",
            f"write `{part.program} {words[1]}={words[2]}`",
        )
    elif any(re.match(r"\$\w+=", word) for word in (words if part.program in DECLARES else words[:1])):
        name = next(word for word in words if re.match(r"\$\w+=", word)).partition("=")[0].lstrip("$")
        yield error(part, "RTS415", f"`${name}=...` does not set {name}", f"write `{name}=...` without `$`")


def condition(part: SimpleCommand) -> Iterator[Lint]:
    """Yield conditions without spaces, and comparisons that write a file (SC1035, SC2071)."""
    word = part.words[0] if part.words else ""
    if re.match(r"\[\[?[^\s\[]", word):
        yield error(
            part,
            "RTS415",
            f"bash runs `{word}` as a command, because there is no space after the bracket",
            ("write `[ ... ]` with spaces inside the brackets"),
        )
    elif word in ("[", "[[") and "]" not in part.words[1:] and "]]" not in part.words[1:] and not part.redirections:
        if part.words[-1].endswith("]"):
            yield error(part, "RTS415", f"there is no space before the bracket in `{part.words[-1]}`", "add it")
    elif word == "[":
        for operator, path in part.redirections:
            if operator in (">", "<") and re.fullmatch(r"\$?\{?\w+\}?|\d+", path):
                better = "-gt" if operator == ">" else "-lt"
                yield error(
                    part, "RTS415", f"`{operator} {path}` in brackets redirects to a file", (f"write `{better} {path}`")
                )


def pip(part: SimpleCommand) -> Iterator[Lint]:
    """Yield requirements that pip cannot read, and those whose `>` the shell takes as a redirection."""
    words = list(part.words)
    while words and words[0] != "pip" and not re.fullmatch(r"(?:.*/)?pip3?(?:\.\d+)?", words[0]):
        words.pop(0)
    if words[1:2] != ["install"]:
        return
    for operator, path in part.redirections:
        if operator in (">", "<", ">>") and VERSION_AS_FILE.fullmatch(path):
            reason = f"the shell takes `{operator}{path}` as a redirection, so pip installs any version"
            remedy = f"write the requirement in quotes, such as 'torch{operator}{path}'"
            yield Lint("RTS415", reason, remedy, part.line, "error" if operator == "<" else "warning")
    index = any(re.match(r"--(extra-)?index-url|-i$|-f$|--find-links|--config", word) for word in words)
    own = any(name.startswith(("PIP_", "UV_")) for name in part.assignments) or any("://" in word for word in words)
    local = next((word for word in words[2:] if re.fullmatch(r"[A-Za-z][\w.-]*(\[.*\])?==[\w.]+\+[\w.]+", word)), None)
    if local is not None and not index and not own:
        reason = f"PyPI has no versions with `+`, such as {local}"
        remedy = "add `--index-url https://download.pytorch.org/whl/...`, or write the version without it"
        yield Lint("RTS415", reason, remedy, part.line, "warning")  # pip may be configured
    value = False
    for word in words[2:]:
        if not value and re.fullmatch(r"[A-Za-z][\w.-]*(\[[\w,-]*\])?=[^=].*", word):
            yield error(
                part,
                "RTS415",
                f"pip has no `=`: {word!r} is not a requirement",
                (f"write {re.sub('=', '==', word, count=1)!r}"),
            )
        value = word in PIP_VALUES


def two_installers(part: SimpleCommand) -> Iterator[Lint]:
    """Yield the command of one installer among the packages of another."""
    words = part.words
    if part.program not in (*MANAGERS, "pip", "pip3", "conda", "mamba", "uv") or "install" not in words[1:3]:
        return
    rest = words[words.index("install") + 1 :]
    if "install" in rest:
        shown = " ".join(rest[max(0, rest.index("install") - 1) : rest.index("install") + 1])
        reason = f"`{part.program}` takes `{shown}` as names of packages"
        yield error(part, "RTS415", reason, f"write `&&` before `{shown}`")


def others(part: SimpleCommand) -> Iterator[Lint]:
    """Yield other commands that do not do what they seem to."""
    wrong = misspelled(part)
    if wrong is not None:
        yield error(part, "RTS415", *wrong)
    for reason, remedy in of_command(part.words):
        yield error(part, "RTS415", reason, remedy)
    ssh = any(re.match(r"(ssh://)?git@[\w.-]+[:/]", word) for word in part.words)
    if part.words[:2] == ("git", "clone") and ssh and not part.assignments:
        reason = "`git clone` over ssh asks whether the host is known, and needs a key on the machine"
        yield Lint("RTS413", reason, "clone over https, or copy the folder with `file_mounts`", part.line, "warning")
    if "sudo" in part.prefixes and part.program in BUILT_IN:
        yield error(
            part,
            "RTS415",
            f"`sudo {part.program}` fails: {part.program} is a command of the shell itself",
            (f"write `sudo bash -c '{' '.join(part.words[:2])} ...'`"),
        )
    for operator, path in part.redirections:
        if re.fullmatch(r"\d>", operator) and path in ("1", "2"):
            reason = f"`{operator}{path}` writes a file named {path}"
            yield error(part, "RTS415", reason, f"write `{operator}&{path}`")
    samba = part.program == "mount" and any(word in ("cifs", "smbfs") for word in part.words)
    if samba and not re.search(r"cred|user|guest|sec=krb5", " ".join(part.words)):
        reason = "`mount -t cifs` asks for a password, and nobody answers"
        yield error(part, "RTS413", reason, "add `-o credentials=FILE`")


def lost(part: SimpleCommand) -> Iterator[Lint]:
    """Yield commands without an effect, and those that delete a file of settings."""
    if part.in_background and part.program in BUILT_IN:
        reason = f"`{part.program}` has no effect in the background (`&`)"
        yield error(part, "RTS415", reason, "write `&&` instead of `&`")
    for operator, path in part.redirections:
        if operator == ">" and SETTINGS.fullmatch(path):
            reason = f"`> {path}` deletes what the file has"
            severity: Severity = "error" if NEEDED.search(path) else "warning"
            yield Lint("RTS415", reason, f"write `>> {path}` to add a line", part.line, severity)
    if part.words and re.fullmatch(r"[-+*/%=]", part.words[0]):
        reason = f"bash runs `{part.words[0]}` as a command: a calculation needs brackets"
        yield error(part, "RTS415", reason, "write `NAME=$((...))`")


def characters(text: str) -> Iterator[Lint]:
    """Yield what only the characters of a text show: braces with variables, loops over words, tildes in quotes."""
    plain, marked, line = [], [], 0
    for char, quotation in quoted(text):
        plain.append(" " if quotation and char != "\n" else char)
        marked.append(char)
    for number, row in enumerate("".join(plain).split("\n")):
        match = re.search(r"(?<!\$)\{(\w*\$?\w*)\.\.(\$?\w+)\}", row)  # SC2051
        if match is not None and "$" in match[0]:
            reason = f"bash does not replace variables in {match[0]}, so the loop runs once"
            yield Lint("RTS415", reason, f"write `$(seq {match[1]} {match[2]})`", number, "error")
        match = re.search(r"\bfor\s+(\w+)\s+in\s+(seq|ls|cat|scontrol)\s+[^;]*;?\s*(do\b|$)", row)  # SC2041
        if match is not None:
            reason = f"`for {match[1]} in {match[2]} ...` runs over these words, not over what {match[2]} prints"
            yield Lint("RTS415", reason, f"write `for {match[1]} in $({match[2]} ...)`", number, "error")
    for number, row in enumerate("".join(marked).split("\n")):
        quote = re.search(r"(--[a-z][\w-]*)[= ]'\$\{?[A-Za-z_]\w*[^']*'", row)  # SC2016
        if quote is not None and not re.search(r"\b(jq|awk|gawk|envsubst|yq|bash|sh|ssh)\b|--(format|query|arg)", row):
            reason = f"the shell does not replace variables in single quotes: {quote[0]}"
            yield Lint("RTS415", reason, f"write {quote[0].replace(chr(39), chr(34))}", number + line, "error")
        match = re.search(
            rf"(?:^|[;&|]\s*|\s)({'|'.join(map(re.escape, FILES))})\s(?:-\S+\s+)*([\"'])~/", row
        )  # SC2088
        if match is not None:
            reason = f"`{match[1]}` does not find the home folder: the shell does not replace ~ in quotes"
            yield Lint("RTS415", reason, 'write "$HOME/..."', number + line, "error")


def continued(text: str) -> Iterator[Lint]:
    """Yield comments between the lines of one command, whose options after it bash runs as a command."""
    rows = text.split("\n")
    for number, row in enumerate(rows if "<<" not in text and "#" in text and "\\\n" in text else ()):
        rest = list(itertools.dropwhile(lambda line: line.lstrip().startswith("#"), rows[number + 1 :]))
        comment = len(rest) < len(rows) - number - 1 and row.endswith("\\")
        if not comment or row.lstrip().startswith("#") or not re.match(r"\s*--?[A-Za-z]", "".join(rest[:1])):
            continue
        if not any(mark for _, mark in list(quoted("\n".join(rows[: number + 1])))[-1:]):
            option = rest[0].split()[0]
            reason = f"the comment ends the command of the line above it, so bash runs `{option}` as a command"
            yield Lint("RTS415", reason, "move the comment above the command", number + 1, "error")


def managers(text: str, user: str | None, *, container: bool, ubuntu: bool = False) -> Iterator[Lint]:
    """Yield package managers that the image does not have, and programs that do not work in a container.

    Args:
        text: The commands.
        user: The account that runs them.
        container: Whether they run in a container.
        ubuntu: Whether the image is one of Ray's.
    """
    parts = simple_commands(text)
    several = len({MANAGERS[part.program] for part in parts if part.program in MANAGERS}) > 1
    for part in parts:
        wanted = "apt" if ubuntu else None if container else MANAGER_OF_USER.get(user or "")
        if (
            part.program in MANAGERS
            and wanted
            and MANAGERS[part.program] != wanted
            and not (several or CHOOSES.search(text))
        ):
            where = "Ray's images" if container else f"images for the account {user}"
            reason = f"{where} have no `{part.program}`"
            better = {"apt": "sudo apt-get install -y ...", "yum": "sudo yum install -y ..."}[wanted]
            yield Lint("RTS415", reason, f"write `{better}`", part.line, "error" if container else "warning")
        if container and part.program in NOT_IN_CONTAINERS and part.after != "||" and "if" not in part.prefixes:
            reason = f"`{part.program}` does not work in the container, where this command runs"
            yield Lint("RTS415", reason, "move it to `initialization_commands`", part.line, "error")
