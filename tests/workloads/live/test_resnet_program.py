"""The residual network: shapes, what its hyperparameters do, and lanes that report what they report alone."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from raytune_suite.errors import ArgumentError  # noqa: E402 - after the skip
from raytune_suite.fused.lanes import Lane, advance  # noqa: E402
from raytune_suite.workloads.live.resnet_program import RESNET, ResNetProgram, moved_by_a_pixel  # noqa: E402

CONFIG: dict[str, Any] = {
    "lr": 0.2, "momentum": 0.9, "weight_decay": 1e-4, "dropout": 0.1, "smoothing": 0.1, "shifted": 0.3,
    "batch": 256, "width": 4, "depth": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def losses(lanes: list[Lane], reports: int) -> list[list[float]]:
    """Train the lanes together, and return the validation losses of each."""
    curves: list[list[float]] = [[] for _ in lanes]
    for _ in range(reports):
        for lane, curve, report in zip(lanes, curves, advance(lanes), strict=True):
            lane.current = report.state
            curve.append(report.metrics["val_loss"])
    return curves


@pytest.mark.slow
def test_fused_lanes_report_what_they_report_alone() -> None:
    configs = [{**CONFIG, "batch": 512}, {**CONFIG, "batch": 512, "lr": 0.05, "shifted": 1.0}]
    alone = [losses([Lane(RESNET, config, seed, "cpu")], 2)[0] for seed, config in enumerate(configs)]
    fused = losses([Lane(RESNET, config, seed, "cpu") for seed, config in enumerate(configs)], 2)
    assert fused == alone
    assert fused[0] != fused[1]
    assert all(math.isfinite(loss) for curve in fused for loss in curve)


def test_the_same_images_give_the_same_outputs_in_any_batch() -> None:
    hp = RESNET.hyperparameters({**CONFIG, "depth": 2})
    parameters = RESNET.initialize(hp, torch.Generator().manual_seed(0))
    parameters = {name: value + 0.01 for name, value in parameters.items()}  # the last layers start with zeros
    images = torch.rand(6, 64, generator=torch.Generator().manual_seed(1))
    whole = RESNET.logits(parameters, images, hp)
    assert whole.shape == (6, 10)
    assert torch.allclose(whole[2:4], RESNET.logits(parameters, images[2:4], hp), atol=1e-5)
    assert RESNET.features(parameters, images, hp).shape == (6, 2 * hp["width"])


def test_images_are_moved_to_each_of_nine_places() -> None:
    image = torch.zeros(1, 8, 8)
    image[0, 3, 5] = 1.0
    places = torch.arange(9)
    moved = moved_by_a_pixel(image.view(1, 64).expand(9, 64), places).view(9, 8, 8)
    for place in range(9):
        (at,) = torch.nonzero(moved[place]).tolist()
        assert at == [3 - (place // 3 - 1), 5 - (place % 3 - 1)]


def test_the_learning_rate_is_a_cosine_that_ends_with_the_training() -> None:
    program = ResNetProgram(reports=3)
    steps = 3 * (1078 // CONFIG["batch"])
    rates = program.rate({"lr": torch.tensor(0.2), "batch": CONFIG["batch"]}, torch.tensor([0, steps // 2, steps, 99]))
    assert rates.tolist() == pytest.approx([0.2, 0.1, 0.0, 0.0], abs=1e-7)


@pytest.mark.parametrize(("width", "expected"), [(8, 8), (9.7, 8), (11.4, 12), (4, 4)])
def test_widths_are_rounded_to_whole_groups(width: float, expected: int) -> None:
    assert RESNET.hyperparameters({**CONFIG, "width": width})["width"] == expected


@pytest.mark.parametrize(("name", "value"), [("shifted", 1.1), ("smoothing", -0.1), ("width", 3), ("depth", 0)])
def test_values_out_of_range_are_rejected_by_name(name: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}` is"):
        RESNET.hyperparameters({**CONFIG, name: value})
