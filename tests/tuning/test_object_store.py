"""A study in an object store is locked, resumed and read like one in a local folder."""

from __future__ import annotations

import importlib
import os
import signal
from typing import TYPE_CHECKING, Any, ClassVar

import fsspec  # type: ignore[import-untyped]
import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.cli import main
from raytune_suite.engines import study_lock
from raytune_suite.engines.storage import Folder, study_path
from raytune_suite.errors import ArgumentError, StudyInterrupted, StudyLockedError
from raytune_suite.searchers import inbox
from raytune_suite.watch.reader import StudyReader
from tests.engines.object_store import object_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class InterruptAt(tune.Callback):
    """Sends Ctrl-C at a step."""

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        if iteration == 20:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def _short_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_lock.Lease.__init__, "__kwdefaults__", {"settle_s": 0.0, "renew_s": 10.0})


@pytest.fixture
def where() -> dict[str, Any]:
    """The arguments for a study in a store that is given as a file system."""
    return {"storage_path": "bucket/studies", "storage_filesystem": object_store("bucket").filesystem}


@pytest.fixture
def uri(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a server that speaks S3, as the URI of MinIO and others."""
    server = importlib.import_module("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    query = f"scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    bucket = Folder.at(f"s3://bucket?{query}&allow_bucket_creation=true")
    assert bucket.filesystem is not None
    bucket.filesystem.create_dir("bucket")
    yield f"s3://bucket/studies?{query}"
    server.stop()


def run(name: str, **changes: Any) -> rts.StudyResult:
    return rts.tune(
        workload="synthetic/branin",
        **{"method": "asha", "budget": 2, "test_seeds": [7], "engine": "simulated", "progress": False, **changes},
        name=name,
    )


@pytest.mark.slow
def test_a_study_is_resumed_and_read(where: dict[str, Any]) -> None:
    def load() -> rts.StudyResult:
        return rts.load_study(f"{where['storage_path']}/study", storage_filesystem=where["storage_filesystem"])

    undisturbed = run("undisturbed", **where)
    with pytest.raises(StudyInterrupted):
        run("study", callbacks=[InterruptAt()], **where)
    assert load().status == "interrupted"
    with pytest.raises(ArgumentError, match="`seed`"):
        run("study", seed=3, resume=True, **where)
    with study_lock.study_lock(load().files), pytest.raises(StudyLockedError):
        run("study", resume=True, **where)
    resumed = run("study", resume=True, **where)
    assert resumed.reports.equals(undisturbed.reports)
    loaded = load()
    assert loaded.status == "finished"
    assert loaded.reports.equals(resumed.reports)
    assert loaded.best_config == resumed.best_config
    assert loaded.test_value == resumed.test_value
    with pytest.raises(ArgumentError, match="finished"):
        run("study", **where)
    extended = run("study", resume=True, budget=3, **where)
    assert extended.reports["cost"].max() > resumed.reports["cost"].max()
    warm = run("warm", method="tpe", warm_start=[extended], **where)
    assert "warm" in warm.files.path


class Adder(tune.Callback):
    """Adds a config to the study at a step, as from another process."""

    where: ClassVar[dict[str, Any]] = {}  # a class's, since that of the test cannot be pickled

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
        if iteration == 5:
            rts.load_study(**self.where).enqueue([{"x1": 0.25}])


def test_configs_are_added_to_a_study_while_it_runs_and_after_it(
    where: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PERIOD_S", 0.0)
    there = {"path": f"{where['storage_path']}/study", "storage_filesystem": where["storage_filesystem"]}
    monkeypatch.setattr(Adder, "where", there)
    common: dict[str, Any] = {**where, "method": "random", "budget": None, "test_seeds": ()}
    result = run("study", num_samples=10, callbacks=[Adder()], **common)
    assert result.trials["config/x1"].tolist().count(0.25) == 1
    result.enqueue([{"x1": 0.5}, {"x1": 0.75}])
    more = run("study", num_samples=12, resume=True, **common)
    assert more.trials["config/x1"].tolist() == [*result.trials["config/x1"], 0.5, 0.75]


@pytest.mark.e2e
def test_s3_with_a_query_in_its_uri(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StudyInterrupted):
        run("study", storage_path=uri, test_seeds=(), callbacks=[InterruptAt()])
    study = study_path(uri, "study")
    reader = StudyReader(study)
    assert reader.refresh()
    before = len(reader.result().reports)
    assert not reader.refresh()
    result = run("study", storage_path=uri, test_seeds=(), resume=True)
    result.enqueue([{"x1": 0.5}])
    assert len((result.files / inbox.OBJECTS).names()) == 1
    assert reader.refresh()
    assert reader.status() == "finished"
    assert len(reader.result().reports) == len(result.reports) > before
    assert {"study.json", "reports.parquet", "incumbent.parquet", "decisions.parquet"} <= set(result.files.names())
    assert rts.load_study(study).best_config == result.best_config
    (result.files / "logs").write(f"{result.trials['trial_id'].loc[0]}.log", b"the output of a program\n")
    assert main(["logs", study, "0"]) == 0
    assert "the output" in capsys.readouterr().out


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.ray
def test_a_study_on_ray_in_s3(uri: str, tmp_path: Path) -> None:
    first = run("study", engine="ray", storage_path=uri, max_concurrent=1, test_seeds=())
    more = run("study", engine="ray", storage_path=uri, max_concurrent=1, test_seeds=(), resume=True, budget=3)
    assert more.reports["cost"].max() > first.reports["cost"].max()
    assert more.reports["value"].iloc[: len(first.reports) - 1].equals(first.reports["value"].iloc[:-1])
    assert rts.load_study(more.path).reports.equals(more.reports)
    assert main(["report", more.path, "--out", str(tmp_path / "page.html")]) == 0


def test_a_file_system_of_fsspec() -> None:
    result = run("study", storage_path="/studies", storage_filesystem=fsspec.filesystem("memory"))
    assert rts.load_study(result.path, storage_filesystem=result.storage_filesystem).status == "finished"


@pytest.mark.parametrize(
    ("named", "where"),
    [
        ("nowhere://bucket", {"storage_path": "nowhere://bucket/studies"}),
        ("storage_filesystem", {"storage_path": "studies", "storage_filesystem": "s3"}),
        ("storage_path", {"storage_path": "s3://bucket", "storage_filesystem": fsspec.filesystem("memory")}),
    ],
)
def test_a_place_that_cannot_be_used_is_rejected(named: str, where: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=named):
        run("study", **where)
