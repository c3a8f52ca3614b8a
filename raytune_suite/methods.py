"""The table of methods, and how a name becomes a wired pair of searcher and scheduler.

A method is a pair: the searcher proposes configs, the scheduler decides which trials continue. The table uses the
standard names; any searcher and any scheduler can be composed as "searcher+scheduler", for example "tpe+asha".
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ray.tune.search import Searcher

from raytune_suite.automatic import AUTO, Conditions, MethodChoice, candidates
from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.optional import available
from raytune_suite.schedulers import SCHEDULERS, StudyScheduler, StudySearcher
from raytune_suite.searchers import SEARCHERS, AskTellSearcher
from raytune_suite.spaces import Space
from raytune_suite.validation import mapping, reject_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray import tune

    from raytune_suite.types import Objective


class Recipe(NamedTuple):
    """The names of a method's searcher and scheduler, and what it is in a line."""

    searcher: str
    scheduler: str
    summary: str


METHODS: dict[str, Recipe] = {
    "random": Recipe("random", "fifo", "independent random configs, each trained in full"),
    "random-fidelity": Recipe(
        "random-fidelity", "assigned", "independent random configs, each trained to a rung drawn at random"
    ),
    "sobol": Recipe("sobol", "fifo", "a scrambled Sobol sequence: more even than random"),
    "grid": Recipe("grid", "fifo", "every config of a finite space once"),
    "tpe": Recipe("tpe", "fifo", "tree-structured Parzen estimator, multivariate"),
    "gp": Recipe("gp", "fifo", "Bayesian optimization with a Gaussian process"),
    "hyperopt": Recipe("hyperopt", "fifo", "the Parzen estimator of the package hyperopt"),
    "bayesopt": Recipe("bayesopt", "fifo", "the Gaussian process of the package bayesian-optimization"),
    "optuna": Recipe("optuna", "fifo", "a sampler of the package Optuna: TPE, Gaussian process, CMA-ES or NSGA-II"),
    "median": Recipe("random", "median", "random configs; those below the median of the others are stopped"),
    "asha": Recipe("random", "asha", "random configs; asynchronous halving stops all but the best 1/eta at each rung"),
    "hyperband": Recipe("random", "hyperband", "random configs; synchronous brackets pause, promote and resume"),
    "async-hyperband": Recipe(
        "random",
        "async-hyperband",
        "Hyperband's brackets with asynchronous promotion; with brackets=1, ASHA as published",
    ),
    "pasha": Recipe(
        "random", "pasha", "asha as published, whose maximum resource grows only while the ranking of trials changes"
    ),
    "bohb": Recipe(
        "kde", "hyperband", "Hyperband with configs from a kernel density model of the good and the bad ones"
    ),
    "mfes": Recipe(
        "mfes", "asha", "asha with configs from models of all fidelities, weighted by how well they predict the highest"
    ),
    "mobster": Recipe("mobster", "asha", "asha with configs from one Gaussian process of configs and resources"),
    "forest": Recipe("forest", "asha", "asha with configs from a random forest"),
    "cqr": Recipe("cqr", "asha", "asha with configs from conformalized quantile regression"),
    "priorband": Recipe(
        "priorband", "hyperband", "Hyperband with configs from the user's prior, and mutations of the best one"
    ),
    "dehb": Recipe("dehb", "assigned", "Hyperband with configs from differential evolution at each fidelity"),
    "pbt": Recipe("random", "pbt", "population based training: bad members copy good ones and perturb their config"),
    "pb2": Recipe("random", "pb2", "like pbt, with a Gaussian process that chooses the new config"),
}


