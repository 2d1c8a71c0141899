"""MathML that a browser sets as TeX would."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from markupsafe import Markup

from symdrift.typesetting import mathml
from symdrift.typesetting.formula import letter, scientific, word
from symdrift.typesetting.reading import read


def tree(latex: str) -> ElementTree.Element:
    return ElementTree.fromstring(mathml.inline(read(latex)))


def test_a_power_of_ten_has_ten_as_its_base() -> None:
    number = scientific("3.48", letter(r"\times"), -10)
    power = ElementTree.fromstring(mathml.inline(number)).find(".//msup")
    assert power is not None
    assert ["".join(part.itertext()) for part in power] == ["10", "−10"]
    assert [number.text for number in tree("12 x^{2}").iter("mn")] == ["12", "2"]


@pytest.mark.parametrize(
    ("latex", "spaces"),
    [
        (r"\ln D", 1),
        (r"\partial \ln D", 2),
        (r"\min H", 1),
        (r"\operatorname{tr} \Gamma", 1),
        (r"\operatorname{tr}(\Gamma)", 0),
        (r"a + \ln b", 1),
        (r"(\ln b) + \ln", 1),
        (r"\lambda D", 0),
    ],
)
def test_names_of_functions_keep_a_thin_space_where_tex_has_one(latex: str, spaces: int) -> None:
    assert len(tree(latex).findall(".//mspace")) == spaces


def test_a_sans_serif_letter_differs_from_an_upright_one() -> None:
    assert 'class="sans">D<' in mathml.inline(word("mathsf", "D"))
    assert "class" not in mathml.inline(word("mathrm", "D"))


def test_only_a_formula_with_punctuation_behind_it_is_held_together() -> None:
    one, other = mathml.inline(letter("a")), mathml.inline(letter("b"))
    text = str(mathml.joined([one, Markup(" and ("), other, Markup("), &lt;")]))
    assert text == f'{one} and <span class="unbroken">({other}),</span> &lt;'
