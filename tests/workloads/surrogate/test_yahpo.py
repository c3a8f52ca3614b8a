"""The surrogates of YAHPO Gym: lcbench on its authors' files, if available, and other scenarios on small networks."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import raytune_suite as rts
from raytune_suite import datasets
from raytune_suite.errors import ArgumentError, DataError, SpaceError, UnknownNameError
from raytune_suite.spaces import Space
from raytune_suite.workloads import workload
from raytune_suite.workloads.surrogate import yahpo
from raytune_suite.workloads.surrogate.yahpo_scenarios import IAML, RBV2, SCENARIOS
from raytune_suite.workloads.surrogate.yahpo_space import flat
from tests.workloads.surrogate import onnx_file

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.types import Config, Curve
    from raytune_suite.workloads import Workload
    from raytune_suite.workloads.surrogate.yahpo_scenarios import Scenario

DEFAULT = {
    "batch_size": 91,
    "learning_rate": 0.0031622777,
    "max_dropout": 0.5,
    "max_units": 256,
    "momentum": 0.545,
    "num_layers": 3,
    "weight_decay": 0.050005,
}
OTHERS = [name for name in SCENARIOS if name != "lcbench"]


def surrogate(yahpo_workload: Workload) -> yahpo.Surrogate:
    assert yahpo_workload.curve is not None
    network: yahpo.Surrogate = yahpo_workload.curve.__self__  # type: ignore[attr-defined]
    return network


def curve(yahpo_workload: Workload, config: Config) -> Curve:
    assert yahpo_workload.curve is not None
    return yahpo_workload.curve(config, 0)


def sampled(yahpo_workload: Workload, count: int, seed: int = 0) -> list[Config]:
    space, rng = Space(yahpo_workload.space), np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(count)]


@pytest.fixture
def lcbench() -> Workload:
    """The workload on task 3945, on the authors' files."""
    try:
        return workload("yahpo/lcbench/3945")
    except DataError as error:
        pytest.skip(str(error))


def test_the_default_config_has_the_published_values(lcbench: Workload) -> None:
    seconds, accuracy = surrogate(lcbench).predict([DEFAULT], np.array([1.0, 10, 52]))[0].T[:2]
    assert np.round(accuracy, 1).tolist() == [38.2, 90.7, 93.4]
    assert np.round(seconds).tolist() == [16, 68, 166]


def test_a_curve_agrees_with_predictions_epoch_by_epoch(lcbench: Workload) -> None:
    whole = curve(lcbench, DEFAULT)
    one_by_one = [surrogate(lcbench).predict([DEFAULT], np.array([t]))[0, 0] for t in whole.resource]
    assert whole.resource.tolist() == list(range(1, 52))
    names = SCENARIOS["lcbench"].outputs
    assert set(whole.metrics) == set(names) - {"time"}
    for name, values in whole.metrics.items():
        np.testing.assert_allclose(values, [row[names.index(name)] for row in one_by_one], rtol=1e-5)
    np.testing.assert_allclose(whole.seconds.cumsum(), [row[0] for row in one_by_one], rtol=1e-5)
    assert lcbench.cost(DEFAULT) == pytest.approx(one_by_one[-1][0] / 51, rel=1e-5)


def test_every_report_takes_time_even_if_the_predicted_time_decreases(lcbench: Workload) -> None:
    configs = sampled(lcbench, 64)
    predicted = surrogate(lcbench).predict(configs, surrogate(lcbench).fidelities)[..., 0]
    falling = [config for config, elapsed in zip(configs, predicted, strict=True) if (np.diff(elapsed) < 0).any()]
    assert falling
    for config in falling:
        assert curve(lcbench, config).seconds.min() >= yahpo.LEAST_SECONDS


def test_all_tasks_of_the_file_are_known_without_it(lcbench: Workload) -> None:
    assert lcbench.name == "yahpo/lcbench/3945"
    document = json.loads(datasets.path("yahpo/lcbench/config_space.json").read_text())
    tasks = next(entry["choices"] for entry in document["hyperparameters"] if entry["name"] == "OpenML_task_id")
    assert yahpo.names() == tuple(f"lcbench/{task}" for task in tasks)
    assert len(tasks) == 34


def test_every_task_has_bounds_of_the_surrogate_in_the_catalogue() -> None:
    shipped = json.loads(yahpo.BOUNDS.read_text())
    assert set(shipped["bounds"]) == set(yahpo.names())
    model = next(file for file in datasets.parts()["yahpo/lcbench"].files if file.path.endswith("model.onnx"))
    assert shipped["model"] == {"lcbench": model.sha256}
    assert all(0 <= worst < best <= 100 for best, worst in shipped["bounds"].values())


@pytest.mark.parametrize("task", ["3945", "167168", "189909"])
def test_configs_lie_within_the_bounds(lcbench: Workload, task: str) -> None:
    assert lcbench.mode == "max"
    yahpo_workload = workload(f"yahpo/lcbench/{task}")
    network = surrogate(yahpo_workload)
    predicted = network.predict(sampled(yahpo_workload, 500), network.fidelities[-1:])
    values = predicted[:, 0, network.scenario.outputs.index(yahpo_workload.metric)]
    assert yahpo_workload.bounds is not None
    best, worst = yahpo_workload.bounds
    assert worst < values.min()
    assert values.max() < best
    assert values.max() > best - 0.25 * (best - worst)  # the best bound belongs to this task, and is close


