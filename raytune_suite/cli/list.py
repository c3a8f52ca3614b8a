"""`raytune-suite list`: the registered methods, searchers, schedulers, workloads and cluster files."""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytune_suite.cli.help import add_command
from raytune_suite.cli.table import aligned, terminal_width
from raytune_suite.errors import RaytuneSuiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

EXTRA = "extra "
"""What begins a need that is an optional package."""

SPACE_FEATURES = {
    "continuous": "continuous parameters",
    "integer": "integers",
    "categorical": "choices",
    "log": "log scales",
    "quantized": "quantized parameters",
    "unbounded": "unbounded parameters",
    "conditional": "conditional parameters",
    "grid": "tune.grid_search",
}
"""The features of spaces in words."""

ABOUT = """\
List what is registered: the name of each entry, a summary, what it needs, and which spaces it supports.
"""

EXAMPLES = """\
examples:
  raytune-suite list methods                  names for `run --method`
  raytune-suite list workloads                names for `run`
  raytune-suite list searchers --format json  with arguments for `run --arg`
  raytune-suite list clusters                 files for `cluster check`

Any searcher and any scheduler form a method, for example --method tpe+asha.
"""


def add(commands: Any) -> None:
    """Add the command `list`."""
    summary = "list methods, searchers, schedulers, workloads or cluster files"
    command = add_command(commands, "list", summary=summary, about=ABOUT, examples=EXAMPLES)
    command.add_argument("what", choices=sorted(LISTS), help="what to list")
    command.add_argument(
        "--format", choices=["text", "json"], default="text", help="json has more details (default: text)"
    )
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one list."""
    entries = LISTS[arguments.what]()
    if arguments.format == "json":
        text = json.dumps(entries, indent=2)
    else:
        text = aligned(map(row, entries if arguments.what != "workloads" else by_family(entries)), terminal_width())
    if text:
        print(text)  # noqa: T201 - this is the command line
    return 0


def methods() -> list[dict[str, Any]]:
    """The choice of a method, and every method, with what the classes of its searcher and its scheduler declare."""
    from raytune_suite.automatic import AUTO, SUMMARY
    from raytune_suite.methods import METHODS
    from raytune_suite.schedulers import SCHEDULERS
    from raytune_suite.searchers import SEARCHERS

    entries: list[dict[str, Any]] = [{"name": AUTO, "summary": SUMMARY, **declared(())}]
    for name, recipe in METHODS.items():
        sides = (SEARCHERS[recipe.searcher], SCHEDULERS[recipe.scheduler])
        what = {"name": name, "summary": recipe.summary, "searcher": recipe.searcher, "scheduler": recipe.scheduler}
        entries.append({**what, **declared(sides)})
    return entries


def searchers() -> list[dict[str, Any]]:
    """Every searcher, with what its class declares."""
    from raytune_suite.searchers import SEARCHERS

    return usable(SEARCHERS, lambda name: {"summary": summary(SEARCHERS[name]), **declared([SEARCHERS[name]])})


def schedulers() -> list[dict[str, Any]]:
    """Every scheduler, with what its class declares."""
    from raytune_suite.schedulers import SCHEDULERS

    return usable(SCHEDULERS, lambda name: {"summary": summary(SCHEDULERS[name]), **declared([SCHEDULERS[name]])})


def usable(names: Iterable[str], describe: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """An entry for each name; that of a plugin that cannot be loaded says why, and does not affect the others."""
    entries: list[dict[str, Any]] = []
    for name in names:
        try:
            entries.append({"name": name, **describe(name)})
        except RaytuneSuiteError as error:
            entries.append({"name": name, "summary": "cannot be used", "error": str(error)})
    return entries


def workloads() -> list[dict[str, Any]]:
    """Every single workload with its details, then the names in each family of workloads, whose data may be absent."""
    from raytune_suite.datasets import folder
    from raytune_suite.spaces import Space
    from raytune_suite.workloads import FAMILIES, WORKLOADS, family_names, workload

    def describe(name: str) -> dict[str, Any]:
        one = workload(name)
        goal = {"metric": one.metric, "mode": one.mode, "time_attr": one.time_attr, "max_t": one.max_t}
        seeds = {"tuning_seeds": list(one.tuning_seeds), "test_seeds": list(one.test_seeds)}
        more = {"has_state": one.has_state, "space": Space(one.space).describe()}
        needs = [] if one.extra is None else [needed_extra(one.extra)]
        return {"summary": one.summary, **goal, **seeds, **more, "needs": needs}

    entries = usable(WORKLOADS, describe)
    for family in FAMILIES:
        present = (folder() / family).is_dir()
        needs = [] if present else [f"data: raytune-suite data fetch {family}"]
        about = {"summary": summary(FAMILIES[family]), "family": family, "data": present, "needs": needs}
        entries += [{"name": name, **about} for name in family_names(family)]
    return entries


def by_family(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries, with one entry per family in place of those of its workloads."""
    families: dict[str, list[str]] = {}
    single = []
    for entry in entries:
        if "family" not in entry:
            single.append(entry)
            continue
        names = families.setdefault(entry["family"], [])
        if not names:
            single.append({**entry, "names": names})
        names.append(entry["name"])
    return [
        {**entry, "name": f"{entry['family']}/...", "about": f"{len(entry['names'])} such as {entry['name']}"}
        if "names" in entry
        else entry
        for entry in single
    ]


