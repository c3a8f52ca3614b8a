"""The samplers of Optuna (Akiba et al. 2019, "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD).

Ray's `OptunaSearch` is not used: it passes unsampled domains where choices are nested, learns nothing from trials that
crash or are killed while paused, and takes the last report of a stopped trial for its final value. Here, `ask`
and `tell` of a study in memory are used: parameters are suggested in the order of the space, those of a choice only if
it is chosen.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Unpack, final

from raytune_suite.errors import ArgumentError
from raytune_suite.models.threads import one_thread
from raytune_suite.optional import require
from raytune_suite.searchers.base import AskTellSearcher, SearcherArgs
from raytune_suite.spaces import FEATURES
from raytune_suite.types import COUNT
from raytune_suite.validation import checked, mapping, one_of, optional

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from raytune_suite.spaces import Parameter, Space
    from raytune_suite.spaces.scales import Number
    from raytune_suite.types import Config, Observation


class Sampler(NamedTuple):
    """How a sampler of Optuna is made.

    Attributes:
        cls: Its class in `optuna.samplers`.
        initial: Its argument for the number of random configs at first.
        arguments: Its other arguments.
        needs: Modules that it needs, each with the extra that has it.
    """

    cls: str
    initial: str
    arguments: dict[str, Any]
    needs: dict[str, str]


SAMPLERS: dict[str, Sampler] = {
    "tpe": Sampler("TPESampler", "n_startup_trials", {"multivariate": True, "group": True, "constant_liar": True}, {}),
    "gp": Sampler("GPSampler", "n_startup_trials", {"warn_independent_sampling": False}, {"torch": "torch"}),
    "cmaes": Sampler("CmaEsSampler", "n_startup_trials", {"warn_independent_sampling": False}, {"cmaes": "optuna"}),
    "nsgaii": Sampler("NSGAIISampler", "population_size", {}, {}),
}


class Pending(NamedTuple):
    """A trial that is running: its number in Optuna's study, and its config there."""

    number: int
    config: Config


