"""A study connects to an existing cluster, or starts Ray on this machine."""

from __future__ import annotations

from typing import Any

import pytest
import ray
from ray._private import services

from raytune_suite.engines.ray import cluster_state, engine
from raytune_suite.engines.ray.engine import requested


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
