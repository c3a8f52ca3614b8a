"""The tables of methods in README and documentation are complete and true."""

from __future__ import annotations

import re

import pytest

from raytune_suite.automatic import AUTO
from raytune_suite.methods import METHODS, options
from raytune_suite.schedulers import SCHEDULERS
from raytune_suite.searchers import SEARCHERS, AskTellSearcher
from tests.docs.markdown import ROOT

README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "methods.md").read_text()


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the table whose first header is `first`."""
    table = text.partition(f"\n| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]


@pytest.mark.parametrize("text", [README, PAGE], ids=["README.md", "docs/methods.md"])
def test_the_table_has_every_method(text: str) -> None:
    names = [name for row in rows(text, "`method=`") for name in re.findall(r"`([\w-]+)`", row[0])]
    assert sorted(names) == sorted([AUTO, *METHODS])


@pytest.mark.slow
@pytest.mark.parametrize("text", [README, PAGE], ids=["README.md", "docs/methods.md"])
def test_the_table_says_what_a_method_needs(text: str) -> None:
    for row in rows(text, "`method=`"):
        for name in re.findall(r"`([\w-]+)`", row[0].replace(f"`{AUTO}`", "")):
            searcher, scheduler = SEARCHERS[METHODS[name].searcher], SCHEDULERS[METHODS[name].scheduler]
            needs = row[2]
            assert ("max_t" in needs) == scheduler.ladder, name
            assert ("checkpoints" in needs) == scheduler.pauses, name
            for extra in filter(None, (searcher.extra, scheduler.extra)):
                assert f"`{extra}`" in needs, name
            conditional = "conditional" in searcher.features & scheduler.features
            assert conditional == (re.search("no conditional|numerical", needs) is None), name


def test_the_page_lists_all_arguments() -> None:
    listed = {row[0]: re.findall(r"`(\w+)`", row[1]) for row in rows(PAGE, "component") if "every" not in row[0]}
    for kind, registry in (("searcher", SEARCHERS), ("scheduler", SCHEDULERS)):
        for name in registry:
            own = [option for option in options(registry[name]) if option != "points_to_evaluate"]
            assert listed.get(f"{kind} `{name}`", []) == own
    assert all("points_to_evaluate" in options(SEARCHERS[name]) for name in SEARCHERS)
    assert issubclass(SEARCHERS["random"], AskTellSearcher)
