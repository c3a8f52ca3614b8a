"""How many trials per minute one device trains: fused, in processes that share it, and one at a time.

    python benchmarks/perf/fused.py                                     # CPU, a minute; needs torch and numpy only
    python benchmarks/perf/fused.py --device cuda --seconds 330         # one GPU; writes benchmarks/results/gpu.md

Two models: the MLP of live/digits-mlp on images of that size (random ones, so that nothing else is needed), and, on a
GPU, the 3 M transformer of live/gpt-language. A trial is 27 reports, each with its evaluation. Start-up is not counted:
every process has warmed up, and all start at the same moment.

- "ordinary loop": what one would write by hand (`ordinary_loops.py`), in 1, 2, 4, 8 processes on the same device.
- "one lane": `FusedProgram` unfused, which on a GPU is a CUDA graph.
- "fused": `advance` with K lanes, including all copies of states and reports.

Every figure is printed as soon as it is known, and the table is rewritten after each, so that a run that is cut off
still gives figures. The last line is a JSON object. On a CPU `fused_cpu_speedup` is the rate of 16 fused lanes over
that of one at a time; on a GPU `fused_gpu_speedup` has, per model, the rate of the best fused group over that of the
best process sharing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # to import `benchmarks` from any working directory

from benchmarks.perf.ordinary_loops import GPTLoop, MLPLoop  # noqa: E402 - after the path
from raytune_suite.fused.lanes import Lane, advance, lane_group, workspace_of  # noqa: E402
from raytune_suite.workloads.live.digits_program import MLPProgram  # noqa: E402
from raytune_suite.workloads.live.gpt_program import GPTProgram  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from raytune_suite.fused.program import FusedProgram

REPORTS = 27
"""Reports per trial."""

PROCESSES = (1, 2, 4, 8)


class RandomDigits(MLPProgram):
    """The digits program on random images of the same number and size."""

    most_lanes = 512

    def data(self, hp: Mapping[str, Any]) -> dict[str, Tensor]:  # noqa: ARG002 - the same for all
        """Images whose class is that of the nearest of ten random prototypes."""
        draws = torch.Generator().manual_seed(0)
        prototypes = torch.rand(10, 64, generator=draws)
        found: dict[str, Tensor] = {}
        for split, count in (("train", 1078), ("validation", 359), ("test", 360)):
            classes = torch.randint(10, (count,), generator=draws)
            noisy = prototypes[classes] + 0.5 * torch.randn(count, 64, generator=draws)
            found[f"{split}_pixels"], found[f"{split}_classes"] = noisy.clamp(0, 1), classes
        return found


@dataclass(frozen=True)
class Model:
    """A model to measure.

    Attributes:
        title: What it is called in the table.
        program: The fused program.
        structure: Its structural hyperparameters.
        other: The bounds between which the lanes' other hyperparameters are spread.
        lanes: The numbers of lanes to measure.
        ordinary: Creates the ordinary loop.
        compiled: The program whose steps are compiled, if that is measured.
    """

    title: str
    program: FusedProgram
    structure: dict[str, Any]
    other: dict[str, tuple[float, float]]
    lanes: tuple[int, ...]
    ordinary: Callable[[dict[str, Any], dict[str, Tensor], torch.device], Any]
    compiled: FusedProgram | None = None

    def config(self, index: int) -> dict[str, Any]:
        """The config of lane `index`."""
        at = (index * 0.618034) % 1
        values = {name: low + at * (high - low) for name, (low, high) in self.other.items()}
        return {**self.structure, **values}

    def lane(self, index: int, device: torch.device) -> Lane:
        """A lane from scratch."""
        return Lane(self.program, self.config(index), index, str(device))


class CompiledGPT(GPTProgram):
    """The transformer, whose steps are compiled."""

    compiled = True


GPT_3M = GPTProgram(length=128, reports=REPORTS, steps_per_report=20)

SMALL = {"mlp": {"width": 32, "batch": 256}, "gpt": {"width": 16, "depth": 1, "batch": 2}}
"""What `--small` changes."""

MODELS = {
    "mlp": Model(
        "MLP 64-128-128-10, batch 64",
        RandomDigits(),
        {"width": 128, "batch": 64},
        {"lr": (0.01, 0.2), "momentum": (0.5, 0.95), "weight_decay": (1e-6, 1e-3), "dropout": (0.0, 0.5)},
        (64, 256, 16, 512),
        MLPLoop,
    ),
    "gpt": Model(
        "transformer of 3 M, batch 32 x 128",
        GPT_3M,
        {
            "width": 256,
            "depth": 4,
            "batch": 32,
            "optimizer": {"name": "adamw", "beta1": 0.9, "beta2": 0.95, "schedule": "cosine"},
        },
        {"lr": (1e-4, 3e-3), "warmup": (0.5, 2.0), "weight_decay": (0.01, 0.1), "dropout": (0.0, 0.2)},
        (16, 32, 4, 8),
        lambda config, data, device: GPTLoop(config, data, device, GPT_3M.steps_per_report),
        CompiledGPT(length=128, reports=REPORTS, steps_per_report=20),
    ),
}


# ---- what is measured ----------------------------------------------------------------------------------------------


def of(model: str, way: str) -> Model:
    """The model as it is trained in this way."""
    known = MODELS[model]
    return replace(known, program=known.compiled) if way.endswith("compiled") and known.compiled else known


def runner(model: Model, mode: str, count: int, device: torch.device) -> Callable[[], int]:
    """A function that trains up to one report, and returns the number of reports, which is `count` if fused."""
    if mode == "ordinary":
        config = model.config(0)
        loop = model.ordinary(config, model.program.data(config), device)

        def one_unit() -> int:
            loop.unit()
            return 1

        return one_unit
    lanes = [model.lane(index, device) for index in range(count)]

    def fused_unit() -> int:
        for lane, report in zip(lanes, advance(lanes), strict=True):
            lane.current = report.state
        return count

    return fused_unit


def rate(unit: Callable[[], int], seconds: float) -> float:
    """Reports per second over at least `seconds`, and one call."""
    reports, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds or not reports:
        reports += unit()
    return reports / passed


def agreement(model: Model, device: torch.device, count: int = 8) -> dict[str, Any]:
    """How much fused reports differ from those of lanes alone, and whether a fused call repeats bit for bit."""
    lanes = [model.lane(index, device) for index in range(count)]
    together, again = advance(lanes), advance(lanes)
    alone = [advance([lane])[0] for lane in lanes]
    differences = [abs(a.metrics["val_loss"] - b.metrics["val_loss"]) for a, b in zip(together, alone, strict=True)]
    same = all(torch.equal(a.state.vector, b.state.vector) for a, b in zip(together, again, strict=True))
    return {"largest_difference": max(differences), "repeats_bit_for_bit": same}


# ---- processes that share the device -------------------------------------------------------------------------------


def serve(device: torch.device) -> None:
    """Be a process that shares the device: carry out commands from standard input."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        model, mode, seconds = json.loads(line)
        unit = runner(of(model, mode), "ordinary" if mode == "ordinary loop" else "lane", 1, device)
        for _ in range(2):
            unit()
        print("ready", flush=True)
        sys.stdin.readline()
        print(rate(unit, seconds), flush=True)
        del unit
        workspace_of.cache_clear()
        lane_group.cache_clear()


