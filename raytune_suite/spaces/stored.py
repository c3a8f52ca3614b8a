"""A search space as JSON, so that a stored study can be read with its space."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ray import tune
from ray.tune.search.sample import Categorical, Domain, Grid, Integer, LogUniform, Normal, Quantized

from raytune_suite.spaces.priors import prior, written_prior
from raytune_suite.spaces.values import described, fresh, native, same

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = (bool, int, float, str, type(None))


def to_json(part: Any) -> Any:
    """A param space, or a part of it, as values that JSON knows; the space must be valid.

    A dict becomes `{"dict": ...}`, a choice `{"choice": [...]}`, a number `{"float": ...}` or `{"integer": ...}` with
    the arguments of Ray's functions, and a constant `{"constant": ...}`. A prior is added as "prior", with its center
    (of a choice, the option's position) and its confidence. A domain that occurs several times gets a number, "object",
    since options of a choice may share it. An object that JSON cannot hold becomes its `repr` without addresses.

    Example:
        >>> to_json({"lr": tune.loguniform(1e-4, 1.0), "layers": 2})
        {'dict': {'lr': {'float': [0.0001, 1.0], 'log': True, 'q': None}, 'layers': {'constant': 2}}}
    """
    counts = Counter(map(id, _domains(part)))
    repeated = [domain for domain, count in counts.items() if count > 1]
    return _to_json(part, {domain: number for number, domain in enumerate(repeated)})


def _to_json(part: Any, numbers: dict[int, int]) -> Any:
    number = {"object": numbers[id(part)]} if id(part) in numbers else {}
    if isinstance(part, Categorical):
        choice = _choice(grid=isinstance(part.sampler, Grid))
        return {choice: [_to_json(option, numbers) for option in part.categories]} | _prior(part) | number
    if isinstance(part, dict) and "grid_search" in part:
        return {_choice(grid=True): [_to_json(option, numbers) for option in part["grid_search"]]} | number
    if isinstance(part, Domain):
        return _number(part) | _prior(part) | number
    if isinstance(part, dict):
        return {"dict": {key: _to_json(inner, numbers) for key, inner in part.items()}}
    return {"constant": _plain(native(part))}


def _domains(part: Any) -> Iterator[Any]:
    """Yield the domains in a part of a space, each as often as it occurs."""
    if isinstance(part, Domain) or (isinstance(part, dict) and "grid_search" in part):
        yield part
    inner = part.categories if isinstance(part, Categorical) else part
    for below in inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ():
        yield from _domains(below)


def from_json(part: Any) -> Any:
    """The param space, or the part of it, of which `to_json` made `part`.

    Example:
        >>> from raytune_suite.spaces import Space
        >>> space = {"lr": tune.loguniform(1e-4, 1.0), "units": tune.qrandint(8, 64, 8)}
        >>> Space(from_json(to_json(space))).describe() == Space(space).describe()
        True
    """
    return _from_json(part, {})


def _from_json(part: Any, objects: dict[int, Any]) -> Any:
    number = part.get("object")
    if number is None:
        return _restored(part, objects)
    if number not in objects:
        objects[number] = _restored(part, objects)
    return objects[number]


def _restored(part: Any, objects: dict[int, Any]) -> Any:
    if "prior" in part:
        domain = _restored({key: value for key, value in part.items() if key != "prior"}, objects)
        center, confidence = part["prior"]
        return prior(domain, domain.categories[center] if isinstance(domain, Categorical) else center, confidence)
    kind = next(iter(part))
    value = part[kind]
    if kind == "dict":
        return {key: _from_json(inner, objects) for key, inner in value.items()}
    if kind in ("choice", "grid"):
        options = [_from_json(option, objects) for option in value]
        return tune.grid_search(options) if kind == "grid" else tune.choice(options)
    if kind == "constant":
        return fresh(value)
    return _domain(kind, value, log=part.get("log", False), q=part["q"])


def _choice(*, grid: bool) -> str:
    return "grid" if grid else "choice"


def _prior(domain: Any) -> dict[str, Any]:
    written = written_prior(domain)
    if written is None:
        return {}
    center, confidence = written
    if isinstance(domain, Categorical):
        center = next(position for position, option in enumerate(domain.categories) if same(option, center))
    return {"prior": [native(center), confidence]}


def _number(domain: Any) -> dict[str, Any]:
    sampler: Any = domain.get_sampler()
    q = None
    if isinstance(sampler, Quantized):
        sampler, q = sampler.sampler, native(sampler.q)
    if isinstance(sampler, Normal):
        return {"normal": [native(sampler.mean), native(sampler.sd)], "q": q}
    kind = "integer" if isinstance(domain, Integer) else "float"
    return {kind: [native(domain.lower), native(domain.upper)], "log": isinstance(sampler, LogUniform), "q": q}


def _domain(kind: str, arguments: list[Any], *, log: bool, q: Any) -> Domain:
    functions: dict[tuple[str, bool], tuple[Any, Any]] = {
        ("normal", False): (tune.randn, tune.qrandn),
        ("float", False): (tune.uniform, tune.quniform),
        ("float", True): (tune.loguniform, tune.qloguniform),
        ("integer", False): (tune.randint, tune.qrandint),
        ("integer", True): (tune.lograndint, tune.qlograndint),
    }
    plain, quantized = functions[kind, log]
    domain: Domain = plain(*arguments) if q is None else quantized(*arguments, q)
    return domain


def _plain(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return described(value)
