"""Programs as trainables, without Ray: what they are called with, what is reported, and how they end."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ray import tune

from raytune_suite.errors import ArgumentError, StudyError
from raytune_suite.tuning.program import LOGS, ProgramTrainable

if TYPE_CHECKING:
    from types import SimpleNamespace

REPORT = "import json, sys; [print(json.dumps({'epoch': e, 'loss': float(sys.argv[1]) / e})) for e in (1, 2)]"


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What programs report, in place of Ray; "files" are those of the checkpoint."""
    from types import SimpleNamespace as Namespace

    found: list[dict[str, Any]] = []

    def report(metrics: dict[str, Any], checkpoint: Any = None) -> None:
        files = [] if checkpoint is None else sorted(path.name for path in Path(checkpoint.path).iterdir())
        found.append({**metrics, **({"files": files} if files else {})})

    context: SimpleNamespace = Namespace(get_trial_id=lambda: "abc")
    monkeypatch.setattr(tune, "report", report)
    monkeypatch.setattr(tune, "get_checkpoint", lambda: None)
    monkeypatch.setattr(tune, "get_context", lambda: context)
    return found


def command(code: str, *words: str, folder: Path, **options: Any) -> ProgramTrainable:
    return ProgramTrainable((sys.executable, "-c", code, *words), "loss", folder=str(folder), **options)


