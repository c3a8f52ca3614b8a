"""What a cluster can place, what its autoscaler tells, and the words for it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ray.core.generated import autoscaler_pb2

from raytune_suite.engines.ray.cluster_state import (
    Autoscaler,
    bundle,
    can_place,
    hopeless,
    inventory,
    read_v1,
    read_v2,
    why_waiting,
)

GPU = (bundle({"gpu": 1, "cpu": 4}),)
HUGE = (bundle({"GPU": 16}),)


def machine(**resources: float) -> dict[str, Any]:
    return {"Resources": {"node:10.0.0.1": 1.0, "memory": 1e9, "object_store_memory": 1e9, **resources}}


HEAD, WORKER = machine(), machine(CPU=4, GPU=1)


def v1(**report: Any) -> dict[str, Any]:
    usual = {
        "active_nodes": {"head": 1},
        "pending_nodes": [],
        "pending_launches": {},
        "node_availability_summary": {"node_availabilities": {}},
    }
    return {"autoscaler_report": {**usual, **report}}


def v2(nodes: tuple[str, ...] = ("head",)) -> Any:
    reply = autoscaler_pb2.GetClusterStatusReply()  # type: ignore[attr-defined] # made by protobuf
    for node in nodes:
        reply.cluster_resource_state.node_states.add(ray_node_type_name=node)
    return reply


@pytest.mark.parametrize(
    ("resources", "possible"),
    [
        ({"cpu": 4, "gpu": 1}, True),
        ({"cpu": 4, "gpu": 0.5, "memory": 1e9}, True),
        ({"CPU": 5}, False),
        ({"gpu": 1, "accelerator_type:L4": 0.01}, False),
        ({}, True),
    ],
)
def test_one_machine_must_have_all_that_a_process_asks_for(resources: dict[str, float], possible: bool) -> None:
    assert can_place((bundle(resources),), [HEAD, WORKER]) == possible


def test_the_processes_of_a_trial_may_lie_on_several_machines() -> None:
    assert can_place((bundle({"cpu": 4}), bundle({"spot": 1})), [WORKER, machine(spot=1)])


def test_an_inventory_counts_alike_machines() -> None:
    assert (
        inventory([WORKER, HEAD, WORKER])
        == "the cluster has 2 machines with {CPU: 4, GPU: 1} and 1 machine with nothing"
    )


class TestFirstAutoscaler:
    def test_nothing_told_is_not_none(self) -> None:
        assert read_v1({}) == Autoscaler(known=False)

    def test_machines_that_are_kinds_of_their_own_have_no_autoscaler(self) -> None:
        assert read_v1(v1(active_nodes={"node_6f3a256c": 1, "node_aa": 1})) is None

    @pytest.mark.parametrize(("pool", "grows"), [("local.cluster.node", False), ("gpu_8", True)])
    def test_hosts_that_are_all_there_do_not_grow(self, pool: str, *, grows: bool) -> None:
        scaler = read_v1(v1(active_nodes={pool: 3}))
        assert scaler is not None
        assert scaler.grows == grows

    def test_no_machine_at_all_tells_nothing(self) -> None:
        assert read_v1(v1(active_nodes={})) == Autoscaler(known=False)

    def test_counts_what_is_launched_and_what_is_set_up(self) -> None:
        nodes = [("10.0.0.5", "gpu_8", "setting-up"), ("", "gpu_1", "")]
        found = read_v1(v1(pending_launches={"gpu_8": 1}, pending_nodes=nodes))
        assert found == Autoscaler(starting=Counter(gpu_8=2, gpu_1=1))

    def test_tells_why_a_pool_cannot_grow(self) -> None:
        lack = {"is_available": False, "unavailable_node_information": {"description": "no capacity in us-west-2a"}}
        summary = {"node_availabilities": {"gpu_1": lack, "gpu_8": {"is_available": True}}}
        found = read_v1(v1(node_availability_summary=summary))
        assert found is not None
        assert found.failed == {"gpu_1": "no capacity in us-west-2a"}


class TestSecondAutoscaler:
    def test_nothing_told_is_not_none(self) -> None:
        assert read_v2(v2(nodes=())) == Autoscaler(known=False)

    def test_machines_without_a_pool_do_not_tell_whether_others_will_come(self) -> None:
        assert read_v2(v2(nodes=("", "node_6f3a256c"))) == Autoscaler(known=False)

    def test_counts_what_is_requested_and_what_is_set_up_but_not_the_head(self) -> None:
        reply = v2()
        reply.autoscaling_state.pending_instance_requests.add(ray_node_type_name="gpu_1", count=2)
        reply.autoscaling_state.pending_instances.add(ray_node_type_name="gpu_1", details="installing ray")
        reply.autoscaling_state.pending_instances.add(ray_node_type_name="head", details="allocated (HEAD)")
        assert read_v2(reply) == Autoscaler(starting=Counter(gpu_1=3))

    def test_tells_what_failed_and_what_no_pool_has(self) -> None:
        reply = v2()
        reply.autoscaling_state.failed_instance_requests.add(ray_node_type_name="gpu_8", reason="quota")
        gang = reply.autoscaling_state.infeasible_gang_resource_requests.add()
        gang.requests.add().resources_bundle["GPU"] = 16
        assert read_v2(reply) == Autoscaler(failed={"gpu_8": "quota"}, impossible=frozenset({HUGE}))


@pytest.mark.parametrize(
    ("machines", "scaler", "words"),
    [
        ([WORKER], None, "3 trials ask for {CPU: 4, GPU: 1}, none is free; no autoscaler would start one"),
        ([HEAD], Autoscaler(starting=Counter(gpu_1=2)), "no machine has that; the autoscaler is starting 2 gpu_1"),
        ([HEAD], Autoscaler(failed={"gpu_1": "quota"}), "the autoscaler could not start gpu_1: quota"),
        ([HEAD], Autoscaler(), "the autoscaler is starting none: no pool has it, or one has reached its limit"),
        ([WORKER], Autoscaler(), "none is free; the autoscaler is starting none"),
        ([HEAD], Autoscaler(known=False), "nothing is known of an autoscaler"),
    ],
)
def test_a_person_reads_why_trials_wait(machines: list[Any], scaler: Autoscaler | None, words: str) -> None:
    told = why_waiting(Counter({GPU: 3}), machines, scaler)
    assert told.startswith("waiting for machines: 3 trials ask for {CPU: 4, GPU: 1}, ")
    assert told.endswith(words)


@pytest.mark.parametrize(
    ("machines", "scaler", "found"),
    [
        ([WORKER], None, HUGE),
        ([WORKER], Autoscaler(impossible=frozenset({HUGE})), HUGE),
        ([WORKER], Autoscaler(), None),
        ([WORKER], Autoscaler(known=False), None),
        ([WORKER, machine(GPU=16)], None, None),
    ],
)
def test_hope_ends_only_where_nothing_can_come(machines: list[Any], scaler: Autoscaler | None, found: Any) -> None:
    assert hopeless([GPU, HUGE], machines, scaler) == found
