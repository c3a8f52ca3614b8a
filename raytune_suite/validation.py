"""Requirements of arguments: declared once beside the function or class that takes them, and checked when it is called.

    @checked(eta=number(above=1), brackets=optional(integer(1)))
    def __init__(self, *, eta: float = 3, brackets: int | None = None) -> None: ...

A value that meets its requirement is passed on as a native Python value: numpy's scalars become Python's numbers. A
boolean is not a number, and a number is finite unless the requirement allows otherwise.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from raytune_suite.errors import ArgumentError, UnknownNameError, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_TEXT = 200
"""The most characters of a name."""

LARGEST_INTEGER = 2**53
"""The largest integer that a float represents exactly; resources and numbers of trials are below it."""


class Invalid(Exception):  # noqa: N818 - a signal to `Requirement.check`
    """Raised by `Requirement.convert` for a value that does not meet the requirement."""


@dataclass(frozen=True)
class Requirement:
    """What a value must be.

    Attributes:
        allowed: The end of the sentence "but must be ...".
        convert: Returns a value as a native Python value, or raises `Invalid`.
    """

    allowed: str
    convert: Callable[[Any], Any]

    def check(self, name: str, value: Any) -> Any:
        """Return the value of the argument `name` as a native Python value.

        Raises:
            ArgumentError: If it does not meet the requirement.
        """
        try:
            return self.convert(value)
        except Invalid as error:
            raise ArgumentError.invalid(name, value, self.allowed, str(error)) from None


def integer(least: int | None = None, most: int = LARGEST_INTEGER) -> Requirement:
    """An integer from `least` to `most`.

    Example:
        >>> integer(1).check("workers", 4), integer(1).allowed
        (4, 'an integer of 1 or more')
    """

    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise Invalid
        if not (-most if least is None else least) <= int(value) <= most:
            raise Invalid
        return int(value)

    if least is None:
        return Requirement("an integer", convert)
    span = f"of {least} or more" if most >= LARGEST_INTEGER else f"from {least} to {most}"
    return Requirement(f"an integer {span}", convert)


def number(
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
    infinite: bool = False,
) -> Requirement:
    """A real number within bounds: `least` and `most` are allowed, `above` and `below` are not.

    Args:
        least: The least number.
        above: A number that is too small.
        most: The largest number.
        below: A number that is too large.
        infinite: Whether infinity is allowed.

    Example:
        >>> number(above=0, below=1).allowed, number(above=0, below=1).check("gamma", 0.25)
        ('a number greater than 0 and less than 1', 0.25)
    """

    def convert(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise Invalid
        try:
            real = float(value)
        except OverflowError:
            raise Invalid from None
        finite = math.isfinite(real) or (infinite and real == math.inf)
        if not finite or not least <= real <= most or real <= above or (real >= below and math.isfinite(below)):
            raise Invalid
        return int(value) if isinstance(value, numbers.Integral) else real

    return Requirement(_number_text(least, above, most, below, infinite=infinite), convert)


def _number_text(least: float, above: float, most: float, below: float, *, infinite: bool) -> str:
    bounds = [
        *([f"greater than {above:g}"] if math.isfinite(above) else []),
        *([f"of {least:g} or more"] if math.isfinite(least) else []),
        *([f"less than {below:g}"] if math.isfinite(below) else []),
        *([f"at most {most:g}"] if math.isfinite(most) else []),
    ]
    kind = "a number" if infinite or math.isfinite(min(most, below)) else "a finite number"
    return " ".join([kind, " and ".join(bounds)]).strip()


def text(what: str = "a text", most: int = LONGEST_TEXT) -> Requirement:
    """A string that is not empty and can be printed."""

    def convert(value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise Invalid
        if len(value) > most:
            raise Invalid(f"it has {len(value)} characters, but at most {most} are allowed")
        if not value.isprintable():
            raise Invalid("remove the control characters")
        return str(value)

    return Requirement(what, convert)


def one_of(*options: Any) -> Requirement:
    """One of these strings.

    Example:
        >>> one_of("min", "max").allowed
        "'min' or 'max'"
    """

    def convert(value: Any) -> Any:
        if not isinstance(value, str) or value not in options:
            raise Invalid
        return str(value)

    *first, last = map(repr, options)
    return Requirement(f"{', '.join(first)}{' or ' if first else ''}{last}", convert)


def flag() -> Requirement:
    """True or False."""

    def convert(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Invalid
        return value

    return Requirement("True or False", convert)


def instance(of: type[Any] | tuple[type[Any], ...], what: str) -> Requirement:
    """An object of a class; `what` describes it."""

    def convert(value: Any) -> Any:
        if not isinstance(value, of):
            raise Invalid
        return value

    return Requirement(what, convert)


def function(what: str) -> Requirement:
    """Something that can be called; `what` describes it."""

    def convert(value: Any) -> Any:
        if not callable(value):
            raise Invalid
        return value

    return Requirement(what, convert)


def mapping(what: str) -> Requirement:
    """A dict (or another mapping) with strings as keys, which is copied; `what` describes it."""

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise Invalid
        try:
            copied = dict(value.items())
        except Exception:  # noqa: BLE001 - a mapping of the user's own
            raise Invalid from None
        for key in copied:
            if not isinstance(key, str):
                raise Invalid(f"the key {shortened(repr(key), 80)} is not a string")
        return copied

    return Requirement(what, convert)


def sequence(item: Requirement, what: str, most: int | None = None) -> Requirement:
    """A list, tuple, or other iterable but a string or a mapping, as a tuple; at most `most` items."""

    def convert(value: Any) -> tuple[Any, ...]:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise Invalid
        checked = []
        for position, one in enumerate(value):
            if most is not None and position >= most:
                raise Invalid(f"at most {most} are allowed")
            try:
                checked.append(item.convert(one))
            except Invalid as error:
                raise Invalid(str(error) or f"item {position} is {shortened(repr(one), 80)}") from None
        return tuple(checked)

    return Requirement(what, convert)


def optional(requirement: Requirement) -> Requirement:
    """None, or what meets `requirement`."""

    def convert(value: Any) -> Any:
        return None if value is None else requirement.convert(value)

    return Requirement(requirement.allowed, convert)


def anything() -> Requirement:
    """Any value; it is checked elsewhere."""
    return Requirement("anything", lambda value: value)


def checked(**requirements: Requirement) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function or method: check the arguments of these names before it is called.

    Only what the caller passes is checked, not the defaults. Unknown and missing arguments are rejected as well:
    Python's TypeError becomes an ArgumentError.

    Example:
        >>> @checked(size=integer(1))
        ... def make(size: int = 3) -> int:
        ...     return size
        >>> make(2)
        2
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        extra = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), "")

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if not extra:
                reject_unknown(_called(function), kwargs, signature.parameters)
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise ArgumentError(f"{_called(function)}: {error}") from None
            for name, requirement in requirements.items():
                for place in (bound.arguments, bound.arguments.get(extra, {})):
                    if name in place:
                        place[name] = requirement.check(name, place[name])
            return function(*bound.args, **bound.kwargs)

        call.requirements = requirements  # type: ignore[attr-defined] # for tests and documentation
        return call

    return decorate


_OTHER_NAMES = {
    "n_trials": "num_samples",
    "direction": "mode",
    "timeout": "time_limit",
    "time_budget_s": "time_limit",
    "n_jobs": "max_concurrent",
    "max_concurrent_trials": "max_concurrent",
    "study_name": "name",
    "storage": "storage_path",
    "config": "space",
    "param_space": "space",
    "search_alg": "method",
    "scheduler": "method",
    "sampler": "method",
    "resources_per_trial": "resources",
    "objective": "trainable",
    "reduction_factor": "eta",
    "grace_period": "min_t",
}
"""What Ray Tune and Optuna call arguments, and what they are called here."""


def reject_unknown(what: str, arguments: Iterable[str], known: Iterable[str]) -> None:
    """Check the names of the arguments of `what`.

    Raises:
        UnknownNameError: If one is not known.
    """
    known = [*known]
    for name in arguments:
        if name not in known:
            other = _OTHER_NAMES.get(str(name))
            raise UnknownNameError(f"argument of {what}:", str(name), known, other if other in known else None)


def check_fields(instance: Any, **requirements: Requirement) -> None:
    """Check the fields of a (frozen) dataclass in its `__post_init__`, and store them as native Python values.

    Raises:
        ArgumentError: If a field does not meet its requirement.
    """
    for name, requirement in requirements.items():
        object.__setattr__(instance, name, requirement.check(name, getattr(instance, name)))


def _called(function: Any) -> str:
    """What a function is called in a message: a constructor by its class."""
    return str(function.__qualname__).removesuffix(".__init__")
