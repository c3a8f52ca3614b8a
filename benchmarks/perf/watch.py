"""What `raytune-suite watch` costs a study: its CPU time in relation to that of the study.

    python benchmarks/perf/watch.py [--trials 10 1000 20000] [--seconds 90] [--cores N]

For each number of trials, a study on the simulated clock is recorded. Then it is played back as a running one: its
journals have nine tenths of their records at the start, and the rest is appended evenly over `--seconds`, while a page
is served and read by a client. The study counts with the CPU time of the cores of this machine, which a study that
trains on them takes; `--cores 1` compares with a study on one core. The start of the page is measured separately
(`start_s`, CPU seconds), with what it draws once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import raytune_suite as rts
from raytune_suite.engines.study_lock import LOCK
from raytune_suite.watch.pace import cores

JOURNALS = ("reports.jsonl", "trials.jsonl")


def cpu_seconds(process: int) -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def record(folder: Path, trials: int) -> Path:
    """Run a study with this many trials; returns its folder."""
    how: dict[str, Any] = {"engine": "simulated", "storage_path": folder, "test_seeds": [], "progress": False}
    result = rts.tune(workload="synthetic/mfh3", method="asha", num_samples=trials, name=f"{trials}", **how)
    return Path(result.path)


def play(lines: dict[str, list[bytes]], played: dict[str, int], folder: Path, share: float) -> None:
    """Append records to the journals of a study until they have this share of all; `played` counts them."""
    for name, content in lines.items():
        end = int(len(content) * min(share, 1.0))
        with (folder / name).open("ab") as file:
            file.writelines(content[played[name] : end])
        played[name] = end


def read_events(address: str, received: list[int]) -> None:
    """Read the events of a page until its server ends, as a browser does; `received` gets the size of each."""
    try:
        with urllib.request.urlopen(address.replace("/?", "/events?")) as events:  # noqa: S310 - our own server
            received.extend(len(line) for line in events if line.startswith(b"data"))
    except OSError:
        return


def measure(finished: Path, folder: Path, seconds: float) -> dict[str, float]:
    """Return what watching a study costs that grows for `seconds`."""
    folder.mkdir()
    shutil.copy(finished / "study.json", folder)
    lines = {name: (finished / name).read_bytes().splitlines(keepends=True) for name in JOURNALS}
    (folder / LOCK).write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))
    played = dict.fromkeys(JOURNALS, 0)
    play(lines, played, folder, 0.9)
    command = [sys.executable, "-m", "raytune_suite", "watch", str(folder)]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603 - our own program
    assert watching.stdout is not None  # noqa: S101 - it is a pipe
    address = watching.stdout.readline().strip()
    received: list[int] = []
    threading.Thread(target=read_events, args=(address, received), daemon=True).start()
    started, began = cpu_seconds(watching.pid), time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        time.sleep(0.25)
        play(lines, played, folder, 0.9 + 0.1 * passed / seconds)
    spent = cpu_seconds(watching.pid) - started
    watching.terminate()
    watching.wait()
    return {"start_s": round(started, 2), "cpu_s": round(spent, 3), "seconds": passed, "updates": len(received)}


def main() -> None:
    """Measure, and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 1000, 20000], help="the sizes of the studies")
    parser.add_argument("--seconds", type=float, default=90.0, help="how long each study is watched (90)")
    parser.add_argument("--cores", type=int, default=cores(), help="the cores that the study uses (all)")
    arguments = parser.parse_args()
    shares: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for trials in arguments.trials:
            finished = record(Path(temporary), trials)
            found = measure(finished, Path(temporary) / f"{trials}-running", arguments.seconds)
            shares[f"{trials}"] = round(found["cpu_s"] / (found["seconds"] * arguments.cores), 5)
            print(json.dumps({"trials": trials, **found, "share": shares[f"{trials}"]}), flush=True)
    print(json.dumps({"watch_share": max(shares.values()), "shares": shares, "cores": arguments.cores}))


if __name__ == "__main__":
    main()
