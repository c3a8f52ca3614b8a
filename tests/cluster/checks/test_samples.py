"""KubeRay's and Ray's own files have no wrong error. They are not in the repository, but may lie in the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from raytune_suite.cluster.checks import check
from raytune_suite.datasets.verification import folder

OF_OTHER_VERSIONS = ("RTS301", "RTS302", "RTS309")
"""The samples are for other versions of Ray and Python than the local ones."""

RENAMED_OR_REMOVED = {"spec.networkIsolation", "spec.headGroupSpec.replicas", "metadata.name"}
"""What older samples have and current operators reject: a key's former name, a removed key, a name with a dot."""


@pytest.mark.parametrize("place", ["kuberay/samples", "ray/examples"])
def test_upstream_files_have_no_wrong_error(place: str) -> None:
    files = sorted(Path(folder(), place).glob("**/*.yaml"))
    if not files:
        pytest.skip(f"{Path(folder(), place)} has no files")
    wrong = [
        (file.name, found.line, found.code, found.reason)
        for file in files
        for found in check(file).findings
        if found.severity == "error" and found.code not in OF_OTHER_VERSIONS and found.where not in RENAMED_OR_REMOVED
    ]
    assert not wrong
