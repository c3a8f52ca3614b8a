"""Watching a study reads what is new, writes nothing, and serves its page to whoever has the token."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

import raytune_suite as rts
from raytune_suite.cli import main
from raytune_suite.cli.console import output
from raytune_suite.cli.watch import summary, watch_on_terminal
from raytune_suite.types import DECISIONS
from raytune_suite.watch.reader import StudyReader
from tests.optional_packages import needed
from tests.watch.growth import grow

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.watch.server import LivePage

needed("matplotlib")


def test_a_growing_study_is_read_by_increments(growing: Path, finished: Path) -> None:
    reader = StudyReader(growing)
    assert reader.refresh()
    assert not reader.refresh()
    half = reader.counts
    grow(growing, finished)
    assert reader.refresh()
    assert reader.counts > half
    whole = rts.load_study(finished)
    assert reader.result().reports.equals(whole.reports)
    assert reader.result().best_value == whole.best_value


def test_a_study_that_was_resumed_from_an_earlier_snapshot_is_read_again(growing: Path, finished: Path) -> None:
    reader = StudyReader(growing)
    reader.refresh()
    lines = (finished / "reports.jsonl").read_text().splitlines(keepends=True)
    changed = [line.replace('"elapsed":', '"elapsed":1') for line in lines]  # a resumed study reports something else
    (growing / "reports.jsonl").write_text("".join(changed))
    (growing / "trials.jsonl").write_bytes((finished / "trials.jsonl").read_bytes())
    assert reader.refresh()
    assert len(reader.result().reports) == len(rts.load_study(finished).reports)


def test_watching_leaves_no_trace(growing: Path) -> None:
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in growing.iterdir()}
    reader = StudyReader(growing)
    reader.refresh()
    reader.result()
    reader.status()
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in growing.iterdir()} == before


def test_the_status_is_known_without_the_lock(growing: Path, finished: Path) -> None:
    import os
    import socket

    lock = growing / "study.lock"
    assert StudyReader(finished).status() == "finished"
    assert StudyReader(growing).status() == "running"  # it has just grown
    lock.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))
    assert StudyReader(growing).status() == "running"
    lock.write_text(json.dumps({"host": socket.gethostname(), "pid": 2**22 + 1}))
    assert StudyReader(growing).status() == "interrupted"
    for damaged in ("[]", "", json.dumps({"host": socket.gethostname(), "pid": 10**30})):
        lock.write_text(damaged)
        assert StudyReader(growing).status() == ("interrupted" if "host" in damaged else "running")
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    os.utime(growing / "reports.jsonl", (0, 0))
    assert StudyReader(growing).status() == "interrupted"


def test_a_folder_without_a_study_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(rts.StudyError, match="none"):
        StudyReader(tmp_path / "none")


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_a_port_that_cannot_exist_is_rejected(port: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["watch", str(tmp_path), "--port", port])
    assert "--port" in capsys.readouterr().err


@pytest.mark.slow
def test_the_page_and_its_events_need_the_token(live: tuple[LivePage, str], growing: Path, finished: Path) -> None:
    _, address = live
    with urllib.request.urlopen(address, timeout=20) as answer:  # noqa: S310 - our own server
        page = answer.read().decode()
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "growing" in page
    for wrong in (address[:-3], address.partition("?")[0], address.replace("/?", "/events?")[:-3]):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(wrong, timeout=20)  # noqa: S310 - as above
        assert error.value.code == 403
        error.value.close()
    renamed = urllib.request.Request(address, headers={"Host": "evil.example:80"})  # noqa: S310 - as above
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(renamed, timeout=20)  # noqa: S310 - as above
    error.value.close()
    with urllib.request.urlopen(address.replace("/?", "/events?"), timeout=30) as stream:  # noqa: S310 - as above
        first = json.loads(stream.readline().removeprefix(b"data: "))
        stream.readline()
        grow(growing, finished)
        (growing / DECISIONS).write_bytes((finished / DECISIONS).read_bytes())
        while "finished" not in (news := json.loads(stream.readline().removeprefix(b"data: ") or b"{}"))["lead"]:
            stream.readline()
    assert first["facts"]["trials"] != news["facts"]["trials"]
    assert set(news["sections"]) >= {"result", "curves", "trials"}


def test_the_terminal_shows_the_best_trials_and_ends_with_the_study(
    finished: Path, growing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch_on_terminal(StudyReader(finished)) == 0
    best = rts.load_study(finished)
    printed = capsys.readouterr().out
    assert f"{best.best_value:.4g}" in printed
    assert printed.endswith("\n")
    (growing / "reports.jsonl").write_text("")
    reader = StudyReader(growing)
    reader.refresh()
    output().print(summary(reader.result(), output()))
    assert "no result yet" in capsys.readouterr().out
