"""Apply the rules of `provider_data/setting_rules.toml`: what settings need, exclude, or may be beside others.

The rules are data, so that a new one of a provider's reference manual is a few lines. The file describes their form.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from raytune_suite.cluster.checks.api_schema import PLACEHOLDER
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.schema_errors import as_yaml, closest, label
from raytune_suite.cluster.provider_data import setting_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

CODES = {
    "aws": {"match": "RTS902", "range": "RTS902", "require": "RTS903", "forbid": "RTS905", "one_of": "RTS905"},
    **dict.fromkeys(
        ("pod", "container", "object"), dict.fromkeys(("match", "range", "require", "forbid", "one_of"), "RTS817")
    ),
    **dict.fromkeys(
        ("serve", "runtime_env"), dict.fromkeys(("match", "range", "require", "forbid", "one_of"), "RTS820")
    ),
}
"""The code of a finding, by the section of the rule and what it demands; other clouds have those of AWS."""


class Rule(NamedTuple):
    """A rule about the settings at a place.

    Attributes:
        at: The place of a mapping, "*" for the entries of a list.
        demands: What must hold: "match", "range", "require", "forbid" and "one_of", each with its keys.
        conditions: The values (regular expressions) that other settings must have for the rule to hold.
        unless: The values with which it does not hold.
        reason: Why, for the message.
        remedy: What to write instead.
        severity: "error" or "warning".
        code: The code of the finding, None for that of the section.
    """

    at: tuple[str, ...]
    demands: dict[str, Any]
    conditions: dict[str, str]
    unless: dict[str, str]
    reason: str
    remedy: str
    severity: Any
    code: str | None


@cache
def rules(section: str, kind: str = "") -> tuple[Rule, ...]:
    """Return the rules of a section, of objects those for a kind."""
    return tuple(
        Rule(
            tuple(one["at"].split(".")) if one.get("at") else (),
            {key: one[key] for key in ("match", "range", "require", "forbid", "one_of") if key in one},
            one.get("if", {}),
            one.get("unless", {}),
            one.get("reason", ""),
            one.get("remedy", ""),
            one.get("severity"),
            one.get("code"),
        )
        for one in setting_rules().get(section, ())
        if not kind or kind in one["kinds"]
    )


def check(document: ClusterDocument, top: KeyPath, section: str, kind: str = "") -> Iterator[Finding]:
    """Yield the settings below a key path that violate a rule."""
    for rule in rules(section, kind):
        for where in places(document.get(*top), rule.at, top):
            values = document.mapping(*where)
            if values and holds(values, rule.conditions) and not (rule.unless and holds(values, rule.unless)):
                for what, demand in rule.demands.items():
                    code = rule.code or CODES.get(section, CODES["aws"])[what]
                    for key, reason, remedy in DEMANDS[what](values, demand):
                        place = (*where, *key.split(".")) if key and inner(values, key) is not None else where
                        why = f"{reason}{f': {rule.reason}' if rule.reason else ''}{circumstances(values, rule)}"
                        yield finding(document, code, place, why, rule.remedy or remedy, severity=rule.severity)


def places(value: Any, pattern: tuple[str, ...], where: KeyPath) -> Iterator[KeyPath]:
    """Yield the key paths of the mappings at a place below a value."""
    if not pattern:
        yield where
    elif pattern[0] == "*" and isinstance(value, list):
        for index, part in enumerate(value):
            yield from places(part, pattern[1:], (*where, index))
    elif isinstance(value, dict):
        for key in value if pattern[0] == "*" else (pattern[0],) if pattern[0] in value else ():
            yield from places(value[key], pattern[1:], (*where, key))


def inner(values: Any, path: str) -> Any:
    """Return the value at a dotted path below a mapping, None if there is none."""
    for step in path.split("."):
        try:
            values = values[int(step) if isinstance(values, list) else step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return values


def written(value: Any) -> str:
    """Return a scalar as YAML writes it; a list as "[...]" and a mapping as "{...}", if they are not empty."""
    if isinstance(value, (list, dict)):
        shown = "[{}]" if isinstance(value, list) else "{{{}}}"
        return shown.format("..." if value else "")
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def holds(values: dict[str, Any], conditions: dict[str, str]) -> bool:
    """Return whether settings have the values of a rule's conditions; a missing setting is an empty text."""
    return all(re.fullmatch(pattern, written(inner(values, key))) for key, pattern in conditions.items())


