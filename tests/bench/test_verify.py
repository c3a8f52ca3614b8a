"""Verification: a reproducible comparison passes, and altered results are detected."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from raytune_suite import cli
from raytune_suite.bench import store
from raytune_suite.bench.plan import plan
from raytune_suite.bench.protocol import read
from raytune_suite.bench.verify import verify
from raytune_suite.engines.callbacks import decision_log
from raytune_suite.errors import ArgumentError
from tests.bench.conftest import RecordingWatcher

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


@pytest.fixture
def copied(comparison: Path, tmp_path: Path) -> Path:
    """A copy that a test may alter."""
    shutil.copytree(comparison, tmp_path / "copy")
    return tmp_path / "copy"


def a_run(out: Path, method: str) -> Any:
    """One of the finished runs of a method."""
    return next(run for run in plan(read(out / store.PROTOCOL)).runs if run.label == method and run.seed == 1)


def test_a_sample_is_reproduced_and_depends_on_its_seed(comparison: Path) -> None:
    chosen = []
    for seed in (0, 0, 3):
        result = verify(comparison, sample=2, seed=seed, watcher=RecordingWatcher())
        assert (result.differing, result.tables) == ((), ())
        chosen.append({run.id for run in result.repeated})
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(chosen[0]) == 2


def test_an_altered_score_and_an_altered_decision_are_detected(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = (a_run(copied, method) for method in ("random", "asha"))
    folder = store.run_folder(copied, run.id)
    rows = store.read_table(folder, "results").to_pylist()
    score = rows[1]["tuning_score"]
    rows[1]["tuning_score"] = score * (1 + 1e-15)
    store.write_table(folder, "results", rows)
    log = store.run_folder(copied, other.id) / "decisions.parquet"
    decisions = decision_log.read(log)
    decision_log.write(log, [*decisions[:5], decisions[5]._replace(decision="STOP"), *decisions[6:]])
    result = verify(copied, sample=99, processes=2, watcher=RecordingWatcher())
    assert len(result.repeated) == 10
    differing = {run.id: message for run, message in result.differing}
    assert differing.keys() == {run.id, other.id}
    assert "row 5" in differing[other.id]
    assert "'STOP'" in differing[other.id]
    message = differing[run.id]
    assert "tuning_score" in message
    assert repr(score) in message
    assert repr(rows[1]["tuning_score"]) in message
    assert result.tables == ("results",)  # the comparison's table still has the old score
    assert cli.main(["bench", "verify", str(copied), "--sample", "1"]) == 1
    assert "results.parquet" in capsys.readouterr().out


def test_a_comparison_that_cannot_be_repeated_is_rejected(copied: Path) -> None:
    text = (copied / store.PROTOCOL).read_text()

    def change(line: str) -> None:
        (copied / store.PROTOCOL).write_text(text.replace("budget = 2", line))
        manifest = json.loads((copied / store.MANIFEST).read_text())
        digest = read(copied / store.PROTOCOL).digest
        (copied / store.MANIFEST).write_text(json.dumps({**manifest, "protocol_sha256": digest}))

    change("budget = 4")
    with pytest.raises(ArgumentError, match="no run"):
        verify(copied, watcher=RecordingWatcher())
    change('budget = 2\nengine = "ray"')
    with pytest.raises(ArgumentError, match="'ray'"):
        verify(copied, watcher=RecordingWatcher())
    (copied / store.PROTOCOL).unlink()
    with pytest.raises(ArgumentError, match=r"protocol\.toml"):
        verify(copied, watcher=RecordingWatcher())


def test_the_stored_key_is_that_of_the_run(comparison: Path) -> None:
    for run in plan(read(comparison / store.PROTOCOL)).runs:
        assert json.loads((store.run_folder(comparison, run.id) / store.KEY).read_text()) == run.key
