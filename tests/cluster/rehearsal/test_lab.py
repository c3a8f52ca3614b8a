"""The requirements of the lab, and the folders that its machines keep."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from raytune_suite.cluster.rehearsal import lab
from raytune_suite.errors import RehearsalError

PACKAGE = Path(lab.__file__).resolve().parents[3]


def use_prefixes(monkeypatch: pytest.MonkeyPatch, prefix: str | Path, base: str | Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "base_prefix", str(base))
    monkeypatch.setattr(sys, "executable", f"{prefix}/bin/python")
    monkeypatch.setattr(sys, "path", ["/program"])


def test_machines_keep_python_its_packages_and_this_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_prefixes(monkeypatch, tmp_path / "venv", tmp_path / "python")
    assert lab.kept_folders() == sorted([str(PACKAGE), f"{tmp_path}/venv", f"{tmp_path}/python"])


def test_machines_keep_the_targets_of_pythons_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like in an environment of uv: its python is a link into a folder that is a link itself."""
    for folder in ("venv/bin", "python-3.11.9/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "python-3.11.9/bin/python3.11").touch()
    (tmp_path / "python-3.11").symlink_to("python-3.11.9")
    (tmp_path / "venv/bin/python").symlink_to(tmp_path / "python-3.11/bin/python3.11")
    use_prefixes(monkeypatch, tmp_path / "venv", tmp_path / "python-3.11.9")
    kept = [f"{tmp_path}/{name}" for name in ("python-3.11", "python-3.11.9", "venv")]
    assert lab.kept_folders() == sorted([str(PACKAGE), *kept])


def test_machines_keep_packages_in_editable_mode_but_not_the_folder_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    use_prefixes(monkeypatch, PACKAGE, tmp_path / "python")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "mine"), str(tmp_path / "python311.zip")])
    assert lab.kept_folders() == sorted([str(PACKAGE), f"{tmp_path}/python", f"{tmp_path}/mine"])


def test_a_folder_within_another_is_kept_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_prefixes(monkeypatch, PACKAGE / "raytune_suite", tmp_path)
    assert lab.kept_folders() == sorted([str(PACKAGE), str(tmp_path)])


def test_folders_of_the_host_are_not_kept_separately(monkeypatch: pytest.MonkeyPatch) -> None:
    use_prefixes(monkeypatch, PACKAGE, "/usr")
    assert lab.kept_folders() == [str(PACKAGE)]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_file_system_mounted_within_a_folder_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    use_prefixes(monkeypatch, "/proc", "/")
    assert "/proc" in lab.kept_folders()
    assert "/" not in lab.kept_folders()


def test_a_lab_requires_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(RehearsalError, match="Linux"):
        lab.check_host()


@pytest.mark.skipif(sys.platform != "linux", reason="the lab requires Linux")
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
        monkeypatch.setattr(lab, "find_tool", lambda name: None if name in lacking else f"/usr/bin/{name}")
        with pytest.raises(RehearsalError) as caught:
            lab.check_host()
        assert str(caught.value).endswith(f": apt-get install {packages}")

    def test_the_error_without_root_has_the_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lab, "find_tool", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(sys, "argv", ["raytune-suite", "cluster", "rehearse", "my file.yaml"])
        with pytest.raises(RehearsalError) as caught:
            lab.check_host()
        assert str(caught.value).endswith(f"sudo {sys.executable} -m raytune_suite cluster rehearse 'my file.yaml'")

    def test_a_container_without_the_permission_for_namespaces_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tool = tmp_path / "tool"
        tool.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
        tool.chmod(0o755)
        monkeypatch.setattr(lab, "find_tool", lambda _name: str(tool))
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        with pytest.raises(RehearsalError, match=r"\(unshare failed: Operation not permitted\).*--privileged"):
            lab.check_host()

    def test_tools_for_administrators_are_found_outside_of_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tool = tmp_path / "sshd"
        tool.touch(mode=0o755)
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setattr(lab, "PATH", str(tmp_path))
        assert lab.find_tool("sshd") == str(tool)
        assert lab.find_tool("sshe") is None
