"""Check where a batch script of Slurm looks for its own folder: slurmd runs a copy of the script in its spool folder.

Source: the manual page of sbatch (24.11); "How can a job find its own script" of Slurm's FAQ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN_NAME = r"(?:\$0(?!\d)|\$\{0\b[^}]*\}|\$\{?BASH_SOURCE(?:\[0\]|\[@\])?(?:[%#][^}]*)?\}?)"
OWN_FOLDER = re.compile(
    rf"\b(?:dirname|realpath|readlink|cd|pushd|source|exec)\b[^;|\n#]*{OWN_NAME}|^\s*\.\s[^;|\n#]*{OWN_NAME}|"
    r"\$\{(?:0|BASH_SOURCE(?:\[0\])?)%/\*\}"
)
"""A use of the script's path for more than its name."""

OTHERWISE = re.compile(
    r"scontrol\s+show\s+job|\bsbatch\s[^;|\n]*\$\{?0\}?|SLURM_JOB_ID(?::-)?\}?\"?\s*\]|-[zn]\s+\"?\$\{?SLURM_JOB"
)
"""A script that distinguishes whether it is run by Slurm, or asks Slurm for its path."""


def check(text: str) -> Iterator[Finding]:
    """Yield uses of the script's own folder."""
    code = re.sub(r"(?m)^\s*#.*$", "", text)
    if OTHERWISE.search(code):
        return
    for number, line in enumerate(code.splitlines(), 1):
        match = OWN_FOLDER.search(line)
        if match is not None:
            reason = "Slurm runs a copy of the script in its own spool folder, so its path does not lead to your files"
            remedy = "write `$SLURM_SUBMIT_DIR`, the folder in which sbatch was called"
            yield Finding(number, "RTS843", f"line {number}", reason, remedy, "error")
