"""Documents: complete, escaped, referee-proof, and the same bytes every time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest
import sympy as sp
from documents_example import GAMMA, SYMBOL_NAMES, V, example_derivation, rational_function
from tex import needs_tex

from symdrift.cli import run
from symdrift.derivation.steps import Check, Derivation, Equation, Method, Step
from symdrift.documents import report, write_document
from symdrift.documents.findings import undecided
from symdrift.documents.html import derivation_html
from symdrift.documents.latex import derivation_latex
from symdrift.documents.number_tables import number, quantity
from symdrift.documents.numbers import Numbers, Table
from symdrift.documents.pages import REPORT_FILES
from symdrift.documents.pdf import CompileResult, compile_pdf
from symdrift.documents.prose import DocumentError
from symdrift.documents.rendering import render_latex
from symdrift.documents.sheet import sheet_latex
from symdrift.documents.slides import slides_latex
from symdrift.errors import CheckFailed, RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.files import write_text
from symdrift.quoting import escape_latex
from symdrift.study import read_study
from symdrift.typesetting.formula import Formula
from symdrift.typesetting.reading import read
from symdrift.validation.validate import validate_rate

EXAMPLE = example_derivation()


def with_step(**changes: Any) -> Derivation:
    """The example with its first step changed."""
    first, *others = EXAMPLE.steps
    return replace(EXAMPLE, steps=(replace(first, **changes), *others))


# -- LaTeX ------------------------------------------------------------------------------


def test_every_equation_is_labelled_once_and_every_reference_leads_to_a_label() -> None:
    source = derivation_latex(EXAMPLE)
    labels = re.findall(r"\\label\{([^}]*)\}", source)
    equations = [equation for step in EXAMPLE.steps for equation in step.equations]
    assert len(labels) == len(set(labels))
    assert {f"eq:{equation.label}" for equation in equations} <= set(labels)
    assert set(re.findall(r"\\(?:eq)?ref\{([^}]*)\}", source)) <= set(labels)


def test_a_label_given_twice_is_refused() -> None:
    twice = (Equation("stationary", V[1, 2]), Equation("stationary", GAMMA))
    with pytest.raises(DocumentError, match="'stationary' occurs twice"):
        derivation_latex(with_step(equations=twice))


@pytest.mark.parametrize(
    ("prose", "culprit"),
    [
        ("see [eq:absent]", r"unknown equation \[eq:absent\]"),
        ("see [step:absent]", r"unknown step \[step:absent\]"),
        ("by {absent}", r"unknown symbol \{absent\}"),
    ],
)
@pytest.mark.parametrize("render", [derivation_latex, derivation_html])
def test_prose_that_refers_to_nothing_is_refused(
    render: types.FunctionType, prose: str, culprit: str
) -> None:
    with pytest.raises(DocumentError, match=culprit):
        render(with_step(prose=prose))


def test_a_template_may_not_use_an_undefined_name() -> None:
    with pytest.raises(jinja2.UndefinedError, match="is undefined"):
        render_latex("article.tex.jinja")


def test_special_characters_of_prose_become_text() -> None:
    assert escape_latex("50% & $5 #1 a_b ^ ~ \\ {}") == (
        r"50\% \& \$5 \#1 a\_b \textasciicircum{} \textasciitilde{} \textbackslash{} \{\}"
    )
    assert escape_latex("γ² ≤ 1") == r"$\gamma$$^2$ $\leq$ 1"
    assert escape_latex("日") == r"\texttt{U+65E5}"
    assert escape_latex("line\u2028break\ttab") == "line break tab"


def test_prose_cannot_smuggle_commands_into_a_document() -> None:
    source = derivation_latex(with_step(title=r"\input{/etc/passwd}", prose=r"\write18 $x$ % y"))
    assert r"\input" not in source
    assert r"\write" not in source
    assert r"\subsection{\textbackslash{}input\{/etc/passwd\}}" in source
    assert r"\textbackslash{}write18 \$x\$ \% y" in source


def test_notation_that_is_not_mathematics_is_refused_by_name() -> None:
    names = {**SYMBOL_NAMES, GAMMA: r"\input{x}"}
    for render in (derivation_latex, derivation_html):
        with pytest.raises(RequestError, match=r"notation.*input"):
            render(replace(EXAMPLE, symbol_names=names))


def test_times_are_not_printed() -> None:
    slower = tuple(
        replace(step, seconds=99.125, checks=tuple(replace(c, seconds=99.125) for c in step.checks))
        for step in EXAMPLE.steps
    )
    for render in (derivation_latex, derivation_html):
        assert render(EXAMPLE) == render(replace(EXAMPLE, steps=slower))


def test_each_check_is_stated_with_its_method() -> None:
    source = derivation_latex(EXAMPLE)
    argument, appendix, checks = source.partition(r"\section{What was checked}")
    assert appendix
    assert r"\verified{" not in argument.partition(r"\begin{document}")[2]
    verified = re.findall(r"\\verified\{(.*?)\}\{%(.*?)\n\}\n", checks, re.DOTALL)
    assert [place for place, _ in verified] == [
        rf"\ref{{step:{step.identifier}}}" for step in EXAMPLE.steps if step.checks
    ]
    (_, first), (_, second) = verified
    assert first.strip().startswith("Both sides agree")
    assert "(exact identity)." in first
    # And what that means, for the methods that are used.
    assert re.findall(r"\\emph\{([a-z ]+)\}, that", checks) == [
        "exact identity",
        "exact at rational points",
    ]
    assert second.strip() == "The block is symmetric (exact at rational points)."


def test_a_failed_check_stops_the_document_and_names_the_step(tmp_path: Path) -> None:
    failed = with_step(checks=(Check("Both sides agree", Method.IDENTITY, False, 0.0),))
    with pytest.raises(CheckFailed, match="step minimum failed its check: Both sides agree"):
        write_document(failed, tmp_path, "derivation", ["tex", "html"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_documents_do_not_depend_on_the_order_of_hashes() -> None:
    script = (
        "import hashlib, documents_example as example\n"
        "from symdrift.documents.latex import derivation_latex as latex\n"
        "from symdrift.documents.html import derivation_html as html\n"
        "derivation = example.example_derivation()\n"
        "print(hashlib.sha256((latex(derivation) + html(derivation)).encode()).hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


# -- PDF --------------------------------------------------------------------------------


@needs_tex
def test_the_example_compiles_without_anything_to_object_to(tmp_path: Path) -> None:
    tex = write_text(tmp_path / "derivation.tex", derivation_latex(EXAMPLE))
    result = compile_pdf(tex)
    assert result.problems == ()
    assert result.pdf == tmp_path / "derivation.pdf"
    assert result.pdf.read_bytes().startswith(b"%PDF")
    assert {path.name for path in tmp_path.iterdir()} == {"derivation.tex", "derivation.pdf"}


@needs_tex
def test_a_pdf_is_the_same_to_the_byte_wherever_it_is_compiled(tmp_path: Path) -> None:
    source = derivation_latex(EXAMPLE)
    results = [
        compile_pdf(write_text(tmp_path / place / "derivation.tex", source)) for place in "ab"
    ]
    first, second = (result.pdf.read_bytes() for result in results if result.pdf)
    assert first == second


@needs_tex
def test_a_rational_function_of_three_hundred_terms_compiles_without_overfull_boxes(
    tmp_path: Path,
) -> None:
    function = rational_function(10)
    terms = len(sp.Add.make_args(sp.numer(function)))
    assert terms >= 280
    step = Step("long", "Long", "Long", "", equations=(Equation("long", sp.Eq(V[1, 2], function)),))
    tex = write_text(
        tmp_path / "long.tex", derivation_latex(replace(EXAMPLE, steps=(step,), notation=()))
    )
    result = compile_pdf(tex)
    assert result.pdf is not None
    assert result.problems == ()


@pytest.mark.slow
@needs_tex
def test_names_of_every_length_fit_into_every_table_of_results(tmp_path: Path) -> None:
    short = {"ratio": "0.9996", "z": "-12.3", "standard error": r"1.2 \times 10^{-10}"}
    heads = [
        ("gradient noise", "synaptic noise"),
        ("study", "isotropic inputs", "ratio"),
        ("gradient noise", "synaptic noise", "ratio"),
        ("theory", "simulation", "standard error", "ratio", "z"),
    ]
    tables = tuple(
        Table(
            "Rates.",
            ("quantity", *head),
            tuple(
                (
                    f"decay rate of “{(name * 40)[:length]}”",
                    *[read(short.get(title, r"1.2345 \times 10^{-10}")) for title in head],
                )
                for length in range(1, 41, 3)
            ),
        )
        for head in heads
        for name in ("orientation_045deg_", "m", "W", "a b")
    )
    source = derivation_latex(replace(EXAMPLE, steps=(), notation=()), Numbers(tables, (), ()))
    result = compile_pdf(write_text(tmp_path / "tables.tex", source))
    assert result.pdf is not None
    assert result.problems == ()


BROKEN = {
    "error": (r"\undefinedcommand", "errors", "Undefined control sequence"),
    "overfull": (r"\noindent\hbox to 2\textwidth{x\hfil y}", "overfull", "Overfull"),
    "reference": (r"\ref{nowhere}", "undefined", "nowhere"),
    "citation": (r"\cite{nobody}", "undefined", "nobody"),
    "label": (r"x\label{a}\label{a}", "undefined", "multiply defined"),
}


@needs_tex
@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_what_a_referee_would_object_to_is_found_in_the_log(kind: str, tmp_path: Path) -> None:
    body, group, message = BROKEN[kind]
    source = rf"\documentclass{{article}}\begin{{document}}{body}\end{{document}}"
    result = compile_pdf(write_text(tmp_path / "broken.tex", source))
    assert len(getattr(result, group)) == 1
    assert message in getattr(result, group)[0]
    assert result.problems == getattr(result, group)
    assert (result.pdf is None) == (kind == "error")


@needs_tex
def test_tex_runs_no_programs(tmp_path: Path) -> None:
    source = r"\documentclass{article}\begin{document}x\immediate\write18{touch out}\end{document}"
    compile_pdf(write_text(tmp_path / "shell.tex", source))
    assert not (tmp_path / "out").exists()


def test_without_tex_the_source_is_written_and_the_user_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    written = write_document(EXAMPLE, tmp_path, "derivation", ["tex", "pdf"])
    assert [path.name for path in written] == ["derivation.tex", "references.bib"]
    assert "derivation.pdf was not built: no pdflatex" in caplog.text
    assert "apt-get install texlive" in caplog.text


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match='format = "docx" is unknown; allowed are'):
        write_document(EXAMPLE, tmp_path, "derivation", ["tex", "docx"])
    assert list(tmp_path.iterdir()) == []


# -- HTML -------------------------------------------------------------------------------


class Balance(HTMLParser):
    """Open elements, identifiers, and internal links of a page."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.identifiers: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.identifiers.append(str(value))
            if name == "href" and str(value).startswith("#"):
                self.links.append(str(value)[1:])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_balanced_and_its_links_lead_somewhere() -> None:
    page = Balance()
    page.feed(derivation_html(EXAMPLE))
    assert page.open == []
    assert len(page.identifiers) == len(set(page.identifiers))
    assert page.links
    assert set(page.links) <= set(page.identifiers)


