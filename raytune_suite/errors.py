"""The errors that this package raises on purpose; each message names the offending value and the remedy."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHOWN = 200
"""Characters of a value in a message."""

LISTED, SAMPLE = 30, 8
"""Up to how many known names a message lists, and about how many it samples from more."""


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
        super().__init__(f"unknown {kind} {shown(name)}{tail}")

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, tuple[str, ...], str | None]]:
        return type(self), (self.kind, self.name, self.known, self.suggestion)


class ArgumentError(RaytuneSuiteError, ValueError):
    """An argument has an invalid value.

    Attributes:
        name: The name of the argument; None if the message is about several.
        value: What was passed, as text that fits into a message.
        requirement: What is allowed, such as "an integer of 1 or more".
        fix: What to do about it; "" if the requirement says it.
    """

    def __init__(
        self, message: str, *, name: str | None = None, value: str = "", requirement: str = "", fix: str = ""
    ) -> None:
        """Create an error with this message; `invalid` writes one from the other arguments."""
        super().__init__(message)
        self.name, self.value, self.requirement, self.fix = name, value, requirement, fix

    @classmethod
    def invalid(cls, name: str, value: Any, requirement: str, fix: str = "") -> ArgumentError:
        """The error of an argument that does not meet a requirement."""
        text = shown(value)
        message = f"`{name}` is {text}, but must be {requirement}{': ' if fix else ''}{fix}"
        return cls(message, name=name, value=text, requirement=requirement, fix=fix)


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


class AllTrialsFailedError(StudyError):
    """Every trial of a study has failed; once the cause is fixed, `retry="failed"` trains their configs again."""


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


def shown(value: Any, limit: int = SHOWN) -> str:
    """The `repr` of a value for a message: at most `limit` characters, in one line, whatever the value is.

    Example:
        >>> shown("a" * 10_000, limit=12), shown([1])
        ("'aaaaa ... '", '[1]')
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the `__repr__` of an arbitrary object may raise anything
        text = f"an object of {type(value).__name__}"
    return shortened(" ".join(text.split("\n")), limit)


def shortened(text: str, limit: int) -> str:
    """A text of at most about `limit` characters: its beginning and its end.

    Example:
        >>> shortened("abcdefghijklmnopqrstuvwxyz", 12), shortened("abc", 12)
        ('abcdef ... z', 'abc')
    """
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[len(text) - limit // 2 + 5 :]}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that resembles `name` most, whatever the case of its letters; None if none resembles it.

    Example:
        >>> nearest("TPE", ["asha", "tpe"]), nearest("batchsize", ["batch_size", "lr"]), nearest("a", ["lr"])
        ('tpe', 'batch_size', None)
    """
    if len(name) > SHOWN:
        return None  # the comparison takes quadratic time
    folded: dict[str, str] = {}
    for one in known:
        folded.setdefault(one.lower(), one)
    match = next(iter(difflib.get_close_matches(name.lower(), folded, n=1)), None)
    return None if match is None else folded[match]


def near(name: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown `name`: the nearest known one, or all of them."""
    known = list(known)
    match = nearest(name, known)
    if match is not None:
        return f": did you mean {match!r}?"
    if len(known) > LISTED:
        return f"; {len(known)} are known, such as {', '.join(known[:: len(known) // SAMPLE])}"
    return f"; known: {', '.join(known)}" if known else "; none is known"
