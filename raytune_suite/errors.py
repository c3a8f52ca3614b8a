"""The errors that this package raises on purpose; each message names the offending value and the remedy."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class RaytuneSuiteError(Exception):
    """Base class of all errors of this package."""


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


class StudyLockedError(RaytuneSuiteError, RuntimeError):
    """Another process runs the study.

    Attributes:
        path: The study's folder or URI.
        holder: That process: "host", "pid" and "started"; empty if it has not written them yet.
    """

    def __init__(self, path: str, holder: Mapping[str, Any], file: str) -> None:
        """`file` is the name of the lock in the study's folder."""
        self.path, self.holder, self.file = path, dict(holder), file
        who = ", ".join(f"{name} {holder[name]}" for name in ("host", "pid", "started") if name in holder)
        super().__init__(
            f"another process runs the study {path!r}{f' ({who})' if who else ''}: wait until it has ended, or stop "
            f"it. If it is gone and this message stays, remove {path}/{file}"
        )

    def __reduce__(self) -> tuple[type[StudyLockedError], tuple[str, dict[str, Any], str]]:
        return type(self), (self.path, self.holder, self.file)


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
