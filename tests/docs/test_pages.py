"""What README and documentation show is true: Python runs, commands parse, protocols are valid, links are listed."""

from __future__ import annotations

import contextlib
import doctest
import functools
import io
import os
import re
import subprocess
import tomllib
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite import cli
from raytune_suite.bench import protocol
from tests.docs.markdown import PAGES, ROOT, blocks, commands, name

if TYPE_CHECKING:
    from pathlib import Path

LINKS = ROOT / "docs" / "external-links.txt"
URL = re.compile(r"https?://[^\s)>`\"']+")
STARTS_RAY = {"README.md", "docs/installation.md", "docs/checkpoints.md", "docs/ray-tuner.md"}
"""The pages whose programs train on Ray."""

TAKES_LONG = {f"docs/{page}.md" for page in ("continuing", "gpus", "methods", "simulated-clock", "understanding")}
"""The pages whose programs take seconds without Ray. CI runs them, and those on Ray, among its end-to-end tests."""

RUNNABLE = [page for page in PAGES if any(block.file is None for block in blocks(page, "python"))]
COMMANDS = [(page, words) for page in PAGES for words in commands(page)]


def marks_of(page: str) -> list[pytest.MarkDecorator]:
    """The marks of a page that does not start Ray."""
    marks = [pytest.mark.e2e] if page in TAKES_LONG else []
    return [*marks, pytest.mark.xdist_group("bench")] if page == "docs/comparing-methods.md" else marks


parser = functools.cache(cli.parser)


def run_page(page: Path) -> None:
    """Run the Python blocks of a page in one namespace, and compare what each prints with the text block after it."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed, last = "", None
    for block in blocks(page, "python", "text"):
        if block.language == "text":
            if last is not None:
                flags = doctest.ELLIPSIS
                assert doctest.OutputChecker().check_output(block.text, printed, flags), (
                    f"{page}:{block.line}: {printed}"
                )
            last = None
        elif block.file is None:
            code = compile("\n" * (block.line - 1) + block.text, page, "exec")
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(code, namespace)  # noqa: S102 - our own documentation
            printed, last = output.getvalue(), block


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=marks_of(name(page)), id=name(page))
        for page in RUNNABLE
        if name(page) not in STARTS_RAY
    ],
)
@pytest.mark.slow
def test_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    run_page(page)


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[] if name(page) == "README.md" else [pytest.mark.e2e], id=name(page))
        for page in RUNNABLE
        if name(page) in STARTS_RAY
    ],
)
def test_python_of_a_page_runs_on_ray(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, about its future
        run_page(page)


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=lambda value: None if isinstance(value, list) else name(value)
)
@pytest.mark.slow
def test_a_command_exists(page: Path, words: list[str]) -> None:
    words = words[1:] if words[0] == "sudo" else words
    if words[0] == "make":
        assert set(words[1:]) <= set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)), page
    elif words[0].endswith("raytune-suite"):
        assert callable(parser().parse_args(words[1:]).command)
    elif words[0] == "pip":
        extras = {extra for word in words for group in re.findall(r"\[(.*)\]", word) for extra in group.split(",")}
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert extras <= set(project["optional-dependencies"]), page


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name)
def test_files_in_commands_exist(page: Path) -> None:
    files = [word for words in commands(page) for word in words]
    files = [word for word in files if word.startswith(("clusters/", "examples/", "benchmarks/", "tests/"))]
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.process
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "bash")], ids=name)
def test_shell_blocks_are_valid_syntax(page: Path) -> None:
    for block in blocks(page, "bash"):
        checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)  # noqa: S607
        assert checked.stderr == "", f"{page}:{block.line}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "toml")], ids=name)
def test_toml_blocks_are_valid(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "toml"):
        content = tomllib.loads(block.text)
        if "methods" in content:
            (tmp_path / "mine.toml").write_text(block.text)
            assert protocol.read(tmp_path / "mine.toml").name == content["name"]


def test_external_links_are_listed() -> None:
    links = {url.rstrip(".,;:") for page in PAGES for url in URL.findall(page.read_text())}
    assert sorted(links) == LINKS.read_text().split()


def test_pages_link_to_files_that_exist() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            path = target.partition("#")[0]
            if path and not target.startswith("http"):
                assert os.path.exists(page.parent / path), f"{page}: {target}"  # noqa: PTH110 - with ".." in it


def test_every_page_links_to_another() -> None:
    for page in PAGES:
        links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        assert [link for link in links if not link.startswith("#")], f"{page} leads nowhere"
