"""`rts.tune` on real Ray, through the public interface."""

from __future__ import annotations

import logging
import math
import random
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from ray import cloudpickle, tune
from ray.tune.execution.tune_controller import TuneController

import raytune_suite as rts
from raytune_suite.errors import ArgumentError, SpaceError, StudyError, UnknownNameError
from tests.ids import ids

if TYPE_CHECKING:
    from collections.abc import Callable

SPACE = {"x": tune.uniform(0, 1), "y": tune.choice([1, 2, 4])}
FAST: dict[str, Any] = {"metric": "loss", "mode": "min", "num_samples": 4, "max_t": 4, "progress": False}


def bowl(config: dict[str, Any]) -> None:
    """Report four times, with a loss that decreases towards a quadratic in `x`."""
    for step in range(4):
        tune.report({"loss": (config["x"] - 0.3) ** 2 + 1 / (step + 1), "extra": config["y"]})


class Seeded(tune.Trainable):
    """A class trainable with checkpoints, whose metric depends on its seed."""

    def setup(self, config: dict[str, Any]) -> None:
        self.value = config["x"]
        self.seed = config["seed"]

    def step(self) -> dict[str, Any]:
        self.value *= 0.5
        return {"loss": self.value + self.seed}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {"value": self.value}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.value = checkpoint["value"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


def bowl_study(folder: Path, **changes: Any) -> rts.StudyResult:
    """A small study in the subfolder "bowl", in one process: each takes 3 s of a CPU to start."""
    one = {"max_concurrent": 1}
    arguments = {"method": "random", "storage_path": folder, "name": "bowl", **FAST, **one, **changes}
    return rts.tune(bowl, SPACE, **arguments)


@pytest.fixture(scope="module")
def finished(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> rts.StudyResult:  # noqa: ARG001 - Ray runs
    """A study for several tests; one that changes its files must copy them first."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Ray workers cannot import the tests
    return bowl_study(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def copied(finished: rts.StudyResult, tmp_path: Path) -> Path:
    """A folder with a copy of that study, which can be resumed there."""
    shutil.copytree(finished.path, tmp_path / "bowl")
    return tmp_path


@pytest.mark.usefixtures("ray_session")
class TestResult:
    def test_it_has_all_trials_all_reports_and_the_incumbent(self, finished: rts.StudyResult) -> None:
        result = finished
        assert len(result.trials) == 4
        assert set(result.trials["status"]) == {"TERMINATED"}
        assert {"config/x", "config/y", "extra", "loss", "value", "resource"} <= set(result.trials.columns)
        assert len(result.reports) == 16
        assert result.best_value == result.trials["value"].min()
        assert result.best_config == {
            "x": result.trials.loc[result.best_trial, "config/x"],
            "y": result.trials.loc[result.best_trial, "config/y"],
        }
        assert result.incumbent["value"].iloc[-1] == result.best_value
        assert result.reports["cost"].tolist() == list(range(1, 17))
        assert result.result_grid is not None
        assert len(result.result_grid) == 4
        assert result.test_scores is None
        assert pd.read_parquet(Path(result.path) / "reports.parquet").equals(result.reports)

    @pytest.mark.e2e
    @pytest.mark.long
    def test_the_same_seed_gives_the_same_configs_without_global_generators(self, tmp_path: Path) -> None:
        states = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
        first, again = (
            rts.tune(bowl, SPACE, method="asha", seed=5, storage_path=tmp_path, max_concurrent=1, **FAST) for _ in "ab"
        )
        assert first.trials["config/x"].tolist() == again.trials["config/x"].tolist()
        assert first.reports["value"].tolist() == again.reports["value"].tolist()
        assert (random.getstate(), np.random.get_state()[1].tolist()) == states  # type: ignore[index] # noqa: NPY002

    @pytest.mark.e2e
    def test_a_budget_counts_full_trainings_and_max_concurrent_is_respected(self, tmp_path: Path) -> None:
        seen: list[int] = []

        class Count(tune.Callback):
            def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002
                seen.append(sum(trial.status == "RUNNING" for trial in trials))

        limits: dict[str, Any] = {"num_samples": None, "budget": 3, "max_concurrent": 1}
        result = bowl_study(tmp_path, **limits, callbacks=[Count()])
        assert len(result.reports) == 12
        assert max(seen) == 1


@pytest.mark.usefixtures("ray_session")
class TestSeeds:
    @pytest.mark.e2e
    def test_the_best_config_is_trained_from_scratch_on_each_test_seed(self, tmp_path: Path) -> None:
        result = rts.tune(
            Seeded, {"x": tune.uniform(0, 1)}, method="random", test_seeds=[7, 8], storage_path=tmp_path,
            max_concurrent=1, **FAST,
        )  # fmt: skip
        assert result.test_scores is not None
        trained = result.best_config["x"] * 0.5**4
        assert result.test_scores["seed"].tolist() == [7, 8]
        assert result.test_scores["value"].tolist() == pytest.approx([trained + 7, trained + 8])
        assert result.test_value == pytest.approx(trained + 7.5)
        assert "seed" not in result.best_config

    @pytest.mark.e2e
    @pytest.mark.long
    def test_several_tuning_seeds_give_the_mean(self, tmp_path: Path) -> None:
        space = {"x": tune.uniform(0, 1)}
        result = rts.tune(Seeded, space, method="hyperband", tuning_seeds=[1, 2, 6], storage_path=tmp_path, **FAST)
        best = result.trials.loc[result.best_trial]
        assert best["value"] == pytest.approx(best["config/x"] * 0.5 ** best["resource"] + 3)
        assert best["loss_std"] == pytest.approx(math.sqrt(14 / 3))

    @pytest.mark.e2e
    @pytest.mark.long
    def test_a_population_is_evaluated_by_its_lineage(self, tmp_path: Path) -> None:
        space = {"x": tune.uniform(0.1, 1)}
        result = rts.tune(
            Seeded, space, method="pbt", method_args={"interval": 1, "quantile": 0.5}, test_seeds=[9],
            storage_path=tmp_path, **{**FAST, "num_samples": 3},
        )  # fmt: skip
        assert result.test_scores is not None
        assert result.lineage[0].start == 0
        value = result.lineage[0].config["x"] * 0.5**4
        assert result.test_scores["value"].tolist() == pytest.approx([value + 9])


class Picky(tune.Trainable):
    """Fails with a small `x`."""

    def setup(self, config: dict[str, Any]) -> None:
        self.x = config["x"]

    def step(self) -> dict[str, Any]:
        if self.x < 0.25:
            raise ValueError("x is too small")
        return {"loss": self.x, "done": True}


def check_one_failed(result: rts.StudyResult, warnings: str) -> None:
    """Check a study of three trials whose first has failed."""
    assert result.best_config == {"x": 0.4}
    assert result.trials["status"].tolist() == ["ERROR", "TERMINATED", "TERMINATED"]
    assert result.trials["outcome"].tolist() == ["failed", "trained in full", "trained in full"]
    assert "x is too small" in result.trials["error"].iloc[0]
    assert "1 of 3 trials failed" in warnings
    assert "trial 0 failed: " in warnings


def test_a_failed_trial_does_not_stop_the_others_on_the_simulated_clock(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grid = {"x": tune.grid_search([0.1, 0.4, 0.9])}
    engine = rts.Simulation(cost=lambda _config: 1.0)
    with caplog.at_level(logging.WARNING, "raytune_suite"):
        few: dict[str, Any] = {**FAST, "num_samples": None, "max_t": 1}
        result = rts.tune(Picky, grid, method="grid", engine=engine, storage_path=tmp_path, **few)
    check_one_failed(result, caplog.text)


@pytest.mark.usefixtures("ray_session")
class TestFaults:
    @pytest.mark.e2e
    def test_a_failed_trial_does_not_stop_the_others(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        def train(config: dict[str, Any]) -> None:
            if config["x"] < 0.25:
                raise ValueError("x is too small")
            tune.report({"loss": config["x"]})

        grid = {"x": tune.grid_search([0.1, 0.4, 0.9])}
        with caplog.at_level(logging.WARNING, "raytune_suite"):
            few: dict[str, Any] = {**FAST, "num_samples": None, "max_concurrent": 1}
            result = rts.tune(train, grid, method="grid", storage_path=tmp_path, **few)
        check_one_failed(result, caplog.text)

    @pytest.mark.e2e
    @pytest.mark.long
    def test_a_missing_metric_is_noticed_when_the_first_trial_has_ended(self, tmp_path: Path) -> None:
        def train(config: dict[str, Any]) -> None:  # noqa: ARG001 - the config does not matter
            tune.report({"accuracy": 1.0})

        with pytest.raises(StudyError, match="accuracy"):
            rts.tune(
                train, SPACE, method="random", storage_path=tmp_path, name="long", **{**FAST, "num_samples": 10_000}
            )

    @pytest.mark.e2e
    @pytest.mark.long
    def test_a_population_without_checkpoints_raises(self, tmp_path: Path) -> None:
        with pytest.raises(StudyError, match="PBT copies trainings, but the trainable saves no checkpoint"):
            rts.tune(bowl, SPACE, method="pbt", storage_path=tmp_path, **FAST)


@pytest.mark.usefixtures("ray_session")
class TestResume:
    def test_a_finished_study_returns_its_result_again(self, copied: Path, finished: rts.StudyResult) -> None:
        again = bowl_study(copied, resume=True)
        assert again.reports.equals(finished.reports)
        assert again.best_config == finished.best_config

    def test_changed_arguments_are_rejected(self, copied: Path) -> None:
        with pytest.raises(ArgumentError, match="`seed` is 1, but was 0"):
            bowl_study(copied, resume=True, seed=1)
        with pytest.raises(ArgumentError, match="`name` is 'bowl'"):
            bowl_study(copied)

    def test_a_study_that_ray_cannot_restore_is_not_started_again(
        self, copied: Path, finished: rts.StudyResult, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_args: Any, **_options: Any) -> None:
            raise KeyError("a trial")

        with monkeypatch.context() as patch:
            patch.setattr(TuneController, "_restore_trials", broken)
            with pytest.raises(StudyError, match=r"snapshot.*KeyError"):
                bowl_study(copied, resume=True)
        for state in (copied / "bowl").glob("experiment_state-*.json"):  # a copy for Ray's own tools
            state.write_text(state.read_text()[:100])
        assert bowl_study(copied, resume=True).reports.equals(finished.reports)


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_method_works_with_rays_tuner(tmp_path: Path) -> None:
    method = rts.make_method("tpe+asha", max_t=4, seed=1)
    tuner = tune.Tuner(
        bowl,
        param_space=SPACE,
        tune_config=method.tune_config(metric="loss", mode="min", num_samples=5, reuse_actors=True),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
    )
    grid = tuner.fit()
    assert len(grid) == 5
    best = grid.get_best_result()
    assert best.metrics is not None
    assert best.metrics["loss"] == grid.get_dataframe()["loss"].min()


def test_a_method_object_must_fit_the_study_and_be_unused(tmp_path: Path) -> None:
    other = rts.make_method("asha", max_t=9)
    with pytest.raises(ArgumentError, match="max_t=9"):
        tuning(storage_path=tmp_path, method=other)()
    used = rts.make_method("asha", max_t=4)
    used.scheduler.trials.known.add("a")
    with pytest.raises(ArgumentError, match="'asha'"):
        tuning(storage_path=tmp_path, method=used)()


def tuning(**changes: Any) -> Callable[[], object]:
    arguments: dict[str, Any] = {"trainable": bowl, "space": SPACE, **FAST, **changes}
    return lambda: rts.tune(**arguments)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"trainable": None}, ArgumentError, "`trainable` is missing"),
        ({"trainable": 3}, ArgumentError, "`trainable` is 3"),
        ({"trainable": dict}, ArgumentError, "`trainable` is the class dict"),
        ({"trainable": lambda: None}, ArgumentError, "`trainable` is the function lambda"),
        ({"space": None}, ArgumentError, "`space` is missing"),
        ({"space": {}}, SpaceError, "no parameter"),
        ({"space": [1]}, ArgumentError, "`space` is"),
        ({"metric": None}, ArgumentError, "`metric` is missing"),
        ({"mode": "minimum"}, ArgumentError, "`mode` is 'minimum', but must be 'min' or 'max'"),
        ({"mode": None}, ArgumentError, "`mode` is None"),
        ({"method": "ahsa"}, UnknownNameError, "did you mean 'asha'"),
        ({"method": 3}, ArgumentError, "`method` is 3"),
        ({"method_args": {"etta": 3}}, UnknownNameError, "did you mean 'eta'"),
        ({"method_args": {"eta": 1}}, ArgumentError, "`eta` is 1, but must be"),
        ({"max_t": None, "method": "asha"}, ArgumentError, "needs `max_t`"),
        ({"max_t": 0}, ArgumentError, "`max_t` is 0"),
        ({"max_t": 2.5}, ArgumentError, "`max_t` is 2.5"),
        ({"num_samples": 0}, ArgumentError, "`num_samples` is 0"),
        ({"num_samples": None}, ArgumentError, "nothing would end the study"),
        ({"budget": -1}, ArgumentError, "`budget` is -1"),
        ({"time_limit": "1h"}, ArgumentError, "`time_limit` is '1h'"),
        ({"max_concurrent": 2, "method": "pbt"}, ArgumentError, "`max_concurrent`"),
        ({"max_concurrent": 0}, ArgumentError, "`max_concurrent` is 0"),
        ({"seed": -1}, ArgumentError, "`seed` is -1"),
        ({"tuning_seeds": [1, 1]}, ArgumentError, "`tuning_seeds` is"),
        ({"tuning_seeds": [1, 2]}, ArgumentError, "`tuning_seeds` has 2"),
        ({"tuning_seeds": [1], "test_seeds": [1]}, ArgumentError, "`test_seeds`.*\\[1\\]"),
        ({"tuning_seeds": [1], "space": {"seed": tune.randint(0, 9)}}, ArgumentError, "an entry 'seed'"),
        ({"name": "a/b"}, ArgumentError, "`name` is 'a/b'"),
        ({"resume": True}, ArgumentError, "`resume` needs `name`"),
        ({"resume": True, "name": "nowhere"}, ArgumentError, "`name` is 'nowhere'"),
        ({"workload": "live/digits-mlp"}, ArgumentError, "`trainable` and `workload` are both set"),
        ({"method": "bayesopt", "space": {"o": tune.choice([{"a": tune.randn()}, 1])}}, SpaceError, r"'o\[0\]/a'"),
        ({"resources": {"cpu": -1}}, ArgumentError, r"`resources\['cpu'\]` is -1"),
        ({"resources": {"cpu": 1, "gpu": 1.5}}, ArgumentError, "`resources\\['gpu'\\]` is 1.5"),
    ],
    ids=ids,
)  # fmt: skip
def test_bad_input_is_rejected_before_anything_starts(
    changes: dict[str, Any], kind: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=message):
        tuning(storage_path=tmp_path, **changes)()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("ray_session")
def test_resources_that_this_machine_lacks_are_rejected_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="GPU: 64"):
        tuning(storage_path=tmp_path, resources={"gpu": 64})()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_class_that_cannot_take_another_config_gets_a_new_process_for_each(tmp_path: Path) -> None:
    class OneConfig(Seeded):
        def reset_config(self, new_config: dict[str, Any]) -> bool:  # noqa: ARG002 - Ray's signature
            return False

    result = rts.tune(
        OneConfig, {"x": tune.uniform(0, 1), "seed": 0}, method="random", max_concurrent=1, storage_path=tmp_path,
        **{**FAST, "num_samples": 2},
    )  # fmt: skip
    assert result.trials["outcome"].tolist() == ["trained in full"] * 2
    assert result.trials["value"].tolist() == pytest.approx([x * 0.5**4 for x in result.trials["config/x"]])


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_silent_trial_is_ended_on_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def train(config: dict[str, Any]) -> None:
        tune.report({"loss": config["x"]})
        if config["x"] == 1:
            time.sleep(600)
        for _ in range(3):
            tune.report({"loss": config["x"]})

    result = rts.tune(
        train, {"x": tune.grid_search([1, 2])}, method="grid", settings=rts.Settings(silent_s=5, stop_silent=True),
        storage_path=tmp_path, **{**FAST, "num_samples": None},
    )  # fmt: skip
    assert result.trials["outcome"].tolist() == ["failed", "trained in full"]
    assert "has reported nothing" in caplog.text
