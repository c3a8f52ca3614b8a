"""The processes of runs."""

from __future__ import annotations

import signal

import pytest

from raytune_suite.bench import processes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_is_started_whole_before_a_signal_takes_effect(number: signal.Signals) -> None:
    reached = []

    def start() -> None:
        with processes._interrupts_held():
            signal.raise_signal(number)
            signal.raise_signal(number)
            reached.append(True)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            start()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert reached
