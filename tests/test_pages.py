"""Printed pages: what belongs together stands together, in a report and in somebody's paper."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import sympy as sp
from documents_example import ETA, GAMMA, L1, L2, L3, SYMBOL_NAMES, example_derivation
from tex import needs_tex

from symdrift.derivation.steps import Check, Derivation, Equation, Method, Step
from symdrift.documents.bibliography import bibtex
from symdrift.documents.latex import derivation_latex, fragment_latex
from symdrift.documents.numbers import Numbers, Table
from symdrift.documents.pages import PAGES, page_of
from symdrift.documents.pdf import compile_pdf
from symdrift.files import write_text
from symdrift.quoting import escape_latex
from symdrift.typesetting.align import align, align_parts
from symdrift.typesetting.formula import EMPTY, Formula
from symdrift.typesetting.lines import Layout

EXAMPLE = example_derivation()
DENOMINATOR = sp.expand((L1 + L2 + L3 + GAMMA) ** 3)
"""Too wide for a line: it is named and defined below its equation."""

CONFERENCE = r"""\documentclass[10pt,twocolumn]{article}
\usepackage[T1]{fontenc}\usepackage{lmodern}
\usepackage[textwidth=6.75in,columnsep=0.25in,textheight=9in]{geometry}
\usepackage{amsmath,amssymb,mathtools,amsthm}
\usepackage{natbib}\usepackage{hyperref}\usepackage[capitalize,noabbrev]{cleveref}
\newcommand{\R}{\mathbb{R}}\newcommand{\E}{\mathbb{E}}\newcommand{\where}{\text{where}}
\DeclareMathOperator{\tr}{Tr}
\newtheorem{theorem}{Theorem}[section]\newtheorem{assumption}[theorem]{Assumption}
\begin{document}
\section{Host}\label{eq:sum}
\begin{theorem}\label{step:drift}For all $x\in\R$, $\E x=\tr x$.\end{theorem}
\Cref{step:drift} is of the host, \cref{example:eq:sum,example:step:drift} are of the fragment.
\input{fragment}
\section{After}
\begin{equation}\label{sum}\R\end{equation}
\bibliographystyle{plainnat}\bibliography{references}
\end{document}
"""

CLASSES = {
    "IEEEtran": (r"\documentclass[conference]{IEEEtran}", r"\title{T}\author{A}\maketitle"),
    "revtex4-2": (r"\documentclass[prl,twocolumn]{revtex4-2}", r"\title{T}\author{A}\maketitle"),
    "elsarticle": (
        r"\documentclass[5p,twocolumn]{elsarticle}",
        r"\begin{frontmatter}\title{T}\author{A}\end{frontmatter}",
    ),
    "acmart": (
        r"\documentclass[sigconf,nonacm]{acmart}",
        r"\title{T}\author{A}\affiliation{\institution{I}\country{C}}\maketitle",
    ),
    "llncs": (r"\documentclass{llncs}", r"\title{T}\author{A}\institute{I}\maketitle"),
}
"""First line and title page of the classes of some publishers."""


def text_of(pdf: Path) -> str:
    command = ["pdftotext", "-layout", str(pdf), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def lines_of_pages(pdf: Path) -> list[list[str]]:
    """Lines of each page, without empty ones and without the number of the page."""
    pages = [[line.strip() for line in page.splitlines() if line.strip()]
             for page in text_of(pdf).split("\f")]  # fmt: skip
    return [page[:-1] for page in pages if page]


def long_derivation(steps: int) -> Derivation:
    """Steps of different lengths, each with prose, an equation, a definition and a check."""
    return Derivation(
        "pages",
        "Pages",
        (),
        tuple(
            Step(
                f"step{k}",
                "Section",
                f"Heading {k}",
                "Some prose that explains. " * (4 + 9 * k % 23) + f"It ends in [eq:label{k}].",
                {},
                (Equation(f"label{k}", sp.Eq(sp.Symbol("x"), (k + 1) * ETA / DENOMINATOR)),),
                (),
                (Check("Both sides agree. " * 6, Method.IDENTITY, True, 0.1),),
            )
            for k in range(steps)
        ),
        SYMBOL_NAMES,
    )


@needs_tex
def test_no_page_begins_with_an_equation_or_a_definition_torn_from_what_it_belongs_to(
    tmp_path: Path,
) -> None:
    source = write_text(tmp_path / "pages.tex", derivation_latex(long_derivation(40)))
    result = compile_pdf(source)
    assert result.problems == ()
    assert result.pdf is not None
    pages = lines_of_pages(result.pdf)
    starts = [page[0] for page in pages[1:]]
    assert len(starts) > 10
    for start in starts:
        whole = r"\d\.\d+ +Heading|\d\.\d+ Both|A +What|[A-Za-z]+[.]? [A-Za-z]+ [a-z]+"
        assert re.match(whole, start), start
    for page in pages:
        assert page[-1] != "where"


@needs_tex
def test_a_table_stays_whole_unless_it_is_longer_than_most_of_a_page(tmp_path: Path) -> None:
    tables = tuple(
        Table(f"Caption {k}.", ("quantity", "value"), (("first", "1"),) * rows + (("last", "1"),))
        for k, rows in enumerate((20, 18, 25, 60))
    )
    source = derivation_latex(EXAMPLE, Numbers(tables, (), ()))
    assert source.count(r"\begin{tabular}") == 3
    assert source.count(r"\begin{longtable}") == 1 + source.count(r"shape, units")
    result = compile_pdf(write_text(tmp_path / "tables.tex", source))
    assert result.problems == ()
    assert result.pdf is not None
    pages = lines_of_pages(result.pdf)
    places = {
        k: (page, line)
        for page, lines in enumerate(pages)
        for line, text in enumerate(lines)
        for k in range(4)
        if f"Caption {k}." in text
    }
    for k, rows in enumerate((20, 18, 25)):
        page, line = places[k]
        following = [text.split() for text in pages[page][line + 1 :]]
        assert following[0] == ["quantity", "value"]
        assert following[1 : rows + 2] == [["first", "1"]] * rows + [["last", "1"]]


def test_short_equations_and_the_ends_of_long_ones_are_not_divided() -> None:
    def breaks(count: int) -> list[str]:
        rows = [(EMPTY, Formula(f"row {k}")) for k in range(count)]
        return re.findall(r"\\\\\*?", align(rows))

    assert breaks(4) == [r"\\*"] * 3
    assert breaks(7) == [r"\\*", r"\\", r"\\", r"\\", r"\\", r"\\*"]
    rows = [(Formula(left), Formula(right)) for left, right in (("a", "= 1"), ("", "+ 2"))]
    parts = [Layout(tuple(rows)), Layout((rows[0],))]
    assert re.findall(r"\\\\\*?", align_parts(parts)) == [r"\\*", r"\\"]


def test_conditions_in_a_sentence_read_as_a_list() -> None:
    positive = sp.And(L1 > GAMMA, L2 > GAMMA, L3 > GAMMA)
    step = Step("only", "Section", "Title", "Where {all}.", {"all": positive}, ())
    source = derivation_latex(Derivation("study", "Title", (), (step,), SYMBOL_NAMES))
    conditions = [rf"$\lambda_{{{k}}} > \gamma$" for k in (1, 2, 3)]
    assert f"Where {conditions[0]}, {conditions[1]} and {conditions[2]}." in source


def test_a_number_keeps_its_per_cent_sign_on_its_line() -> None:
    assert escape_latex("ranges of 50 % and 90 %") == r"ranges of 50~\% and 90~\%"


@needs_tex
@pytest.mark.slow
def test_a_fragment_fits_a_conference_paper_with_its_own_macros_theorems_and_references(
    tmp_path: Path,
) -> None:
    write_text(tmp_path / "fragment.tex", fragment_latex(EXAMPLE, PAGES["column"]))
    write_text(tmp_path / "references.bib", bibtex())
    result = compile_pdf(write_text(tmp_path / "host.tex", CONFERENCE))
    assert result.problems == ()
    assert result.pdf is not None
    text = subprocess.run(
        ["pdftotext", str(result.pdf), "-"], capture_output=True, text=True, check=True
    ).stdout
    flat = re.sub(r"-\n", "", text).replace("\n", " ")
    assert "Theorem 1.1 is of the host" in flat
    # Author and year stand in brackets: the sentence is complete without them.
    assert "[Pashakhanloo and Koulakov, 2023]" in flat


@needs_tex
@pytest.mark.slow
def test_a_width_in_points_fits_the_page_of_plain_articles(tmp_path: Path) -> None:
    # LaTeX's own article at 10 pt has lines of 345 pt.
    write_text(tmp_path / "fragment.tex", fragment_latex(EXAMPLE, page_of("345pt")))
    write_text(tmp_path / "references.bib", bibtex())
    host = CONFERENCE.replace(",twocolumn", "").replace(
        r"\usepackage[textwidth=6.75in,columnsep=0.25in,textheight=9in]{geometry}", ""
    )
    result = compile_pdf(write_text(tmp_path / "host.tex", host))
    assert result.problems == ()


@needs_tex
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_fragment_fits_the_classes_of_publishers(name: str, tmp_path: Path) -> None:
    found = (
        shutil.which("kpsewhich")
        and subprocess.run(["kpsewhich", f"{name}.cls"], capture_output=True, check=False).stdout
    )
    if not found and os.environ.get("CI") != "true":
        pytest.skip(f"{name}.cls is not installed (in continuous integration this test fails)")
    first, title = CLASSES[name]
    packages = "" if name == "acmart" else r"\usepackage{amsmath,amssymb}"
    write_text(tmp_path / "fragment.tex", fragment_latex(EXAMPLE, PAGES["column"]))
    write_text(tmp_path / "references.bib", bibtex())
    host = "\n".join(
        [first, packages, r"\begin{document}", title, r"\section{Host}", r"\input{fragment}",
         r"\bibliographystyle{plain}\bibliography{references}", r"\end{document}"]
    )  # fmt: skip
    result = compile_pdf(write_text(tmp_path / "host.tex", host))
    assert result.errors == ()
    assert result.undefined == ()
    assert [box for box in result.overfull if "hbox" in box and "active" not in box] == []


@needs_tex
@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "numbered"),
    [
        ("article", r"\usepackage[mathlines]{lineno}\linenumbers"),
        ("article", r"\usepackage[mathlines,pagewise]{lineno}\linenumbers"),
        ("IEEEtran", r"\usepackage[mathlines,switch]{lineno}\linenumbers"),
        ("revtex4-2", r"\usepackage[mathlines]{lineno}\linenumbers"),
        ("llncs", r"\usepackage{lineno}\linenumbers"),
    ],
)
def test_a_manuscript_with_line_numbers_keeps_all_of_a_fragment(
    page: str, numbered: str, tmp_path: Path
) -> None:
    first, title = CLASSES.get(page, (r"\documentclass{article}", ""))
    write_text(tmp_path / "fragment.tex", fragment_latex(EXAMPLE, PAGES["column"]))
    write_text(tmp_path / "references.bib", bibtex())
    pages, words = [], []
    for lines in ("", numbered):
        host = "\n".join(
            [first, r"\usepackage{amsmath,amssymb}", lines, r"\begin{document}", title,
             r"\section{Host}", r"\input{fragment}", r"\section{Discussion}", "Afterwards.",
             r"\bibliographystyle{plain}\bibliography{references}", r"\end{document}"]
        )  # fmt: skip
        result = compile_pdf(write_text(tmp_path / "host.tex", host))
        assert result.errors == result.undefined == ()
        assert result.pdf is not None
        text = text_of(result.pdf)
        pages.append(text.count("\f"))
        words.append(Counter(re.findall(r"[^\W\d_]{4,}", text)))
    assert pages[1] >= pages[0]
    assert words[1]["Afterwards"] == 1
    # Words that are divided in one of the two only.
    lost = words[0] - words[1]
    assert lost.total() < 0.05 * words[0].total(), lost


@needs_tex
def test_the_longest_name_of_a_stimulus_leaves_the_table_on_the_page(tmp_path: Path) -> None:
    """A name of forty characters beside the widest numbers that a validation has."""
    number = r"-4.3424e-11"
    head = ("quantity", "theory", "simulation", "standard error", "ratio", "z")
    rows = tuple(
        (f"displacement of “{name}”", number, number, number, "0.999", "+3.8")
        for name in ("long name " * 4, "short")
    )
    source = derivation_latex(EXAMPLE, Numbers((Table("Caption.", head, rows),), (), ()))
    assert compile_pdf(write_text(tmp_path / "names.tex", source)).problems == ()
    short = derivation_latex(EXAMPLE, Numbers((Table("Caption.", head, rows[1:]),), (), ()))
    assert r"\begin{tabular}{@{}lrrrrr@{}}" in short
