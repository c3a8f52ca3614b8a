"""Every example with another library runs, also with a method that copies or pauses trials."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "integrations"
EXAMPLES = [
    *(pytest.param(path.name, "", id=path.stem) for path in sorted(FOLDER.glob("*.py"))),
    pytest.param("tune_xgboost.py", "pbt", id="xgboost-pbt"),
    pytest.param("tune_lightgbm.py", "hyperband", id="lightgbm-hyperband"),
    pytest.param("tune_lightning.py", "asha", id="lightning-asha"),
    pytest.param("tune_rllib.py", "pbt", id="rllib-pbt"),
]


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize(("example", "method"), EXAMPLES)
def test_an_example_prints_the_best(
    example: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # where studies are
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(sys, "argv", [example, *([method] if method else [])])
    runpy.run_path(str(FOLDER / example), run_name="__main__")  # in this process, so that all share one Ray
    assert re.search(r"best -?\d+\.\d+ with \{", capsys.readouterr().out)
