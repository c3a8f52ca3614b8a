"""What `pip` is on a machine of the lab: it installs nothing, and refuses what the lab's environment does not have.

The machines have no network and the environment from which the rehearsal was started. So a set-up command that would
install what is here already passes, and one that needs more says so.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

WITH_VALUE = {
    *("-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-t", "--target"),
    *(
        "--trusted-host",
        "--timeout",
        "--retries",
        "--root",
        "--prefix",
        "--python",
        "--cache-dir",
        "--upgrade-strategy",
    ),
}
"""The options of pip that take the next word."""


def requirements(words: list[str]) -> list[str]:
    """What `pip install` is asked for, in the words of a command line or of a file of requirements."""
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in ("-r", "--requirement"):
            lines = Path(next(rest, "")).read_text(encoding="utf-8").splitlines()
            found += requirements([text for line in lines for text in [re.sub(r"(^|\s)#.*", "", line).strip()] if text])
        elif word in WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            found.append(word)
    return found


def missing(wanted: str) -> str:
    """Why a requirement is not met here; "" if it is."""
    folder = Path(re.sub(r"\[[^]]*\]$", "", wanted))
    if (folder / "pyproject.toml").is_file():
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        wanted = str(project.get("name", folder.resolve().name))
    try:
        requirement = Requirement(wanted)
    except InvalidRequirement:
        return f"{wanted!r} would have to be fetched"
    if requirement.marker is not None and not requirement.marker.evaluate():
        return ""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    return (
        "" if requirement.specifier.contains(version, prereleases=True) else f"{requirement} is wanted, {version} here"
    )


def main(words: list[str]) -> int:
    """Answer a command line of pip's; the exit status."""
    if words[:1] != ["install"]:
        print(f"lab: pip does nothing here: pip {' '.join(words)}")  # noqa: T201 - this is a command line
        return 0
    wanted = requirements(words[1:])
    wrong = [reason for reason in map(missing, wanted) if reason]
    for reason in wrong:
        print(  # noqa: T201 - this is a command line
            f"lab: {reason}: the machines have the environment of the rehearsal and no network, so install it there",
            file=sys.stderr,
        )
    if not wrong:
        print(f"lab: here already: {', '.join(wanted)}")  # noqa: T201 - as above
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
