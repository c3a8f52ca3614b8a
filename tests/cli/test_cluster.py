"""`raytune-suite cluster`: what it prints, and its exit status."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from raytune_suite import cli

ROOT = Path(__file__).parents[2]
FILE = "clusters/aws-gpu.yaml"


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("RAYTUNE_SUITE_DATA", raising=False)


@pytest.fixture
def whole(tmp_path: Path) -> str:
    """A file in which nothing is missing."""
    path = tmp_path / "whole.yaml"
    ours = {"GROUP": "0123456789abcdef0", "IMAGE": "0123456789abcdef0", "FILE-SYSTEM": "fs-01"}
    text = Path(FILE).read_text()
    for name, value in ours.items():
        text = text.replace(f"YOUR-{name}", value)
    path.write_text(text)
    return str(path)


@pytest.fixture
def broken(whole: str) -> str:
    """A file with an error on its line 16."""
    path = Path(whole)
    path.write_text(path.read_text().replace("idle_timeout_minutes", "idle_timeout_minuts"))
    return whole


def test_warnings_do_not_fail_unless_strict(whole: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", whole]) == 0
    assert cli.main(["cluster", "check", whole, "--strict"]) == 1
    lines = capsys.readouterr().out.splitlines()
    line = Path(whole).read_text().splitlines().index("available_node_types:") + 1
    assert lines[0].startswith(f"{whole}:{line}: warning RTS604 without `IamInstanceProfile`")
    assert lines[2] == "no errors, 1 warning"


def test_an_error_has_its_line_its_reason_and_its_remedy(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", broken]) == 1
    line = (
        Path(broken)
        .read_text()
        .splitlines()
        .index(
            "idle_timeout_minuts: 8               # longer than the pauses "
            "between brackets, shorter than a coffee break costs"
        )
        + 1
    )
    out = capsys.readouterr().out
    reason = "nobody reads `idle_timeout_minuts`: did you mean 'idle_timeout_minutes'?"
    assert f"{broken}:{line}: error RTS103 {reason}\n    idle_timeout_minuts: correct the name" in out


def test_a_study_gets_its_trials_at_once_and_its_costs(whole: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", whole, "--gpus-per-trial", "0.5", "--cpus-per-trial", "2"]) == 0
    out = capsys.readouterr().out
    assert "trials at once: 48 (of 2 CPUs and 0.5 GPUs each)" in out
    assert "gpu_8: 16 trials on each, 2 of 2 machines (on demand), an hour of each $13.35" in out
    assert "an hour of all that, head included: $33.33" in out
    assert "prices are indicative: 2026-06, us-east-1" in out


def test_a_trial_that_ray_refuses_gets_no_number(whole: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", whole, "--gpus-per-trial", "1.5"]) == 1
    assert "trials at once" not in capsys.readouterr().out


def test_what_has_no_price_gets_no_lines_about_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", "clusters/laptop.yaml", "--gpus-per-trial", "2", "--cpus-per-trial", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("trials at once: 4 (of 1 CPU and 2 GPUs each)")
    assert lines[start + 1 :] == [
        "  gpu_1: no trial, for want of GPUs, 0 of 2 machines",
        "  gpu_8: 4 trials on each, 1 of 1 machine",
    ]


def test_machines_that_do_not_say_what_they_have_get_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", "clusters/local.yaml", "--gpus-per-trial", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "trials at once: unknown (of 1 CPU and 1 GPU each), since the file does not say what the machines have",
        "  workers: unknown, 2 of 2 machines",
    ]


def test_a_schema_that_is_not_here_is_told_and_counts_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    file = "clusters/kuberay/raycluster.yaml"
    assert cli.main(["cluster", "check", file]) == 0
    note = capsys.readouterr().out.splitlines()[-1]
    assert note.startswith("KubeRay's own schema is not here")
    assert note.endswith(f"`kubectl apply --dry-run=server -f {file}`")


def test_json_has_everything(broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "study.toml"
    study.write_text("resources = {gpu = 1, cpu = 4}\nmax_concurrent = 30\n")
    assert cli.main(["cluster", "check", broken, "--study", str(study), "--format", "json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["file"], said["errors"]) == (broken, 1)
    assert {one["code"]: one["severity"] for one in said["findings"]} == {
        "RTS103": "error",
        "RTS604": "warning",
        "RTS703": "warning",
    }
    assert all(one["title"] and one["line"] and one["reason"] and one["remedy"] for one in said["findings"])
    assert said["capacity"]["trials_at_once"] == 24
    assert said["capacity"]["dollars_per_hour"] == pytest.approx(33.3312)


def test_what_cannot_be_read_has_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", "no.yaml"]) == 2
    assert cli.main(["cluster", "check", FILE, "--gpus-per-trial", "-1"]) == 2
    assert "must not be negative" in capsys.readouterr().err


def test_the_names_of_the_list_stand_for_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["cluster", "status", "kuberay/raycluster", "--dry-run"]) == 0
    assert "kubectl get -f clusters/kuberay/raycluster.yaml" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    Path("aws-gpu").write_text("cluster_name: mine\nprovider: {type: aws}\n")  # a file of this name goes first
    assert cli.main(["cluster", "status", "aws-gpu", "--dry-run"]) == 0
    assert "ray exec aws-gpu 'ray status'" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["clusters/slurm/study.sbatch", "slurm/study"])
def test_a_script_for_slurm_is_no_cluster_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["cluster", "check", name])
    assert "is a script for sbatch, not a cluster file" in capsys.readouterr().err


def test_render_prints_the_file_and_tells_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "render", FILE, "--set", "gpu_1.max_workers=9"]) == 0
    said = capsys.readouterr()
    assert said.out == Path(FILE).read_text().replace("    max_workers: 8\n", "    max_workers: 9\n")
    assert "YOUR-IMAGE stands for a value of yours" in said.err


def test_render_refuses_a_result_that_would_be_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "mine.yaml"
    assert cli.main(["cluster", "render", FILE, "--set", "region=us-west-2", "--output", str(output)]) == 2
    said = capsys.readouterr().err
    assert "RTS606 zone 'us-east-1a' is not in region 'us-west-2': name a zone of us-west-2" in said
    assert not output.exists()


def test_render_into_no_folder_is_refused_before_all_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "render", FILE, "--output", "no/such/mine.yaml"]) == 2
    said = capsys.readouterr().err
    assert "there is no folder 'no/such'" in said
    assert "RTS106" not in said


def test_render_switches_a_pool_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "render", FILE, "--set", "gpu_8.max_workers=0"]) == 0
    assert "warning RTS202" in capsys.readouterr().err


def test_up_refuses_errors_and_missing_values(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "up", broken, "--dry-run"]) == 2
    assert "RTS103" in capsys.readouterr().err
    assert cli.main(["cluster", "up", FILE, "--dry-run"]) == 2
    assert "YOUR-IMAGE" in capsys.readouterr().err


def test_a_dry_run_shows_the_commands_and_runs_none(
    whole: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("subprocess.run", fail)
    assert cli.main(["cluster", "up", whole, "--yes", "--dry-run"]) == 0
    program, listens = "examples/tune_digits.py", "http://127.0.0.1:8265"
    assert cli.main(["cluster", "submit", "--dry-run", whole, program, "--", "--method", "bohb"]) == 0
    job = ["submit", "--dry-run", "--job", "--working-dir", "examples"]
    assert cli.main(["cluster", *job, whole, "tune_digits.py", "--method", "bohb"]) == 0
    assert cli.main(["cluster", "status", whole, "--dry-run"]) == 0
    assert cli.main(["cluster", "down", whole, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"$ ray up --yes {whole}",
        f"$ ray submit {whole} {program} -- --method bohb",
        f"$ ray job submit --address {listens} --working-dir examples -- python tune_digits.py --method bohb",
        f"$ ray exec {whole} 'ray status'",
        f"$ ray down {whole}",
    ]


def test_up_starts_a_file_with_errors_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text((ROOT / "clusters" / "local.yaml").read_text().replace("--num-cpus=0 ", ""))
    assert cli.main(["cluster", "up", "--dry-run", str(file)]) == 2
    said = capsys.readouterr()
    assert "is not started without --force" in said.err
    assert "RTS204" in said.err
    assert said.out == ""
    assert cli.main(["cluster", "up", "--dry-run", "--force", str(file)]) == 0
    said = capsys.readouterr()
    assert "error RTS204" in said.err
    assert said.out == f"$ RAY_UP_enable_autoscaler_v2=0 ray up {file}\n"


@pytest.mark.parametrize("option", ["--dry-run", "--job", "--address=http://127.0.0.1:1", "--fetch", "--working-dir"])
def test_options_of_submit_behind_the_program_are_refused_unless_they_are_its_own(
    option: str, whole: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [whole, "examples/tune_digits.py"]
    assert cli.main(["cluster", "submit", *words, "--method", "bohb", option]) == 2
    said = capsys.readouterr()
    assert f"`{option.partition('=')[0]}` stands after SCRIPT, so it would go to the program" in said.err
    assert cli.main(["cluster", "submit", "--dry-run", *words, "--", option]) == 0
    assert capsys.readouterr().out.endswith(f" -- {option}\n")


def test_a_program_that_is_not_here_is_refused(whole: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "submit", "--dry-run", whole, "no.py"]) == 2
    assert f"there is no program 'no.py' in {str(ROOT)!r}" in capsys.readouterr().err
    job = ["cluster", "submit", "--dry-run", "--job", "--working-dir", "examples", whole]
    assert cli.main([*job, "examples/tune_digits.py"]) == 2
    assert f"in {str(ROOT / 'examples')!r}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("clusters/local.yaml", "`ray dashboard clusters/local.yaml` in another terminal"),
        ("clusters/kuberay/raycluster.yaml", "`kubectl port-forward service/raytune-head-svc 8265` in another"),
    ],
)
def test_a_job_for_nobody_is_refused_before_it_is_packed(
    file: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as bound:  # but does not listen
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        words = ["submit", "--job", "--address", address, file, "examples/tune_digits.py"]
        assert cli.main(["cluster", *words]) == 2
    assert f"nothing listens at {address}: {remedy}" in capsys.readouterr().err


def test_what_ray_lacks_is_told_before_it_is_started(
    whole: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raytune_suite.optional.available", lambda extra: extra != "cluster")
    assert cli.main(["cluster", "down", whole]) == 2
    assert "pip install 'raytune-suite[cluster]'" in capsys.readouterr().err
    assert cli.main(["cluster", "down", whole, "--dry-run"]) == 0


def test_the_first_command_that_fails_ends_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(command: object) -> int:
        ran.append(str(command))
        return 3

    monkeypatch.setattr("raytune_suite.cluster.commands.run", run)
    assert cli.main(["cluster", "down", "clusters/local.yaml"]) == 3
    assert ran == ["ray down clusters/local.yaml"]
    said = capsys.readouterr().err
    assert "$ ray down clusters/local.yaml" in said
    assert "it ended with status 3" in said


def test_a_worker_that_is_off_does_not_keep_the_others_from_being_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(command: object) -> int:
        ran.append(str(command))
        return 255 if "192.168.1.11" in str(command) else 0

    monkeypatch.setattr("raytune_suite.cluster.commands.run", run)
    assert cli.main(["cluster", "down", "clusters/local.yaml"]) == 255
    assert [words.split()[0] for words in ran] == ["ray", "ssh", "ssh"]
    assert "192.168.1.12" in ran[-1]
