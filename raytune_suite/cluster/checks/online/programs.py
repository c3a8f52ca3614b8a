"""Run programs that ask a provider, such as kubectl and sbatch."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.online.rest import NotAskedError

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S = 60.0
"""The most seconds that a program may take."""


def run(command: Sequence[str], remedy: str) -> tuple[int, str]:
    """Run a program, and return its exit status and what it printed as errors.

    Args:
        command: The program and its arguments.
        remedy: What to do if it is not installed.

    Raises:
        NotAskedError: If it is not installed, or does not end in time.
    """
    program = shutil.which(command[0])
    if program is None:
        raise NotAskedError(f"{command[0]} is not installed here", remedy)
    try:
        done = subprocess.run(  # noqa: S603 - a program of the provider, with the user's own file
            [program, *command[1:]], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        reason = f"`{shlex.join(command)}` has not ended after {TIMEOUT_S:g} s"
        raise NotAskedError(reason, "check the connection") from error
    return done.returncode, done.stderr.strip() or done.stdout.strip()
