"""Sizes of containers that are written without a unit, which docker and podman count in bytes.

Source: https://docs.docker.com/reference/cli/docker/container/run, `--shm-size`, `--memory` and `--tmpfs`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OF_DOCKER = ("shm-size", "memory", "memory-reservation", "memory-swap", "kernel-memory")
INNER = {"tmpfs": r"(?:^|[,:])(size=)(\d+)(?=,|$)", "mount": r"(?:^|,)(tmpfs-size=)(\d+)(?=,|$)"}
"""Options whose value has a size among others."""

LEAST = 10 * 2**20
"""Bytes; a smaller number has lost its unit."""


def without_unit(name: str, value: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if the size in an option of `docker run` lacks a unit, None otherwise.

    Args:
        name: The option without its dashes.
        value: Its value.

    Example:
        >>> without_unit("shm-size", "8")[1], without_unit("tmpfs", "/scratch:rw,size=64")[1]
        ('write `--shm-size=8g`', 'write `--tmpfs=/scratch:rw,size=64g`')
        >>> without_unit("shm-size", "8g"), without_unit("memory", "8589934592"), without_unit("tmpfs", "/a:size=50%")
        (None, None, None)
    """
    match = re.fullmatch(r"()(\d+)b?", value) if name in OF_DOCKER else None
    match = re.search(INNER[name], value) if name in INNER else match
    if match is None or not 0 < int(match[2]) < LEAST:
        return None
    reason = f"`--{name}={value}` is {match[2]} bytes, because it has no unit"
    return reason, f"write `--{name}={value[: match.end(2)]}g{value[match.end(2) :].removeprefix('b')}`"


def of_command(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the reasons and remedies of sizes without a unit in a command of docker or podman.

    Example:
        >>> [reason for reason, _ in of_command(("docker", "run", "--shm-size", "8", "ray"))]
        ['`--shm-size=8` is 8 bytes, because it has no unit']
    """
    if words[:1] not in (("docker",), ("podman",), ("nerdctl",)) or not {"run", "create"} & set(words[1:3]):
        return
    for index, word in enumerate(words):
        name, equals, value = word.removeprefix("--").partition("=")
        if word == "-m":
            name = "memory"
        elif not word.startswith("--"):
            continue
        found = without_unit(name, value if equals else "".join(words[index + 1 : index + 2]))
        if found is not None:
            yield found
