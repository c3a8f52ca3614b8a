"""Following the pages on extending literally gives a searcher, a scheduler and a workload that pass their tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, Block, blocks, commands

EXTENDING = ROOT / "docs" / "extending"
PAGES = [EXTENDING / f"{kind}.md" for kind in ("searcher", "scheduler", "workload")]
PACKAGE = EXTENDING / "package.md"
NAMES = ("hill-climbing", "patience", "parabola")
LISTS = [["list", kind] for kind in ("searchers", "schedulers", "workloads")]
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
QUICK = "not fresh_process and not killed and (not any_pair or hill-climbing+patience)"
"""Which tests of the conformance suite do not take long."""


def files(page: Path) -> list[tuple[str, Block]]:
    """The blocks of a page that are files, or lines to add to one, each with its path."""
    return [(block.file, block) for block in blocks(page, "python", "toml") if block.file is not None]


def run(folder: Path, *command: str) -> str:
    """What a command prints that runs in a folder, with the packages in that folder before ours."""
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT)))}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_suite(folder: Path, *commands: list[str]) -> str:
    """What commands of raytune-suite print, in one process."""
    program = f"from raytune_suite.cli import main\nfor words in {list(commands)!r}:\n    assert main(words) == 0"
    return run(folder, "-c", program)


def written(page: Path, *first: str) -> list[list[str]]:
    """The commands of a page that begin with these words, without the program."""
    return [words[1:] for words in commands(page) if words[: len(first)] == [*first]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package and its tests, with their bytecode, which takes seconds to compile."""
    for name in ("raytune_suite", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def other_package(tmp_path: Path) -> Path:
    """The package of `package.md`, as if it was installed."""
    ((_, declared),) = files(PACKAGE)
    project = tomllib.loads(declared.text)["project"]
    folder = tmp_path / "my_tuners"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for path, block in (pair for page in PAGES for pair in files(page)):
        if not path.endswith("__init__.py"):
            (folder / Path(path).name).write_text(block.text)
    metadata = tmp_path / f"my_tuners-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items()) for group, points in groups
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.e2e
def test_the_steps_work_in_tree(checkout: Path) -> None:
    for path, block in (pair for page in PAGES for pair in files(page)):
        target = checkout / path
        registry = target.name == "__init__.py"
        assert target.exists() == registry, f"{path} must be a new file, or the registry to add a line to"
        target.write_text(f"{target.read_text()}\n{block.text}" if registry else block.text)
    printed = run_suite(checkout, *LISTS, *written(PACKAGE, "raytune-suite", "run"))
    assert [name for name in NAMES if name not in printed] == []
    suites = ("tests/conformance", "tests/workloads/test_workload.py")
    assert " passed" in run(checkout, *PYTEST, *suites, "-k", f"({' or '.join(NAMES)}) and {QUICK}")


@pytest.mark.e2e
def test_the_steps_work_in_another_package(other_package: Path) -> None:
    printed = run_suite(other_package, *LISTS, *written(PACKAGE, "raytune-suite", "run"))
    assert [name for name in NAMES if name not in printed] == []


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("checkout")
def test_another_package_passes_the_whole_conformance_suite(other_package: Path) -> None:
    (command,) = written(PACKAGE, ".venv/bin/python", "-m", "pytest")
    assert " passed" in run(other_package, *command, "-q", "-p", "no:cacheprovider")
    run_suite(other_package, *(words for page in PAGES for words in written(page, "raytune-suite", "run")))


def test_contributing_names_the_pages_and_the_registries() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for page in [*PAGES, PACKAGE]:
        assert f"docs/extending/{page.name}" in text
    for path, _ in (pair for page in PAGES for pair in files(page)):
        if path.endswith("__init__.py"):
            assert path in text
            assert (ROOT / path).exists()
