"""Verification: a comparison that repeats is said to, and one that was altered is not."""

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
from tests.bench.conftest import Nobody

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copied(comparison: Path, tmp_path: Path) -> Path:
    """A copy that a test may alter."""
    shutil.copytree(comparison, tmp_path / "copy")
    return tmp_path / "copy"


def a_run(out: Path) -> Any:
    """One that was done."""
    return next(run for run in plan(read(out / store.PROTOCOL)).runs if run.label == "random" and run.seed == 1)


def test_all_runs_repeat(comparison: Path) -> None:
    verdict = verify(comparison, sample=99, processes=2, watcher=Nobody())
    assert len(verdict.repeated) == 10
    assert verdict.differing == ()
    assert verdict.tables == ()


def test_the_sample_is_chosen_by_its_seed(comparison: Path) -> None:
    chosen = [{run.id for run in verify(comparison, sample=2, seed=s, watcher=Nobody()).repeated} for s in (0, 0, 3)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(chosen[0]) == 2


def test_an_altered_score_is_found(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = a_run(copied)
    folder = store.run_folder(copied, run.id)
    rows = store.read_table(folder, "results").to_pylist()
    score = rows[1]["tuning_score"]
    rows[1]["tuning_score"] = score * (1 + 1e-15)
    store.write_table(folder, "results", rows)
    verdict = verify(copied, sample=99, processes=2, watcher=Nobody())
    (differing, words), *others = verdict.differing
    assert others == []
    assert differing.id == run.id
    assert words == f"row 1 of results: tuning_score was {rows[1]['tuning_score']!r}, now {score!r}"
    assert verdict.tables == ("results",)  # the comparison's table still has the old score
    assert cli.main(["bench", "verify", str(copied), "--sample", "1"]) == 1
    assert "results.parquet is not what its runs have written" in capsys.readouterr().out


def test_an_altered_decision_is_found(copied: Path) -> None:
    run = a_run(copied)
    log = store.run_folder(copied, run.id) / "decisions.parquet"
    rows = decision_log.read(log)
    decision_log.write(log, [*rows[:5], rows[5]._replace(decision="STOP"), *rows[6:]])
    verdict = verify(copied, sample=99, processes=2, watcher=Nobody())
    assert [words for _, words in verdict.differing] == ["row 5 of the decision log: decision 'STOP' != 'CONTINUE'"]
    assert verdict.tables == ()


def test_what_cannot_be_repeated_is_refused(copied: Path) -> None:
    text = (copied / store.PROTOCOL).read_text()

    def ask(words: str) -> None:
        (copied / store.PROTOCOL).write_text(text.replace("budget = 3", words))
        manifest = json.loads((copied / store.MANIFEST).read_text())
        digest = read(copied / store.PROTOCOL).digest
        (copied / store.MANIFEST).write_text(json.dumps({**manifest, "protocol_sha256": digest}))

    ask("budget = 4")
    with pytest.raises(ArgumentError, match=r"no run of the comparison .* could be done again"):
        verify(copied, watcher=Nobody())
    ask('budget = 3\nengine = "ray"')
    with pytest.raises(ArgumentError, match="only simulated runs repeat to the bit"):
        verify(copied, watcher=Nobody())
    (copied / store.PROTOCOL).unlink()
    with pytest.raises(ArgumentError, match="is repeated by calling it again"):
        verify(copied, watcher=Nobody())


def test_the_key_beside_a_run_is_that_of_its_folder(comparison: Path) -> None:
    for run in plan(read(comparison / store.PROTOCOL)).runs:
        assert json.loads((store.run_folder(comparison, run.id) / store.KEY).read_text()) == run.key
