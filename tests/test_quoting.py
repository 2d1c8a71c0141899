r"""No text of a study is part of the language of any output that it reaches.

Every attack stands in every place that takes text; what reads the output is no code of ours:
Python, an HTML parser, TeX, a CSV reader, a JSON parser, an XML parser, a terminal's eye.
"""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import sympy as sp
from browser import browser, complaints, needs_browser, show
from documents_example import example_derivation
from lean_statements import statements
from markupsafe import Markup
from tex import needs_tex

from symdrift.cli import run
from symdrift.cli.terminal import announce
from symdrift.derivation.steps import Check, Compared, Method
from symdrift.documents.html import derivation_html
from symdrift.documents.latex import derivation_latex, fragment_latex
from symdrift.documents.lean import lean_certificate
from symdrift.documents.numbers import Numbers, Table
from symdrift.documents.rendering import render_html
from symdrift.documents.slides import slides_latex
from symdrift.errors import RequestError
from symdrift.evaluation.closed_form import formulas, isotropic_formulas, two_axes_formulas
from symdrift.figures.style import literal, one_panel, rendered
from symdrift.kernels.standalone import standalone_source
from symdrift.quoting import (
    csv_cell,
    docstring_text,
    escape_latex,
    figure_text,
    lean_comment,
    lean_name,
    script_json,
    shown,
    unbroken_latex,
)
from symdrift.study import read_study


@pytest.mark.parametrize(
    ("text", "printed", "in_property"),
    [
        ("μέ", r"$\mu$$\acute{\varepsilon}$", r"\unichar{956}\unichar{941}"),
        ("ΐ", r"$\acute{\ddot{\iota}}$", r"\unichar{912}"),
        ("Ήο", r"$\acute{H}$$o$", r"\unichar{905}\unichar{959}"),
        ("a – b", "a -- b", r"a \unichar{8211} b"),
        ("--set a—b", "-{}-set a---b", r"-{}-set a\unichar{8212}b"),
        ("“x”", "``x''", r"\unichar{8220}x\unichar{8221}"),
        ("é_2 m²", r"é\_2 m$^2$", r"é\_2 m\unichar{178}"),
        ("日", r"\texttt{U+65E5}", r"\unichar{26085}"),
    ],
)
def test_letters_and_dashes_of_titles_are_printed_and_are_themselves_in_properties(
    text: str, printed: str, in_property: str
) -> None:
    assert escape_latex(text) == printed
    assert unbroken_latex(text) == in_property


ATTACKS = [
    '""";open("marker","w");"""',
    "''';open('marker','w')#",
    "ends with a backslash \\",
    'ends with a quote "',
    r"\u \w \N{DASH} \x \777",
    r"\";open('marker','w')#",
    "{{ 7*7 }}{% raw %}{# x #}",
    r"\VAR{title}\BLOCK{if x}",
    "%s {0} {name} {eta} [eq:x]",
    "<script>alert(1)</script>",
    "</script><script>alert(1)",
    "</title></style><b>&lt;",
    '"><img src=x onerror=alert(1)>',
    "`${alert(1)}`';alert(1)//",
    "javascript:alert(1)",
    r"\input{secret} \write18{touch marker}",
    r"^^5cinput{secret}",
    r"}\end{document}",
    r"$\frac{1}",
    r"$x$ _^~#&{}% a",
    r"\^2 and ^2$",
    "_hidden",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "+1+cmd",
    "-2+3",
    " =1+1",
    "＝1+1",
    "[bold]x[/bold] [/] [link=http://x]y",
    ":bomb: \\[red]x",
    "漢字 عربى",
    "-/ axiom x : False /-",
    "x -- «y» := by sorry",
]
COMMANDS = ["evaluate", pytest.param("observe", marks=pytest.mark.slow), "compare"]
SHORT = [attack for attack in ATTACKS if len(attack) <= 40]