def test_regret_is_the_distance_to_the_best_and_never_negative(lcbench: Workload) -> None:
    assert lcbench.bounds is not None
    reached = curve(lcbench, DEFAULT).metrics["val_accuracy"][-1]
    assert lcbench.regret(DEFAULT) == pytest.approx(lcbench.bounds[0] - reached)
    low = workload("yahpo/lcbench/3945")
    object.__setattr__(low, "optimum", 10.0)
    assert low.regret(DEFAULT) == 0


def test_a_pickled_curve_does_not_contain_the_network_and_predicts_the_same(lcbench: Workload) -> None:
    before = curve(lcbench, DEFAULT)
    packed = pickle.dumps(lcbench.curve)
    assert len(packed) < 20_000
    after = pickle.loads(packed)(DEFAULT, 0)  # noqa: S301 - our own bytes
    assert after.metrics["val_accuracy"].tolist() == before.metrics["val_accuracy"].tolist()


def test_a_missing_surrogate_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model\.onnx'"):
        yahpo._session(tmp_path / "model.onnx")


@pytest.mark.parametrize("method", ["asha", "bohb", "dehb"])
def test_methods_tune_it_on_the_simulated_clock(lcbench: Workload, method: str, tmp_path: Path) -> None:
    result = rts.tune(workload=lcbench, method=method, budget=6, seed=0, engine="simulated", storage_path=str(tmp_path))
    assert lcbench.bounds is not None
    assert lcbench.regret(result.best_config) < (lcbench.bounds[0] - lcbench.bounds[1]) / 2


@pytest.mark.e2e
@pytest.mark.long
def test_it_tunes_on_ray(lcbench: Workload, ray_session: None, tmp_path: Path) -> None:  # noqa: ARG001 - a Ray runs
    result = rts.tune(workload=lcbench, method="asha", num_samples=3, seed=0, storage_path=str(tmp_path))
    assert result.best_value in curve(lcbench, result.best_config).metrics["val_accuracy"]


def test_populations_are_rejected_by_name(lcbench: Workload, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"'pbt'.*'yahpo/lcbench/3945'"):
        rts.tune(workload=lcbench, method="pbt", num_samples=4, engine="simulated", storage_path=str(tmp_path))


def test_a_config_outside_the_space_is_rejected(lcbench: Workload) -> None:
    with pytest.raises(SpaceError, match="momentum"):
        curve(lcbench, {**DEFAULT, "momentum": 1.5})
    with pytest.raises(SpaceError, match="momentum"):
        curve(lcbench, {name: value for name, value in DEFAULT.items() if name != "momentum"})


def test_missing_data_are_an_error_with_the_command_that_downloads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path))
    with pytest.raises(DataError, match="`raytune-suite data fetch yahpo/lcbench`"):
        workload("yahpo/lcbench/3945")


@pytest.mark.parametrize(("name", "suggestion"), [("yahpo/lcbnch/3945", "'lcbench'"), ("yahpo/lcbench/3954", "'3945'")])
def test_an_unknown_scenario_or_task_is_rejected_with_a_suggestion(name: str, suggestion: str) -> None:
    with pytest.raises(UnknownNameError, match=suggestion):
        workload(name)


# The other scenarios: files in the format of the authors, with a linear network that onnx_file.py writes.


def needs(scenario: Scenario) -> dict[str, list[tuple[str, list[str]]]]:
    """Return when a parameter is active in the authors' files: for which learner, and kernel, split rule or booster."""
    inner = {
        "degree": ("kernel", ["polynomial"]),
        "gamma": ("kernel", ["radial"]),
        "num.random.splits": ("splitrule", ["extratrees"]),
        "rate_drop": ("booster", ["dart"]),
        "max_depth": ("booster", ["dart", "gbtree"]),
    }
    chooser = next((name for name in scenario.categorical if name in {"learner", "learner_id"}), None)
    conditions = {}
    for name in (*scenario.continuous, *scenario.categorical):
        learner, dot, last = name.partition(".") if chooser is not None else ("", "", name)
        under = [(chooser, [learner])] if chooser is not None and dot and learner in {*RBV2, *IAML} else []
        if last in inner and inner[last][0] in {other.rpartition(".")[2] for other in scenario.categorical}:
            parent, values = inner[last]
            prefix = f"{learner}." if under else ""
            if f"{prefix}{parent}" in scenario.categorical:
                under = [(f"{prefix}{parent}", values), *under]
        conditions[name] = under
    return conditions


