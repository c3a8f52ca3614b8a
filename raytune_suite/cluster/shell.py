"""Shell commands: whether bash can read them, and the simple commands that they consist of.

bash itself checks the syntax (`bash -n` runs nothing). The parser bashlex is not used: its last release is of January
2023, and it is under the GPL.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTINUED = "\x00"
"""Stands for the end of a line that continues on the next one."""

SEPARATORS = re.compile(r"[;&|()\n]+")
REDIRECTIONS = re.compile(r"\d*[<>]+&?\d*|&>>?")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")

KEYWORDS = ("!", "{", "}", "do", "done", "elif", "else", "fi", "if", "then", "until", "while", "time")
PREFIXES: dict[str, tuple[str, ...]] = {
    "sudo": ("-u", "-g", "-C", "-h", "-p", "--user", "--group"),
    "env": ("-u", "-C", "--unset", "--chdir"),
    "nice": ("-n", "--adjustment"),
    "ionice": ("-c", "-n"),
    "timeout": ("-k", "-s", "--kill-after", "--signal"),
    "stdbuf": ("-i", "-o", "-e"),
    **dict.fromkeys(("nohup", "setsid", "exec", "command", "time", "builtin"), ()),
}
"""Programs that run the command after them, with those of their options that take a value."""


@dataclass(frozen=True)
class SimpleCommand:
    """One program of a shell command with its arguments.

    Attributes:
        words: The program and its arguments, without quotes, variables unexpanded.
        prefixes: What it is run by, and the keywords before it, such as ("while", "sudo").
        redirections: Each operator with its target.
        assignments: The variables that are set for it, or in the shell if there are no words.
        after: The separator that follows, such as "&" or "&&".
        lines: The line of the text on which each word is, counted from 0.
        piped: Whether it reads the output of another command.
    """

    words: tuple[str, ...]
    prefixes: tuple[str, ...]
    redirections: tuple[tuple[str, str], ...]
    assignments: tuple[str, ...]
    after: str
    lines: tuple[int, ...]
    piped: bool = False

    @property
    def line(self) -> int:
        """The line of its first word, counted from 0."""
        return self.lines[0] if self.lines else 0

    @property
    def program(self) -> str:
        """The name of the program, without its folder; "" if there is none."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    @property
    def in_background(self) -> bool:
        """Whether the shell does not wait for it."""
        return self.after == "&"


def syntax_errors(commands: list[str]) -> dict[int, str]:
    """Return what bash says about the commands that it cannot read, by index; nothing on machines without bash.

    Example:
        >>> list(syntax_errors(["echo 'a", "echo b"]))
        [0]
    """
    if not commands or bash() is None or not bash_message("\n".join(f"(\n{command}\n)" for command in commands)):
        return {}
    messages = {index: bash_message(command) for index, command in enumerate(commands)}
    return {index: message for index, message in messages.items() if message}


@cache
def bash() -> str | None:
    """Return the path of bash."""
    return shutil.which("bash")


@lru_cache(maxsize=1024)
def bash_message(text: str) -> str:
    """Return what bash says about a text that it cannot read, "" if it can."""
    done = subprocess.run(  # noqa: S603 - nothing is run: bash only reads
        [str(bash()), "-n"], input=text, capture_output=True, text=True, check=False, timeout=10
    )
    if done.returncode == 0:
        return ""
    lines = [line.partition(": ")[2] for line in done.stderr.splitlines()]
    return lines[0] if lines else "syntax error"


CLOSED_BY = {"for": "done", "while": "done", "until": "done", "select": "done", "if": "fi", "case": "esac", "{": "}"}


def unclosed_block(text: str) -> int | None:
    r"""Return the line, counted from 0, of the last block that is not closed; None if there is none.

    Example:
        >>> unclosed_block("if true; then\n  for i in 1 2; do\n    echo $i\n  done\n")
        0
    """
    blocks: list[tuple[str, int]] = []
    line, first = 0, True
    for token in tokens(text):
        if first and token in CLOSED_BY:
            blocks.append((CLOSED_BY[token], line))
        elif first and blocks and token == blocks[-1][0]:
            blocks.pop()
        if token != CONTINUED:
            first = SEPARATORS.fullmatch(token) is not None or (first and token in KEYWORDS)
        line += token.count("\n") + token.count(CONTINUED)
    return blocks[-1][1] if blocks else None


def unclosed_quotation(text: str) -> int | None:
    r"""Return the line, counted from 0, of the first quotation that is not closed on its line; None if there is none.

    Example:
        >>> unclosed_quotation("echo 'a'\necho \"b\necho \"c\"\n")
        1
    """
    line, start = 0, None
    for char, quotation in quoted(text):
        if char == "\n":
            if quotation:
                return start
            line += 1
        start = line if quotation and start is None else start if quotation else None
    return start


@lru_cache(maxsize=1024)
def quoted(text: str) -> tuple[tuple[str, str], ...]:
    """Return each character with the quotation mark that is open after it, "" for none; comments are left out."""
    return tuple(characters(text))


def characters(text: str) -> Iterator[tuple[str, str]]:
    """Yield what `quoted` returns."""
    quotation, index = "", 0
    while index < len(text):
        char = text[index]
        if char == "\\" and quotation != "'" and index + 1 < len(text):
            yield char, quotation
            index += 1
            yield text[index], quotation
        elif char == "#" and not quotation and (index == 0 or text[index - 1] in " \t\n;&|("):
            index = text.find("\n", index) - 1
            if index < 0:
                return
        else:
            if quotation:
                quotation = "" if char == quotation else quotation
            elif char in "'\"":
                quotation = char
            yield char, quotation
        index += 1


