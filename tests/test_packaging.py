from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from filelock import FileLock
from packaging.requirements import Requirement

import raytune_suite
from raytune_suite.optional import EXTRAS

ROOT = Path(__file__).parents[1]
MAX_NAMES = 30

RANDOM_SEARCH = """
import raytune_suite as rts
from ray import tune

def train(config):
    tune.report({"loss": config["x"] ** 2})

common = dict(metric="loss", mode="min", num_samples=3, storage_path="studies")
print(rts.tune(train, {"x": tune.uniform(-1, 1)}, method="random", **common).best_config)
try:
    rts.tune(train, {"x": tune.uniform(-1, 1)}, method="hyperopt", **common)
except rts.RaytuneSuiteError as error:
    print(error)
"""

TYPED = """
from typing import Any, assert_type

from ray import tune

import raytune_suite as rts


def train(config: dict[str, Any]) -> None:
    tune.report({"loss": config["x"] ** 2})


space = {"x": tune.uniform(-1, 1)}
result = rts.tune(train, space, method="asha", metric="loss", mode="min", max_t=3, budget=2)
assert_type(result, rts.StudyResult)
assert_type(result.best_value, float)
assert_type(result.best_config, dict[str, Any])
assert_type(rts.make_method("asha", space, max_t=3), rts.Method)
assert_type(rts.workload("synthetic/branin"), rts.Workload)
assert_type(rts.__version__, str)
rts.tune(train, space, method=1, metric="loss")  # type: ignore[arg-type]
rts.tun(train)  # type: ignore[attr-defined]
"""


def run(*command: str, folder: Path) -> str:
    """Run a command in a folder, without this checkout on its path, and return its output."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["HOME"] = str(folder)
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_are_few_public_names_and_all_can_be_imported() -> None:
    names = raytune_suite.__all__
    assert len(names) == len(set(names)) <= MAX_NAMES
    for name in names:
        assert getattr(raytune_suite, name) is not None
        assert name in dir(raytune_suite)
    assert not hasattr(raytune_suite, "no_such_name")


@pytest.mark.process
def test_importing_the_package_loads_neither_ray_nor_torch() -> None:
    program = "import sys, raytune_suite; print({'ray', 'torch', 'numpy', 'pandas'} & set(sys.modules))"
    assert run(sys.executable, "-c", program, folder=ROOT).strip() == "set()"


def test_there_is_one_version_number() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert raytune_suite.__version__ == metadata.version("raytune-suite") == version
    sources = [*(ROOT / "raytune_suite").rglob("*.py"), ROOT / "CITATION.cff"]
    assert not [
        path for path in sources if f'"{version}"' in path.read_text() or f"\nversion: {version}" in path.read_text()
    ]


def test_the_extras_are_those_that_messages_suggest() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(extras) - {"all", "test", "dev", "docs"}
    assert "shtab==" in (ROOT / "constraints.txt").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "clusters").glob("*.yaml")), ids=lambda path: str(path.stem))
def test_ray_accepts_the_cluster_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    util = importlib.import_module("ray.autoscaler._private.util")
    monkeypatch.chdir(ROOT)  # file mounts are relative to the working directory
    config = importlib.import_module("yaml").safe_load(path.read_text())
    util.validate_config(util.prepare_config(config))
    text = path.read_text()
    assert text.startswith("# ")
    assert "ray[default]==2.60.0" in text
    assert "--num-cpus=0" in next(line for line in text.splitlines() if "ray start --head" in line)


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist and the wheel built from it, built once for all processes of a test run."""
    shared = tmp_path_factory.getbasetemp().parent if os.environ.get("PYTEST_XDIST_WORKER") else None
    folder = (shared or tmp_path_factory.getbasetemp()) / "distributions"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            building = folder.with_name("building")
            run(sys.executable, "-m", "build", "--outdir", str(building), str(ROOT), folder=folder.parent)
            building.rename(folder)
    return folder


