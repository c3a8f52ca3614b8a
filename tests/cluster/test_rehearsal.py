"""Clusters brought up in the lab: our file for one's own hosts, our file for AWS, and files that do not work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from raytune_suite import cli

ROOT = Path(__file__).parents[2]


def run(*words: str | Path) -> tuple[int, str]:
    """Run Python in a process of its own, from the checkout's folder; its exit status and what it has printed."""
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    sys.stdout.write(done.stdout + done.stderr)  # for whom a test fails
    return done.returncode, done.stdout + done.stderr


def rendered(tmp_path: Path, file: str, *settings: str) -> Path:
    """One of our files, filled in."""
    place = tmp_path / "mine.yaml"
    words = [word for setting in settings for word in ("--set", setting)]
    assert cli.main(["cluster", "render", str(ROOT / "clusters" / file), *words, "--output", str(place)]) == 0
    return place


def own_hosts(tmp_path: Path) -> Path:
    return rendered(tmp_path, "local.yaml", "provider.head_ip=10.77.0.1", "provider.worker_ips=[10.77.0.2, 10.77.0.3]")


@pytest.mark.e2e
@pytest.mark.timeout(480)
@pytest.mark.usefixtures("lab")
def test_studies_on_ones_own_hosts_survive_the_loss_of_a_machine(tmp_path: Path) -> None:
    outcome = tmp_path / "outcome.json"
    status, _ = run(ROOT / "tests/cluster/own_hosts.py", own_hosts(tmp_path), outcome)
    assert status == 0
    seen = json.loads(outcome.read_text())
    assert [what for what, passed, _ in seen["checks"] if not passed] == []
    loss = ["the loss is noticed", "the study goes on to its end", "a machine takes the lost one's place"]
    same = ["trials go on from their checkpoints", "results are those of a study that lost nothing"]
    assert [what for what, *_ in seen["checks"]] == [
        *("the head starts", "the workers join", *loss, *loss, "no trial has failed", *same, "nothing is left")
    ]
    assert seen["workers"] == 2
    said = " ".join(seen["said"].split())  # the terminal wraps it
    assert "was lost; it" in said
    assert "trials failed" not in said, seen["studies"]["hyperband"]["errors"]
    assert seen["bohb"] == 0
    for study in seen["studies"].values():
        assert study["cost"] >= study["budget"] * 27
        assert study["best"] < 0.2
        assert max(study["test"]) < 0.3


@pytest.mark.e2e
@pytest.mark.timeout(480)
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
    status, told = run("-m", "raytune_suite", "cluster", "rehearse", "--keep", kept, file)
    assert status == 0
    assert "FAIL" not in told
    assert "9 of 9 things went as they should" in told
    # the head on demand, two spot machines of the smallest pool that places a trial, and one for that which was taken
    assert "1 x head (m6i.xlarge, on demand)" in told
    assert "3 x gpu_1 (g6.xlarge, spot)" in told
    assert "x gpu_8" not in told
    assert (kept / "shared/studies/rehearsal/reports.parquet").is_file()
    assert (kept / "logs").is_dir()


@pytest.mark.e2e
@pytest.mark.usefixtures("lab")
def test_a_set_up_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    file = own_hosts(tmp_path)
    file.write_text(file.read_text().replace("'.[all]'", "'.[all]' a-package-that-is-nowhere"))
    kept = tmp_path / "kept"
    status, told = run("-m", "raytune_suite", "cluster", "rehearse", "--keep", kept, file)
    assert status == 1
    assert "FAIL the head starts" in told
    assert "and ended at `cd ~/raytune_suite && python3 -m pip install" in told
    assert "a-package-that-is-nowhere is not installed: the machines have the environment of the rehearsal" in told


def test_only_files_for_own_hosts_and_aws_are_rehearsed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "rehearse", str(ROOT / "clusters/laptop.yaml")]) == 2
    assert "only files for `local` and `aws` can be rehearsed, not 'external'" in capsys.readouterr().err


def test_a_file_with_errors_is_not_rehearsed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = own_hosts(tmp_path)
    file.write_text(file.read_text().replace("worker_ips: [10.77.0.2", "worker_ips: [10.77.0.1"))
    assert cli.main(["cluster", "rehearse", str(file)]) == 2
    assert "is not rehearsed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--workers", "0"], "`--workers` is 0, but must be 1 or more"),
        (["--shared", "shared"], "`--shared` is 'shared', but must be a whole path such as /shared"),
        (["--keep", "/"], "`--keep` is '/', but must be a new folder"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["cluster", "rehearse", *words, str(own_hosts(tmp_path))]) == 2
    assert reason in capsys.readouterr().err
