"""The runner: finished runs are never repeated, failures are reported, and a killed comparison can be resumed."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import math
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ray.tune.search import Searcher

import raytune_suite as rts
from raytune_suite.bench import store
from raytune_suite.bench.plan import plan
from raytune_suite.bench.protocol import MethodEntry, Protocol, WorkloadEntry, read
from raytune_suite.bench.run import FRACTIONS
from raytune_suite.bench.runner import LOCK, carry_out
from raytune_suite.engines.callbacks import decision_log
from raytune_suite.errors import ArgumentError, StudyInterrupted
from tests.bench.conftest import SMALL, RecordingWatcher, small

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

pytestmark = pytest.mark.process
REPRODUCIBLE = ("results.parquet", "trajectories.parquet", "runs.parquet")


def table_bytes(out: Path) -> dict[str, bytes]:
    """The content of the tables that must be reproduced."""
    return {name: (out / name).read_bytes() for name in REPRODUCIBLE}


def rows_of(frame: pd.DataFrame) -> list[Any]:
    """The rows of a table, with columns as attributes."""
    return [*frame.itertuples()]


def test_the_tables_list_all_runs_in_order(comparison: Path) -> None:
    results = store.read(comparison)
    names = ["workload", "method", "method_seed"]
    assert results.runs[names].to_numpy().tolist() == sorted(results.runs[names].to_numpy().tolist())
    assert results.runs["status"].tolist().count("refused") == 2
    done = results.runs[results.runs["status"] == "done"]
    assert len(done) == 10
    assert (done["spent"] >= 2).all()
    assert len(results.timings) == 10
    assert results.results.groupby(names)["fraction"].apply(list).tolist() == [list(FRACTIONS)] * 10
    assert [*comparison.glob("runs/.*")] == []


def test_refused_runs_have_a_reason(comparison: Path) -> None:
    runs = store.read(comparison).runs
    refused = runs[runs["status"] == "refused"]
    assert set(refused["workload"]) == {"synthetic/branin"}
    assert set(refused["method"]) == {"pbt"}
    assert refused["error"].str.contains("state").all()


def test_the_incumbent_at_each_fraction_is_the_last_one_of_the_trajectory_so_far(comparison: Path) -> None:
    results = store.read(comparison)
    for row in rows_of(results.results):
        trajectory = results.trajectories
        trajectory = trajectory[(trajectory["workload"] == row.workload) & (trajectory["method"] == row.method)]
        trajectory = trajectory[
            (trajectory["method_seed"] == row.method_seed) & (trajectory["cost"] <= row.fraction * 2 + 1e-9)
        ]
        assert trajectory["tuning_score"].iloc[-1] == row.tuning_score
        assert trajectory["cost"].iloc[-1] == row.cost


def test_scores_and_regrets_belong_to_the_config(comparison: Path) -> None:
    results = store.read(comparison).results
    branin = rts.workload("synthetic/branin")
    assert branin.curve is not None
    assert branin.bounds is not None
    best, worst = branin.bounds
    for row in rows_of(results[results["workload"] == branin.name]):
        config = json.loads(row.config)
        scores = [float(branin.curve(config, seed).metrics["value"][-1]) for seed in branin.test_seeds]
        assert row.test_seeds.tolist() == list(branin.test_seeds)
        assert row.test_scores.tolist() == scores
        assert row.test_score == pytest.approx(sum(scores) / len(scores))
        assert row.gap == pytest.approx(row.test_score - row.tuning_score)
        assert row.exact_regret == pytest.approx(branin.regret(config) / (worst - best))
        assert row.tuning_regret == pytest.approx((row.tuning_score - best) / (worst - best))
        assert (row.regret, row.judged_by) == (row.exact_regret, "exact")


def test_with_training_state_all_methods_are_evaluated_on_the_test_seeds(comparison: Path) -> None:
    results = store.read(comparison).results
    rows = results[results["workload"] == "synthetic/pbt-quadratic"]
    assert set(rows["method"]) == {"asha", "pbt", "random"}
    assert set(rows["judged_by"]) == {"test seeds"}
    assert (rows["regret"] == rows["test_regret"]).all()


def test_finished_runs_are_kept_and_others_added(comparison: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(comparison, out)
    kept = {file: file.stat().st_mtime_ns for file in out.glob("runs/*/*")}
    again = small(tmp_path, out=out)
    assert (again.finished_before, again.done) == (10, 0)
    assert {file: file.stat().st_mtime_ns for file in out.glob("runs/*/*")} == kept
    grown = small(tmp_path, SMALL.replace('"0-1"', '"0-2"'), out)
    assert (grown.finished_before, grown.done, grown.refused) == (10, 5, 3)
    small(tmp_path, out=out)
    assert table_bytes(out) == table_bytes(comparison)  # the other runs are kept, but are not in the protocol


def test_the_manifest_describes_the_comparison_and_contains_no_paths(comparison: Path) -> None:
    manifest = store.read(comparison).manifest
    assert manifest["packages"]["ray"]
    assert manifest["protocol"] == read(comparison / store.PROTOCOL).describe()
    assert manifest["protocol_sha256"] == read(comparison / store.PROTOCOL).digest
    branin = manifest["workloads"]["synthetic/branin"]
    assert (branin["max_t"], branin["tuning_seeds"], branin["test_seeds"]) == (81, [0, 1, 2, 3, 4], [5, 6, 7, 8, 9])
    text = (comparison / store.MANIFEST).read_text()
    assert str(Path.home()) not in text
    assert str(comparison.parent) not in text


class Broken(Searcher):
    """Fails on its second suggestion."""

    def __init__(self, fail: Callable[[], Any]) -> None:
        super().__init__("value", "min")
        self.fail, self.suggestions = fail, 0

    def suggest(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        self.suggestions += 1
        if self.suggestions > 1:
            self.fail()
        return {"x1": 1.0, "x2": 1.0}


def raising() -> Broken:
    def fail() -> None:
        raise RuntimeError("out of ideas")

    return Broken(fail)


def dying() -> Broken:
    return Broken(lambda: os._exit(7))


def test_a_failed_run_is_reported_and_retried_and_the_others_continue(tmp_path: Path) -> None:
    methods = (
        MethodEntry(label="dying", method="dying", args={}, factory=dying),
        MethodEntry(label="raising", method="raising", args={}, factory=raising),
        MethodEntry(label="random", method="random", args={}),
    )
    entry = WorkloadEntry(workload="synthetic/branin", budget=2, method_seeds=(0,))
    planned = plan(Protocol(name="failing", methods=methods, workloads=(entry,)))
    for _ in range(2):  # the second time they are retried
        watcher = RecordingWatcher()
        summary = carry_out(planned, tmp_path, processes=2, watcher=watcher)
        errors = {run.label: error for run, error in summary.failed}
        assert errors.keys() == {"dying", "raising"}
        assert errors["dying"] == "its process ended with exit code 7"
        assert "out of ideas" in errors["raising"]
        assert ("dying on synthetic/branin, seed 0", "failed") in watcher.notified
    assert watcher.before == 1
    run = next(run for run, _ in summary.failed if run.label == "raising")
    assert "RuntimeError: out of ideas" in (store.run_folder(tmp_path, run.id) / store.LOG).read_text()
    results = store.read(tmp_path)
    assert results.runs.set_index("method")["status"].to_dict() == {
        "dying": "failed",
        "raising": "failed",
        "random": "done",
    }
    assert set(results.results["method"]) == {"random"}


def test_a_stored_refusal_is_replaced_when_the_plan_supports_the_run(tmp_path: Path) -> None:
    entry = WorkloadEntry(workload="synthetic/branin", budget=1, method_seeds=(0, 1))
    method = MethodEntry(label="random", method="random", args={})
    planned = plan(Protocol(name="refusing", methods=(method,), workloads=(entry,)))
    refusing = dataclasses.replace(planned, refused={planned.runs[0].id: "it could not"})
    first = carry_out(refusing, tmp_path, processes=1, watcher=RecordingWatcher())
    assert (first.finished_before, first.done, first.refused) == (0, 1, 1)
    again = carry_out(refusing, tmp_path, processes=1, watcher=RecordingWatcher())
    assert (again.finished_before, again.done, again.refused) == (1, 0, 1)
    allowed = carry_out(planned, tmp_path, processes=1, watcher=RecordingWatcher())
    assert (allowed.finished_before, allowed.done, allowed.refused) == (1, 1, 0)
    assert store.read(tmp_path).runs["status"].tolist() == ["done", "done"]
    late = carry_out(refusing, tmp_path, processes=1, watcher=RecordingWatcher())
    assert (late.finished_before, late.done, late.refused) == (2, 0, 0), "finished runs are kept"


@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_a_run_with_an_unreadable_table_is_repeated(comparison: Path, tmp_path: Path, fault: str) -> None:
    out = tmp_path / "out"
    shutil.copytree(comparison, out)
    broken = next(out.glob("runs/*random*/runs.parquet"))
    if fault == "missing":
        broken.unlink()
    else:
        broken.write_bytes(broken.read_bytes()[:50])
    assert store.status(out, broken.parent.name) is None
    summary = small(tmp_path, out=out)
    assert (summary.finished_before, summary.done) == (9, 1)
    assert table_bytes(out) == table_bytes(comparison)


def test_a_run_replaces_a_failed_one_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(text: str) -> Path:
        folder = tmp_path / store.RUNS / ".run-1"
        folder.mkdir(parents=True)
        (folder / text).write_text(text)
        return folder

    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
    store.commit_run(begin("old"), tmp_path, "run")
    kept = store.run_folder(tmp_path, "run")
    assert synced == [place.stat().st_ino for place in (kept / "old", kept, kept.parent)]
    removed: list[str] = []
    monkeypatch.setattr(shutil, "rmtree", lambda place, **_: removed.append(Path(place).name))
    store.commit_run(begin("new"), tmp_path, "run")
    assert [file.name for file in kept.iterdir()] == ["new"]
    assert removed == [".run-1-old"]


def test_the_manifest_summarizes_the_provenance_of_the_runs(comparison: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(comparison, out)
    now = store.read(out).manifest
    noted = {name: now[name] for name in ("commit", "dirty", "code")}
    (alone,) = now["made_with"]
    assert alone == {**noted, "packages": alone["packages"], "runs": 10}
    assert alone["packages"].items() <= now["packages"].items()
    assert {"numpy", "ray"} <= alone["packages"].keys()
    older, renamed, unrecorded = [*out.glob("runs/*random*")][:3]
    provenance = json.loads((older / store.PROVENANCE).read_text())
    (older / store.PROVENANCE).write_text(json.dumps({**provenance, "commit": "a", "code": "old"}))
    (renamed / store.PROVENANCE).write_text(json.dumps({**provenance, "commit": "b"}))
    (unrecorded / store.PROVENANCE).unlink()
    summary = small(tmp_path, out=out)
    assert (summary.done, summary.outdated) == (0, 2), "another commit with the same code is not outdated"
    made_with = store.read(out).manifest["made_with"]
    assert made_with[0] == {**alone, "runs": 7}
    assert {(one["commit"], one["code"], one["runs"]) for one in made_with[1:]} == {
        ("a", "old", 1),
        ("b", now["code"], 1),
        (None, None, 1),
    }


def test_two_runners_cannot_use_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ArgumentError, match=re.escape(str(tmp_path / "out"))):
            small(tmp_path)
    assert not (tmp_path / "out" / "results.parquet").exists()


def test_ctrl_c_keeps_finished_runs_and_says_how_to_resume(comparison: Path, tmp_path: Path) -> None:
    class Impatient(RecordingWatcher):
        def ended(self, run: Any, status: str) -> None:  # noqa: ARG002 - the protocol's signature
            raise KeyboardInterrupt

    place = tmp_path / "small.toml"
    place.write_text(SMALL)
    with pytest.raises(StudyInterrupted, match="3 of 12 runs"):
        carry_out(plan(read(place)), tmp_path / "out", processes=1, watcher=Impatient())
    assert [*tmp_path.glob("out/runs/.*")] == []
    summary = small(tmp_path)
    assert (summary.finished_before, summary.done, summary.refused, summary.failed) == (1, 9, 2, ())
    assert table_bytes(tmp_path / "out") == table_bytes(comparison), "the same runs give the same bytes"


def test_a_missing_manifest_another_schema_and_other_columns_are_rejected(comparison: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"manifest\.json"):
        store.read(tmp_path)
    shutil.copytree(comparison, tmp_path, dirs_exist_ok=True)
    manifest = json.loads((tmp_path / store.MANIFEST).read_text())
    (tmp_path / store.MANIFEST).write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(ArgumentError, match="99"):
        store.read(tmp_path)
    (tmp_path / store.MANIFEST).write_text(json.dumps(manifest))
    shutil.copy(tmp_path / "runs.parquet", tmp_path / "results.parquet")
    with pytest.raises(ArgumentError, match=r"results\.parquet"):
        store.read(tmp_path)


def test_a_protocol_that_was_changed_after_the_comparison_is_rejected(comparison: Path, tmp_path: Path) -> None:
    shutil.copytree(comparison, tmp_path, dirs_exist_ok=True)
    place = tmp_path / store.PROTOCOL
    place.write_text(SMALL.replace('name = "small"', "# another name or a comment makes no difference"))
    store.read(tmp_path)
    place.write_text(SMALL.replace("budget = 2", "budget = 4"))
    with pytest.raises(ArgumentError, match=r"protocol\.toml"):
        store.read(tmp_path)


def test_an_interrupted_comparison_keeps_the_protocol_of_its_tables(comparison: Path, tmp_path: Path) -> None:
    class Impatient(RecordingWatcher):
        def ended(self, run: Any, status: str) -> None:  # noqa: ARG002 - the protocol's signature
            raise KeyboardInterrupt

    out = tmp_path / "out"
    shutil.copytree(comparison, out)
    place = tmp_path / "small.toml"
    place.write_text(SMALL.replace('"0-1"', '"0-2"'))
    with pytest.raises(StudyInterrupted):
        carry_out(plan(read(place)), out, processes=1, watcher=Impatient())
    assert (out / store.PROTOCOL).read_text() == SMALL
    assert len(store.read(out).runs) == 12


def test_the_decision_log_of_each_run_is_stored(comparison: Path) -> None:
    runs = store.read(comparison).runs
    logs = {folder.parent.name: decision_log.read(folder) for folder in comparison.glob("runs/*/decisions.parquet")}
    assert sorted(map(len, logs.values())) == sorted(runs[runs["status"] == "done"]["reports"])
    assert not any(math.isnan(row.time) for rows in logs.values() for row in rows)


def run_small(place: Path, out: Path) -> None:
    """Carry out a protocol in the process that is killed."""
    carry_out(plan(read(place)), out, processes=2, watcher=RecordingWatcher())


def descendants_of(pid: int) -> set[int]:
    """The child processes of a process, and their descendants."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(stat.parent.name)] = int(fields[1])
    descendants: set[int] = set()
    new = {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        descendants |= new
    return descendants


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("kills", "seeds"), [(2, 2), pytest.param(10, 6, marks=pytest.mark.long)])
def test_kills_at_random_times_do_not_change_the_results(kills: int, seeds: int, tmp_path: Path) -> None:
    text = SMALL.replace('"0-1"', f'"0-{seeds - 1}"')
    undisturbed = tmp_path / "undisturbed"
    small(tmp_path, text, undisturbed)
    draw = random.Random(0)
    context = multiprocessing.get_context("forkserver")
    out, left = tmp_path / "out", []
    for _ in range(kills):
        before = len([*out.glob("runs/[!.]*")])
        runner = context.Process(target=run_small, args=(tmp_path / "small.toml", out))
        runner.start()
        wanted, deadline = before + draw.randrange(4), time.monotonic() + 300
        while len([*out.glob("runs/[!.]*")]) < wanted and runner.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(draw.random() * 0.2)
        started = descendants_of(runner.pid or 0)
        os.kill(runner.pid or 0, signal.SIGKILL)
        runner.join()
        deadline = time.monotonic() + 120
        while any(Path(f"/proc/{pid}").exists() for pid in started) and time.monotonic() < deadline:
            time.sleep(0.01)
        left += [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert left == []
    kept = len([*out.glob("runs/[!.]*")])
    assert 0 < kept < 6 * seeds
    summary = small(tmp_path, text, out)
    assert summary.done == 6 * seeds - kept
    assert table_bytes(out) == table_bytes(undisturbed)
    assert [*out.glob("runs/.*")] == []


FEW = SMALL.replace('"0-1"', "0").replace("[methods.pbt]", "").replace('[workloads."synthetic/branin"]', "")


@pytest.mark.e2e
@pytest.mark.usefixtures("ray_session")
def test_runs_as_tasks_of_a_ray_cluster_give_the_same_results(tmp_path: Path) -> None:
    small(tmp_path, FEW, tmp_path / "local")
    carry_out(plan(read(tmp_path / "small.toml")), tmp_path / "out", ray="auto", watcher=RecordingWatcher())
    assert table_bytes(tmp_path / "out") == table_bytes(tmp_path / "local")


@pytest.mark.e2e
@pytest.mark.long
def test_the_ray_engine_runs_a_protocol_in_real_time(tmp_path: Path) -> None:
    text = FEW.replace("budget = 2", 'budget = 1\nengine = "ray"').replace("[methods.asha]", "")
    summary = small(tmp_path, text)
    assert (summary.done, summary.failed) == (1, ())
    assert (store.read(tmp_path / "out").results["judged_by"] == "test seeds").all()


def test_an_unfinished_comparison_and_a_file_in_place_of_the_folder_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "out" / store.RUNS).mkdir(parents=True)
    with pytest.raises(ArgumentError, match="not finished"):
        store.read(tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(ArgumentError, match=re.escape(str(tmp_path / "file"))):
        small(tmp_path, out=tmp_path / "file")