@final
class OptunaSearcher(AskTellSearcher):
    """A sampler of Optuna: multivariate TPE, a Gaussian process, CMA-ES or NSGA-II.

    Trials that a scheduler stopped before the highest resource so far are reported to Optuna as pruned. Only `tpe`
    learns from these; the others learn from trials that were trained in full. Running and paused trials are pending:
    `tpe` and `gp` avoid their configs. A crash counts as the worst. In conditional spaces, `gp` and `cmaes` model the
    parameters that all configs have, and draw the others at random, as `cmaes` does with choices.
    """

    features: ClassVar[frozenset[str]] = frozenset(FEATURES) - {"grid"}
    extra: ClassVar[str] = "optuna"

    @checked(
        sampler=one_of(*SAMPLERS),
        n_initial=optional(COUNT),
        sampler_args=optional(mapping("a dict of arguments of Optuna's sampler, such as {'n_ei_candidates': 64}")),
    )
    def __init__(
        self,
        *,
        sampler: str = "tpe",
        n_initial: int | None = None,
        sampler_args: Mapping[str, Any] | None = None,
        **args: Unpack[SearcherArgs],
    ) -> None:
        """Create the searcher.

        Args:
            sampler: "tpe", "gp", "cmaes" or "nsgaii".
            n_initial: The number of random configs that are proposed first; for "nsgaii", the size of a generation.
                None for the sampler's default.
            sampler_args: More arguments of the class of the sampler in `optuna.samplers`.
            args: See `SearcherArgs`.

        Raises:
            ArgumentError: If an argument is invalid.
            MissingPackageError: If Optuna, or another package that the sampler needs, is not installed.
        """
        require("optuna", extra="optuna")
        for module, extra in SAMPLERS[sampler].needs.items():
            require(module, extra=extra)
        self._sampler, self._n_initial, self._sampler_args = sampler, n_initial, dict(sampler_args or {})
        super().__init__(**args)

    def setup(self, space: Space) -> None:
        """Start a study in memory."""
        import optuna

        self._parameters = {parameter.name: parameter for parameter in space.parameters}
        self._space = space
        self._distributions = {parameter.name: _distribution(parameter) for parameter in space.parameters}
        self._pending: dict[str, Pending] = {}
        self._longest = 0.0
        made = SAMPLERS[self._sampler]
        initial = {} if self._n_initial is None else {made.initial: self._n_initial}
        arguments = {"seed": int(self.rng.integers(2**31)), **made.arguments, **initial, **self._sampler_args}
        with _quiet():
            try:
                sampler = getattr(optuna.samplers, made.cls)(**arguments)
            except (TypeError, ValueError) as error:
                fix = f"optuna.samplers.{made.cls} says: {error}"
                allowed = "arguments of Optuna's sampler"
                raise ArgumentError.invalid("sampler_args", self._sampler_args, allowed, fix) from None
            self._study = optuna.create_study(study_name="raytune_suite", sampler=sampler)

    def ask(self) -> Config:
        """Return the sampler's next config."""
        for trial_id, config in self._live.items():
            if trial_id not in self._pending:
                self._begin(trial_id, config)
        with _quiet(), one_thread():
            trial = self._study.ask()
            values: dict[str, Number] = {}
            for name, parameter in self._parameters.items():
                condition = parameter.condition
                if condition is None or values.get(condition.parent) in condition.options:
                    values[name] = _native(parameter, _suggest(trial, name, self._distributions[name]))
        config = self._space.unflatten(values)
        self._pending[self.trial_id] = Pending(trial.number, config)
        return config

    def tell(self, observation: Observation) -> None:
        """Tell the study how a trial ended."""
        from optuna.trial import TrialState

        name = observation.trial_id
        if name in self._pending and self._pending[name].config != observation.config:
            self.dropped(name)  # another config was trained in place of the one that Optuna proposed
        if name not in self._pending:
            self._begin(name, observation.config)
        self._longest = max(self._longest, observation.resource)
        expected = self.max_t if self.levels and self.max_t else self._longest
        with _quiet():
            if observation.failed and self._sampler == "tpe":  # worse than those that were stopped, too
                self._study.tell(self._pending.pop(name).number, state=TrialState.PRUNED)
            elif observation.failed or observation.resource >= expected:
                self._study.tell(self._pending.pop(name).number, observation.loss)
            else:
                self.dropped(name)
                reported = {int(observation.resource): observation.loss}
                self._add(observation.config, state=TrialState.PRUNED, intermediate_values=reported)

    def dropped(self, trial_id: str) -> None:
        """Tell the study that a trial ended without an observation; samplers ignore it."""
        from optuna.trial import TrialState

        if trial_id in self._pending:
            with _quiet():
                self._study.tell(self._pending.pop(trial_id).number, state=TrialState.FAIL)

    def _begin(self, trial_id: str, config: Config) -> None:
        """Add a trial that Optuna did not propose as a running one."""
        from optuna.trial import TrialState

        self._add(config, state=TrialState.RUNNING)
        self._pending[trial_id] = Pending(len(self._study.get_trials(deepcopy=False)) - 1, config)

    def _add(self, config: Config, **fields: Any) -> None:
        import optuna

        values = self._space.flatten(config)
        self._study.add_trial(
            optuna.trial.create_trial(
                params={name: _stored(self._parameters[name], value) for name, value in values.items()},
                distributions={name: self._distributions[name] for name in values},
                **fields,
            )
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Neither log each step nor warn that an argument is experimental."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _in_units(parameter: Parameter) -> bool:
    """Whether Optuna searches the unit interval of a parameter: it knows neither normals nor steps on a log scale."""
    return parameter.scale.indices is None or (parameter.log and (parameter.q is not None or parameter.kind == "float"))


def _distribution(parameter: Parameter) -> Any:
    """Optuna's distribution for the positions of a choice, the multiples of a step, or the unit interval."""
    from optuna import distributions

    if parameter.kind == "categorical":
        return distributions.CategoricalDistribution(range(int(parameter.upper) + 1))
    if _in_units(parameter):
        return distributions.FloatDistribution(0.0, 1.0)
    indices = parameter.scale.indices
    assert indices is not None  # noqa: S101 - otherwise it is searched in units
    return distributions.IntDistribution(indices.start, indices.stop - 1, log=parameter.log)


def _suggest(trial: Any, name: str, distribution: Any) -> Any:
    if hasattr(distribution, "choices"):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution.low, int):
        return trial.suggest_int(name, distribution.low, distribution.high, log=distribution.log)
    return trial.suggest_float(name, distribution.low, distribution.high)


def _native(parameter: Parameter, stored: Any) -> Number:
    """Convert a value of Optuna's study to that of a parameter."""
    if parameter.kind == "categorical":
        return int(stored)
    return parameter.value(float(stored)) if _in_units(parameter) else parameter.accept(stored * (parameter.q or 1))


def _stored(parameter: Parameter, value: Any) -> Number:
    """Convert a value of a parameter to that of Optuna's study."""
    if parameter.kind == "categorical":
        return int(value)
    return parameter.unit(value) if _in_units(parameter) else round(value / (parameter.q or 1))
