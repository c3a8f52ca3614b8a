"""Check the schedules of cron jobs.

Source: https://pkg.go.dev/github.com/robfig/cron/v3, which parses them in Kubernetes and in KubeRay.
"""

from __future__ import annotations

import re

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 6))
"""The five fields with their lowest and highest number."""

LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""The most days of each month."""

NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "day of the week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
"""The names that stand for numbers."""

DESCRIPTORS = re.compile(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every \d[\d.hmsuµn]*)")


def wrong_schedule(text: str) -> str | None:
    """Return what is wrong with a schedule, None if nothing is.

    Example:
        >>> wrong_schedule("30 25 * * *")
        'the hour is 25, but must be between 0 and 23'
        >>> wrong_schedule("*/15 0-6 1,15 jan-mar mon") is None
        True
    """
    text = text.strip()
    if text.startswith("@"):
        return None if DESCRIPTORS.fullmatch(text) else f"cron does not support {text}"
    parts = text.split()
    if len(parts) != len(FIELDS):
        return f"it has {len(parts)} fields, but cron has five"
    for part, (name, least, most) in zip(parts, FIELDS, strict=True):
        for entry in part.split(","):
            reason = wrong_entry(entry, name, least, most)
            if reason is not None:
                return reason
    return None


def never(text: str) -> bool:
    """Return whether a valid schedule only names days that its months do not have.

    Example:
        >>> never("0 3 31 2 *"), never("0 3 31 1,2 *"), never("0 3 31 2 mon"), never("@daily")
        (True, False, False, False)
    """
    parts = text.split()
    if len(parts) != len(FIELDS) or parts[4] not in ("*", "?"):
        return False
    days, months = (parts[place].split(",") for place in (2, 3))
    if not all(part.isdecimal() for part in (*days, *months)):
        return False
    return min(map(int, days)) > max(LONGEST[int(month) - 1] for month in months)


def wrong_entry(entry: str, name: str, least: int, most: int) -> str | None:
    """Return what is wrong with one entry of a field, such as 1-5 or */15."""
    bounds, slash, step = entry.partition("/")
    if slash and (not step.isdecimal() or int(step) < 1):
        return f"the step of the {name} is {step!r}, but must be 1 or more"
    if bounds in ("*", "?"):
        return None
    numbers = []
    for word in bounds.split("-", maxsplit=1):
        names = NAMES.get(name, [])
        if word.lower() in names:
            numbers.append(names.index(word.lower()) + least)
        elif word.isdecimal() and least <= int(word) <= most:
            numbers.append(int(word))
        else:
            return f"the {name} is {word}, but must be between {least} and {most}"
    if numbers != sorted(numbers):
        return f"the {name} is {bounds}, which ends before it begins"
    return None
