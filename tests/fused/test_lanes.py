"""Lanes report the same in any group, continue from their states, and reject what does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

torch = pytest.importorskip("torch")

from ray.tune.trainable import trainable as ray_trainable  # noqa: E402 - after the skip

import raytune_suite as rts  # noqa: E402
from raytune_suite.errors import ArgumentError  # noqa: E402
from raytune_suite.fused import draws  # noqa: E402
from raytune_suite.fused.lanes import Lane, LaneReport, advance  # noqa: E402
from raytune_suite.fused.optimizers import SGD, AdamW  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

ROWS, STEPS, BATCH = 32, 3, 8


class Line(rts.FusedProgram):
    """Fit a plane by gradient descent."""

    structural: ClassVar[tuple[str, ...]] = ("inputs", "optimizer")
    most_lanes = 4

    def initialize(self, hp: Any, generator: Any) -> Any:
        return {"slope": torch.randn(1, hp["inputs"], generator=generator), "offset": torch.zeros(1)}

    def data(self, hp: Any) -> Any:
        x = torch.randn(ROWS, hp["inputs"], generator=torch.Generator().manual_seed(0))
        return {"x": x, "y": x.sum(1, keepdim=True) + 1}

    def draw(self, key: Any, hp: Any, data: Any) -> Any:  # noqa: ARG002
        return {"rows": draws.integers(key, STEPS * BATCH, ROWS).view(STEPS, BATCH)}

    def loss(self, parameters: Any, batch: Any, hp: Any, data: Any) -> Any:  # noqa: ARG002
        x, y = (data[name][batch["rows"]] for name in ("x", "y"))
        return (x @ parameters["slope"].T + parameters["offset"] - y).square().mean()

    def metrics(self, parameters: Any, hp: Any, data: Any) -> Any:  # noqa: ARG002
        return {"loss": (data["x"] @ parameters["slope"].T + parameters["offset"] - data["y"]).square().mean()}

    def optimizer(self, hp: Any) -> Any:
        return AdamW() if hp["optimizer"] == "adamw" else SGD()


LINE = Line()


class LineTrainable(rts.FusedTrainable):
    """The program as a trainable."""

    program = LINE
    device = "cpu"


def config(**changes: Any) -> dict[str, Any]:
    fixed = {"weight_decay": 0.0, "momentum": 0.5, "beta1": 0.9, "beta2": 0.9}
    return {"lr": 0.1, "inputs": 2, "optimizer": "sgd", **fixed, **changes}


def lane(seed: int = 0, **changes: Any) -> Lane:
    return Lane(LINE, config(**changes), seed, "cpu")


def train(one: Lane, reports: int) -> list[dict[str, float]]:
    curve = []
    for _ in range(reports):
        (report,) = advance([one])
        one.current = report.state
        curve.append(report.metrics)
    return curve


def test_structural_values_may_be_lists_and_decide_the_group() -> None:
    class Layers(Line):
        structural = ("layers", "inputs", "optimizer")

        def hyperparameters(self, config: Any) -> Any:
            return {"inputs": 2, "optimizer": "sgd", **config}

    program = Layers()
    values: list[Any] = [[1], [1], [1, 1], 1, True]
    lanes = [Lane(program, {"lr": 0.1, "layers": layers}, 0, "cpu") for layers in values]
    assert [one.group is lanes[0].group for one in lanes] == [True, True, False, False, False]
    assert lanes[3].group is not lanes[4].group


def test_lanes_of_several_groups_report_in_order_what_they_report_alone() -> None:
    rates = (0.1, 0.05, 0.02)
    kinds = [{"inputs": inputs, "optimizer": name} for inputs in (2, 3) for name in ("sgd", "adamw")]
    lanes = [lane(seed, lr=lr, **kind) for seed, lr in enumerate(rates) for kind in kinds]
    lanes += [lane(seed) for seed in range(4, 9)]  # more than `most_lanes` in one group
    train(lanes[1], 2)  # they need not be equally far
    reports = advance(lanes)
    for one, report in zip(lanes, reports, strict=True):
        (alone,) = advance([one])
        assert report.metrics == pytest.approx(alone.metrics, rel=1e-5)
        assert (report.state.unit, report.state.steps) == (one.current.unit + 1, one.current.steps + STEPS)
    assert len({report.metrics["loss"] for report in reports}) == len(lanes)


def test_training_converges_and_advance_changes_no_lane() -> None:
    one = lane()
    before = one.current.vector.clone()
    advance([one])
    assert torch.equal(one.current.vector, before)
    assert one.current.unit == 0
    assert train(one, 20)[-1]["loss"] < 1e-3


def test_a_state_continues_bit_for_bit_and_with_other_hyperparameters() -> None:
    first = lane()
    train(first, 2)
    state = first.state()
    expected = train(first, 2)
    same, other = lane(), lane(lr=0.01)
    for one in (same, other):
        one.load(state)
    assert train(same, 2) == expected
    assert train(other, 2) != expected
    assert set(state["parameters"]) == {"slope", "offset"}


@pytest.mark.parametrize(
    ("changes", "culprit"), [({"inputs": 3}, r"slope \(1, 3\)"), ({"optimizer": "adamw"}, "mean.*square")]
)
def test_a_state_of_another_structure_is_rejected(changes: dict[str, Any], culprit: str) -> None:
    with pytest.raises(ArgumentError, match=culprit):
        lane(**changes).load(lane().state())


def test_values_that_cannot_be_lanes_are_rejected_by_name() -> None:
    with pytest.raises(ArgumentError, match="`lr`"):
        lane(lr="fast")
    with pytest.raises(ArgumentError, match="'inputs'"):
        Lane(LINE, {"lr": 0.1}, 0, "cpu")


def test_groups_that_do_not_fit_into_the_memory_are_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = [lane(seed, inputs=5) for seed in range(4)]
    group = lanes[0].group
    expected, train_some = advance(lanes), group._advance

    def limited(some: Any) -> list[LaneReport]:
        if len(some) > 1:
            raise torch.OutOfMemoryError
        return train_some(some)

    monkeypatch.setattr(group, "_advance", limited)
    for report, other in zip(advance(lanes), expected, strict=True):
        assert report.metrics == pytest.approx(other.metrics, rel=1e-5)
    assert group.most == 1


def test_trainables_advance_together_as_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_trainable, "DEFAULT_STORAGE_PATH", str(tmp_path))

    def create() -> list[Any]:
        return [LineTrainable(config(lr=lr, seed=seed)) for seed, lr in enumerate((0.1, 0.2))]

    fused, alone = create(), create()
    LineTrainable.advance_together(fused)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    fused[0].save_checkpoint(str(folder))  # the state before the report that is due
    for ours, other in zip(fused, alone, strict=True):
        assert ours.step() == pytest.approx(other.step(), rel=1e-5)
    fused[0].load_checkpoint(str(folder))
    alone[0].reset_config(config(lr=0.1, seed=0))
    assert fused[0].step() == alone[0].step()


def test_draws_depend_on_the_key_only_and_are_spread_evenly() -> None:
    keys = torch.tensor([1, 2, 3])
    rows = torch.vmap(lambda key: draws.permutation(key, 50))(keys)
    assert (rows.sort(-1).values == torch.arange(50)).all()
    assert torch.equal(rows[1], draws.permutation(2, 50))
    assert not torch.equal(rows[0], rows[1])
    numbers = draws.integers(7, 10_000, 10)
    assert ((numbers.bincount(minlength=10) - 1000).abs() < 150).all()
    for rate in (0.0, 0.3):
        kept = draws.dropout(torch.ones(200, 300), rate, draws.bits(1, 200), draws.bits(2, 300))
        assert (kept == 0).float().mean() == pytest.approx(rate, abs=0.02)
        assert kept.mean() == pytest.approx(1, abs=0.03)
