"""Trainings that Ray workers do in parallel, in the same virtual order: the deterministic parallel mode.

A step is submitted when it begins in virtual time, and awaited when the clock has come to its end. So as many steps
are under way as there are virtual workers, whatever the number of processes that do them; which process does a step,
and when it ends by the wall clock, decides nothing.

A training stays in one process until it is stopped or paused, since moving it would need a checkpoint that not every
trainable restores to the last bit. That keeps the processes equally busy all the same: each virtual worker is always
training, so that two processes with as many trainings each have as much to do per virtual second. Nothing is trained
ahead of its decision: it would have to be undone from a checkpoint, or be wasted, and after a first rung most of it is.
"""

from __future__ import annotations

import copy
import itertools
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, Self, final

import ray
from ray.exceptions import RayActorError, RayError

from raytune_suite.engines.ray.engine import connect
from raytune_suite.engines.simulated.evaluators import InProcess
from raytune_suite.errors import StudyError
from raytune_suite.types import check_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from ray import tune

    from raytune_suite.engines.simulated.evaluators import Training
    from raytune_suite.types import Config

_logger = logging.getLogger("raytune_suite")

GRACE_S = 20.0
"""Seconds that all processes for which there is room have to start, once one is there."""
PATIENCE_S = 30.0
"""Seconds without any process after which we say what we wait for, again and again."""
FAREWELL_S = 5.0
"""Seconds that processes have to end what they do, and to remove their files, before they are killed."""


