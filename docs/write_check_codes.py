"""Write the table of codes in docs/clusters/checks.md: python docs/write_check_codes.py."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from raytune_suite.cluster.checks.findings import CODES

PAGE = Path(__file__).parent / "clusters" / "checks.md"
BEGIN, END = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"

SECTIONS = {
    "RTS1": "The file",
    "RTS2": "Pools of machines",
    "RTS3": "Versions and set-up",
    "RTS4": "Commands, and the start of Ray",
    "RTS5": "Storage",
    "RTS6": "Access and places",
    "RTS7": "The study",
    "RTS8": "KubeRay and Slurm",
    "RTS9": "Requests to clouds, and their answers",
}
"""The titles of the sections, by the beginning of their codes."""


def table() -> str:
    """Return the sections with the codes."""
    lines = []
    for start, codes in groupby(sorted(CODES), key=lambda code: code[:4]):
        lines += ["", f"### {SECTIONS.get(start, 'Others')}", "", "| code | severity | finding |", "|---|---|---|"]
        lines += [f"| {code} | {CODES[code][0]} | {CODES[code][1]} |" for code in codes]
    return "\n".join([*lines, "", ""])


def with_table(text: str) -> str:
    """Return the text of the page with the current table."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
