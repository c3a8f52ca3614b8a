"""Protocols: the content of a file, and the lines that error messages name."""

from __future__ import annotations

import dataclasses
import sys
import tomllib
from pathlib import Path

import pytest
from ray import tune

import raytune_suite as rts
from raytune_suite.bench import store
from raytune_suite.bench.plan import plan
from raytune_suite.bench.protocol import MethodEntry, Protocol, WorkloadEntry, as_seeds, read
from raytune_suite.bench.toml_positions import parse
from raytune_suite.bench.worker import execute_pickled, pickle_run
from raytune_suite.errors import ArgumentError

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
    """Read a file with this text."""
    place = folder / "mine.toml"
    place.write_text(text)
    return read(place)


def message(folder: Path, text: str, *, planned: bool = False) -> str:
    """Return the error message for a file with this text."""
    with pytest.raises(ArgumentError) as error:
        plan(protocol(folder, text)) if planned else protocol(folder, text)
    return str(error.value)


def test_a_workload_may_override_the_top_level(tmp_path: Path) -> None:
    read_back = protocol(tmp_path, GOOD)
    assert [(one.label, one.method) for one in read_back.methods] == [("asha", "asha"), ("slow", "random")]
    branin, mfh3 = read_back.workloads
    assert (branin.budget, branin.method_seeds, branin.workers, branin.test_seeds) == (3, (0, 1), 2, None)
    assert (mfh3.budget, mfh3.method_seeds, mfh3.workers, mfh3.test_seeds) == (5, (7,), 4, ())


@pytest.mark.parametrize(
    ("old", "new", "line", "names"),
    [
        ("budget = 3", "budgt = 3", 4, ["'budgt'", "'budget'"]),
        ("budget = 3", "budget = -3", 4, ["`budget` is -3"]),
        ("budget = 3", "", 10, ["`budget`"]),
        ("budget = 5", 'budget = "5"', 13, ["`budget` is '5'"]),
        ("schema = 1", "schema = 2", 1, ["`schema` is 2"]),
        ('"0-1"', '"0..1"', 3, ["`method_seeds`", "'0..1'"]),
        ("[7]", "[7, 7]", 14, ["`method_seeds`", "[7, 7]"]),
        ("[7]", "[]", 14, ["`method_seeds`"]),
        ("workers = 2", "workers = 0", 11, ["`workers` is 0"]),
        ("workers = 2", "args = {}", 11, ["'args'"]),
        ('method = "random"', "eta = 4", 8, ["'eta'", "args = {eta"]),
        ('name = "mine"', "test_seeds = [5]", 2, ["'test_seeds'", "[workloads."]),
        ('method = "random"', "method = 3", 8, ["`method` is 3"]),
        ('method = "random"', "args = 3", 8, ["`args` is 3"]),
        ("[methods.slow]", "[methods.slow", 7, ["TOML"]),
        ('name = "mine"', 'engine = "fast"', 2, ["`engine` is 'fast'", "'simulated'", "'ray'"]),
    ],
)
def test_error_messages_begin_with_the_line_and_name_the_key(
    old: str, new: str, line: int, names: list[str], tmp_path: Path
) -> None:
    assert old in GOOD
    error = message(tmp_path, GOOD.replace(old, new, 1))
    assert error.startswith(f"mine.toml:{line}: ")
    assert all(name in error for name in names), error


@pytest.mark.parametrize(
    ("old", "new", "line", "names"),
    [
        ('"random"', '"randm"', 8, ["'randm'", "'random'"]),
        ("[methods.slow]\n", "[methods.slow]\nargs.eta = 4\n", 8, ["slow on synthetic/branin", "'eta'"]),
        ("[methods.asha]", "[methods.asha]\nargs = {eta = 1}", 7, ["asha on synthetic/branin", "`eta` is 1"]),
        ("[methods.asha]", "[methods.grid]", 6, ["grid"]),
        ("synthetic/mfh3", "synthetic/mfh4", 12, ["'synthetic/mfh4'"]),
        ("test_seeds = []", "test_seeds = [0]", 12, ["[0]", "`tuning_seeds`"]),
    ],
)
def test_names_arguments_and_spaces_are_validated_when_planning(
    old: str, new: str, line: int, names: list[str], tmp_path: Path
) -> None:
    assert old in GOOD
    error = message(tmp_path, GOOD.replace(old, new, 1), planned=True)
    assert error.startswith(f"mine.toml:{line}: ")
    assert all(name in error for name in names), error


