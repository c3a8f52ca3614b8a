"""What a study costs: counted, shown, stored, and limited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import raytune_suite as rts
from raytune_suite.cluster.document import read
from raytune_suite.cluster.pools import pools
from raytune_suite.engines.callbacks.bill import Bill
from raytune_suite.engines.callbacks.progress import progress_line
from raytune_suite.engines.callbacks.study_log import StudyLog
from raytune_suite.engines.ray import cluster_state, machine_prices
from raytune_suite.engines.ray.machine_prices import Meter, hourly
from raytune_suite.errors import ArgumentError
from raytune_suite.types import Objective

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = """
cluster_name: a
provider: {type: aws, region: us-east-1}
head_node_type: head
available_node_types:
  head: {node_config: {InstanceType: m5.large}, resources: {CPU: 0}}
  gpus: {node_config: {InstanceType: g5.xlarge}, resources: {CPU: 4, GPU: 1}}
  unpriced: {node_config: {InstanceType: p5.48xlarge}, resources: {CPU: 192, GPU: 8}}
"""


def node(cpus: float, gpus: float = 0.0, group: str = "") -> dict[str, Any]:
    labels = {"ray.io/node-group": group} if group else {}
    named = {"NodeManagerHostname": "host", "NodeManagerAddress": "10.0.0.1"}
    return {"Resources": {"CPU": cpus, "GPU": gpus}, "Labels": labels, "Alive": True, **named}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    file = tmp_path / "cluster.yaml"
    file.write_text(CLUSTER)
    known = pools(read(file)[0])
    monkeypatch.setattr(machine_prices, "cluster_pools", lambda: known)
    return known


def run(folder: Path, **changes: Any) -> rts.StudyResult:
    how = {"engine": "simulated", "price_per_hour": 36.0, "num_samples": None, "name": "study", **changes}
    return rts.tune(
        workload="synthetic/branin", method="asha", storage_path=folder, progress=False, test_seeds=(), **how
    )


def test_a_bill_follows_the_price() -> None:
    bill = Bill()
    assert bill.dollars(100.0) is None
    bill.charge(10.0, 0.0)
    bill.charge(20.0, 1800.0)  # the cluster has grown
    assert bill.dollars(3600.0) == pytest.approx(15.0)
    bill.close(3600.0)
    assert bill.dollars(9999.0) == pytest.approx(15.0)


@pytest.mark.slow
def test_a_simulated_study_ends_when_its_dollars_are_spent(tmp_path: Path) -> None:
    result = run(tmp_path, budget="0.1 USD")  # 0.01 dollars per virtual second
    assert result.dollars == pytest.approx(0.1, rel=0.2)
    assert result.reports["elapsed"].max() <= 10.0
    loaded = rts.load_study(result.path)
    assert loaded.dollars == pytest.approx(result.reports["elapsed"].iloc[-1] * 0.01)
    more = run(tmp_path, budget="0.2 USD", resume=True)
    assert more.reports[: len(result.reports)].equals(result.reports)
    assert more.dollars == pytest.approx(0.2, rel=0.2)
    undisturbed = run(tmp_path, budget="0.2 USD", name="undisturbed")
    assert undisturbed.reports.equals(more.reports)
    with pytest.raises(ArgumentError, match="dollars"):
        run(tmp_path, budget="0.05 USD", resume=True)


def test_without_a_price_there_is_no_bill(tmp_path: Path) -> None:
    assert run(tmp_path, budget=1, price_per_hour=None).dollars is None
    with pytest.raises(ArgumentError, match="price_per_hour"):
        run(tmp_path, budget="1 USD", price_per_hour=None, name="other")


@pytest.mark.parametrize("budget", ["20", "USD", "0 USD", "-1 USD", "20 EUR", "20 USD per hour", f"{'9' * 400} USD"])
def test_a_budget_that_is_none_is_rejected(budget: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="budget"):
        run(tmp_path, budget=budget)


def test_the_pool_of_a_machine_tells_its_price(cluster: Any) -> None:
    total, unknown = hourly([node(0), node(4, 1), node(4, 1, "gpus"), node(1, 0, "head")], cluster)
    assert total == pytest.approx(2 * 0.096 + 2 * 1.006)
    assert unknown == []
    total, unknown = hourly([node(0), node(7)], cluster)
    assert total == pytest.approx(0.096)
    assert unknown == [node(7)]


@pytest.mark.parametrize(("machine", "named"), [(node(7), "10.0.0.1"), (node(192, 8), "p5.48xlarge")])
@pytest.mark.usefixtures("cluster")
def test_a_machine_without_a_price_is_named(
    machine: dict[str, Any], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_state, "alive_nodes", lambda: {"a": node(0), "b": machine})
    spec: Any = type("Spec", (), {"dollars": 20.0, "price_per_hour": None})
    with pytest.raises(ArgumentError, match=named):
        machine_prices.check_prices(spec)
    spec.price_per_hour = 2.0
    machine_prices.check_prices(spec)


def test_a_machine_of_unknown_price_that_joins_counts_as_the_most_expensive(
    cluster: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nobody: Any = None
    log = StudyLog(Objective("loss", "min", "training_iteration", 9), nobody)
    meter = Meter(log, None, cluster, 1.0)
    monkeypatch.setattr(cluster_state, "alive_nodes", lambda: {"a": node(0), "b": node(7)})
    meter.on_step_begin(0, [])
    assert log.bill.hourly == pytest.approx(0.096 + 1.006)
    assert "10.0.0.1" in caplog.text
    log.bill.charged = 1.0
    assert "$1.00" in progress_line(log, "asha", 200)


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.usefixtures("ray_session")
def test_a_study_on_ray_ends_when_its_dollars_are_spent(tmp_path: Path) -> None:
    common = {"engine": "ray", "price_per_hour": 36_000.0, "max_concurrent": 1}  # 10 dollars per second
    result = run(tmp_path, budget="30 USD", **common)
    assert result.dollars is not None
    assert 30.0 <= result.dollars < 100.0
    more = run(tmp_path, budget="60 USD", resume=True, **common)
    assert more.dollars is not None
    assert more.dollars >= 60.0
