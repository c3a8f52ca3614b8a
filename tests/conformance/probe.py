"""The suggestions and decisions of a fresh process; `python -m tests.conformance.probe FOLDER` prints them as JSON."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS
from tests.conformance import common
from tests.conformance.harness import Setup

BEFORE, AFTER = 7, 11


def whole(name: str) -> list[Any]:
    """All suggestions of an undisturbed run."""
    return common.rounds(common.searcher(name), 0, AFTER)


def leave_snapshots(folder: Path) -> None:
    """Save every searcher in the middle of a run."""
    for name in SEARCHERS:
        searcher = common.searcher(name)
        common.rounds(searcher, 0, BEFORE)
        searcher.save(str(folder / name))


def continued(name: str, folder: Path) -> list[Any]:
    """The suggestions after a snapshot."""
    searcher = common.searcher(name)
    searcher.restore(str(folder / name))
    return common.rounds(searcher, BEFORE, AFTER)


def decisions(name: str) -> list[Any]:
    """The log of decisions of a study with four workers."""
    return common.study(name, Setup(common.served(name), workers=4)).run().log


def main(folder: Path) -> dict[str, Any]:
    """Everything, by kind and name."""
    return {
        "whole": {name: whole(name) for name in SEARCHERS},
        "continued": {name: continued(name, folder) for name in SEARCHERS},
        "decisions": {name: decisions(name) for name in SCHEDULERS},
    }


if __name__ == "__main__":
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    common.cheapen(setattr)
    print(json.dumps(main(Path(sys.argv[1]))))  # noqa: T201 - this is its output
