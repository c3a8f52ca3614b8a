"""Malformed command lines: exit status 2, a message on stderr without a traceback, and nothing written."""

from __future__ import annotations

import functools
import shlex
from pathlib import Path

import pytest

from raytune_suite import cli
from raytune_suite.cli import main

parser = functools.cache(cli.parser)  # which takes longer to make than to parse a line
AWS = Path(__file__).parents[2] / "clusters" / "aws-gpu.yaml"
BRANIN = "run synthetic/branin --engine simulated --storage-path studies"
TABLES = ("results", "trajectories", "runs", "timings")

PROTOCOL = b"schema = 1\nbudget = 1\nmethod_seeds = '0'\n[methods.random]\n[workloads.'synthetic/branin']"

FILES = {
    "binary": bytes(range(256)),
    "list.json": b"[1, 2]",
    "number.json": b'{"resources": 5}',
    "texts.json": b'{"resources": {"cpu": "x"}}',
    "count.json": b'{"max_concurrent": "a"}',
    "deep.json": b"[" * 100_000,
    "deep.toml": b"a = " + b"[" * 3000,
    "deep.yaml": b"{a: " * 2000,
    "date.yaml": b"a: 2024-99-99",
    "list.yaml": b"- 1",
    "itself.yaml": b"a: &a [*a]",
    "bomb.yaml": b"a: &a [1, 1]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (c + 1, c + 1, c, c) for c in range(97, 121)),
    "key.yaml": b"? [1, 2]\n: 3",
    "good.toml": PROTOCOL,
    "eta.toml": PROTOCOL.replace(b"[methods.random]", b"[methods.asha]\nargs = {eta = 'x'}"),
    "infinite.toml": PROTOCOL.replace(b"budget = 1", b"budget = inf"),
    "seeds.toml": PROTOCOL.replace(b"'0'", b"'5-0'"),
    "many.toml": PROTOCOL.replace(b"'0'", b"'0-1000000000'"),
    **{f"damaged/{name}.parquet": b"x" for name in TABLES},
    "damaged/manifest.json": b"[1",
    **{f"cut/{name}.parquet": b"PAR1" for name in TABLES},
    "cut/manifest.json": b'{"schema": 1, "protocol": {"name": "x"}, "protocol_sha256": ""}',
}

LINES = [
    *(f"cluster check AWS --gpus-per-trial {value}" for value in ("nan", "inf", "-1", "x")),
    *(f"cluster check AWS --cpus-per-trial {value}" for value in ("nan", "1e308", "-1")),
    *(f"cluster check AWS --study {name}" for name in FILES if name.endswith(".json") and "/" not in name),
    *(f"cluster check AWS --study {name}" for name in ("binary", "none", ".", "deep.toml")),
    *(f"cluster check {name}" for name in FILES if name.endswith(".yaml")),
    *(f"cluster check {name}" for name in ("binary", "none.yaml", ".")),
    *(
        f"cluster render AWS --set {text}"
        for text in ("x=[1", "gpu_1.max_workers=[1", "=", ".", "a..b=1", "max_workers=x")
    ),
    *(f"cluster render AWS --toml {name}" for name in ("binary", "deep.toml", "none", ".")),
    *(f"cluster render AWS --output {name}" for name in ("none/x", ".")),
    *(f"data {action} --folder binary" for action in ("list", "check", "fetch yahpo/lcbench")),
    "data fetch none",
    *(f"bench run good.toml --out {name}" for name in ("/proc/none", "binary", "binary/x")),
    *(f"bench run {name} --out out" for name in FILES if name.endswith(".toml") and name != "good.toml"),
    *(f"bench run {name} --out out" for name in ("binary", ".", "none")),
    "bench run good.toml --out out --processes 0",
    *(f"bench {action} {name}" for action in ("report", "verify") for name in ("damaged", "cut", "binary", "none")),
    "bench verify damaged --sample 0",
    *(
        f"{BRANIN} --arg eta={value}"
        for value in ("1.0001", "NaN", "Infinity", "abc", "null", "9" * 5000, "[" * 100_000)
    ),
    *(f"{BRANIN} --arg {text}" for text in ("eta", "=4", "etta=4", "seed=1", "points_to_evaluate=5")),
    *(f"{BRANIN} --seed {value}" for value in ("-1", "0.5", "x")),
    *(f"{BRANIN} --workers {value}" for value in ("0", "-3", "2.5")),
    *(f"{BRANIN} --max-concurrent {value}" for value in ("0", "x")),
    *(f"{BRANIN} --budget {value}" for value in ("nan", "inf", "-1", "x")),
    *(f"{BRANIN} --time-limit {value}" for value in ("nan", "inf", "0")),
    *(f"{BRANIN} --num-samples {value}" for value in ("0", "1.5")),
    *(f"{BRANIN} --test-seeds {value}" for value in ("5-0", "0-1000000000", "5,5", "-1", "0", "x", "9" * 5000)),
    *(f"{BRANIN} --name {value}" for value in ("..", ".", "a/b", "x" * 300, "''")),
    *(f"{BRANIN} --plot {value}" for value in (".", "binary", "binary/x.png", "x.txt")),
    *(f"{BRANIN} --method {value}" for value in ("asah", "a+b+c", "+", "''", "dehb+asha")),
    "run synthetic/branin --engine simulated --storage-path binary --budget 1",
    f"{BRANIN} --resume --name none",
    f"{BRANIN} --cpus nan --compute 1",
    f"{BRANIN} --compute -1",
    *(f"run {name} --engine simulated --storage-path studies" for name in ("none", "synthetic/", "yahpo/../x", "''")),
    "diff binary binary",
    "diff damaged none",
    "list none",
    "completion none",
    "--none",
    "",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("malformed")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:80])
def test_a_malformed_line_is_answered_with_a_message(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(cli, "parser", parser)
    before = sorted(folder.rglob("*"))
    try:
        status = main(shlex.split(line.replace("AWS", str(AWS))))
    except SystemExit as end:  # argparse
        status = int(end.code or 0)
    message = capsys.readouterr().err
    assert status == 2
    assert message.strip()
    assert "Traceback" not in message
    assert max(map(len, message.splitlines())) < 5000
    assert sorted(folder.rglob("*")) == before


def test_an_argument_with_a_nul_character_is_rejected() -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", "a\0b"])
    assert end.value.code == 2
