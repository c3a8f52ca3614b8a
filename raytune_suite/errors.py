"""Every error that this package raises on purpose; each message names the value and the remedy."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class RaytuneSuiteError(Exception):
    """Base of all errors of this package, so that one `except` catches them."""


class UnknownNameError(RaytuneSuiteError, ValueError):
    """A name (of a method, searcher, argument, ...) that is not registered.

    Attributes:
        kind: What is named, such as "method".
        name: The unknown name.
        known: The registered names, sorted.
        suggestion: The name that was probably meant, or None.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], suggestion: str | None = None) -> None:
        """Suggest `suggestion`, by default the nearest of the `known` names."""
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        tail = near(name, self.known) if suggestion is None else f": did you mean {suggestion!r}?"
        self.suggestion = nearest(name, self.known) if suggestion is None else suggestion
        super().__init__(f"unknown {kind} {name!r}{tail}")

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, tuple[str, ...], str | None]]:
        return type(self), (self.kind, self.name, self.known, self.suggestion)


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


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that resembles `name` most; None if none resembles it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def near(name: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown `name`: the nearest known one, or all of them."""
    known = list(known)
    match = nearest(name, known)
    if match is not None:
        return f": did you mean {match!r}?"
    return f"; known: {', '.join(known)}" if known else "; none is known"
