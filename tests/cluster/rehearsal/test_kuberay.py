"""Rehearsals of KubeRay manifests: the commands and their order, with stand-in programs, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from raytune_suite.cli import main
from raytune_suite.cluster.document import read
from raytune_suite.cluster.rehearsal import kuberay, kubernetes
from raytune_suite.cluster.rehearsal.adapt_manifest import adapt
from raytune_suite.errors import RehearsalError

FILES = Path(__file__).parents[1] / "checks" / "files"

STAND_IN = """#!/bin/sh
cd {folder}
echo "$(basename $0) $*" >> calls
pod() {{ echo "{{\\"metadata\\": {{\\"name\\": \\"$1\\"}}, \\"status\\": {{\\"conditions\\": [{{\\"type\\": \\"Ready\\", \\"status\\": \\"True\\"}}]}}}}"; }}
case "$(basename $0) $*" in
  docker*) exit 1 ;;
  *node-type=head*) echo "{{\\"items\\": [$(pod head)]}}" ;;
  *node-type=worker*) if [ -e lost ]; then first=new; else first=old; fi; echo "{{\\"items\\": [$(pod $first), $(pod other)]}}" ;;
  *jobStatus*) if [ -e lost ]; then printf SUCCEEDED; else printf RUNNING; fi ;;
  *" find "*) echo /shared/studies/checkpoint_1 ;;
  *"delete pod"*) touch lost ;;
  *" python "*) until [ -e lost ]; do sleep 0.05; done; exit {status} ;;
esac
"""  # noqa: E501 - a shell script


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts stand-ins on the PATH, whose study ends with a status, and returns their calls."""

    def put(status: int = 0) -> Path:
        for name in ("kind", "docker", "kubectl", "helm"):
            place = tmp_path / "bin" / name
            place.parent.mkdir(exist_ok=True)
            place.write_text(STAND_IN.format(folder=tmp_path, status=status))
            place.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        return tmp_path / "calls"

    return put


def rehearse(file: str, folder: Path) -> Any:
    lab = kubernetes.KubernetesLab("kind", folder)
    return kuberay.rehearse(lab, read(FILES / file), (None, []), "/shared", lambda _: None)[0]


@pytest.mark.process
@pytest.mark.parametrize("file", ["raycluster.yaml", "rayjob.yaml"])
def test_a_pod_is_lost_under_a_study_and_everything_is_removed(file: str, programs: Any, tmp_path: Path) -> None:
    calls = programs()
    result = rehearse(file, tmp_path)
    assert result.passed, result.steps
    made = calls.read_text().splitlines()
    order = ("kind create", "helm install", "docker image", "apply", "find", "delete pod old", "kind delete")
    firsts = [next(index for index, call in enumerate(made) if part in call) for part in order]
    assert firsts == sorted(firsts)
    assert f"--version {kuberay.OPERATOR}" in made[firsts[1]]
    assert len({call.partition("--name ")[2].split()[0] for call in made if call.startswith("kind ")}) == 1


@pytest.mark.process
def test_a_study_that_fails_fails_the_rehearsal(programs: Any, tmp_path: Path) -> None:
    calls = programs(status=3)
    result = rehearse("raycluster.yaml", tmp_path)
    assert [step.name for step in result.steps if not step.passed] == ["the study runs to its end"]
    assert calls.read_text().splitlines()[-1].startswith("kind delete cluster")


def test_missing_programs_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "helm").write_text("#!/bin/sh\n")
    (tmp_path / "helm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RehearsalError, match="k3s: "):
        kubernetes.choose()
    assert main(["cluster", "rehearse", str(FILES / "raycluster.yaml")]) == 2
    assert kubernetes.HOW_TO_INSTALL["kubectl"] in capsys.readouterr().err


def test_a_manifest_is_adapted_to_one_small_node() -> None:
    before = [one.data for one in read(FILES / "raycluster.yaml")]
    (claim, cluster), changes = adapt(before)
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert "storageClassName" not in claim["spec"]
    group = cluster["spec"]["workerGroupSpecs"][0]
    assert (group["replicas"], group["rayStartParams"]) == (2, {"num-cpus": "1", "num-gpus": "1"})
    pod = group["template"]["spec"]
    assert not {"nodeSelector", "tolerations"} & set(pod)
    assert "limits" not in pod["containers"][0]["resources"]
    assert (
        pod["containers"][0]["image"]
        == before[1]["spec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]["image"]
    )
    assert any("GPUs are simulated" in change for change in changes)
