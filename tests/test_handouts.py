"""Fragment, columns, slides and sheet: complete, and nothing to object to in TeX."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp
from documents_example import example_derivation
from tex import needs_tex

from symdrift import __version__
from symdrift.cli import run
from symdrift.derivation.steps import Derivation, Equation, Step
from symdrift.documents import writing
from symdrift.documents.assembly import theory_printer
from symdrift.documents.bibliography import REFERENCES, bibtex
from symdrift.documents.latex import derivation_latex, fragment_latex
from symdrift.documents.levels import ESSENTIAL, ON_SHARED_AXES
from symdrift.documents.numbers import Numbers, Table
from symdrift.documents.pages import DERIVATION_FORMATS, FORMATS, PAGES, page_of
from symdrift.documents.pdf import compile_pdf
from symdrift.documents.rendering import render_latex
from symdrift.documents.sheet import sheet_latex
from symdrift.documents.slides import slides_latex
from symdrift.errors import RequestError
from symdrift.files import write_text
from symdrift.study import read_study
from symdrift.theory.derive import derive
from symdrift.typesetting.lines import Names, lay_out

EXAMPLE = example_derivation()
ROOT = Path(__file__).parents[1]

HOST = r"""\documentclass[10pt,twocolumn]{article}
\usepackage[T1]{fontenc}\usepackage{lmodern}
\usepackage[textwidth=48.5em,columnsep=1.5em]{geometry}
%s
\begin{document}
\section{Host}\label{eq:sum}
%s
\bibliographystyle{plain}\bibliography{references}
\end{document}
"""


def column_latex(derivation: Derivation) -> str:
    return derivation_latex(derivation, page=PAGES["column"])


WRITERS: dict[str, Callable[[Derivation], str]] = {
    "column": column_latex,
    "slides": slides_latex,
    "sheet": sheet_latex,
}


def pages(pdf: Path) -> int:
    report = subprocess.run(["pdfinfo", str(pdf)], capture_output=True, text=True, check=True)
    (count,) = re.findall(r"Pages: +(\d+)", report.stdout)
    return int(count)


def labels(source: str) -> list[str]:
    return re.findall(r"\\label\{([^}]*)\}", source)


# -- fragment -----------------------------------------------------------------------------


def test_the_sheet_names_labels_that_the_theory_states() -> None:
    theory = ROOT / "symdrift" / "theory"
    stated = {
        keyword.replace("_", "-")
        for path in theory.rglob("*.py")
        for keyword in re.findall(r"^ +(\w+)=", path.read_text("utf-8"), re.MULTILINE)
    }
    assert (ESSENTIAL | {*ON_SHARED_AXES, *ON_SHARED_AXES.values()}) <= stated


def test_a_fragment_has_no_preamble_and_names_what_it_needs() -> None:
    source = fragment_latex(EXAMPLE)
    commands = "\n".join(line for line in source.splitlines() if not line.startswith("%"))
    assert not re.search(r"\\(documentclass|usepackage|begin\{document\}|title)", commands)
    comments = [line for line in source.splitlines() if line.startswith("%")]
    assert any(r"\usepackage{amsmath,amssymb}" in line for line in comments)


def test_labels_and_references_of_a_fragment_carry_its_own_prefix() -> None:
    source = fragment_latex(replace(EXAMPLE, study="my study_2"))
    equations = sum(len(step.equations) for step in EXAMPLE.steps)
    assert len(labels(source)) == equations + len(EXAMPLE.steps)
    assert all(label.startswith("my-study-2:") for label in labels(source))
    references = re.findall(r"\\(?:eq)?ref\{([^}]*)\}", source)
    assert references
    assert set(references) <= set(labels(source))


@needs_tex
def test_two_fragments_compile_in_one_paper_with_the_packages_that_they_name(
    tmp_path: Path,
) -> None:
    packages = set()
    for name in ("one", "two"):
        source = fragment_latex(replace(EXAMPLE, study=name), PAGES["column"])
        write_text(tmp_path / f"{name}.tex", source)
        packages |= set(re.findall(r"\\usepackage\{[^}]*\}", source))
    write_text(tmp_path / "references.bib", bibtex())
    host = HOST % ("\n".join(sorted(packages)), "\\input{one}\n\\input{two}")
    result = compile_pdf(write_text(tmp_path / "host.tex", host))
    assert result.problems == ()
    assert result.pdf is not None


# -- equations in a column ------------------------------------------------------------------


def test_no_operator_stands_alone_at_the_end_of_a_row_and_no_bracket_opens_there() -> None:
    printer = theory_printer(EXAMPLE)
    rows = 0
    for width in (18.0, 20.0, 24.0, 38.0):
        for step in EXAMPLE.steps:
            for equation in step.equations:
                layout = lay_out(equation.expression, printer, width, Names(), equation.condition)
                for part in (layout, *layout.all_definitions()):
                    for _, right in part.rows[:-1]:
                        rows += 1
                        ending = re.compile(r"(?:[-+]|\\times|\\cdot|l(?:\[|\(|\\\{))$")
                        assert not ending.search(right.latex)
    assert rows > 80


# -- slides and sheet -------------------------------------------------------------------------


def test_every_equation_has_its_number_on_a_slide_and_every_step_a_title() -> None:
    source = slides_latex(EXAMPLE)
    equations = [equation.label for step in EXAMPLE.steps for equation in step.equations]
    assert labels(source) == [f"eq:{label}" for label in equations]
    for number in ("1.1", "2.1", "3.1"):
        assert rf"\begin{{frame}}{{{number} " in source


def test_an_equation_taller_than_a_slide_is_announced_with_its_number() -> None:
    announced = (
        r"\\refstepcounter\{equation\}\\label\{eq:long\}Equation~\\eqref\{eq:long\} takes \d+ "
    )
    assert re.search(announced, slides_latex(EXAMPLE))


def test_no_slide_is_left_with_a_single_short_equation_of_a_step_that_has_more() -> None:
    equations = tuple(
        Equation(f"part-{k}", sp.Eq(sp.Symbol(f"y_{k}"), sp.Symbol("x") / (k + 2)))
        for k in range(9)
    )
    step = Step("many", "Many", "Many", "A sentence.", equations=equations)
    source = slides_latex(replace(EXAMPLE, steps=(step,)))
    frames = [part for part in source.split(r"\begin{frame}") if part.startswith("{1.1 ")]
    counts = [part.count(r"\label{eq:part") for part in frames]
    assert sum(counts) == len(equations)
    assert len(counts) > 1
    assert max(counts) - min(counts) <= 1


def test_numbers_on_the_sheet_are_those_of_the_derivation() -> None:
    tags = [int(number) for number in re.findall(r"\\tag\{(\d+)\}", sheet_latex(EXAMPLE))]
    equations = [equation.label for step in EXAMPLE.steps for equation in step.equations]
    assert tags == sorted(tags)
    # Of the first section only what is essential, of the last everything.
    assert tags[0] == equations.index("active") + 1
    assert tags[-1] == equations.index("short") + 1


@needs_tex
@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_the_example_compiles_in_every_shape(kind: str, tmp_path: Path) -> None:
    result = compile_pdf(write_text(tmp_path / f"{kind}.tex", WRITERS[kind](EXAMPLE)))
    assert result.problems == ()
    assert result.pdf is not None
    assert kind != "sheet" or pages(result.pdf) == 1


LONG_WORDS = (
    "experiment_2026_10_anisotropic_autoencoder_label_noise_gamma_0.2",
    "w" * 200,
    "<script>" * 20 + "§\u4e2d" * 20,
    "A title of many words, " * 8,
)


@needs_tex
@pytest.mark.slow
@pytest.mark.parametrize("text", LONG_WORDS)
def test_a_long_title_or_name_fits_in_every_shape(text: str, tmp_path: Path) -> None:
    named = replace(EXAMPLE, title=text, study=text[:100].replace("§", "s"))
    number = "-4.3424e-11"
    pairs = Table(
        text,
        ("quantity", "of", "theory", "simulation", "ratio"),
        (("rotation variance", text[:40], number, number, number),),
    )
    head = ("quantity", "theory", "simulation", "standard error", "ratio", "z")
    rows = Table(text, head, ((f"displacement of “{text[:40]}”", *[number] * 5),))
    numbers = Numbers((pairs, rows), (), (text,))
    writers: dict[str, Callable[[Derivation], str]] = {
        **WRITERS,
        "report": lambda derivation: derivation_latex(derivation, numbers),
    }
    for kind, write in writers.items():
        result = compile_pdf(write_text(tmp_path / f"{kind}.tex", write(named)))
        assert result.problems == (), kind
    view = {"student": 1, "exercises": []}
    for part in ("tasks", "solutions", "answers"):
        source = render_latex(
            "exercises.tex.jinja", sheets=[view], part=part, title=text, study=text[:100], seed=0
        )
        assert compile_pdf(write_text(tmp_path / "sheets.tex", source)).problems == (), part


@needs_tex
def test_a_box_that_is_too_large_is_said_and_does_not_stop_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = r"\documentclass{article}\begin{document}\noindent\rule{9in}{1pt}\end{document}"
    written = writing._write_pdf(write_text(tmp_path / "wide.tex", source))
    assert [path.name for path in written] == ["wide.pdf"]
    assert "wide.tex has a part that is larger than its place" in caplog.text


TEACHER = """
title = "Teacher in other letters"
network = { inputs = 3, outputs = 3, hidden = 2 }
inputs = { covariance = ["lambda_1", "lambda_2", "lambda_3"] }
teacher = { map = ["a_1", "a_2", "a_3"] }
learning = { rate = "eta", weight_decay = "gamma" }
[notation]
preset = ["superscript_layers", "ridge", "layer_widths", "step_size"]
input_covariance = '\\Sigma_x'
"""


@needs_tex
@pytest.mark.slow
def test_a_whole_derivation_in_other_letters_compiles_in_every_shape(
    write_study: Callable[[str], Path], tmp_path: Path
) -> None:
    derivation = derive(read_study(write_study(TEACHER)))
    printed = " ".join(derivation.symbol_names.values())
    assert not re.search(r"\\gamma|\\eta|(?<!\\)U|W(?!\^\{\([12]\))", printed)
    write_text(tmp_path / "references.bib", bibtex())
    write_text(tmp_path / "fragment.tex", fragment_latex(derivation, PAGES["column"]))
    host = HOST % (r"\usepackage{amsmath,amssymb}", r"\input{fragment}")
    sources = {kind: write(derivation) for kind, write in WRITERS.items()}
    for kind, source in {**sources, "host": host}.items():
        result = compile_pdf(write_text(tmp_path / f"{kind}.tex", source))
        assert result.problems == (), kind
        assert result.pdf is not None
        assert kind != "sheet" or pages(result.pdf) == 1


# -- what is written -----------------------------------------------------------------------


@pytest.fixture
def derived_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example derivation in the place of the one derived from the study."""
    monkeypatch.setattr(writing, "derive", lambda study, *progress, certified: EXAMPLE)
    monkeypatch.setattr(
        writing,
        "write_kernels",
        lambda study, directory: [write_text(directory / "kernels.py", "# kernels\n")],
    )


