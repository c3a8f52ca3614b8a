"""Whole studies of small networks on one device: fused, in processes, and one trial at a time, with equal decisions.

    python benchmarks/perf/fused_studies.py                                           # CPU, a few minutes
    python benchmarks/perf/fused_studies.py --device cuda --budget 12 --out .         # one GPU, seven minutes
    python benchmarks/perf/fused_studies.py --device cuda --network mlp --budget 300  # a network of 27,000 parameters

The transformer of live/gpt-language (on a GPU live/gpt-language-3m) or the MLP of live/digits-mlp-fused is tuned by
several methods on the simulated clock, which decides the same however the trials train: fused in this process; in Ray
workers, eight of which share the GPU; or one at a time in this process. Shapes are fixed, so that all trials of a study
can be fused. Times are those of whole studies, with the start of the workers and of the GPU, and all that a study
writes. Ray is started before, and a short study has made torch import what it needs.

Every row is printed as soon as it is known. The last line is a JSON object: `fused_study_speedup` and
`process_study_speedup` have, per method, the seconds of the study that trains one trial at a time over those of the
other.
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

import ray
import torch
from ray import tune

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # to import `benchmarks` from any working directory

import raytune_suite as rts  # noqa: E402 - after the path
from benchmarks.perf.fused import Utilization  # noqa: E402
from raytune_suite.workloads import workload  # noqa: E402

if TYPE_CHECKING:
    from raytune_suite.workloads.base import Workload

METHODS: dict[str, dict[str, Any]] = {
    "asha": {},
    "bohb": {},
    "auto": {},
    "pbt": {"method_args": {"interval": 3}},
}
ADAMW = {
    "optimizer": {
        "name": "adamw",
        "beta1": tune.uniform(0.8, 0.95),
        "beta2": tune.uniform(0.9, 0.99),
        "schedule": "cosine",
    }
}
PROCESSES = {"cpu": 2, "cuda": 8}
RESOURCES: dict[str, dict[str, float]] = {"cpu": {"cpu": 1}, "cuda": {"cpu": 1, "gpu": 0.125}}
NETWORKS: dict[tuple[str, str], tuple[str, int, dict[str, Any]]] = {
    ("transformer", "cpu"): ("live/gpt-language", 8, {"width": 32, "depth": 1, "batch": 8, **ADAMW}),
    ("transformer", "cuda"): ("live/gpt-language-3m", 16, {"width": 256, "depth": 4, "batch": 32, **ADAMW}),
    ("mlp", "cpu"): ("live/digits-mlp-fused", 64, {"width": 128, "batch": 32}),
    ("mlp", "cuda"): ("live/digits-mlp-fused", 64, {"width": 128, "batch": 32}),
}
"""By network and device: the workload, how many trials run at once on the simulated clock, and what is fixed."""
WAYS = ("fused", "in processes", "one at a time")


@dataclass(frozen=True)
class Row:
    """What one study took and found."""

    method: str
    way: str
    seconds: float
    trainings: float
    utilization: float | None
    best: float

    def cells(self) -> list[str]:
        """The cells of the table."""
        busy = "" if self.utilization is None else f"{self.utilization:.0f} %"
        rate = 60 * self.trainings / self.seconds
        return [self.method, self.way, f"{self.seconds:.1f}", f"{rate:.1f}", busy, f"{self.best:.4f}"]


HEAD = ["method", "trials train", "seconds", "full trainings per minute", "GPU utilization", "best loss"]


def tuned(network: str, device: str) -> Workload:
    """The workload with one shape of network and batch."""
    name, _, fixed = NETWORKS[network, device]
    known = workload(name)
    mutable = tuple(name for name in known.mutable if name not in fixed)
    return replace(known, space={**known.space, **fixed}, mutable=mutable)


def run(method: str, base: Workload, args: argparse.Namespace, folder: Path, way: str) -> Row:
    """Run one study."""
    changes = {"device": args.device} | ({} if way == "fused" else {"advance_together": None})
    trainable: Any = type("Fused" if way == "fused" else "Alone", (base.trainable,), changes)
    workers = NETWORKS[args.network, args.device][1]
    in_processes = way == "in processes"
    engine = rts.Simulation(workers=workers, compute=PROCESSES[args.device] if in_processes else None)
    limits = {"num_samples": workers // 2} if method == "pbt" else {"budget": args.budget}
    utilization = Utilization()
    start = time.perf_counter()
    result = rts.tune(
        workload=replace(base, trainable=trainable), method=method, engine=engine,
        resources=RESOURCES[args.device] if in_processes else None,
        tuning_seeds=[0], test_seeds=[], storage_path=folder, name=f"{method}-{way}", progress=False,
        **METHODS[method], **limits,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    busy = utilization.mean(seconds)
    utilization.close()
    return Row(method, way, seconds, len(result.reports) / base.max_t, busy, result.best_value)


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def main() -> None:
    """Run all studies, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--network", choices=["transformer", "mlp"], default="transformer")
    parser.add_argument("--budget", type=float, default=2, help="full trainings of each study")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="how the trials train")
    parser.add_argument(
        "--out", type=Path, help="also write the table to transformer-studies.md or mlp-studies.md in this folder"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    base = tuned(args.network, args.device)
    if "in processes" in args.ways:
        ray.init(include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        once = argparse.Namespace(**vars(args) | {"budget": 1})
        run(
            "asha", base, once, Path(folder) / "once", "fused"
        )  # torch imports 9 s worth of modules when it first fuses
        for method in args.methods:
            for way in args.ways:
                rows.append(run(method, base, args, Path(folder), way))
                print("  ".join(rows[-1].cells()), flush=True)
                if args.out:
                    name = torch.cuda.get_device_name() if args.device == "cuda" else "CPU"
                    (args.out / f"{args.network}-studies.md").write_text(
                        f"{name}; torch {torch.__version__}.\n\n{table(rows)}"
                    )
    seconds = {(row.method, row.way): row.seconds for row in rows}
    speedups = {
        key: {
            m: round(seconds[m, WAYS[2]] / seconds[m, way], 2)
            for m in args.methods
            if {(m, WAYS[2]), (m, way)} <= {*seconds}
        }
        for key, way in (("fused_study_speedup", WAYS[0]), ("process_study_speedup", WAYS[1]))
    }
    print(json.dumps(speedups | {"device": args.device}))


if __name__ == "__main__":
    main()
