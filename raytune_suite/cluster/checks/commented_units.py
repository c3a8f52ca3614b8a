"""Check that numbers have the unit of their keys, by comments that state the same number in another unit."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import Finding
from raytune_suite.cluster.slurm import minutes

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
OF_KEY = re.compile(r"(?i)(?:(millis(?:econds)?|_ms)|(seconds?|_s)|(minutes?)|(hours?))(?:AfterFinished)?$")
"""The unit in a name: milliseconds, seconds, minutes or hours."""

SETTING = re.compile(
    r"(?P<name>[A-Za-z_][\w.-]*)[\"']?\s*(?:=|:\s|,\s*value:\s)\s*[\"']?(?P<number>\d+(?:\.\d+)?)[\"']?(?=[\s,;}\]]|$)"
)
WORDS = {
    **{
        word: number
        for number, word in enumerate(
            ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 1
        )
    },
    "an": 1,
    "a": 1,
    "half an": 0.5,
    "twelve": 12,
    "twenty": 20,
    "thirty": 30,
}
COMMENTED = re.compile(
    rf"\b(?P<number>\d+(?:\.\d+)?|{'|'.join(sorted(WORDS, key=len, reverse=True))})[ -]?"
    r"(?P<unit>milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|d)\b",
    re.IGNORECASE,
)
MIXED_UP = (1000, 60, 3600, 24, 1440, 86400)
"""How many times as long a time is in the next unit, or the one after."""

TIME_LIMIT = re.compile(r"^#SBATCH\s.*?(?:--time[= ]|-t\s*)([\d:-]+)(?=\s)")


def seconds_of(number: str, unit: str) -> float:
    """Return a time in seconds.

    Example:
        >>> seconds_of("eight", "hours"), seconds_of("500", "ms")
        (28800.0, 0.5)
    """
    value = WORDS.get(number.lower())
    name = unit.lower()
    short = "ms" if name.startswith(("ms", "milli")) else "min" if name.startswith("min") else name[0]
    return (float(number) if value is None else float(value)) * UNITS[short]


def check(text: str) -> Iterator[Finding]:
    """Yield numbers whose comment states the same number in another unit.

    Example:
        >>> [one.remedy for one in check("activeDeadlineSeconds: 480   # eight hours")]
        ['write 28800, or correct the comment']
        >>> list(check("idle_timeout_minutes: 8   # 480 seconds"))
        []
    """
    for number, line in enumerate(text.splitlines(), 1):
        code, mark, comment = line.partition(" #")
        limit = TIME_LIMIT.match(f"{line} ")
        if limit is not None and line.count("#") > 1:
            yield from time_limit(number, limit[1], line.rpartition("#")[2])
        found = list(COMMENTED.finditer(comment)) if mark and not code.lstrip().startswith("#") else []
        if len(found) != 1:  # so for most lines, in which to look for settings takes long
            continue
        settings = [one for one in SETTING.finditer(code) if OF_KEY.search(one["name"])]
        if len(settings) != 1:
            continue
        match = OF_KEY.search(settings[0]["name"])
        unit = next(
            name for name, group in zip(("ms", "s", "min", "h"), match.groups() if match else (), strict=True) if group
        )
        has, said = float(settings[0]["number"]) * UNITS[unit], seconds_of(found[0]["number"], found[0]["unit"])
        if (
            has
            and said
            and any(math.isclose(said / has, factor) or math.isclose(has / said, factor) for factor in MIXED_UP)
        ):
            name = settings[0]["name"]
            reason = f"the comment says {found[0][0]}, but {name} is {settings[0]['number']} {SPOKEN[unit]}"
            remedy = f"write {said / UNITS[unit]:.15g}, or correct the comment"
            yield Finding(number, "RTS821", name, reason, remedy, "warning")


def time_limit(number: int, given: str, comment: str) -> Iterator[Finding]:
    """Yield a limit of time of Slurm whose comment states another unit of the same number."""
    found, has = list(COMMENTED.finditer(comment)), minutes(given)
    said = seconds_of(found[0]["number"], found[0]["unit"]) / 60 if len(found) == 1 else 0.0
    if (
        has
        and said
        and any(math.isclose(said / has, factor) or math.isclose(has / said, factor) for factor in MIXED_UP)
    ):
        reason = f"the comment says {found[0][0]}, but `--time={given}` is {has:g} minutes"
        remedy = "write HOURS:MINUTES:SECONDS, or correct the comment"
        yield Finding(number, "RTS842", "--time", reason, remedy, "warning")


SPOKEN = {"ms": "milliseconds", "s": "seconds", "min": "minutes", "h": "hours"}
"""The names of units in messages."""