@pytest.mark.usefixtures("derived_example")
@pytest.mark.parametrize(
    ("formats", "names"),
    [
        ("fragment", {"fragment.tex", "references.bib"}),
        ("slides,sheet", {"slides.tex", "sheet.tex", "references.bib"}),
        ("tex,html", {"derivation.tex", "derivation.html", "references.bib"}),
        ("html", {"derivation.html"}),
        ("lean", {"certificate.lean"}),
        pytest.param("sheet,pdf", {"sheet.tex", "sheet.pdf", "references.bib"}, marks=needs_tex),
        pytest.param(
            "tex,sheet,pdf",
            {"sheet.tex", "sheet.pdf", "derivation.tex", "derivation.pdf", "references.bib"},
            marks=needs_tex,
        ),
    ],
)
def test_each_format_writes_its_files(formats: str, names: set[str], tmp_path: Path) -> None:
    assert run(["derive", "bottleneck", "--out", str(tmp_path), "--format", formats]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {*names, "kernels.py"}


@pytest.mark.usefixtures("derived_example")
def test_the_width_is_that_of_article_and_fragment(tmp_path: Path) -> None:
    arguments = ["derive", "bottleneck", "--out", str(tmp_path), "--format", "tex,fragment"]
    assert run([*arguments, "--width", "column"]) == 0
    assert "twocolumn" in (tmp_path / "derivation.tex").read_text(encoding="utf-8")
    assert "within 20 em" in (tmp_path / "fragment.tex").read_text(encoding="utf-8")
    assert run([*arguments, "--width", "34.5"]) == 0
    assert "textwidth=34.5em" in (tmp_path / "derivation.tex").read_text(encoding="utf-8")
    assert "within 31 em" in (tmp_path / "fragment.tex").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("length", "ems"),
    [
        ("34.5", 34.5),
        ("34.5em", 34.5),
        ("345pt", 34.5),
        ("345pt@10pt", 34.5),
        # 72.27 points in an inch of 25.4 mm.
        ("3.5in", 25.2945),
        ("8.6cm", 24.4694),
        ("86mm", 24.4694),
        # The em of LaTeX's other sizes is 9.25, 10.95 and 11.75 points.
        ("12cm@11pt", 31.181),
        ("240pt@9pt", 25.946),
        ("5in@12pt", 30.753),
    ],
)
def test_a_length_is_a_width_of_the_text_in_em_of_its_type(length: str, ems: float) -> None:
    page = page_of(length)
    assert page.equation_width == pytest.approx(ems - 3.5, abs=1e-3)
    assert float(page.text_width.removesuffix("em")) == pytest.approx(ems, abs=1e-3)


