"""A small comparison for several tests, and a watcher that records notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite.bench.plan import plan
from raytune_suite.bench.protocol import read
from raytune_suite.bench.runner import carry_out

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.bench.run import Run

SMALL = """\
schema = 1
name = "small"
method_seeds = "0-1"
budget = 2

[methods.asha]
[methods.random]
[methods.pbt]

[workloads."synthetic/branin"]
[workloads."synthetic/pbt-quadratic"]
tuning_seeds = [0]
test_seeds = [5]
"""


class RecordingWatcher:
    """Records the notifications that it receives."""

    def __init__(self) -> None:
        self.total = self.before = 0
        self.notified: list[tuple[str, str]] = []

    def begin(self, total: int, done: int) -> None:
        self.total, self.before = total, done

    def ended(self, run: Run, status: str) -> None:
        self.notified.append((str(run), status))

    def tick(self) -> None:
        pass

    def end(self) -> None:
        pass


def small(folder: Path, text: str = SMALL, out: Path | None = None) -> Any:
    """Carry out a protocol with this text in `out`, or in a subfolder of `folder`."""
    place = folder / "small.toml"
    place.write_text(text)
    return carry_out(plan(read(place)), out or folder / "out", processes=2, watcher=RecordingWatcher())


@pytest.fixture(scope="session")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small comparison; a test that changes it must copy it first."""
    folder = tmp_path_factory.mktemp("comparison")
    small(folder)
    return folder / "out"