def document(scenario: Scenario) -> dict[str, Any]:
    choices: dict[str, list[str]] = {
        "kernel": ["linear", "polynomial", "radial"],
        "splitrule": ["gini", "extratrees"],
        "booster": ["gblinear", "gbtree", "dart"],
        "learner": list(IAML),
        "learner_id": list(RBV2),
        scenario.instance: ["1040", "1067"],
    }
    entries: list[dict[str, Any]] = []
    for name in scenario.categorical:
        last = name if name in choices else name.rpartition(".")[2]
        entries.append({"name": name, "type": "categorical", "choices": choices.get(last, ["one", "two"])})
    for name in scenario.continuous:
        low, high = {"trainsize": (0.03, 1.0), "repl": (1, 10)}.get(name, (0.5, 2.0))
        kind = "uniform_int" if name == "repl" else "uniform_float"
        entries.append({"name": name, "type": kind, "log": False, "lower": low, "upper": high})
    conditions = []
    for child, parents in needs(scenario).items():
        clauses: list[dict[str, Any]] = [
            {"child": child, "parent": parent, "type": "EQ", "value": values[0]}
            if len(values) == 1
            else {"child": child, "parent": parent, "type": "IN", "values": values}
            for parent, values in parents
        ]
        if len(clauses) > 1:
            conditions.append({"child": child, "type": "AND", "conditions": clauses})
        else:
            conditions += clauses
    return {"hyperparameters": entries, "conditions": conditions, "forbiddens": [], "json_format_version": 0.2}


@pytest.fixture
def small(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workload:
    """The workload of a scenario on data set 1067; the seconds fall and the metric rises with all inputs."""
    scenario = SCENARIOS[request.param]
    folder = tmp_path / "yahpo" / scenario.name
    folder.mkdir(parents=True)
    described = document(scenario)
    encoding = {
        entry["name"]: {"#na#": 0} | {value: place for place, value in enumerate(sorted(entry["choices"]), 1)}
        for entry in described["hyperparameters"]
        if entry["type"] == "categorical"
    }
    (folder / "config_space.json").write_text(json.dumps(described))
    (folder / "encoding.json").write_text(json.dumps(encoding))
    w_cat, w_cont = weights(scenario)
    onnx_file.write(folder / "model.onnx", w_cat, w_cont)
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path))
    return workload(f"yahpo/{scenario.name}/1067")


def weights(scenario: Scenario) -> tuple[Any, Any]:
    """Return a different number for each input and output, so that a wrong order is noticed."""
    rng = np.random.default_rng(len(scenario.continuous))
    outputs = len(scenario.outputs)
    pair = (rng.uniform(1, 2, (len(names), outputs)) for names in (scenario.categorical, scenario.continuous))
    w_cat, w_cont = (values.astype(np.float32) for values in pair)
    return w_cat, w_cont


@pytest.mark.parametrize("small", OTHERS, indirect=True)
def test_the_network_gets_its_inputs_in_order_with_zeros_for_inactive_ones(small: Workload) -> None:
    scenario = surrogate(small).scenario
    w_cat, w_cont = weights(scenario)
    under = needs(scenario)
    absent = 0
    for config in sampled(small, 20):
        values = {**dict(flat(config)), scenario.instance: "1067", "repl": 10}
        for name, parents in under.items():
            exists = all(values.get(parent) in some for parent, some in parents)
            assert exists == (name in values or name == "trainsize")
            absent += not exists
        choices = {entry["name"]: entry.get("choices") for entry in document(scenario)["hyperparameters"]}
        codes = [
            sorted(choices[name]).index(values[name]) + 1 if name in values else 0 for name in scenario.categorical
        ]
        predicted = curve(small, {**config, "seed": 0})
        for t in (1, 27):
            numbers = [t / 27 if name == "trainsize" else values.get(name, 0) for name in scenario.continuous]
            expected = dict(zip(scenario.outputs, codes @ w_cat + numbers @ w_cont, strict=True))
            assert predicted.metrics[scenario.metric][t - 1] == pytest.approx(expected[scenario.metric], rel=1e-5)
            assert predicted.seconds[:t].sum() == pytest.approx(expected[scenario.runtime], rel=1e-5)
    assert (absent > 0) == any(under.values())


@pytest.mark.parametrize("small", ["rbv2_super", "iaml_xgboost"], indirect=True)
def test_conditional_scenarios_tune_on_the_simulated_clock(small: Workload, tmp_path: Path) -> None:
    assert "conditional" in Space(small.space).features
    assert (small.min_t, small.max_t, small.bounds) == (1, 27, None)
    assert small.mode == ("max" if small.name.startswith("yahpo/rbv2") else "min")
    folder = str(tmp_path / "studies")
    result = rts.tune(workload=small, method="asha", budget=4, seed=0, engine="simulated", storage_path=folder)
    Space(small.space).check(result.best_config)


@pytest.mark.parametrize("small", ["rbv2_svm"], indirect=True)
def test_files_that_do_not_match_the_scenario_are_rejected(small: Workload) -> None:
    with pytest.raises(UnknownNameError, match=r"rbv2_svm '106'.*'1067'"):
        workload("yahpo/rbv2_svm/106")
    place = surrogate(small).model.with_name("encoding.json")
    place.write_text(json.dumps({"task_id": {"#na#": 0, "1067": 1}}))
    with pytest.raises(DataError, match=r"rbv2_svm .*kernel"):
        workload("yahpo/rbv2_svm/1067")
