"""Asks a cluster's head each second which nodes it has; watch.py is what runs there."""

from __future__ import annotations

import json
import subprocess
import threading
from importlib import resources
from typing import TYPE_CHECKING

from raytune_suite.errors import RehearsalError

if TYPE_CHECKING:
    from raytune_suite.cluster.rehearsal.machines import Lab, Machine


class Watch:
    """What the head of a cluster sees, as of the last second."""

    def __init__(self, lab: Lab, head: Machine) -> None:
        script = (resources.files("raytune_suite.cluster.rehearsal") / "watch.py").read_text(encoding="utf-8")
        self._log = lab.folder / "logs" / "watch.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                lab.ssh(head, "exec python3 -u -"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._seen: dict[str, dict[str, float]] = {}
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(script)
        self._process.stdin.close()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._process.stdout:
            if line.startswith("{"):
                self._seen = json.loads(line)

    @property
    def nodes(self) -> dict[str, dict[str, float]]:
        """The nodes by address: gpus, cpus, actors.

        Raises:
            RehearsalError: If the head cannot be asked any more.
        """
        if self._process.poll() is not None:
            last = self._log.read_text(encoding="utf-8", errors="replace")[-500:]
            raise RehearsalError(f"the head cannot be asked which nodes it has:\n{last}")
        return self._seen

    def end(self) -> None:
        """Look no more."""
        self._process.kill()
        self._process.wait()