def test_a_workload_with_missing_data_is_an_error_unless_it_may_be_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path / "nowhere"))
    text = f'{GOOD}[workloads."yahpo/lcbench/3945"]\n'
    error = message(tmp_path, text, planned=True)
    assert error.startswith("mine.toml:16: ")
    assert "raytune-suite data fetch yahpo/lcbench" in error
    planned = plan(protocol(tmp_path, text), skip_missing=True)
    assert [*planned.missing] == ["yahpo/lcbench/3945"]
    assert {run.workload for run in planned.runs} == {"synthetic/branin", "synthetic/mfh3"}


def test_the_digest_depends_on_the_content_but_not_on_comments(tmp_path: Path) -> None:
    first = protocol(tmp_path, GOOD)
    assert protocol(tmp_path, f"# a comment\n{GOOD}").digest == first.digest
    assert protocol(tmp_path, GOOD.replace("budget = 3", "budget = 4")).digest != first.digest


def test_the_id_of_a_run_depends_on_everything_that_determines_its_result(tmp_path: Path) -> None:
    ids = {run.id for run in plan(protocol(tmp_path, GOOD)).runs}
    assert len(ids) == 6
    for old, new in [("workers = 2", "workers = 3"), ("budget = 3", "budget = 4"), ('"0-1"', '"2-3"')]:
        others = {run.id for run in plan(protocol(tmp_path, GOOD.replace(old, new))).runs}
        assert len(others & ids) == 2, (old, new)  # those of mfh3, which has its own
    grown = {run.id for run in plan(protocol(tmp_path, f"{GOOD}[methods.sobol]\n")).runs}
    assert grown > ids


def test_positions_include_multiline_values_and_nested_tables() -> None:
    text = 'a = [\n  1,\n  2,\n]\nb = """\n[c]\n"""\n[d.e]\n# x\nf = {g = 1}\n[[h]]\ni = 1\n'
    content, positions = parse(text, "x.toml")
    assert content == tomllib.loads(text)
    assert positions == {
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
def test_invalid_seeds_are_rejected(value: object) -> None:
    with pytest.raises(ArgumentError):
        as_seeds(value)


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[2].glob("benchmarks/*.toml")), ids=lambda path: path.stem
)
def test_the_protocols_of_this_repository_are_valid(path: Path) -> None:
    own = read(path)
    assert own.name == path.stem
    assert {"random"} <= {one.method for one in own.methods}


def test_a_method_is_rejected_only_on_workloads_whose_space_it_does_not_support() -> None:
    branin = rts.workload("synthetic/branin")
    space = {"kind": tune.choice([{"x1": branin.space["x1"]}, {"x2": branin.space["x2"]}])}
    conditional = dataclasses.replace(branin, name="conditional", space=space)
    workloads = tuple(
        WorkloadEntry(workload=one.name, custom_workload=one, budget=1, method_seeds=(0,))
        for one in (branin, conditional)
    )
    methods = tuple(MethodEntry(label=name, method=name, args={}) for name in ("bayesopt", "random"))
    planned = plan(Protocol(name="mine", methods=methods, workloads=workloads))
    (reason,) = planned.refused.values()
    assert "conditional" in reason
    (refused,) = (run for run in planned.runs if run.id in planned.refused)
    assert (refused.label, refused.workload) == ("bayesopt", "conditional")


OWN = """\
schema = 1
method_seeds = [0]
budget = 4
judge_at = [1, 2.5, 4, 10]
[methods.middle]
method = "own_objects:Middle"
[workloads."own_objects:parabola"]
bounds = [0, 1]
"""

