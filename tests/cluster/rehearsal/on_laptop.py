"""Use clusters/laptop.yaml on one machine of the lab like a user: on_laptop.py FOLDER.

The script enters the lab. It writes its observations to FOLDER/observed.json, and studies to FOLDER/shared/studies. On
the machine, `on_laptop.py watch` prints the nodes of the cluster.
"""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from raytune_suite.cluster.rehearsal.lab import Lab, check_host, enter, inside
from raytune_suite.cluster.rehearsal.rehearse import wait

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
FILE = "clusters/laptop.yaml"
STUDY = "tests/cluster/rehearsal/pool_study.py"
STORAGE = "/shared/studies"


class Laptop:
    """A machine that is used through its shell.

    Attributes:
        gpus: The number of GPUs of each node that ever existed, by node id.
        sockets: The socket name of each node's raylet.
        alive: The nodes that are alive.
        shapes: The sorted GPUs of the alive nodes, for each change of the nodes.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._machine = lab.switch_on("laptop", ["192.168.1.10"], {"RAY_USAGE_STATS_ENABLED": "0"})
        self._begin = time.monotonic()
        self.gpus: dict[str, int] = {}
        self.sockets: dict[str, str] = {}
        self.alive: list[str] = []
        self.shapes: list[list[int]] = []

    def report(self, text: str) -> None:
        print(f"[{time.monotonic() - self._begin:3.0f} s] {text}", flush=True)  # noqa: T201 - shown if the test fails

    def wait_for(self, what: str, condition: Callable[[], bool], limit: float = 90) -> None:
        if not wait(condition, limit):
            raise TimeoutError(f"not within {limit:g} s: {what}; GPUs per node: {self.shapes}")

    def start(self, command: str, stdout: int | None = None) -> subprocess.Popen[str]:
        arguments = self._lab.ssh(self._machine, f"cd {shlex.quote(str(ROOT))} && {command}")
        return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=stdout, text=True)  # noqa: S603 - our own command

    def output_of(self, command: str) -> list[str]:
        return self.start(command, subprocess.PIPE).communicate()[0].splitlines()

    def cluster(self, *arguments: str) -> subprocess.Popen[str]:
        self.report(f"cluster {shlex.join(arguments)}")
        return self.start(f"raytune-suite cluster {shlex.join(arguments)}")

    def watch(self) -> subprocess.Popen[str]:
        """Follow the nodes from now on."""
        program = f"RAY_AUTH_MODE=token python3 -u {shlex.quote(__file__)} watch"
        process = self.start(program, subprocess.PIPE)
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            if not line.startswith("{"):  # Ray prints, too
                continue
            nodes: dict[str, dict[str, Any]] = json.loads(line)
            self.gpus |= {node: one["gpus"] for node, one in nodes.items()}
            self.sockets |= {node: one["socket"] for node, one in nodes.items()}
            if set(nodes) != set(self.alive):
                self.alive = list(nodes)
                self.shapes.append(sorted(self.gpus[node] for node in nodes))
                self.report(f"GPUs per node: {self.shapes[-1]}")

    def lose(self, node: str) -> None:
        """Kill all processes of a node."""
        name = f"--raylet_socket_name={self.sockets[node]}"
        raylet = next(line.split()[0] for line in self.output_of("pgrep -x -a raylet") if name in line.split())
        self.output_of(f"kill -KILL {raylet} $(pgrep -P {raylet})")
        self.report(f"node {node} is killed")

    def processes(self) -> list[str]:
        return sorted(self.output_of("ps -eo comm="))


def use(laptop: Laptop, studies: Path) -> dict[str, Any]:
    """Use the cluster from `up` to `down`, and return the observations."""
    before = laptop.processes()
    status = {"up": laptop.cluster("up", FILE).wait()}
    watch = laptop.watch()
    laptop.wait_for("the head is there", lambda: bool(laptop.shapes))
    head_only = laptop.shapes[-1]

    ended = {"small": laptop.cluster("submit", FILE, STUDY, "--", "small", "1", "3", STORAGE)}
    laptop.wait_for("two nodes join", lambda: len(laptop.alive) == 3)
    laptop.wait_for("trials on two nodes have saved", lambda: len(savers(studies) & set(laptop.alive)) > 1)
    grown = laptop.shapes[1:]
    lost = max(
        savers(studies) & set(laptop.alive), key=list(laptop.gpus).index
    )  # the last node to join has the youngest trial
    laptop.lose(lost)

    ended["large"] = laptop.cluster("submit", FILE, STUDY, "--", "large", "4", "1", STORAGE)
    digits = ["--method", "random", "--budget", "0.1", "--name", "digits", "--storage-path", STORAGE]
    ended["digits"] = laptop.cluster("submit", FILE, "examples/tune_digits.py", "--", *digits)
    status["status"] = laptop.cluster("status", FILE).wait()
    for name, process in ended.items():
        status[name] = process.wait(120)
        laptop.report(f"the study {name!r} has ended")
    laptop.wait_for("the pools are empty", lambda: laptop.shapes[-1] == head_only)

    watch.kill()
    status["down"] = laptop.cluster("down", FILE).wait()
    clean = wait(lambda: laptop.processes() == before, 10)
    return {
        "status": status,
        "alone": head_only,
        "grown": grown,
        "lost": lost,
        "shapes": laptop.shapes,
        "gpus": laptop.gpus,
        "left": [] if clean else laptop.output_of("ps -eo args="),
    }


def savers(studies: Path) -> set[str]:
    """Return the nodes that have saved checkpoints of the small study."""
    return {file.read_text(encoding="utf-8") for file in studies.glob("small/*/checkpoint_*/node")} - {""}


def main(folder: Path) -> None:
    lab = Lab(folder, user="me", shared="/shared", names={})
    try:
        observed = use(Laptop(lab), lab.shared / "studies")
    finally:
        lab.shut_down()
    (folder / "observed.json").write_text(json.dumps(observed), encoding="utf-8")


def watch() -> None:
    """Print the alive nodes again and again."""
    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    while True:
        alive = {
            node["NodeID"]: {"gpus": int(node["Resources"].get("GPU", 0)), "socket": node["RayletSocketName"]}
            for node in ray.nodes()
            if node["Alive"]
        }
        print(json.dumps(alive))  # noqa: T201 - read by `Laptop`
        time.sleep(0.25)


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch()
    if not inside():
        check_host()
        sys.exit(enter([sys.executable, *sys.argv]))
    main(Path(sys.argv[1]))
