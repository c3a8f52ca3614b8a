"""clusters/laptop.yaml on one machine of the lab, used as a person uses it: on_laptop.py FOLDER.

It enters the lab by itself. What it has seen goes to FOLDER/seen.json, and the studies to FOLDER/shared/studies. On the
machine `on_laptop.py watch` tells which nodes there are.
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

from raytune_suite.cluster.rehearsal.machines import Lab, check_host, enter, inside
from raytune_suite.cluster.rehearsal.rehearse import wait

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
FILE = "clusters/laptop.yaml"
STUDY = "tests/cluster/pool_study.py"
STORAGE = "/shared/studies"


class Laptop:
    """A machine that is used by its shell.

    Attributes:
        gpus: How many each node has, by the node's id; all nodes that there ever were.
        sockets: By which name each node's raylet goes.
        alive: The nodes that there are.
        shapes: The GPUs of the nodes, sorted, whenever the nodes have changed.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._machine = lab.switch_on("laptop", ["192.168.1.10"], {"RAY_USAGE_STATS_ENABLED": "0"})
        self._begin = time.monotonic()
        self.gpus: dict[str, int] = {}
        self.sockets: dict[str, str] = {}
        self.alive: list[str] = []
        self.shapes: list[list[int]] = []

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._begin:3.0f} s] {text}", flush=True)  # noqa: T201 - shown where the test fails

    def wait_for(self, what: str, condition: Callable[[], bool], limit: float = 90) -> None:
        if not wait(condition, limit):
            raise TimeoutError(f"not within {limit:g} s: {what}; nodes by their GPUs: {self.shapes}")

    def start(self, command: str, stdout: int | None = None) -> subprocess.Popen[str]:
        words = self._lab.ssh(self._machine, f"cd {shlex.quote(str(ROOT))} && {command}")
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stdout, text=True)  # noqa: S603 - our own words

    def ask(self, command: str) -> list[str]:
        return self.start(command, subprocess.PIPE).communicate()[0].splitlines()

    def cluster(self, *words: str) -> subprocess.Popen[str]:
        self.say(f"cluster {shlex.join(words)}")
        return self.start(f"raytune-suite cluster {shlex.join(words)}")

    def watch(self) -> subprocess.Popen[str]:
        """Follow the nodes from now on."""
        program = f"RAY_AUTH_MODE=token python3 -u {shlex.quote(__file__)} watch"
        process = self.start(program, subprocess.PIPE)
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            if not line.startswith("{"):  # Ray speaks too
                continue
            seen: dict[str, dict[str, Any]] = json.loads(line)
            self.gpus |= {node: one["gpus"] for node, one in seen.items()}
            self.sockets |= {node: one["socket"] for node, one in seen.items()}
            if set(seen) != set(self.alive):
                self.alive = list(seen)
                self.shapes.append(sorted(self.gpus[node] for node in seen))
                self.say(f"nodes by their GPUs: {self.shapes[-1]}")

    def lose(self, node: str) -> None:
        """Kill all processes of a node."""
        name = f"--raylet_socket_name={self.sockets[node]}"
        raylet = next(line.split()[0] for line in self.ask("pgrep -x -a raylet") if name in line.split())
        self.ask(f"kill -KILL {raylet} $(pgrep -P {raylet})")
        self.say(f"node {node} is killed")

    def processes(self) -> list[str]:
        return sorted(self.ask("ps -eo comm="))


def use(laptop: Laptop, studies: Path) -> dict[str, Any]:
    """The cluster's life, from `up` to `down`; what was seen."""
    at_first = laptop.processes()
    status = {"up": laptop.cluster("up", FILE).wait()}
    watch = laptop.watch()
    laptop.wait_for("the head is there", lambda: bool(laptop.shapes))
    alone = laptop.shapes[-1]

    ended = {"small": laptop.cluster("submit", FILE, STUDY, "--", "small", "1", "3", STORAGE)}
    laptop.wait_for("two nodes come", lambda: len(laptop.alive) == 3)
    laptop.wait_for("trials on two nodes have saved", lambda: len(savers(studies) & set(laptop.alive)) > 1)
    grown = laptop.shapes[1:]
    lost = max(
        savers(studies) & set(laptop.alive), key=list(laptop.gpus).index
    )  # the last to come has the youngest trial
    laptop.lose(lost)

    ended["large"] = laptop.cluster("submit", FILE, STUDY, "--", "large", "4", "1", STORAGE)
    digits = ["--method", "random", "--budget", "0.1", "--name", "digits", "--storage-path", STORAGE]
    ended["digits"] = laptop.cluster("submit", FILE, "examples/tune_digits.py", "--", *digits)
    status["status"] = laptop.cluster("status", FILE).wait()
    for name, process in ended.items():
        status[name] = process.wait(120)
        laptop.say(f"the study {name!r} has ended")
    laptop.wait_for("the pools are empty", lambda: laptop.shapes[-1] == alone)

    watch.kill()
    status["down"] = laptop.cluster("down", FILE).wait()
    gone = wait(lambda: laptop.processes() == at_first, 10)
    return {
        "status": status,
        "alone": alone,
        "grown": grown,
        "lost": lost,
        "shapes": laptop.shapes,
        "gpus": laptop.gpus,
        "left": [] if gone else laptop.ask("ps -eo args="),
    }


def savers(studies: Path) -> set[str]:
    """The nodes that have saved checkpoints of the small study."""
    return {file.read_text(encoding="utf-8") for file in studies.glob("small/*/checkpoint_*/node")} - {""}


def main(folder: Path) -> None:
    lab = Lab(folder, user="me", shared="/shared", names={})
    try:
        seen = use(Laptop(lab), lab.shared / "studies")
    finally:
        lab.shut_down()
    (folder / "seen.json").write_text(json.dumps(seen), encoding="utf-8")


def watch() -> None:
    """Tell again and again which nodes there are."""
    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    while True:
        alive = {
            node["NodeID"]: {"gpus": int(node["Resources"].get("GPU", 0)), "socket": node["RayletSocketName"]}
            for node in ray.nodes()
            if node["Alive"]
        }
        print(json.dumps(alive))  # noqa: T201 - the laptop's user reads it
        time.sleep(0.25)


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch()
    if not inside():
        check_host()
        sys.exit(enter([sys.executable, *sys.argv]))
    main(Path(sys.argv[1]))
