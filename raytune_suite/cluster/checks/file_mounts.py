"""Check that the folders which Ray copies to the nodes contain what set-up commands install from them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.checks.key_places import place_of_key, ray_schema
from raytune_suite.cluster.checks.shell_commands import SYSTEM_FOLDERS
from raytune_suite.cluster.document import on_this_machine
from raytune_suite.cluster.pools import provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument

FILE_OPTION = re.compile(r"(?:^|\s)(?:-c|-r|--constraint|--requirement)[= ]*(\w[\w./-]*)")
"""An option of pip that names a file."""

THIS_FOLDER = re.compile(r"(?:^|\s)[\"']?\.(?:\[[\w,-]*\])?[\"']?(?=\s|$)")
"""An argument that makes pip install the current folder."""

PROJECT = ("pyproject.toml", "setup.py")
"""The files of which one makes a folder an installable project."""


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield relative targets, and commands `cd FOLDER && pip install ...` that need files which the folder lacks."""
    for key in ("rsync_exclude", "rsync_filter"):
        for index, pattern in enumerate(document.strings(key)):
            if re.search(r"\S [.\w*/-]*\w", pattern):
                reason = f"{pattern!r} is one pattern, which fits only names with spaces"
                remedy = f"write `{key}: [{', '.join(pattern.split())}]`"
                yield finding(document, "RTS101", (key, index), reason, remedy, severity="warning")
    for target, source in document.mapping("file_mounts").items():
        bare = re.fullmatch(r"[a-z_]+", str(target)) is not None
        section = place_of_key(str(target), (str(target),), provider(document)) if bare else None
        if section is not None or (bare and str(target) in ray_schema("", own_workers=True)["properties"]):
            reason = f"`{target}` is a setting, not a folder: it belongs {section or 'at the top level'}"
            yield finding(
                document, "RTS103", ("file_mounts", target), reason, f"move it {section or 'to the top level'}"
            )
            continue
        if not str(target).startswith(("/", "~", "$")):
            reason = f"{str(target)!r} is not an absolute path, so it depends on where the copy starts from"
            where = ("file_mounts", target)
            yield finding(document, "RTS311", where, reason, f"write '~/{str(target).removeprefix('./')}'")
        user = document.get("auth", "ssh_user")
        if not document.mapping("docker") and SYSTEM_FOLDERS.match(str(target)) and user not in (None, "root"):
            reason = f"{user} may not create {target}"
            remedy = f"write '~/{str(target).rstrip('/').rpartition('/')[2]}', unless the folder exists and is writable"
            yield finding(document, "RTS414", ("file_mounts", target), reason, remedy, severity="warning")
        yield from lacking_files(document, str(target), str(source))


def lacking_files(document: ClusterDocument, target: str, source: str) -> Iterator[Finding]:
    """Yield set-up commands that install from a copied folder what its source lacks."""
    folder = on_this_machine(source)
    begins = re.compile(rf"\s*cd\s+{re.escape(target.rstrip('/'))}/?\s*&&([^;&|]*\binstall\s[^;&|]*)")
    for key in ("setup_commands", "head_setup_commands", "worker_setup_commands"):
        for index, text in enumerate(document.strings(key)):
            match = begins.match(text)
            lacking = missing_files(folder, match[1]) if match is not None and folder.is_dir() else []
            if lacking:
                reason = f"{key} needs {' and '.join(lacking)}, which {folder.absolute()} does not contain"
                remedy = f"run this from the checkout, or set the source of {target} in file_mounts to the checkout"
                yield finding(document, "RTS310", (key, index), reason, remedy)


def missing_files(folder: Path, command: str) -> list[str]:
    """Return the files that a pip command needs but the folder lacks."""
    lacking = [name for name in FILE_OPTION.findall(command) if not (folder / name).is_file()]
    if THIS_FOLDER.search(command) and not any((folder / name).is_file() for name in PROJECT):
        lacking.append(PROJECT[0])
    return lacking
