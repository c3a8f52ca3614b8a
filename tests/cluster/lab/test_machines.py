"""What the lab needs of its host, and which folders its machines keep."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from raytune_suite.cluster.rehearsal import machines
from raytune_suite.errors import RehearsalError

PACKAGE = Path(machines.__file__).resolve().parents[3]


def use_prefixes(monkeypatch: pytest.MonkeyPatch, prefix: str | Path, base: str | Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "base_prefix", str(base))
    monkeypatch.setattr(sys, "executable", f"{prefix}/bin/python")


def test_machines_keep_python_its_packages_and_this_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_prefixes(monkeypatch, tmp_path / "venv", tmp_path / "python")
    assert machines.kept_folders() == sorted([str(PACKAGE), f"{tmp_path}/venv", f"{tmp_path}/python"])


def test_machines_keep_what_links_of_python_lead_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As uv makes them: the environment's python is a link into a folder that is a link itself."""
    for folder in ("venv/bin", "python-3.11.9/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "python-3.11.9/bin/python3.11").touch()
    (tmp_path / "python-3.11").symlink_to("python-3.11.9")
    (tmp_path / "venv/bin/python").symlink_to(tmp_path / "python-3.11/bin/python3.11")
    use_prefixes(monkeypatch, tmp_path / "venv", tmp_path / "python-3.11.9")
    kept = [f"{tmp_path}/{name}" for name in ("python-3.11", "python-3.11.9", "venv")]
    assert machines.kept_folders() == sorted([str(PACKAGE), *kept])


def test_a_folder_within_another_is_kept_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_prefixes(monkeypatch, PACKAGE / "raytune_suite", tmp_path)
    assert machines.kept_folders() == sorted([str(PACKAGE), str(tmp_path)])


def test_the_hosts_own_folders_are_there_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    use_prefixes(monkeypatch, PACKAGE, "/usr")
    assert machines.kept_folders() == [str(PACKAGE)]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_file_system_within_a_folder_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    use_prefixes(monkeypatch, "/proc", "/")
    assert "/proc" in machines.kept_folders()
    assert "/" not in machines.kept_folders()


def test_only_linux_can_have_a_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(RehearsalError, match=r"needs Linux.*use a virtual machine"):
        machines.check_host()


@pytest.mark.skipif(sys.platform != "linux", reason="no lab elsewhere")
class TestOnLinux:
    @pytest.mark.parametrize(
        ("lacking", "packages"),
        [
            (["sshd"], "openssh-server"),
            (["ssh", "ssh-keygen"], "openssh-client"),
            (["rsync", "ip", "pgrep"], "iproute2 procps rsync"),
        ],
    )
    def test_packages_of_missing_programs_are_named(
        self, lacking: list[str], packages: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(machines, "find_tool", lambda name: None if name in lacking else f"/usr/bin/{name}")
        with pytest.raises(RehearsalError) as caught:
            machines.check_host()
        assert str(caught.value).endswith(f": apt-get install {packages}")

    def test_whoever_is_not_root_is_told_the_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machines, "find_tool", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(sys, "argv", ["raytune-suite", "cluster", "rehearse", "my file.yaml"])
        with pytest.raises(RehearsalError) as caught:
            machines.check_host()
        assert str(caught.value).endswith(f"sudo {sys.executable} -m raytune_suite.cli cluster rehearse 'my file.yaml'")

    def test_a_container_that_may_make_no_namespaces_is_told_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tool = tmp_path / "tool"
        tool.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
        tool.chmod(0o755)
        monkeypatch.setattr(machines, "find_tool", lambda _name: str(tool))
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        with pytest.raises(RehearsalError, match=r"\(unshare failed: Operation not permitted\).*--privileged"):
            machines.check_host()

    def test_tools_of_administrators_are_found_without_their_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tool = tmp_path / "sshd"
        tool.touch(mode=0o755)
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setattr(machines, "PATH", str(tmp_path))
        assert machines.find_tool("sshd") == str(tool)
        assert machines.find_tool("sshe") is None
