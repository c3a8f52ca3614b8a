"""Rehearsals of our files for own hosts and for AWS, and of files with mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from raytune_suite import cli
from raytune_suite.cli.rehearse import keep, to_json
from raytune_suite.cluster.rehearsal.rehearse import RehearsalResult, Step

ROOT = Path(__file__).parents[3]


def run(*arguments: str | Path) -> tuple[int, str]:
    """Run Python in the checkout's folder, and return its exit status and standard output."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    sys.stdout.write(done.stdout + done.stderr)  # shown if the test fails
    return done.returncode, done.stdout


def rehearse(*arguments: str | Path) -> tuple[int, Any]:
    """Rehearse a file, and return the exit status and the result."""
    status, output = run("-m", "raytune_suite", "cluster", "rehearse", "--format", "json", *arguments)
    return status, json.loads(output)


def rendered(tmp_path: Path, file: str, *settings: str) -> Path:
    """Fill in one of our files."""
    place = tmp_path / "mine.yaml"
    options = [word for setting in settings for word in ("--set", setting)]
    assert cli.main(["cluster", "render", str(ROOT / "clusters" / file), *options, "--output", str(place)]) == 0
    return place


def own_hosts(tmp_path: Path) -> Path:
    return rendered(tmp_path, "local.yaml", "provider.head_ip=10.77.0.1", "provider.worker_ips=[10.77.0.2, 10.77.0.3]")


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("lab")
@pytest.mark.long
def test_studies_on_own_hosts_survive_the_loss_of_a_machine(tmp_path: Path) -> None:
    outcome = tmp_path / "outcome.json"
    status, _ = run(ROOT / "tests/cluster/rehearsal/own_hosts.py", own_hosts(tmp_path), outcome)
    assert status == 0
    observed = json.loads(outcome.read_text())
    assert [name for name, passed, _ in observed["checks"] if not passed] == []
    loss = ["the loss is detected", "the study runs to its end", "the lost machine is replaced"]
    same = ["trials resume from their checkpoints", "results are as if no machine had been lost"]
    assert [name for name, *_ in observed["checks"]] == [
        *("the head starts", "the workers join", *loss, *loss, "no trial failed", *same, "nothing is left running")
    ]
    assert observed["workers"] == 2
    output = " ".join(observed["output"].split())  # the terminal wraps it
    assert "was lost; it" in output
    assert "trials failed" not in output, observed["studies"]["hyperband"]["errors"]
    assert observed["bohb"] == 0
    for study in observed["studies"].values():
        assert study["cost"] >= study["budget"] * 27
        assert study["best"] < 0.2
        assert max(study["test"]) < 0.3


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("lab")
def test_a_file_for_aws_is_rehearsed_before_it_costs_money(tmp_path: Path) -> None:
    file = rendered(
        tmp_path,
        "aws-gpu-spot.yaml",
        "region=us-west-2",
        "zone=us-west-2a",
        "storage=fs-0123.efs.us-west-2.amazonaws.com:/",
        "available_node_types.head.node_config.ImageId=ami-0123456789abcdef0",
        "available_node_types.head.node_config.SecurityGroupIds.0=sg-0123456789abcdef0",
    )
    text = file.read_text()
    own_role = "IamInstanceProfile: {Arn: arn:aws:iam::123456789012:instance-profile/ray-head}"
    assert f"#   {own_role}" in text
    file.write_text(text.replace(f"#   {own_role}", own_role))
    kept = tmp_path / "kept"
    status, result = rehearse("--keep", kept, file)
    assert status == 0
    assert (result["passed"], len(result["steps"])) == (True, 9)
    assert [step["name"] for step in result["steps"] if not step["passed"]] == []
    # the head on demand, two spot machines of the smallest pool that can place a trial, and one replacement
    assert sorted(result["launched"]) == ["1 x head (m6i.xlarge, on demand)", "3 x gpu_1 (g6.xlarge, spot)"]
    assert (kept / "shared/studies/rehearsal/reports.parquet").is_file()
    assert (kept / "logs").is_dir()


@pytest.mark.e2e
@pytest.mark.usefixtures("lab")
def test_a_failing_setup_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    file = own_hosts(tmp_path)
    file.write_text(file.read_text().replace("'.[all]'", "'.[all]' a-package-that-is-nowhere"))
    kept = tmp_path / "kept"
    status, result = rehearse("--keep", kept, file)
    assert status == 1
    (step,) = result["steps"]
    assert (step["name"], step["passed"], result["passed"]) == ("the head starts", False, False)
    assert "`cd ~/raytune_suite && python3 -m pip install" in step["observed"]
    assert "a-package-that-is-nowhere" in result["log"]


def test_the_result_has_a_machine_readable_form() -> None:
    result = RehearsalResult([Step("the head starts", True, "3 s")], ["1 x head"], ["GPUs"])
    assert to_json("mine.yaml", result, ["docker: removed"], 12.34) == {
        "file": "mine.yaml",
        "passed": True,
        "steps": [{"name": "the head starts", "passed": True, "observed": "3 s"}],
        "changes": ["docker: removed"],
        "launched": ["1 x head"],
        "unrehearsed": ["GPUs"],
        "log": "",
        "seconds": 12.3,
    }


def test_kept_files_do_not_keep_the_rights_to_run_as_their_owner(tmp_path: Path) -> None:
    logs = tmp_path / "lab/logs"
    logs.mkdir(parents=True)
    (logs / "program").touch()
    (logs / "program").chmod(0o4755)
    keep(tmp_path / "lab", tmp_path / "kept")
    assert (tmp_path / "kept/logs/program").stat().st_mode & 0o7777 == 0o755


def test_only_files_for_own_hosts_and_aws_can_be_rehearsed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "rehearse", str(ROOT / "clusters/laptop.yaml")]) == 2
    assert "'external'" in capsys.readouterr().err


def test_a_file_with_errors_is_not_rehearsed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = own_hosts(tmp_path)
    file.write_text(file.read_text().replace("worker_ips: [10.77.0.2", "worker_ips: [10.77.0.1"))
    assert cli.main(["cluster", "rehearse", str(file)]) == 2
    assert "is not rehearsed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--workers", "0"], "`--workers` is 0"),
        (["--shared", "shared"], "`--shared` is 'shared'"),
        (["--keep", "/"], "`--keep` is '/'"),
    ],
)
def test_invalid_options_are_rejected(
    options: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["cluster", "rehearse", *options, str(own_hosts(tmp_path))]) == 2
    assert reason in capsys.readouterr().err
