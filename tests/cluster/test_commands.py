"""The commands that start a cluster, use it and stop it."""

from __future__ import annotations

import io
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from raytune_suite.cluster import commands
from raytune_suite.cluster.document import read
from raytune_suite.errors import ArgumentError

ROOT = Path(__file__).parents[2]
NAMES = ("aws-gpu", "local", "laptop", "kuberay/raycluster", "kuberay/rayjob", "kuberay/base")
FILES = {name: read(ROOT / "clusters" / f"{name}.yaml")[0] for name in NAMES}


def shown(commands_: list[commands.Command]) -> list[str]:
    return [str(one).replace(sys.executable, "python").replace(f"{ROOT}/", "") for one in commands_]


def test_up() -> None:
    assert shown(commands.up(FILES["aws-gpu"], yes=True)) == ["ray up --yes clusters/aws-gpu.yaml"]
    assert shown(commands.up(FILES["local"])) == ["RAY_UP_enable_autoscaler_v2=0 ray up clusters/local.yaml"]
    head = "ray start --head --num-cpus=0 --autoscaling-config=clusters/laptop.yaml"
    assert shown(commands.up(FILES["laptop"])) == [
        f"RAY_FAKE_CLUSTER=1 RAY_AUTH_MODE=token {head}",
    ]
    assert shown(commands.up(FILES["kuberay/rayjob"])) == ["kubectl apply -f clusters/kuberay/rayjob.yaml"]
    assert shown(commands.up(FILES["kuberay/base"])) == ["kubectl apply -f clusters/kuberay/base.yaml"]


def test_down_also_stops_the_workers_of_own_hosts() -> None:
    assert shown(commands.down(FILES["aws-gpu"], yes=True)) == ["ray down --yes clusters/aws-gpu.yaml"]
    key = os.path.expanduser("~/.ssh/id_ed25519")  # noqa: PTH111 - as it would be typed
    options = "-o ConnectTimeout=10 -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
    assert shown(commands.down(FILES["local"])) == [
        "ray down clusters/local.yaml",
        *(
            f"ssh -i {key} {options} ray@192.168.1.{host} 'bash -lc '\"'\"'ray stop --force'\"'\"''"
            for host in (11, 12)
        ),
    ]
    assert shown(commands.down(FILES["laptop"])) == ["ray stop"]
    assert shown(commands.down(FILES["kuberay/raycluster"])) == ["kubectl delete -f clusters/kuberay/raycluster.yaml"]


def test_status() -> None:
    remote = "'RAY_AUTH_MODE=token ray status'"
    assert shown(commands.status(FILES["aws-gpu"])) == [f"ray exec clusters/aws-gpu.yaml {remote}"]
    assert shown(commands.status(FILES["laptop"])) == ["RAY_AUTH_MODE=token ray status"]
    assert shown(commands.status(FILES["kuberay/rayjob"])) == [
        "kubectl get -f clusters/kuberay/rayjob.yaml",
        "kubectl get pods --selector ray.io/originated-from-cr-name=raytune-digits",
    ]


def test_submit_passes_arguments_and_fetches_results() -> None:
    arguments = ["--method", "bohb", "--name", "two words"]
    assert shown(commands.submit(FILES["aws-gpu"], "study.py", arguments, fetch=("/shared/s/", "results/"))) == [
        f"ray submit clusters/aws-gpu.yaml study.py -- --method bohb --name {shlex.quote(shlex.quote('two words'))}",
        "ray rsync-down clusters/aws-gpu.yaml /shared/s/ results/",
    ]
    assert shown(commands.submit(FILES["aws-gpu"], "study.py", job=True, working_dir="code")) == [
        "RAY_AUTH_MODE=token ray job submit --address http://127.0.0.1:8265 --working-dir code -- python study.py"
    ]
    job = "ray job submit --address http://127.0.0.1:8265 --working-dir ."
    value = "kubectl get secret raytune -o 'go-template={{.data.auth_token | base64decode}}'"
    assert shown(commands.submit(FILES["kuberay/raycluster"], "study.py", ["-x"])) == [
        f'RAY_AUTH_MODE=token RAY_AUTH_TOKEN="$({value})" {job} -- python study.py -x'
    ]
    assert shown(commands.submit(FILES["laptop"], "study.py", ["-x"])) == [
        "RAY_ADDRESS=auto RAY_AUTH_MODE=token python study.py -x"
    ]
    assert shown(commands.submit(FILES["laptop"], "study.py", ["-x"], job=True)) == [
        f"RAY_AUTH_MODE=token {job} -- python study.py -x"
    ]
    with pytest.raises(ArgumentError, match="kubectl cp"):
        commands.submit(FILES["kuberay/raycluster"], "study.py", fetch=("a", "b"))


