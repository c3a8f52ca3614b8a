"""The stand-in for `pip` on machines of the lab: it accepts installed packages, and rejects others."""

from __future__ import annotations

import shlex
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from raytune_suite.cluster.rehearsal import pip

if TYPE_CHECKING:
    from pathlib import Path

NUMPY = version("numpy")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("numpy 'ray[default]==2.60.0'", ["numpy", "ray[default]==2.60.0"]),
        ("-U --no-cache-dir -q numpy --pre", ["numpy"]),
        ("-c constraints.txt -i https://host/simple numpy --timeout 5 --upgrade-strategy eager", ["numpy"]),
        ("--index-url=https://host/simple --find-links=wheels numpy", ["numpy"]),
        ("numpy -e .[all]", ["numpy", ".[all]"]),
        ("--editable=/opt/suite pandas", ["pandas", "/opt/suite"]),
        ("", []),
    ],
)
def test_requirements_of_a_command_line(arguments: str, expected: list[str]) -> None:
    assert pip.requirements(shlex.split(arguments)) == expected


@pytest.mark.parametrize("option", ["-r {}", "-r{}", "--requirement {}", "--requirement={}"])
def test_requirements_of_a_file(option: str, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(
        """\
# a comment
numpy>=2; python_version >= "3.11"   # a marker
--index-url https://host/simple
-e ./own[all]
--requirement base.txt

scipy==1.17.0 \\
    --hash=sha256:00
suite @ git+https://host/suite.git#egg=suite
"""
    )
    (tmp_path / "base.txt").write_text("-rmore.txt\npandas\n")
    (tmp_path / "more.txt").write_text("pyarrow")
    assert pip.requirements(["torch", *shlex.split(option.format(file))]) == [
        *("torch", 'numpy>=2; python_version >= "3.11"', "./own[all]", "pyarrow", "pandas", "scipy==1.17.0"),
        "suite @ git+https://host/suite.git#egg=suite",
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        *("numpy", "NumPy>=2", f"numpy=={NUMPY}", "ray[default]>=2.60", "raytune-suite[all]"),
        *("nowhere; python_version < '3'", "nowhere @ https://host/nowhere.whl ; sys_platform == 'dos'"),
    ],
)
def test_an_installed_package_is_not_missing(wanted: str) -> None:
    assert pip.missing(wanted) == ""


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("numpy<1", f"numpy<1 is required, but {NUMPY} is installed"),
        ("nowhere>=1; python_version > '3'", "nowhere is not installed"),
        ("git+https://host/suite.git", "'git+https://host/suite.git' would have to be downloaded"),
        ("numpy @ https://host/numpy.whl", "'numpy @ https://host/numpy.whl' would have to be downloaded"),
        ("wheels/numpy-3.whl", "'wheels/numpy-3.whl' would have to be downloaded"),
    ],
)
def test_a_missing_package_has_a_reason(wanted: str, reason: str) -> None:
    assert pip.missing(wanted) == reason


@pytest.mark.parametrize("extra", ["", "[all]", "[torch,report]"])
def test_a_folder_with_a_project_is_the_package_of_that_name(
    extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "pyproject.toml").write_text('[project]\nname = "raytune-suite"\n')
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "nowhere"\n')
    monkeypatch.chdir(tmp_path)
    assert pip.missing(f"here{extra}") == pip.missing(f"{tmp_path}/here{extra}") == ""
    assert pip.missing(f".{extra}") == "nowhere is not installed"


def test_the_exit_status_says_whether_everything_is_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pip.main(["install", "-U", "numpy", "ray[default]"]) == 0
    assert capsys.readouterr().out.endswith(": numpy, ray[default]\n")
    assert pip.main(["-q", "install", "numpy", "nowhere", "numpy<1"]) == 1
    error = capsys.readouterr().err
    assert "nowhere is not installed" in error
    assert "numpy<1" in error
    assert len(error.splitlines()) == 2
    assert pip.main(["install", "-r", str(tmp_path / "none.txt")]) == 1
    assert "none.txt" in capsys.readouterr().err
    assert pip.main(["uninstall", "-y", "nowhere"]) == 0
    assert capsys.readouterr().out.endswith(": pip uninstall -y nowhere\n")
