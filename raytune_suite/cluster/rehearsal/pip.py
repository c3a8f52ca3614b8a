"""The stand-in for `pip` on machines of the lab: it installs nothing, and fails for packages that are not installed.

The machines have no network, but the environment from which the rehearsal was started. A setup command succeeds if this
environment has what it would install; otherwise the stand-in reports what is missing.
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
"""The options of pip that take a value which is not a requirement."""


def requirements(arguments: list[str]) -> list[str]:
    """Return the requirements of a `pip install` command line, including those in requirements files.

    Raises:
        OSError: If a requirements file cannot be read.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("wanted", nargs="*")
    parser.add_argument("-e", "--editable", action="append", default=[])
    parser.add_argument("-r", "--requirement", action="append", default=[])
    for names in WITH_VALUE:
        parser.add_argument(*names)
    options, _flags = parser.parse_known_intermixed_args(arguments)
    return [*options.wanted, *options.editable, *(one for file in options.requirement for one in _in_file(Path(file)))]


def _in_file(file: Path) -> list[str]:
    """Return the requirements in a requirements file."""
    result = []
    for line in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        named = re.match(r"(?:-r\s*|--requirement[\s=]+)(.+)", text)
        if named:  # relative to this file
            result += _in_file(file.parent / named[1])
        elif text.startswith("-"):
            result += requirements(shlex.split(text))
        elif text:
            result.append(re.split(r"\s+--", text)[0])  # without options such as --hash
    return result


def missing(wanted: str) -> str:
    """Return why a requirement is not met, "" if it is. The requirements of extras are not checked."""
    folder = Path(re.sub(r"\[[^]]*\]$", "", wanted))
    if (folder / "pyproject.toml").is_file():
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        wanted = str(project.get("name", folder.resolve().name))
    try:
        requirement = Requirement(wanted)
    except InvalidRequirement:
        return f"{wanted!r} would have to be downloaded"
    if requirement.marker is not None and not requirement.marker.evaluate():
        return ""
    if requirement.url is not None:
        return f"{wanted!r} would have to be downloaded"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement} is required, but {version} is installed"


def main(arguments: list[str]) -> int:
    """Run a command line of pip, and return the exit status."""
    if "install" not in arguments:
        print(f"lab: ignored: pip {' '.join(arguments)}")  # noqa: T201 - this is a command line
        return 0
    try:
        wanted = requirements(arguments[arguments.index("install") + 1 :])
    except OSError as error:
        wanted, problems = [], [str(error)]
    else:
        problems = [reason for reason in map(missing, wanted) if reason]
    for reason in problems:
        print(  # noqa: T201 - this is a command line
            f"lab: {reason}: machines of the lab have no network, so install it in the environment of the rehearsal",
            file=sys.stderr,
        )
    if not problems:
        print(f"lab: already installed: {', '.join(wanted)}")  # noqa: T201 - as above
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
