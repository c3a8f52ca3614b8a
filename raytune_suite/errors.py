"""Every error that this package raises on purpose; each message names the value and the remedy."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class RaytuneSuiteError(Exception):
    """Base of all errors of this package, so that one `except` catches them."""


class UnknownNameError(RaytuneSuiteError, ValueError):
    """A name (of a method, searcher, argument, ...) that nobody has registered."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Say what `kind` of thing has no such `name`, and suggest the nearest of the `known` ones."""
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        super().__init__(f"unknown {kind} {name!r}{near(name, self.known)}")

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.kind, self.name, self.known)


class ArgumentError(RaytuneSuiteError, ValueError):
    """An argument whose value cannot be used."""


class SpaceError(RaytuneSuiteError, ValueError):
    """A search space, or a config of one, that is malformed or that a searcher cannot serve."""


class MissingPackageError(RaytuneSuiteError, ImportError):
    """An optional package is not installed; the message says which extra brings it."""


class DataError(RaytuneSuiteError, RuntimeError):
    """Data that others made are missing, truncated, altered or cannot be fetched; the message says what to do."""


class RehearsalError(RaytuneSuiteError, RuntimeError):
    """A rehearsal of a cluster that cannot be held on this host; the message says what is missing."""


class StudyError(RaytuneSuiteError, RuntimeError):
    """A study that could not run to its end; what it had done is on disk, and the message says how to go on."""


class StudyInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a study; its state is saved, and the message says how to resume it."""


def near(name: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown `name`: the nearest known one, or all of them."""
    known = list(known)
    matches = difflib.get_close_matches(name, known, n=1)
    if matches:
        return f": did you mean {matches[0]!r}?"
    return f"; known: {', '.join(known)}" if known else "; none is known"
