"""Golden traces: the decisions of every method in a small study, so that each change of a decision is reviewed.

`python -m tests.engines.simulated.test_golden_traces` rewrites the traces in `golden/`. Their numbers have six digits,
of which four must agree, because the last bits may depend on the processor and the libraries. Trials, resources and
decisions must agree exactly. Two runs on one machine must be bitwise equal.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from raytune_suite.engines.callbacks.decision_log import Decision, read
from raytune_suite.methods import METHODS
from tests.engines.simulated.studies import LEARNER, VARIANTS, samples, simulate, variant

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).with_name("golden")
COMMAND = "python -m tests.engines.simulated.test_golden_traces"
_NUMBER = re.compile(r"(-?\d+\.?\d*(?:e[-+]\d+)?)")


def write_all(folder: Path) -> None:
    """Run the study of each variant, and write its decision log."""
    for key, (name, _) in VARIANTS.items():
        count = min(samples(name), 8) if METHODS[name].scheduler == "fifo" else samples(name)
        simulate(variant(key), LEARNER, num_samples=count).decisions.write(folder / f"{key}.parquet")


def trace(rows: Sequence[Decision]) -> list[str]:
    """Return a decision log as readable lines, which show a config only where it changes for a trial."""
    lines = ["time,trial,resource,value,decision,config"]
    configs: dict[int, str] = {}
    for row in rows:
        config = "" if configs.get(row.trial) == row.config else row.config
        configs[row.trial] = row.config
        shown = _NUMBER.sub(lambda match: f"{float(match[0]):.6g}", config).translate(str.maketrans("", "", '{}",'))
        lines.append(f"{row.time:.6g},{row.trial},{row.resource:g},{row.value:.6g},{row.decision},{shown}")
    return lines


def same(golden: str | None, line: str | None) -> bool:
    """Return whether two lines are equal up to the last digits of their numbers."""
    if golden is None or line is None:
        return False
    pairs = itertools.zip_longest(_NUMBER.split(golden), _NUMBER.split(line), fillvalue="")
    return all(
        x == y or bool(number % 2 and x and y and float(x) == pytest.approx(float(y), rel=1e-4))
        for number, (x, y) in enumerate(pairs)
    )


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The decision logs of this process."""
    folder = tmp_path_factory.mktemp("here")
    write_all(folder)
    return folder


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The decision logs of a fresh process with another hash seed."""
    folder = tmp_path_factory.mktemp("there")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-W", "error", "-m", "tests.engines.simulated.test_golden_traces", str(folder)],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.e2e
@pytest.mark.parametrize("key", VARIANTS)
def test_a_fresh_process_writes_the_same_bytes(key: str, here: Path, there: Path) -> None:
    assert (here / f"{key}.parquet").read_bytes() == (there / f"{key}.parquet").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("key", VARIANTS)
def test_the_decisions_match_the_golden_trace(key: str, here: Path) -> None:
    golden = (GOLDEN / f"{key}.csv").read_text(encoding="utf-8").splitlines()
    current = trace(read(here / f"{key}.parquet"))
    for number, (old, new) in enumerate(itertools.zip_longest(golden, current), 1):
        if not same(old, new):
            pytest.fail(
                f"golden/{key}.csv differs first in line {number}:\n  golden: {old}\n  now:    {new}\n"
                f"If the change is intended, run `{COMMAND}` and review the diff."
            )


def test_there_is_no_other_golden_trace() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(VARIANTS)


def test_only_last_digits_may_differ() -> None:
    line = "0.123456,1,3,-1.5e-05,STOP,x: 0.25 y: a"
    assert same(line, "0.123457,1,3,-1.50001e-05,STOP,x: 0.250001 y: a")
    others = ["0.123456,2,3,-1.5e-05,STOP,x: 0.25 y: a", "0.123456,1,3,-1.5e-05,PAUSE,x: 0.25 y: a", "0.123456,1", None]
    assert not any(same(line, other) for other in others)


def main() -> None:
    """Write the decision logs to the folder in the argument, or rewrite the golden traces if there is none."""
    if sys.argv[1:]:
        write_all(Path(sys.argv[1]))
        return
    import tempfile

    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    with tempfile.TemporaryDirectory() as folder:
        write_all(Path(folder))
        for key in VARIANTS:
            lines = trace(read(Path(folder) / f"{key}.parquet"))
            (GOLDEN / f"{key}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
