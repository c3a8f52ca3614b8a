"""A dispatcher for hpbandster that evaluates each job in this process, instead of on workers in a network.

Set `hpbandster.core.master.Dispatcher` to it. It needs only hpbandster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hpbandster.core.dispatcher import Job  # type: ignore[import-not-found]  # in its own environment

if TYPE_CHECKING:
    from collections.abc import Callable


class LocalDispatcher:
    """Implements the interface of hpbandster's dispatcher with one worker in this process."""

    evaluate: Callable[[dict[str, Any], float], float]
    """Set on the class before hpbandster creates an instance."""

    def __init__(self, callback: Callable[[Job], None], queue_callback: Callable[[int], None], **_: Any) -> None:
        self._callback, self._queue_callback = callback, queue_callback

    def run(self) -> None:
        """Announce the worker."""
        self._queue_callback(1)

    def number_of_workers(self) -> int:
        """Return 1."""
        return 1

    def submit_job(self, job_id: tuple[int, int, int], **job: Any) -> None:
        """Evaluate the job immediately, and report its result."""
        done = Job(job_id, **job)
        done.time_it("submitted")
        done.result = {"loss": type(self).evaluate(job["config"], job["budget"]), "info": {}}
        done.time_it("finished")
        self._callback(done)
