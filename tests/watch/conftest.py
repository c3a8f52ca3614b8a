"""A finished study, one that is growing, and its page."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raytune_suite as rts
from raytune_suite.watch import pace, server
from raytune_suite.watch.reader import StudyReader
from raytune_suite.watch.server import LivePage, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a simulated study."""
    folder = tmp_path_factory.mktemp("studies")
    how: dict[str, Any] = {"engine": "simulated", "storage_path": folder, "name": "watched", "test_seeds": []}
    return Path(rts.tune(workload="synthetic/mfh3", method="asha", num_samples=12, **how).path)


@pytest.fixture
def growing(finished: Path, tmp_path: Path) -> Path:
    """A study that has not ended yet, with the first half of its lines, the last one cut."""
    folder = tmp_path / "growing"
    folder.mkdir()
    shutil.copy(finished / "study.json", folder)
    for name in ("reports.jsonl", "trials.jsonl"):
        content = (finished / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
    return folder


@pytest.fixture
def live(growing: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LivePage, str]]:
    """A page that is served, and its address."""
    monkeypatch.setattr(server, "LOOK_S", 0.05)
    monkeypatch.setattr(server, "DRAW_S", 0.05)
    monkeypatch.setattr(pace, "SHARE", 10.0)
    page = LivePage(StudyReader(growing))
    http, address = make_server(page)
    threads = [threading.Thread(target=run, daemon=True) for run in (http.serve_forever, page.run)]
    for thread in threads:
        thread.start()
    yield page, address
    page.stop()
    http.shutdown()
    http.server_close()
    for thread in threads:
        thread.join(20)
