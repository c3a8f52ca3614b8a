"""`cluster check` finds each mistake in edited manifests, files for own hosts and Slurm scripts, on its line."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from raytune_suite.cluster.checks import check
from raytune_suite.errors import ArgumentError
from tests.cluster.checks.shares import every_third, two_of_each_code
from tests.cluster.checks.text_mistakes import TEXT_MISTAKES, TextMistake
from tests.cluster.checks.valid_texts import VALID_MANIFESTS, VALID_SCRIPTS, VALID_TEXTS, ValidText

if TYPE_CHECKING:
    from raytune_suite.cluster.checks.findings import Finding

FILES = Path(__file__).parent / "files"


def expected_line(text: str, mistake: TextMistake) -> int:
    """The number of the line on which a finding is expected, counted from 1."""
    wanted = (mistake.new if mistake.at is None else mistake.at).partition("\n")[0]
    start = text.index(mistake.new) if mistake.at is None else 0
    return text[: text.index(wanted, start)].count("\n") + 1


@functools.cache
def findings_before(file: str) -> set[tuple[str, str, str]]:
    return {(one.code, one.where, one.reason) for one in check(FILES / file).findings}


def findings(path: Path, text: str) -> list[Finding]:
    path.write_text(text)
    return check(path).findings


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.iterdir()))
def test_the_files_have_no_error(name: str) -> None:
    assert [found for found in check(FILES / name).findings if found.severity == "error"] == []


@pytest.mark.parametrize("mistake", two_of_each_code(TEXT_MISTAKES), ids=lambda mistake: str(mistake.name))
def test_a_mistake_is_found_on_its_line(mistake: TextMistake, tmp_path: Path) -> None:
    good = (FILES / mistake.file).read_text()
    assert mistake.old in good
    bad = good.replace(mistake.old, mistake.new, 1)
    found = findings(tmp_path / mistake.file, bad)
    line = expected_line(bad, mistake)
    matches = [one for one in found if (one.code, one.line) == (mistake.code, line)]
    assert matches, [(one.code, one.line, one.reason) for one in found]
    assert matches[0].remedy
    assert any((one.code, one.where, one.reason) not in findings_before(mistake.file) for one in matches)


@pytest.mark.parametrize("valid", every_third(VALID_TEXTS), ids=lambda valid: str(valid.name))
@pytest.mark.slow
def test_a_valid_edit_gives_no_error(valid: ValidText, tmp_path: Path) -> None:
    good = (FILES / valid.file).read_text()
    assert valid.old in good
    found = findings(tmp_path / valid.file, good.replace(valid.old, valid.new, 1))
    assert [one for one in found if one.severity == "error"] == []


@pytest.mark.parametrize("name", VALID_MANIFESTS)
def test_a_valid_manifest_gives_no_error(name: str, tmp_path: Path) -> None:
    found = findings(tmp_path / "valid.yaml", VALID_MANIFESTS[name])
    assert [one for one in found if one.severity == "error"] == []


@pytest.mark.parametrize("name", VALID_SCRIPTS)
def test_a_valid_script_gives_no_error(name: str, tmp_path: Path) -> None:
    found = findings(tmp_path / "valid.sbatch", VALID_SCRIPTS[name])
    assert [one for one in found if one.severity == "error"] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        ("raycluster.yaml", "  headGroupSpec:", "\theadGroupSpec:", 33),
        ("raycluster.yaml", "image: rayproject/ray:2.60.0-py311\n", "image: rayproject/ray: 2.60.0-py311\n", 42),
        ("raycluster.yaml", "claimName: studies", "claimName: *studies", 65),
        ("raycluster.yaml", "  name: tuning", "  name: {{ .Release.Name }}", 15),
        ("hosts.yaml", "  type: local\n", "  type: local\n   head_port: 22\n", 9),
        ("hosts.yaml", "min_workers: 3\n", "min_workers 3\n", 2),
    ],
)
def test_what_is_no_yaml_is_rejected_with_its_line(file: str, old: str, new: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_text((FILES / file).read_text().replace(old, new, 1))
    with pytest.raises(ArgumentError, match=rf"line ({line}|{line + 1}): "):
        check(path)
