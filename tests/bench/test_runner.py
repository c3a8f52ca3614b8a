"""The runner: what is done is never done again, what fails is told, and what is killed goes on."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import math
import multiprocessing
import os
import random
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
from raytune_suite.bench.protocol import Entrant, Protocol, Task, read
from raytune_suite.bench.run import FRACTIONS
from raytune_suite.bench.runner import LOCK, carry_out
from raytune_suite.engines.callbacks import decision_log
from raytune_suite.errors import ArgumentError, StudyInterrupted
from tests.bench.conftest import SMALL, Nobody, small

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

REPEATED = ("results.parquet", "trajectories.parquet", "runs.parquet")
KILLS = 10


def contents(out: Path) -> dict[str, bytes]:
    """The tables that must repeat."""
    return {name: (out / name).read_bytes() for name in REPEATED}


def rows_of(frame: pd.DataFrame) -> list[Any]:
    """The rows of a table, with a column's value as an attribute."""
    return [*frame.itertuples()]


def test_every_run_has_its_rows_in_order(comparison: Path) -> None:
    found = store.read(comparison)
    names = ["workload", "method", "method_seed"]
    assert found.runs[names].to_numpy().tolist() == sorted(found.runs[names].to_numpy().tolist())
    assert found.runs["status"].tolist().count("refused") == 2
    done = found.runs[found.runs["status"] == "done"]
    assert len(done) == 10
    assert (done["spent"] >= 3).all()
    assert len(found.timings) == 10
    assert found.results.groupby(names)["fraction"].apply(list).tolist() == [list(FRACTIONS)] * 10
    assert [*comparison.glob("runs/.*")] == []


def test_refused_runs_say_why(comparison: Path) -> None:
    runs = store.read(comparison).runs
    refused = runs[runs["status"] == "refused"]
    assert set(refused["workload"]) == {"synthetic/branin"}
    assert set(refused["method"]) == {"pbt"}
    assert refused["error"].str.contains("has no state").all()


def test_the_incumbent_at_each_fraction_is_the_last_one_of_the_trajectory(comparison: Path) -> None:
    found = store.read(comparison)
    for row in rows_of(found.results):
        mine = found.trajectories
        mine = mine[(mine["workload"] == row.workload) & (mine["method"] == row.method)]
        mine = mine[(mine["method_seed"] == row.method_seed) & (mine["cost"] <= row.fraction * 3 + 1e-9)]
        assert mine["tuning_score"].iloc[-1] == row.tuning_score
        assert mine["cost"].iloc[-1] == row.cost


def test_scores_and_regrets_are_those_of_the_config(comparison: Path) -> None:
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


def test_with_state_all_methods_are_judged_on_the_test_seeds(comparison: Path) -> None:
    results = store.read(comparison).results
    rows = results[results["workload"] == "synthetic/pbt-quadratic"]
    assert set(rows["method"]) == {"asha", "pbt", "random"}
    assert set(rows["judged_by"]) == {"test seeds"}
    assert (rows["regret"] == rows["test_regret"]).all()


