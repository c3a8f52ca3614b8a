"""Workloads: tuning problems by name, each with a space, a metric, a resource and an evaluator.

Importing this package imports neither Ray nor torch; `workload(name)` imports what that workload needs. Other packages
register theirs through the entry-point group `raytune_suite.workloads`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from raytune_suite.errors import PluginError, RaytuneSuiteError, UnknownNameError
from raytune_suite.registry import Registry
from raytune_suite.validation import text
from raytune_suite.workloads.base import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAMILIES", "WORKLOADS", "Workload", "family_names", "workload"]

WORKLOADS: Registry[Callable[[], Workload]] = Registry("workload", group="raytune_suite.workloads")
"""The function that creates each workload: "live/" trains a model, "table/" looks up, "synthetic/" computes."""

WORKLOADS.add("live/digits-mlp", "raytune_suite.workloads.live.digits_mlp:digits_mlp")
WORKLOADS.add("live/digits-cnn", "raytune_suite.workloads.live.digits_cnn:digits_cnn")
WORKLOADS.add("live/digits-gru", "raytune_suite.workloads.live.digits_gru:digits_gru")
WORKLOADS.add("live/digits-mlp-fused", "raytune_suite.workloads.live.digits_mlp_fused:digits_mlp_fused")
WORKLOADS.add("live/resnet-digits", "raytune_suite.workloads.live.resnet_digits:resnet_digits")
WORKLOADS.add("live/gpt-language", "raytune_suite.workloads.live.gpt_language:gpt_language")
WORKLOADS.add("live/gpt-language-3m", "raytune_suite.workloads.live.gpt_language:gpt_language_3m")
WORKLOADS.add("live/gpt-language-30m", "raytune_suite.workloads.live.gpt_language:gpt_language_30m")
WORKLOADS.add("live/cartpole-ppo", "raytune_suite.workloads.live.cartpole_ppo:cartpole_ppo")
WORKLOADS.add("table/digits-mlp", "raytune_suite.workloads.tabular.digits_mlp:digits_table")
WORKLOADS.add("synthetic/mfh3", "raytune_suite.workloads.synthetic.function_workloads:mf_hartmann")
WORKLOADS.add("synthetic/mfh3-good", "raytune_suite.workloads.synthetic.function_workloads:mfh3_good")
WORKLOADS.add("synthetic/mfh3-terrible", "raytune_suite.workloads.synthetic.function_workloads:mfh3_terrible")
WORKLOADS.add("synthetic/mfh6", "raytune_suite.workloads.synthetic.function_workloads:mfh6")
WORKLOADS.add("synthetic/mfh6-moderate", "raytune_suite.workloads.synthetic.function_workloads:mfh6_moderate")
WORKLOADS.add("synthetic/counting-ones", "raytune_suite.workloads.synthetic.function_workloads:counting_ones")
WORKLOADS.add("synthetic/branin", "raytune_suite.workloads.synthetic.function_workloads:branin")
WORKLOADS.add("synthetic/currin", "raytune_suite.workloads.synthetic.function_workloads:currin")
WORKLOADS.add("synthetic/pbt-quadratic", "raytune_suite.workloads.synthetic.pbt_quadratic:pbt_quadratic")

FAMILIES: Registry[Callable[[str], Workload]] = Registry("family of workloads")
"""Workloads on third-party data: the function that creates one from the part of its name after the family and "/".

The function's module also has `names()`, which returns these parts for all workloads that it knows without the data.
"""

FAMILIES.add("arlbench", "raytune_suite.workloads.tabular.arlbench:arlbench")
FAMILIES.add("lcbench", "raytune_suite.workloads.tabular.lcbench:lcbench")
FAMILIES.add("taskset", "raytune_suite.workloads.tabular.taskset:taskset")
FAMILIES.add("yahpo", "raytune_suite.workloads.surrogate.yahpo:yahpo")


def workload(name: str) -> Workload:
    """Create the workload called `name`, with a copy of its space that the caller may change.

    Raises:
        UnknownNameError: If there is no such workload; the message suggests a similar name.
        DataError: If its data are missing, truncated or altered; the message has the command that downloads them.
        PluginError: If it is the workload of another package that cannot be used.

    Example:
        >>> workload("live/digits-mlp").metric
        'val_loss'
    """
    text("the name of a workload").check("workload", name)
    if name in WORKLOADS:
        plugin = WORKLOADS.plugin(name)
        return WORKLOADS[name]() if plugin is None else _of_plugin(plugin, WORKLOADS[name])
    family, _, rest = name.partition("/")
    if family in FAMILIES:
        return FAMILIES[family](rest)
    of_families = (known for family in FAMILIES for known in family_names(family))
    raise UnknownNameError("workload", name, [*WORKLOADS, *of_families])


def _of_plugin(plugin: str, factory: Callable[[], object]) -> Workload:
    """Create the workload of another package, which may raise or return anything.

    Raises:
        PluginError: If it does not return a workload.
    """
    try:
        made = factory()
    except RaytuneSuiteError:
        raise  # such as missing data: the message says what to do
    except Exception as error:
        raise PluginError(f"{plugin} raised {type(error).__name__}: {error}") from error
    if not isinstance(made, Workload):
        raise PluginError(f"{plugin} returned {made!r}, but must return a Workload")
    return made


def family_names(family: str) -> tuple[str, ...]:
    """Return the full names of the workloads of a family that are known without its data.

    Raises:
        UnknownNameError: If there is no such family.
    """
    module = importlib.import_module(FAMILIES.place(family).partition(":")[0])
    return tuple(f"{family}/{rest}" for rest in module.names())
