"""The number of trials that fit, and their cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from raytune_suite.cluster.capacity import (
    ProcessRequirements,
    StudyRequirements,
    compute_capacity,
    read_requirements,
    slots_per_machine,
)
from raytune_suite.cluster.instance_types import exists, instance_types, table, with_accelerators
from raytune_suite.cluster.pools import Pool
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path


def pool(name: str, machine: str, most: int, *, spot: bool = False, head: bool = False) -> Pool:
    result = instance_types("aws")[machine]
    return Pool(name, (), head, spot, 0, most, float(result.cpus), float(result.gpus), machine, result)


HEAD = pool("head", "m6i.xlarge", 0, head=True)
ONE, EIGHT = pool("one", "g6.xlarge", 8), pool("eight", "g6.48xlarge", 2)


@pytest.mark.parametrize(
    ("cpus", "gpus", "on_one", "on_eight"),
    [
        (1, 1, 1, 8),
        (4, 1, 1, 8),
        (5, 1, 0, 8),  # one has 4 CPUs
        (48, 1, 0, 4),  # eight has 192 CPUs for 8 GPUs
        (1, 0.5, 2, 16),
        (1, 1 / 3, 3, 24),
        (1, 0.6, 1, 8),  # a fraction of a GPU never spans two
        (1, 3, 0, 2),
        (2, 0, 2, 96),
        (0, 0.1, 10, 80),
    ],
)
def test_trials_per_machine(cpus: float, gpus: float, on_one: int, on_eight: int) -> None:
    study = StudyRequirements(cpus=cpus, gpus=gpus)
    assert (slots_per_machine(ONE, study), slots_per_machine(EIGHT, study)) == (on_one, on_eight)


def test_the_cost_includes_all_machines_and_the_head() -> None:
    result = compute_capacity([HEAD, ONE, EIGHT], StudyRequirements(gpus=1), 10)
    assert result.slots == 8 * 1 + 2 * 8
    assert result.dollars == pytest.approx(8 * 0.8048 + 2 * 13.3504 + 0.192)
    assert not result.at_most


def test_the_limit_of_the_cluster_applies_to_all_pools_together() -> None:
    result = compute_capacity([HEAD, ONE, EIGHT], StudyRequirements(gpus=1), 3)
    assert result.slots == 2 * 8 + 1
    assert [one.machines for one in result.pools] == [1, 2]


def test_a_study_with_few_concurrent_trials_needs_few_machines() -> None:
    result = compute_capacity([HEAD, ONE, EIGHT], StudyRequirements(gpus=1, max_concurrent=5), 10)
    assert result.slots == 5
    assert [one.machines for one in result.pools] == [0, 1]


def test_a_pool_in_which_no_trial_fits_costs_nothing() -> None:
    result = compute_capacity([HEAD, ONE, EIGHT], StudyRequirements(gpus=2), 10)
    assert result.slots == 8
    assert result.dollars == pytest.approx(2 * 13.3504 + 0.192)


def workers(number: int, *, cpus: float = 4, gpus: float = 1, strategy: str = "PACK") -> StudyRequirements:
    worker = ProcessRequirements(cpus, gpus)
    return StudyRequirements(number * cpus, number * gpus, processes=(worker,) * number, strategy=strategy)


@pytest.mark.parametrize(
    ("study", "trials", "machines"),
    [
        (workers(8), 3, [8, 2]),  # one per machine of the first pool, eight per machine of the second
        (workers(16), 1, [0, 2]),  # more than any machine has
        (workers(25), 0, [0, 0]),
        (workers(2, gpus=8), 1, [0, 2]),
        (workers(2, gpus=9), 0, [0, 0]),
        (workers(9, strategy="STRICT_PACK"), 0, [0, 0]),
        (workers(10, strategy="STRICT_SPREAD"), 1, [8, 2]),
        (workers(2, cpus=0, gpus=4), 2, [0, 2]),
    ],
)
def test_trials_of_several_processes_span_machines(study: StudyRequirements, trials: int, machines: list[int]) -> None:
    result = compute_capacity([HEAD, ONE, EIGHT], study, None)
    assert (result.slots, [one.machines for one in result.pools]) == (trials, machines)


def test_few_concurrent_trials_of_several_processes_need_few_machines() -> None:
    study = StudyRequirements(8, 8, max_concurrent=1, processes=(ProcessRequirements(1, 1),) * 8)
    result = compute_capacity([HEAD, ONE, EIGHT], study, None)
    assert (result.slots, [one.machines for one in result.pools]) == (1, [0, 1])


def test_a_spot_machine_without_a_spot_price_costs_at_most_its_on_demand_price() -> None:
    cheap = compute_capacity([HEAD, pool("one", "g6.xlarge", 1, spot=True)], StudyRequirements(gpus=1), 10)
    assert cheap.dollars == pytest.approx(0.4007 + 0.192)
    assert not cheap.at_most
    unknown = compute_capacity([HEAD, pool("eight", "g6.48xlarge", 1, spot=True)], StudyRequirements(gpus=1), 10)
    assert unknown.dollars == pytest.approx(13.3504 + 0.192)
    assert unknown.at_most


def test_without_a_price_the_cost_is_unknown() -> None:
    assert compute_capacity([HEAD, pool("p5", "p5.48xlarge", 1)], StudyRequirements(gpus=1), 10).dollars is None


def test_without_resources_in_the_file_the_number_of_trials_is_unknown() -> None:
    workers = Pool("workers", (), False, False, 2, 2, None, None)
    assert compute_capacity([workers], StudyRequirements(gpus=1), None).slots is None


def test_every_instance_type_of_the_table_is_complete_and_every_price_dated() -> None:
    for cloud in ("aws", "gcp", "azure"):
        assert table()[cloud]["as_of"]
        assert table()[cloud]["source"]
        for machine in instance_types(cloud).values():
            assert machine.cpus > 0
            assert machine.memory > 0
            assert bool(machine.gpus) == bool(machine.gpu)
            assert machine.spot is None or (machine.price is not None and machine.spot < machine.price)
        assert all(exists(cloud, name) for name in instance_types(cloud))
    assert instance_types("local") == {}


def test_attached_gpus_add_their_price() -> None:
    t4 = [{"acceleratorType": "projects/p/zones/z/acceleratorTypes/nvidia-tesla-t4", "acceleratorCount": 2}]
    result = with_accelerators(instance_types("gcp")["n1-standard-8"], t4)
    assert (result.gpus, result.gpu) == (2, "T4")
    assert result.price == pytest.approx(0.38 + 2 * 0.35)


def test_requirements_are_read_from_a_study_and_from_toml(tmp_path: Path) -> None:
    manifest = tmp_path / "study.json"
    manifest.write_text(json.dumps({"method": "bohb", "resources": {"cpu": 2, "gpu": 0.5}, "max_concurrent": None}))
    assert read_requirements(manifest) == StudyRequirements(cpus=2, gpus=0.5)
    toml = tmp_path / "study.toml"
    toml.write_text('resources = {gpu = 1}\nmax_concurrent = 8\nstorage_path = "/shared/studies"\n')
    assert read_requirements(toml) == StudyRequirements(
        cpus=1, gpus=1, max_concurrent=8, storage_path="/shared/studies"
    )


def test_a_misspelled_key_is_rejected_with_a_suggestion(tmp_path: Path) -> None:
    toml = tmp_path / "study.toml"
    toml.write_text("resource = {gpu = 1}\n")
    with pytest.raises(ArgumentError, match="did you mean 'resources'"):
        read_requirements(toml)
    with pytest.raises(ArgumentError, match=r"no\.toml"):
        read_requirements(tmp_path / "no.toml")


@pytest.mark.parametrize("resources", ["[{}, {gpu = 1}, {gpu = 1}]", "{bundles = [{}, {GPU = 1}, {GPU = 1}]}"])
def test_the_processes_of_a_trial_are_read(tmp_path: Path, resources: str) -> None:
    file = tmp_path / "study.toml"
    file.write_text(f"resources = {resources}")
    study = read_requirements(file)
    assert (study.cpus, study.gpus, study.processes) == (0, 2, (ProcessRequirements(gpus=1),) * 2)


@pytest.mark.parametrize("resources", ['"many"', '["many"]', "[{gpu = -1}]", '{bundles = [{gpu = 1}], strategy = "x"}'])
def test_processes_that_cannot_be_used_are_rejected(tmp_path: Path, resources: str) -> None:
    file = tmp_path / "study.toml"
    file.write_text(f"resources = {resources}")
    with pytest.raises(ArgumentError):
        read_requirements(file)
