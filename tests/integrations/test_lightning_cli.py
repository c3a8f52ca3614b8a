"""A program with LightningCLI is tuned from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import raytune_suite as rts

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "integrations" / "lightning_cli"
EPOCHS = 3


def test_a_program_of_lightning_cli_is_tuned(tmp_path: Path) -> None:
    space = ["--space", str(FOLDER / "space.toml"), "--metric", "val_loss", "--max-t", str(EPOCHS)]
    study = ["--method", "random", "--num-samples", "2", "--storage-path", str(tmp_path), "--name", "cli"]
    fit = ["fit", "--model.lr", "{lr}", "--trainer.max_epochs", str(EPOCHS), "--trainer.accelerator", "cpu"]
    quiet = ["--trainer.enable_progress_bar", "false", "--trainer.enable_checkpointing", "false"]
    where = ["--trainer.default_root_dir", "{trial_dir}"]
    program = [sys.executable, str(FOLDER / "train.py"), *fit, *quiet, *where]
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "raytune_suite", "run", *space, *study, "--", *program],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = rts.load_study(tmp_path / "cli")
    assert result.reports.groupby("trial")["resource"].max().to_list() == [EPOCHS, EPOCHS]
    assert result.best_value < 9