def test_lines_of_json_are_reports_and_the_output_is_kept(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    command(f"print('hello'); {REPORT}", "{lr}", folder=tmp_path)({"lr": 0.5})
    assert reports == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    log = (tmp_path / LOGS / "abc.log").read_text()
    assert log.startswith("$ ")
    assert "hello" in log


def test_a_program_in_another_language_needs_nothing_of_python(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    words = ("sh", "-c", 'for epoch in 1 2; do echo "epoch $epoch loss $1"; done', "sh", "--lr={lr}")
    ProgramTrainable(words, "loss", folder=str(tmp_path), pattern=r"loss --lr=(\S+)")({"lr": 0.5})
    assert reports == [{"loss": 0.5}] * 2


def test_metrics_without_the_metric_come_with_the_next_report(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    code = """print('{"train": 1}'); print('{broken'); print('[1]'); print('{"loss": 2}')"""
    command(code, folder=tmp_path)({})
    assert reports == [{"train": 1, "loss": 2}]


def test_a_pattern_reads_any_output(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    code = "print('epoch 3: loss 0.5'); print('nothing'); print('epoch 4: loss 1e-3')"
    command(code, folder=tmp_path, pattern=r"epoch (?P<epoch>\d+): loss (?P<loss>\S+)")({})
    command(code, folder=tmp_path, pattern=r"loss (\S+)")({})
    assert reports == [{"epoch": 3, "loss": 0.5}, {"epoch": 4, "loss": 0.001}, {"loss": 0.5}, {"loss": 0.001}]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"loss=(\S+)|loss: (\S+)", [{"loss": 0.5}]),
        (r"loss(?:: ([\d.]+))?", [{"loss": 0.5}]),
        (r"epoch (?P<epoch>\d+), loss: (\S+)", [{"loss": 0.5, "epoch": 3}]),
        (r"acc (?P<loss>\S+)", [{"loss": 90}]),
    ],
)
def test_groups_of_a_pattern_may_be_alternatives_and_mixed(
    pattern: str, expected: list[dict[str, Any]], reports: list[dict[str, Any]], tmp_path: Path
) -> None:
    command("print('loss'); print('epoch 3, loss: 0.5, acc 90%')", folder=tmp_path, pattern=pattern)({})
    assert reports == expected


def test_all_arguments_within_a_word_are_quoted_for_the_shell(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    words = ("sh", "-c", "set -- {args}; echo loss $#")
    ProgramTrainable(words, "loss", folder=str(tmp_path), pattern=r"loss (\d)")({"lr": 0.5, "name": "two words"})
    assert reports == [{"loss": 4}]


def test_a_line_that_is_nested_too_deeply_is_no_metric(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    command("""print('{"a":' * 100000); print('{"loss": 1}')""", folder=tmp_path)({})
    assert reports == [{"loss": 1}]


@pytest.mark.usefixtures("reports")
def test_an_error_shows_little_of_long_lines(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="status 3") as caught:
        command("print('x' * 1000000); raise SystemExit(3)", folder=tmp_path)({})
    assert len(str(caught.value)) < 2000


def test_a_file_of_metrics_that_is_written_again_is_read_again(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    code = (
        "import os, time\nfor loss in (3, 2):\n"
        """    open(os.environ['TRIAL_DIR'] + '/m.json', 'w').write('{"loss": %d}\\n' % loss); time.sleep(0.5)"""
    )
    command(code, folder=tmp_path, metrics_file="m.json")({})
    assert [report["loss"] for report in reports] == [3, 2]


@pytest.mark.parametrize("text", ['{"loss": 1}\\n{"loss": 2}\\n', '{\\n "loss": 1}'])
def test_a_file_of_metrics_is_read(text: str, reports: list[dict[str, Any]], tmp_path: Path) -> None:
    code = f"import os; print('out'); open(os.environ['TRIAL_DIR'] + '/metrics.json', 'w').write('{text}')"
    command(code, folder=tmp_path, metrics_file="metrics.json")({})
    assert [report["loss"] for report in reports] == ([1, 2] if "2" in text else [1])
    assert "out" in (tmp_path / LOGS / "abc.log").read_text()


def test_configs_and_checkpoints_are_files(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    code = (
        "import json, sys; config = json.load(open(sys.argv[1])); open(sys.argv[2] + '/model', 'w').write('x');"
        "print(json.dumps({'loss': config['net']['width']}))"
    )
    command(code, "{json_file}", "{checkpoint_dir}", folder=tmp_path)({"net": {"width": 8}})
    assert reports == [{"loss": 8, "files": ["model"]}]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; print('no data'); sys.exit(3)", r"status 3.*\n.*\n?no data"),
        ("print('done')", r"done\nthe program reported no 'loss': it must print [^\n]*--pattern[^\n]*$"),
        ('print(\'{"epoch": 1, "los": 2}\')', r"no 'loss' \(it printed epoch, los: did you mean 'los'\?\)[^\n]*$"),
    ],
)
@pytest.mark.usefixtures("reports")
def test_a_program_that_fails_or_reports_nothing_shows_its_output(code: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=message):
        command(code, folder=tmp_path)({})


@pytest.mark.usefixtures("reports")
def test_a_stopped_program_gets_sigterm_and_then_sigkill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_metrics: Any, **_options: Any) -> None:
        raise SystemExit  # as Ray does in the thread of a trial

    monkeypatch.setattr(tune, "report", stop)
    monkeypatch.setattr("raytune_suite.tuning.program_process.KILL_AFTER", 0.2)
    pid_file = tmp_path / "pid"
    code = (
        "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); print('{{\"loss\": 1}}', flush=True); time.sleep(60)"
    )
    with pytest.raises(SystemExit):
        command(code, folder=tmp_path)({})
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid_file.read_text()}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid_file.read_text()}").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("python", "--lr", "{ler}", "{net.width}"), "'lr'"),
        (("python", "--lr", "{lr}"), "'net'"),
        (("no-such-program", "{args}"), "'no-such-program'"),
    ],
)
def test_a_command_that_ignores_a_parameter_is_rejected(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ProgramTrainable(words, "loss").check(["lr", "net[0]/width"])
    ProgramTrainable(("python", "{args}"), "loss").check(["lr", "net[0]/width"])
    ProgramTrainable(("python", "{lr}", "{net}"), "loss").check(["lr", "net[0]/width"])


def test_a_pattern_needs_a_group() -> None:
    for pattern in ("loss", "loss ("):
        with pytest.raises(ArgumentError, match="`pattern`"):
            ProgramTrainable(("python",), "loss", pattern=pattern)
