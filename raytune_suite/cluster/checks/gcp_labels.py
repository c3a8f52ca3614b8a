"""Checks of labels, network tags and metadata of machines on Google Cloud."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import dicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

LABEL, LABEL_KEY = r"[\w-]{0,63}", r"[a-z][\w-]{0,62}"
"""The forms of a label's value and name; Compute Engine rejects capital letters besides."""

IGNORED_KEYS = {
    "enable-oslogin": "the ssh keys that Ray writes into the metadata of the project",
    "enable-oslogin-2fa": "the ssh keys that Ray writes into the metadata of the project",
    "block-project-ssh-keys": "the ssh keys of the project, among which Ray writes its own",
}
"""Metadata with which Ray's key is not accepted (docs.cloud.google.com/compute/docs: oslogin, connect/add-ssh-keys)."""

NAME = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"


def check(document: ClusterDocument, where: KeyPath, config: dict[str, Any]) -> Iterator[Finding]:
    """Yield labels, network tags and metadata that Compute Engine rejects."""
    given = config.get("labels")
    for key, value in given.items() if isinstance(given, dict) else ():
        wrong = not re.fullmatch(LABEL_KEY, str(key)) or not re.fullmatch(LABEL, str(value))
        if wrong or re.search("[A-Z]", f"{key}{value}"):
            reason = f"the label {key}: {value} has other characters than lower-case letters, digits, - and _"
            remedy = f"write `{simple_label(key)}: {simple_label(value)}`"
            yield finding(document, "RTS902", (*where, "labels", key), reason, remedy)
    tags = config.get("tags")
    items = tags.get("items") if isinstance(tags, dict) else None
    for index, tag in enumerate(items if isinstance(items, list) else []):
        if isinstance(tag, str) and not re.fullmatch(NAME, tag):
            reason = f"the network tag {tag!r} has other characters than lower-case letters, digits and hyphens"
            place = (*where, "tags", "items", index)
            yield finding(document, "RTS902", place, reason, f"write `{simple_label(tag).replace('_', '-')}`")
    metadata = config.get("metadata")
    pairs = metadata.get("items") if isinstance(metadata, dict) else None
    seen: set[str] = set()
    for index, pair in enumerate(dicts(pairs if isinstance(pairs, list) else [])):
        name = str(pair.get("key", ""))
        if name in seen:
            reason = f"the metadata key {name!r} is given twice"
            place = (*where, "metadata", "items", index, "key")
            yield finding(document, "RTS902", place, reason, "remove one of them")
        seen.add(name)
        place = (*where, "metadata", "items", index, "value")
        enabled = str(pair.get("value")).lower() in ("true", "yes", "y", "1")
        if name in IGNORED_KEYS and enabled:
            reason = f"with `{name}` Google Cloud ignores {IGNORED_KEYS[name]}, so nobody can log in"
            yield finding(document, "RTS905", place, reason, f"remove `{name}`")
        for key in ("key", "value"):
            if key not in pair:
                place = (*where, "metadata", "items", index)
                reason = f"an entry of `metadata.items` has no `{key}`"
                yield finding(document, "RTS903", place, reason, "write `{key: NAME, value: TEXT}`")


def simple_label(value: Any) -> str:
    """Return a text with only the characters that a label may have."""
    return re.sub(r"[^a-z0-9_-]+", "-", str(value).lower()).strip("-")