OBJECTS = """\
import numpy as np
from ray import tune
from raytune_suite.searchers import AskTellSearcher
from raytune_suite.types import Curve
from raytune_suite.workloads import Workload

class Middle(AskTellSearcher):
    features = frozenset(["continuous"])
    def setup(self, space):
        self.cube = space
    def ask(self):
        return self.cube.decode([0.5])
    def tell(self, observation):
        pass

def curve(config, seed):
    epochs = np.arange(1.0, 4)
    return Curve(epochs, {"loss": (config["x"] - 0.25) ** 2 / epochs}, np.ones(3))

def parabola():
    return Workload(
        name="own/parabola", summary="a parabola", curve=curve, space={"x": tune.uniform(0, 1)}, metric="loss",
        mode="min", max_t=3, cost=lambda config: 1.0, tuning_seeds=(0,), test_seeds=(5,),
    )
"""


def test_a_protocol_may_name_its_own_objects_marks_and_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_objects.py").write_text(OBJECTS)
    (run,) = plan(protocol(tmp_path, OWN)).runs
    assert (run.workload, run.fractions) == ("own/parabola", (0.25, 0.625, 1.0))
    payload = pickle_run(run)
    monkeypatch.delitem(sys.modules, "own_objects")  # the process of a run cannot import it
    folder = tmp_path / "run"
    folder.mkdir()
    execute_pickled(payload, folder)
    rows = store.read_table(folder, "results").to_pylist()
    assert [row["fraction"] for row in rows] == [0.25, 0.625, 1.0]
    assert [row["test_regret"] for row in rows] == pytest.approx([0.25**2 / 3] * 3)


def test_own_objects_of_a_finished_comparison_are_found_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "results"  # has the protocol, but not the module beside the original
    copy.mkdir()
    monkeypatch.delitem(sys.modules, "own_objects", raising=False)
    with pytest.raises(ArgumentError, match="own_objects") as caught:
        protocol(copy, OWN)
    assert str(Path.cwd()) in str(caught.value)
    (tmp_path / "own_objects.py").write_text(OBJECTS)
    monkeypatch.chdir(tmp_path)
    assert [one.workload for one in protocol(copy, OWN).workloads] == ["own/parabola"]
    monkeypatch.delitem(sys.modules, "own_objects")


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("own_objects:Middle", "own_objects:Midle", "Middle"),
        ("own_objects:Middle", "no_such_module:Middle", "no_such_module"),
        ("own_objects:parabola", "own_objects:curve", "curve"),
        ("[1, 2.5, 4, 10]", "[2, 1]", "judge_at"),
        ("[1, 2.5, 4, 10]", "[]", "judge_at"),
        ("[0, 1]", "[0]", "bounds"),
        ("[0, 1]", "[1, 0]", "bounds"),
        ("own_objects:parabola", "synthetic/branin", "bounds"),
    ],
)
def test_wrong_objects_marks_and_bounds_are_rejected_with_their_line(
    old: str, new: str, names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_objects.py").write_text(OBJECTS)
    monkeypatch.delitem(sys.modules, "own_objects", raising=False)
    found = message(tmp_path, OWN.replace(old, new), planned=True)
    assert found.startswith("mine.toml:")
    assert names in found


def test_a_method_may_have_its_own_number_of_workers(tmp_path: Path) -> None:
    text = GOOD.replace("[methods.slow]\n", "[methods.slow]\nworkers = 9\n")
    workers = {
        run.label: run.workers for run in plan(protocol(tmp_path, text)).runs if run.workload == "synthetic/mfh3"
    }
    assert workers == {"asha": 4, "slow": 9}


def test_a_protocol_without_marks_has_the_runs_that_it_had_before(tmp_path: Path) -> None:
    described = protocol(tmp_path, GOOD).describe()
    assert all({"judge_at", "bounds"}.isdisjoint(one) for one in described["workloads"])
    assert all("judge_at" not in run.key for run in plan(protocol(tmp_path, GOOD)).runs)
