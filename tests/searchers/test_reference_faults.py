"""Known faults of the reference implementations, which are reproduced if that takes a line, and are absent here."""

from __future__ import annotations

import logging
import math
import tempfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ray import tune

from raytune_suite import rungs
from raytune_suite.engines.callbacks.reports import Report, incumbents
from raytune_suite.methods import make_method
from raytune_suite.models.kernel_density import Density, bandwidths
from raytune_suite.searchers.dehb import DEHBSearcher
from raytune_suite.searchers.kde import KDESearcher
from raytune_suite.spaces import Space
from raytune_suite.types import FIDELITY
from tests.conformance.harness import METRIC, Setup, start

if TYPE_CHECKING:
    from pathlib import Path

    from ray.tune.search import Searcher

COMMON: Any = {"metric": "loss", "mode": "min", "max_t": 81}
SPACE = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)}


def ask(searcher: Searcher, name: str) -> dict[str, Any]:
    config = searcher.suggest(name)
    assert isinstance(config, dict)
    return config


def end(searcher: Searcher, name: str, resource: float, loss: float) -> None:
    searcher.on_trial_complete(name, {"training_iteration": resource, "loss": loss})


# ---- Hyperband -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("max_t", "eta", "lowest"), [(243, 3, 3), (1000, 10, 10)])
def test_a_truncated_logarithm_loses_the_lowest_rung(max_t: int, eta: int, lowest: int) -> None:
    theirs = int(math.log(max_t) / math.log(eta))
    assert round(max_t * eta**-theirs) == lowest
    assert rungs.max_bracket(1, max_t, eta) == theirs + 1
    assert rungs.hyperband(1, max_t, eta)[0][0].resource == 1
    searcher = DEHBSearcher(space=SPACE, eta=eta, **{**COMMON, "max_t": max_t})
    assert ask(searcher, "t")[FIDELITY] == 1