def clusters() -> list[dict[str, Any]]:
    """Every cluster file that comes with the package, with its first comment."""
    folder, entries = clusters_folder(), []
    for path in sorted((*folder.rglob("*.yaml"), *folder.rglob("*.sbatch"))):
        first = next(line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#!"))
        name = path.relative_to(folder).with_suffix("").as_posix()
        entries.append({"name": name, "summary": first.removeprefix("#").strip(), "path": str(from_here(path))})
    return entries


def from_here(path: Path) -> Path:
    """A path as a user would type it in the working folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def cluster_file(text: str) -> Path:
    """The file at the path `text`; if there is none, the cluster file that `list clusters` shows under that name.

    Raises:
        argparse.ArgumentTypeError: If it is a Slurm script.
    """
    path, ours = Path(text), clusters_folder() / f"{text}.yaml"
    if path.suffix == ".sbatch" or (not path.is_file() and ours.with_suffix(".sbatch").is_file()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is a Slurm script, but must be a cluster file: adapt it by hand, check it by "
            "`raytune-suite cluster check`, and run it by `sbatch`"
        )
    return from_here(ours) if not path.exists() and ours.is_file() else path


def checkable_file(text: str) -> Path:
    """The cluster file or Slurm script at the path `text`, or the one that `list clusters` shows under that name."""
    if Path(text).exists():
        return Path(text)
    script = clusters_folder() / f"{text}.sbatch"
    return from_here(script) if script.is_file() else cluster_file(text)


LISTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "methods": methods,
    "searchers": searchers,
    "schedulers": schedulers,
    "workloads": workloads,
    "clusters": clusters,
}
"""What can be listed. An entry has `name` and `summary`, maybe `needs` (texts) and `unsupported` (features)."""


def declared(sides: Collection[type[Any]]) -> dict[str, Any]:
    """What the classes of a searcher, a scheduler, or both declare."""
    from raytune_suite.methods import options
    from raytune_suite.spaces import FEATURES

    served = set(FEATURES).intersection(*(side.features for side in sides))
    extras = dict.fromkeys(side.extra for side in sides if side.extra is not None)
    needs = ["max_t"] if any(getattr(side, "ladder", False) for side in sides) else []
    needs += ["checkpoints"] if any(getattr(side, "pauses", False) for side in sides) else []
    needs += [needed_extra(extra) for extra in extras]
    return {
        "needs": needs,
        "supported": [feature for feature in FEATURES if feature in served],
        "unsupported": [feature for feature in FEATURES if feature not in served],
        "arguments": list(dict.fromkeys(name for side in sides for name in options(side))),
    }


def needed_extra(extra: str) -> str:
    """Which extra is needed, and whether it is installed.

    Example:
        >>> needed_extra("hyperopt")  # doctest: +SKIP
        'extra hyperopt: installed'
    """
    from raytune_suite.optional import available

    installed = "installed" if available(extra) else f"not installed: pip install 'raytune-suite[{extra}]'"
    return f"{EXTRA}{extra}: {installed}"


def supported_spaces(supported: Sequence[str], unsupported: Sequence[str]) -> str:
    """Which spaces are supported, by features of spaces.

    Example:
        >>> supported_spaces(["continuous"], []), supported_spaces(["continuous", "integer"], ["grid"])
        ('any space', 'not with tune.grid_search')
        >>> supported_spaces(["integer", "categorical", "grid"], ["continuous", "unbounded"])
        'finite spaces only'
    """
    if not unsupported:
        return "any space"
    if set(unsupported) == {"continuous", "unbounded"}:
        return "finite spaces only"
    if len(supported) < len(unsupported):
        return f"only {enumeration(supported, 'and')}"
    return f"not with {enumeration(unsupported, 'or')}"


def enumeration(features: Sequence[str], conjunction: str) -> str:
    """Features of spaces in words: "a, b or c"."""
    *first, last = [SPACE_FEATURES.get(feature, feature) for feature in features]
    return f"{', '.join(first)} {conjunction} {last}" if first else last


def summary(side: Any) -> str:
    """The first sentence of the docstring of the module that defines `side`, without parenthesized parts."""
    text = " ".join(inspect.cleandoc(sys.modules[side.__module__].__doc__ or "").split())
    return re.sub(r" \([^()]*\)", "", text).replace("*", "").split(". ")[0].removesuffix(".")


def row(entry: dict[str, Any]) -> list[str]:
    """The cells of an entry's row: name, summary, details."""
    extras = [need for need in entry.get("needs", []) if need.startswith(EXTRA)]
    others = [need for need in entry.get("needs", []) if not need.startswith(EXTRA)]
    about = [f"needs {', '.join(others)}"] if others else []
    about += extras
    if "about" in entry:
        about = [entry["about"], *(about or ["data present"])]
    if "metric" in entry:
        about.insert(0, f"{entry['mode']} {entry['metric']}, max_t {entry['max_t']}")
    if "supported" in entry:
        about.append(supported_spaces(entry["supported"], entry["unsupported"]))
    about += [entry[name] for name in ("path", "error") if name in entry]
    return [entry["name"], entry["summary"], "; ".join(about)]


def clusters_folder() -> Path:
    """The folder of the cluster files; in a checkout it is a link to `clusters` at the top level."""
    return (Path(__file__).parents[1] / "clusters").resolve()