def test_the_page_escapes_prose_and_loads_nothing() -> None:
    text = derivation_html(
        with_step(title="<script>alert(1)</script>", prose="a < b & <img src=x>")
    )
    assert text.count("<script") == 1, "its own"
    assert "alert(1)" not in text.partition("<script>")[2]
    assert "<img" not in text
    assert "a &lt; b &amp; &lt;img src=x&gt;" in text
    assert not re.search(r'(?:src|href)="(?!#|data:)', text)


def test_formulas_of_the_page_are_well_formed_mathml_and_tell_the_same_as_the_article() -> None:
    text = derivation_html(EXAMPLE)
    formulas = re.findall(r"<math\b.*?</math>", text, re.DOTALL)
    assert formulas
    for formula in formulas:
        ElementTree.fromstring(formula)
    (short,) = (formula for formula in formulas if "<mn>16</mn>" in formula)
    root = ElementTree.fromstring(short)
    fraction = root.find(".//mfrac")
    assert fraction is not None
    assert "".join(fraction.itertext()) == "η3γ416λ1"
    assert "".join(root.itertext()).startswith("V12=")


# -- numbers and reports ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "latex"),
    [
        (1.3977e-11, r"1.3977 \times 10^{-11}"),
        (-2.5e-7, r"-2.5000 \times 10^{-7}"),
        (0.85, "0.85"),
        (0.0, "0"),
        (123456.0, r"1.2346 \times 10^{5}"),
        (float("nan"), r"\text{undefined}"),
    ],
)
def test_numbers_are_printed_with_powers_of_ten(value: float, latex: str) -> None:
    assert number(value).latex == latex


