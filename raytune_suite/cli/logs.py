"""`raytune-suite logs`: the output of a trial."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

from raytune_suite.cli.help import add_command
from raytune_suite.errors import ArgumentError, StudyError

if TYPE_CHECKING:
    import argparse

ABOUT = """\
Print the output of a trial of a study of `raytune-suite run ... -- PROGRAM`. The first line is the command.
"""

EXAMPLES = """\
examples:
  # trial 3, as the results number it
  raytune-suite logs ~/ray_results/train-20260101-120000 3
  # the best trial
  raytune-suite logs ~/ray_results/train-20260101-120000 best
"""


def add(commands: Any) -> None:
    """Add the command `logs`."""
    command = add_command(commands, "logs", summary="print the output of a trial", about=ABOUT, examples=EXAMPLES)
    command.add_argument("study", metavar="STUDY", help="the folder or URI of a study")
    command.add_argument("trial", metavar="TRIAL", help="the number of a trial, or best")
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a log.

    Raises:
        ArgumentError: If there is no such trial.
        StudyError: If it has no log.
    """
    from raytune_suite.tuning.load import load_study
    from raytune_suite.tuning.program import LOGS

    study = load_study(arguments.study)
    if arguments.trial == "best":
        number = study.best_trial
    elif arguments.trial.isdecimal() and int(arguments.trial) in study.trials.index:
        number = int(arguments.trial)
    else:
        last = len(study.trials) - 1
        raise ArgumentError.invalid("TRIAL", arguments.trial, f"'best', or the number of a trial, from 0 to {last}")
    folder, trial_id = study.files / LOGS, str(study.trials["trial_id"].loc[number])
    name = f"{trial_id}.log"
    if name not in folder.names():
        raise StudyError(
            f"trial {number} of {study.path!r} has no log: only programs that `raytune-suite run ... -- PROGRAM` runs "
            "have one. What a function prints is in /tmp/ray/session_latest/logs/worker-* on the trial's machine"
        )
    if folder.local is not None:
        with (folder.local / name).open(encoding="utf-8", errors="replace") as file:
            shutil.copyfileobj(file, sys.stdout)
    else:
        sys.stdout.write(folder.read(name).decode(errors="replace"))
    return 0
