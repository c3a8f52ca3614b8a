"""The files that set-up commands read from a folder which Ray copies from here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import Document

GIVEN = re.compile(r"(?:^|\s)(?:-c|-r|--constraint|--requirement)[= ]*(\w[\w./-]*)")
"""The files of pip's options."""

HERE = re.compile(r"(?:^|\s)[\"']?\.(?:\[[\w,-]*\])?[\"']?(?=\s|$)")
"""What tells pip to install the folder in which it runs."""

PROJECT = ("pyproject.toml", "setup.py")
"""Either makes a folder a project that pip installs."""


def check(document: Document) -> Iterator[Finding]:
    """Whether a folder to copy has what `cd FOLDER && ... pip install ...` reads there: from elsewhere it would not."""
    for target, source in document.mapping("file_mounts").items():
        folder = Path(str(source)).expanduser()
        begins = re.compile(rf"\s*cd\s+{re.escape(str(target).rstrip('/'))}/?\s*&&([^;&|]*\binstall\s[^;&|]*)")
        for key in ("setup_commands", "head_setup_commands", "worker_setup_commands"):
            for index, text in enumerate(document.strings(key)):
                found = begins.match(text)
                lacking = missing(folder, found[1]) if found is not None and folder.is_dir() else []
                if lacking:
                    reason = f"{key} reads {' and '.join(lacking)}, which {folder.absolute()} does not have"
                    remedy = f"call from the checkout, or write the way to it as the source of {target} in file_mounts"
                    yield finding(document, "RTS310", (key, index), reason, remedy)


def missing(folder: Path, command: str) -> list[str]:
    """What a command of pip's wants of a folder, and is not there."""
    lacking = [name for name in GIVEN.findall(command) if not (folder / name).is_file()]
    if HERE.search(command) and not any((folder / name).is_file() for name in PROJECT):
        lacking.append(PROJECT[0])
    return lacking
