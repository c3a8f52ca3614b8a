"""GPUs that trials leave idle are reported once, with what to do about it."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from ray.tune import PlacementGroupFactory
from ray.tune.experiment import Trial

from raytune_suite.engines.ray.gpu_monitor import EVERY_S, READINGS, GPUMonitor, read_utilizations

if TYPE_CHECKING:
    from collections.abc import Callable


def trial(gpu: float, status: str = Trial.RUNNING) -> Any:
    return SimpleNamespace(status=status, placement_group_factory=PlacementGroupFactory([{"CPU": 1, "GPU": gpu}]))


def watch(trials: list[Any], read: Callable[[], list[float]], readings: int = 3 * READINGS) -> None:
    now = 0.0
    monitor = GPUMonitor(read, clock=lambda: now)
    for second in range(round(readings * EVERY_S)):
        now = float(second)
        monitor.on_step_end(0, trials)


def test_idle_gpus_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    watch([trial(0.5), trial(0.5)], lambda: [9.0, 0.0])
    (record,) = caplog.records
    assert record.args == (9.0, READINGS * EVERY_S)


@pytest.mark.parametrize("readings", [[80.0], [0.0, 0.0, 95.0]])
def test_a_busy_gpu_is_not_reported(readings: list[float], caplog: pytest.LogCaptureFixture) -> None:
    watch([trial(1)], lambda: readings)
    assert not caplog.records


def test_gpus_are_read_only_while_trials_that_use_one_run(caplog: pytest.LogCaptureFixture) -> None:
    def read() -> list[float]:
        raise AssertionError("nothing uses a GPU")

    watch([trial(0), trial(1, Trial.PENDING), trial(1, Trial.PAUSED)], read)
    assert not caplog.records


def test_where_no_gpu_can_be_read_it_is_tried_once(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    watch([trial(1)], lambda: calls.append(1) or [])  # type: ignore[func-returns-value]
    assert calls == [1]
    assert not caplog.records


def test_nvml_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert read_utilizations() == []


def test_utilizations_are_those_of_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    class NVMLError(Exception):
        pass

    def no_driver() -> None:
        raise NVMLError

    nvml = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=10 * handle),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    assert read_utilizations() == [0.0, 10.0]
    nvml.nvmlInit = no_driver
    assert read_utilizations() == []
