"""Studies that begin with what is known: trials of other studies, configs, and the space of an earlier run."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.errors import ArgumentError, SpaceError, StudyError
from raytune_suite.searchers.tpe import TPESearcher
from raytune_suite.types import KnownTrial
from tests.tuning.test_extension import Training, decisions
from tests.tuning.test_tune_simulated import of_class

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.types import Observation


def x_of(result: rts.StudyResult) -> list[float]:
    values: list[float] = result.trials["config/x"].tolist()
    return values


@pytest.mark.parametrize("method", ["bohb", "tpe"])
@pytest.mark.slow
def test_a_searcher_learns_from_other_studies_before_its_first_proposal(method: str, tmp_path: Path) -> None:
    common: dict[str, Any] = {"method": method, "engine": rts.Simulation(workers=1), "budget": None, "num_samples": 12}
    earlier = of_class(Training, tmp_path, name="earlier", **{**common, "method": "random", "num_samples": 40}, seed=5)
    cold = of_class(Training, tmp_path, **common)
    warm = of_class(Training, tmp_path, name="warm", **common, warm_start=[earlier])
    again = of_class(Training, tmp_path, name="again", **common, warm_start=[tmp_path / "earlier"])
    assert len(warm.trials) == 12
    assert x_of(warm)[:5] != x_of(cold)[:5]
    assert x_of(warm) == x_of(again)
    assert json.loads((tmp_path / "warm" / "study.json").read_text())["warm_start"] == [str(tmp_path / "earlier")]


@pytest.mark.slow
def test_what_does_not_fit_is_counted_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wide = {"x": tune.uniform(0, 1), "dropout": tune.uniform(0, 1)}
    earlier = of_class(Training, tmp_path, space=wide, method="random")
    outside = sum(x > 0.1 for x in x_of(earlier))
    narrow = {"x": tune.uniform(0, 0.1)}
    with caplog.at_level(logging.WARNING, "raytune_suite"):
        of_class(Training, tmp_path, space=narrow, method="bohb", warm_start=[earlier])
    assert f"{outside} do not fit the space: 'x' ({outside})" in caplog.text
    assert f"'dropout' ({(earlier.trials['resource'] > 0).sum()})" in caplog.text


def test_studies_of_the_same_name_are_all_learned_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned: set[str] = set()
    monkeypatch.setattr(TPESearcher, "tell", lambda _, observation: learned.add(observation.trial_id))
    common: dict[str, Any] = {"budget": None, "num_samples": 4}
    known = [of_class(Training, tmp_path / folder, method="random", name="study", **common) for folder in ("a", "b")]
    warm = of_class(Training, tmp_path, method="tpe", name="warm", **common, warm_start=known)
    assert len(learned) == 4 + 4 + len(warm.trials)


def test_a_warm_start_that_could_not_help_is_rejected(tmp_path: Path) -> None:
    earlier = of_class(Training, tmp_path, method="random")
    with pytest.raises(ArgumentError, match="bohb"):
        of_class(Training, tmp_path, method="asha", warm_start=[earlier])
    with pytest.raises(ArgumentError, match="mode='min'"):
        of_class(Training, tmp_path, method="bohb", mode="max", warm_start=[earlier])
    with pytest.raises(StudyError, match="nowhere"):
        of_class(Training, tmp_path, method="bohb", warm_start=[tmp_path / "nowhere"])


class Recorder(rts.AskTellSearcher):
    """Records what it is told."""

    features = frozenset({"continuous"})
    multi_fidelity = True

    def setup(self, space: rts.Space) -> None:  # noqa: ARG002 - the interface
        self.told: list[tuple[float, float, bool]] = []

    def ask(self) -> None:
        return None

    def tell(self, observation: Observation) -> None:
        self.told.append((observation.resource, observation.loss, observation.final))


def test_known_trials_are_told_at_the_levels_that_they_reached() -> None:
    searcher = Recorder(space={"x": tune.uniform(0, 1)}, metric="loss", mode="min", levels=(1, 3, 9))
    curve = [(float(step), 1 / step) for step in range(1, 6)]
    searcher.learn([KnownTrial("a:0", {"x": 0.5}, curve, ended=True)])
    assert searcher.told == [(1, 1.0, False), (3, 1 / 3, False), (9, 1 / 5, True)]


def test_missing_parameters_of_points_are_drawn(tmp_path: Path) -> None:
    options = [{"name": "adam"}, {"name": "sgd", "momentum": tune.uniform(0, 1)}]
    space = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1), "optimizer": tune.choice(options)}
    points = [{"x": 0.25}, {"x": 0.5, "optimizer": {"name": "sgd"}}]
    result = of_class(Training, tmp_path, space=space, method="random", method_args={"points_to_evaluate": points})
    assert x_of(result)[:2] == [0.25, 0.5]
    assert result.trials["config/optimizer/name"][1] == "sgd"
    assert 0 <= result.trials["config/optimizer/momentum"][1] <= 1
    assert result.trials["config/y"][0] != result.trials["config/y"][1]
    for wrong in ({"z": 1}, {"x": 2}, {"optimizer": {"name": "lamb"}}):
        with pytest.raises(SpaceError, match="points_to_evaluate"):
            of_class(Training, tmp_path, space=space, method_args={"points_to_evaluate": [wrong]})


@pytest.mark.parametrize("method", ["random", "tpe", "bohb"])
def test_no_config_of_a_finite_space_is_trained_twice(method: str, tmp_path: Path) -> None:
    space = {"x": tune.choice([0.1, 0.2, 0.3, 0.4]), "y": tune.choice(["a", "b"])}
    result = of_class(Training, tmp_path, space=space, method=method, budget=None, num_samples=40)
    assert len(result.trials) == 8
    assert not result.trials[["config/x", "config/y"]].duplicated().any()


@pytest.mark.parametrize("method", ["asha", "bohb"])
@pytest.mark.slow
def test_a_study_continues_in_a_larger_space(method: str, tmp_path: Path) -> None:
    common: dict[str, Any] = {"method": method, "engine": rts.Simulation(workers=2)}
    small = {"x": tune.uniform(0.5, 0.6), "y": tune.choice(["a"])}
    large = {"x": tune.uniform(0, 1), "y": tune.choice(["a", "b"])}
    first = of_class(Training, tmp_path, space=small, name="study", budget=3, **common)
    more = of_class(Training, tmp_path, space=large, name="study", budget=6, **common, resume=True)
    assert more.reports[: len(first.reports)]["value"].equals(first.reports["value"])
    assert min(x_of(more)) < 0.5
    assert len(set(x_of(more))) == len(more.trials)
    assert len(decisions(tmp_path / "study")) == len(more.reports)
    with pytest.raises(SpaceError, match="'y' has other options"):
        of_class(
            Training, tmp_path, space={**large, "y": tune.choice(["b"])}, name="study", budget=6, **common, resume=True
        )
    with pytest.raises(SpaceError, match="'z' is new"):
        of_class(
            Training, tmp_path, space={**large, "z": tune.uniform(0, 1)}, name="study", budget=6, **common, resume=True
        )


@pytest.mark.parametrize("change", [{"max_t": 27}, {"space": {"x": tune.uniform(0, 1)}}])
def test_an_extended_study_keeps_its_warm_start_and_repeats_no_points(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[str] = []
    tell = TPESearcher.tell

    def recorded(searcher: TPESearcher, observation: Observation) -> None:
        learned.append(observation.trial_id)
        tell(searcher, observation)

    monkeypatch.setattr(TPESearcher, "tell", recorded)
    common: dict[str, Any] = {"method": "tpe", "budget": None, "space": {"x": tune.uniform(0.1, 0.9)}}
    common["method_args"] = {"points_to_evaluate": [{"x": 0.5}]}
    known = of_class(Training, tmp_path, **common, name="known", num_samples=3)
    of_class(Training, tmp_path, **common, name="study", num_samples=2, warm_start=[known])
    learned.clear()
    more = of_class(Training, tmp_path, **{**common, **change}, name="study", num_samples=4, resume=True)
    assert list(dict.fromkeys(learned))[:3] == [f"{known.path}:{number}" for number in range(3)]
    if "space" in change:  # else the best config is trained again
        assert x_of(more).count(0.5) == 1


@pytest.mark.parametrize("method", ["random", "random-fidelity", "dehb"])
def test_configs_are_added_while_a_study_runs_and_after_it(
    method: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Adder(tune.Callback):
        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:  # noqa: ARG002 - Ray's signature
            if iteration == 5:
                rts.load_study(tmp_path / "study").enqueue([{"x": 0.125}, {"x": 7}])

    common: dict[str, Any] = {"name": "study", "method": method, "budget": None}
    result = of_class(Training, tmp_path, **common, num_samples=24, callbacks=[Adder()])
    assert 0.125 in x_of(result)
    assert "'x' is 7" in caplog.text
    result.enqueue([{"x": 0.25}])
    more = of_class(Training, tmp_path, **common, num_samples=25, resume=True)
    assert x_of(more) == [*x_of(result), 0.25]
    with pytest.raises(ArgumentError, match="`configs` is"):
        result.enqueue([{"x": object()}])
