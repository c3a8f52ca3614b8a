from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite import cli
from raytune_suite.automatic import AUTO
from raytune_suite.cli import list as list_command
from raytune_suite.methods import METHODS
from raytune_suite.registry import Plugins
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS
from raytune_suite.workloads import FAMILIES, WORKLOADS, family_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raytune_suite.registry import Registry

REGISTERED: dict[str, Iterable[str]] = {
    "methods": [AUTO, *METHODS],
    "searchers": SEARCHERS,
    "schedulers": SCHEDULERS,
    "workloads": [*WORKLOADS, *(f"{family}/..." for family in FAMILIES)],
}


@pytest.mark.parametrize("what", REGISTERED)
def test_each_entry_has_one_line_that_starts_with_its_name(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(REGISTERED[what])
    assert all(len(line.split("  ", 1)[1].strip()) > 1 for line in lines)


@pytest.mark.parametrize(
    ("what", "registry"), [("searchers", SEARCHERS), ("schedulers", SCHEDULERS), ("workloads", WORKLOADS)]
)
def test_a_plugin_that_cannot_be_loaded_is_listed_with_its_error(
    what: str, registry: Registry[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point = metadata.EntryPoint("broken", "no_such_module:thing", f"raytune_suite.{what}")
    monkeypatch.setattr(registry, "_plugins", Plugins({"broken": point}, {}))
    assert cli.main(["list", what]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("broken ")]
    assert "no_such_module" in line
    assert cli.main(["list", what, "--format", "json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert "no_such_module" in entries["broken"]["error"]
    assert set(registry) <= set(entries)


def test_every_cluster_file_is_listed_with_its_first_comment_and_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "clusters", "--format", "json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    folder = list_command.clusters_folder()
    files = [path for path in folder.rglob("*") if path.suffix in (".yaml", ".sbatch")]
    assert {Path(entry["path"]).absolute() for entry in entries.values()} == set(files)
    assert {"aws-gpu", "kuberay/rayjob", "slurm/study"} <= set(entries)
    assert all(f"# {entry['summary']}\n" in Path(entry["path"]).read_text() for entry in entries.values())
    assert cli.main(["list", "clusters"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == set(entries)
    assert all(lines[name].endswith(entries[name]["path"]) for name in entries)


@pytest.mark.parametrize("what", list_command.LISTS)
def test_list_as_json(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", what, "--format", "json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert all(entry["name"] and entry["summary"] for entry in entries)


def test_workloads_of_families_are_listed_by_name_and_with_their_data_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path))
    (tmp_path / "taskset").mkdir()
    entries = {entry["name"]: entry for entry in list_command.workloads()}
    assert [*entries] == [*WORKLOADS, *(name for family in FAMILIES for name in family_names(family))]
    assert entries["arlbench/cc_cartpole_ppo"]["needs"] == ["data: raytune-suite data fetch arlbench"]
    assert entries["lcbench/adult"]["needs"] == ["data: raytune-suite data fetch lcbench"]
    (taskset,) = (entry for entry in list_command.by_family([*entries.values()]) if entry["name"] == "taskset/...")
    assert list_command.row(taskset)[2].endswith("data present")


def test_list_shows_what_the_classes_declare() -> None:
    entries = {entry["name"]: entry for entry in list_command.methods()}
    for name, recipe in METHODS.items():
        searcher, scheduler = SEARCHERS[recipe.searcher], SCHEDULERS[recipe.scheduler]
        needs = " ".join(entries[name]["needs"])
        assert ("max_t" in needs) == scheduler.ladder
        assert ("checkpoints" in needs) == scheduler.pauses
        for extra in (searcher.extra, scheduler.extra):
            assert extra is None or f"extra {extra}: installed" in needs
        assert set(entries[name]["supported"]) == searcher.features & scheduler.features


def test_a_missing_extra_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_command.needed_extra("torch") == "extra torch: installed"
    monkeypatch.setattr("raytune_suite.optional.available", lambda _extra: False)
    needed = list_command.needed_extra("torch")
    assert needed.startswith("extra torch: not installed")
    assert "raytune-suite[torch]" in needed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("random", "not with tune.grid_search"),
        ("bayesopt", "not with conditional parameters or tune.grid_search"),
        ("grid", "finite spaces only"),
    ],
)
def test_a_row_says_which_spaces_are_supported(name: str, expected: str) -> None:
    (entry,) = (entry for entry in list_command.methods() if entry["name"] == name)
    assert list_command.row(entry)[2].endswith(expected)