@pytest.fixture(scope="session")
def fresh(distributions: Path) -> Path:
    """A virtual environment with the wheel and without the extras, made once for all processes of a test run.

    The dependencies are links to those of this environment, since downloading and unpacking them takes minutes.
    """
    folder = distributions.with_name("fresh")
    with FileLock(f"{folder}.lock"):
        if not (folder / "installed").exists():
            venv.create(folder, with_pip=False)
            (wheel,) = distributions.glob("*.whl")
            command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
            run(*command, "--quiet", "--no-deps", "--no-index", str(wheel), folder=folder)
            (packages,) = folder.glob("lib/python*/site-packages")
            link_dependencies(packages)
            (folder / "installed").touch()
    return folder


def link_dependencies(packages: Path) -> None:
    """Link what the wheel in a folder of packages requires, and what that requires in turn."""
    (wheel,) = metadata.distributions(name="raytune-suite", path=[str(packages)])
    todo = [(text, "") for text in wheel.requires or []]
    seen = set()
    while todo:
        text, extra = todo.pop()
        requirement = Requirement(text)
        if (text, extra) in seen or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        seen.add((text, extra))
        installed = metadata.distribution(requirement.name)
        todo += [(needed, extra) for needed in installed.requires or [] for extra in ("", *requirement.extras)]
        for name in {file.parts[0] for file in installed.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            if not (packages / name).exists():
                (packages / name).symlink_to(str(installed.locate_file(name)))


@pytest.mark.e2e
def test_the_wheel_and_the_sdist_have_the_package_data_as_files(distributions: Path) -> None:
    (wheel,), (sdist,) = distributions.glob("*.whl"), distributions.glob("*.tar.gz")
    clusters = [path for path in (ROOT / "clusters").rglob("*") if path.is_file()]
    data = {f"raytune_suite/clusters/{path.relative_to(ROOT / 'clusters')}" for path in clusters}
    data |= {f"raytune_suite/workloads/tabular/digits-mlp.{suffix}" for suffix in ("npz", "json")}
    data |= {
        str(path.relative_to(ROOT)) for path in (ROOT / "raytune_suite/cluster/rehearsal").rglob("*") if path.is_file()
    }
    data = {name for name in data if "__pycache__" not in name} | {"raytune_suite/py.typed"}
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in data}
        assert len(archive.namelist()) == len(set(archive.namelist()))
    with tarfile.open(sdist) as archive:
        top = sdist.name.removesuffix(".tar.gz")
        members = {member.name.removeprefix(f"{top}/"): member for member in archive.getmembers()}
        assert data <= {name for name, member in members.items() if member.isfile()}
        assert {"clusters/aws-gpu.yaml", "SECURITY.md", "tests/test_packaging.py"} <= set(members)
    assert all(contents[name] == (ROOT / name).read_bytes() for name in data)


@pytest.mark.e2e
def test_the_wheel_works_outside_the_checkout_without_the_extras(fresh: Path, tmp_path: Path) -> None:
    python, command = str(fresh / "bin" / "python"), str(fresh / "bin" / "raytune-suite")
    assert "extra hyperopt: not installed" in run(command, "list", "methods", folder=tmp_path)
    clusters = run(command, "list", "clusters", folder=tmp_path)
    files = [*(ROOT / "clusters").rglob("*.yaml"), *(ROOT / "clusters").rglob("*.sbatch")]
    assert {line.split()[0] for line in clusters.splitlines()} == {
        str(path.relative_to(ROOT / "clusters").with_suffix("")) for path in files
    }
    assert run(command, "--version", folder=tmp_path).strip() == metadata.version("raytune-suite")
    table = "import raytune_suite as rts; print(rts.workload('table/digits-mlp').max_t)"
    assert run(python, "-c", table, folder=tmp_path).strip() == "27"
    (tmp_path / "program.py").write_text(RANDOM_SEARCH)
    best, error = run(python, "program.py", folder=tmp_path).splitlines()
    assert best.startswith("{'x': ")
    assert "pip install 'raytune-suite[hyperopt]'" in error


@pytest.mark.e2e
def test_a_user_program_is_type_checked_against_the_wheel(fresh: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(TYPED)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(fresh / "bin" / "python")]
    run(*mypy, "--cache-dir", str(tmp_path / "cache"), "program.py", folder=tmp_path)
