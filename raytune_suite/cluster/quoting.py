"""Quoting for `ray submit`, which joins the arguments of a program with spaces and lets the head's shell evaluate them.

`ray job submit` quotes them itself, and programs on this machine are started without a shell.
"""

from __future__ import annotations

import re
import shlex
from pathlib import PurePath

from raytune_suite.errors import ArgumentError

PLAIN_NAME = re.compile(r"[A-Za-z0-9_.@%+=,-]+")
"""A file name that every shell leaves as it is."""

PLAIN_PATH = re.compile(r"~?[A-Za-z0-9_.@%+=,/-]+")
"""A path that every shell leaves as it is, except for the home folder."""


def quote_for_ray_submit(argument: str) -> str:
    r"""Quote an argument of a program so that `ray submit` passes it on unchanged.

    For containers, Ray replaces each `~/` in the command with the home folder, even within quotes, so the two
    characters are separated by an empty string.

    Example:
        >>> quote_for_ray_submit("two words"), quote_for_ray_submit("~/x"), quote_for_ray_submit("--name=a")
        ("'two words'", "'~''/x'", '--name=a')
    """
    return shlex.quote(argument).replace("~/", "~''/")


def check_program_name(script: str) -> None:
    """Check the name of a program for `ray submit`, which does not quote it.

    Raises:
        ArgumentError: If the head's shell would evaluate the name, or rsync would take its path for a host's.
    """
    if PLAIN_NAME.fullmatch(PurePath(script).name) is None or ":" in script:
        raise ArgumentError(
            f"the program is {script!r}, but `ray submit` only supports names of ASCII letters, digits and _.@%+=,- "
            "without a colon in the path: rename it, or use `--job`"
        )


def check_remote_path(path: str) -> None:
    """Check the path of a file on the head for `ray rsync-down`, which does not quote it.

    Raises:
        ArgumentError: If the head's shell would evaluate it.
    """
    if PLAIN_PATH.fullmatch(path) is None:
        raise ArgumentError(
            f"`--fetch` has the remote path {path!r}, but `ray rsync-down` only supports paths of ASCII letters, "
            "digits and _.@%+=,-/: copy the folder that contains it"
        )
