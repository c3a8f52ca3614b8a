"""A study runs on the cluster that there is, and on a Ray of its own where there is none."""

from __future__ import annotations

from typing import Any

import pytest
import ray
from ray._private import services

from raytune_suite.engines.ray import engine


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments with which Ray was initialized; nothing starts."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **arguments: calls.append(arguments))
    monkeypatch.setattr(services, "find_bootstrap_address", lambda _folder: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return calls


def test_a_cluster_to_which_the_machine_belongs_is_joined(
    started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `ray start`, on the head to which `ray submit` goes. Ray refuses system settings for it."""
    monkeypatch.setattr(services, "find_bootstrap_address", lambda _folder: "10.0.0.1:6379")
    engine.connect()
    assert "_system_config" not in started[0]


def test_a_cluster_with_an_address_is_joined(started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    engine.connect()
    assert "_system_config" not in started[0]


def test_elsewhere_ray_starts_with_processes_that_are_ready(started: list[dict[str, Any]]) -> None:
    engine.connect()
    assert started[0]["_system_config"] == {"preload_python_modules": ["ray.tune"]}
