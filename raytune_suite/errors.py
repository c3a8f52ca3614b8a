"""The errors that this package raises on purpose; each message names the offending value and the remedy."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class RaytuneSuiteError(Exception):
    """Base class of all errors of this package."""


class UnknownNameError(RaytuneSuiteError, ValueError):
    """A name (of a method, searcher, argument, ...) that nobody has registered."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Say what `kind` of thing has no such `name`, and suggest the nearest of the `known` ones."""
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        super().__init__(f"unknown {kind} {name!r}{near(name, self.known)}")

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.kind, self.name, self.known)


class ArgumentError(RaytuneSuiteError, ValueError):
    """An argument has an invalid value."""


class SpaceError(RaytuneSuiteError, ValueError):
    """A search space or a config is malformed, or has a feature that a searcher does not support."""


class MissingPackageError(RaytuneSuiteError, ImportError):
    """An optional package is not installed; the message names the extra that installs it."""


class PluginError(RaytuneSuiteError, ImportError):
    """An entry point of another package cannot be used; the message names the entry point and its distribution."""


class DataError(RaytuneSuiteError, RuntimeError):
    """Third-party data are missing, truncated or altered, or cannot be downloaded; the message says what to do."""


class RehearsalError(RaytuneSuiteError, RuntimeError):
    """A cluster cannot be rehearsed on this host; the message says what is missing."""


class StudyError(RaytuneSuiteError, RuntimeError):
    """A study failed before it was complete; its results so far are on disk, and the message says how to resume."""


class StudyInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a study; its state is saved, and the message says how to resume it."""


def near(name: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown `name`: the nearest known one, or all of them."""
    known = list(known)
    matches = difflib.get_close_matches(name, known, n=1)
    if matches:
        return f": did you mean {matches[0]!r}?"
    return f"; known: {', '.join(known)}" if known else "; none is known"
