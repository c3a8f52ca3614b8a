"""What `pip` is on a machine of the lab: it installs nothing, and refuses what the lab's environment does not have.

The machines have no network and the environment from which the rehearsal was started. So a set-up command that would
install what is here already passes, and one that needs more says so.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

WITH_VALUE = (
    *(("-c", "--constraint"), ("-i", "--index-url"), ("--extra-index-url",), ("-f", "--find-links")),
    *(("-t", "--target"), ("--root",), ("--prefix",), ("--python",), ("--cache-dir",), ("--upgrade-strategy",)),
    *(("--trusted-host",), ("--proxy",), ("--timeout",), ("--retries",), ("--progress-bar",), ("--log",)),
)
"""The options of pip that take a value and do not say what is wanted."""


def requirements(words: list[str]) -> list[str]:
    """What `pip install` is asked for: on its command line, and in the files of requirements that this names.

    Raises:
        OSError: If such a file cannot be read.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("wanted", nargs="*")
    parser.add_argument("-e", "--editable", action="append", default=[])
    parser.add_argument("-r", "--requirement", action="append", default=[])
    for names in WITH_VALUE:
        parser.add_argument(*names)
    given, _flags = parser.parse_known_intermixed_args(words)
    return [*given.wanted, *given.editable, *(one for file in given.requirement for one in _in_file(Path(file)))]


def _in_file(file: Path) -> list[str]:
    """What a file of requirements asks for."""
    found = []
    for line in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        named = re.match(r"(?:-r\s*|--requirement[\s=]+)(.+)", text)
        if named:  # where it is, is told from here
            found += _in_file(file.parent / named[1])
        elif text.startswith("-"):
            found += requirements(shlex.split(text))
        elif text:
            found.append(re.split(r"\s+--", text)[0])  # `--hash` follows it
    return found


def missing(wanted: str) -> str:
    """Why a requirement is not met here; "" if it is. The parts that an extra adds are not looked at."""
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
    if requirement.url is not None:
        return f"{wanted!r} would have to be fetched"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement} is wanted, {version} here"


def main(words: list[str]) -> int:
    """Answer a command line of pip's; the exit status."""
    if "install" not in words:
        print(f"lab: pip does nothing here: pip {' '.join(words)}")  # noqa: T201 - this is a command line
        return 0
    try:
        wanted = requirements(words[words.index("install") + 1 :])
    except OSError as error:
        wanted, wrong = [], [str(error)]
    else:
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
