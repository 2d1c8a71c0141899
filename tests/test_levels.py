"""Results, outline, paper and full document are one derivation, each contained in the next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import sympy as sp
from documents_example import example_derivation
from latex_tree import (
    Accented,
    Delimiter,
    Fenced,
    Node,
    Row,
    Scripts,
    Symbol,
    Word,
    characters,
    parse,
)
from tex import needs_tex, pages_of

from symdrift.derivation.reliance import stated, symbols_of
from symdrift.derivation.steps import Derivation
from symdrift.documents.assembly import assemble, theory_printer
from symdrift.documents.html import derivation_html
from symdrift.documents.latex import LatexMedium, derivation_latex
from symdrift.documents.levels import (
    CONCISE,
    DEFINITIONS,
    ELABORATIONS,
    ESSENTIAL,
    ON_SHARED_AXES,
    at_level,
    essential_labels,
)
from symdrift.documents.pages import LEVELS, page_of
from symdrift.documents.writing import write_derivation
from symdrift.errors import RequestError
from symdrift.files import write_text
from symdrift.study import read_study, shipped_studies
from symdrift.theory.derive import derive
from symdrift.typesetting.printer import TheoryPrinter

THEORY = Path(__file__).parents[1] / "symdrift" / "theory"

REFERENCE = re.compile(r"\[(?:eq|step):[^\]]*\]")

FOLLOWED = ("anisotropic_autoencoder", "isotropic_autoencoder", "misaligned_teacher")
each_study = pytest.mark.parametrize("study", FOLLOWED)
each_level = pytest.mark.parametrize("level", LEVELS)


@cache
def told(study: str, level: str) -> Derivation:
    return at_level(derive(read_study(study)) if level == "full" else told(study, "full"), level)


def labels(derivation: Derivation) -> list[str]:
    return [equation.label for step in derivation.steps for equation in step.equations]


def sentences(derivation: Derivation) -> dict[str, str]:
    return {step.identifier: step.prose for step in derivation.steps}


@each_study
def test_each_level_is_contained_in_the_next(study: str) -> None:
    results, outline, paper, full = (told(study, level) for level in LEVELS)
    assert set(labels(results)) < set(labels(outline))
    assert set(results.notation) <= set(outline.notation)
    for less, more in ((outline, paper), (paper, full)):
        # The same order, and fewer of them.
        assert labels(less) == [label for label in labels(more) if label in set(labels(less))]
        assert len(labels(less)) < len(labels(more))
        for label in labels(less):
            ours, theirs = less.equation(label), more.equation(label)
            assert replace(theirs, links=ours.links) == ours
        for step, prose in sentences(less).items():
            assert set(re.split(r"(?<=\.)\s+", prose)) <= set(
                re.split(r"(?<=\.)\s+", sentences(more)[step])
            )
            assert less[step].assumptions == more[step].assumptions
        assert [row for row in more.notation if row in less.notation] == list(less.notation)


@each_study
@each_level
def test_nothing_refers_to_what_a_level_leaves_out(study: str, level: str) -> None:
    source = derivation_latex(told(study, level))
    referred = set(re.findall(r"\\(?:eq)?ref\{([^}]*)\}", source))
    assert referred <= set(re.findall(r"\\label\{([^}]*)\}", source))
    page = derivation_html(told(study, level))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(re.findall(r'id="([^"]*)"', page))


@each_study
def test_results_come_first_and_what_stands_in_them_without_prose(study: str) -> None:
    """Whatever the outline says of a quantity in a result, the results say too."""
    found, outline = told(study, "results"), told(study, "outline")
    section = outline.steps[-1].section
    own = [step.identifier for step in outline.steps if step.section == section]
    assert [step.identifier for step in found.steps][: len(own)] == own
    general = found.steps[len(own) :]
    assert {step.section for step in general} <= {DEFINITIONS}
    assert not any(step.prose or step.assumptions for step in general)
    equations = [found.equation(label) for label in labels(found)]
    known = set[sp.Basic]().union(*map(stated, equations))
    used = set[sp.Basic]().union(*map(symbols_of, equations))
    told_there = set(labels(outline)) & essential_labels(told(study, "full"))
    said = {item for label in told_there for item in stated(outline.equation(label))}
    assert used & said <= known


def test_results_say_what_they_assume() -> None:
    first = told("anisotropic_autoencoder", "results").steps[0]
    assert "Gaussian inputs" in first.assumptions[-1]
    assert "strict minimum" in first.assumptions[-1]
    assert "no label noise" not in first.assumptions[-1]


@needs_tex
def test_outline_and_paper_are_short(tmp_path: Path) -> None:
    for level, most in (("outline", 5), ("paper", 14)):
        page = page_of("article", level)
        source = derivation_latex(told("anisotropic_autoencoder", level), page=page)
        assert pages_of(write_text(tmp_path / f"{level}.tex", source)) <= most


@each_study
@pytest.mark.parametrize("level", ["outline", "paper"])
def test_every_equation_that_is_kept_is_still_told(study: str, level: str) -> None:
    full = told(study, "full")
    for step in told(study, level).steps:
        assert step.prose
        for equation in step.equations:
            reference = f"[eq:{equation.label}]"
            assert reference in step.prose or reference not in full[step.identifier].prose


def split(prose: str) -> list[list[str]]:
    """Sentences of each paragraph."""
    return [re.split(r"(?<=[.?!]) +(?=[A-Z{\[])", part) for part in prose.split("\n\n")]


@each_study
def test_a_paragraph_of_the_outline_begins_as_that_of_the_paper(study: str) -> None:
    """No sentence has lost what it hangs on."""
    paper, outline = told(study, "paper"), told(study, "outline")
    there = {f"[eq:{label}]" for label in labels(outline)} | {
        f"[step:{step.identifier}]" for step in outline.steps
    }
    for step in outline.steps:
        if step.identifier in CONCISE:
            continue
        for paragraph in split(step.prose):
            (longer,) = (p for p in split(paper[step.identifier].prose) if paragraph[-1] in p)
            lead = longer[: longer.index(paragraph[-1]) + 1]
            assert paragraph == [s for s in lead if set(REFERENCE.findall(s)) <= there]


def test_steps_told_in_single_sentences_exist() -> None:
    studies = "anisotropic_autoencoder", "misaligned_teacher"
    assert {s.identifier for study in studies for s in told(study, "full").steps} >= CONCISE


@each_study
def test_the_outline_has_the_essential_formulas_and_the_results(study: str) -> None:
    paper, outline = told(study, "paper"), told(study, "outline")
    section = paper.steps[-1].section
    results = {
        equation.label
        for step in paper.steps
        if step.section == section
        for equation in step.equations
        if equation.brief is None
    }
    own = {label for label, instead in ON_SHARED_AXES.items() if instead in labels(paper)}
    assert results | (set(labels(paper)) & (ESSENTIAL - own)) <= set(labels(outline))


def test_less_than_everything_states_no_check_and_no_line_of_a_chain() -> None:
    full = example_derivation()
    assert at_level(full, "full") is full
    for level in LEVELS[:-1]:
        for step in at_level(full, level).steps:
            assert not step.checks
            assert not any(equation.links for equation in step.equations)
        assert "every check" in derivation_html(at_level(full, level))


def test_what_only_the_full_document_tells_exists() -> None:
    text = "\n".join(path.read_text("utf-8") for path in THEORY.rglob("*.py"))
    for name in ELABORATIONS:
        key = re.sub(r"-\d+(in|out)?$", "", name).replace("-", "_")
        assert re.search(rf'def _?{key}\(|^ +{key}=|identifier="{name}"', text, re.MULTILINE)


@pytest.mark.parametrize("level", ["", "Paper", "everything"])
def test_an_unknown_level_is_refused_before_anything_is_written(level: str, tmp_path: Path) -> None:
    study = read_study("isotropic_autoencoder")
    with pytest.raises(
        RequestError, match=rf'^level = "{level}" is unknown; allowed are results, outline'
    ):
        write_derivation(study, tmp_path / "out", ["tex"], level=level)
    assert not (tmp_path / "out").exists()


INDEX_LETTERS = frozenset("bcdijklt")
SIGNS_OF_SCHOOL = "+\u2212=<>\u2264\u2265/\u22c5,.\u2211\u221e()|\u2026"
SCHOOL = frozenset([*SIGNS_OF_SCHOOL, "e", "ln", "max", "min"])
"""Signs and names that every reader knows."""


def text_of(node: Node | None) -> str:
    return "" if node is None else "".join(characters(node))


def base_of(node: Node) -> str:
    """What carries scripts, without these: a letter with its accent, or the last sign."""
    match node:
        case Row((only,)) | Scripts(only, _, _):
            return base_of(only)
        case Accented(body, accent):
            return accent + text_of(body)
        case Fenced(_, _, right):
            return right
    return text_of(node)


def scripts_in(base: str, sub: str, sup: str) -> Iterator[str]:
    """Indices, and scripts that are neither these nor powers, with the letter that has them."""
    if base in {"\u2211", "max", "min"}:
        return
    for sign in re.findall("[\u2217\u22a5]|^[+\u2212]$", sup):
        yield f"^{sign}"
    if (
        len(sup) == 1
        and (base + sup).isalpha()
        and base != "e"
        and sup not in {*INDEX_LETTERS, "T"}
    ):
        yield f"{base}^{sup}"
    rest = re.sub("[tk][+][\u03c412]|\u2016.*|.*=.*|[0-9,]", "", sub)
    yield from (f"_{sign}" for sign in re.findall("[\u2217\u22a5+\u2212]", rest))
    letters = "".join(filter(str.isalpha, rest))
    if letters in {"W", "U"}:
        yield "_W"
    elif base == "|":
        yield f"|_{letters[:1]}"
    elif INDEX_LETTERS.issuperset(letters):
        yield from (f"index {letter}" for letter in letters)
    elif base not in {"\u2202", "#"}:
        yield f"{base}_{letters}"


def seen_in(node: object) -> Iterator[str]:
    """Letters with their accents, signs, names and special scripts of a formula."""
    match node:
        case Symbol(character) | Word(character) | Delimiter(character):
            if not character.isdigit() and not (isinstance(node, Word) and node.font == "text"):
                yield character
        case Accented(body, accent):
            yield accent + text_of(body)
        case Scripts(base, sub, sup):
            yield from scripts_in(base_of(base), text_of(sub), text_of(sup))
            yield from (*seen_in(base), *seen_in(sup))
            yield from (sign for sign in seen_in(sub) if sign not in INDEX_LETTERS)
        case Fenced(left, body, right):
            yield from (left, right, *seen_in(body))
        case tuple():
            for part in node:
                yield from seen_in(part)
        case _ if is_dataclass(node):
            for field in fields(node):
                yield from seen_in(getattr(node, field.name))


@cache
def printer_of(study: str) -> TheoryPrinter:
    return theory_printer(told(study, "full"))


@cache
def seen_at(study: str, shown: sp.Basic) -> frozenset[str]:
    return frozenset(seen_in(parse(printer_of(study).doprint(shown).latex)))


def seen(study: str, shown: Iterable[sp.Basic]) -> frozenset[str]:
    """What a reader sees in formulas of a study."""
    return frozenset().union(*(seen_at(study, item) for item in shown))


def letters_of_quantities(study: str, shown: Iterable[sp.Basic]) -> frozenset[str]:
    """Letters in the prints of symbols, but for those that stand for a whole number."""
    items = {
        item
        for line in shown
        for item in line.atoms(sp.Symbol, sp.MatrixSymbol)
        if not item.is_integer
    }
    return frozenset(sign for sign in seen(study, items) if len(sign) == 1 and sign.isalpha())


@pytest.mark.parametrize(
    "study",
    [
        *FOLLOWED,
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in shipped_studies()
            # The first three are above; the last has numbers and no derivation.
            if name not in (*FOLLOWED, "steady_rotation")
        ),
    ],
)
@each_level
def test_all_that_a_level_shows_stands_in_its_notation(study: str, level: str) -> None:
    """Every letter, sign, name and index, but for the symbols of the study; none is two things."""
    shown = told(study, level)
    own = [sp.Symbol(name, positive=True) for name in read_study(study).symbols]
    lines = [
        line
        for step in shown.steps
        for line in (
            *step.symbols.values(),
            *(part for e in step.equations for part in (e.told, e.condition) if part is not None),
            *(link.expression for e in step.equations for link in e.links),
        )
    ]
    told_of = {
        sign for sign in seen(study, [row.symbol for row in shown.notation]) if "index" not in sign
    }
    for row in shown.notation:
        if re.match("ind(ex|ices) |number of a step", row.meaning):
            told_of |= {f"index {letter}" for letter in seen(study, [row.symbol])}
    signs = seen(study, lines)
    assert signs - seen(study, own) - SCHOOL <= told_of
    indices = {sign.removeprefix("index ") for sign in signs if "index" in sign}
    assert not indices & letters_of_quantities(study, lines)


@each_study
@each_level
def test_every_row_of_the_notation_names_the_section_that_is_first_to_use_it(
    study: str, level: str
) -> None:
    assert all(row.number for row in assemble(told(study, level), LatexMedium()).notation)
