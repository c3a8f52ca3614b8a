"""The output and exit status of `raytune-suite cluster`."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from raytune_suite import cli
from raytune_suite.cluster.checks import commands

ROOT = Path(__file__).parents[2]
FILE = "clusters/aws-gpu.yaml"


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("RAYTUNE_SUITE_DATA", raising=False)
    here = SimpleNamespace(version_info=SimpleNamespace(major=3, minor=11))  # as in the images of `clusters/`
    monkeypatch.setattr(commands, "sys", here)


@pytest.fixture
def complete(tmp_path: Path) -> str:
    """A file without placeholders."""
    path = tmp_path / "complete.yaml"
    values = {"GROUP": "0123456789abcdef0", "IMAGE": "0123456789abcdef0", "FILE-SYSTEM": "fs-0123456789abcdef0"}
    text = Path(FILE).read_text()
    for name, value in values.items():
        text = text.replace(f"YOUR-{name}", value)
    path.write_text(text)
    return str(path)


@pytest.fixture
def broken(complete: str) -> str:
    """A file with a misspelled key."""
    path = Path(complete)
    path.write_text(path.read_text().replace("idle_timeout_minutes", "idle_timeout_minuts"))
    return complete


def test_warnings_do_not_fail_unless_strict(complete: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", complete]) == 0
    assert cli.main(["cluster", "check", complete, "--strict"]) == 1
    lines = capsys.readouterr().out.splitlines()
    line = Path(complete).read_text().splitlines().index("available_node_types:") + 1
    assert lines[0].startswith(f"{complete}:{line}: warning RTS604 ")
    assert lines[2] == "no errors, 1 warning"


def test_an_error_has_a_line_a_reason_and_a_remedy(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", broken]) == 1
    lines = Path(broken).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("idle_timeout_minuts:"))
    reason, remedy = capsys.readouterr().out.splitlines()[:2]
    assert reason.startswith(f"{broken}:{line}: error RTS103 ")
    assert "'idle_timeout_minutes'" in reason
    assert remedy.startswith("    idle_timeout_minuts: ")


def test_the_capacity_for_a_study_has_concurrent_trials_and_costs(
    complete: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["cluster", "check", complete, "--gpus-per-trial", "0.5", "--cpus-per-trial", "2"]) == 0
    out = capsys.readouterr().out
    assert "concurrent trials: 48 (2 CPUs and 0.5 GPUs each)" in out
    assert "gpu_8: 16 trials per machine, 2 of 2 machines (on demand, $13.35 per hour each)" in out
    assert "cost per hour, including the head: $33.33" in out
    assert "prices are indicative: 2026-06, us-east-1" in out


def test_resources_that_ray_rejects_have_no_capacity(complete: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", complete, "--gpus-per-trial", "1.5"]) == 1
    assert "concurrent trials" not in capsys.readouterr().out


def test_without_prices_there_are_no_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", "clusters/laptop.yaml", "--gpus-per-trial", "2", "--cpus-per-trial", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("concurrent trials: 4 (1 CPU and 2 GPUs each)")
    assert lines[start + 1 :] == [
        "  gpu_1: no trial fits, too few GPUs, 0 of 2 machines",
        "  gpu_8: 4 trials per machine, 1 of 1 machine",
    ]


def test_without_resources_in_the_file_the_capacity_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", "clusters/local.yaml", "--gpus-per-trial", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "concurrent trials: unknown (1 CPU and 1 GPU each), because the file does not state the machines' resources",
        "  workers: unknown, 2 of 2 machines",
    ]


def test_a_note_says_against_which_schema_a_manifest_was_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", "clusters/kuberay/raycluster.yaml"]) == 0
    assert "KubeRay's schema of" in capsys.readouterr().out.splitlines()[-1]


def test_a_slurm_script_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", "slurm/study"]) == 0
    script = tmp_path / "study.sbatch"
    script.write_text((ROOT / "clusters" / "slurm" / "study.sbatch").read_text().replace("--time=", "--tme="))
    assert cli.main(["cluster", "check", str(script)]) == 1
    assert f"{script}:11: error RTS841 " in capsys.readouterr().out


def test_the_json_output_is_complete(broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "study.toml"
    study.write_text("resources = {gpu = 1, cpu = 4}\nmax_concurrent = 30\n")
    assert cli.main(["cluster", "check", broken, "--study", str(study), "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["file"], report["errors"]) == (broken, 1)
    assert {one["code"]: one["severity"] for one in report["findings"]} == {
        "RTS103": "error",
        "RTS604": "warning",
        "RTS703": "warning",
    }
    assert all(one["title"] and one["line"] and one["reason"] and one["remedy"] for one in report["findings"])
    assert report["capacity"]["trials_at_once"] == 24
    assert report["capacity"]["dollars_per_hour"] == pytest.approx(33.3312)


def test_unusable_arguments_have_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "check", "no.yaml"]) == 2
    assert cli.main(["cluster", "check", FILE, "--gpus-per-trial", "-1"]) == 2
    assert "`--gpus-per-trial` is -1" in capsys.readouterr().err


def test_a_name_from_the_list_can_replace_a_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["cluster", "status", "kuberay/raycluster", "--dry-run"]) == 0
    assert "kubectl get -f clusters/kuberay/raycluster.yaml" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    Path("aws-gpu").write_text("cluster_name: mine\nprovider: {type: aws}\n")  # a file with this name takes precedence
    assert cli.main(["cluster", "status", "aws-gpu", "--dry-run"]) == 0
    assert "ray exec aws-gpu 'ray status'" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["clusters/slurm/study.sbatch", "slurm/study"])
def test_a_slurm_script_is_no_cluster_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["cluster", "up", name])
    assert "sbatch" in capsys.readouterr().err


def test_render_prints_the_file_and_reports_placeholders(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "render", FILE, "--set", "gpu_1.max_workers=9"]) == 0
    captured = capsys.readouterr()
    assert captured.out == Path(FILE).read_text().replace("    max_workers: 8\n", "    max_workers: 9\n")
    assert "YOUR-IMAGE" in captured.err


def test_render_rejects_settings_that_cause_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "mine.yaml"
    assert cli.main(["cluster", "render", FILE, "--set", "region=us-west-2", "--output", str(output)]) == 2
    err = capsys.readouterr().err
    assert "RTS606 zone 'us-east-1a'" in err
    assert not output.exists()


def test_render_into_a_missing_folder_is_rejected_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "render", FILE, "--output", "no/such/mine.yaml"]) == 2
    err = capsys.readouterr().err
    assert "'no/such'" in err
    assert "RTS106" not in err


def test_render_can_disable_a_pool(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "render", FILE, "--set", "gpu_8.max_workers=0"]) == 0
    assert "warning RTS202" in capsys.readouterr().err


def test_up_rejects_errors_and_placeholders(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "up", broken, "--dry-run"]) == 2
    assert "RTS103" in capsys.readouterr().err
    assert cli.main(["cluster", "up", FILE, "--dry-run"]) == 2
    assert "YOUR-IMAGE" in capsys.readouterr().err


def test_a_dry_run_shows_the_commands_and_runs_none(
    complete: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("raytune_suite.cluster.commands.run", fail)
    assert cli.main(["cluster", "up", complete, "--yes", "--dry-run"]) == 0
    program, address, token = "examples/tune_digits.py", "http://127.0.0.1:8265", "RAY_AUTH_MODE=token"
    assert cli.main(["cluster", "submit", "--dry-run", complete, program, "--", "--method", "bohb"]) == 0
    job = ["submit", "--dry-run", "--job", "--working-dir", "examples"]
    assert cli.main(["cluster", *job, complete, "tune_digits.py", "--method", "bohb"]) == 0
    assert cli.main(["cluster", "status", complete, "--dry-run"]) == 0
    assert cli.main(["cluster", "down", complete, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "$ raytune-suite cluster token",
        f"$ ray up --yes {complete}",
        f"$ ray submit {complete} {program} -- --method bohb",
        f"$ {token} ray job submit --address {address} --working-dir examples -- python tune_digits.py --method bohb",
        f"$ ray exec {complete} '{token} ray status'",
        f"$ ray down {complete}",
    ]


def test_up_starts_a_file_with_errors_only_with_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text((ROOT / "clusters" / "local.yaml").read_text().replace(" --autoscaling-config=~", " --temp-dir=~"))
    assert cli.main(["cluster", "up", "--dry-run", str(file)]) == 2
    captured = capsys.readouterr()
    assert "--force" in captured.err
    assert "RTS401" in captured.err
    assert captured.out == ""
    assert cli.main(["cluster", "up", "--dry-run", "--force", str(file)]) == 0
    captured = capsys.readouterr()
    assert "error RTS401" in captured.err
    assert captured.out == f"$ raytune-suite cluster token\n$ RAY_UP_enable_autoscaler_v2=0 ray up {file}\n"


@pytest.mark.parametrize("option", ["--dry-run", "--job", "--address=http://127.0.0.1:1", "--fetch", "--working-dir"])
def test_options_of_submit_after_the_script_are_rejected_unless_after_a_separator(
    option: str, complete: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [complete, "examples/tune_digits.py"]
    assert cli.main(["cluster", "submit", *words, "--method", "bohb", option]) == 2
    captured = capsys.readouterr()
    assert f"`{option.partition('=')[0]}` after SCRIPT" in captured.err
    assert cli.main(["cluster", "submit", "--dry-run", *words, "--", option]) == 0
    assert capsys.readouterr().out.endswith(f" -- {option}\n")


def test_a_missing_program_is_rejected(complete: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "submit", "--dry-run", complete, "no.py"]) == 2
    assert f"'no.py' does not exist in {str(ROOT)!r}" in capsys.readouterr().err
    job = ["cluster", "submit", "--dry-run", "--job", "--working-dir", "examples", complete]
    assert cli.main([*job, "examples/tune_digits.py"]) == 2
    assert f"in {str(ROOT / 'examples')!r}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("clusters/local.yaml", "`ray dashboard clusters/local.yaml`"),
        ("clusters/kuberay/raycluster.yaml", "`kubectl port-forward service/raytune-head-svc 8265`"),
    ],
)
def test_a_job_is_rejected_before_upload_if_nothing_listens(
    file: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as bound:  # but not listening
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        words = ["submit", "--job", "--address", address, file, "examples/tune_digits.py"]
        assert cli.main(["cluster", *words]) == 2
    err = capsys.readouterr().err
    assert address in err
    assert remedy in err


def test_missing_packages_are_reported_before_ray_is_started(
    complete: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raytune_suite.optional.available", lambda extra: extra != "cluster")
    assert cli.main(["cluster", "down", complete]) == 2
    assert "pip install 'raytune-suite[cluster]'" in capsys.readouterr().err
    assert cli.main(["cluster", "down", complete, "--dry-run"]) == 0


def test_the_first_command_that_fails_ends_the_sequence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(command: object) -> int:
        ran.append(str(command))
        return 3

    monkeypatch.setattr("raytune_suite.cluster.commands.run", run)
    assert cli.main(["cluster", "down", "clusters/local.yaml"]) == 3
    assert ran == ["ray down clusters/local.yaml"]
    err = capsys.readouterr().err
    assert "$ ray down clusters/local.yaml" in err
    assert "exit status 3" in err


@pytest.mark.parametrize(
    ("words", "credentials", "hint"),
    [
        (["status", "clusters/local.yaml"], None, "raytune-suite cluster up clusters/local.yaml"),
        (["down", "clusters/aws-gpu.yaml"], None, "aws configure"),
        (["down", "clusters/aws-gpu.yaml"], "a key", None),
        (["status", "clusters/kuberay/raycluster.yaml"], None, None),
    ],
)
def test_a_command_that_fails_says_what_the_traceback_of_ray_hides(
    words: list[str],
    credentials: str | None,
    hint: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("boto3.Session.get_credentials", lambda _session: credentials)
    monkeypatch.setattr("raytune_suite.cluster.commands.run", lambda _command: 1)
    assert cli.main(["cluster", *words]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("exit status 1: ") if hint is None else hint in last


def test_an_unreachable_worker_does_not_prevent_stopping_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(command: object) -> int:
        ran.append(str(command))
        return 255 if "192.168.1.11" in str(command) else 0

    monkeypatch.setattr("raytune_suite.cluster.commands.run", run)
    assert cli.main(["cluster", "down", "clusters/local.yaml"]) == 255
    assert [words.split()[0] for words in ran] == ["ray", "ssh", "ssh"]
    assert "192.168.1.12" in ran[-1]
