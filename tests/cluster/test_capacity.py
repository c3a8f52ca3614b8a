"""How many trials fit, and what that costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from raytune_suite.cluster.capacity import Trial, capacity, read_study, slots_per_machine
from raytune_suite.cluster.instance_types import in_complete_family, machines, table, with_accelerators
from raytune_suite.cluster.pools import Pool
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path


def pool(name: str, machine: str, most: int, *, spot: bool = False, head: bool = False) -> Pool:
    found = machines("aws")[machine]
    return Pool(name, (), head, spot, 0, most, float(found.cpus), float(found.gpus), machine, found)


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
        (1, 0.6, 1, 8),  # a part of a GPU never spans two
        (1, 3, 0, 2),
        (2, 0, 2, 96),
        (0, 0.1, 10, 80),
    ],
)
def test_the_trials_on_one_machine(cpus: float, gpus: float, on_one: int, on_eight: int) -> None:
    trial = Trial(cpus=cpus, gpus=gpus)
    assert (slots_per_machine(ONE, trial), slots_per_machine(EIGHT, trial)) == (on_one, on_eight)


def test_all_pools_together_cost_what_their_machines_and_the_head_cost() -> None:
    found = capacity([HEAD, ONE, EIGHT], Trial(gpus=1), 10)
    assert found.slots == 8 * 1 + 2 * 8
    assert found.dollars == pytest.approx(8 * 0.8048 + 2 * 13.3504 + 0.192)
    assert not found.at_most


def test_the_clusters_own_limit_binds() -> None:
    found = capacity([HEAD, ONE, EIGHT], Trial(gpus=1), 3)
    assert found.slots == 2 * 8 + 1
    assert [one.machines for one in found.shares] == [1, 2]


def test_a_study_with_few_trials_at_once_needs_few_machines() -> None:
    found = capacity([HEAD, ONE, EIGHT], Trial(gpus=1, max_concurrent=5), 10)
    assert found.slots == 5
    assert [one.machines for one in found.shares] == [0, 1]


def test_a_pool_that_no_trial_fits_costs_nothing() -> None:
    found = capacity([HEAD, ONE, EIGHT], Trial(gpus=2), 10)
    assert found.slots == 8
    assert found.dollars == pytest.approx(2 * 13.3504 + 0.192)


def test_a_spot_machine_without_a_price_of_its_own_counts_at_most_as_on_demand() -> None:
    cheap = capacity([HEAD, pool("one", "g6.xlarge", 1, spot=True)], Trial(gpus=1), 10)
    assert cheap.dollars == pytest.approx(0.4007 + 0.192)
    assert not cheap.at_most
    unknown = capacity([HEAD, pool("eight", "g6.48xlarge", 1, spot=True)], Trial(gpus=1), 10)
    assert unknown.dollars == pytest.approx(13.3504 + 0.192)
    assert unknown.at_most


def test_without_a_price_there_is_no_sum() -> None:
    assert capacity([HEAD, pool("p5", "p5.48xlarge", 1)], Trial(gpus=1), 10).dollars is None


def test_machines_that_do_not_say_what_they_have_leave_the_number_open() -> None:
    workers = Pool("workers", (), False, False, 2, 2, None, None)
    assert capacity([workers], Trial(gpus=1), None).slots is None


def test_every_machine_of_the_table_is_whole_and_every_price_dated() -> None:
    for cloud in ("aws", "gcp", "azure"):
        assert table()[cloud]["as_of"]
        assert table()[cloud]["source"]
        for machine in machines(cloud).values():
            assert machine.cpus > 0
            assert machine.memory > 0
            assert bool(machine.gpus) == bool(machine.gpu)
            assert machine.spot is None or (machine.price is not None and machine.spot < machine.price)
        assert all(
            any(in_complete_family(cloud, name) for name in machines(cloud) if name.startswith(family))
            for family in table()[cloud]["families"]
        )
    assert machines("local") == {}


def test_added_gpus_cost_their_own_price() -> None:
    t4 = [{"acceleratorType": "projects/p/zones/z/acceleratorTypes/nvidia-tesla-t4", "acceleratorCount": 2}]
    found = with_accelerators(machines("gcp")["n1-standard-8"], t4)
    assert (found.gpus, found.gpu) == (2, "T4")
    assert found.price == pytest.approx(0.38 + 2 * 0.35)


def test_a_study_is_read_from_its_own_manifest_and_from_toml(tmp_path: Path) -> None:
    manifest = tmp_path / "study.json"
    manifest.write_text(json.dumps({"method": "bohb", "resources": {"cpu": 2, "gpu": 0.5}, "max_concurrent": None}))
    assert read_study(manifest) == Trial(cpus=2, gpus=0.5)
    words = tmp_path / "study.toml"
    words.write_text('resources = {gpu = 1}\nmax_concurrent = 8\nstorage_path = "/shared/studies"\n')
    assert read_study(words) == Trial(cpus=1, gpus=1, max_concurrent=8, storage_path="/shared/studies")


def test_a_misspelt_word_of_a_study_is_refused(tmp_path: Path) -> None:
    words = tmp_path / "study.toml"
    words.write_text("resource = {gpu = 1}\n")
    with pytest.raises(ArgumentError, match="did you mean 'resources'"):
        read_study(words)
    with pytest.raises(ArgumentError, match="cannot be read as a study"):
        read_study(tmp_path / "no.toml")
