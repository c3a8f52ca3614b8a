"""Protocols: what a file may say, and the line that a message about it names."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.bench.plan import plan
from raytune_suite.bench.protocol import Entrant, Protocol, Task, read, seeds
from raytune_suite.bench.toml_positions import parse
from raytune_suite.errors import ArgumentError

OURS = Path(__file__).parents[2] / "benchmarks"
GOOD = """\
schema = 1
name = "mine"
method_seeds = "0-1"
budget = 3

[methods.asha]
[methods.slow]
method = "random"

[workloads."synthetic/branin"]
workers = 2
[workloads."synthetic/mfh3"]
budget = 5
method_seeds = [7]
test_seeds = []
"""


def protocol(folder: Path, text: str) -> Protocol:
    """What a file with this text says."""
    place = folder / "mine.toml"
    place.write_text(text)
    return read(place)


def message(folder: Path, text: str, *, planned: bool = False) -> str:
    """What is said about a file with this text."""
    with pytest.raises(ArgumentError) as error:
        plan(protocol(folder, text)) if planned else protocol(folder, text)
    return str(error.value)


def test_a_workload_may_differ_from_what_holds_for_all(tmp_path: Path) -> None:
    found = protocol(tmp_path, GOOD)
    assert [(one.label, one.method) for one in found.entrants] == [("asha", "asha"), ("slow", "random")]
    branin, mfh3 = found.tasks
    assert (branin.budget, branin.method_seeds, branin.workers, branin.test_seeds) == (3, (0, 1), 2, None)
    assert (mfh3.budget, mfh3.method_seeds, mfh3.workers, mfh3.test_seeds) == (5, (7,), 4, ())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("budget = 3", "budgt = 3", "mine.toml:4: unknown key 'budgt': did you mean 'budget'?"),
        ("budget = 3", "budget = -3", "mine.toml:4: `budget` is -3, but must be a number of full trainings above 0"),
        ("budget = 3", "", "mine.toml:10: `budget` is missing: give it here or for all workloads"),
        ("budget = 5", 'budget = "5"', "mine.toml:13: `budget` is '5'"),
        ("schema = 1", "schema = 2", "mine.toml:1: `schema` is 2, but this version reads 1"),
        ('"0-1"', '"0..1"', "mine.toml:3: `method_seeds`: '0..1' must be seeds such as 0,3 or 0-4"),
        ("[7]", "[7, 7]", "mine.toml:14: `method_seeds`: [7, 7] has a seed twice"),
        ("[7]", "[]", "mine.toml:14: `method_seeds` is empty"),
        ("workers = 2", "workers = 0", "mine.toml:11: `workers` is 0, but must be an integer of 1 or more"),
        ("workers = 2", "args = {}", "mine.toml:11: unknown key 'args'"),
        ('method = "random"', "eta = 4", "mine.toml:8: unknown key 'eta'; arguments of the method go into args = {eta"),
        (
            'name = "mine"',
            "test_seeds = [5]",
            "mine.toml:2: unknown key 'test_seeds'; it belongs below",
        ),
        ('method = "random"', "method = 3", "mine.toml:8: `method` is 3, but must be a name"),
        ('method = "random"', "args = 3", "mine.toml:8: `args` is 3, but must be a table"),
        ("[methods.slow]", "[methods.slow", "mine.toml:7: this is no TOML"),
        ('name = "mine"', 'engine = "fast"', "mine.toml:2: `engine` is 'fast', but must be one of 'simulated', 'ray'"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert old in GOOD
    assert message(tmp_path, GOOD.replace(old, new, 1)).startswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"random"', '"randm"', "mine.toml:8: unknown method 'randm': did you mean 'random'?"),
        (
            "[methods.slow]\n",
            "[methods.slow]\nargs.eta = 4\n",
            "mine.toml:8: slow on synthetic/branin: unknown argument",
        ),
        ("[methods.asha]", "[methods.asha]\nargs = {eta = 1}", "mine.toml:7: asha on synthetic/branin: `eta` is 1"),
        ("[methods.asha]", "[methods.grid]", "mine.toml:6: grid can serve none of the workloads: "),
        ("synthetic/mfh3", "synthetic/mfh4", "mine.toml:12: unknown workload 'synthetic/mfh4': did you mean "),
        ("test_seeds = []", "test_seeds = [0]", "mine.toml:12: the seeds [0] are among `tuning_seeds` and"),
    ],
)
def test_names_arguments_and_spaces_are_checked_before_anything_runs(
    old: str, new: str, expected: str, tmp_path: Path
) -> None:
    assert old in GOOD
    assert message(tmp_path, GOOD.replace(old, new, 1), planned=True).startswith(expected)


def test_a_workload_whose_data_are_missing_is_an_error_unless_it_may_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path / "nowhere"))
    text = f'{GOOD}[workloads."yahpo/lcbench/3945"]\n'
    said = message(tmp_path, text, planned=True)
    assert said.startswith("mine.toml:16: ")
    assert "raytune-suite data fetch yahpo/lcbench" in said
    planned = plan(protocol(tmp_path, text), skip_missing=True)
    assert [*planned.missing] == ["yahpo/lcbench/3945"]
    assert {run.workload for run in planned.runs} == {"synthetic/branin", "synthetic/mfh3"}


def test_the_digest_tells_protocols_apart_and_not_their_comments(tmp_path: Path) -> None:
    first = protocol(tmp_path, GOOD)
    assert protocol(tmp_path, f"# a comment\n{GOOD}").digest == first.digest
    assert protocol(tmp_path, GOOD.replace("budget = 3", "budget = 4")).digest != first.digest


def test_the_key_of_a_run_holds_what_decides_its_outcome(tmp_path: Path) -> None:
    ids = {run.id for run in plan(protocol(tmp_path, GOOD)).runs}
    assert len(ids) == 6
    for old, new in [("workers = 2", "workers = 3"), ("budget = 3", "budget = 4"), ('"0-1"', '"2-3"')]:
        others = {run.id for run in plan(protocol(tmp_path, GOOD.replace(old, new))).runs}
        assert len(others & ids) == 2, (old, new)  # those of mfh3, which has its own
    grown = {run.id for run in plan(protocol(tmp_path, f"{GOOD}[methods.sobol]\n")).runs}
    assert grown > ids


def test_lines_are_those_of_multiline_values_and_nested_tables_too() -> None:
    text = 'a = [\n  1,\n  2,\n]\nb = """\n[c]\n"""\n[d.e]\n# x\nf = {g = 1}\n[[h]]\ni = 1\n'
    found, lines = parse(text, "x.toml")
    assert found == tomllib.loads(text)
    assert lines == {
        ("a",): 1,
        ("b",): 5,
        ("d",): 8,
        ("d", "e"): 8,
        ("d", "e", "f"): 10,
        ("d", "e", "f", "g"): 10,
        ("h",): 11,
        ("h", "i"): 12,
    }


@pytest.mark.parametrize("value", [-1, "x", [True], [0.5], "3-", None])
def test_what_are_no_seeds_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError):
        seeds(value)


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[2].glob("benchmarks/*.toml")), ids=lambda path: path.stem
)
def test_our_own_protocols_can_be_read(path: Path) -> None:
    found = read(path)
    assert found.name == path.stem
    assert {"random"} <= {one.method for one in found.entrants}


def test_a_method_is_refused_where_it_cannot_serve_the_space_and_serves_the_others() -> None:
    branin = rts.workload("synthetic/branin")
    space = {"kind": tune.choice([{"x1": branin.space["x1"]}, {"x2": branin.space["x2"]}])}
    conditional = dataclasses.replace(branin, name="conditional", space=space)
    tasks = tuple(Task(workload=one.name, made=one, budget=1, method_seeds=(0,)) for one in (branin, conditional))
    entrants = tuple(Entrant(label=name, method=name, args={}) for name in ("gp", "random"))
    planned = plan(Protocol(name="mine", entrants=entrants, tasks=tasks))
    (reason,) = planned.refused.values()
    assert "conditional" in reason
    (refused,) = (run for run in planned.runs if run.id in planned.refused)
    assert (refused.label, refused.workload) == ("gp", "conditional")