def circumstances(values: dict[str, Any], rule: Rule) -> str:
    """Return the settings on which a rule depends, for its message."""
    shown = [f"`{key}` is {written(inner(values, key))}" for key in rule.conditions if inner(values, key) is not None]
    return f" ({', '.join(shown)})" if shown and not rule.reason else ""


def matches(values: dict[str, Any], demand: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield settings whose value is not of a form: a regular expression, or words between `|`."""
    for key, pattern in demand.items():
        value = inner(values, key)
        for one in value if isinstance(value, list) else [value]:
            if one is None or isinstance(one, (dict, list)) or PLACEHOLDER.search(str(one)):
                continue
            if not re.fullmatch(pattern, written(one)):
                words = [word for word in pattern.split("|") if word] if re.fullmatch(r"[\w|./ -]*", pattern) else []
                hint = closest(written(one), words) if words else ""
                name = key.rpartition(".")[2]
                allowed = f", but must be {' or '.join(words)}" if words else ""
                remedy = f"write `{name}: {words[0]}`" if len(words) == 1 else f"write one of {', '.join(words)}"
                reason = f"{label((name,))} is {as_yaml(one)}{allowed}{hint and f': {hint}'}"
                yield key, reason, remedy if words else "correct it"


def ordered(value: Any, where: KeyPath) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield the place, reason and remedy of each lower bound `min_X` or `minX` that is above its `max_X` or `maxX`.

    Example:
        >>> [reason for _, reason, _ in ordered({"min_replicas": 4, "max_replicas": 2}, ())]
        ['`min_replicas` is 4, above `max_replicas`, which is 2']
    """
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from ordered(part, (*where, index))
    for key, part in value.items() if isinstance(value, dict) else ():
        upper = re.sub("^min", "max", str(key))
        most = value.get(upper)
        numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (part, most))
        if upper != key and numbers and part > most:
            reason = f"`{key}` is {part}, above `{upper}`, which is {most}"
            yield (*where, key), reason, f"exchange them, or write `{key}: {most}`"
        yield from ordered(part, (*where, key))


def ranges(values: dict[str, Any], demand: dict[str, list[float]]) -> Iterator[tuple[str, str, str]]:
    """Yield numbers outside their range."""
    for key, (least, most) in demand.items():
        value = inner(values, key)
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        if isinstance(number, (int, float)) and not isinstance(number, bool) and not least <= number <= most:
            reason = f"`{key.rpartition('.')[2]}` is {value}, but must be between {least} and {most}"
            yield key, reason, f"write {least if number < least else most}"


def requirements(values: dict[str, Any], demand: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield settings that are missing."""
    for key in demand:
        if inner(values, key) in (None, "", [], {}):
            yield "", f"`{key}` is missing", f"add `{key}: ...`"


def exclusions(values: dict[str, Any], demand: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield settings that must not be there."""
    for key in demand:
        if inner(values, key) not in (None, "", [], {}, False):
            yield key, f"`{key}` cannot be set here", f"remove `{key}`"


def alternatives(values: dict[str, Any], demand: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield a finding if several of some settings are there; with "" among them none may be, otherwise one must."""
    given = [key for key in demand if key and inner(values, key) is not None]
    if len(given) > 1:
        yield given[1], f"`{'` and `'.join(given)}` exclude each other", "keep one of them"
    elif not given and "" not in demand:
        yield "", f"there is none of `{'`, `'.join(demand)}`", f"add one, such as `{demand[0]}: ...`"


DEMANDS: dict[str, Callable[[dict[str, Any], Any], Iterator[tuple[str, str, str]]]] = {
    "match": matches,
    "range": ranges,
    "require": requirements,
    "forbid": exclusions,
    "one_of": alternatives,
}
