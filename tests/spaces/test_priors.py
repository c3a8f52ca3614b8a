"""Priors on parameters: what they change, and what they don't."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.errors import ArgumentError, SpaceError
from raytune_suite.searchers import SEARCHERS
from raytune_suite.spaces import Space, SpacePrior

ADAM: dict[str, Any] = {"name": "adam", "beta": rts.prior(tune.uniform(0, 1), 0.9)}
SPACE: dict[str, Any] = {
    "lr": rts.prior(tune.loguniform(1e-5, 1e-1), center=3e-4, confidence="high"),
    "optimizer": rts.prior(tune.choice([{"name": "sgd"}, ADAM]), center=ADAM),
    "layers": rts.prior(tune.randint(1, 9), center=6, confidence="low"),
    "width": tune.uniform(0, 1),
}
MODE = {"lr": 3e-4, "optimizer": {"name": "adam", "beta": 0.9}, "layers": 6, "width": 0.5}
COMMON: dict[str, Any] = {"metric": "loss", "mode": "min", "max_t": 9}


def known(space: Space) -> SpacePrior:
    assert space.prior is not None
    return space.prior


def test_the_mode_is_the_expected_config() -> None:
    space = Space(SPACE)
    mode = space.decode(known(space).mode())
    assert mode == {**MODE, "lr": pytest.approx(3e-4)}


def test_draws_have_the_density() -> None:
    """The mean of a density over uniform points is 1, and draws fall into an interval as often as it says."""
    space, rng = Space(SPACE), np.random.default_rng(0)
    prior, units = known(space), rng.random((20_000, len(Space(SPACE))))
    assert np.exp(prior.log_density(units)).mean() == pytest.approx(1, abs=0.05)
    drawn = prior.warp(units)
    near = np.abs(drawn[:, 0] - prior.centers[0]) < prior.deviations[0]
    assert near.mean() == pytest.approx(0.683, abs=0.02)
    assert (drawn[:, 1] > 0.5).mean() == pytest.approx(0.75, abs=0.02)
    assert drawn[:, 4] == pytest.approx(units[:, 4])


def test_inactive_parameters_do_not_count() -> None:
    space = Space(SPACE)
    sgd = space.encode({**MODE, "optimizer": {"name": "sgd"}})
    changed = np.where(np.isnan(sgd), 0.1, sgd)
    beta = space.names.index("optimizer[1]/beta")
    assert np.isnan(sgd[beta])
    assert known(space).log_density(sgd[None]) != known(space).log_density(changed[None])


def test_the_configs_and_their_distribution_are_those_without_a_prior() -> None:
    plain = Space({"lr": tune.loguniform(1e-5, 1e-1)})
    expected = Space({"lr": SPACE["lr"]})
    assert plain.prior is None
    draws = [space.sample(np.random.default_rng(1)) for space in (plain, expected)]
    assert draws[0] == draws[1]
    assert plain.describe() != expected.describe()


def test_a_prior_survives_copies_as_ray_makes_them() -> None:
    for copied in (copy.deepcopy(SPACE), pickle.loads(pickle.dumps(SPACE))):  # noqa: S301 - our own bytes
        assert Space(copied).describe() == Space(SPACE).describe()


def test_ray_samples_a_domain_with_a_prior() -> None:
    assert 1e-5 <= SPACE["lr"].sample() <= 1e-1
    assert SPACE["layers"].sample() in range(1, 9)


@pytest.mark.parametrize(
    ("domain", "center"),
    [
        (tune.loguniform(1e-5, 1e-1), 1.0),
        (tune.randint(1, 9), 9),
        (tune.choice(["a", "b"]), "c"),
        (5, 5),
        (tune.sample_from(lambda _: 1), 1),
    ],
)
def test_an_impossible_prior_is_rejected(domain: Any, center: Any) -> None:
    with pytest.raises(SpaceError):
        rts.prior(domain, center)


def test_an_unknown_confidence_is_rejected() -> None:
    confidence: Any = "sure"
    with pytest.raises(ArgumentError, match="`confidence`"):
        rts.prior(tune.uniform(0, 1), 0.5, confidence)


@pytest.mark.parametrize("name", [name for name in SEARCHERS if not SEARCHERS[name].finite])
def test_every_searcher_tries_the_expected_config_first(name: str) -> None:
    searcher = SEARCHERS[name](space={"x": rts.prior(tune.uniform(0, 1), 0.25)}, seed=1, **COMMON)
    assert searcher.suggest("first")["x"] == 0.25
    given = SEARCHERS[name](
        space={"x": rts.prior(tune.uniform(0, 1), 0.25)}, seed=1, points_to_evaluate=[{"x": 0.5}, {"x": 0.25}], **COMMON
    )
    assert [given.suggest(str(number))["x"] for number in range(2)] == [0.25, 0.5]


@pytest.mark.parametrize("name", ["gp", "tpe", "mfes", "mobster", "forest", "cqr"])
@pytest.mark.slow
def test_models_prefer_configs_near_the_expected_one_and_less_so_later(name: str) -> None:
    """The loss says nothing, so that only the prior guides the search."""
    distances = []
    for space in ({"x": rts.prior(tune.uniform(0, 1), 0.1, "high")}, {"x": tune.uniform(0, 1)}):
        searcher_class: Any = SEARCHERS[name]
        searcher = searcher_class(space=space, seed=1, n_initial=4, random_fraction=0.0, levels=[9], **COMMON)
        proposed = []
        for number in range(16):
            proposed.append(searcher.suggest(str(number))["x"])
            searcher.on_trial_complete(str(number), {"training_iteration": 9, "loss": (number * 7) % 5})
        distances.append(np.mean(np.abs(np.array(proposed[1:]) - 0.1)))
    assert distances[0] < 0.7 * distances[1]
