"""Late imports of optional packages; if one is missing, the message says what to install."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from raytune_suite.errors import MissingPackageError

if TYPE_CHECKING:
    from types import ModuleType

EXTRAS: dict[str, tuple[str, ...]] = {
    "torch": ("torch", "sklearn"),
    "hyperopt": ("hyperopt",),
    "bayesopt": ("bayes_opt",),
    "pb2": ("sklearn",),
    "configspace": ("ConfigSpace",),
    "report": ("matplotlib", "jinja2"),
    "surrogates": ("onnxruntime",),
    "rl": ("torch", "gymnasium"),
    "optuna": ("optuna", "cmaes"),
    "mlflow": ("mlflow",),
    "wandb": ("wandb",),
    "tensorboard": ("tensorboardX",),
    "trackio": ("trackio",),
    "gpu": ("pynvml",),
    "cluster": ("aiohttp_cors", "boto3"),  # aiohttp_cors: the package of ray[default] that nothing else installs
    "completion": ("shtab",),
    "rehearse": ("aiohttp_cors", "boto3", "moto", "flask"),
}
"""The modules that each extra of pyproject.toml installs."""


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, a module of the extra `extra`.

    Raises:
        MissingPackageError: If it is not installed.

    Example:
        >>> require("json", "torch").dumps([1])
        '[1]'
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # the package is installed, but one of its own dependencies is not
        raise MissingPackageError(
            f"this needs the package {package!r}, which is not installed: pip install 'raytune-suite[{extra}]'"
        ) from error


def available(extra: str) -> bool:
    """Whether all modules of an extra are installed. Nothing is imported."""
    return all(importlib.util.find_spec(module) is not None for module in EXTRAS[extra])


def require_extra(extra: str, what: str) -> None:
    """Check that an extra is installed, so that `what`, which needs it, fails before any trial starts.

    Raises:
        MissingPackageError: If it is not; the message says what to install.
    """
    if not available(extra):
        raise MissingPackageError(f"{what} needs more packages: pip install 'raytune-suite[{extra}]'")