def simple_commands(text: str) -> list[SimpleCommand]:
    """Split a shell command into simple commands, at any depth. Text that cannot be split is left out.

    Example:
        >>> [one.words for one in simple_commands("cd /x && sudo apt-get install -y nfs-common | tee log &")]
        [('cd', '/x'), ('apt-get', 'install', '-y', 'nfs-common'), ('tee', 'log')]
        >>> [one.words for one in simple_commands("ray start --num-gpus=$(nvidia-smi -L | wc -l) --head")]
        [('nvidia-smi', '-L'), ('wc', '-l'), ('ray', 'start', '--num-gpus=$', '--head')]
    """
    return list(split_commands(text))


@lru_cache(maxsize=1024)
def split_commands(text: str) -> tuple[SimpleCommand, ...]:
    """Split a shell command into simple commands, once for all checks of a text."""
    result: list[SimpleCommand] = []
    words: list[tuple[str, int]] = []
    outer: list[tuple[list[tuple[str, int]], str] | None] = []  # at each open bracket, the command that it is part of
    line, before = 0, ""
    for word in [*tokens(text), "\n"]:
        lines_in = word.count("\n") + word.count(CONTINUED)
        if word == "(" and words and words[-1][0].endswith("$"):  # $(command), of which the word keeps the $
            outer.append((words, before))
            before, words = word, []
        elif SEPARATORS.fullmatch(word):
            if words:
                result.append(parse_words(words, word, piped=before == "|"))
            before, words = (before if word == "\n" and not words else word), []
            if word == "(":
                outer.append(None)
            elif word == ")" and outer:
                words, before = outer.pop() or (words, before)
        elif word != CONTINUED:
            words.append((word.replace(CONTINUED, ""), line))
        line += lines_in
    return tuple(command for command in result if command.words or command.assignments)


def tokens(text: str) -> list[str]:
    """Split a text into words and operators, without comments and here-documents."""
    text = BACKTICKS.sub(r"$(\1)", "".join(char for char, _ in quoted(without_here_documents(text))))
    lexer = shlex.shlex(text.replace("\\\n", f" {CONTINUED} "), posix=True, punctuation_chars=";&|()<>\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    result: list[str] = []
    try:
        for token in lexer:
            result += split_operators(token)
    except ValueError:  # an unclosed quotation, which bash reports
        pass
    return result


def split_operators(token: str) -> list[str]:
    """Split operators that stand together, such as ";" and "&", or ")" and the end of a line."""
    if not re.fullmatch(r"[;&|()<>\n]+", token):
        return [token]
    return re.findall(r"&>>?|>>|<<<?|[<>]&|[<>]|&&|\|\||;;|[;&|()\n]", token)


BACKTICKS = re.compile(r"`([^`\n]*)`")

HERE_DOCUMENT = re.compile(r"<<-?\s*(['\"]?)(\w+)\1(.*)\n(?:.*\n)*?\s*\2[ \t]*(?=\n|$)")


def without_here_documents(text: str) -> str:
    """Return a text in which a file stands for each of its here-documents, with as many line ends."""
    return HERE_DOCUMENT.sub(lambda match: "< /dev/stdin" + match[3] + "\n" * match[0].count("\n"), text)


def parse_words(words: list[tuple[str, int]], after: str, *, piped: bool) -> SimpleCommand:
    """Return the simple command of some words and their lines."""
    redirections: list[tuple[str, str]] = []
    rest: list[tuple[str, int]] = []
    prefixes, assignments = [], []
    entries = iter(words)
    for word, line in entries:
        if REDIRECTIONS.fullmatch(word) and not word.isdecimal():
            if rest and rest[-1][0] in ("0", "1", "2"):  # the number of the stream, as in 2>&1
                rest.pop()
            redirections.append((word, next(entries, ("", 0))[0]))
        else:
            rest.append((word, line))
    while rest:
        program = rest[0][0].rpartition("/")[2]
        if ASSIGNMENT.match(rest[0][0]):
            assignments.append(rest.pop(0)[0])
        elif program in KEYWORDS:
            prefixes.append(rest.pop(0)[0])
        elif program in PREFIXES and len(rest) > 1:
            prefixes.append(program)
            rest = after_options(rest[1:], PREFIXES[program])
            rest = rest[1:] if program == "timeout" else rest
        else:
            break
    only_words, lines = tuple(word for word, _ in rest), tuple(line for _, line in rest)
    return SimpleCommand(
        only_words, tuple(prefixes), tuple(redirections), tuple(assignments), after, lines, piped=piped
    )


def after_options(words: list[tuple[str, int]], with_value: tuple[str, ...]) -> list[tuple[str, int]]:
    """Return the words after the options at the beginning."""
    while words and words[0][0].startswith("-"):
        option, *words = words
        words = words[1:] if option[0] in with_value else words
    return words


def option_values(words: tuple[str, ...], flags: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the options (--name value, --name=value) among some words, without their dashes; `flags` take no value.

    Example:
        >>> option_values(("ray", "start", "--head", "--port=6379", "--num-cpus", "0"), ("head",))
        {'head': '', 'port': '6379', 'num-cpus': '0'}
    """
    result: dict[str, str] = {}
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if not word.startswith("--") or word == "--":
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and name not in flags and index < len(words) and not words[index].startswith("--"):
            value = words[index]
            index += 1
        result[name] = value
    return result
