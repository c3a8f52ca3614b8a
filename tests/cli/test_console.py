"""What is told on a terminal."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from raytune_suite.cli.console import MEANINGS, cell, meaning
from raytune_suite.engines.callbacks.decision_log import Decision, difference

ROW = Decision(1.0, 0, 1.0, 0.5, "CONTINUE", '{"lr": 0.1}')
OTHER = Decision(2.0, 1, 3.0, math.nan, "STOP", '{"lr": 0.2}')


def test_importing_it_loads_neither_ray_nor_matplotlib() -> None:
    program = "import sys, raytune_suite.report.terminal; print({'ray', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.strip() == "set()"


def test_values_are_short_and_what_is_absent_is_empty() -> None:
    assert [cell(value) for value in (0.123456, 3, "relu", math.nan, None)] == ["0.1235", "3", "relu", "", ""]


@pytest.mark.parametrize("field", Decision._fields)
def test_each_field_that_differs_has_a_meaning(field: str) -> None:
    found = difference([ROW], [ROW._replace(**{field: getattr(OTHER, field)})])
    assert found is not None
    assert meaning(found) == MEANINGS[field]


def test_the_field_from_which_the_others_follow_is_told_first() -> None:
    found = difference([ROW], [ROW._replace(config=OTHER.config, value=OTHER.value, decision=OTHER.decision)])
    assert found is not None
    assert meaning(found) == MEANINGS["config"]


@pytest.mark.parametrize(("logs", "words"), [(([], [ROW]), "A has ended"), (([ROW], []), "B has ended")])
def test_the_log_that_ended_is_named(logs: tuple[list[Decision], list[Decision]], words: str) -> None:
    found = difference(*logs)
    assert found is not None
    assert meaning(found).startswith(words)
