"""Who has a token, and which of our files require one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from raytune_suite import cli
from raytune_suite.cluster import commands, tokens
from raytune_suite.cluster.checks import check, check_document
from raytune_suite.cluster.document import parse, read
from raytune_suite.cluster.pools import cluster_of

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "clusters").glob("*.yaml"), *(ROOT / "clusters/kuberay").glob("ray*.yaml")])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_token_is_long_and_private(home: Path) -> None:
    path = tokens.create_token()
    assert path == home / ".ray/auth_token"
    assert len(bytes.fromhex(path.read_text())) == 32
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_an_existing_token_is_kept_and_made_private(home: Path) -> None:
    path = home / ".ray/auth_token"
    path.parent.mkdir()
    path.write_text("mine")
    path.chmod(0o644)
    assert tokens.create_token().read_text() == "mine"
    assert mode(path) == 0o600


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_all_our_files_require_a_token_and_get_it_to_their_nodes(path: Path, home: Path) -> None:  # noqa: ARG001 - without a token
    document = cluster_of(read(path))
    assert commands.token_mode(document) == tokens.TOKEN
    assert [found for found in check(path).findings if found.code.startswith("RTS9")] == []
    assert not any(found.code == "RTS307" for found in check(path).findings)  # there is no token yet


def test_the_slurm_script_requires_a_token() -> None:
    text = (ROOT / "clusters/slurm/study.sbatch").read_text()
    assert (
        text.index("raytune-suite cluster token") < text.index("export RAY_AUTH_MODE=token") < text.index("ray start")
    )


@pytest.mark.parametrize("name", ["local", "laptop", "kuberay/raycluster"])
def test_up_creates_the_token_first(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    present: list[bool] = []

    def run(_command: commands.Command) -> int:
        present.append((home / ".ray/auth_token").is_file())
        return 0

    monkeypatch.setattr(commands, "run", run)
    file = str(ROOT / f"clusters/{name}.yaml")
    if "kuberay" not in name:
        assert cli.main(["cluster", "up", "--dry-run", file]) == 0
        assert "$ raytune-suite cluster token\n" in capsys.readouterr().out
        assert not (home / ".ray").exists()
    assert cli.main(["cluster", "up", "--force", file]) == 0
    assert present == ["kuberay" not in name]  # KubeRay creates its own


def test_the_command_token_prints_the_path(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "token"]) == 0
    assert capsys.readouterr().out == f"{home}/.ray/auth_token\n"


@pytest.mark.parametrize(
    ("start", "severity"), [("export RAY_AUTH_MODE=token; ray start", "warning"), ("ray start", "error")]
)
def test_open_ports_are_an_error_without_a_token(start: str, severity: str, home: Path) -> None:  # noqa: ARG001 - the checkout's folder
    text = (ROOT / "clusters/aws-gpu.yaml").read_text().replace("- -e RAY_AUTH_MODE=token", "- -e OTHER=1")
    text = text.replace("export RAY_AUTH_MODE=token;", "").replace("ray start --", f"{start} --")
    rule = "{FromPort: 8265, ToPort: 8265, IpProtocol: tcp, IpRanges: [{CidrIp: 0.0.0.0/0}]}"
    text = text.replace("  type: aws\n", f"  type: aws\n  security_group: {{IpPermissions: [{rule}]}}\n")
    found = [one for one in check_document(parse(text, Path("x.yaml"))[0]).findings if one.code == "RTS615"]
    assert [one.severity for one in found] == [severity]


def test_the_secret_of_another_namespace_is_read_there() -> None:
    text = (ROOT / "clusters/kuberay/raycluster.yaml").read_text()
    text = text.replace("metadata: {name: raytune}", "metadata: {name: mine, namespace: team}")
    (command,) = commands.submit(parse(text, Path("x.yaml"))[0], "study.py")
    assert command.secrets["RAY_AUTH_TOKEN"][:6] == ("kubectl", "get", "secret", "mine", "--namespace", "team")