@pytest.fixture
def attacked(tmp_path: Path) -> Path:
    """A study in whose title and names of stimuli all attacks stand."""
    tables = "".join(
        f"[[stimulus]]\nname = {json.dumps(name)}\nvector = [1, {place}]\n"
        for place, name in enumerate(SHORT)
    )
    path = tmp_path / "[bold]$x$ {{ 7 }} %s =1.toml"
    path.write_text(
        f"title = {json.dumps(' '.join(ATTACKS)[:200])}\n"
        "network = { inputs = 2, outputs = 2, hidden = 2 }\n"
        "inputs = { covariance = [2, 1] }\n"
        f"learning = {{ rate = 0.005, weight_decay = 0.3 }}\n{tables}",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    "module", [formulas, isotropic_formulas, two_axes_formulas], ids=lambda m: m.__name__
)
def test_a_title_in_python_is_text_of_the_docstring(tmp_path: Path, module: ModuleType) -> None:
    for place, title in enumerate(ATTACKS):
        source = standalone_source(module, f"{title}.", {})
        (tmp_path / f"m{place}.py").write_text(source, encoding="utf-8")
    reader = (
        "import importlib, json\n"
        f"modules = [importlib.import_module(f'm{{k}}') for k in range({len(ATTACKS)})]\n"
        "print(json.dumps([module.__doc__.splitlines()[0] for module in modules]))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", reader],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert json.loads(ran.stdout) == [f"{title}." for title in ATTACKS]
    assert not (tmp_path / "marker").exists()


def test_a_line_break_in_python_stays_in_the_docstring() -> None:
    text = 'a\nb\r\u2028\x00"""\\'
    assert eval(f'"""{docstring_text(text)}"""') == text