@dataclass(frozen=True)
class Method:
    """A searcher and a scheduler that belong together, ready for Ray.

    Attributes:
        name: Its name, for messages and names of studies.
        searcher: Any Ray Tune searcher that can be saved.
        scheduler: One of this package's schedulers, or any other of Ray's in `StockScheduler`.

    Example:
        >>> from ray import tune
        >>> space = {"lr": tune.loguniform(1e-4, 1.0)}
        >>> method = make_method("asha", space, metric="loss", mode="min", max_t=27)
        >>> config = method.tune_config(num_samples=10)
        >>> # tune.Tuner(train, param_space=space, tune_config=config).fit()
    """

    name: str
    searcher: Searcher
    scheduler: StudyScheduler

    @property
    def finite(self) -> bool:
        """Whether the searcher ends the study by itself."""
        return isinstance(self.searcher, AskTellSearcher) and self.searcher.finite

    @property
    def search_alg(self) -> StudySearcher:
        """The searcher with the scheduler's state, for code that takes Ray's `search_alg` and `scheduler` apart.

        Transformers' `hyperparameter_search(backend="ray")` is such code. Pass `scheduler` as well.
        """
        return StudySearcher(self.searcher, self.scheduler)

    def tune_config(self, **options: Any) -> tune.TuneConfig:
        """A `tune.TuneConfig` with this method in it; `options` are its other fields, such as `num_samples`.

        Raises:
            ArgumentError: If an option would undo the wiring.
        """
        from ray import tune

        if "max_concurrent_trials" in options:
            raise ArgumentError(
                "`max_concurrent_trials` counts paused trials, so a rung may never fill: "
                "pass `max_concurrent` to `make_method` instead"
            )
        for name in ("search_alg", "scheduler"):
            if name in options:
                raise ArgumentError(f"`{name}` is set by the method: leave it out")
        return tune.TuneConfig(search_alg=self.search_alg, scheduler=self.scheduler, **options)


def choose_method(space: dict[str, Any] | Space, conditions: Conditions, arguments: Mapping[str, Any]) -> MethodChoice:
    """Choose a method for a study: the first of `candidates` that can run.

    Args:
        space: The search space.
        conditions: What is known about the study.
        arguments: The user's arguments, all of which the method must accept.

    Raises:
        SpaceError: If the space is malformed.
    """
    compiled = Space.of(space)
    choices = list(candidates(compiled, conditions))
    # If none can run, making the first one says why.
    able = (choice for choice in choices if _can_run(choice, compiled, arguments, warm=conditions.warm))
    return next(able, choices[0])


def _can_run(choice: MethodChoice, space: Space, arguments: Mapping[str, Any], *, warm: bool) -> bool:
    """Whether a method supports a space, accepts all arguments, has its packages, and learns from others if `warm`."""
    searcher, scheduler = parts(choice.method)
    sides: tuple[type[Any], type[Any]] = SEARCHERS[searcher], SCHEDULERS[scheduler]
    if warm and not sides[0].learns:
        return False
    return all(
        space.features <= side.features and (side.extra is None or available(side.extra)) for side in sides
    ) and set(arguments) <= {*options(sides[0]), *options(sides[1])}


METHOD_ARGS = mapping("a dict of arguments of the method, such as {'eta': 4}")


def parts(name: str) -> tuple[str, str]:
    """The names of the searcher and the scheduler of a method.

    Raises:
        UnknownNameError: If there is no such method, searcher or scheduler; the message suggests a near one, or a pair
            where the name is that of a searcher or a scheduler.

    Example:
        >>> parts("asha"), parts("tpe+asha")
        (('random', 'asha'), ('tpe', 'asha'))
    """
    if not isinstance(name, str):
        raise ArgumentError.invalid("method", name, "a name such as 'asha' or 'tpe+asha', or a Method", _wrapped(name))
    if name in METHODS:
        return METHODS[name].searcher, METHODS[name].scheduler
    searcher, plus, scheduler = name.partition("+")
    if not plus:
        raise UnknownNameError("method", name, METHODS, suggestion=pair_with(name))
    if searcher not in SEARCHERS and searcher in SCHEDULERS and scheduler in SEARCHERS:
        raise UnknownNameError("method", name, METHODS, suggestion=f"{scheduler}+{searcher}")
    SEARCHERS.place(searcher)
    SCHEDULERS.place(scheduler)
    return searcher, scheduler


def pair_with(name: str) -> str | None:
    """The simplest method with the searcher or the scheduler called `name`, or the pair that it joins without a plus.

    Example:
        >>> pair_with("kde"), pair_with("fifo"), pair_with("assigned"), pair_with("asah")
        ('kde+fifo', 'random+fifo', 'random-fidelity+assigned', None)
        >>> pair_with("tpe-asha"), pair_with("gp_async-hyperband")
        ('tpe+asha', 'gp+async-hyperband')
    """
    if name in SEARCHERS:
        return f"{name}+{'assigned' if SEARCHERS[name].assigns else 'fifo'}"
    if name in SCHEDULERS:
        return f"{'random-fidelity' if SCHEDULERS[name].enforces else 'random'}+{name}"
    for match in re.finditer(r"\W+|_", name):
        searcher, scheduler = name[: match.start()], name[match.end() :]
        if searcher in SEARCHERS and scheduler in SCHEDULERS:
            return f"{searcher}+{scheduler}"
    return None


