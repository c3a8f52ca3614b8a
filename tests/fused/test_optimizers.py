"""The optimizers of lanes make the steps of torch's, or of their papers, for each lane with its own hyperparameters."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from raytune_suite.fused.layout import ParameterLayout  # noqa: E402 - after the skip
from raytune_suite.fused.optimizers import SGD, AdamW, Muon, OptimizerStep, ScheduleFree, orthogonalized  # noqa: E402

LAYOUT = ParameterLayout(("matrix", "bias", "hidden"), ((3, 2), (3,), (4, 6)))
STEPS = 5
HP: dict[str, tuple[float, float]] = {
    "lr": (0.1, 0.02), "weight_decay": (0.01, 0.2), "momentum": (0.9, 0.5), "beta1": (0.9, 0.7), "beta2": (0.99, 0.9),
}  # fmt: skip
"""The hyperparameters of two lanes."""


def gradients(lane: int) -> list[Any]:
    generator = torch.Generator().manual_seed(lane)
    return [torch.randn(sum(LAYOUT.sizes), generator=generator) for _ in range(STEPS)]


def start(lane: int) -> Any:
    return torch.randn(sum(LAYOUT.sizes), generator=torch.Generator().manual_seed(100 + lane))


def trained(optimizer: Any) -> Any:
    """The parameters of two lanes after all steps, of shape (2, size)."""
    vectors = torch.stack([start(0), start(1)])
    slots = {
        name: torch.stack([optimizer.start(vector)[name] for vector in vectors]) for name in optimizer.start(vectors[0])
    }
    columns = {name: torch.tensor(values).unsqueeze(1) for name, values in HP.items()}
    matrices = LAYOUT.matrices(torch.device("cpu"))
    for number in range(STEPS):
        count = torch.full((2, 1), number + 1.0)
        step = OptimizerStep(hp=columns, lr=columns["lr"], count=count, layout=LAYOUT, matrices=matrices)
        both = torch.stack([gradients(0)[number], gradients(1)[number]])
        optimizer.update(vectors, both, slots, step)
    return optimizer.evaluated(vectors, slots)


def by_torch(lane: int, create: Any) -> Any:
    """The parameters of a lane after all steps of the optimizers of torch that `create` returns."""
    parameters = {name: torch.nn.Parameter(value.clone()) for name, value in LAYOUT.split(start(lane)).items()}
    optimizers = create(parameters, {name: values[lane] for name, values in HP.items()})
    for gradient in gradients(lane):
        for name, value in LAYOUT.split(gradient).items():
            parameters[name].grad = value.clone()
        for optimizer in optimizers:
            optimizer.step()
    return LAYOUT.join(parameters)


def adamw(parameters: dict[str, Any], hp: dict[str, float], names: tuple[str, ...] = LAYOUT.names) -> Any:
    groups = [
        {"params": [parameters[name]], "weight_decay": hp["weight_decay"] if name != "bias" else 0.0} for name in names
    ]
    return torch.optim.AdamW(groups, lr=hp["lr"], betas=(hp["beta1"], hp["beta2"]))


@pytest.mark.parametrize("lane", [0, 1])
def test_sgd_and_adamw_make_the_steps_of_torch(lane: int) -> None:
    def sgd(parameters: dict[str, Any], hp: dict[str, float]) -> list[Any]:
        own = {name: hp[name] for name in ("lr", "momentum", "weight_decay")}
        return [torch.optim.SGD(parameters.values(), **own)]

    assert torch.allclose(trained(SGD())[lane], by_torch(lane, sgd), atol=1e-6)
    assert torch.allclose(trained(AdamW())[lane], by_torch(lane, lambda *given: [adamw(*given)]), atol=1e-6)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has had it since 2.9")
@pytest.mark.parametrize("lane", [0, 1])
def test_muon_makes_the_steps_of_torch(lane: int) -> None:
    """torch multiplies in bfloat16, so that they agree to two digits; other parameters are AdamW's."""

    def muon(parameters: dict[str, Any], hp: dict[str, float]) -> list[Any]:
        own = {name: hp[name] for name in ("lr", "momentum", "weight_decay")}
        hidden = torch.optim.Muon([parameters["hidden"]], **own, adjust_lr_fn="match_rms_adamw")
        return [hidden, adamw(parameters, hp, ("matrix", "bias"))]

    ours, other = trained(Muon(frozenset({"matrix"})))[lane], by_torch(lane, muon)
    outer = sum(LAYOUT.sizes[:2])
    assert torch.allclose(ours[:outer], other[:outer], atol=1e-6)
    assert torch.allclose(ours[outer:], other[outer:], atol=0.02)
    assert not torch.allclose(ours[outer:], start(lane)[outer:], atol=0.05)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (3, 8, 8)])
def test_newton_schulz_brings_the_singular_values_close_to_one(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = orthogonalized(matrices)
    before, after = torch.linalg.svd(matrices, full_matrices=False), torch.linalg.svdvals(result)
    kept = 0.05 * before.S.max() < before.S
    assert ((after[..., : kept.shape[-1]] > 0.5) & (after < 1.3)).masked_select(kept).all()
    assert (result * (before.U @ before.Vh)).sum() > 0.8 * before.S.numel(), "the singular vectors stay"


@pytest.mark.parametrize("lane", [0, 1])
def test_schedule_free_makes_the_steps_of_the_paper(lane: int) -> None:
    """Algorithm 1 of Defazio et al. 2024, one number at a time, with Adam's bias correction and without warm-up."""
    hp = {name: values[lane] for name, values in HP.items()}
    matrices = LAYOUT.matrices(torch.device("cpu"))
    ours, initial, steps = trained(ScheduleFree())[lane], start(lane), gradients(lane)
    for index in range(0, sum(LAYOUT.sizes), 5):
        z = x = y = float(initial[index])
        square = total = 0.0
        for t, gradient in enumerate((float(each[index]) for each in steps), start=1):
            square = hp["beta2"] * square + (1 - hp["beta2"]) * gradient**2
            denominator = math.sqrt(square / (1 - hp["beta2"] ** t)) + 1e-8
            z -= hp["lr"] * (gradient / denominator + hp["weight_decay"] * float(matrices[index]) * y)
            total += hp["lr"] ** 2
            c = hp["lr"] ** 2 / total
            x = (1 - c) * x + c * z
            y = (1 - hp["beta1"]) * z + hp["beta1"] * x
        assert float(ours[index]) == pytest.approx(x, abs=1e-5)
