"""Whole studies of a transformer on one device: fused, and one trial at a time, with equal budgets and decisions.

    python benchmarks/perf/fused_studies.py                                    # CPU, a few minutes
    python benchmarks/perf/fused_studies.py --device cuda --budget 20 --out .  # one GPU, about five minutes; needs Ray

The transformer of live/gpt-language (on a GPU live/gpt-language-3m) is tuned by several methods on the simulated clock,
which decides the same in both ways. Width, depth and batch are fixed, so that all trials of a study can be fused. Times
are those of whole studies, with the start of the GPU and all that a study writes.

Every row is printed as soon as it is known. The last line is a JSON object: `fused_study_speedup` has, per method, the
seconds of the study whose trials train alone over those of the fused one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from ray import tune

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # to import `benchmarks` from any working directory

import raytune_suite as rts  # noqa: E402 - after the path
from benchmarks.perf.fused import Utilization  # noqa: E402
from raytune_suite.workloads import workload  # noqa: E402
from raytune_suite.workloads.live.language import least_loss  # noqa: E402

if TYPE_CHECKING:
    from raytune_suite.workloads.base import Workload

METHODS: dict[str, dict[str, Any]] = {
    "asha": {},
    "bohb": {},
    "auto": {},
    "pbt": {"method_args": {"interval": 3}},
}
SHAPES = {"cpu": {"width": 32, "depth": 1, "batch": 8}, "cuda": {"width": 256, "depth": 4, "batch": 32}}
WORKERS = {"cpu": 8, "cuda": 16}


@dataclass(frozen=True)
class Row:
    """What one study took and found."""

    method: str
    fused: bool
    seconds: float
    trainings: float
    utilization: float | None
    excess: float

    def cells(self) -> list[str]:
        """The cells of the table."""
        busy = "" if self.utilization is None else f"{self.utilization:.0f} %"
        rate = 60 * self.trainings / self.seconds
        how = "fused" if self.fused else "one at a time"
        return [self.method, how, f"{self.seconds:.1f}", f"{rate:.1f}", busy, f"{self.excess:.4f}"]


HEAD = ["method", "trials train", "seconds", "full trainings per minute", "GPU utilization", "excess loss, nats"]


def tuned(device: str) -> Workload:
    """The workload with one shape of network and batch."""
    known = workload("live/gpt-language-3m" if device == "cuda" else "live/gpt-language")
    adamw = {
        "name": "adamw",
        "beta1": tune.uniform(0.8, 0.95),
        "beta2": tune.uniform(0.9, 0.99),
        "schedule": "cosine",
    }
    mutable = tuple(name for name in known.mutable if name not in {*SHAPES[device], "optimizer"})
    return replace(known, space={**known.space, **SHAPES[device], "optimizer": adamw}, mutable=mutable)


def run(method: str, base: Workload, args: argparse.Namespace, folder: Path, *, fused: bool) -> Row:
    """Run one study."""
    changes = {"device": args.device} | ({} if fused else {"advance_together": None})
    trainable: Any = type("Fused" if fused else "Alone", (base.trainable,), changes)
    workers = WORKERS[args.device]
    limits = {"num_samples": workers // 2} if method == "pbt" else {"budget": args.budget}
    utilization = Utilization()
    start = time.perf_counter()
    result = rts.tune(
        workload=replace(base, trainable=trainable), method=method, engine=rts.Simulation(workers=workers),
        tuning_seeds=[0], test_seeds=[], storage_path=folder, name=f"{method}-{fused}", progress=False,
        **METHODS[method], **limits,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    busy = utilization.mean(seconds)
    utilization.close()
    return Row(
        method, fused, seconds, len(result.reports) / base.max_t, busy, result.best_value - least_loss(trainable.length)
    )


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def main() -> None:
    """Run all studies, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--budget", type=float, default=2, help="full trainings of each study")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--out", type=Path, help="also write the table to gpu-studies.md in this folder")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    base = tuned(args.device)
    with tempfile.TemporaryDirectory() as folder:
        for method in args.methods:
            for fused in (True, False):
                rows.append(run(method, base, args, Path(folder), fused=fused))
                print("  ".join(rows[-1].cells()), flush=True)
                if args.out:
                    name = torch.cuda.get_device_name() if args.device == "cuda" else "CPU"
                    (args.out / "gpu-studies.md").write_text(f"{name}; torch {torch.__version__}.\n\n{table(rows)}")
    seconds = {(row.method, row.fused): row.seconds for row in rows}
    speedup = {method: round(seconds[method, False] / seconds[method, True], 2) for method in args.methods}
    print(json.dumps({"fused_study_speedup": speedup, "device": args.device}))


if __name__ == "__main__":
    main()
