"""Every example with another library runs, also with a method that copies or pauses trials."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "integrations"
ROOT = FOLDER.parents[1]
EXAMPLES = [
    *(pytest.param(path.name, "", id=path.stem) for path in sorted(FOLDER.glob("*.py"))),
    pytest.param("tune_xgboost.py", "pbt", id="xgboost-pbt"),
    pytest.param("tune_lightgbm.py", "hyperband", id="lightgbm-hyperband"),
    pytest.param("tune_lightning.py", "asha", id="lightning-asha"),
]


@pytest.mark.parametrize(("example", "method"), EXAMPLES)
def test_an_example_prints_the_best(example: str, method: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / example), *([method] if method else [])]
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"best -?\d+\.\d+ with \{", done.stdout)
