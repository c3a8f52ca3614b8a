"""Trials that ran out of memory: each is trained once more without neighbors.

"Without neighbors" means with the resources of all trials that ran on its machine, or with a whole GPU if it had a
fraction of one and that was full. These are free as soon as its neighbors have ended or are paused, so the trial
cannot wait forever. No new trial is started meanwhile: Ray reserves nothing for a trial that waits, and would hand what
becomes free to smaller ones.

Ray may kill several trials of a machine at once. Each of them is retried: those that wait count as neighbors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, final

from ray.tune import Callback, PlacementGroupFactory

from raytune_suite.engines.ray import cluster_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ray.tune.experiment import Trial

_NAMES = frozenset({"OutOfMemoryError", "MemoryError"})
_TEXT = re.compile(r"out of memory|resource_exhausted|cannot allocate memory", re.IGNORECASE)
_ON_GPU = re.compile(r"\b(cuda|hip|gpu|xla)\b", re.IGNORECASE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a trial failed because memory was full: of a GPU, or of the machine, on which Ray kills a process.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("CUDA error: out of memory"))
        (True, True)
        >>> is_out_of_memory(ValueError("a bug"))
        False
    """
    cause = getattr(error, "cause", None) or error
    named = any(kind.__name__ in _NAMES for kind in type(cause).__mro__)
    return named or _TEXT.search(str(cause)) is not None


def of_gpu(error: BaseException) -> bool:
    """Whether the memory that was full is that of a GPU.

    Example:
        >>> of_gpu(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")), of_gpu(MemoryError())
        (True, False)
    """
    return _ON_GPU.search(str(getattr(error, "cause", None) or error)) is not None


def larger_request(
    own: Mapping[str, float], neighbours: Iterable[Mapping[str, float]], most: Mapping[str, float], *, gpu: bool
) -> dict[str, float] | None:
    """The resources with which a trial has no neighbors; None if it had none.

    Args:
        own: The resources of the trial.
        neighbours: Those of the trials that ran on the same machine.
        most: Those of the machine.
        gpu: Whether the memory of a GPU was full.

    Example:
        >>> larger_request({"CPU": 1}, [{"CPU": 1}, {"CPU": 2}], {"CPU": 16}, gpu=False)
        {'CPU': 4}
        >>> larger_request({"CPU": 1, "GPU": 0.25}, [{"CPU": 1, "GPU": 0.25}], {"CPU": 16, "GPU": 4}, gpu=True)
        {'CPU': 1, 'GPU': 1}
        >>> larger_request({"CPU": 1, "GPU": 1}, [{"CPU": 1, "GPU": 1}], {"CPU": 16, "GPU": 4}, gpu=True)
    """
    if gpu and own.get("GPU", 0) > 0:
        return {**own, "GPU": 1} if own["GPU"] < 1 else None  # whole GPUs are shared with nobody
    total = dict(own)
    for each in neighbours:
        for name, amount in each.items():
            total[name] = total.get(name, 0) + amount
    total = {name: min(amount, most.get(name, amount)) for name, amount in total.items()}
    return total if total != dict(own) else None


@final
class MemoryRetries(Callback):
    """Retries trials that ran out of memory, once each."""

    def __init__(self) -> None:
        """No trial has failed yet."""
        self._retried: set[str] = set()
        self._waiting: dict[str, _Former] = {}
        self._controller: Any = None

    def excuse(self, controller: Any, trial: Trial, error: Exception) -> str | None:
        """Give a trial that ran out of memory its larger request, if it is to be retried.

        Returns:
            What happens, for a warning; None if the trial did not run out of memory.
        """
        if not is_out_of_memory(error):
            return None
        kind = "GPU memory" if of_gpu(error) else "memory"
        advice = "give each trial more (`resources`), or run fewer at once (`max_concurrent`)"
        if trial.trial_id in self._retried:
            self._done(trial)
            return f"ran out of {kind} again, without neighbors: this counts as a failure; {advice}"
        request = self._request(controller, trial, error)
        if request is None:
            return f"ran out of {kind}: this counts as a failure; {advice}"
        self._retried.add(trial.trial_id)
        changed: Any = trial  # Ray's `update_resources` rejects a trial that is still running
        self._waiting[trial.trial_id] = _Former(
            _address(trial), dict(changed.placement_group_factory.required_resources)
        )
        self._controller = controller
        changed.placement_group_factory = PlacementGroupFactory([request])
        controller.update_max_pending_trials(1)
        shown = ", ".join(f"{name} {amount:g}" for name, amount in request.items())
        return f"ran out of {kind}; it is retried once without neighbors, as soon as it can have {shown}"

    def retries(self, trial: Trial) -> bool:
        """Whether the trial is to be retried now."""
        return trial.trial_id in self._waiting

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """Let other trials start again."""
        self._done(trial)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """As above, if the trial was stopped before it started."""
        self._done(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        """As above, if its start failed."""
        self._done(trial)

    def _done(self, trial: Trial) -> None:
        if trial.trial_id in self._waiting:
            del self._waiting[trial.trial_id]
            if not self._waiting:
                self._controller.update_max_pending_trials()

    def _request(self, controller: Any, trial: Trial, error: Exception) -> dict[str, float] | None:
        factory: Any = trial.placement_group_factory
        if len(factory.bundles) != 1 or factory.head_bundle_is_empty:
            return None  # workers on several machines
        address = _address(trial)
        nodes = list(cluster_state.alive_nodes().values())
        here = [node for node in nodes if node["NodeManagerAddress"] == address] or nodes
        most: dict[str, float] = min((node["Resources"] for node in here), key=lambda has: has.get("CPU", 0.0))
        running = [other for other in controller.get_trials() if other.status == other.RUNNING and other is not trial]
        others = [_Former(_address(each), dict(each.placement_group_factory.required_resources)) for each in running]
        others += self._waiting.values()
        neighbours = [other.resources for other in others if len(nodes) == 1 or other.address == address]
        return larger_request(dict(factory.required_resources), neighbours, most, gpu=of_gpu(error))


class _Former(NamedTuple):
    """Where a trial ran, and with which resources."""

    address: str | None
    resources: dict[str, float]


def _address(trial: Any) -> str | None:
    """The address of the machine of a trial, if one of its reports has said it."""
    hostname: str | None = trial.temporary_state.location.hostname
    return hostname