def _wrapped(value: Any) -> str:
    """What to write instead of a searcher where a method belongs; "" for anything else."""
    searches = isinstance(value, Searcher) or (isinstance(value, type) and issubclass(value, Searcher))
    return "Method('mine', searcher, SCHEDULERS['fifo'](max_t=27)) has your searcher" if searches else ""


def make_method(
    name: str,
    space: dict[str, Any] | Space | None = None,
    *,
    metric: str | None = None,
    mode: str | None = None,
    max_t: int | None = None,
    time_attr: str = "training_iteration",
    max_concurrent: int | None = None,
    seed: int = 0,
    **arguments: Any,
) -> Method:
    """Make the method called `name`.

    Args:
        name: A method ("asha") or a pair ("tpe+asha"); `raytune-suite list methods` shows them. "auto" chooses one by
            the space and `max_t`; `raytune_suite.tune` also considers the budget and the trainable.
        space: The search space, a dict of Ray Tune's domains. By default that of the `tune.Tuner`, where it is then
            checked. Population methods need it here.
        metric: The reported value to optimize; by default that of the `tune.TuneConfig`.
        mode: "min" or "max"; by default that of the `tune.TuneConfig`.
        max_t: The maximum resource of a trial, in units of `time_attr`; multi-fidelity methods need it.
        time_attr: The reported value that measures a trial's resource; by default the number of reports.
        max_concurrent: The maximum number of trials at once; None for as many as fit on the cluster.
        seed: Seeds all random draws of the method.
        arguments: The arguments of the searcher and the scheduler, such as `eta=4`.

    Raises:
        UnknownNameError: If the name or an argument is unknown.
        ArgumentError: If an argument cannot be used, or the pair cannot work together.
        SpaceError: If the space is malformed, or has a parameter that the method does not support.
        MissingPackageError: If the method needs a package that is not installed.
    """
    if name == AUTO:
        if space is None:
            raise ArgumentError(f"method {AUTO!r} needs `space`, on which the choice depends")
        ladder = {key: arguments[key] for key in ("min_t", "eta") if key in arguments}
        choice = choose_method(space, Conditions(max_t=max_t, time_attr=time_attr, **ladder), arguments)
        name, arguments = choice.method, {**choice.arguments, **arguments}
    searcher_name, scheduler_name = parts(name)
    searcher_class, scheduler_class = SEARCHERS[searcher_name], SCHEDULERS[scheduler_name]
    known = {side: options(side) for side in (searcher_class, scheduler_class)}
    reject_unknown(f"method {name!r}", arguments, sorted(set().union(*known.values())))
    if max_t is None and scheduler_class.ladder:
        raise ArgumentError(f"method {name!r} needs `max_t`, the maximum {time_attr} of a trial")
    _check_fidelities(name, searcher_class, scheduler_class)
    common: dict[str, Any] = {"space": space, "metric": metric, "mode": mode, "time_attr": time_attr, "seed": seed}
    own = {side: {key: value for key, value in arguments.items() if key in known[side]} for side in known}
    scheduler = scheduler_class(max_t=max_t, max_concurrent=max_concurrent, **common, **own[scheduler_class])
    searcher = searcher_class(max_t=max_t, levels=scheduler.levels, **common, **own[searcher_class])
    return Method(name, searcher, scheduler)


def resolve_method(
    method: str | Method,
    space: Space,
    objective: Objective,
    *,
    arguments: Mapping[str, Any],
    defaults: Mapping[str, Any],
    max_concurrent: int | None,
    seed: int,
    stateless: str = "",
) -> Method:
    """The method of a study: made from its name, or a `Method` whose parts are completed and checked.

    Args:
        method: The name of a method, or a `Method`.
        space: The compiled search space.
        objective: What the study optimizes.
        arguments: The user's arguments of the method.
        defaults: Arguments that the workload suggests; those that the method does not take are ignored.
        max_concurrent: The maximum number of trials that run at once; None for no limit.
        seed: Seeds all random draws of the method.
        stateless: Why trainings cannot be copied or changed midway; "" if they can.

    Raises:
        UnknownNameError: If the name or an argument is unknown.
        ArgumentError: If an argument cannot be used, the method needs what the trainings lack, or a `Method` was made
            with other settings than the study's.
        SpaceError: If the method does not support the space.
    """
    METHOD_ARGS.check("method_args", arguments)
    if isinstance(method, Method):
        if arguments or max_concurrent is not None:
            raise ArgumentError("`method` is a Method: pass `method_args` and `max_concurrent` to `make_method`")
        _check_sides(method)
        _check_fidelities(method.name, type(method.searcher), type(method.scheduler))
        _check_state(method.name, type(method.scheduler), stateless)
        return _completed(method, space, objective)
    searcher, scheduler = parts(method)
    _check_state(method, SCHEDULERS[scheduler], stateless)
    known = {*options(SEARCHERS[searcher]), *options(SCHEDULERS[scheduler])}
    reject_unknown(f"method {method!r}", arguments, sorted(known))
    suggested = {name: value for name, value in defaults.items() if name in known}
    return make_method(
        method,
        space,
        metric=objective.metric,
        mode=objective.mode,
        max_t=objective.max_t,
        time_attr=objective.time_attr,
        max_concurrent=max_concurrent,
        seed=seed,
        **{**suggested, **arguments},
    )