@pytest.mark.parametrize("workers", [1, 2, 50])
@pytest.mark.parametrize("name", ["hyperband", "bohb", "async-hyperband", "kde+async-hyperband", "dehb"])
def test_every_bracket_is_opened_even_with_few_running_trials(
    name: str, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's HyperBand opens a second bracket only if its queue is full, and its BOHB never observes a result at R."""
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    config = make_method(name, SPACE, metric=METRIC, mode="min", max_t=9).tune_config(num_samples=40)
    controller = start(config.search_alg, config.scheduler, Setup(SPACE, samples=40, workers=workers)).run()
    searcher: Any = config.search_alg
    if name in ("bohb", "kde+async-hyperband"):
        assert set(searcher.searcher._levels) == {1, 3, 9}
    if name in ("hyperband", "bohb"):
        assert controller.scheduler._opened >= 3
    if name == "dehb":
        assert {trial.config[FIDELITY] for trial in controller.trials} == {1, 3, 9}
    assert max(report.iteration for report in controller.log) == 9


# ---- BOHB ------------------------------------------------------------------------------------------------------------


def test_bandwidths_are_probabilities_and_densities_positive() -> None:
    """In statsmodels the bandwidth is 1.06 sigma n^(-1/(4+d)) of the codes; as a probability it is 9/10 at most."""
    options = np.array([10, 10])
    points = np.random.default_rng(0).integers(10, size=(8, 2)).astype(float)
    theirs = 1.06 * points.std(axis=0) * 8 ** (-1 / 6)
    kernels = np.where(points[:1] == points, 1 - theirs, theirs / 9)
    assert theirs.max() > 1.9
    assert kernels.prod(axis=1).min() < 0
    ours = bandwidths(points, options, 1e-3)
    assert ours.max() <= 0.9
    everywhere = np.array([[a, b] for a in range(10) for b in range(10)], dtype=float)
    chances = np.exp(Density(points, options, ours).log(everywhere))
    assert chances.min() > 0
    assert chances.sum() == pytest.approx(1)


def test_a_value_is_not_always_resampled() -> None:
    """With a bandwidth above 1 it would always be."""
    points = np.arange(10.0)[:, None]
    ours = Density(points, np.array([10]), bandwidths(points, np.array([10]), 1e-3))
    centers = np.random.default_rng(1).integers(10, size=2000)  # the first draw of `sample`
    kept = np.mean(ours.sample(2000, 3, np.random.default_rng(1))[:, 0] == centers)
    assert kept == pytest.approx(1 - ours.widths[0], abs=0.05)


def test_an_option_that_was_never_seen_has_a_finite_ratio() -> None:
    good, bad = (
        Density(np.full((4, 1), code), np.array([3]), bandwidths(np.full((4, 1), code), np.array([3]), 1e-3))
        for code in (0.0, 1.0)
    )
    options = np.array([[0.0], [1.0], [2.0]])
    ratio = good.log(options) - bad.log(options)
    assert np.isfinite(ratio).all()
    assert ratio[0] > ratio[2] == 0 > ratio[1]


def test_a_log_scale_is_not_ignored() -> None:
    searcher = KDESearcher(space={"lr": tune.loguniform(1e-6, 1.0)}, random_fraction=0, seed=0, **COMMON)
    late = []
    for number in range(60):
        lr = ask(searcher, f"t{number}")["lr"]
        end(searcher, f"t{number}", 81, abs(math.log10(lr) + 5))
        late.append(lr)
    assert np.median(late[30:]) < 1e-4  # on a linear scale all below .01 would be one point


def test_fidelities_are_not_mixed_in_one_model() -> None:
    """The optimum at 1 is near 0, and that at 81 near 1: the model follows only the latter."""
    searcher = KDESearcher(space={"x": tune.uniform(0, 1)}, random_fraction=0, seed=0, levels=(1, 81), **COMMON)
    for number in range(200):
        end(searcher, f"low{number}", 1, ask(searcher, f"low{number}")["x"])
    late = []
    for number in range(40):
        late.append(ask(searcher, f"high{number}")["x"])
        end(searcher, f"high{number}", 81, 1 - late[-1])
    assert np.median(late[20:]) > 0.8


def test_a_late_result_of_a_lower_fidelity_is_not_discarded() -> None:
    searcher = KDESearcher(space=SPACE, levels=(1, 81), **COMMON)
    for number in range(10):
        ask(searcher, f"t{number}")
        end(searcher, f"t{number}", 81, float(number))
    ask(searcher, "late")
    end(searcher, "late", 1, 0.0)
    assert "late" in searcher._levels[1].rows


# ---- DEHB ------------------------------------------------------------------------------------------------------------


def dehb(**arguments: Any) -> DEHBSearcher:
    return DEHBSearcher(space=SPACE, **{**COMMON, **arguments})


def test_the_initial_population_is_evaluated_unchanged() -> None:
    searcher = dehb()
    initial = searcher._populations[1].vectors.copy()
    asked = [ask(searcher, f"t{number}") for number in range(81)]
    assert [[config["x"], config["y"]] for config in asked] == initial.tolist()


def test_many_running_trials_do_not_switch_to_evolution_early() -> None:
    """300 running trials open brackets of the second iteration; the first bracket still promotes."""
    searcher = dehb()
    asked = [ask(searcher, f"t{number}") for number in range(300)]
    assert searcher._opened > 5
    for number in range(81):
        end(searcher, f"t{number}", 1, asked[number]["x"])
    best = sorted(asked[:81], key=lambda config: float(config["x"]))[:27]
    assert [ask(searcher, f"next{number}") for number in range(27)] == [{**config, FIDELITY: 3} for config in best]


def test_the_incumbent_is_not_the_minimum_over_all_fidelities() -> None:
    """In this test less training looks better than more."""
    searcher, reports = dehb(max_t=9), []
    for number in range(40):
        config = ask(searcher, f"t{number}")
        level = config[FIDELITY]
        end(searcher, f"t{number}", level, config["x"] + level)
        reports.append(Report(number, level, config["x"] + level, 0.0, 0.0, complete=level == 9))
    incumbent = incumbents(reports, "min")[-1]
    assert incumbent.resource == 9
    assert incumbent.value == min(report.value for report in reports if report.resource == 9)
    assert incumbent.value > min(report.value for report in reports)


@pytest.mark.parametrize("size", [49, 98, 103, 107, 161, 187, 197])
@pytest.mark.parametrize("maker", [DEHBSearcher, KDESearcher])
def test_a_choice_with_many_options_works(size: int, maker: Any) -> None:
    searcher = maker(space={"k": tune.choice(list(range(size)))}, seed=1, **{**COMMON, "max_t": 9})
    for number in range(40):
        config = ask(searcher, f"t{number}")
        end(searcher, f"t{number}", 9, float(config["k"]))


@pytest.mark.parametrize("size", [2, 49, 98, 103, 1000])
def test_every_point_of_the_unit_interval_belongs_to_an_option(size: int) -> None:
    """The sum of k bins of width 1/k may be below 1."""
    space = Space({"k": tune.choice(list(range(size)))})
    edges = [number / size for number in range(size + 1)]
    points = [*edges, *(np.nextafter(edge, 0) for edge in edges), *(min(np.nextafter(edge, 1), 1.0) for edge in edges)]
    assert {space.decode([point])["k"] for point in points} == set(range(size))


@pytest.mark.parametrize("maker", [DEHBSearcher, KDESearcher])
def test_the_first_and_last_integers_do_not_get_half_the_probability(maker: Any) -> None:
    """Rounding 1 + 3 u gives 1 and 4 a probability of 1/6 each; with four equal cells it is 1/4."""
    searcher = maker(space={"n": tune.randint(1, 5)}, seed=0, **{**COMMON, "max_t": 3**6})
    seen = Counter(ask(searcher, f"t{number}")["n"] for number in range(729))
    assert [seen[n] / 729 for n in (1, 2, 3, 4)] == pytest.approx([0.25] * 4, abs=0.05)


def test_running_jobs_survive_a_restore(tmp_path: Path) -> None:
    searcher, restored = dehb(), dehb(seed=7)
    for number in range(81):
        ask(searcher, f"t{number}")
    searcher.save(str(tmp_path / "state"))
    restored.restore(str(tmp_path / "state"))
    for number in range(81):
        end(restored, f"t{number}", 1, float(number))
    assert ask(restored, "next")[FIDELITY] == 3


def test_telling_without_asking_is_possible() -> None:
    searcher = dehb()
    searcher.on_trial_result("stranger", {"training_iteration": 1, "loss": 0.0})
    end(searcher, "stranger", 1, 0.0)
    assert ask(searcher, "t") == ask(dehb(), "t")


@pytest.mark.parametrize("maker", [DEHBSearcher, KDESearcher])
def test_no_file_is_written_no_logging_configured_and_no_global_stream_drawn(
    maker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen() -> tuple[Any, ...]:
        root, state = logging.getLogger(), np.random.get_state(legacy=False)  # noqa: NPY002 - to check it
        return root.level, list(root.handlers), state["state"]["key"].tobytes(), state["state"]["pos"]

    monkeypatch.chdir(tmp_path)
    before = seen()
    searcher = maker(space=SPACE, **{**COMMON, "max_t": 9})
    for number in range(30):
        ask(searcher, f"t{number}")
        end(searcher, f"t{number}", 9, float(number))
    assert seen() == before
    assert not list(tmp_path.iterdir())


def test_it_runs_with_numpy_2() -> None:
    assert int(np.__version__.split(".")[0]) >= 2
