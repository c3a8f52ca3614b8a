"""The commands that start a cluster, use it and stop it."""

from __future__ import annotations

import os
import subprocess
import sys
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
        "ray get-auth-token --generate > /dev/null",
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
    assert shown(commands.status(FILES["aws-gpu"])) == ["ray exec clusters/aws-gpu.yaml 'ray status'"]
    assert shown(commands.status(FILES["laptop"])) == ["RAY_AUTH_MODE=token ray status"]
    assert shown(commands.status(FILES["kuberay/rayjob"])) == [
        "kubectl get -f clusters/kuberay/rayjob.yaml",
        "kubectl get pods --selector ray.io/originated-from-cr-name=raytune-digits",
    ]


def test_submit_passes_arguments_and_fetches_results() -> None:
    arguments = ["--method", "bohb", "--name", "two words"]
    assert shown(commands.submit(FILES["aws-gpu"], "study.py", arguments, fetch=("/shared/s/", "results/"))) == [
        "ray submit clusters/aws-gpu.yaml study.py -- --method bohb --name 'two words'",
        "ray rsync-down clusters/aws-gpu.yaml /shared/s/ results/",
    ]
    assert shown(commands.submit(FILES["aws-gpu"], "study.py", job=True, working_dir="code")) == [
        "ray job submit --address http://127.0.0.1:8265 --working-dir code -- python study.py"
    ]
    assert shown(commands.submit(FILES["kuberay/raycluster"], "study.py", ["-x"])) == [
        "ray job submit --address http://127.0.0.1:8265 --working-dir . -- python study.py -x"
    ]
    assert shown(commands.submit(FILES["laptop"], "study.py", ["-x"])) == [
        "RAY_ADDRESS=auto RAY_AUTH_MODE=token python study.py -x"
    ]
    job = "ray job submit --address http://127.0.0.1:8265 --working-dir ."
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


def test_the_output_of_a_secret_command_is_hidden(capfd: pytest.CaptureFixture[str]) -> None:
    words = (sys.executable, "-c", "import sys; print('the token'); print('a note', file=sys.stderr)")
    assert commands.run(commands.Command(words)) == 0
    assert capfd.readouterr().out == "the token\n"
    assert commands.run(commands.Command(words, secret=True)) == 0
    assert capfd.readouterr() == ("", "a note\n")


STUB = """#!/bin/bash
echo "$(basename "$0") $*" >> "$LOG"
case "$(basename "$0") $*" in
  "scontrol show hostnames"*) echo head; echo other ;;
  getent*) echo "10.0.0.1 STREAM head" ;;
  "srun"*) exec sleep 30 ;;
  "ray status"*) grep -q ^srun "$LOG" || exit 1 ;;
  "python -c"*) while [ "$(grep -c ^srun "$LOG")" -lt 3 ]; do sleep 0.1; done; echo 5 ;;
esac
"""


@pytest.mark.process
def test_the_slurm_script_starts_a_head_without_cpus_then_all_workers_then_the_study(tmp_path: Path) -> None:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("scontrol", "srun", "ray", "python", "getent"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    (programs / "activate").write_text(f"export PATH={programs}:$PATH\n")
    allocation = {"SUBMIT_DIR": str(tmp_path), "JOB_ID": "7", "HET_SIZE": "3", "JOB_NODELIST_HET_GROUP_0": "head"}
    for group, (nodes, cpus, gpus) in {1: (4, 8, "1"), 2: (1, 64, "a100:8")}.items():
        allocation[f"CPUS_PER_TASK_HET_GROUP_{group}"] = str(cpus)
        allocation[f"GPUS_PER_NODE_HET_GROUP_{group}"] = gpus
        allocation[f"JOB_NUM_NODES_HET_GROUP_{group}"] = str(nodes)
    environment = {f"SLURM_{name}": value for name, value in allocation.items()}
    script = ROOT / "clusters" / "slurm" / "study.sbatch"
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/bash", str(script), "study.py", "--method", "bohb"],
        env={"PATH": os.environ["PATH"], "LOG": str(tmp_path / "log"), **environment},
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
    assert "5 of 5 workers joined" in done.stdout