class Processes:
    """Processes that share the device; those that are not measured wait."""

    def __init__(self, count: int, device: torch.device, *, small: bool) -> None:
        """Start them."""
        command = [sys.executable, "-u", __file__, "--device", str(device), "--serve", *(["--small"] if small else [])]
        self.all = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
            for _ in range(count)
        ]

    def rate(self, model: str, mode: str, count: int, seconds: float) -> float:
        """The reports per second of `count` processes together."""
        some = self.all[:count]
        for process in some:
            self.tell(process, json.dumps([model, mode, seconds]))
        for process in some:
            self.answer(process)
        for process in some:
            self.tell(process, "go")
        return sum(float(self.answer(process)) for process in some)

    @staticmethod
    def tell(process: subprocess.Popen[str], line: str) -> None:
        """Send a line."""
        assert process.stdin is not None  # noqa: S101 - for the type checker
        process.stdin.write(line + "\n")
        process.stdin.flush()

    @staticmethod
    def answer(process: subprocess.Popen[str]) -> str:
        """Wait for a line."""
        assert process.stdout is not None  # noqa: S101 - for the type checker
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process ended with {process.wait()}")
        return line.strip()

    def close(self) -> None:
        """End them."""
        for process in self.all:
            process.kill()
            process.wait()


class Utilization:
    """Samples the utilization of the GPU with nvidia-smi, if there is one."""

    def __init__(self) -> None:
        """Start to sample."""
        self.samples: list[tuple[float, float]] = []
        query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
        self.process: subprocess.Popen[str] | None = None
        with contextlib.suppress(OSError):
            self.process = subprocess.Popen(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process is not None  # noqa: S101 - for the type checker
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self.samples.append((time.perf_counter(), float(line.split(",")[0])))

    def mean(self, seconds: float) -> float | None:
        """The mean over the last seconds, in percent; None if it was not sampled."""
        since = time.perf_counter() - seconds
        recent = [value for at, value in self.samples if at >= since]
        return sum(recent) / len(recent) if recent else None

    def close(self) -> None:
        """Stop."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


# ---- the report ----------------------------------------------------------------------------------------------------


@dataclass
class Results:
    """What was measured so far, written after each figure.

    Attributes:
        path: The table's file.
        machine: The device's name.
        rows: One per measurement.
        notes: One line each.
    """

    path: Path
    machine: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, **row: Any) -> None:
        """Add a measurement."""
        self.rows.append(row)
        print(json.dumps(row), flush=True)
        self.write()

    def note(self, text: str) -> None:
        """Add a line."""
        self.notes.append(text)
        print(text, flush=True)
        self.write()

    def best(self, model: str, *ways: str) -> float:
        """The best rate of a model in one of these ways; NaN if there is none."""
        return max(
            (row["rate"] for row in self.rows if row["model"] == model and row["way"] in ways), default=float("nan")
        )

    def speedups(self) -> dict[str, float]:
        """Per model, the best fused rate over the best process sharing by ordinary loops."""
        fused = {model: self.best(model, "fused", "fused, compiled") for model in MODELS}
        found = {model: rate / self.best(model, "ordinary loop") for model, rate in fused.items()}
        return {model: round(value, 2) for model, value in found.items() if value == value}  # noqa: PLR0124 - not NaN

    def write(self) -> None:
        """Write the table."""
        lines = [
            "# One GPU: fused trials against processes that share it",
            "",
            f"{self.machine}; Python {sys.version.split()[0]}, torch {torch.__version__}, {os.cpu_count()} CPU cores.",
            (
                "Written by `benchmarks/perf/fused.py --device cuda`, whose docstring says what is measured. "
                f"A trial is {REPORTS} reports."
            ),
            "",
            "| model | how | at once | trials per minute | against one ordinary loop | GPU utilization | memory, GiB |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            one = [
                r["rate"] for r in self.rows if (r["model"], r["way"], r["count"]) == (row["model"], "ordinary loop", 1)
            ]
            ratio = f"{row['rate'] / one[0]:.1f}x" if one else ""
            busy = "" if row["utilization"] is None else f"{row['utilization']:.0f} %"
            memory = "" if row["memory"] is None else f"{row['memory']:.1f}"
            cells = (MODELS[row["model"]].title, row["way"], row["count"], f"{row['rate'] * 60 / REPORTS:.4g}", ratio)
            lines.append(f"| {' | '.join(map(str, cells))} | {busy} | {memory} |")
        speedups = ", ".join(f"{MODELS[model].title}: {value}x" for model, value in self.speedups().items())
        lines += ["", f"The best fused group against the best process sharing by ordinary loops: {speedups}.", ""]
        lines += [f"- {note}" for note in self.notes]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def plan() -> Iterator[tuple[str, str, int]]:
    """What is measured on a GPU, the most important first: (model, way, how many at once)."""
    for model, known in MODELS.items():
        for count in (1, 8, 4):
            yield model, "ordinary loop", count
        if known.compiled:
            yield model, "fused, compiled", known.lanes[0]
            yield model, "one lane, compiled", 8
        for count in known.lanes[:2]:
            yield model, "fused", count
    for model, known in MODELS.items():
        yield model, "ordinary loop", 2
        yield model, "one lane", 1
        yield model, "one lane", 8
        for count in known.lanes[2:]:
            yield model, "fused", count


def measure(args: argparse.Namespace) -> Results:
    """Measure all that fits into the time on a GPU (or, to try the script, on a CPU)."""
    began, device = time.perf_counter(), torch.device(args.device)
    cuda = device.type == "cuda"
    results = Results(args.out / "gpu.md", torch.cuda.get_device_name() if cuda else "CPU")
    utilization, processes = Utilization(), Processes(max(PROCESSES), device, small=args.small)
    print(f"{results.machine}, torch {torch.__version__}", flush=True)
    try:
        for model, way, count in plan():
            if time.perf_counter() - began > args.seconds - 3 * args.phase:
                results.note(f"left out for lack of time: {MODELS[model].title}, {way}, {count}")
                continue
            memory = None
            try:
                if way.startswith("fused"):
                    unit = runner(of(model, way), "fused", count, device)
                    unit()
                    value = rate(unit, args.phase)
                    memory = torch.cuda.max_memory_allocated() / 2**30 if cuda else None
                else:
                    value = processes.rate(model, way, count, args.phase)
            except RuntimeError as error:
                results.note(f"failed: {MODELS[model].title}, {way}, {count}: {str(error).splitlines()[0]}")
                continue
            busy = utilization.mean(args.phase * 0.8)
            results.add(model=model, way=way, count=count, rate=round(value, 3), utilization=busy, memory=memory)
            if way == "fused" and count == MODELS[model].lanes[0]:
                results.note(f"{MODELS[model].title}, 8 lanes against each alone: {agreement(MODELS[model], device)}")
            if way.startswith("fused"):
                del unit
                workspace_of.cache_clear()
                if cuda:
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
        results.note(f"took {time.perf_counter() - began:.0f} s")
    finally:
        processes.close()
        utilization.close()
    return results


def compare_on_cpu(lanes: int, repeats: int) -> dict[str, Any]:
    """Compare 16 fused lanes with one at a time on a CPU; the ways alternate, and the fastest of each counts."""
    model, device = MODELS["mlp"], torch.device("cpu")
    model = replace(model, structure={"width": 32, "batch": 32})
    torch.set_num_threads(1)
    ways = {way: runner(model, way, count, device) for way, count in (("fused", lanes), ("lane", 1), ("ordinary", 1))}
    best = dict.fromkeys(ways, 0.0)
    for _ in range(repeats):
        for way, unit in ways.items():
            unit()
            best[way] = max(best[way], rate(unit, 0.5))
    agreed = agreement(model, device)
    return {
        "fused_cpu_speedup": round(best["fused"] / best["lane"], 2),
        "against_ordinary_loop": round(best["fused"] / best["ordinary"], 2),
        "trials_per_minute": {way: round(value * 60 / REPORTS, 1) for way, value in best.items()},
        **agreed,
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=330, help="the time that a run on a GPU may take")
    parser.add_argument("--phase", type=float, default=5, help="the seconds of one measurement on a GPU")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help="the folder of gpu.md")
    parser.add_argument(
        "--small", action="store_true", help="measure all, with tiny models: to try the script on a CPU"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    if args.small:
        MODELS.update({name: replace(model, structure=model.structure | SMALL[name]) for name, model in MODELS.items()})
    if args.serve:
        serve(torch.device(args.device))
    elif args.device == "cpu" and not args.small:
        print(json.dumps(compare_on_cpu(16, args.repeats)))
    else:
        results = measure(args)
        print(json.dumps({"fused_gpu_speedup": results.speedups(), "gpu": results.machine, "rows": results.rows}))


if __name__ == "__main__":
    main()
