"""User-defined methods in a comparison: build them with a factory, and run them like registered methods."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from ray import cloudpickle
from ray.tune.search import Searcher

from raytune_suite.errors import ArgumentError
from raytune_suite.methods import Method
from raytune_suite.schedulers.fifo import FIFO
from raytune_suite.searchers import AskTellSearcher
from raytune_suite.types import SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from raytune_suite.tuning.task import TuningTask
    from raytune_suite.types import Config


@final
class SearcherAdapter(Searcher):
    """Wraps a plain Ray searcher that already has its search space, and adds the training seed to its configs."""

    def __init__(self, searcher: Searcher, constants: Config) -> None:
        """Wrap `searcher`; `constants` are added to each config."""
        super().__init__(metric=searcher.metric, mode=searcher.mode)
        self.searcher, self.constants = searcher, constants

    def set_search_properties(self, metric: str | None, mode: str | None, config: Config, **spec: Any) -> bool:  # noqa: ARG002 - Ray's signature
        """Do nothing: the factory has already received the metric, the mode and the space."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """Return the searcher's config with the constants added, or any other answer unchanged."""
        suggested = self.searcher.suggest(trial_id)
        return {**self.constants, **suggested} if isinstance(suggested, dict) else suggested

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Forward to the searcher."""
        self.searcher.on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Forward to the searcher."""
        self.searcher.on_trial_complete(trial_id, result, error)

    def save(self, checkpoint_path: str) -> None:
        """Forward to the searcher."""
        self.searcher.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Forward to the searcher."""
        self.searcher.restore(checkpoint_path)


def build_custom_method(
    label: str, factory: Callable[..., Any], args: Mapping[str, Any], task: TuningTask, seed: int
) -> Method:
    """Build the method of a user's factory for a tuning task.

    The factory is called with `args` and with those of space, metric, mode, max_t, time_attr and seed that it accepts
    by name. It returns a `Method`, or a Ray searcher; the configs of a searcher are trained to `max_t`.

    The space passed to it contains hyperparameters only. If the factory creates one of this package's searchers for
    that space, it is called again with the training seed in the space, since these searchers add constants themselves.

    Raises:
        ArgumentError: If the factory returns anything else, or its signature cannot be inspected.
    """
    available = {
        "space": dict(task.space),
        "metric": task.objective.metric,
        "mode": task.objective.mode,
        "max_t": task.objective.max_t,
    }
    available |= {"time_attr": task.objective.time_attr, "seed": seed}
    try:
        parameters = inspect.signature(factory).parameters.values()
    except ValueError as error:
        raise ArgumentError(
            f"method {label!r} is {factory!r}, but must be a function or class that returns a Ray searcher or a Method"
        ) from error
    accepts_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    accepted = {parameter.name for parameter in parameters}
    arguments = {**{key: value for key, value in available.items() if accepts_all or key in accepted}, **args}
    built = factory(**arguments)
    if "space" in arguments and "space" not in args and _lacks_the_seed(built, task):
        built = factory(**{**arguments, "space": dict(task.full_space)})
    if isinstance(built, Searcher):
        built = Method(label, built, FIFO(max_t=task.objective.max_t, time_attr=task.objective.time_attr))
    if not isinstance(built, Method):
        raise ArgumentError(
            f"the factory of method {label!r} returned {built!r}, but must return a Ray searcher or a Method"
        )
    if isinstance(built.searcher, AskTellSearcher):
        return built
    constants = {SEED: task.tuning_seeds[0]} if task.tuning_seeds else {}
    return Method(label, SearcherAdapter(built.searcher, constants), built.scheduler)


def _lacks_the_seed(built: Any, task: TuningTask) -> bool:
    """Whether this is a searcher of this package for the space without the training seed."""
    searcher = built.searcher if isinstance(built, Method) else built
    if not isinstance(searcher, AskTellSearcher) or searcher.space is None or not task.tuning_seeds:
        return False
    return SEED not in searcher.space.constants


def factory_identity(factory: Callable[..., Any]) -> str:
    """Identify a factory in the key of its runs by its name and a checksum of the file that defines it.

    Its runs are thus repeated when that file changes.
    """
    name = f"{getattr(factory, '__module__', '')}:{getattr(factory, '__qualname__', type(factory).__qualname__)}"
    try:
        source = Path(inspect.getfile(factory)).read_bytes()
    except (TypeError, OSError):  # defined in an interactive session, or a callable object
        source = cloudpickle.dumps(factory)
    return f"{name}#{hashlib.sha256(source).hexdigest()[:16]}"
