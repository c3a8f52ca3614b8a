"""Virtual environments for packages that conflict with ours, created once and then reused.

    python benchmarks/references/environments.py        create all of them, and print the paths of their Pythons

`environment` creates one with `python -m venv` and pip under `build/envs`, which git ignores. Versions are pinned
exactly. If it cannot be created (no network, no C compiler), the result is None, and the reason is printed.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
"""The root of this repository."""

ENVIRONMENTS = ROOT / "build" / "envs"

REFERENCES: dict[str, tuple[str, ...]] = {
    "hpbandster": (  # builds netifaces, which needs a C compiler; requires ConfigSpace before 1.0
        "hpbandster==0.7.4",
        "ConfigSpace==0.7.1",
        "numpy==1.26.4",
        "pandas==3.0.6",
        "scipy==1.17.1",
        "statsmodels==0.15.0",
        "Pyro4==4.82",
        "netifaces==0.11.0",
    ),
    "dehb": (
        "dehb==0.1.2",
        "ConfigSpace==1.2.2",
        "numpy==1.26.4",
        "pandas==3.0.6",
        "scipy==1.17.1",
        "distributed==2026.8.0",
    ),
    "optuna": ("optuna==5.0.0", "numpy==2.4.6"),
}
"""The newest versions that work together on Python 3.11."""


def environment(name: str, requirements: Iterable[str]) -> Path | None:
    """Return the Python of an environment with these requirements; print a message and return None if that fails.

    An environment of this name with other requirements is replaced. Two processes may call this at the same time.

    Args:
        name: The folder under `build/envs`.
        requirements: The pinned requirements for pip.
    """
    folder = ENVIRONMENTS / name
    python, marker = folder / "bin" / "python", folder / "requirements.txt"
    lines = "".join(f"{line}\n" for line in requirements)
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with (ENVIRONMENTS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists() and marker.read_text() == lines:
            return python
        print(f"creating the environment {name} in {folder.relative_to(ROOT)}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *lines.split()],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no user input
            if done.returncode:
                reason = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
                print(f"skipping {name}, since its environment cannot be created:\n{reason}", file=sys.stderr)
                return None
        marker.write_text(lines)
    return python


def reference(name: str) -> Path | None:
    """Return the Python of the environment of a package in `REFERENCES`, or None."""
    return environment(name, REFERENCES[name])


def run_module(python: Path, module: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a module of this repository in an environment with one thread, and return the finished process.

    Raises:
        RuntimeError: If it fails and `check` is true; the message contains its output.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(  # noqa: S603 - no user input
        [str(python), "-W", "ignore", "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **threads, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done


def main() -> Iterator[str]:
    """Create all environments, and yield a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    for name in REFERENCES:
        python = reference(name)
        yield f"{name}: {python.relative_to(ROOT) if python else 'not available'}"


if __name__ == "__main__":
    for line in main():
        print(line)
