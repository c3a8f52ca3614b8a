"""Arguments of a program reach it unchanged, through Ray's own code and through every shell between.

Only the connections are replaced: ssh's words are joined and evaluated by a shell, as its server does.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from raytune_suite import cli
from raytune_suite.cli.rehearse import split_program
from raytune_suite.cluster import commands
from raytune_suite.cluster.document import read
from raytune_suite.cluster.quoting import check_remote_path, quote_for_ray_submit
from raytune_suite.cluster.rehearsal.rehearse import Rehearsal
from raytune_suite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
FILE = read(ROOT / "clusters/local.yaml")[0]

ARGUMENTS = [
    *(
        "two words",
        "",
        "it's",
        '"quoted"',
        "$(touch $HOME/evaluated)",
        "`touch $HOME/evaluated`",
        "; touch $HOME/evaluated",
    ),
    *(
        "*",
        "?",
        "a\nb\n",
        "\t",
        "--",
        "--name=a b",
        "-x",
        "$HOME",
        "~/digits",
        "~",
        "a~/b",
        "!!",
        "a!b",
        "\\",
        "\\n",
        "#",
    ),
    *("a && b", "> out", "{a,b}", "größe 大小 🙂", "%s", "[x", "=(a)", " ", "'~/'", "\x7f"),
]

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
words = st.text(st.sampled_from("a ~/'\"$`\\*?!#;&|<>(){}[]=%-\n\tü"), max_size=8) | text


def evaluated(command: str, **options: Any) -> list[str]:
    """The words that a shell makes of the end of a command."""
    shown = subprocess.run(["/bin/bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True, **options)  # noqa: S603 - our own command
    printed: str = shown.stdout.decode()
    return printed.split("\0")[:-1]


@settings(max_examples=50, deadline=None)
@given(arguments=st.lists(words, min_size=1, max_size=20))
@pytest.mark.slow
def test_a_shell_evaluates_quoted_arguments_to_themselves(arguments: list[str]) -> None:
    quoted = " ".join(map(quote_for_ray_submit, arguments))
    assert evaluated(quoted) == arguments
    in_container = quoted.replace("~/", "/home/ray/")  # as Ray does
    assert evaluated(in_container) == arguments


PARSER = cli.parser()


@settings(max_examples=40, deadline=None)
@given(arguments=st.lists(words, max_size=8))
@pytest.mark.parametrize("command", ["submit", "rehearse"])
def test_the_command_line_passes_on_what_follows_the_separator(command: str, arguments: list[str]) -> None:
    parsed = PARSER.parse_args(["cluster", command, "mine.yaml", "study.py", "--", *arguments])
    assert split_program(parsed.program) == ("study.py", arguments)


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a head on which `python` writes the arguments of a program to `argv.json`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    record = "import json, os, sys; json.dump(sys.argv[2:], open(os.environ['ARGV'], 'w'))"
    for name, script in {
        "python": f'exec {sys.executable} -c "{record}" "$@"',
        "docker": 'test "$1 $2" = "exec -it" && shift 3 && exec "$@"',  # docker exec -it CONTAINER COMMAND
    }.items():
        (programs / name).write_text(f"#!/bin/bash\n{script}\n")
        (programs / name).chmod(0o755)
    (tmp_path / ".bashrc").write_text(f"export PATH={programs}:$PATH\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ARGV", str(tmp_path / "argv.json"))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arrived(head: Path) -> Any:
    assert not (head / "evaluated").exists()
    return json.loads((head / "argv.json").read_text())


class Connection:
    """A stand-in for `subprocess` in Ray's command runners: what ssh would run on the head runs here."""

    def check_call(self, command: list[str], **_options: Any) -> None:
        host = next(index for index, word in enumerate(command) if "@" in word)
        subprocess.run(["/bin/bash", "-c", " ".join(command[host + 1 :])], check=True, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command

    def check_output(self, _command: list[str], **_options: Any) -> bytes:
        return b"/home/ray"  # asked for the home folder in the container


def runner(head: Path, *, container: bool) -> Any:
    """Ray's own command runner for a host, or for a container on a host."""
    module = importlib.import_module("ray.autoscaler._private.command_runner")
    provider = type("Provider", (), {"internal_ip": lambda *_: "10.0.0.1", "external_ip": lambda *_: "10.0.0.1"})()
    common = {
        "log_prefix": "",
        "node_id": "1",
        "auth_config": {"ssh_user": "me", "ssh_private_key": str(head / "key")},
        "cluster_name": "c",
        "process_runner": Connection(),
        "use_internal_ip": False,
        "provider": provider,
    }
    if not container:
        return module.SSHCommandRunner(**common)
    return module.DockerCommandRunner({"container_name": "c", "image": "i"}, **common)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # of Ray, since Python 3.12
@pytest.mark.parametrize("container", [False, True], ids=["on the host", "in a container"])
def test_arguments_arrive_through_ray_submit(container: bool, head: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = importlib.import_module("ray.scripts.scripts")
    joined: list[str] = []
    monkeypatch.setattr(scripts, "rsync", lambda *_, **__: None)
    monkeypatch.setattr(scripts, "exec_cluster", lambda _file, **options: joined.append(options["cmd"]))
    (command,) = commands.submit(FILE, "study.py", ARGUMENTS)
    assert command.argv[0] == "ray"
    result = CliRunner().invoke(scripts.cli, command.argv[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    runner(head, container=container).run(joined[0], run_env="docker", exit_on_fail=True)
    assert arrived(head) == ARGUMENTS


def test_arguments_arrive_through_ray_jobs(head: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = importlib.import_module("ray.dashboard.modules.job.cli")
    entrypoints: list[str] = []

    class Client:
        def submit_job(self, **options: Any) -> str:
            entrypoints.append(options["entrypoint"])
            return "job"

        def get_version(self) -> str:
            return "1"

        def get_address(self) -> str:
            return commands.DASHBOARD

    monkeypatch.setattr(jobs, "_get_sdk_client", lambda *_, **__: Client())
    (command,) = commands.submit(FILE, "study.py", ARGUMENTS, job=True)
    assert command.argv[:3] == ("ray", "job", "submit")
    result = CliRunner().invoke(jobs.job_cli_group, ["submit", "--no-wait", *command.argv[3:]], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    subprocess.run(entrypoints[0], shell=True, check=True)  # noqa: S602 - as Ray's job supervisor does
    assert arrived(head) == ARGUMENTS


def test_arguments_arrive_on_this_machine(head: Path) -> None:
    laptop = read(ROOT / "clusters/laptop.yaml")[0]
    (command,) = commands.submit(laptop, "study.py", ARGUMENTS)
    subprocess.run(["python", *command.argv[1:]], check=True)  # noqa: S603, S607 - our own command
    assert arrived(head) == ARGUMENTS


@pytest.mark.parametrize("job", [False, True])
def test_a_rehearsal_passes_arguments_to_submit(job: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    start: Callable[..., None] = lambda _self, *arguments: started.extend(arguments)  # noqa: E731
    monkeypatch.setattr(Rehearsal, "start", start)
    cluster: Any = type("Cluster", (), {"lab": None, "file": "mine.yaml"})
    Rehearsal(cluster, print).submit("code/study.py", ARGUMENTS, job=job)
    parsed = PARSER.parse_args(["cluster", *started])
    assert split_program(parsed.program)[1] == ARGUMENTS


@pytest.mark.parametrize("script", ["my study.py", "$(x).py", "a;b.py", "~a.py", "host:study.py", "größe.py"])
def test_names_of_programs_that_ray_submit_does_not_quote_are_rejected(script: str) -> None:
    with pytest.raises(ArgumentError, match="`--job`"):
        commands.submit(FILE, script)
    assert commands.submit(FILE, script, job=True)


@pytest.mark.parametrize("path", ["/shared/two words", "/shared/$(x)", "/shared/*", "", "a\nb", "/a;b", "/a~"])
def test_remote_paths_that_ray_does_not_quote_are_rejected(path: str) -> None:
    with pytest.raises(ArgumentError, match="`--fetch`"):
        commands.submit(FILE, "study.py", fetch=(path, "here"))
    check_remote_path("~/ray_results/digits-1/")
