"""The API reference: directives for all modules of a package and for the public names, and docstrings as plain text.

Docstrings in this project are Google style with single backticks around code, as in Markdown. Sphinx expects
reStructuredText, so the text is converted before napoleon reads its sections.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import re
from typing import TYPE_CHECKING, Any, ClassVar

from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

import raytune_suite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

MARKUP = re.compile(r"(``?[^`]+``?|\*\*?\w[^*\n]*\w\*\*?)")
SPECIAL = re.compile(r"([*|]|(?<=\w)_(?!\w))")
BEFORE_NAPOLEON = 100


class PackageReference(SphinxDirective):
    """`.. package:: NAME` documents a module, or a package with all its public modules."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"exclude": str.split}

    def run(self) -> list[nodes.Node]:
        """Expand to one automodule directive per module."""
        lines: list[str] = []
        for name in modules(self.arguments[0], tuple(self.options.get("exclude", ()))):
            lines += [name, "-" * len(name), "", f".. automodule:: {name}", ""]
        return self.parse_text_to_nodes(StringList(lines, "package"), allow_section_headings=True)


class PublicNames(SphinxDirective):
    """`.. public-names::` lists the names of `raytune_suite.__all__`, each linked to its documentation."""

    def run(self) -> list[nodes.Node]:
        """Expand to a definition list."""
        lines: list[str] = []
        for name in sorted(raytune_suite.__all__, key=str.lower):
            value = getattr(raytune_suite, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                summary = (inspect.getdoc(value) or "").partition("\n")[0]
                role = "class" if inspect.isclass(value) else "func"
                title = f":py:{role}:`{name} <{value.__module__}.{value.__name__}>`"
            else:
                title, summary = f"``{name}``", f"The registered {name.lower()}, by name."
            lines += [title, f"    {plain(summary)}", ""]
        return self.parse_text_to_nodes(StringList(lines, "public-names"))


def modules(name: str, exclude: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield `name` and, if it is a package, its modules at any depth, without private and excluded ones."""
    yield name
    for info in pkgutil.iter_modules(getattr(importlib.import_module(name), "__path__", ()), f"{name}."):
        if not info.name.rpartition(".")[2].startswith("_") and not info.name.startswith(exclude or ("-",)):
            yield from modules(info.name, exclude)


def plain(text: str) -> str:
    """Convert prose of a docstring to reStructuredText: emphasis stays, code becomes a literal."""
    parts = MARKUP.split(text)
    parts[::2] = [SPECIAL.sub(r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [part if part.startswith("*") else f"``{part.strip('`')}``" for part in parts[1::2]]
    return "".join(parts)


def convert_docstring(*event: Any) -> None:
    """Convert a docstring in place, the last argument of the event; doctests and indented code stay as they are."""
    lines: list[str] = event[-1]
    converted: list[str] = []
    above = code = -1  # the indentation of the last line of prose, and of the prose above the current code
    for blank, group in itertools.groupby(lines, lambda line: not line.strip()):
        paragraph = list(group)
        if blank or 0 <= code < indentation(paragraph[0]):
            converted += paragraph
            continue
        code = -1
        if 0 <= above < indentation(paragraph[0]):
            converted += [" " * above + "::", "", *paragraph]
            code = above
            continue
        doctest = next((n for n, line in enumerate(paragraph) if line.lstrip().startswith(">>>")), len(paragraph))
        converted += [*plain("\n".join(paragraph[:doctest])).split("\n")] if doctest else []
        converted += paragraph[doctest:]
        above = indentation(paragraph[-1])
    lines[:] = converted


def indentation(line: str) -> int:
    """Count the spaces before a line."""
    return len(line) - len(line.lstrip())


def resolve_short_name(
    app: Sphinx,
    env: BuildEnvironment,
    node: Any,
    content: nodes.TextElement,
) -> nodes.TextElement | None:
    """Link an annotation such as "Space" to the only object of that name; accept what exists without documentation."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    ending = "." + target.rpartition(".")[2]
    matches = [(name, entry) for name, entry in env.domains["py"].data["objects"].items() if name.endswith(ending)]
    matches = [(name, entry) for name, entry in matches if entry.objtype in ("class", "exception", "data")]
    if len(matches) == 1:
        name, entry = matches[0]
        return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, name)
    return content if target.startswith("raytune_suite.") and exists(target) else None


def exists(target: str) -> bool:
    """Whether `target` ("package.module.name") can be imported."""
    module, _, name = target.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives and the handlers."""
    app.add_directive("package", PackageReference)
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-process-docstring", convert_docstring, priority=BEFORE_NAPOLEON)
    app.connect("missing-reference", resolve_short_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
