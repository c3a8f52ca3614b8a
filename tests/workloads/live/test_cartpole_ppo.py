"""PPO on CartPole: its parts follow the papers, and it learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("gymnasium")

from ray.tune.trainable import trainable as ray_trainable  # noqa: E402 - after the skip

from raytune_suite.workloads.live.cartpole_ppo import ROLLOUTS, TRANSITIONS, CartPolePPO, cartpole_ppo  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {
    "lr": 2e-3,
    "gamma": 0.98,
    "gae_lambda": 0.9,
    "clip": 0.2,
    "ent_coef": 1e-3,
    "vf_coef": 0.5,
    "max_grad_norm": 0.5,
    "epochs": 8,
    "minibatch": 128,
    "seed": 0,
}


@pytest.fixture(autouse=True)
def _keep_ray_results_out_of_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_trainable, "DEFAULT_STORAGE_PATH", str(tmp_path / "ray_results"))


def returns(units: int, **changes: Any) -> list[float]:
    trainable = CartPolePPO(GOOD | changes)
    return [trainable.step()["return"] for _ in range(units)]


@pytest.mark.e2e
@pytest.mark.long
def test_a_good_config_learns_fast_and_a_bad_one_does_not() -> None:
    assert max(returns(5)) > 250
    assert returns(5, lr=1.0)[-1] < 100


@pytest.mark.e2e
@pytest.mark.long
def test_a_whole_training_almost_reaches_the_longest_episodes() -> None:
    assert returns(27)[-1] > 450


@pytest.mark.slow
def test_a_diverged_training_does_not_crash() -> None:
    trainable = CartPolePPO(GOOD | {"lr": 1e30, "epochs": 2})
    assert [trainable.step()["return"] for _ in range(2)][-1] < 20


def test_adam_is_that_of_torch() -> None:
    from raytune_suite.workloads.live.ppo_training import Adam

    draws = torch.Generator().manual_seed(0)
    ours, theirs = torch.ones(50), torch.ones(50, requires_grad=True)
    adam, reference = Adam(50), torch.optim.Adam([theirs], lr=0.01, eps=1e-5)
    for _ in range(20):
        gradient = torch.randn(50, generator=draws)
        adam.descend(ours, gradient, 0.01)
        theirs.grad = gradient
        reference.step()
    assert torch.allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_advantages_follow_their_definition_across_terminations_truncations_and_resets() -> None:
    from raytune_suite.workloads.live.ppo_training import Rollout, advantages

    no, yes = [False], [True]
    values = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
    for fallen, last in (
        (yes, 1 - 2.0),
        (no, 1 + 0.5 * 3 - 2),
    ):  # terminated: no value follows; truncated: bootstrapped
        rollout = Rollout(
            observations=torch.zeros(5, 1, 4),
            actions=torch.zeros(4, 1, dtype=torch.int64),
            terminated=torch.tensor([no, fallen, no, no]),
            done=torch.tensor([no, yes, no, no]),
            valid=torch.tensor([yes, yes, no, yes]),
        )
        estimates = advantages(rollout, values, gamma=0.5, gae_lambda=0.8).squeeze(1)
        first = (1 + 0.5 * 2 - 1) + 0.4 * last
        assert estimates[rollout.valid.squeeze(1)].tolist() == pytest.approx([first, last, 1 + 0.5 * 5 - 4])


def test_a_rollout_marks_the_steps_that_only_start_an_episode() -> None:
    from raytune_suite.workloads.live.ppo_training import ROLLOUT, PPOHyperparameters, PPOTraining

    training = PPOTraining(PPOHyperparameters.of(GOOD), 0)
    rollout = training._collect(training.generator("test"))
    assert rollout.done.any()
    assert torch.equal(rollout.valid[1:], ~rollout.done[:-1])
    begun = rollout.observations[1:][~rollout.valid]
    assert len(begun) > 0
    assert begun.abs().max() <= 0.05, "where CartPole's episodes start"
    assert rollout.actions.numel() == TRANSITIONS == 8 * ROLLOUT


def test_the_declared_cost_grows_with_the_number_of_updates() -> None:
    cost = cartpole_ppo().cost
    assert cost(GOOD | {"epochs": 1}) < cost(GOOD | {"epochs": 2}) < cost(GOOD | {"epochs": 10})
    assert cost(GOOD | {"minibatch": 512}) < cost(GOOD | {"minibatch": 128}) < cost(GOOD | {"minibatch": 64})
    assert 27 * cost(GOOD | {"epochs": 10, "minibatch": 64}) < 13, "seconds of the costliest config"
    assert 27 * ROLLOUTS * TRANSITIONS == 50_112
