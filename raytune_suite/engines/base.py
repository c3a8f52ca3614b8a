"""The interface between `tune` and what runs a study: `Engine.run(spec)` returns an `Outcome`.

`engines.ray.engine.RayEngine` and `engines.simulated.engine.Simulation` implement it; `tune` never asks which of the
two it has.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from raytune_suite.engines.storage import Folder, study_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ray import tune
    from ray.tune import Callback, Stopper
    from ray.tune.search import Searcher

    from raytune_suite.engines.callbacks.decision_log import DecisionLog
    from raytune_suite.engines.callbacks.study_log import StudyLog
    from raytune_suite.engines.resources import Resources
    from raytune_suite.schedulers import StudyScheduler
    from raytune_suite.types import Config, Curve, Objective

    Trainable: TypeAlias = Callable[[dict[str, Any]], Any] | type[tune.Trainable] | str


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """Everything an engine needs to know to run a study.

    Attributes:
        trainable: A function of a config, a `tune.Trainable` class, or the name of a registered trainable.
        objective: What is optimized, and how training is measured.
        searcher: A Ray searcher that has its space.
        scheduler: A scheduler of this package.
        storage_path: The folder or URI that holds the study's folder.
        name: The name of the study's folder.
        storage_filesystem: The file system of pyarrow in which `storage_path` is; None for a folder or URI.
        curve: A function (config, training seed) -> whole learning curve; None if models are trained.
        cost: The declared seconds between two reports of a config; None if not declared.
        seeds: The training seeds on which each trial trains; with several, their metrics are averaged.
        num_samples: The maximum number of trials; None for no limit.
        budget: The total resource that all trials may spend, in units of `time_attr`; None for no limit.
        time_limit: Seconds (virtual ones on the simulated clock); None for no limit.
        dollars: US dollars; None for no limit.
        price_per_hour: US dollars per hour of one machine; None for what is known about the machines.
        stop: Other rules that end the study or a trial.
        resources: What a trial occupies, such as `{"cpu": 1, "gpu": 0.5}`, or the bundles of its processes; None for
            one CPU.
        callbacks: The user's Ray callbacks.
        title: The start of the progress line; None for no progress line.
        resume: Whether to continue the study that is stored under this name.
        extendable: Whether to store the state in which a limit ends the study, so that it can be extended.
        manifest: The content of the study's manifest, of which each snapshot has a copy; b"" if it has none.
        check_lock: Raises a StudyError if another process has taken over the study.
    """

    trainable: Trainable
    objective: Objective
    searcher: Searcher
    scheduler: StudyScheduler
    storage_path: str
    name: str
    storage_filesystem: Any = None
    curve: Callable[[Config, int], Curve] | None = None
    cost: Callable[[Config], float] | None = None
    seeds: tuple[int, ...] = ()
    num_samples: int | None = None
    budget: float | None = None
    time_limit: float | None = None
    dollars: float | None = None
    price_per_hour: float | None = None
    stop: tuple[Stopper, ...] = ()
    resources: Resources | None = None
    callbacks: tuple[Callback, ...] = ()
    title: str | None = None
    resume: bool = False
    extendable: bool = False
    manifest: bytes = b""
    check_lock: Callable[[], None] = lambda: None

    @property
    def path(self) -> str:
        """The study's folder or URI."""
        return study_path(self.storage_path, self.name)

    @functools.cached_property
    def files(self) -> Folder:
        """The files in the study's folder.

        Raises:
            ArgumentError: If its path is not a URI of a file system of pyarrow.
            StudyError: If the object store cannot be reached.
        """
        return Folder.at(self.path, self.storage_filesystem)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an engine returns.

    Attributes:
        log: The study's log: reports, trials, costs.
        scheduler: The scheduler as it is at the end; after a resume, it is not the object that was passed in.
        decisions: The decision log; its times are NaN on Ray. None if the study was interrupted.
        interrupted: Whether Ctrl-C ended the study.
        result_grid: Ray's own result; None for a simulated study.
        overhead: The real seconds that everything but the training took; None on Ray, where trials run in parallel.
    """

    log: StudyLog
    scheduler: StudyScheduler
    decisions: DecisionLog | None = None
    interrupted: bool = False
    result_grid: tune.ResultGrid | None = None
    overhead: float | None = None


class Engine(Protocol):
    """Runs studies."""

    @property
    def workers(self) -> int | None:
        """How many trials run at once; None if that is not known before a study starts."""

    def describe(self) -> dict[str, Any]:
        """What a study's manifest records about the engine: JSON-like values."""

    def can_resume(self, study: Folder) -> bool:
        """Whether a study is stored in a folder that `run` can continue: it has a complete snapshot.

        Raises:
            OSError: If an object store cannot be reached.
        """

    def check(self, spec: StudySpec) -> None:
        """Check that the engine can run a study, before anything is written.

        Raises:
            ArgumentError: If it cannot.
        """

    def without_faults(self) -> Engine:
        """The engine without faults that it injects into a study, for the final evaluation."""

    def run(self, spec: StudySpec) -> Outcome:
        """Run a study, or continue it, until it ends or is interrupted.

        Raises:
            StudyError: If the study cannot continue; it can be resumed.
        """

    def finish(self, study: Folder) -> None:
        """Remove what the engine needs only until the results of a study are stored in its folder.

        Raises:
            StudyError: If the storage cannot be written.
        """


def trainable_name(trainable: Any) -> str:
    """The name of a trainable, for names of studies and for messages.

    Example:
        >>> import functools
        >>> trainable_name(functools.partial(len, "a")), trainable_name("registered"), trainable_name(lambda x: x)
        ('len', 'registered', 'lambda')
    """
    while isinstance(trainable, functools.partial):
        trainable = trainable.func
    name = trainable if isinstance(trainable, str) else getattr(trainable, "__name__", type(trainable).__name__)
    return str(name).strip("<>")
