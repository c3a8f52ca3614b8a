"""What a trial occupies: a dict, a list of bundles, or a `PlacementGroupFactory`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray.tune import PlacementGroupFactory

from raytune_suite.engines.resources import as_json, bundles, check_resources, has_workers, strategy
from raytune_suite.errors import ArgumentError

WORKERS: list[Any] = [{"CPU": 1}, {"cpu": 1, "GPU": 2}, {"CPU": 1, "gpu": np.float64(2), "licence": 1}]


def test_a_dict_describes_one_process_with_one_cpu_by_default() -> None:
    assert check_resources({"gpu": 1}) == {"cpu": 1.0, "gpu": 1.0}
    assert check_resources({"CPU": 2}) == {"CPU": 2.0}
    assert check_resources({}) is check_resources(None) is None
    assert not has_workers({"cpu": 1})
    assert bundles(None) == [{"CPU": 1.0}]


def test_a_list_and_a_factory_describe_several_processes() -> None:
    listed, factory = check_resources(WORKERS), check_resources(PlacementGroupFactory(WORKERS[:1] + WORKERS[:1]))
    assert bundles(listed) == [{"CPU": 1}, {"CPU": 1, "GPU": 2}, {"CPU": 1, "GPU": 2, "licence": 1}]
    assert bundles(factory) == [{"CPU": 1}] * 2
    assert has_workers(listed)
    assert has_workers(factory)
    assert strategy(listed) == "PACK"


def test_the_process_of_the_trial_may_need_nothing() -> None:
    resources = check_resources([{}, {"CPU": 1}])
    assert bundles(resources) == [{"CPU": 1}]
    assert has_workers(resources)
    assert not has_workers(check_resources([{"CPU": 1}]))


@pytest.mark.parametrize(
    ("resources", "name"),
    [
        ([], "resources"),
        ([{}], "resources"),
        ([{"CPU": 1}, {}], "resources[1]"),
        ([{"CPU": 1}, {"CPU": 0}], "resources[1]"),
        ([{"CPU": 1}, {"GPU": -1}], "resources[1]['GPU']"),
        ([{"CPU": "one"}], "resources[0]['CPU']"),
        ([{"CPU": 1}, 2], "resources"),
        ("CPU", "resources"),
        (2, "resources"),
        ({"cpu": 0}, "resources['cpu']"),
        (PlacementGroupFactory([{"CPU": 1}, {"CPU": 1}], strategy="TIGHT"), "the strategy of resources"),
    ],
)
def test_other_resources_are_rejected(resources: Any, name: str) -> None:
    with pytest.raises(ArgumentError) as error:
        check_resources(resources)
    assert error.value.name == name


@pytest.mark.parametrize("resources", [{"gpu": 1.5}, [{}, {"GPU": 1.5}]])
def test_a_process_has_a_part_of_one_gpu_or_whole_gpus(resources: Any) -> None:
    with pytest.raises(ArgumentError):
        check_resources(resources)


def test_the_manifest_has_all_forms() -> None:
    spread = PlacementGroupFactory([{}, {"CPU": 1}], strategy="SPREAD")
    assert as_json(None) == {}
    assert as_json({"cpu": 2}) == {"cpu": 2}
    assert as_json([{}, {"CPU": 1}]) == as_json(PlacementGroupFactory([{}, {"CPU": 1}])) == [{}, {"CPU": 1}]
    assert as_json(spread) == {"bundles": [{}, {"CPU": 1}], "strategy": "SPREAD"}