@pytest.mark.parametrize(
    "width",
    ["poster", "12", "200", "nan", "-30", "0pt", "-3pt", "650pt", "", "3in", "9m",
     "252 pt", "252pt@8pt", "40@11pt", "1e2", "50mm", "252pt@", "٣٠", "9" * 400],
)  # fmt: skip
def test_a_width_for_which_there_is_no_page_is_refused(width: str) -> None:
    allowed = "article, column, and widths of the text from 23 to 63.5 em, in em, pt, in, cm, mm"
    with pytest.raises(RequestError, match=allowed) as refusal:
        page_of(width)
    assert page_of(str(refusal.value).rpartition("or write ")[2]).equation_width > 0


@pytest.mark.usefixtures("derived_example")
def test_a_missing_tex_is_an_error_only_when_the_pdf_was_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    arguments = ["derive", "bottleneck", "--out", str(tmp_path)]
    assert run([*arguments, "--format", "tex,pdf"]) == 2
    assert "apt-get install texlive" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert run(arguments) == 0
    assert "derivation.pdf was not built" in caplog.text
    assert "apt-get install texlive" in caplog.text
    assert (tmp_path / "derivation.tex").exists()


@needs_tex
def test_a_package_that_tex_lacks_counts_as_missing_tex(tmp_path: Path) -> None:
    source = r"\documentclass{article}\usepackage{nosuchpackage}\begin{document}x\end{document}"
    result = compile_pdf(write_text(tmp_path / "absent.tex", source))
    assert result.pdf is None
    assert not result.available