def _completed(method: Method, space: Space, objective: Objective) -> Method:
    """A user's `Method`, with the study's space, metric and mode where it was made without.

    Raises:
        ArgumentError: If it was made with others, or has been used before.
    """
    ok = method.searcher.set_search_properties(objective.metric, objective.mode, space.param_space)
    if not ok and not isinstance(method.searcher, AskTellSearcher):  # such as Ray's OptunaSearch with its own space
        ok = (method.searcher.metric, method.searcher.mode) == (objective.metric, objective.mode)
    if not ok or not method.scheduler.set_search_properties(objective.metric, objective.mode):
        raise ArgumentError(
            f"`method` {method.name!r} was made with another space, metric or mode than the study has: "
            "omit them in `make_method`"
        )
    for name in ("max_t", "time_attr"):
        theirs, ours = getattr(method.scheduler, name), getattr(objective, name)
        if theirs != ours:
            raise ArgumentError(f"`method` {method.name!r} was made with {name}={theirs!r}, but the study has {ours!r}")
    if method.scheduler.used():
        raise ArgumentError(f"`method` {method.name!r} has been used in a study: make a new one for each study")
    return method


def _check_sides(method: Method) -> None:
    """Check the types of the searcher and the scheduler of a user's `Method`.

    Raises:
        ArgumentError: If one cannot be used.
    """
    searcher, scheduler = cast("Any", method.searcher), cast("Any", method.scheduler)
    if not isinstance(scheduler, StudyScheduler):
        fix = "wrap a Ray scheduler in `raytune_suite.schedulers.stock.StockScheduler`"
        what = "a StudyScheduler, such as SCHEDULERS['fifo'](max_t=27)"
        raise ArgumentError.invalid("method.scheduler", scheduler, what, fix)
    if not isinstance(searcher, Searcher):
        what = "a ray.tune.search.Searcher, such as an AskTellSearcher"
        raise ArgumentError.invalid("method.searcher", searcher, what)


def _check_fidelities(name: str, searcher: type[Any], scheduler: type[StudyScheduler]) -> None:
    """Check that a scheduler enforces fidelities if, and only if, the searcher assigns them.

    Raises:
        ArgumentError: If not.
    """
    if getattr(searcher, "assigns", False) == scheduler.enforces:
        return
    assigns, enforces = ("does not assign", "enforces") if scheduler.enforces else ("assigns", "does not enforce")
    remedy = "use 'dehb' or 'random-fidelity'" if scheduler.enforces else "use the scheduler 'assigned'"
    raise ArgumentError(
        f"`method` is {name!r}, but its searcher {assigns} fidelities, which its scheduler {enforces}: {remedy}"
    )


def _check_state(name: str, scheduler: type[StudyScheduler], stateless: str) -> None:
    reason = lacks_state(name, scheduler, stateless)
    if reason:
        raise ArgumentError(reason)


def lacks_state(name: str, scheduler: type[StudyScheduler], stateless: str) -> str:
    """Why a method does not support trainings that are `stateless` (see `resolve_method`); "" if it does."""
    if not stateless or not scheduler.needs_state:
        return ""
    return (
        f"method {name!r} copies and changes trainings, but {stateless}: "
        "use asha, hyperband or bohb, or a workload that is trained live"
    )


def options(side: type[Any]) -> tuple[str, ...]:
    """The names of the arguments that a searcher or scheduler class adds to the common ones.

    Example:
        >>> options(SCHEDULERS["asha"])
        ('min_t', 'eta', 'brackets')
    """
    common = {"self", "space", "metric", "mode", "max_t", "levels", "time_attr", "seed", "max_concurrent"}
    own = inspect.signature(side.__init__).parameters.values()
    names = [p.name for p in own if p.kind is p.KEYWORD_ONLY and p.name not in common]
    return (*names, *(("points_to_evaluate",) if issubclass(side, AskTellSearcher) else ()))
