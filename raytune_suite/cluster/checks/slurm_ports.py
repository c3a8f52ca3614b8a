"""Checks of ports that a batch script computes, such as from the number of the job: the range in which they can lie."""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import Finding
from raytune_suite.cluster.ray_start import HIGHEST_PORT, LOWEST_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raytune_suite.cluster.checks.slurm_script import RayStart

ASSIGNED = re.compile(
    r"(?<![\w-])(\w*port\w*)=(\"[^\"]*\"|'[^']*'|(?:\$\(\((?:[^()]|\([^()]*\))*\)\)|\$\{[^}]*\}|[^\s;&|#\"'])+)",
    re.IGNORECASE,
)
"""A variable for a port, and its value."""

JOB, NUMBER = r"SLURM_(?:ARRAY_)?JOB_?ID", r"\$\(\((.*?)\)\)"
LAST_DIGITS = rf"\$\{{{JOB}:\s*-(\d+)\}}"
OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
JOBS = (1, 731, 4_096, 65_535, 99_999, 1_234_567, 48_213_908)
"""Numbers of jobs, from a new cluster to an old one."""

HIGHEST_RANDOM = 32767
"""The highest value of $RANDOM in bash."""

BETTER = "write `port=$((20000 + SLURM_JOB_ID % 20000))`"


def check(text: str, found: list[RayStart]) -> Iterator[Finding]:
    """Yield ports that a script computes, and that Ray cannot open for the number of some jobs."""
    heads = [one for one in found if one.head]
    values: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for name, value in ASSIGNED.findall("" if line.lstrip().startswith("#") else line):
            span = possible(value.strip("\"'"))
            if span is not None:
                values[name] = span
                yield from impossible(number, name, value, span)
    for head in heads:
        port = head.options.get("port", "")
        span = values.get(port.strip("${}")) or (possible(port) if "$" in port else None)
        if span is None:
            continue
        if span not in values.values():
            yield from impossible(head.line, "--port", port, span)
        yield from among_workers(head, span)


def impossible(line: int, name: str, value: str, span: tuple[int, int]) -> Iterator[Finding]:
    """Yield a range that contains ports which Ray cannot open."""
    low, high = span
    if high > HIGHEST_PORT:
        reason = f"`{name}` is {value}, which can be {high}, but ports end at {HIGHEST_PORT}"
        yield Finding(line, "RTS411", name, reason, BETTER, "error")
    elif low < LOWEST_PORT:
        reason = f"`{name}` is {value}, which can be {low}, but only root may open ports below {LOWEST_PORT}"
        yield Finding(line, "RTS411", name, reason, BETTER, "error")


def among_workers(head: RayStart, span: tuple[int, int]) -> Iterator[Finding]:
    """Yield a range of the head's port that meets the ports of worker processes, with which Ray does not start."""
    low, high = (head.options.get(f"{end}-worker-port", usual) for end, usual in (("min", "10002"), ("max", "19999")))
    if "worker-port-list" in head.options or not (low.isdecimal() and high.isdecimal()) or int(low) == 0:
        return
    if span[0] <= int(high) and int(low) <= span[1] <= HIGHEST_PORT and span[0] >= LOWEST_PORT:
        reason = f"the head's port can be {max(span[0], int(low))}, one of those of worker processes ({low} to {high})"
        yield Finding(head.line, "RTS846", "--port", f"{reason}: Ray then does not start", BETTER, "warning")


def possible(value: str) -> tuple[int, int] | None:
    """Return the least and the greatest number that a value can be, None if it depends on something else.

    Example:
        >>> possible("$((20000 + SLURM_JOB_ID % 20000))"), possible("1${SLURM_JOB_ID: -4}"), possible("$PORT")
        ((20000, 39999), (13908, 19999), None)
    """
    if not re.search(rf"{JOB}|\bRANDOM\b", value):
        return None
    divisors = [int(one) for one in re.findall(r"%\s*(\d+)", value) if int(one)]
    jobs = [*JOBS, *(10_000_000 // one * one for one in divisors), *(10_000_000 // one * one - 1 for one in divisors)]
    draws = (0, HIGHEST_RANDOM, *(one - 1 for one in divisors if one <= HIGHEST_RANDOM))
    results = [evaluate(value, str(job), str(draw)) for job in jobs for draw in draws]
    known = [one for one in results if one is not None]
    return (min(known), max(known)) if known else None


def evaluate(value: str, job: str, draw: str) -> int | None:
    """Return the number that bash makes of a value, for a number of the job and one of $RANDOM."""
    if any(int(digits) > len(job) for digits in re.findall(LAST_DIGITS, value)):  # bash makes nothing of it
        return None
    text = re.sub(LAST_DIGITS, lambda match: job[-int(match[1]) :], value)
    text = re.sub(rf"\$\{{?{JOB}\}}?", job, text)
    text = re.sub(r"\$\{?RANDOM\}?", draw, text)
    for inner in re.findall(NUMBER, text):
        words = re.sub(rf"\b{JOB}\b", job, inner)
        result = arithmetic(re.sub(r"\bRANDOM\b", draw, words).replace("10#", ""))
        if result is None:
            return None
        text = text.replace(f"$(({inner}))", str(result))
    return int(text) if text.isdecimal() else None


def arithmetic(text: str) -> int | None:
    """Return the result of an expression of whole numbers, None if it is something else.

    Example:
        >>> arithmetic("2 + 7 % 4 * (3 - 1)"), arithmetic("port + 1")
        (8, None)
    """

    def result(node: ast.expr) -> int:
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](result(node.left), result(node.right))
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        raise ValueError(ast.dump(node))

    try:
        return result(ast.parse(text.strip().replace("/", "//"), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None
