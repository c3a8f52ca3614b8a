"""Follow the nodes of a cluster through report_nodes.py, which runs on its head."""

from __future__ import annotations

import json
import subprocess
import threading
from importlib import resources
from typing import TYPE_CHECKING

from raytune_suite.errors import RehearsalError

if TYPE_CHECKING:
    from raytune_suite.cluster.rehearsal.lab import Lab, LabMachine


class NodeWatcher:
    """The nodes that the head of a cluster knew of in the last second."""

    def __init__(self, lab: Lab, head: LabMachine) -> None:
        script = (resources.files("raytune_suite.cluster.rehearsal") / "report_nodes.py").read_text(encoding="utf-8")
        self._log = lab.folder / "logs" / "watch.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                lab.ssh(head, "exec python3 -u -"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._nodes: dict[str, dict[str, float]] = {}
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(script)
        self._process.stdin.close()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._process.stdout:
            if line.startswith("{"):
                self._nodes = json.loads(line)

    @property
    def nodes(self) -> dict[str, dict[str, float]]:
        """The nodes by address: gpus, cpus, actors.

        Raises:
            RehearsalError: If the head does not respond any more.
        """
        if self._process.poll() is not None:
            last = self._log.read_text(encoding="utf-8", errors="replace")[-500:]
            raise RehearsalError(f"the head no longer reports its nodes:\n{last}")
        return self._nodes

    def stop(self) -> None:
        """Stop following the nodes."""
        self._process.kill()
        self._process.wait()
