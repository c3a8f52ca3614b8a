from __future__ import annotations

import importlib
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import raytune_suite

ROOT = Path(__file__).parents[1]
MOST_NAMES = 20

RANDOM_SEARCH = """
import raytune_suite as rts
from ray import tune

def train(config):
    tune.report({"loss": config["x"] ** 2})

common = dict(metric="loss", mode="min", num_samples=3, storage_path="studies")
print(rts.tune(train, {"x": tune.uniform(-1, 1)}, method="random", **common).best_config)
try:
    rts.tune(train, {"x": tune.uniform(-1, 1)}, method="tpe", **common)
except rts.RaytuneSuiteError as error:
    print(error)
"""


def run(*command: str, folder: Path) -> str:
    """What a command prints that runs in a folder, with nothing of ours on its path."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["HOME"] = str(folder)
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_public_names_are_few_and_load() -> None:
    names = raytune_suite.__all__
    assert len(names) == len(set(names)) <= MOST_NAMES
    for name in names:
        assert getattr(raytune_suite, name) is not None
        assert name in dir(raytune_suite)
    assert not hasattr(raytune_suite, "no_such_name")


def test_importing_the_package_loads_neither_ray_nor_torch() -> None:
    program = "import sys, raytune_suite; print({'ray', 'torch', 'numpy', 'pandas'} & set(sys.modules))"
    assert run(sys.executable, "-c", program, folder=ROOT).strip() == "set()"


@pytest.mark.parametrize("path", sorted((ROOT / "clusters").glob("*.yaml")), ids=lambda path: str(path.stem))
def test_ray_accepts_the_cluster_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    util = importlib.import_module("ray.autoscaler._private.util")
    monkeypatch.chdir(ROOT)  # the file mounts are relative to it
    config = importlib.import_module("yaml").safe_load(path.read_text())
    util.validate_config(util.prepare_config(config))
    text = path.read_text()
    assert text.startswith("# ")
    assert "ray[default]==2.60.0" in text
    assert "--num-cpus=0" in next(line for line in text.splitlines() if "ray start --head" in line)


@pytest.mark.e2e
def test_the_wheel_works_outside_the_checkout_without_the_extras(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT), folder=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "fresh", with_pip=True)
    python = str(tmp_path / "fresh" / "bin" / "python")
    constraints = str(ROOT / "constraints.txt")
    run(python, "-m", "pip", "install", "--quiet", "-c", constraints, str(wheel), folder=tmp_path)
    listed = run(str(tmp_path / "fresh" / "bin" / "raytune-suite"), "list", "methods", folder=tmp_path)
    assert "raytune-suite[hyperopt] (not installed)" in listed
    clusters = run(str(tmp_path / "fresh" / "bin" / "raytune-suite"), "list", "clusters", folder=tmp_path)
    files = [*(ROOT / "clusters").rglob("*.yaml"), *(ROOT / "clusters").rglob("*.sbatch")]
    assert {line.split()[0] for line in clusters.splitlines()} == {
        str(path.relative_to(ROOT / "clusters").with_suffix("")) for path in files
    }
    lab = {"boot.sh", "stand_ins/mount", "stand_ins/sudo", "stand_ins/pip", "stand_ins/apt-get"}
    assert {f"raytune_suite/cluster/rehearsal/{name}" for name in lab} <= set(zipfile.ZipFile(wheel).namelist())
    table = "import raytune_suite as rts; print(rts.workload('table/digits-mlp').max_t)"
    assert run(python, "-c", table, folder=tmp_path).strip() == "27"
    (tmp_path / "program.py").write_text(RANDOM_SEARCH)
    best, refusal = run(python, "program.py", folder=tmp_path).splitlines()
    assert best.startswith("{'x': ")
    assert "pip install 'raytune-suite[hyperopt]'" in refusal
