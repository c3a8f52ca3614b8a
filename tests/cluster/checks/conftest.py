"""Make Ray's own validation of cluster files, which hundreds of tests call, cheaper: it gives the same verdicts."""

from __future__ import annotations

import functools
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def _quick_validation() -> Iterator[None]:
    """Read Ray's default configs with the loader in C, and don't validate Ray's constant schema with each file."""
    jsonschema: Any = import_module("jsonschema")

    def validate(instance: Any, schema: Any) -> None:
        errors = jsonschema.validators.validator_for(schema)(schema).iter_errors(instance)
        error = jsonschema.exceptions.best_match(errors)
        if error is not None:
            raise error

    loader = functools.partial(yaml.load, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonschema, "validate", validate)
        patch.setattr(import_module("ray.autoscaler._private.providers"), "yaml", SimpleNamespace(safe_load=loader))
        yield
