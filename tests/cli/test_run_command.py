from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite import cli
from raytune_suite.cli import run as run_command
from raytune_suite.cli import run_options
from raytune_suite.errors import AllTrialsFailedError, StudyError, StudyInterrupted
from raytune_suite.tuning import tune

if TYPE_CHECKING:
    from pathlib import Path

RUN = ["run", "live/digits-mlp", "--tuning-seeds", "0", "--test-seeds", "5,6", "--budget", "2"]
SIMULATED = ["--engine", "simulated"]


def python(*arguments: str) -> str:
    """The output of a new process."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "live/digits-mpl"], "'live/digits-mlp'"),
        (["run", "live/digits-mlp", "--method", "ahsa"], "'asha'"),
        (["run", "live/digits-mlp", "--method", "tpe+ahsa"], "'asha'"),
        (["run", "live/digits-mlp", "--method", "tpe+dehb"], "dehb+assigned"),
        (["run", "live/digits-mlp", "--arg", "etta=4"], "'eta'"),
        (["run", "live/digits-mlp", "--arg", "eta=1"], "`eta` is 1"),
        (["run", "live/digits-mlp", "--budget", "0"], "`budget` is 0.0"),
        (["run", "live/digits-mlp", "--method", "grid"], "'lr'"),
        (["run", "live/digits-mlp", "--tuning-seeds", "5"], "[5]"),
        (["run", "live/digits-mlp", "--plot", "study.txt"], ".png, .svg, .pdf"),
        (["run", "live/digits-mlp", "--resume"], "`--name`"),
        (["run", "live/digits-mlp", "--resume", "--name", "never-begun"], "'never-begun'"),
        (["run", "live/digits-mlp", "--workers", "2"], "`--workers`"),
        (["run", "synthetic/mfh3", *SIMULATED, "--gpus", "1"], "`--gpus`"),
        (["run", "synthetic/mfh3", *SIMULATED, "--resources", "[{cpu = 1}]"], "`--resources`"),
        (["run", "synthetic/mfh3", "--resources", "[{cpu = 1}]", "--gpus", "1"], "`--gpus`"),
        (["run", "synthetic/mfh3", "--resources", "[{cpu = 1}, {}]"], "resources[1]"),
        (["run", "synthetic/mfh3", "--resources", "4"], "`resources`"),
        (["run", "live/digits-mlp", "--compute", "2"], "`--compute`"),
        (["run", "synthetic/mfh3", *SIMULATED, "--workers", "0"], "`workers` is 0"),
        (["run", "synthetic/mfh3", *SIMULATED, "--compute", "-1"], "`compute` is -1"),
        (["run", "synthetic/mfh3", *SIMULATED, "--method", "pbt"], "'pbt'"),
        (["run", "synthetic/mfh3", *SIMULATED, "--resume", "--name", "a"], "`name` is 'a'"),
    ],
)
def test_an_error_is_one_message_and_status_2(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*arguments, "--storage-path", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert error.splitlines()[0].startswith("raytune-suite: "), "no folder is announced before"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [["--arg", "eta"], ["--arg", "=4"], ["--tuning-seeds", "one"], ["--seed", "x"], ["--resources", "many"]],
)
def test_a_malformed_argument_is_rejected(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "live/digits-mlp", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "needs"),
    [
        (StudyInterrupted("interrupted"), 130, ["--gpus", "0.5"]),
        (StudyError("the storage is full"), 2, ["--resources", "[{cpu = 1}, {gpu = 0.5}]"]),
        (AllTrialsFailedError("all 3 trials have failed"), 2, []),
        (StudyInterrupted("interrupted"), 130, ["--engine", "simulated", "--workers", "3", "--compute", "2"]),
    ],
)
def test_a_study_that_ended_early_prints_the_command_that_resumes_it(
    error: BaseException,
    status: int,
    needs: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[dict[str, Any]] = []

    def interrupted(**arguments: Any) -> None:
        seen.append(arguments)
        raise error

    monkeypatch.setattr(tune, "tune", interrupted)
    retry = "failed" if isinstance(error, AllTrialsFailedError) else None
    arguments = [*RUN, "--method", "tpe+asha", "--arg", "eta=4", "--arg", 'mutable=["a b"]', *needs]
    assert cli.main([*arguments, "--storage-path", "a folder"]) == status
    message = capsys.readouterr().err
    assert str(error) in message
    (command,) = [line.removeprefix("To resume: ") for line in message.splitlines() if line.startswith("To resume: ")]
    assert shlex.split(command)[0] == "raytune-suite"
    assert cli.main(shlex.split(command)[1:]) == status
    first, second = seen
    assert first.pop("engine").engine == second.pop("engine").engine
    assert second.pop("resume")
    assert not first.pop("resume")
    assert (first.pop("retry"), second.pop("retry")) == (None, retry)
    for arguments_of in (first, second):
        arguments_of["workload"] = arguments_of["workload"].name
    assert first == second


def test_a_missing_extra_is_reported_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("raytune_suite.optional.available", lambda _extra: False)
    assert cli.main([*RUN, "--storage-path", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "'live/digits-mlp'" in error
    assert "raytune-suite[torch]" in error


def test_values_and_seeds() -> None:
    assert run_options.assignment("eta=4") == ("eta", 4)
    assert run_options.assignment("kind=fast") == ("kind", "fast")
    assert run_options.assignment("quote=a=b") == ("quote", "a=b")
    assert run_options.seeds("0-2, 7") == [0, 1, 2, 7]
    assert run_options.seeds("none") == []


@pytest.mark.slow
def test_a_simulated_run_prints_its_result_and_counts_simulated_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "synthetic/branin", *SIMULATED, "--workers", "2", "--budget", "2", "--test-seeds", "5"]
    assert cli.main([*command, "--storage-path", str(tmp_path), "--name", "study"]) == 0
    printed, announced = capsys.readouterr()
    for words in (" tried ", "s of simulated time", "best config", "gap ", str(tmp_path / "study")):
        assert words in printed
    assert announced.count(str(tmp_path / "study")) == 1
    assert (tmp_path / "study" / "decisions.parquet").exists()
    assert json.loads((tmp_path / "study" / "study.json").read_text())["simulation"]["workers"] == 2


def test_only_methods_that_do_not_end_by_themselves_have_a_default_budget() -> None:
    arguments = cli.parser().parse_args(["run", "synthetic/branin"])
    assert run_command.limits(arguments, finite=run_command.is_finite("asha"))["budget"] == run_options.DEFAULT_BUDGET
    assert run_command.limits(arguments, finite=run_command.is_finite("grid+asha"))["budget"] is None


@pytest.mark.slow
def test_json_is_all_that_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "synthetic/branin", *SIMULATED, "--budget", "2", "--test-seeds", "5", "--format", "json"]
    assert cli.main([*command, "--storage-path", str(tmp_path), "--name", "study"]) == 0
    study = json.loads(capsys.readouterr().out)
    assert study["path"] == str(tmp_path / "study")
    best = study["trials"][study["best_trial"]]
    assert study["best_config"] == {name: best[f"config/{name}"] for name in study["best_config"]}
    assert [score["seed"] for score in study["test_scores"]] == [5]


@pytest.mark.e2e
@pytest.mark.usefixtures("ray_session")
def test_run_prints_the_best_config_and_its_test_scores_and_plots(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "pictures" / "study.png"
    run = ["run", "table/digits-mlp", "--tuning-seeds", "0", "--test-seeds", "5,6", "--budget", "0.3"]
    run += ["--storage-path", str(tmp_path), "--name", "study"]
    assert cli.main([*run, "--plot", str(picture)]) == 0
    printed = capsys.readouterr().out
    for words in (" tried ", "best config", "tuning ", "seeds 5, 6", "gap ", str(tmp_path / "study"), str(picture)):
        assert words in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert cli.main([*run, "--plot", str(picture), "--resume"]) == 0
    assert capsys.readouterr().out == printed
    assert cli.main(run) == 2


@pytest.mark.e2e
@pytest.mark.long
def test_ctrl_c_and_the_command_that_it_prints(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "raytune_suite", *RUN[:-1], "12", "--storage-path", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:  # noqa: S603 - our own program
        deadline = time.monotonic() + 300
        while not list(tmp_path.glob("*/*/*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        _, message = running.communicate(timeout=300)
    assert running.returncode == 130
    (advice,) = [line.removeprefix("To resume: ") for line in message.splitlines() if line.startswith("To resume: ")]
    assert "gap " in python("-m", "raytune_suite", *shlex.split(advice)[1:])