@final
class Parallel:
    """Trainings of a Ray class trainable, done by Ray actors: the parallel twin of `InProcess`, with the same reports.

    It is a context manager: the actors are there within. A process that dies is replaced, and is a crash of the
    trials on it. A training whose `setup` or `load_checkpoint` raises crashes when its first report is due; one in
    this process, when it starts.
    """

    def __init__(
        self,
        trainable: type[tune.Trainable],
        cost: Callable[[Config], float],
        *,
        compute: int,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        """`cost` is the declared virtual seconds of a step of a config, `compute` the number of actors, and
        `resources` what each of them occupies; None for one CPU.

        Raises:
            ArgumentError: If `compute` is no count.
        """  # noqa: D205 - the sentence does not fit into one line
        self._trainable, self._cost = trainable, cost
        self._compute = check_count("compute", compute)
        self._needs = {"CPU": 1.0}
        for name, amount in (resources or {}).items():
            self._needs[name.upper() if name.upper() in ("CPU", "GPU") else name] = amount
        self._packed: Any = None
        self._places: list[_Place] = []
        self._starting: dict[Any, _Place] = {}

    def __enter__(self) -> Self:
        """Start the actors; those that the cluster has no room for yet join later.

        Raises:
            StudyError: If one of them cannot have the trainable.
        """
        connect()
        try:
            self._packed = ray.put(self._trainable)
            for _ in range(self._compute):
                self._add()
            self._await_one()
            total = ray.cluster_resources()
            places = [int(total.get(name, 0) / amount) for name, amount in self._needs.items() if amount]
            self._welcome(min([self._compute, *places]), GRACE_S)
        except BaseException:
            self._close()
            raise
        if self._starting:
            _logger.warning(
                "the cluster has room for %d of %d Ray workers: the study starts with these, and the others join later",
                len(self._places),
                self._compute,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the actors."""
        self._close()

    def start(self, config: Config) -> Training:
        """The training of a config."""
        return _Remote(self, copy.deepcopy(config), self._cost(config))

    # ---- for the trainings ------------------------------------------------------------------------------------

    def occupy(self) -> _Place:
        """The process with the fewest trainings, and one more on it.

        Raises:
            StudyError: If one that is to replace a dead one cannot start.
        """
        self._welcome()
        self._await_one()
        place = min(self._places, key=lambda place: place.trainings)  # the first of equals
        place.trainings += 1
        return place

    def get(self, place: _Place, reference: Any) -> Any:
        """What a process answers.

        Raises:
            RayTaskError: If it raised.
            StudyError: If the process died.
        """
        try:
            return ray.get(reference)
        except RayActorError as error:
            if place in self._places:
                self._places.remove(place)
                self._add()
            raise StudyError(f"the Ray worker that trained it has died: {_line(error)}") from error

    # ---- within -----------------------------------------------------------------------------------------------

    def _add(self) -> None:
        """Begin to start a process."""
        options: dict[str, Any] = {"num_cpus": self._needs["CPU"], "num_gpus": self._needs.get("GPU", 0)}
        if "memory" in self._needs:
            options["memory"] = self._needs["memory"]
        custom = {name: amount for name, amount in self._needs.items() if name not in ("CPU", "GPU", "memory")}
        actor: Any = ray.remote(_Host).options(resources=custom, **options).remote(self._packed)
        self._starting[actor.ready.remote()] = _Place(actor)

    def _welcome(self, wanted: int = 0, timeout: float = 0.0) -> None:
        """Take in the processes that have started; wait until there are as many as `wanted`.

        Raises:
            StudyError: If one of them cannot have the trainable.
        """
        if not self._starting:
            return
        missing = min(max(wanted - len(self._places), 0), len(self._starting))
        if missing:
            ray.wait([*self._starting], num_returns=missing, timeout=timeout)
        for ready in ray.wait([*self._starting], num_returns=len(self._starting), timeout=0)[0]:
            place = self._starting.pop(ready)
            try:
                ray.get(ready)
            except RayError as error:
                raise StudyError(f"a Ray worker could not start: {_line(error)}") from error
            self._places.append(place)

    def _await_one(self) -> None:
        while not self._places:
            self._welcome(1, PATIENCE_S)
            if not self._places:
                free = ray.available_resources()
                _logger.warning(
                    "still waiting for a Ray worker with %s; free are %s",
                    self._needs,
                    {name: free.get(name, 0) for name in self._needs},
                )

    def _close(self) -> None:
        """End the processes; one that is in the middle of a long step is killed."""
        ending = [place.actor.end.remote() for place in self._places]
        try:
            if ending:
                ray.wait(ending, num_returns=len(ending), timeout=FAREWELL_S)
        finally:
            for place in [*self._places, *self._starting.values()]:
                ray.kill(place.actor)
            self._places, self._starting = [], {}


class _Place:
    """A process, and how many trainings it has."""

    def __init__(self, actor: Any) -> None:
        self.actor, self.trainings = actor, 0


class _State(NamedTuple):
    """A checkpoint; it stays in the object store until a training loads it."""

    reference: Any


class _Remote:
    """A training; its first step tells a process all that it needs, so that each step is one call."""

    _keys = itertools.count()

    def __init__(self, parallel: Parallel, config: Config, seconds: float) -> None:
        self._parallel, self._seconds = parallel, seconds
        self._key = next(self._keys)
        self._from: tuple[Any, ...] = (config,)
        self._place: _Place | None = None
        self._step: Any = None

    def begin(self) -> float:
        if self._place is None:
            self._place = self._parallel.occupy()
        self._step = self._place.actor.train.remote(self._key, *self._from)
        self._from = ()
        return self._seconds

    def result(self) -> dict[str, Any]:
        place: Any = self._place  # `begin` comes before
        step, self._step = self._step, None
        result: dict[str, Any] = self._parallel.get(place, step)
        return result

    def save(self) -> _State | None:
        if self._place is None:
            return _State(self._from[1]) if len(self._from) > 1 else None
        if self._step is not None:
            raise StudyError(
                "a checkpoint was asked for in the middle of a step, which a Ray worker may have finished: "
                "ask for it after a report, or train in this process (compute=0)"
            )
        saved, reference = self._place.actor.save.options(num_returns=2).remote(self._key)
        self._parallel.get(self._place, saved)
        return _State(reference)

    def load(self, state: _State) -> None:
        self._from = (*self._from, state.reference)

    def close(self) -> None:
        if self._place is not None:
            self._place.trainings -= 1
            self._place.actor.drop.remote(self._key)
            self._place = None


class _Host:
    """What the process of a Ray actor does: it trains as `InProcess` does."""

    def __init__(self, trainable: type[tune.Trainable]) -> None:
        self._evaluation = InProcess(trainable, lambda _config: 0.0)
        self._trainings: dict[int, Training] = {}

    def ready(self) -> None:
        """Nothing; it answers once the process is there."""

    def train(self, key: int, config: Config | None = None, state: Any = None) -> dict[str, Any]:
        """Train up to the next report; a config is the beginning of a training, a state what it goes on from."""
        if config is not None:
            self._trainings[key] = self._evaluation.start(config)
            if state is not None:
                self._trainings[key].load(state)
        return self._trainings[key].result()

    def save(self, key: int) -> tuple[None, Any]:
        """That there is a checkpoint, and the checkpoint."""
        return None, self._trainings[key].save()

    def drop(self, key: int) -> None:
        """Forget a training, if it could start."""
        if key in self._trainings:
            self._trainings.pop(key).close()

    def end(self) -> None:
        """Forget all trainings."""
        for key in [*self._trainings]:
            self.drop(key)


def _line(error: Exception) -> str:
    """The message of an error in one line."""
    return " ".join(str(error).split())
