"""A search space as JSON, so that a stored study can be read with its space."""

from __future__ import annotations

from typing import Any

from ray import tune
from ray.tune.search.sample import Categorical, Domain, Grid, Integer, LogUniform, Normal, Quantized

from raytune_suite.spaces.values import described, fresh, native

_PLAIN = (bool, int, float, str, type(None))


def to_json(part: Any) -> Any:
    """A param space, or a part of it, as values that JSON knows; the space must be valid.

    A dict becomes `{"dict": ...}`, a choice `{"choice": [...]}`, a number `{"float": ...}` or `{"integer": ...}` with
    the arguments of Ray's functions, and a constant `{"constant": ...}`. An object that JSON cannot hold becomes its
    `repr` without addresses.

    Example:
        >>> to_json({"lr": tune.loguniform(1e-4, 1.0), "layers": 2})
        {'dict': {'lr': {'float': [0.0001, 1.0], 'log': True, 'q': None}, 'layers': {'constant': 2}}}
    """
    if isinstance(part, Categorical):
        return {_choice(grid=isinstance(part.sampler, Grid)): [to_json(option) for option in part.categories]}
    if isinstance(part, dict) and "grid_search" in part:
        return {_choice(grid=True): [to_json(option) for option in part["grid_search"]]}
    if isinstance(part, Domain):
        return _number(part)
    if isinstance(part, dict):
        return {"dict": {key: to_json(inner) for key, inner in part.items()}}
    return {"constant": _plain(native(part))}


def from_json(part: Any) -> Any:
    """The param space, or the part of it, of which `to_json` made `part`.

    Example:
        >>> from raytune_suite.spaces import Space
        >>> space = {"lr": tune.loguniform(1e-4, 1.0), "units": tune.qrandint(8, 64, 8)}
        >>> Space(from_json(to_json(space))).describe() == Space(space).describe()
        True
    """
    kind = next(iter(part))
    value = part[kind]
    if kind == "dict":
        return {key: from_json(inner) for key, inner in value.items()}
    if kind in ("choice", "grid"):
        options = [from_json(option) for option in value]
        return tune.grid_search(options) if kind == "grid" else tune.choice(options)
    if kind == "constant":
        return fresh(value)
    return _domain(kind, value, log=part.get("log", False), q=part["q"])


def _choice(*, grid: bool) -> str:
    return "grid" if grid else "choice"


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
