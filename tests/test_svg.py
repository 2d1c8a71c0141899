"""Figures inside a page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from symdrift.documents.svg import embedded
from symdrift.figures import blocks, weight_decay
from symdrift.figures.style import rendered


def drawn_blocks() -> str:
    """A figure with two images of the same content, which Matplotlib gives the same name."""
    matrix = np.diag([1.0, 2.0])
    drawn = blocks.draw(blocks.BlockStructure(matrix, matrix, (1, 1)))
    return rendered(drawn, ".svg").decode()


def test_an_embedded_figure_is_well_formed_and_its_names_are_its_own() -> None:
    source = drawn_blocks()
    text = embedded(source, "figure-7", 'Blocks "A" & <B>')
    root = ElementTree.fromstring(text)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'Blocks "A" & <B>'
    assert root.attrib["viewBox"] in source
    names = re.findall(r'\bid="([^"]*)"', text)
    uses = re.findall(r'(?:href="|url\()#([^")]*)', text)
    assert len(uses) > 10
    assert sorted(set(uses)) == sorted(names)
    assert all(name.startswith("figure-7-") for name in names)


def test_an_embedded_figure_takes_its_colours_from_the_page_and_styles_nothing_else() -> None:
    sweep = weight_decay.WeightDecaySweep(
        np.array([0.1, 0.2]), (("(1, 2)", np.array([1.0, 16.0])),), (np.full(2, 0.1),), 4, 0.1
    )
    source = rendered(weight_decay.draw(sweep), ".svg").decode()
    text = embedded(source, "one", "Sweep")
    assert "#0072b2" in source
    assert "var(--series-1)" in text
    assert "currentColor" in text
    for unwanted in ("<style", "#000000", "#ffffff", "#0072b2", "<!--", "<?xml", "DOCTYPE", "http"):
        assert unwanted not in text


def test_a_file_that_is_no_figure_is_refused() -> None:
    with pytest.raises(ValueError, match="not one SVG element"):
        embedded("<p>text</p>", "one", "Nothing")
