"""What a workload is: everything that a study of it needs to know, in one frozen record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.optional import EXTRAS
from raytune_suite.seeding import check_seed
from raytune_suite.types import FAILED, Config, Mode, as_loss, as_number, check_mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray.tune import Trainable

    from raytune_suite.types import Curve


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A tuning problem: a space, a resource, a metric, and what evaluates a config: a trainable or a curve.

    Attributes:
        name: Its name in the registry, "kind/problem".
        summary: One line that says what is trained on what.
        trainable: The Ray class trainable; one `step()` is one unit of resource, and `config["seed"]` (0 where it is
            absent) decides every random draw of the training. Where only `curve` is given, it is made from that.
        curve: In place of a trainable: a config and a training seed give the whole curve, looked up or predicted. Its
            metrics hold `metric`. Such a workload has no state. None where models are trained.
        space: The search space in Ray Tune's own language. The seed is not part of it.
        metric: The reported number to tune by.
        mode: Whether less ("min") or more ("max") of it is better.
        cost: The declared seconds of one unit of resource for a config, on one CPU core. It is a model, not a
            measurement, so that a simulated clock runs alike on every machine.
        time_attr: The reported number that counts the resource.
        min_t: The least resource that a method should judge a config by (r).
        max_t: The most resource that a config is trained for (R).
        eta: The reduction factor that methods should use unless told otherwise.
        tuning_seeds: The training seeds that a method may see.
        test_seeds: The training seeds that judge its choice afterwards, disjoint from `tuning_seeds`. Empty where the
            data hold one training of each config only: then nothing can judge the choice but the metric itself.
        has_state: Whether a training can be saved and continued by another trial, as PBT needs.
        mutable: The parameters of `space` that may change during a training. PBT may perturb these alone: a clone
            takes all others over from its donor together with the checkpoint.
        bounds: The best and the worst value of the metric, by which regret is normalized: 0 is the best, 1 the worst.
            They are frozen with the workload, never taken from what a comparison has observed. None: not stated.
        optimum: The best value that `exact` can have, where that is known; it is the first of `bounds`.
        exact: The metric of a config at `max_t` without noise, where that is known.
        extra: The extra of pyproject.toml that the trainable needs, see `raytune_suite.optional`; None if none.

    Raises:
        ArgumentError: If a value cannot be used or two of them contradict each other.
        UnknownNameError: If `mutable` names no parameter of the space, or `extra` no extra.
    """

    name: str
    summary: str
    trainable: type[Trainable] = None  # type: ignore[assignment]  # until __post_init__ has made it from `curve`
    curve: Callable[[Config, int], Curve] | None = None
    space: dict[str, Any]
    metric: str
    mode: Mode
    cost: Callable[[Config], float]
    time_attr: str = "training_iteration"
    min_t: int = 1
    max_t: int
    eta: float = 3
    tuning_seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    test_seeds: tuple[int, ...] = (5, 6, 7, 8, 9)
    has_state: bool = False
    mutable: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None
    optimum: float | None = None
    exact: Callable[[Config], float] | None = None
    extra: str | None = None

    def __post_init__(self) -> None:
        self._check_words()
        self._check_resource()
        self._check_seeds()
        self._check_bounds()
        if not self.space:
            raise ArgumentError(f"`space` of workload {self.name!r} is empty, but must have a parameter to tune")
        if "seed" in self.space:
            raise ArgumentError(f"`space` of workload {self.name!r} has a parameter 'seed', which is no hyperparameter")
        for parameter in self.mutable:
            if parameter not in self.space:
                raise UnknownNameError(f"mutable parameter of workload {self.name!r}", parameter, self.space)
        if self.mutable and not self.has_state:
            raise ArgumentError(f"`mutable` is {self.mutable}, but nothing can change in trainings without `has_state`")
        if self.extra is not None and self.extra not in EXTRAS:
            raise UnknownNameError("extra", self.extra, EXTRAS)
        self._complete_trainable()

    def regret(self, config: Config) -> float:
        """How much worse a config is than the optimum, without noise and after a whole training; 0 or more.

        Raises:
            ArgumentError: If this workload knows no optimum.
        """
        if self.exact is None or self.optimum is None:
            raise ArgumentError(f"workload {self.name!r} knows no optimum: compare the scores on its test seeds")
        sign = 1 if self.mode == "min" else -1
        return max(0.0, sign * (self.exact(config) - self.optimum))

    def _complete_trainable(self) -> None:
        """Make the trainable from the curve, where that is what was given."""
        given = vars(self)["trainable"]
        if self.curve is None:
            if given is None:
                raise ArgumentError(f"workload {self.name!r} has no evaluator: give `trainable` or `curve`")
            return
        if self.has_state:
            raise ArgumentError(f"`has_state` of workload {self.name!r} is True, but a `curve` has no state to copy")
        if given is not None and getattr(given, "curve", None) != self.curve:  # `dataclasses.replace` hands it in again
            raise ArgumentError(f"workload {self.name!r} has both `trainable` and `curve`, but must have one of them")
        from raytune_suite.workloads.curves import curve_trainable

        made = curve_trainable(self.name.replace("/", "-"), self.curve, self.time_attr)
        object.__setattr__(self, "trainable", made)

    def _check_bounds(self) -> None:
        """Refuse bounds by which no regret could be normalized."""
        if self.bounds is not None:
            best, worst = (as_loss(value, self.mode) for value in self.bounds)
            if not best < worst < FAILED:
                raise ArgumentError(
                    f"`bounds` is {self.bounds}, but for {self.mode!r} must hold a best and a worst finite number"
                )
        if self.optimum is not None and self.bounds is not None and self.optimum != self.bounds[0]:
            raise ArgumentError(
                f"`optimum` is {self.optimum!r}, but the first of `bounds`, which is the best, is not it"
            )

    def _check_words(self) -> None:
        """Refuse empty names and a summary that a table could not show in one row."""
        for field in ("name", "summary", "metric", "time_attr"):
            if not getattr(self, field).strip():
                raise ArgumentError(f"`{field}` of workload {self.name!r} is empty")
        if "\n" in self.summary:
            raise ArgumentError(f"`summary` is {self.summary!r}, but must be one line")
        check_mode(self.mode)

    def _check_resource(self) -> None:
        """Refuse a range of resources in which no rung could lie."""
        if self.min_t < 1:
            raise ArgumentError(f"`min_t` is {self.min_t}, but must be 1 or more")
        if self.max_t < self.min_t:
            raise ArgumentError(f"`max_t` is {self.max_t}, but must be at least `min_t`, which is {self.min_t}")
        eta = as_number(self.eta)
        if eta is None or not math.isfinite(eta) or eta <= 1:
            raise ArgumentError(f"`eta` is {self.eta!r}, but must be greater than 1")

    def _check_seeds(self) -> None:
        """Refuse seeds by which a method could be judged on what it has seen."""
        for field in ("tuning_seeds", "test_seeds"):
            seeds = getattr(self, field)
            if len({check_seed(seed) for seed in seeds}) < len(seeds):
                raise ArgumentError(f"`{field}` is {seeds}, but must not hold a seed twice")
        if not self.tuning_seeds:
            raise ArgumentError("`tuning_seeds` is empty, but must hold one seed or more")
        shared = sorted(set(self.tuning_seeds) & set(self.test_seeds))
        if shared:
            raise ArgumentError(f"the seeds {shared} are in both `tuning_seeds` and `test_seeds`, which must differ")
