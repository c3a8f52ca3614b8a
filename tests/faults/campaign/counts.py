"""The counts of the campaign: a file to which each run adds, and the page that shows them."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import platform
from typing import TYPE_CHECKING, Any

from raytune_suite import __version__
from raytune_suite.atomic_file import write_atomically
from tests.faults.campaign.cases import FAULTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.campaign.cases import Case, FaultError

PAGE = """\
# The fault campaign

The campaign kills studies, damages their folders and makes malformed calls, and counts how often that ends badly. A
study is *lost* if it does not resume, has lost a snapshot, or makes other decisions than an undisturbed one, as
`raytune-suite diff` compares them. A *hang* is a process that does not end in time. A *foreign traceback* is any error
except a RaytuneSuiteError.

| Part | Cases | What happened | Lost | Hangs | Foreign tracebacks |
|---|---:|---|---:|---:|---:|
{rows}

{parts}

{by}

{failures}

{date}: raytune_suite {raytune_suite}, Ray {ray}, Python {python}, {system}.

`make faults` runs the campaign; `python -m tests.faults.campaign run --minutes 10 --counts FILE` runs a part of it and
adds to the counts in a file, and `python -m tests.faults.campaign page --counts FILE` writes this page. The number of a
case is the seed of its random draws: `run PART --only NUMBER` repeats one. [Checkpoints and resuming](checkpoints.md)
explains what is saved of a study, and when.
"""


ABOUT = {
    "writes": "a small study of snapshots and journals is killed five times at operations on files, each one in turn.",
    "simulated": """a simulated study of each method is interrupted, and killed three times with SIGKILL at operations
  on files: at each one in turn while it is resumed and stores a snapshot, at random ones, and at its end.""",
    "running": """a simulated study of each method takes a snapshot after each event, and is killed three times with
  SIGKILL at random operations on files.""",
    "folders": """one to three files in the folder of an interrupted simulated study are cut, emptied, changed,
  overwritten, removed, or replaced by older ones or by folders. It resumes with the same result, or an error names
  the file.""",
    "fuzz": """calls of `tune`, spaces, arguments of methods, settings, protocols, command lines and cluster files are
  drawn at random. Each succeeds or raises a RaytuneSuiteError.""",
    "ray": """the driver of a study on Ray with one worker is killed ten times with SIGKILL, at random moments of the
  whole study, and resumed each time.""",
    "processes": """a process of Ray under a study is killed with SIGKILL, or stopped for some seconds: that of a trial,
  the raylet or the GCS. The study continues, or ends with an error that says how to resume it, and is resumed. If the
  GCS does not come back, Ray ends the driver after a minute, before which a warning says how to resume the study.""",
}
"""What each part does."""


class Counts:
    """The counts in a file.

    Attributes:
        parts: The counts of each part of the campaign.
    """

    def __init__(self, file: Path) -> None:
        """Read them, if the file is there."""
        self._file = file
        self.parts: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}

    def next_case(self, part: str) -> int:
        """The number of the first case of a part that was not run."""
        return int(self.parts.get(part, {}).get("cases", 0))

    def add(self, part: str, case: Case, fault: FaultError | None) -> None:
        """Add a case."""
        counts = self.parts.setdefault(part, {"cases": 0, "by": {}, "failures": {}, **dict.fromkeys(FAULTS, 0)})
        counts["cases"] = case.number + 1
        for what, times in case.counts.items():
            counts["by"].setdefault(what, {}).setdefault(case.label, 0)
            counts["by"][what][case.label] += times
        if fault is not None:
            counts[fault.kind] += 1
            counts["failures"][str(case.number)] = str(fault)
        write_atomically(self._file, json.dumps(self.parts, indent=1).encode())

    def faults(self) -> int:
        """How many cases found a fault."""
        return sum(len(counts["failures"]) for counts in self.parts.values())

    def page(self) -> str:
        """The page with the table."""
        rows, by = [], []
        for part, counts in self.parts.items():
            what = ", ".join(f"{sum(times.values()):,} {name}" for name, times in counts["by"].items())
            found = " | ".join(f"{counts[kind]}" for kind in FAULTS)
            rows.append(f"| {part} | {counts['cases']:,} | {what} | {found} |")
            name, times = next(iter(counts["by"].items()))
            each = ", ".join(f"{label} {count:,}" for label, count in sorted(times.items()))
            by.append(f"- {part}, {name}: {each}.")
        failures = [
            f"- {part} {number}: `{message}`"
            for part, counts in self.parts.items()
            for number, message in counts["failures"].items()
        ]
        return PAGE.format(
            failures="\n".join(
                ["Cases that found a fault:", "", *failures] if failures else ["No case found a fault."]
            ),
            rows="\n".join(rows),
            parts="\n".join(f"- **{part}**: {ABOUT[part]}" for part in self.parts),
            by="\n".join(["By method, or by what was fuzzed:", "", *by]),
            date=dt.date.today().isoformat(),  # noqa: DTZ011 - of the person who runs it
            raytune_suite=__version__,
            ray=importlib.metadata.version("ray"),
            python=platform.python_version(),
            system=platform.system(),
        )
