"""Options of `ray start` that are gone, and contradictions between its options."""

from __future__ import annotations

import pytest

from raytune_suite.cluster.ray_start import OPTIONS, REMOVED, contradictions, option_of_port, same_ports, wrong_value


@pytest.mark.parametrize("name", REMOVED)
def test_removed_options_are_gone(name: str) -> None:
    assert name not in OPTIONS


@pytest.mark.parametrize("name", sorted({new for new in REMOVED.values() if new}))
def test_replacements_exist(name: str) -> None:
    assert name in OPTIONS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num-cpus", "four"),
        ("port", "70000"),
        ("port", ""),
        ("object-store-memory", "20GB"),
        ("object-store-memory", "1000"),
        ("include-dashboard", "maybe"),
        ("log-style", "fancy"),
        ("resources", "gpu_1"),
        ("resources", '{"GPU": 1}'),
    ],
)
def test_wrong_values_are_found(name: str, value: str) -> None:
    assert wrong_value(name, value) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num-cpus", "$CPUS"),
        ("port", "0"),
        ("object-store-memory", "2000000000"),
        ("include-dashboard", "False"),
        ("log-style", "record"),
        ("resources", '{"node": 1}'),
        ("resources", '"{\\"node\\": 1}"'),
        ("temp-dir", "/tmp/ray"),  # noqa: S108 - not used
    ],
)
def test_right_values_are_accepted(name: str, value: str) -> None:
    assert wrong_value(name, value) is None


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"head": "", "port": "6379"}, 0),
        ({"address": "head:6379"}, 0),
        ({"head": "", "address": "head:6379"}, 1),
        ({"port": "6379"}, 1),
        ({"head": "", "min-worker-port": "20000", "max-worker-port": "10000"}, 1),
    ],
)
def test_contradictions_are_found(options: dict[str, str], count: int) -> None:
    assert len(contradictions(options)) == count


def test_ports_that_collide_are_found() -> None:
    assert same_ports({"head": ""}) == []
    assert same_ports({"head": "", "dashboard-port": "6379"}) == [("dashboard-port", "port", "6379")]
    assert same_ports({"head": "", "min-worker-port": "10000", "max-worker-port": "10100"}) == [
        ("ray-client-server-port", "min-worker-port", "10001")
    ]
    assert option_of_port({"port": "6380"}, "8265") == "dashboard-port"