def test_a_command_runs_with_its_environment_and_returns_its_status() -> None:
    program = "import os, sys; sys.exit(int(os.environ['WANTED']))"
    assert commands.run(commands.Command((sys.executable, "-c", program), {"WANTED": "3"})) == 3
    with pytest.raises(ArgumentError, match="'no-such-program'"):
        commands.run(commands.Command(("no-such-program",)))


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_command_that_nobody_can_confirm_is_rejected(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(ArgumentError, match="--yes"):
        commands.run(commands.Command(("ray", verb, "mine.yaml")))


def test_a_secret_reaches_the_command_and_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    prints = (sys.executable, "-c", "print('the token')")
    reads = (sys.executable, "-c", "import os; assert os.environ['RAY_AUTH_TOKEN'] == 'the token'")
    command = commands.Command(reads, secrets={"RAY_AUTH_TOKEN": prints})
    assert commands.run(command) == 0
    assert "the token" not in capfd.readouterr().out
    assert str(command).startswith('RAY_AUTH_TOKEN="$(')
    fails = (sys.executable, "-c", "raise SystemExit(1)")
    with pytest.raises(ArgumentError, match="RAY_AUTH_TOKEN"):
        commands.run(commands.Command(reads, secrets={"RAY_AUTH_TOKEN": fails}))


STUB = """#!/bin/bash
case "$(basename "$0")" in srun | python) test "$RAY_AUTH_MODE" = token || exit 1 ;; esac
echo "$(basename "$0") $*" >> "$LOG"
case "$(basename "$0") $*" in
  "scontrol show hostnames"*) echo head; echo other ;;
  getent*) echo "10.0.0.1 STREAM head" ;;
  "srun"* | "python -u slow.py") exec sleep 30 ;;
  "ray status"*) grep -q ^srun "$LOG" || exit 1 ;;
  "python -c"*) while [ "$(grep -c ^srun "$LOG")" -lt 3 ]; do sleep 0.1; done; echo 5 ;;
esac
"""


def slurm_environment(folder: Path) -> dict[str, str]:
    """Write stand-ins of the programs of a Slurm job, and return the variables that Slurm would set for it."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("scontrol", "srun", "ray", "python", "getent", "raytune-suite"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    (programs / "activate").write_text(f"export PATH={programs}:$PATH\n")
    allocation = {"SUBMIT_DIR": str(folder), "JOB_ID": "7", "HET_SIZE": "3", "JOB_NODELIST_HET_GROUP_0": "head"}
    for group, (nodes, cpus, gpus) in {1: (4, 8, "1"), 2: (1, 64, "a100:8")}.items():
        allocation[f"CPUS_PER_TASK_HET_GROUP_{group}"] = str(cpus)
        allocation[f"GPUS_PER_NODE_HET_GROUP_{group}"] = gpus
        allocation[f"JOB_NUM_NODES_HET_GROUP_{group}"] = str(nodes)
    environment = {f"SLURM_{name}": value for name, value in allocation.items()}
    return {"PATH": os.environ["PATH"], "LOG": str(folder / "log"), **environment}


SLURM_SCRIPT = str(ROOT / "clusters" / "slurm" / "study.sbatch")


@pytest.mark.process
def test_the_slurm_script_stops_the_study_at_the_signal_before_the_time_limit(tmp_path: Path) -> None:
    environment = slurm_environment(tmp_path)
    with subprocess.Popen(  # noqa: S603 - our own script
        ["/bin/bash", SLURM_SCRIPT, "slow.py"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as job:
        log, deadline = tmp_path / "log", time.monotonic() + 60
        while not log.exists() or "python -u slow.py" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        job.send_signal(signal.SIGUSR1)
        assert job.wait(timeout=20) == 1  # the study would take 30 s


@pytest.mark.process
def test_the_slurm_script_starts_a_head_without_cpus_then_all_workers_then_the_study(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/bash", SLURM_SCRIPT, "study.py", "--method", "bohb"],
        env=slurm_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    called = (tmp_path / "log").read_text().splitlines()
    starts = [line for line in called if line.startswith("srun")]
    starts[1:] = sorted(starts[1:])  # the workers start at once
    first = "ray start --head --block --node-ip-address=10.0.0.1 --port=20007 --num-cpus=0 --num-gpus=0"
    assert starts == [
        f"srun --het-group=0 --ntasks=1 {first}",
        *(
            f"srun --het-group={group} --ntasks-per-node=1 --cpus-per-task={cpus} ray start --block "
            f"--address=10.0.0.1:20007 --num-cpus={cpus} --num-gpus={gpus}"
            for group, cpus, gpus in ((1, 8, 1), (2, 64, 8))
        ),
    ]
    assert called[-1] == "python -u study.py --method bohb"
    assert called.index("raytune-suite cluster token") < called.index(starts[0])
    assert "5 of 5 workers joined" in done.stdout
