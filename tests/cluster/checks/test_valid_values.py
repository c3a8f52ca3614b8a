"""`cluster check` reports no error in the values of `valid_values.py`."""

from __future__ import annotations

import functools
import re
import tempfile
import time
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks import check, launcher
from tests.cluster.checks import valid_by_class, valid_drawn
from tests.cluster.checks.shares import every_third
from tests.cluster.checks.valid_by_experts import EXPERTS, NEAR
from tests.cluster.checks.valid_kuberay import NEAR_KUBERAY
from tests.cluster.checks.valid_values import (
    AZURE_SIZES,
    DIRECTIVES,
    ENV,
    OBJECTS,
    POD_VALUES,
    RUN_OPTIONS,
    SCRIPTS,
    SETUP,
    SPEC_VALUES,
)

CHECKOUT = Path(__file__).parents[3]
FILES = Path(__file__).parent / "files"
WORKER = "          containers:\n            - name: ray-worker\n"
pytestmark = pytest.mark.slow  # as a whole: `make quick` tests that mistakes are found

SECONDS = 2
"""How long the check of any file may take."""


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in the checkout, to which the file mounts of our files are relative, and without Ray's own validation.

    It takes most of the time, and looks at none of these values.
    """
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.setattr(launcher, "validation", lambda _: iter(()))


def errors(path: Path, text: str) -> list[tuple[int, str, str]]:
    path.write_text(text)
    return [(one.line, one.code, one.reason) for one in check(path).findings if one.severity == "error"]


def quoted(text: str) -> str:
    return str(yaml.safe_dump(text, default_style='"', width=1000)).strip()


def edited(file: str, old: str, new: str) -> str:
    path = FILES / file if (FILES / file).exists() else CHECKOUT / "clusters" / file
    text = path.read_text()
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize("name", every_third(EXPERTS))
def test_a_setting_of_an_expert_gives_no_error(name: str, tmp_path: Path) -> None:
    file, old, new = EXPERTS[name]
    assert errors(tmp_path / "mine.yaml", edited(file, old, new)) == []


@functools.cache
def findings(text: str) -> frozenset[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mine.sbatch" if text.startswith("#!") else "mine.yaml")
        path.write_text(text)
        return frozenset((one.code, one.reason) for one in check(path).findings)


@pytest.mark.parametrize("name", NEAR | NEAR_KUBERAY)
def test_a_setting_near_a_mistake_gives_no_finding(name: str) -> None:
    file, old, new = (NEAR | NEAR_KUBERAY)[name]
    assert findings(edited(file, old, new)) <= findings(edited(file, old, old))


@pytest.mark.parametrize("directive", every_third(DIRECTIVES))
def test_a_directive_gives_no_error(directive: str, tmp_path: Path) -> None:
    names = re.findall(r"--[a-z-]+", directive)
    text = (FILES / "ray.sbatch").read_text()
    lines = [line for line in text.splitlines() if not any(f"SBATCH {name}" in line for name in names)]
    lines.insert(1, f"#SBATCH {directive}")
    assert errors(tmp_path / "job.sbatch", "\n".join(lines) + "\n") == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_gives_no_error(name: str, tmp_path: Path) -> None:
    assert errors(tmp_path / "job.sbatch", SCRIPTS[name]) == []


@pytest.mark.parametrize("name", POD_VALUES)
def test_values_of_a_container_give_no_error(name: str, tmp_path: Path) -> None:
    text = edited("raycluster.yaml", WORKER, WORKER + POD_VALUES[name])
    assert errors(tmp_path / "mine.yaml", text) == []


@pytest.mark.parametrize("name", SPEC_VALUES)
def test_values_of_a_pod_give_no_error(name: str, tmp_path: Path) -> None:
    assert errors(tmp_path / "mine.yaml", edited("raycluster.yaml", WORKER, SPEC_VALUES[name] + WORKER)) == []


@pytest.mark.parametrize("entry", ENV)
def test_a_variable_gives_no_error(entry: str, tmp_path: Path) -> None:
    first = "                - name: WANDB_API_KEY\n"
    text = edited("raycluster.yaml", first, f"                {entry}\n{first}")
    assert errors(tmp_path / "mine.yaml", text) == []


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_gives_no_error(name: str, tmp_path: Path) -> None:
    assert errors(tmp_path / "mine.yaml", OBJECTS[name]) == []


@pytest.mark.parametrize("option", every_third(RUN_OPTIONS))
def test_an_option_of_docker_gives_no_error(option: str, tmp_path: Path) -> None:
    text = edited("aws-gpu.yaml", "    - --shm-size=8g", f"    - {quoted(option)}\n    - -e TEST=1")
    assert errors(tmp_path / "mine.yaml", text) == []


@pytest.mark.parametrize("command", SETUP)
def test_a_command_that_may_be_repeated_gives_no_finding(command: str, tmp_path: Path) -> None:
    text = edited("local.yaml", "setup_commands:\n", f"setup_commands:\n  - {quoted(command)}\n")
    path = tmp_path / "mine.yaml"
    assert errors(path, text) == []
    assert "RTS418" not in {one.code for one in check(path).findings}


@pytest.mark.parametrize("command", every_third(valid_by_class.COMMANDS))
def test_a_command_gives_no_error(command: str, tmp_path: Path) -> None:
    text = edited("local.yaml", "setup_commands:\n", f"setup_commands:\n  - {quoted(command)}\n")
    found = errors(tmp_path / "mine.yaml", text)
    assert found == []


@pytest.mark.parametrize("name", valid_by_class.SCRIPTS)
def test_another_script_gives_no_error(name: str, tmp_path: Path) -> None:
    assert errors(tmp_path / "job.sbatch", valid_by_class.SCRIPTS[name]) == []


@pytest.mark.parametrize("name", valid_by_class.OBJECTS)
def test_other_objects_give_no_error(name: str, tmp_path: Path) -> None:
    assert errors(tmp_path / "mine.yaml", valid_by_class.OBJECTS[name]) == []


@pytest.mark.parametrize("config", valid_by_class.SERVE)
def test_a_config_of_ray_serve_gives_no_error(config: str, tmp_path: Path) -> None:
    text = (FILES / "rayservice.yaml").read_text()
    before, _, rest = text.partition("  serveConfigV2: |\n")
    lines = "".join(f"    {line}\n" for line in config.splitlines())
    after = rest[rest.index("  rayClusterConfig:") :]
    assert errors(tmp_path / "mine.yaml", f"{before}  serveConfigV2: |\n{lines}{after}") == []


@pytest.mark.parametrize("environment", valid_by_class.RUNTIME_ENVIRONMENTS)
def test_a_runtime_environment_gives_no_error(environment: str, tmp_path: Path) -> None:
    old = "    pip:\n      - lightning==2.5.0\n    env_vars:\n      WANDB_MODE: offline\n"
    lines = "".join(f"    {line}\n" for line in environment.splitlines())
    assert errors(tmp_path / "mine.yaml", edited("rayjob.yaml", old, lines)) == []


@pytest.mark.parametrize(("file", "old", "new"), valid_by_class.EDITS)
def test_a_valid_edit_gives_no_error(file: str, old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    before = errors(path, (CHECKOUT / "clusters" / file).read_text())
    text = (CHECKOUT / "clusters" / file).read_text()
    assert old in text
    assert [one[1:] for one in errors(path, text.replace(old, new, 1))] == [one[1:] for one in before]


def test_many_valid_commands_give_no_error(tmp_path: Path) -> None:
    commands = "".join(f"  - {quoted(command)}\n" for command in valid_drawn.COMMANDS)
    text = edited("local.yaml", "setup_commands:\n", f"setup_commands:\n{commands}")
    assert errors(tmp_path / "mine.yaml", text) == []


@pytest.mark.parametrize("name", valid_drawn.SCRIPTS)
def test_a_script_for_another_shell_gives_no_error(name: str, tmp_path: Path) -> None:
    assert errors(tmp_path / "job.sbatch", valid_drawn.SCRIPTS[name]) == []


def test_many_valid_objects_give_no_error(tmp_path: Path) -> None:
    assert errors(tmp_path / "mine.yaml", valid_drawn.OBJECTS) == []


def test_valid_edits_give_no_error(tmp_path: Path) -> None:
    wrong = []
    for file, old, new in valid_drawn.EDITS:
        text = (CHECKOUT / file).read_text()
        assert old in text, new
        before = [one[1:] for one in errors(tmp_path / "mine.yaml", text)]
        found = errors(tmp_path / "mine.yaml", text.replace(old, new, 1))
        wrong += [(new, one) for one in found if one[1:] not in before]
    assert wrong == []


@pytest.mark.parametrize("size", every_third(AZURE_SIZES))
def test_a_size_of_azure_gives_no_error(size: str, tmp_path: Path) -> None:
    assert errors(tmp_path / "mine.yaml", edited("azure-gpu.yaml", "Standard_D4s_v5", size)) == []


def test_a_large_manifest_is_checked_in_time(tmp_path: Path) -> None:
    text = (FILES / "raycluster.yaml").read_text()
    start = text.index("    - ", text.index("workerGroupSpecs:"))
    end = text.find("\n---", start) + 1 or len(text)
    group = text[start:end]
    name = group.partition("groupName: ")[2].partition("\n")[0]
    groups = "".join(group.replace(f"groupName: {name}", f"groupName: group-{number}") for number in range(40))
    path = tmp_path / "large.yaml"
    path.write_text(text[:start] + groups + text[end:])
    began = time.process_time()
    assert len(check(path).findings) > 0
    assert time.process_time() - began < SECONDS
