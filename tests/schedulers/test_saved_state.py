"""In which order trials start after a restore, with a scheduler driven by hand."""

from __future__ import annotations

from typing import Any, final

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from raytune_suite.schedulers.base import StudyScheduler


@final
class PausingScheduler(StudyScheduler):
    """Pauses each trial at its first report, and resumes them in the order of their ids."""

    def added(self, controller: Any, trial: Trial) -> None: ...

    def decide(self, controller: Any, trial: Trial, result: dict[str, Any], loss: float) -> str:  # noqa: ARG002
        return str(TrialScheduler.PAUSE)

    def ended(self, controller: Any, trial: Trial, result: dict[str, Any] | None) -> None: ...

    def choose(self, controller: Any) -> Trial | None:  # noqa: ARG002
        return min(
            (each for each in self.live() if each.status == Trial.PAUSED), key=lambda each: each.trial_id, default=None
        )


def scheduler() -> PausingScheduler:
    return PausingScheduler(metric="loss", mode="min", max_t=9)


def add(to: PausingScheduler, *names: str) -> dict[str, Trial]:
    trials = {name: Trial("double", stub=True, trial_id=name) for name in names}
    for trial in trials.values():
        to.on_trial_add(None, trial)
    return trials


def restored(killed: PausingScheduler, *names: str) -> tuple[PausingScheduler, dict[str, Trial]]:
    """Restore a scheduler as Ray does, which adds all trials again, pending."""
    again = scheduler()
    again.set_state(killed.get_state())
    return again, add(again, *names)


def chosen(by: PausingScheduler) -> str:
    trial = by.choose_trial_to_run(None)
    assert trial is not None
    return trial.trial_id


def resume(scheduler: PausingScheduler, trial: Trial, *, process: Any) -> None:
    """Let the scheduler choose a paused trial, to which Ray gives a process, or none as long as all are busy."""
    assert chosen(scheduler) == trial.trial_id
    trial.set_status(Trial.PENDING)
    trial.temporary_state.ray_actor = process


def paused_while_a_new_one_waits() -> PausingScheduler:
    """A scheduler of a trial that was paused after a new one was added."""
    first = scheduler()
    paused = add(first, "paused")["paused"]
    paused.set_status(Trial.RUNNING)
    assert first.choose_trial_to_run(None) is None
    add(first, "new")
    paused.set_status(Trial.PAUSED)
    return first


def resumed_while_a_new_one_waits() -> PausingScheduler:
    """A scheduler of a trial that was resumed in the process of another after a new one was added."""
    first = paused_while_a_new_one_waits()
    resume(first, first.trials["paused"], process="an actor")
    return first


def test_a_resumed_trial_with_a_process_starts_before_a_new_one_that_has_waited_longer() -> None:
    again, trials = restored(resumed_while_a_new_one_waits(), "new", "paused")
    assert chosen(again) == "paused"
    trials["paused"].set_status(Trial.RUNNING)
    assert chosen(again) == "new"


def test_it_does_so_after_another_kill_too() -> None:
    once, _ = restored(resumed_while_a_new_one_waits(), "new", "paused")
    assert chosen(once) == "paused"
    again, _ = restored(once, "new", "paused")
    assert chosen(again) == "paused"


def test_so_does_one_that_was_resumed_when_no_trial_had_a_process() -> None:
    once, trials = restored(paused_while_a_new_one_waits(), "new", "paused")
    resume(once, trials["paused"], process=None)
    again, _ = restored(once, "new", "paused")
    assert chosen(again) == "paused"


def test_one_that_was_resumed_while_the_process_of_another_was_busy_waits_behind_a_new_one() -> None:
    first = paused_while_a_new_one_waits()
    busy = add(first, "busy")["busy"]
    busy.set_status(Trial.RUNNING)
    state: Any = busy.temporary_state
    state.ray_actor = "an actor"
    resume(first, first.trials["paused"], process=None)
    again, trials = restored(first, "busy", "new", "paused")
    assert chosen(again) == "busy"
    trials["busy"].set_status(Trial.RUNNING)
    assert chosen(again) == "new"


def test_a_trial_that_was_running_starts_before_one_that_was_resumed() -> None:
    first = scheduler()
    trials = add(first, "paused", "running")
    for name, status in (("paused", Trial.PAUSED), ("running", Trial.RUNNING)):
        trials[name].set_status(status)
    resume(first, trials["paused"], process="an actor")
    again, trials = restored(first, "paused", "running")
    assert chosen(again) == "running"
    trials["running"].set_status(Trial.RUNNING)
    assert chosen(again) == "paused"
