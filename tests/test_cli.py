from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite import cli, tuning
from raytune_suite.errors import RaytuneSuiteError, StudyError, StudyInterrupted
from raytune_suite.methods import METHODS
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS
from raytune_suite.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RUN = ["run", "live/digits-mlp", "--tuning-seeds", "0", "--test-seeds", "5,6", "--budget", "2"]
REGISTERED: dict[str, Iterable[str]] = {
    "methods": METHODS,
    "searchers": SEARCHERS,
    "schedulers": SCHEDULERS,
    "workloads": WORKLOADS,
}


def python(*arguments: str) -> str:
    """What a fresh process prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("what", REGISTERED)
def test_list_has_one_line_for_each_that_starts_with_its_name(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(REGISTERED[what])
    assert all(len(line.split("  ", 1)[1].strip()) > 1 for line in lines)


def test_every_cluster_file_is_listed_with_its_first_comment(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "clusters"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(path.stem for path in cli.clusters_folder().glob("*.yaml"))
    assert lines
    for line in lines:
        name, summary = line.split(maxsplit=1)
        assert (cli.clusters_folder() / f"{name}.yaml").read_text().startswith(f"# {summary}\n")


@pytest.mark.parametrize("what", cli.LISTS)
def test_list_as_json(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", what, "--format", "json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert all(entry["name"] and entry["summary"] for entry in entries)


def test_list_tells_what_the_classes_declare() -> None:
    entries = {entry["name"]: entry for entry in cli.list_methods()}
    for name, recipe in METHODS.items():
        searcher, scheduler = SEARCHERS[recipe.searcher], SCHEDULERS[recipe.scheduler]
        needs = " ".join(entries[name]["needs"])
        assert ("max_t" in needs) == scheduler.ladder
        assert ("checkpoints" in needs) == scheduler.pauses
        for extra in (searcher.extra, scheduler.extra):
            assert extra is None or f"raytune-suite[{extra}] (installed)" in needs
        assert set(entries[name]["serves"]) == searcher.features & scheduler.features


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raytune_suite.optional.available", lambda _extra: False)
    assert cli.needed_extra("torch") == "raytune-suite[torch] (not installed)"
    with pytest.raises(RaytuneSuiteError, match=r"pip install 'raytune-suite\[torch\]'"):
        cli.require_extra("live/digits-mlp", "torch")


def test_help_is_quick_since_it_imports_neither_ray_nor_numpy() -> None:
    program = """
import sys
from raytune_suite.cli import main
try:
    main(["run", "--help"])
except SystemExit as ended:
    assert ended.code == 0
print({"ray", "torch", "numpy", "pandas", "rich"} & set(sys.modules))
"""
    printed = python("-c", program)
    assert printed.splitlines()[-1] == "set()"
    assert "examples:" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "live/digits-mpl"], "did you mean 'live/digits-mlp'?"),
        (["run", "live/digits-mlp", "--method", "ahsa"], "did you mean 'asha'?"),
        (["run", "live/digits-mlp", "--method", "tpe+ahsa"], "did you mean 'asha'?"),
        (["run", "live/digits-mlp", "--arg", "etta=4"], "did you mean 'eta'?"),
        (["run", "live/digits-mlp", "--arg", "eta=1"], "`eta` is 1"),
        (["run", "live/digits-mlp", "--budget", "0"], "`budget` is 0.0"),
        (["run", "live/digits-mlp", "--method", "grid"], "'lr'"),
        (["run", "live/digits-mlp", "--tuning-seeds", "5"], "the seeds [5] are among"),
        (["run", "live/digits-mlp", "--plot", "study.txt"], ".png, .svg, .pdf"),
        (["run", "live/digits-mlp", "--resume"], "`resume` needs `name`"),
        (["run", "live/digits-mlp", "--resume", "--name", "never-begun"], "no study named 'never-begun'"),
    ],
)
def test_an_error_is_one_message_and_status_2(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*arguments, "--storage-path", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert error.splitlines()[-1].startswith("raytune-suite: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["--arg", "eta"], ["--arg", "=4"], ["--tuning-seeds", "one"], ["--seed", "x"]])
def test_a_malformed_argument_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "live/digits-mlp", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"), [(StudyInterrupted("interrupted"), 130), (StudyError("all 3 trials have failed"), 2)]
)
def test_a_study_that_ended_early_tells_the_whole_command_that_goes_on(
    error: BaseException, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[dict[str, Any]] = []

    def interrupted(**arguments: Any) -> None:
        seen.append(arguments)
        raise error

    monkeypatch.setattr(tuning, "tune", interrupted)
    arguments = [*RUN, "--method", "tpe+asha", "--arg", "eta=4", "--arg", 'mutable=["a b"]', "--gpus", "0.5"]
    assert cli.main([*arguments, "--storage-path", "a folder"]) == status
    message = capsys.readouterr().err
    assert str(error) in message
    (command,) = [line.removeprefix("To go on: ") for line in message.splitlines() if line.startswith("To go on: ")]
    assert shlex.split(command)[0] == "raytune-suite"
    assert cli.main(shlex.split(command)[1:]) == status
    first, second = seen
    assert second.pop("resume")
    assert not first.pop("resume")
    for arguments_of in (first, second):
        arguments_of["workload"] = arguments_of["workload"].name
    assert first == second


def test_values_and_seeds() -> None:
    assert cli.assignment("eta=4") == ("eta", 4)
    assert cli.assignment("kind=fast") == ("kind", "fast")
    assert cli.assignment("quote=a=b") == ("quote", "a=b")
    assert cli.seeds("0-2, 7") == [0, 1, 2, 7]
    assert cli.seeds("none") == []


def test_a_table_has_straight_columns() -> None:
    assert cli.aligned([["a", "1", ""], ["long", "20", "x"]]) == "a     1\nlong  20  x"
    assert cli.aligned([]) == ""
    assert [cli.cell(value) for value in (0.123456, 3, "relu", float("nan"), None)] == ["0.1235", "3", "relu", "", ""]


def test_run_tells_the_best_config_and_its_test_scores_and_draws(tmp_path: Path) -> None:
    picture = tmp_path / "pictures" / "study.png"
    command = ["-m", "raytune_suite.cli", *RUN, "--plot", str(picture)]
    command += ["--storage-path", str(tmp_path), "--name", "study"]
    printed = python(*command)
    for words in ("asha tried", "best config", "tuning ", "seeds 5, 6", "gap ", str(tmp_path / "study"), str(picture)):
        assert words in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert python(*command, "--resume") == printed
    assert cli.main([*RUN, "--storage-path", str(tmp_path), "--name", "study"]) == 2


@pytest.mark.e2e
def test_ctrl_c_and_the_command_that_it_prints(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "raytune_suite.cli", *RUN[:-1], "12", "--storage-path", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:  # noqa: S603 - our own program
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("*/*/*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        _, message = running.communicate(timeout=60)
    assert running.returncode == 130
    (advice,) = [line.removeprefix("To go on: ") for line in message.splitlines() if line.startswith("To go on: ")]
    assert "gap " in python("-m", "raytune_suite.cli", *shlex.split(advice)[1:])
