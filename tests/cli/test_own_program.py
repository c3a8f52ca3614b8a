"""`raytune-suite run` with a function or a program of the user, its space files, and `raytune-suite logs`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ray import tune

from raytune_suite import cli
from raytune_suite.cli.own_program import find_function
from raytune_suite.cli.space_file import DOMAINS, FORMAT, example, read_space
from raytune_suite.errors import ArgumentError
from raytune_suite.spaces import Space

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = Path(__file__).parents[2] / "examples" / "programs"


def space_file(folder: Path, text: str) -> Path:
    path = folder / "space.toml"
    path.write_text(text)
    return path


def test_the_example_of_the_help_is_a_space(tmp_path: Path) -> None:
    text = "\n".join(line[2:] for line in FORMAT.splitlines() if line.startswith("  "))
    space = Space(read_space(space_file(tmp_path, text)))
    expected = {
        "lr": tune.loguniform(1e-4, 1e-1),
        "dropout": tune.uniform(0.0, 0.5),
        "batch": tune.choice([16, 32, 64]),
        "layers": tune.randint(1, 5),
        "width": tune.qrandint(32, 256, 32),
        "epochs": 20,
        "optimizer": tune.choice([{"name": "adam"}, {"name": "sgd", "momentum": tune.uniform(0.0, 0.99)}]),
    }
    assert space.describe() == Space(expected).describe()


@pytest.mark.parametrize("word", DOMAINS)
def test_the_example_of_each_domain_is_valid(word: str, tmp_path: Path) -> None:
    assert len(Space(read_space(space_file(tmp_path, f"x = {example(word)}")))) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lr = {unifrom = [0, 1]}", "3: .*'uniform'"),
        ("lr = {uniform = [0]}", r"3: .*\{uniform = \[0.0, 1.0\]\}"),
        ("lr = {uniform = 0.5}", "3: .*needs a list"),
        ("lr = {uniform = [1, 0]}", "3: .*'lr'"),
        ('lr = {loguniform = ["a", "b"]}', "3: .*'lr'"),
        ("lr = {uniform = [0, 1], choice = [1]}", "3: .*one domain only"),
        ("lr = {choice = []}", "3: .*'lr'"),
        ("lr = {quniform = [0, 1, 0]}", "3: .*'lr'"),
        ("lr = {randn = [0, 0]}", "3: .*'lr'"),
        ("lr = [", "3: invalid TOML"),
        ("[model]\nlr = {loguniform = [0, 1]}", "4: .*'model/lr'|4: .*'model.lr'"),
    ],
)
def test_a_mistake_in_a_space_file_is_reported_with_its_line(line: str, message: str, tmp_path: Path) -> None:
    path = space_file(tmp_path, f"# a space\nbatch = 4\n{line}\n")
    with pytest.raises(ArgumentError, match=message):
        read_space(path)
    with pytest.raises(ArgumentError, match="cannot be read"):
        read_space(tmp_path / "nowhere.toml")


def test_parameters_may_be_named_like_domains(tmp_path: Path) -> None:
    for text in ("grid = {uniform = [0, 1]}\nchoice = 3", "\ufeffgrid = {uniform = [0, 1]}"):
        assert Space(read_space(space_file(tmp_path, text))).names == ("grid",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--space", "SPACE", "--", "python"], "`--metric`"),
        (["run", "--metric", "loss", "--", "python"], "`--space`"),
        (["run", "--space", "SPACE", "--metric", "loss", "--"], "no program"),
        (["run", "--space", "SPACE", "--metric", "loss", "--", "python", "{ler}"], "'lr'"),
        (["run", "train", "--space", "SPACE", "--metric", "loss"], "MODULE:FUNCTION"),
        (["run", "nowhere:train", "--space", "SPACE", "--metric", "loss"], "'nowhere'"),
        (["run", "live/digits-mlp", "--max-t", "3"], "`--max-t`"),
        (["run", "train:train"], "`--space`"),
        (
            ["run", "--space", "SPACE", "--metric", "loss", "--engine", "simulated", "--", "python", "{lr}"],
            "`--engine`",
        ),
        (["run", str(PROGRAMS / "solver.py")], "-- python"),
        (["run", str(PROGRAMS / "solver.py"), "--space", "SPACE", "--metric", "loss"], "-- python"),
        (["run", "json:dumps", "--space", "SPACE", "--metric", "loss", "--pattern", "x"], "`--pattern`"),
    ],
)
def test_a_wrong_command_is_one_message(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = space_file(tmp_path, "lr = {uniform = [0, 1]}")
    words = [str(path) if word == "SPACE" else word for word in words]
    position = words.index("--") if "--" in words else len(words)
    words[position:position] = ["--storage-path", str(tmp_path / "studies")]
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "studies").exists()


def test_a_program_without_the_dashes_is_recognized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = space_file(tmp_path, "lr = {uniform = [0, 1]}")
    with pytest.raises(SystemExit):
        cli.main(["run", "--space", str(path), "--metric", "loss", "python", "train.py", "--lr", "{lr}"])
    assert "-- python" in capsys.readouterr().err


def test_a_misspelled_option_before_a_program_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = space_file(tmp_path, "lr = {uniform = [0, 1]}")
    with pytest.raises(SystemExit):
        cli.main(
            ["run", "--space", str(path), "--metric", "loss", "--maxt", "20", "--", "python", "train.py", "{args}"]
        )
    error = capsys.readouterr().err
    assert "--maxt" in error
    assert "'--max-t'" in error


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "my_training.py").write_text("def train(config):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    yield "my_training"
    sys.modules.pop("my_training", None)


def test_a_function_in_this_folder_is_found(module: str) -> None:
    assert find_function(f"{module}:train").__name__ == "train"
    with pytest.raises(ArgumentError, match="'train'"):
        find_function(f"{module}:trian")


@pytest.mark.e2e
@pytest.mark.usefixtures("ray_session")
def test_a_program_is_tuned_and_its_best_tour_is_in_the_best_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "--space", str(PROGRAMS / "space.toml"), "--metric", "length", "--max-t", "10", "--budget", "2"]
    command += ["--storage-path", str(tmp_path), "--name", "solver", "--max-concurrent", "1", "--format", "json"]
    program = ["--", sys.executable, str(PROGRAMS / "solver.py"), "{args}", "--output", "{checkpoint_dir}"]
    assert cli.main([*command, *program]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(json.loads(Path(shown["best_checkpoint"], "tour.json").read_text())) == 40
    assert cli.main(["logs", str(tmp_path / "solver"), "best"]) == 0
    assert '{"round": 10' in capsys.readouterr().out
    assert cli.main(["logs", str(tmp_path / "solver"), "99"]) == 2
