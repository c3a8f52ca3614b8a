"""A fuzzer of calls of `tune`, spaces, arguments of methods, and settings.

It accepts success, or a RaytuneSuiteError, in bounded time.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ray import tune

import raytune_suite as rts
from raytune_suite.engines.simulated.running_trial import Fault
from raytune_suite.errors import ArgumentError, RaytuneSuiteError, SpaceError
from raytune_suite.methods import METHODS, make_method, options, parts
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS
from raytune_suite.spaces import Space
from tests.faults.fuzzing import NUMBERS, anything, fuzz, keys, scalars

if TYPE_CHECKING:
    from raytune_suite.engines.base import Outcome, StudySpec
    from raytune_suite.engines.storage import Folder


class Reached(RaytuneSuiteError):  # noqa: N818 - it is no error
    """All checks have passed, and the study would run for long."""


@dataclass(frozen=True)
class ShortStudies:
    """The simulated engine for studies that are short; a longer one raises `Reached` when it would start."""

    engine: rts.Simulation = field(default_factory=lambda: rts.Simulation(workers=2))

    def describe(self) -> dict[str, Any]:
        return self.engine.describe()

    def can_resume(self, study: Folder) -> bool:
        return self.engine.can_resume(study)

    def without_faults(self) -> ShortStudies:
        return self

    def check(self, spec: StudySpec) -> None:
        self.engine.check(spec)

    def run(self, spec: StudySpec) -> Outcome:
        trials, budget = spec.num_samples or math.inf, spec.budget or math.inf
        if min(trials * (spec.objective.max_t or math.inf), budget) > 30 or len(spec.seeds) > 3:
            raise Reached
        return self.engine.run(spec)

    def finish(self, study: Folder) -> None:
        self.engine.finish(study)


class Line(tune.Trainable):
    """Reports what is left of x; takes any config."""

    def setup(self, config: dict[str, Any]) -> None:
        x = config.get("x", 0.0)
        self.loss = float(x) if isinstance(x, (int, float)) else 0.0

    def step(self) -> dict[str, Any]:
        self.loss /= 2
        return {"loss": self.loss}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002 - Ray's signature
        return {"loss": self.loss}

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.loss = checkpoint["loss"]


def run(**call: Any) -> None:
    """Call `tune`; its folder is new, and empty after a rejection."""
    with tempfile.TemporaryDirectory(dir=".") as studies:
        usual = {
            "trainable": Line,
            "space": {"x": tune.uniform(0, 1)},
            "metric": "loss",
            "mode": "min",
            "max_t": 3,
            "num_samples": 2,
            "method": "random",
            "engine": ShortStudies(),
            "progress": False,
            "storage_path": studies,
        }
        try:
            rts.tune(**{**usual, **call})
        except Reached:
            pass
        except (ArgumentError, SpaceError) as error:
            assert not list(Path(studies).iterdir()), error  # noqa: PT017 - the kind of error decides
            assert len(str(error)) < 5000  # noqa: PT017 - bounded
        except RaytuneSuiteError as error:
            assert len(str(error)) < 10_000  # noqa: PT017 - bounded


ARGUMENTS = (
    *("trainable", "space", "method", "method_args", "metric", "mode", "max_t", "time_attr", "num_samples", "budget"),
    *("time_limit", "resources", "max_concurrent", "seed", "tuning_seeds", "test_seeds", "name", "resume"),
    *("callbacks", "settings", "progress", "workload", "unknown"),
)


@pytest.mark.slow
@fuzz
@given(call=st.dictionaries(st.sampled_from(ARGUMENTS), anything, min_size=1, max_size=3))
def test_calls_of_tune(call: dict[str, Any], folder: Path) -> None:
    assert folder.exists()
    run(**call)


FUNCTIONS: list[Any] = [
    tune.uniform,
    tune.loguniform,
    tune.quniform,
    tune.qloguniform,
    tune.randint,
    tune.lograndint,
    tune.qrandint,
]


@st.composite
def domains(draw: st.DrawFn) -> Any:
    kind: Any = draw(st.sampled_from([*FUNCTIONS, tune.randn, tune.choice, tune.grid_search, tune.sample_from]))
    numbers = st.one_of(st.integers(-5, 20), st.floats(-2, 50), st.sampled_from(NUMBERS))
    try:
        if kind in (tune.choice, tune.grid_search):
            return kind(draw(st.lists(st.one_of(anything, spaces), max_size=4)))
        if kind is tune.sample_from:
            return kind(lambda _spec: 1)
        needed = 3 if kind in (tune.quniform, tune.qloguniform, tune.qrandint) else 2
        return kind(*(draw(numbers) for _ in range(needed)))
    except Exception:  # noqa: BLE001 - of Ray, in the user's own code
        assume(condition=False)


names = st.one_of(st.sampled_from(["x", "y", "lr", "a[0]", "seed", "fidelity"]), keys)
spaces: Any = st.deferred(
    lambda: st.dictionaries(names, st.one_of(domains(), domains(), anything, spaces), min_size=1, max_size=3)
)


@fuzz
@given(space=spaces, method=st.sampled_from(["random", "sobol", "grid", "bohb", "pbt", "dehb"]))
@pytest.mark.slow
def test_spaces(space: dict[Any, Any], method: str, folder: Path) -> None:
    assert folder.exists()
    try:
        compiled = Space(space)
    except RaytuneSuiteError as error:
        assert len(str(error)) < 100_000  # noqa: PT017 - bounded
    else:
        config = compiled.sample(np.random.default_rng(0))
        assert compiled.contains(config)
        assert compiled.describe() == Space(space).describe()
    run(space=space, method=method)


@st.composite
def methods(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from([*METHODS, "kde+asha", "tpe+median"]))
    searcher, scheduler = parts(name)
    known = [*options(SEARCHERS[searcher]), *options(SCHEDULERS[scheduler]), "unknown"]
    values = st.one_of(anything, st.integers(1, 4), st.floats(0, 1))
    return name, draw(st.dictionaries(st.sampled_from(known), values, min_size=1, max_size=3))


@fuzz
@given(method=methods(), max_t=st.one_of(st.just(9), anything))
@pytest.mark.slow
def test_method_arguments(method: tuple[str, dict[str, Any]], max_t: Any, folder: Path) -> None:
    assert folder.exists()
    name, arguments = method
    space = {"x": tune.grid_search([1, 2]) if name == "grid" else tune.uniform(0, 1)}
    try:
        make_method(name, space, metric="loss", mode="min", max_t=max_t, **arguments)
    except RaytuneSuiteError as error:
        assert len(str(error)) < 5000  # noqa: PT017 - bounded
    run(space=space, method=name, method_args=arguments)


@fuzz
@given(
    kind=st.sampled_from([rts.Settings, rts.Simulation]),
    fields=st.dictionaries(
        st.sampled_from(
            ["workers", "cost", "faults", "max_failures", "checkpoint_every", "compute", "snapshot_s", "checkpoint_s"]
        ),
        st.one_of(anything, st.lists(st.builds(Fault, scalars, scalars, scalars), max_size=2)),
        max_size=2,
    ),
)
def test_settings(kind: type[Any], fields: dict[str, Any]) -> None:
    names = kind.__dataclass_fields__
    try:
        kind(**{name: value for name, value in fields.items() if name in names})
    except RaytuneSuiteError as error:
        assert len(str(error)) < 5000  # noqa: PT017 - bounded