class Reader(HTMLParser):
    """Elements and text of a page, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def in_page(text: str) -> str:
    """Report page with a text in every place that takes one."""
    table = Table(f"caption {text}", ("quantity", text), ((text, "1"),))
    numbers = Numbers(tables=(table,), figures=(), warnings=(f"warning {text}",))
    derivation = replace(example_derivation(), title=text, study=text, steps=())
    return derivation_html(derivation, numbers)


def test_text_in_html_opens_no_element_and_is_read_as_it_is() -> None:
    harmless = Reader(in_page("harmless"))
    for attack in (" ".join(ATTACKS), " ".join(reversed(ATTACKS))):
        page = Reader(in_page(attack))
        assert page.elements == harmless.elements
        assert page.attributes == harmless.attributes
        assert page.text == harmless.text.replace("harmless", attack)


def test_data_in_a_script_neither_end_it_nor_change() -> None:
    data = {"names": [*ATTACKS, "<!--<script>", "\u2028"]}
    written = script_json(data)
    assert json.loads(written) == data
    assert written.isascii()
    assert not set("<>&") & set(written)


@pytest.mark.slow
@needs_browser
def test_a_browser_runs_the_script_of_the_page_and_no_other(tmp_path: Path) -> None:
    empty = (
        *("paragraphs", "equations", "symbols", "pictures", "controls", "question", "reason"),
        "response",
    )
    attack = " ".join(ATTACKS)
    page = render_html(
        "lesson.html.jinja",
        title=attack,
        study=attack,
        note=attack,
        scenes=[{"identifier": "one", "title": attack} | {name: [] for name in empty}],
        seed=0,
        data=Markup(script_json({"names": ATTACKS})),
        kernels=Markup("0"),
        scripts=[Markup("const elements = document.querySelectorAll('img, b').length;")],
    )
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    with browser() as driver:
        show(driver, tmp_path / "page.html")
        assert complaints(driver) == []
        assert driver.execute_script("return [lesson.names, elements]") == [ATTACKS, 0]
        # A browser prints one space for several.
        assert driver.title == " ".join(f"Why representations drift: {attack}".split())


@pytest.mark.parametrize("part", ["tasks", "solutions", "answers"])
def test_text_on_problem_sheets_opens_no_element(part: str) -> None:
    def elements(text: str) -> list[str]:
        page = render_html(
            "exercises.html.jinja", title=text, study=text, seed=0, part=part, sheets=[]
        )
        return Reader(page).elements

    for attack in ATTACKS:
        assert elements(attack) == elements("harmless")


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_in_lean_is_a_comment_and_symbols_are_names(attack: str) -> None:
    def certificate(text: str, name: str) -> str:
        x, y = sp.Symbol(name), sp.Symbol("x")
        compared = (Compared("", (x + y) ** 2, x**2 + 2 * x * y + y**2),)
        check = Check(f"statement {text}", Method.IDENTITY, True, 0.0, compared)
        step = replace(example_derivation().steps[0], checks=(check,))
        return lean_certificate(
            replace(example_derivation(), title=text, study=text, steps=(step,))
        )

    def code(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("--")]

    assert code(certificate(attack, "x_1")) == code(certificate("harmless", "x_1"))
    assert not re.search("/-|-/", lean_comment(attack))
    assert lean_name(attack).strip("«»").replace("_", "a").isalnum()
    (statement,) = statements(certificate("harmless", attack))
    assert lean_name(attack) in statement.variables


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_in_latex_has_no_command_of_its_own(attack: str) -> None:
    ours = r"\\(?:text[a-z]+|surd|ldots|hspace\{0pt\}|[{}$&#%_,])"
    assert not re.search(r"[\\$%&#^_~]", re.sub(ours, "", escape_latex(attack)))
    assert attack.count("{") == escape_latex(attack).count(r"\{")
    derivation = replace(example_derivation(), title=attack, study=attack, steps=())
    for source in (derivation_latex, fragment_latex, slides_latex):
        document = source(derivation)
        assert r"\input{secret}" not in document
        assert r"\write18" not in document


@pytest.mark.slow
@needs_tex
def test_tex_reads_no_file_and_writes_none_for_a_title(tmp_path: Path) -> None:
    (tmp_path / "secret.tex").write_text("SECRET")
    for place in range(4):
        attack = " ".join(ATTACKS[place::4])
        derivation = replace(example_derivation(), title=attack, study=attack, steps=())
        (tmp_path / f"d{place}.tex").write_text(derivation_latex(derivation), encoding="utf-8")
        subprocess.run(
            ["pdflatex", "-recorder", "-interaction=nonstopmode", "-halt-on-error", f"d{place}"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        assert "secret" not in (tmp_path / f"d{place}.fls").read_text()
        assert (tmp_path / f"d{place}.pdf").exists()
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("command", ["evaluate", "observe", "compare"])
def test_no_cell_of_a_table_is_a_formula(
    attacked: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run([command, str(attacked), "--csv"]) == 0
    cells = [cell for row in csv.reader(io.StringIO(capsys.readouterr().out)) for cell in row]
    assert any("cmd|' /C calc'!A0" in cell for cell in cells)
    for cell in cells:
        if cell.lstrip()[:1] in tuple("=+-@＝＋－＠\t\r"):
            float(cell)


def test_numbers_are_no_formulas() -> None:
    assert csv_cell(-1.5) == -1.5
    assert csv_cell("-1.5") == "'-1.5"
    assert csv_cell("axis 1") == "axis 1"


@pytest.mark.parametrize("command", COMMANDS)
def test_json_holds_names_as_they_are(
    attacked: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run([command, str(attacked), "--json"]) == 0
    text = capsys.readouterr().out
    assert text.isascii()
    assert set(SHORT) <= set(strings(json.loads(text)))


def strings(found: object) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for value in found.values():
            yield from strings(value)
    elif isinstance(found, list):
        for value in found:
            yield from strings(value)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_shows_names_as_they_are(
    attacked: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run([command, str(attacked)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(map(str.isprintable, lines))
    text = "\n".join(lines)
    assert text.startswith(f"{attacked.stem}: ")
    assert "[bold]x[/bold] [/] [link=http://x]y" in text
    assert ":bomb: \\[red]x" in text


@pytest.mark.parametrize("output", ["--json", "--plot"])
def test_a_fit_shows_names_as_they_are(
    attacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    data = tmp_path / "[bold]=1.csv"
    with data.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["stimulus", "quantity", "value", "standard_error"])
        rows.writerows([name, "decay_rate", "3e-10", "1e-11"] for name in SHORT)
    words = ["--data", str(data), "--free", "learning.rate=0.001:0.02"]
    words += [output, *([str(tmp_path / "x.svg")] if output == "--plot" else [])]
    assert run(["fit", str(attacked), *words]) == 0
    printed = capsys.readouterr().out
    if output == "--json":
        assert printed.isascii() and set(SHORT) <= set(strings(json.loads(printed)))
    else:
        assert all(map(str.isprintable, printed.splitlines()))
        assert ":bomb: \\[red]x" in printed and (tmp_path / "x.svg").exists()


CONTROLS = "\x1b]0;title\x07\x1b[2J\u202e\x9b31m"


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", f"{CONTROLS}.toml"],
        ["evaluate", "bottleneck", "--set", f"{CONTROLS}=1"],
        ["evaluate", "bottleneck", "--set", f"gamma={CONTROLS}"],
        ["evaluate", "bottleneck", "--sweep", f"gamma=0:1:{CONTROLS}"],
        ["evaluate", "bottleneck", "--sweep", f"{CONTROLS}=0:1:2"],
        ["evaluate", "bottleneck", "--sweep", f"gamma=0.1:0.2:{'9' * 5000}"],
        ["evaluate", "bottleneck", "--sweep", f"gamma=0.1:{'9' * 5000}:3"],
        ["evaluate", "bottleneck", "--plot", f"{CONTROLS}.gif"],
        ["evaluate", "bottleneck", "--method", CONTROLS],
        ["observe", "bottleneck", "--times", f"1:10:{'9' * 5000}"],
        ["observe", "bottleneck", "--times", f"1:10:{CONTROLS}"],
        ["derive", "bottleneck", "--format", CONTROLS],
        ["derive", "bottleneck", "--width", CONTROLS],
        ["validate", "bottleneck", "--budget", CONTROLS],
        ["simulate", "bottleneck", "--out", CONTROLS],
        ["fit", "bottleneck", "--data", CONTROLS, "--free", "gamma"],
        ["fit", "bottleneck", "--data", __file__, "--free", CONTROLS],
        ["fit", "bottleneck", "--data", __file__, "--free", f"gamma={CONTROLS}:1"],
        [CONTROLS],
    ],
    ids=lambda arguments: " ".join(arguments)[:30].encode("unicode_escape").decode(),
)
def test_a_refusal_does_not_control_the_terminal(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err[:-1].isprintable()


def test_paths_that_are_announced_do_not_control_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    announce([Path(f"{CONTROLS}/report.html")])
    assert capsys.readouterr().out[:-1].isprintable()


@pytest.mark.parametrize(
    ("quote", "suffix"), [(literal, ".svg"), (literal, ".pdf"), (figure_text, ".png")]
)
def test_text_in_figures_is_no_mathematics(quote: Callable[[str], str], suffix: str) -> None:
    with one_panel() as (figure, axes):
        for place, attack in enumerate(ATTACKS):
            axes.text(0, place / len(ATTACKS), quote(attack))
        axes.set_xlabel(quote(SHORT[-1]))
        axes.plot([0, 1], [0, 1], label=quote("_hidden"))
        legend = axes.legend()
        # Warnings are errors: every letter has a glyph.
        content = rendered(figure, suffix)
        assert len(legend.get_texts()) == 1
    if suffix == ".svg":
        tags = {element.tag.partition("}")[2] for element in ElementTree.fromstring(content).iter()}
        assert not tags & {"script", "a", "image", "foreignObject", "b", "img"}


@pytest.mark.parametrize("command", COMMANDS[:2])
def test_a_picture_of_any_names_is_drawn(
    attacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run([command, str(attacked), "--plot", str(tmp_path / "p.png")]) == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().err
    assert "Warning" not in said
    assert all(map(str.isprintable, said.splitlines()))


@pytest.mark.slow
def test_names_in_an_archive_are_read_without_running_anything(
    attacked: Path, tmp_path: Path
) -> None:
    arguments = ["--steps", "100", "--replicas", "2", "--out", str(tmp_path / "t.npz")]
    assert run(["simulate", str(attacked), *arguments]) == 0
    with np.load(tmp_path / "t.npz", allow_pickle=False) as archive:
        assert archive["stimulus_names"].tolist() == SHORT


def test_titles_and_names_hold_no_control_characters(tmp_path: Path) -> None:
    for character in ("\x1b", "\x7f", "\x9b", "\u202e", "\u2028", "\ud7ff\ue000"):
        path = tmp_path / "s.toml"
        path.write_text(f'title = "a\\u{ord(character[-1]):04x}b"\n', encoding="utf-8")
        with pytest.raises(RequestError, match="one line of printable text") as refusal:
            read_study(path)
        assert str(refusal.value).isprintable()


def test_messages_quote_a_line_that_is_not_too_long() -> None:
    assert shown("a\tb") == r"a\tb"
    assert shown("x" * 61) == "x" * 57 + "..."


def test_options_keep_their_hyphens_in_latex() -> None:
    assert escape_latex("give --minimum 2") == "give -{}-minimum 2"
