"""A study connects to an existing cluster, or starts Ray on this machine."""

from __future__ import annotations

from typing import Any

import pytest
import ray
from ray._private import services
from ray.tune import PlacementGroupFactory

from raytune_suite.engines.ray import cluster_state, engine
from raytune_suite.engines.ray.capacity import check_capacity, requested
from raytune_suite.engines.resources import check_resources
from raytune_suite.errors import ArgumentError


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of the calls of `ray.init`, which starts nothing."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **arguments: calls.append(arguments))
    monkeypatch.setattr(services, "find_bootstrap_address", lambda _folder: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return calls


def test_the_cluster_of_this_machine_is_joined(started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the head node after `ray start`, where `ray submit` runs; Ray rejects system settings for it."""
    monkeypatch.setattr(services, "find_bootstrap_address", lambda _folder: "10.0.0.1:6379")
    engine.connect()
    assert "_system_config" not in started[0]


def test_a_cluster_with_an_address_is_joined(started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    engine.connect()
    assert "_system_config" not in started[0]


def test_without_a_cluster_ray_starts_with_preloaded_processes(started: list[dict[str, Any]]) -> None:
    engine.connect()
    assert started[0]["_system_config"] == {"preload_python_modules": ["ray.tune"]}


@pytest.mark.parametrize(
    ("cores", "limit", "cpu", "expected"),
    [([2.0], 64, 1 / 32, 2), ([2.0, 4.0], 64, 1 / 16, 6), ([8.0], 3, None, 3), ([2.0], 4, None, 4), ([], 4, 1.0, 4)],
)
def test_at_most_one_process_per_core_starts_at_once_if_all_trials_fit(
    cores: list[float], limit: int, cpu: float | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = {str(number): {"Resources": {"CPU": count, "GPU": 1.0}} for number, count in enumerate(cores)}
    monkeypatch.setattr(cluster_state, "alive_nodes", lambda: nodes)
    assert requested(limit, None if cpu is None else {"cpu": cpu}) == expected


def test_workers_count_when_trials_are_requested_in_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_state, "alive_nodes", lambda: {"a": {"Resources": {"CPU": 2.0, "GPU": 8.0}}})
    workers = check_resources([{"CPU": 0.1}, {"GPU": 1}, {"GPU": 1}])
    assert requested(4, workers) == 2  # all fit, and there are two cores
    assert requested(5, workers) == 5  # five trials would need ten GPUs


@pytest.mark.parametrize(
    ("resources", "possible"),
    [
        ([{}, {"CPU": 4}, {"CPU": 2}], True),
        ([{"CPU": 1}, {"CPU": 4}, {"CPU": 2}], False),  # each bundle fits alone
        ([{}, {"CPU": 5}], False),
        ({"cpu": 4}, True),
        ({"cpu": 5}, False),
        (PlacementGroupFactory([{"CPU": 2}, {"CPU": 2}, {"CPU": 2}], strategy="STRICT_SPREAD"), False),
        (PlacementGroupFactory([{"CPU": 3}, {"CPU": 2}], strategy="STRICT_PACK"), False),
        (PlacementGroupFactory([{"CPU": 2}, {"CPU": 2}], strategy="STRICT_PACK"), True),
    ],
)
def test_a_trial_needs_room_for_all_its_processes_together(
    resources: Any, *, possible: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = {name: {"Alive": True, "Resources": {"CPU": cpus}} for name, cpus in (("a", 4.0), ("b", 2.0))}
    monkeypatch.setattr(cluster_state, "alive_nodes", lambda: nodes)
    checked = check_resources(resources)
    check_capacity(checked, grows=True)
    if possible:
        check_capacity(checked, grows=False)
    else:
        with pytest.raises(ArgumentError, match="CPU"):
            check_capacity(checked, grows=False)


def test_a_misspelled_resource_that_no_machine_has_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_state, "alive_nodes", lambda: {"a": {"Alive": True, "Resources": {"CPU": 4.0}}})
    with pytest.raises(ArgumentError, match="did you mean 'gpu' instead of 'gpus'"):
        check_capacity(check_resources({"gpus": 1}), grows=False)
