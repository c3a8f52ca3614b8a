"""Population based bandits, with Ray's own Gaussian process."""

from __future__ import annotations

from typing import Any

import pytest
from ray import tune

from raytune_suite.errors import SpaceError
from raytune_suite.methods import make_method
from raytune_suite.schedulers.pb2 import PB2
from raytune_suite.spaces import Space
from tests.conformance.common import cheapen
from tests.conformance.harness import METRIC, Setup, Study, start

SPACE = {
    "rate": tune.loguniform(1e-4, 1.0),
    "width": tune.randint(1, 9),
    "batch": tune.qrandint(8, 64, 8),
    "inner": {"momentum": tune.uniform(0, 1)},
}


def study(samples: int = 4, **arguments: Any) -> Study:
    chosen = {"interval": 4, **arguments}
    config = make_method("pb2", SPACE, metric=METRIC, mode="min", max_t=9, **chosen).tune_config()
    return start(config.search_alg, config.scheduler, Setup(SPACE, samples=samples, workers=2)).run()


def test_chosen_configs_stay_in_the_space() -> None:
    controller = study()
    space = Space(SPACE)
    for _, config in controller.configs:
        space.check(config)
    assert any(len(controller.scheduler.lineage(trial.trial_id)) > 1 for trial in controller.trials)
    assert all(trial.is_finished() for trial in controller.trials)


@pytest.mark.slow
def test_what_is_not_mutable_is_copied_and_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen(monkeypatch.setattr)
    controller = study(mutable=["inner/momentum"], interval=1, samples=8)
    firsts = dict(reversed(controller.configs))
    kept = [{key: config[key] for key in ("rate", "width", "batch")} for config in firsts.values()]
    assert all({key: config[key] for key in ("rate", "width", "batch")} in kept for _, config in controller.configs)
    assert len({config["inner"]["momentum"] for _, config in controller.configs}) > len(firsts)


def test_choices_are_rejected_by_name() -> None:
    with pytest.raises(SpaceError, match="'kind'"):
        PB2(space={"kind": tune.choice(["a", "b"]), **SPACE}, max_t=9)
