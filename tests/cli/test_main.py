from __future__ import annotations

import subprocess
import sys

import pytest

from raytune_suite import cli


def test_help_is_quick_since_it_imports_neither_ray_nor_numpy() -> None:
    program = """
import sys
from raytune_suite.cli import main
for words in ([], ["list"], ["run"], ["diff"], ["data"], ["bench"], ["cluster"]):
    try:
        main([*words, "--help"])
    except SystemExit as ended:
        assert ended.code == 0
print({"ray", "torch", "numpy", "pandas", "pyarrow", "rich"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "set()"
    assert done.stdout.count("examples:") == 5


@pytest.mark.parametrize("arguments", [[], ["lst"], ["list", "methds"], ["diff", "one"]])
def test_an_unknown_command_or_a_missing_word_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


def test_ctrl_c_is_one_word_and_status_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.list_command.LISTS, "clusters", interrupted)
    assert cli.main(["list", "clusters"]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"