def test_quantities_of_a_validation_are_typeset_and_names_of_stimuli_stay_text() -> None:
    assert quantity("V[12]", {}) == Formula("V_{12}")
    assert quantity("mu[2,13]", {"mean_rotation": "v"}) == Formula("v_{2,13}")
    assert quantity("D_h[50% $x$]", {}) == "diffusion of “50% $x$”"


@pytest.fixture
def derived_example(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example derivation in the place of the one derived from the study."""
    monkeypatch.setattr(report, "derive", lambda study, *progress: EXAMPLE)
    monkeypatch.setattr(
        report,
        "write_kernels",
        lambda study, directory: [write_text(directory / "kernels.py", "# kernels\n")],
    )
    yield


def committed_files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "report.pdf"
    }


def test_a_report_warns_of_what_its_simulation_leaves_open() -> None:
    """Which fails no report, as a number that is missed does."""
    problem = read_study("anisotropic_autoencoder").problem()
    few = validate_rate(problem, steps=9000, replicas=8)
    (warning,) = undecided(few)
    assert warning.startswith("at the learning rate of the study, the theory of V[12]")
    assert undecided(validate_rate(problem, steps=9000, replicas=1024)) == ()
    # Its squared norms are off by more than a tenth, as orders behind the next one can explain.
    (warning,) = undecided(
        validate_rate(read_study("bottleneck").problem(), steps=9000, replicas=1024)
    )
    assert "deviations of excess norm of axis 1, excess norm of axis 2 may be due" in warning


@pytest.mark.slow
@pytest.mark.usefixtures("derived_example")
def test_a_report_holds_derivation_numbers_and_figures(tmp_path: Path) -> None:
    """That it repeats to the byte, the comparison with what is committed holds.

    Simulated and drawn afresh by whichever of the two comes first in a run.
    """
    done: list[int] = []
    study = read_study("anisotropic_autoencoder")
    written = report.write_report(study, tmp_path / "out", lambda at, of: done.append(at))
    assert all(path.exists() for path in written)
    assert done[-1] == 100
    first = committed_files(tmp_path / "out")
    record = json.loads(first["numbers.json"])
    # Theory of the isotropic check in the reference of the theory, row lambda = (2, 1, 0.7).
    assert record["exact"]["drift"]["covariance"] == pytest.approx(
        [6.962e-10, 7.745e-10, 1.1397e-9], rel=1e-4
    )
    assert record["validation"]["passed"]
    source = first["report.tex"].decode()
    assert re.findall(r"\\includegraphics.*\{(.*)\}", source) == sorted(
        re.findall(r"\\includegraphics.*\{(.*)\}", source), key=source.index
    )
    for name in re.findall(r"\\includegraphics.*\{(.*)\}", source):
        assert name in first


def test_tex_runs_only_when_the_source_or_a_figure_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[bytes] = []

    def typeset(source: Path) -> CompileResult:
        compiled.append(source.read_bytes())
        return CompileResult(write_text(source.with_suffix(".pdf"), f"run {len(compiled)}"))

    monkeypatch.setenv("SYMDRIFT_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr("symdrift.documents.writing.has_tex", lambda: True)
    monkeypatch.setattr("symdrift.documents.writing.compile_pdf", typeset)
    contents = []
    for change in ("", "", "figure", "source"):
        if change == "figure":
            write_text(tmp_path / "out" / "figures" / "one.pdf", "a figure")
        derivation = replace(EXAMPLE, title="Another") if change == "source" else EXAMPLE
        write_document(derivation, tmp_path / "out", "report", ("tex", "pdf"))
        contents.append((tmp_path / "out" / "report.pdf").read_text())
    assert contents == ["run 1", "run 1", "run 2", "run 3"]


def test_a_document_is_composed_only_when_what_it_tells_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[str] = []

    def compose(derivation: Derivation, numbers: Numbers) -> str:
        composed.append(f"{derivation.title}, {numbers.warnings}")
        return composed[-1]

    monkeypatch.setenv("SYMDRIFT_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr("symdrift.documents.writing.derivation_html", compose)
    doubted = Numbers((), (), ("doubted",))
    told = [(EXAMPLE, doubted), (EXAMPLE, replace(doubted)), (EXAMPLE, Numbers((), (), ()))]
    for derivation, numbers in (*told, (replace(EXAMPLE, title="Another"), doubted), *told):
        (page,) = write_document(derivation, tmp_path / "out", "report", ["html"], numbers)
        assert page.read_text() == f"{derivation.title}, {numbers.warnings}"
    assert len(composed) == 3


@pytest.mark.usefixtures("derived_example")
def test_a_study_without_values_gets_a_report_without_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    study = replace(read_study("anisotropic_autoencoder"), values={})
    for name in ("report.tex", "report.pdf", "numbers.json", "figures/slopes.svg"):
        write_text(tmp_path / name, "of an earlier report")
    write_text(tmp_path / "figures" / "own.svg", "of somebody else")
    written = report.write_report(study, tmp_path)
    names = ["kernels.py", "references.bib", "report.html", "report.tex"]
    assert sorted(path.name for path in written) == names
    assert sorted(committed_files(tmp_path)) == ["figures/own.svg", *names]
    assert not (tmp_path / "report.pdf").exists()


def test_files_of_reports_have_known_names() -> None:
    """By which an earlier report is replaced as a whole; all that is drawn of shipped studies."""
    for folder in sorted((Path(__file__).parents[1] / "generated").iterdir()):
        known = {path for name in REPORT_FILES for path in folder.glob(name)}
        assert known >= set(folder.glob("figures/*"))


def test_a_folder_without_room_for_a_report_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("symdrift.documents.write_report", lambda *_: pytest.fail("begun"))
    (tmp_path / "report.pdf").mkdir()
    assert run(["report", "bottleneck", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"symdrift: --out = .*: its report\.pdf is a directory, .*\.\n", said)


def test_a_rate_too_small_to_simulate_is_refused_before_the_derivation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def derive(*_: object) -> None:
        pytest.fail("the derivation was begun")

    monkeypatch.setattr(report, "derive", derive)
    study = read_study("anisotropic_autoencoder").with_values({"learning.rate": 1e-14})
    with pytest.raises(RequestError, match=r"learning\.rate = .* too small to be simulated"):
        report.write_report(study, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("derived_example")
@pytest.mark.parametrize(
    ("name", "figure"), [("bottleneck", "scaling"), ("stimulus_set", "frequency")]
)
def test_a_report_without_simulation_is_whole_and_says_so(
    name: str, figure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def simulate(*_: object, **__: object) -> None:
        pytest.fail("something was simulated")

    monkeypatch.setattr("symdrift.execution.run_blocks", simulate)
    monkeypatch.setattr("symdrift.simulation.trajectory.run_blocks", simulate)
    monkeypatch.setattr("symdrift.simulation.ensemble.run_blocks", simulate)
    monkeypatch.setattr("shutil.which", lambda program: None)
    monkeypatch.setenv("SYMDRIFT_CACHE", str(tmp_path / "kept"))
    out = tmp_path / "out"
    assert run(["report", name, "--no-simulation", "--out", str(out)]) == 0
    record = json.loads((out / "numbers.json").read_text(encoding="utf-8"))
    assert record["validation"] is record["extrapolated_ratio"] is None
    exact = evaluate(read_study(name).problem()).drift.covariance
    drift = record["exact"]["drift"]
    variance = drift["covariance"][0] if "diagonal" in drift else drift["covariance"][0][0]
    assert variance == pytest.approx(exact[0, 0], rel=1e-9)
    assert record["comparisons"]["synaptic"]["synaptic_variance"] > 0
    drawn = {path.stem for path in (out / "figures").iterdir()}
    assert {"blocks", "weight_decay", "decay_rates", "observables", "counterparts", figure} <= drawn
    assert not drawn & {"validation", "learning_rate", "standstill", "area", "fluctuation"}
    for suffix in ("tex", "html"):
        text = re.sub("<[^>]*>", " ", (out / f"report.{suffix}").read_text(encoding="utf-8"))
        said = re.findall(r"[^.]*[Ss]imulat[^.]*\.", " ".join(text.split()))
        assert len(said) == 1
        assert "Nothing was simulated for this report" in said[0]


def test_a_report_whose_record_does_not_fit_is_refused_before_the_derivation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 axes have 780 planes, whose two records take 0.7 MiB."""
    study = read_study("isotropic_autoencoder").with_values({"n": 40})
    monkeypatch.setattr(report, "derive", lambda *_: pytest.fail("derived"))
    monkeypatch.setattr("symdrift.memory.available_memory", lambda: 600_000)
    with pytest.raises(RequestError, match=r"^network with 40 .* 780 planes.*numbers\.json"):
        report.write_report(study, tmp_path / "out", simulated=False)
    assert not (tmp_path / "out").exists()


def test_reasons_of_a_chain_stand_beside_its_lines_or_above_them() -> None:
    """Escaped, with their references, and every line of the chain is there; the sheet has ends."""
    source = derivation_latex(EXAMPLE)
    beside = re.search(r"\\begin\{alignat\}\{2\}(.*?)\\end\{alignat\}", source, re.DOTALL)
    assert beside is not None
    assert r"\text{\small 50\% of $\gamma$ \& \eqref{eq:sum}}" in beside[1]
    assert beside[1].count("& =") == 2
    assert r"\label{eq:chain}" in beside[1]
    above = source[source.index("A reason with") : source.index(r"\label{eq:long-chain}")]
    assert above.count(r"\eqref{eq:short}") == 4
    assert r"\text{\small see section~\ref{step:minimum}}" in above
    assert r"\parbox[t]" in source
    page = derivation_html(EXAMPLE)
    reason = '50% of <math><mrow><mi>γ</mi></mrow></math> &amp; <a href="#eq-sum">'
    assert f'<td class="reason">{reason}' in page
    slides, sheet = slides_latex(EXAMPLE), sheet_latex(EXAMPLE)
    assert r"\text{\small expanded}" in slides
    assert "expanded" not in sheet
