"""A user's own method in a comparison: what a factory makes, so that it can be run as any other."""

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

    from raytune_suite.tuning.task import Problem
    from raytune_suite.types import Config


@final
class Guest(Searcher):
    """Passes all on to a plain Ray searcher that has its space already, and puts the training seed into its configs."""

    def __init__(self, searcher: Searcher, constants: Config) -> None:
        """`constants` are added to each config."""
        super().__init__(metric=searcher.metric, mode=searcher.mode)
        self.searcher, self.constants = searcher, constants

    def set_search_properties(self, metric: str | None, mode: str | None, config: Config, **spec: Any) -> bool:  # noqa: ARG002 - Ray's signature
        """Its factory has been given all of it."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """A config, or whatever else a searcher may say."""
        suggested = self.searcher.suggest(trial_id)
        return {**self.constants, **suggested} if isinstance(suggested, dict) else suggested

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass on."""
        self.searcher.on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Pass on."""
        self.searcher.on_trial_complete(trial_id, result, error)

    def save(self, checkpoint_path: str) -> None:
        """Pass on."""
        self.searcher.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Pass on."""
        self.searcher.restore(checkpoint_path)


def invite(label: str, factory: Callable[..., Any], args: Mapping[str, Any], problem: Problem, seed: int) -> Method:
    """The method that a user's factory makes for a problem.

    The factory is called with `args` and with those of space, metric, mode, max_t, time_attr and seed that it takes by
    name. It returns a `Method`, or a Ray searcher, whose configs are then trained to their end.

    The space that it is offered has hyperparameters only. If it makes one of this package's searchers for that space,
    it is called again with the training seed in it: these put what is constant into their configs themselves.

    Raises:
        ArgumentError: If it returns anything else, or Python cannot tell what it takes.
    """
    offered = {"space": dict(problem.space), "metric": problem.metric, "mode": problem.mode, "max_t": problem.max_t}
    offered |= {"time_attr": problem.time_attr, "seed": seed}
    try:
        parameters = inspect.signature(factory).parameters.values()
    except ValueError as error:
        raise ArgumentError(f"method {label!r} is {factory!r}, but must make a Ray searcher or a Method") from error
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    taken = {parameter.name for parameter in parameters}
    given = {**{key: value for key, value in offered.items() if takes_all or key in taken}, **args}
    made = factory(**given)
    if "space" in given and "space" not in args and _lacks_the_seed(made, problem):
        made = factory(**{**given, "space": dict(problem.full_space)})
    if isinstance(made, Searcher):
        made = Method(label, made, FIFO(max_t=problem.max_t, time_attr=problem.time_attr))
    if not isinstance(made, Method):
        raise ArgumentError(f"the factory of method {label!r} made {made!r}, but must make a Ray searcher or a Method")
    if isinstance(made.searcher, AskTellSearcher):
        return made
    constants = {SEED: problem.tuning_seeds[0]} if problem.tuning_seeds else {}
    return Method(label, Guest(made.searcher, constants), made.scheduler)


def _lacks_the_seed(made: Any, problem: Problem) -> bool:
    """Whether a searcher of this package was made for the space without the training seed."""
    searcher = made.searcher if isinstance(made, Method) else made
    if not isinstance(searcher, AskTellSearcher) or searcher.space is None or not problem.tuning_seeds:
        return False
    return SEED not in searcher.space.constants


def identity(factory: Callable[..., Any]) -> str:
    """What stands for a factory in the key of its runs: its name, and a checksum of the file that defines it.

    So its runs are done again when its file has changed.
    """
    name = f"{getattr(factory, '__module__', '')}:{getattr(factory, '__qualname__', type(factory).__qualname__)}"
    try:
        code = Path(inspect.getfile(factory)).read_bytes()
    except (TypeError, OSError):  # typed into an interpreter, or a callable object
        code = cloudpickle.dumps(factory)
    return f"{name}#{hashlib.sha256(code).hexdigest()[:16]}"
