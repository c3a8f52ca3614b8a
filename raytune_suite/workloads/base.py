"""The definition of a workload: everything that a study of it needs, in one frozen record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.errors import ArgumentError, UnknownNameError
from raytune_suite.optional import EXTRAS
from raytune_suite.seeding import check_seed
from raytune_suite.types import FAILED, SEED, Config, Mode, as_loss, as_number, check_mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray.tune import Trainable

    from raytune_suite.types import Curve


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A tuning problem: a space, a resource, a metric, and an evaluator of configs, which is a trainable or a curve.

    Attributes:
        name: Its name in the registry, "kind/problem".
        summary: One line that describes what is trained on which data.
        trainable: The Ray class trainable. One `step()` is one unit of resource, and `config["seed"]` (0 if absent)
            determines every random draw of the training. If only `curve` is provided, it is created from that.
        curve: In place of a trainable, a function from a config and a training seed to the whole learning curve, which
            is looked up or predicted. Its metrics include `metric`. Such a workload has no state. None if models are
            trained.
        space: The search space as a dict of Ray Tune domains, without the seed.
        metric: The name of the reported value to optimize.
        mode: Whether the metric is minimized ("min") or maximized ("max").
        cost: A function from a config to the declared seconds of one unit of resource on one CPU core. It is a model,
            not a measurement, so that the simulated clock is the same on every machine.
        time_attr: The name of the reported value that measures the resource.
        min_t: The least resource at which a method should evaluate a config (r).
        max_t: The maximum resource of a trial (R).
        eta: The reduction factor that methods should use by default.
        tuning_seeds: The training seeds that a method may see.
        test_seeds: The training seeds that are used to evaluate the chosen config, disjoint from `tuning_seeds`. Empty
            if the data have only one training per config, so that the choice can be evaluated only by the metric.
        has_state: Whether a training can be saved and continued by another trial, as PBT requires.
        mutable: The parameters of `space` that may change during a training. PBT perturbs only these: a clone inherits
            all others from its donor together with the checkpoint.
        bounds: The best and the worst value of the metric, by which regret is normalized: 0 is the best, 1 the worst.
            They are frozen with the workload and do not depend on the observations of a comparison. None if unknown.
        optimum: The best possible value of `exact`, if known; equal to the first of `bounds`.
        exact: A function from a config to its metric at `max_t` without noise, if known.
        extra: The extra of pyproject.toml that the trainable needs, see `raytune_suite.optional`; None if none.

    Raises:
        ArgumentError: If a value is invalid, or two values contradict each other.
        UnknownNameError: If `mutable` has an unknown parameter, or `extra` is unknown.
    """

    name: str
    summary: str
    trainable: type[Trainable] = None  # type: ignore[assignment]  # until __post_init__ creates it from `curve`
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
        self._check_texts()
        self._check_resource()
        self._check_seeds()
        self._check_bounds()
        if not self.space:
            raise ArgumentError(f"`space` of workload {self.name!r} is empty, but must have at least one parameter")
        if SEED in self.space:
            raise ArgumentError(
                f"`space` of workload {self.name!r} has a parameter {SEED!r}, which is reserved for the training seed: "
                "remove or rename it"
            )
        for parameter in self.mutable:
            if parameter not in self.space:
                raise UnknownNameError(f"mutable parameter of workload {self.name!r}", parameter, self.space)
        if self.mutable and not self.has_state:
            raise ArgumentError(f"`mutable` is {self.mutable}, but must be empty if `has_state` is False")
        if self.extra is not None and self.extra not in EXTRAS:
            raise UnknownNameError("extra", self.extra, EXTRAS)
        self._complete_trainable()

    def regret(self, config: Config) -> float:
        """Return how much worse a config is than the optimum, without noise and at `max_t`; 0 or more.

        Raises:
            ArgumentError: If the optimum of this workload is unknown.
        """
        if self.exact is None or self.optimum is None:
            raise ArgumentError(
                f"the optimum of workload {self.name!r} is unknown: compare the scores on its test seeds instead"
            )
        sign = 1 if self.mode == "min" else -1
        return max(0.0, sign * (self.exact(config) - self.optimum))

    def _complete_trainable(self) -> None:
        """Create the trainable from the curve, if there is one."""
        provided = vars(self)["trainable"]
        if self.curve is None:
            if provided is None:
                raise ArgumentError(f"workload {self.name!r} has no evaluator: provide `trainable` or `curve`")
            return
        if self.has_state:
            raise ArgumentError(f"`has_state` of workload {self.name!r} is True, but a `curve` has no state to copy")
        if provided is not None and getattr(provided, "curve", None) != self.curve:  # else from `dataclasses.replace`
            raise ArgumentError(f"workload {self.name!r} has both `trainable` and `curve`, but must have one of them")
        from raytune_suite.workloads.curves import curve_trainable

        created = curve_trainable(self.name.replace("/", "-"), self.curve, self.time_attr)
        object.__setattr__(self, "trainable", created)

    def _check_bounds(self) -> None:
        """Reject bounds that cannot be used to normalize regret."""
        if self.bounds is not None:
            best, worst = (as_loss(value, self.mode) for value in self.bounds)
            if not best < worst < FAILED:
                raise ArgumentError(
                    f"`bounds` is {self.bounds}, but must be a best and a worst finite number for mode {self.mode!r}"
                )
        if self.optimum is not None and self.bounds is not None and self.optimum != self.bounds[0]:
            raise ArgumentError(
                f"`optimum` is {self.optimum!r}, but must equal the first of `bounds`, which is {self.bounds[0]!r}"
            )

    def _check_texts(self) -> None:
        """Reject empty names and a summary of several lines."""
        for field in ("name", "summary", "metric", "time_attr"):
            if not getattr(self, field).strip():
                raise ArgumentError(f"`{field}` of workload {self.name!r} is empty, but must be a text")
        if "\n" in self.summary:
            raise ArgumentError(f"`summary` is {self.summary!r}, but must be one line")
        check_mode(self.mode)

    def _check_resource(self) -> None:
        """Reject a range of resources that has no rungs."""
        if self.min_t < 1:
            raise ArgumentError(f"`min_t` is {self.min_t}, but must be 1 or more")
        if self.max_t < self.min_t:
            raise ArgumentError(f"`max_t` is {self.max_t}, but must be at least `min_t`, which is {self.min_t}")
        eta = as_number(self.eta)
        if eta is None or not math.isfinite(eta) or eta <= 1:
            raise ArgumentError(f"`eta` is {self.eta!r}, but must be greater than 1")

    def _check_seeds(self) -> None:
        """Reject seeds with which a method would be evaluated on trainings that it has seen."""
        for field in ("tuning_seeds", "test_seeds"):
            seeds = getattr(self, field)
            if len({check_seed(seed) for seed in seeds}) < len(seeds):
                raise ArgumentError(f"`{field}` is {seeds}, but must not contain a seed twice")
        if not self.tuning_seeds:
            raise ArgumentError("`tuning_seeds` is empty, but must contain at least one seed")
        shared = sorted(set(self.tuning_seeds) & set(self.test_seeds))
        if shared:
            raise ArgumentError(
                f"the seeds {shared} are in both `tuning_seeds` and `test_seeds`, which must be disjoint"
            )
