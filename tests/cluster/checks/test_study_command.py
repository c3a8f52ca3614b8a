"""What `cluster check` knows about the command line of raytune-suite is what it has."""

from __future__ import annotations

import argparse

from raytune_suite import cli
from raytune_suite.cluster.checks.study_command import OPTIONS, SUBCOMMANDS


def test_subcommands_and_options_are_those_of_the_command_line() -> None:
    commands = next(one for one in cli.parser()._actions if isinstance(one, argparse._SubParsersAction))
    assert sorted(commands.choices) == sorted(SUBCOMMANDS)
    options = {name for one in commands.choices["run"]._actions for name in one.option_strings}
    assert {name for name in options if name.startswith("--")} == set(OPTIONS)
