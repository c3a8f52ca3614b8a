from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from raytune_suite.pages.svg import INK, PAPER, printable, to_svg
from tests.optional_packages import Later

if TYPE_CHECKING:
    from matplotlib.figure import Figure

mpl = Later("matplotlib")
SIZE = (3.0, 2.0)


def draw(figure: Figure) -> None:
    axes = figure.subplots()
    axes.plot([0, 1, 2], [1, 10, 100], color="#0072b2", marker="o", markerfacecolor=PAPER)
    axes.set_yscale("log")
    axes.text(1, 1, "a < b & $x$ 名", color=INK, parse_math=False)


@pytest.mark.slow
def test_the_same_figure_gives_the_same_bytes() -> None:
    assert to_svg(draw, size=SIZE, name="one", label="") == to_svg(draw, size=SIZE, name="one", label="")


@pytest.mark.slow
def test_local_matplotlib_settings_have_no_effect_and_are_restored() -> None:
    expected = to_svg(draw, size=SIZE, name="one", label="")
    with mpl.rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "font.size": 31}):
        local = dict(mpl.rcParams)
        assert to_svg(draw, size=SIZE, name="one", label="") == expected
        assert dict(mpl.rcParams) == local


def test_figures_share_no_ids_and_refer_to_their_own() -> None:
    one, two = (to_svg(draw, size=SIZE, name=name, label="") for name in ("one", "two"))
    ids = [set(re.findall(r'id="([^"]*)"', svg)) for svg in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, expected in zip((one, two), ids, strict=True):
        assert set(re.findall(r'#([^")]+)', svg)) == expected


def test_colors_and_fonts_are_those_of_the_page() -> None:
    svg = to_svg(draw, size=SIZE, name="one", label="")
    assert "var(--blue)" in svg
    assert "var(--ink)" in svg
    assert "var(--paper)" in svg
    assert not re.search(r"#[0-9a-f]{6}", svg)
    assert "DejaVu" not in svg
    assert "<style" not in svg


def test_texts_and_labels_are_escaped() -> None:
    svg = to_svg(draw, size=SIZE, name="one", label='"quoted" <b>')
    assert "a &lt; b &amp; $x$ 名" in svg
    assert 'aria-label="&quot;quoted&quot; &lt;b&gt;"' in svg


def test_control_characters_in_texts_and_labels_leave_the_file_well_formed() -> None:
    def labelled(figure: Figure) -> None:
        figure.subplots().set_title("a\0b\x1bc")

    svg = to_svg(labelled, size=SIZE, name="one", label="d\0e")
    assert ET.fromstring(svg).get("aria-label") == "d\N{REPLACEMENT CHARACTER}e"  # noqa: S314 - our own
    assert "a\N{REPLACEMENT CHARACTER}b" in svg


def test_invisible_characters_are_replaced() -> None:
    assert printable("a\x00b\u202ec") == "a�b�c"