def test_a_comparison_repeats_to_the_byte_and_finished_runs_are_left_alone(comparison: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = small(tmp_path, out=out)
    assert (first.found, first.done, first.refused, first.failed) == (0, 10, 2, ())
    assert contents(out) == contents(comparison)
    kept = {file: file.stat().st_mtime_ns for file in out.glob("runs/*/*")}
    again = small(tmp_path, out=out)
    assert (again.found, again.done) == (10, 0)
    assert {file: file.stat().st_mtime_ns for file in out.glob("runs/*/*")} == kept
    grown = small(tmp_path, SMALL.replace('"0-1"', '"0-2"'), out)
    assert (grown.found, grown.done, grown.refused) == (10, 5, 3)
    small(tmp_path, out=out)
    assert contents(out) == contents(comparison)  # the other runs are kept, but are not asked for


def test_the_manifest_says_with_what_it_was_done_and_names_no_folder(comparison: Path) -> None:
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
    """Fails in its second proposal."""

    def __init__(self, way: Callable[[], Any]) -> None:
        super().__init__("value", "min")
        self.way, self.asked = way, 0

    def suggest(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        self.asked += 1
        if self.asked > 1:
            self.way()
        return {"x1": 1.0, "x2": 1.0}


def raising() -> Broken:
    def way() -> None:
        raise RuntimeError("out of ideas")

    return Broken(way)


def dying() -> Broken:
    return Broken(lambda: os._exit(7))


def test_a_failed_run_is_told_and_tried_again_and_the_others_go_on(tmp_path: Path) -> None:
    entrants = (
        Entrant(label="dying", method="dying", args={}, factory=dying),
        Entrant(label="raising", method="raising", args={}, factory=raising),
        Entrant(label="random", method="random", args={}),
    )
    task = Task(workload="synthetic/branin", budget=2, method_seeds=(0,))
    planned = plan(Protocol(name="failing", entrants=entrants, tasks=(task,)))
    for _ in range(2):  # the second time they are tried again
        watcher = Nobody()
        summary = carry_out(planned, tmp_path, processes=2, watcher=watcher)
        errors = {run.label: error for run, error in summary.failed}
        assert errors.keys() == {"dying", "raising"}
        assert errors["dying"] == "its process ended with exit code 7"
        assert "out of ideas" in errors["raising"]
        assert ("dying on synthetic/branin, seed 0", "failed") in watcher.told
    assert watcher.before == 1
    run = next(run for run, _ in summary.failed if run.label == "raising")
    assert "RuntimeError: out of ideas" in (store.run_folder(tmp_path, run.id) / store.LOG).read_text()
    found = store.read(tmp_path)
    assert found.runs.set_index("method")["status"].to_dict() == {
        "dying": "failed",
        "raising": "failed",
        "random": "done",
    }
    assert set(found.results["method"]) == {"random"}


def test_a_refusal_holds_only_as_long_as_the_plan_refuses(tmp_path: Path) -> None:
    task = Task(workload="synthetic/branin", budget=1, method_seeds=(0, 1))
    entrant = Entrant(label="random", method="random", args={})
    planned = plan(Protocol(name="refusing", entrants=(entrant,), tasks=(task,)))
    refusing = dataclasses.replace(planned, refused={planned.runs[0].id: "it could not"})
    first = carry_out(refusing, tmp_path, processes=1, watcher=Nobody())
    assert (first.found, first.done, first.refused) == (0, 1, 1)
    again = carry_out(refusing, tmp_path, processes=1, watcher=Nobody())
    assert (again.found, again.done, again.refused) == (1, 0, 1)
    allowed = carry_out(planned, tmp_path, processes=1, watcher=Nobody())
    assert (allowed.found, allowed.done, allowed.refused) == (1, 1, 0)
    assert store.read(tmp_path).runs["status"].tolist() == ["done", "done"]
    late = carry_out(refusing, tmp_path, processes=1, watcher=Nobody())
    assert (late.found, late.done, late.refused) == (2, 0, 0), "what is done is done"


@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_a_run_whose_table_cannot_be_read_is_done_again(comparison: Path, tmp_path: Path, fault: str) -> None:
    out = tmp_path / "out"
    shutil.copytree(comparison, out)
    broken = next(out.glob("runs/*random*/runs.parquet"))
    if fault == "missing":
        broken.unlink()
    else:
        broken.write_bytes(broken.read_bytes()[:50])
    assert store.status(out, broken.parent.name) is None
    summary = small(tmp_path, out=out)
    assert (summary.found, summary.done) == (9, 1)
    assert contents(out) == contents(comparison)


def test_a_run_takes_the_place_of_a_failed_one_and_never_a_part_of_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(text: str) -> Path:
        folder = tmp_path / store.RUNS / ".run-1"
        folder.mkdir(parents=True)
        (folder / text).write_text(text)
        return folder

    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
    store.keep(begun("old"), tmp_path, "run")
    kept = store.run_folder(tmp_path, "run")
    assert synced == [place.stat().st_ino for place in (kept / "old", kept, kept.parent)]
    removed: list[str] = []
    monkeypatch.setattr(shutil, "rmtree", lambda place, **_: removed.append(Path(place).name))
    store.keep(begun("new"), tmp_path, "run")
    assert [file.name for file in kept.iterdir()] == ["new"]
    assert removed == [".run-1-old"]


def test_the_manifest_says_with_what_each_run_was_made(comparison: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(comparison, out)
    now = store.read(out).manifest
    noted = {name: now[name] for name in ("commit", "dirty", "code")}
    (alone,) = now["made_with"]
    assert alone == {**noted, "packages": alone["packages"], "runs": 10}
    assert alone["packages"].items() <= now["packages"].items()
    assert {"numpy", "ray"} <= alone["packages"].keys()
    older, renamed, unnoted = [*out.glob("runs/*random*")][:3]
    said = json.loads((older / store.MADE).read_text())
    (older / store.MADE).write_text(json.dumps({**said, "commit": "a", "code": "old"}))
    (renamed / store.MADE).write_text(json.dumps({**said, "commit": "b"}))
    (unnoted / store.MADE).unlink()
    summary = small(tmp_path, out=out)
    assert (summary.done, summary.others) == (0, 2), "another commit with the same code is no other code"
    made_with = store.read(out).manifest["made_with"]
    assert made_with[0] == {**alone, "runs": 7}
    assert {(one["commit"], one["code"], one["runs"]) for one in made_with[1:]} == {
        ("a", "old", 1),
        ("b", now["code"], 1),
        (None, None, 1),
    }


def test_two_runners_do_not_work_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ArgumentError, match="another `raytune-suite bench run` is at work"):
            small(tmp_path)
    assert not (tmp_path / "out" / "results.parquet").exists()


def test_ctrl_c_says_how_to_go_on_and_keeps_what_is_done(comparison: Path, tmp_path: Path) -> None:
    class Impatient(Nobody):
        def ended(self, run: Any, status: str) -> None:  # noqa: ARG002 - the protocol's signature
            raise KeyboardInterrupt

    place = tmp_path / "small.toml"
    place.write_text(SMALL)
    with pytest.raises(StudyInterrupted, match=r"3 of 12 runs are kept in .*: the same command goes on"):
        carry_out(plan(read(place)), tmp_path / "out", processes=1, watcher=Impatient())
    assert [*tmp_path.glob("out/runs/.*")] == []
    assert small(tmp_path).done == 9
    assert contents(tmp_path / "out") == contents(comparison)


def test_a_table_of_another_schema_is_refused(comparison: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"there is no comparison .* manifest.json is missing"):
        store.read(tmp_path)
    shutil.copytree(comparison, tmp_path, dirs_exist_ok=True)
    manifest = json.loads((tmp_path / store.MANIFEST).read_text())
    (tmp_path / store.MANIFEST).write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(ArgumentError, match="has schema 99, but this version reads 1"):
        store.read(tmp_path)
    (tmp_path / store.MANIFEST).write_text(json.dumps(manifest))
    shutil.copy(tmp_path / "runs.parquet", tmp_path / "results.parquet")
    with pytest.raises(ArgumentError, match="but results have"):
        store.read(tmp_path)


def test_a_protocol_that_was_changed_since_is_refused(comparison: Path, tmp_path: Path) -> None:
    shutil.copytree(comparison, tmp_path, dirs_exist_ok=True)
    place = tmp_path / store.PROTOCOL
    place.write_text(SMALL.replace('name = "small"', "# another name and a remark change nothing"))
    store.read(tmp_path)
    place.write_text(SMALL.replace("budget = 3", "budget = 4"))
    with pytest.raises(ArgumentError, match="is not the protocol by which the comparison was done"):
        store.read(tmp_path)


def test_a_comparison_that_is_interrupted_keeps_the_protocol_of_its_tables(comparison: Path, tmp_path: Path) -> None:
    class Impatient(Nobody):
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


def test_the_decision_log_of_each_run_is_kept(comparison: Path) -> None:
    runs = store.read(comparison).runs
    logs = {folder.parent.name: decision_log.read(folder) for folder in comparison.glob("runs/*/decisions.parquet")}
    assert sorted(map(len, logs.values())) == sorted(runs[runs["status"] == "done"]["reports"])
    assert not any(math.isnan(row.time) for rows in logs.values() for row in rows)


def run_small(place: Path, out: Path) -> None:
    """What the process does that is killed."""
    carry_out(plan(read(place)), out, processes=2, watcher=Nobody())


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if words[0] != "Z":
            parents[int(stat.parent.name)] = int(words[1])
    found: set[int] = set()
    new = {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found |= new
    return found


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ten_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    text = SMALL.replace('"0-1"', '"0-5"')
    undisturbed = tmp_path / "undisturbed"
    small(tmp_path, text, undisturbed)
    draw = random.Random(0)
    context = multiprocessing.get_context("forkserver")
    out, left = tmp_path / "out", []
    for _ in range(KILLS):
        before = len([*out.glob("runs/[!.]*")])
        runner = context.Process(target=run_small, args=(tmp_path / "small.toml", out))
        runner.start()
        wanted, deadline = before + draw.randrange(4), time.monotonic() + 60
        while len([*out.glob("runs/[!.]*")]) < wanted and runner.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(draw.random() * 0.2)
        started = descendants(runner.pid or 0)
        os.kill(runner.pid or 0, signal.SIGKILL)
        runner.join()
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in started) and time.monotonic() < deadline:
            time.sleep(0.01)
        left += [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert left == []
    kept = len([*out.glob("runs/[!.]*")])
    assert 0 < kept < 36
    summary = small(tmp_path, text, out)
    assert summary.done == 36 - kept
    assert contents(out) == contents(undisturbed)
    assert [*out.glob("runs/.*")] == []


FEW = SMALL.replace('"0-1"', "0").replace("[methods.pbt]", "").replace('[workloads."synthetic/branin"]', "")


@pytest.mark.e2e
@pytest.mark.usefixtures("ray_session")
def test_runs_as_tasks_of_a_ray_cluster_find_the_same(tmp_path: Path) -> None:
    small(tmp_path, FEW, tmp_path / "local")
    carry_out(plan(read(tmp_path / "small.toml")), tmp_path / "out", ray="auto", watcher=Nobody())
    assert contents(tmp_path / "out") == contents(tmp_path / "local")


@pytest.mark.e2e
def test_the_engine_ray_runs_a_protocol_in_real_time(tmp_path: Path) -> None:
    text = FEW.replace("budget = 3", 'budget = 1\nengine = "ray"').replace("[methods.asha]", "")
    summary = small(tmp_path, text)
    assert (summary.done, summary.failed) == (1, ())
    assert (store.read(tmp_path / "out").results["judged_by"] == "test seeds").all()


def test_an_unfinished_comparison_and_a_file_in_its_place_are_told(tmp_path: Path) -> None:
    (tmp_path / "out" / store.RUNS).mkdir(parents=True)
    with pytest.raises(ArgumentError, match="is not finished: the same `raytune-suite bench run` goes on"):
        store.read(tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(ArgumentError, match="is a file or lies below one"):
        small(tmp_path, out=tmp_path / "file")