# -- references -------------------------------------------------------------------------------


def test_what_is_cited_has_an_entry_and_an_item() -> None:
    entries = set(re.findall(r"@\w+\{(\w+),", bibtex()))
    assert entries == {reference.key for reference in REFERENCES}
    for source in (derivation_latex(EXAMPLE), slides_latex(EXAMPLE)):
        cited = set(re.findall(r"\\cite\{(\w+)\}", source))
        assert cited == entries == set(re.findall(r"\\bibitem\{(\w+)\}", source))
    assert set(re.findall(r"\\symdriftcite\{(\w+)\}", fragment_latex(EXAMPLE))) == entries


def test_the_source_article_is_cited_with_its_place() -> None:
    entry = bibtex()
    for part in ("Pashakhanloo, Farhad and Koulakov, Alexei", "{202}", "{27401--27419}", "{2023}"):
        assert part in entry


def test_the_citation_file_gives_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in text
    assert f"version {__version__}" in bibtex()


def test_an_unknown_format_names_those_that_there_are(tmp_path: Path) -> None:
    allowed = "allowed are tex, html, pdf, fragment, graph, slides, sheet, lean"
    with pytest.raises(RequestError, match=allowed):
        writing.write_derivation(read_study("bottleneck"), tmp_path, ["docx"])


def test_every_format_has_its_place_in_the_read_me() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in set(DERIVATION_FORMATS) - set(FORMATS))


def test_a_folder_may_be_a_string(tmp_path: Path) -> None:
    (fragment, *_) = writing.write_derivation(
        read_study("anisotropic_autoencoder"), str(tmp_path), ["fragment"]
    )
    assert fragment == tmp_path / "fragment.tex"
