"""The progress line on a terminal."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any, cast

import pytest
from rich.cells import cell_len
from rich.console import Console

from raytune_suite.engines.callbacks import progress
from raytune_suite.engines.callbacks.progress import Progress, progress_line
from raytune_suite.engines.callbacks.reports import Report
from raytune_suite.engines.callbacks.rows import Rows
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.callbacks.trial_record import TrialRecord
from raytune_suite.schedulers.fifo import FIFO
from raytune_suite.types import Objective

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

WAITING = "waiting for machines: 3 trials ask for {GPU: 1}, none is free; the autoscaler is starting 2 of pool gpu_1"


def study(metric: str = "val_loss") -> StudyLog:
    """Return the log of a study in progress."""
    log = StudyLog(Objective(metric, "min", max_t=81), FIFO())
    statuses = ["RUNNING"] * 4 + ["PAUSED"] * 3 + ["ERROR"] * 2 + ["TERMINATED"] * 30
    log.trials = Rows(
        TrialRecord,
        [TrialRecord(str(number), status, stopped_early=number >= 9) for number, status in enumerate(statuses)],
    )
    log.reports = Rows(Report, [Report(11, 81, 0.0912345, 5.0, 398.0, complete=True)])
    return log


@pytest.mark.parametrize("width", [*range(30, 130, 10), 200])
@pytest.mark.parametrize("title", ["asha", "async-hyperband", "random-fidelity+async-hyperband"])
def test_the_line_fits_and_has_the_incumbent_at_any_width(title: str, width: int) -> None:
    line = progress_line(study(), title, width)
    assert "best val_loss 0.09123" in line
    assert line.startswith(f"{title}: ")
    assert cell_len(line) <= width or line == f"{title}: best val_loss 0.09123"


def test_the_least_important_facts_are_omitted_first_and_as_a_whole() -> None:
    lines = [progress_line(study(), "asha", width) for width in (200, 85, 65, 42)]
    facts = [
        "best val_loss 0.09123",
        "39 trials",
        "0 iterations",
        "0:00:00",
        "4 running, 3 paused, 30 stopped, 2 failed",
    ]
    facts.append("trial 11 at 81")
    assert [[fact in line for fact in facts] for line in lines] == [
        [True, True, True, True, True, True],
        [True, True, True, True, False, True],
        [True, True, True, True, False, False],
        [True, True, False, False, False, False],
    ]


def test_the_line_has_the_budget_if_there_is_one() -> None:
    log = study()
    assert "· 0 iterations" in progress_line(log, "asha", 200)
    log.budget = 810
    assert "· 0 of 810 iterations" in progress_line(log, "asha", 200)


def test_before_the_first_report_there_is_no_result() -> None:
    log = study()
    log.reports, log.trials = Rows(Report), Rows(TrialRecord)
    assert "no result" in progress_line(log, "asha", 80)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The output of a terminal of 80 columns."""
    stream = io.StringIO()

    def console(**_options: Any) -> Console:
        return Console(file=stream, width=80, force_terminal=True, color_system=None)

    monkeypatch.setattr(progress, "Console", console)
    return stream


def shown(stream: io.StringIO) -> list[str]:
    """Return the written lines without the terminal's control sequences."""
    text = "".join(Console(file=io.StringIO()).render_str(stream.getvalue()).plain)
    for control in ("\x1b[?25l", "\x1b[?25h", "\x1b[2K", "\x1b[1A"):
        text = text.replace(control, "")
    return [line for line in text.replace("\r", "\n").split("\n") if line]


def test_the_reason_why_trials_wait_is_shown_below_the_line_while_they_wait(terminal: io.StringIO) -> None:
    log = study()
    callback = Progress(log, "asha")
    callback.setup()
    log.waiting = WAITING
    callback.on_step_end(0, cast("list[Trial]", []))
    line, *below = shown(terminal)
    assert "best val_loss" in line
    assert " ".join(" ".join(below).split()) == WAITING
    assert all(cell_len(text) <= 80 for text in (line, *below))
    terminal.truncate(0)
    callback.on_experiment_end(cast("list[Trial]", []))
    assert "waiting" not in shown(terminal)[-1]


def test_the_last_line_stays_and_the_terminal_is_not_pickled(terminal: io.StringIO) -> None:
    callback = Progress(study(), "asha")
    callback.setup()
    assert pickle.loads(pickle.dumps(callback))._live is None  # noqa: S301 - our own
    callback.on_experiment_end(cast("list[Trial]", []))
    assert shown(terminal)[-1].startswith("asha: 39 trials")
    callback.on_experiment_end(cast("list[Trial]", []))
    callback.on_step_end(1, cast("list[Trial]", []))
