"""Findings for violations of a JSON schema, which name the value and the line to write."""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.quantities import as_quantity
from raytune_suite.errors import near

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping (`key: value` lines)",
    "string": "text",
}
"""The types of JSON in words."""

EXAMPLES = {
    "array": "write a list, one `- ` line per entry",
    "boolean": "write true or false, without quotes",
    "integer": "write a whole number, without quotes or unit",
    "number": "write a number, without quotes or unit",
    "object": "write `key: value` lines below it",
    "string": "write text in one line, or after `|` in several",
}


OPPOSITES = ({"enabled", "disabled"}, {"enable", "disable"}, {"include", "exclude"})
"""Words that look alike, but of which one is never suggested for the other."""

WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")
"""The words of a key."""

LONGEST_VALUE = 60
"""Characters of a value that a message shows."""


def as_yaml(value: Any) -> str:
    """Format a value as it is written in YAML, shortened."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def type_name(value: Any) -> str:
    """Return the type of a value in words."""
    if isinstance(value, bool):
        return "true or false"
    names: tuple[tuple[type, str], ...] = ((str, "text"), (int, "a number"), (float, "a number"))
    names += ((list, "a list"), (dict, "a mapping"))
    return next((name for kind, name in names if isinstance(value, kind)), "nothing")


def schema_findings(
    document: ClusterDocument,
    error: Any,
    places: Callable[[str, KeyPath], str | None] | None = None,
    version: str | None = None,
) -> Iterator[Finding]:
    """Yield the findings for one error of jsonschema; each unknown key is its own finding.

    Args:
        document: The document.
        error: The error of jsonschema.
        places: Returns where a key belongs, given the key and its place, None if it is unknown everywhere.
        version: The version of a schema that newer ones extend, so that a key which resembles none is only a warning.
    """
    where: KeyPath = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield unknown_key(document, (*where, key), known, places, version)
        return
    if error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance and f"'{key}'" in error.message:
                parent = str(where[-1]) if where and isinstance(where[-1], str) else "it"
                remedy = f"add `{key}: ...`{f' below `{parent}`' if parent != 'it' else ''}"
                yield finding(document, "RTS101", where, f"`{key}` is missing", remedy)
        return
    reason, remedy = described(where, error)
    yield finding(document, "RTS101", where, reason, remedy)


def described(where: KeyPath, error: Any) -> tuple[str, str]:
    """Return the reason and the remedy for an error about a value."""
    value, name = error.instance, label(where)
    if error.validator == "enum":
        allowed = [str(one) for one in error.validator_value]
        hint = closest(str(value), allowed)
        reason = f"{name} is {as_yaml(value)}, which is not one of {', '.join(allowed)}{hint and f': {hint}'}"
        return reason, f"write one of {', '.join(allowed)}"
    if error.validator == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        expected = " or ".join(KINDS.get(str(kind), str(kind)) for kind in kinds)
        reason = f"{name} is {as_yaml(value)}, {type_name(value)} where {expected} is expected"
        return reason, type_remedy(where, kinds, value)
    if error.validator == "pattern" and "KMGTPE" in str(error.validator_value):
        meant = as_quantity(str(value))
        remedy = f"write {meant}" if meant else "write a number with one of the units m, k, M, G, T, Ki, Mi, Gi, Ti"
        return f"{name} is {as_yaml(value)}, which is not a quantity of Kubernetes", remedy
    if error.validator == "x-map-keys":
        return error.message, "give each entry its own, or remove one"
    message = " ".join(error.message.split())
    return f"{name}: {message}"[:200], "correct the value"


def type_remedy(where: KeyPath, kinds: list[str], value: Any) -> str:
    """Return what to write instead of a value of the wrong type."""
    key = where[-1] if where and isinstance(where[-1], str) else None
    prefix = f"{key}: " if key else ""
    if "string" in kinds and isinstance(value, bool):
        return f'YAML reads yes, no, on and off as true or false: write `{prefix}"..."` with quotes'
    if "string" in kinds and isinstance(value, (int, float)):
        return f'write `{prefix}"{value}"`'
    if "integer" in kinds and isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        return f"write `{prefix}{value.strip()}`, without quotes"
    if "boolean" in kinds and str(value).lower() in ("true", "false", "yes", "no", "on", "off", "1", "0"):
        return f"write `{prefix}{'true' if str(value).lower() in ('true', 'yes', 'on', '1') else 'false'}`"
    if "array" in kinds and isinstance(value, (str, int, float, dict)):
        entries = [part.strip() for part in value.split(",")] if isinstance(value, str) else [value]
        shown = ", ".join(map(as_yaml, entries)) if not isinstance(value, dict) else "{...}"
        return f"write a list: `{prefix}[{shown}]`, or one `- ` line per entry"
    return EXAMPLES.get(kinds[0], "correct the value")


def label(where: KeyPath) -> str:
    """Return the name of a value for a message: its key, for an entry of a list that of the list with its number.

    Example:
        >>> label(("spec", "volumes", 1)), label(("spec", "volumes", 1, "name")), label(())
        ('entry 2 of `volumes`', '`name`', 'the document')
    """
    if not where:
        return "the document"
    if isinstance(where[-1], int):
        above = next((step for step in reversed(where) if isinstance(step, str)), "")
        return f"entry {where[-1] + 1} of `{above}`"
    return f"`{where[-1]}`"


def closest(value: str, allowed: Collection[str]) -> str:
    """Return "did you mean ...?" for a value that resembles an allowed one, without regard to case; "" otherwise.

    Example:
        >>> closest("K8SJobMode", ["K8sJobMode", "HTTPMode"])
        "did you mean 'K8sJobMode'?"
    """
    by_lower = {one.lower(): one for one in allowed if {one.lower(), value.lower()} not in OPPOSITES}
    matches = difflib.get_close_matches(value.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean {by_lower[matches[0]]!r}?" if matches else ""


def of_same_words(key: str, known: Collection[str]) -> str | None:
    """Return the known key that ends in the same two words or more as another, None if there is none or several.

    Example:
        >>> of_same_words("noDriverTimeoutSeconds", ["idleTimeoutSeconds", "upscalingMode"])
        'idleTimeoutSeconds'
    """
    words = [word.lower() for word in WORDS.findall(key)]
    similar = [one for one in map(str, known) if [word.lower() for word in WORDS.findall(one)][-2:] == words[-2:]]
    return similar[0] if len(words) > 1 and len(similar) == 1 else None


def unknown_key(
    document: ClusterDocument,
    where: KeyPath,
    known: Collection[str],
    places: Callable[[str, KeyPath], str | None] | None = None,
    version: str | None = None,
) -> Finding:
    """Return a finding about an unknown key: where it belongs, or the known key that it resembles."""
    key = str(where[-1])
    by_case = {name.lower().replace("_", "").replace("-", ""): name for name in map(str, known)}
    same = by_case.get(key.lower().replace("_", "").replace("-", ""))
    if same is not None:
        return finding(document, "RTS103", where, f"unknown key `{key}`: did you mean {same!r}?", f"write `{same}:`")
    inner = document.get(*where)
    if isinstance(inner, dict) and inner and all(str(name) in set(map(str, known)) for name in inner):
        above = next((str(step) for step in reversed(where[:-1]) if isinstance(step, str)), "the document")
        reason = (
            f"`{key}` is one level too many: {', '.join(f'`{name}`' for name in inner)} belong directly below `{above}`"
        )
        return finding(document, "RTS103", where, reason[:200], f"remove the line `{key}:`, and indent its keys less")
    place = places(key, where) if places is not None else None
    if place is not None:
        above = next((str(step) for step in reversed(where[:-1]) if isinstance(step, str)), "the top level")
        reason = f"`{key}` belongs {place}, not under `{above}`" if where[:-1] else f"`{key}` belongs {place}"
        return finding(document, "RTS103", where, reason, f"move it {place}, with the right indentation")
    suggestion = near(key, sorted(map(str, known)))
    if version is not None and "did you mean" not in suggestion:
        similar = of_same_words(key, known)
        suggestion = f": did you mean {similar!r}?" if similar else suggestion
        reason = f"`{key}` is unknown in the version {version}{suggestion}"
        remedy = "correct the name, or remove it, unless the operator in your cluster is newer"
        return finding(document, "RTS103", where, reason, remedy, severity="warning")
    return finding(document, "RTS103", where, f"unknown key `{key}`{suggestion}", "correct the name, or remove it")
