"""Letters of a study: no two meanings share one, each typesets, and all formulas follow."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable
from importlib import import_module
from itertools import chain, combinations
from pathlib import Path

import pytest
import sympy as sp
from conftest import ANISOTROPIC
from declarations import number_fields
from latex_tree import Accented, Node, Row, Scripts, Symbol, Word, parse

import symdrift.derivation
import symdrift.theory
from symdrift.cli import run
from symdrift.derivation.symbols import adapted_names
from symdrift.documents.number_tables import parameter_table
from symdrift.errors import RequestError
from symdrift.study import read_study
from symdrift.study.letters import (
    FREE_LETTERS,
    in_notation,
    refuse_letters_of_the_theory,
    refuse_wide_symbols,
    resolve_notation,
)
from symdrift.study.roles import AT_HOME, FIELD_ROLES, INDICES, PRESETS, ROLES, VOCABULARY
from symdrift.study.symbol_names import letters_of, plain_latex
from symdrift.theory.derive import SECTIONS, derive
from symdrift.theory.subject import CALLED, called
from symdrift.typesetting.formula import Formula
from symdrift.typesetting.glyphs import GLYPHS, Kind
from symdrift.typesetting.reading import read, with_index, with_superscript

GENERATED = Path(__file__).parents[1] / "generated"


def test_the_default_letters_do_not_collide() -> None:
    defaults = {role: entry.latex for role, entry in ROLES.items()}
    assert resolve_notation([], defaults) == defaults


@pytest.mark.parametrize(
    "presets",
    list(chain.from_iterable(combinations(PRESETS, count) for count in range(1, len(PRESETS) + 1))),
    ids="+".join,
)
def test_presets_combine_unless_they_name_the_same_role(presets: tuple[str, ...]) -> None:
    notation = resolve_notation(presets, {})
    assert set(notation) == set().union(*(PRESETS[name] for name in presets))
    assert len(set(notation.values())) == len(notation)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_letter_of_the_theory_can_be_set_in_the_letters_of_a_preset(preset: str) -> None:
    for latex in chain.from_iterable(section.LATEX.values() for section in SECTIONS):
        read(in_notation(latex, resolve_notation([preset], {})))


def test_own_letters_lie_on_top_of_presets() -> None:
    notation = resolve_notation(["ridge"], {"input_variance": r"\omega"})
    assert notation == {"weight_decay": r"\lambda", "input_variance": r"\omega"}


COLLISIONS = [
    ({"weight_decay": r"\lambda"}, "the symbol of the input variance along an axis"),
    ({"weight_decay": "W"}, "the symbol of the first-layer weights"),
    ({"first_layer": "W_1", "second_layer": "W_1"}, "the symbol of the second-layer weights"),
    # An index makes them the same.
    ({"first_layer": r"\psi_1", "gain": r"\psi"}, "the symbol of the gain"),
    ({"gain": r"\mathit{s}"}, "the symbol of the singular value"),
    ({"gain": "{s}"}, "the symbol of the singular value"),
    ({"weight_decay": "L"}, "the letter of the expected loss"),
    ({"learning_rate": r"\ell"}, "the letter of the loss of one sample"),
    ({"batch": "i"}, "the letter of an index"),
    ({"inputs": "d"}, "the letter of an index"),
    ({"input_variance": r"\Lambda"}, "the letter of the slope"),
]


@pytest.mark.parametrize(("own", "reason"), COLLISIONS, ids=lambda value: str(value)[:40])
def test_letters_that_look_alike_are_refused(own: dict[str, str], reason: str) -> None:
    with pytest.raises(RequestError, match="notation") as refusal:
        resolve_notation([], own)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    "latex",
    ["a+b", "{}", "2", "=", r"\star", "x^2^3", "ab", r"\hat{}", r"\mathrm{penalties}", r"\text{ }"],
)
def test_what_does_not_typeset_as_one_symbol_is_refused(latex: str) -> None:
    with pytest.raises(RequestError, match=r"notation\.weight_decay = "):
        resolve_notation([], {"weight_decay": latex})


def test_layers_told_apart_by_index_or_exponent_do_not_collide() -> None:
    for first, second in (("W_1", "W_2"), ("W^{(1)}", "W^{(2)}"), (r"\mathbf{W}", r"\mathbf{V}")):
        own = {"first_layer": first, "second_layer": second}
        assert resolve_notation([], own) == own


@pytest.mark.parametrize(
    ("notation", "sentence"),
    [
        ('preset = "bayesian"', 'notation.preset = "bayesian" is unknown'),
        ("preset = 3", "notation.preset = 3 must be the name of a preset"),
        (r'weight_decay = "\\lambda"', r'notation.weight_decay = "\lambda" looks like'),
        ('weight_decay = "a+b"', 'notation.weight_decay = "a+b" must be one letter'),
        (r'weight_decay = "\\input"', r"uses \input"),
    ],
)
def test_the_command_line_refuses_a_notation_in_one_sentence(
    write_study: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    notation: str,
    sentence: str,
) -> None:
    path = write_study(f"{ANISOTROPIC}[notation]\n{notation}\n")
    assert run(["derive", str(path)]) == 2
    message = capsys.readouterr().err
    assert sentence in message
    assert message.count("\n") == 1


def test_a_letter_of_the_notation_may_not_be_a_symbol_of_the_study(
    write_study: Callable[[str], Path],
) -> None:
    text = ANISOTROPIC.replace("lambda_3", "rho_3")
    assert read_study(write_study(text)).missing == ()
    with pytest.raises(RequestError, match='looks like the symbol "rho_3" of the study'):
        read_study(write_study(f'{text}[notation]\npreset = "ridge"\n'))


# A number of ANISOTROPIC, what is written there, and what its letter means in a derivation.
BORROWED = [
    ('"lambda_1"', '"T"', "the contribution of one axis"),
    ('"lambda_1"', '"K"', "the corrector of the rotation"),
    ('"lambda_1"', '"k2"', "the decay rate of a representation"),
    ('"lambda_1"', '"sigma_1"', "the standard deviation of the label noise"),
    ('"lambda_1"', '"varepsilon"', "the label noise of one sample"),
    ('"eta"', '"h"', "an eigenvalue of the Hessian"),
    ('"eta"', '"lambda_1"', "the input variance along an axis"),
    ('"gamma"', '"l"', "an index of an axis"),
    ('"gamma"', '"eta**2"', "the learning rate"),
    ('"gamma"', '"zeta"', "the noise of one step"),
    ('"gamma"', '"sqrt(1 + theta)"', "all weights"),
]


@pytest.mark.parametrize(("old", "new", "meaning"), BORROWED)
def test_letters_of_the_theory_are_no_symbols_of_a_study(
    write_study: Callable[[str], Path], old: str, new: str, meaning: str
) -> None:
    text = ANISOTROPIC.replace(old, new).partition("[values]")[0]
    with pytest.raises(RequestError, match=rf"whose letter stands for {meaning} in") as refusal:
        derive(read_study(write_study(text)))
    field = {'"lambda_1"': "inputs.covariance.0", '"eta"': "learning.rate"}
    assert refusal.value.field == field.get(old, "learning.weight_decay")


def test_all_borrowed_letters_are_named_at_once_with_letters_that_are_free(
    write_study: Callable[[str], Path],
) -> None:
    text = ANISOTROPIC.replace('"lambda_1"', '"T"').replace('"eta"', '"h"').partition("[values]")[0]
    with pytest.raises(RequestError) as refusal:
        derive(read_study(write_study(text)))
    assert str(refusal.value) == (
        'inputs.covariance.0 names the symbol "T", whose letter stands for the contribution of '
        'one axis in the derivation, as does that of "h" for an eigenvalue of the Hessian; choose '
        'other names, such as "alpha", "beta", "rho", "chi"'
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["k_1", "k_2"], 'symbols "k_1" and "k_2", whose letter'),
        (["k_1", "h", "k_2", "k_3"], 'symbols "k_1", "k_2" and "k_3", whose letter'),
        ([f"k_{index}" for index in range(9)], '"k_5" and 3 more, whose letter'),
    ],
)
def test_a_meaning_is_named_once_for_all_symbols_that_borrow_its_letter(
    names: list[str], said: str
) -> None:
    fields = [(f"inputs.covariance.{place}", name, name) for place, name in enumerate(names)]
    with pytest.raises(RequestError) as refusal:
        refuse_letters_of_the_theory({}, fields)
    assert said in str(refusal.value)
    assert str(refusal.value).count("stands for") == 1


TEN_LETTERS = """
network = { inputs = 3, outputs = 3, hidden = 3 }
inputs = { covariance = ["c", "v_1", "kappa"] }
teacher = { map = ["d", "q", "f"], label_noise = ["z", "w", "nu"] }
learning = { rate = "u", weight_decay = "b", batch = "alpha_b" }
"""


def test_the_derivation_takes_other_letters_for_local_ones(
    write_study: Callable[[str], Path],
) -> None:
    study = read_study(write_study(TEN_LETTERS))
    letters = letters_of(study)
    uses = [
        (field, name, plain_latex(name))
        for field, value in study.numbers.items()
        for name in value.symbols
    ]
    refuse_letters_of_the_theory(letters, uses)
    assert set(letters) == {"c", "v", r"\kappa", "d", "q", "f", "z", "w", r"\nu", "u", "b"}
    used = {latex.partition("_")[0] for _, _, latex in uses}
    kept = {text for text in (*VOCABULARY, *INDICES) if text not in letters}
    kept |= {role.latex for role in ROLES.values()}
    new = [latex.strip("{}") for latex in letters.values()]
    assert not used & {*new, *kept}
    assert not kept & set(new)
    assert len(set(new)) == len(new)
    # An index of the theory and a symbol of the study, which SymPy tells apart by what they are.
    index, own = sp.Symbol("c", integer=True, positive=True), sp.Symbol("c", positive=True)
    printed = adapted_names(letters, {index, own}, {}, {own})
    assert printed == {index: letters["c"]}


def test_a_study_may_call_the_weight_decay_as_its_notation_does(
    write_study: Callable[[str], Path],
) -> None:
    text = ANISOTROPIC.partition("[values]")[0].replace('"gamma"', '"beta"')
    own = '[notation]\nweight_decay = "\\\\beta"\n'
    study = read_study(write_study(f"{text}{own}"))
    assert study.notation == {"weight_decay": r"\beta"}
    with pytest.raises(RequestError, match='looks like the symbol "beta" of the study'):
        read_study(write_study(text.replace('"beta"', '"2*beta"') + own))


@pytest.mark.parametrize("letter", FREE_LETTERS)
def test_what_is_offered_is_free_in_every_field(letter: str) -> None:
    fields = ("inputs.covariance.0", "teacher.map.0", "teacher.label_noise", "learning.rate")
    refuse_letters_of_the_theory({}, [(field, letter, f"\\{letter}") for field in fields])


def test_of_every_field_it_is_known_which_letters_are_at_home_there() -> None:
    known = (*FIELD_ROLES, *AT_HOME.values())
    assert [field for field in number_fields() if not field.startswith(known)] == []


@pytest.mark.parametrize(
    ("name", "letter", "meaning"),
    [
        ("lambda_i", "i", "a hidden axis"),
        ("rho_l", "l", "an axis"),
        ("lambda_ij", "i", "a hidden axis"),
        ("rho_k_j", "j", "a hidden axis"),
        ("lambda_t", "t", "the time step"),
    ],
)
def test_letters_of_indices_are_no_subscripts_of_a_study(
    write_study: Callable[[str], Path], name: str, letter: str, meaning: str
) -> None:
    """A formula for axis i would be read as one of every axis, or the other way round."""
    text = ANISOTROPIC.partition("[values]")[0].replace("lambda_2", name)
    with pytest.raises(RequestError, match=f"subscript has {letter}, the letter of .*{meaning} in"):
        derive(read_study(write_study(text)))


@pytest.mark.parametrize("name", ["decay_rate", "dimension", "synaptic", "missed_V"])
def test_names_of_the_derivation_are_no_symbols_of_a_study(
    write_study: Callable[[str], Path], name: str
) -> None:
    text = ANISOTROPIC.partition("[values]")[0].replace('"gamma"', f'"{name}"')
    with pytest.raises(RequestError, match="a name that the derivation itself uses") as refusal:
        derive(read_study(write_study(text)))
    assert refusal.value.field == "learning.weight_decay"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a" * 100, False), ("m" * 10, False), ("eta_" + "of_the_net" * 4, False),
        ("learning_rate", True), ("l" * 19, True),
    ],
)  # fmt: skip
def test_a_symbol_for_which_formulas_have_no_room_is_refused(name: str, fits: bool) -> None:
    uses = [("learning.rate", name, plain_latex(name))]
    if fits:
        refuse_wide_symbols(uses)
        return
    with pytest.raises(RequestError, match=r"em wide; a symbol of a study may take 8 em") as said:
        refuse_wide_symbols(uses)
    assert said.value.field == "learning.rate"
    assert len(str(said.value)) < 220


def test_symbols_that_print_alike_are_refused(write_study: Callable[[str], Path]) -> None:
    text = ANISOTROPIC.replace('"lambda_1"', '"alpha1"').replace('"lambda_2"', '"alpha_1"')
    with pytest.raises(
        RequestError, match='names the symbol "alpha_1", which prints like "alpha1"'
    ):
        derive(read_study(write_study(text.partition("[values]")[0])))


def test_a_letter_with_its_own_meaning_is_at_home(write_study: Callable[[str], Path]) -> None:
    text = ANISOTROPIC.partition("[values]")[0].replace('"eta"', '"beta"')
    names = ("nu", "nu_1", "rho", "c_1", "Sigma_11", "lambda1", "ell", "Kb", "wd", "T1_2")
    for name in (*names, "lambda_bit"):
        study = read_study(write_study(text.replace("lambda_1", name)))
        uses = [
            (field, item, plain_latex(item))
            for field, value in study.numbers.items()
            for item in value.symbols
        ]
        refuse_letters_of_the_theory(study.notation, uses)


@pytest.mark.parametrize("name", ["Sigma", "Sigma1"])
def test_a_number_is_an_entry_of_its_matrix_and_not_the_matrix(
    write_study: Callable[[str], Path], name: str
) -> None:
    text = ANISOTROPIC.partition("[values]")[0]
    study = read_study(write_study(text.replace("lambda_1", name)))
    uses = [
        (field, item, plain_latex(item))
        for field, value in study.numbers.items()
        for item in value.symbols
    ]
    if name == "Sigma1":
        refuse_letters_of_the_theory(study.notation, uses)
        return
    with pytest.raises(RequestError, match='"Sigma", whose letter stands for the input covariance'):
        refuse_letters_of_the_theory(study.notation, uses)


def test_of_every_field_it_is_known_what_its_numbers_are_called() -> None:
    """But of stimuli that are followed: a derivation does not know them."""
    fields = {field for field in number_fields() if not field.startswith("stimulus.")}
    assert fields == set(CALLED)


def test_a_document_says_what_each_symbol_of_the_study_stands_for() -> None:
    def sentence(name: str) -> str:
        text, symbols = called(read_study(name))
        return text.format(**symbols)

    assert sentence("bottleneck") == (
        " The study writes lambda_1, lambda_2 and nu for the input variances, eta for the "
        "learning rate and gamma for the weight decay."
    )
    assert sentence("isotropic_autoencoder") == (
        " The study writes n for the number of inputs, outputs and hidden units, lambda for the "
        "input variance, sigma**2 for the variance of the label noise, eta for the learning rate "
        "and gamma for the weight decay."
    )
    assert sentence("misaligned_teacher").startswith(
        " The study writes correlation for the entry of the input covariance, eta for the "
    )
    assert sentence("digits") == ""


@pytest.mark.parametrize(
    ("latex", "index", "indexed"),
    [
        ("W", "il", "W_{il}"),
        ("W_1", "il", "W_{1,il}"),
        (r"\Sigma_{xx}", "i", r"\Sigma_{xx,i}"),
        ("W^{(1)}", "i", "W^{(1)}_{i}"),
        (r"\mathbf{W}", "i", r"\mathbf{W}_{i}"),
        ("v_{a}^{*}", "2", "v^{*}_{a,2}"),
    ],
)
def test_an_index_joins_the_subscript_that_is_there(latex: str, index: str, indexed: str) -> None:
    assert with_index(latex, index) == indexed
    assert read(indexed).latex == indexed


@pytest.mark.parametrize(
    ("latex", "mark", "marked"),
    [
        ("W", "*", "W^{*}"),
        ("W_1", "*", "W_{1}^{*}"),
        ("W^{(1)}", r"\mathsf{T}", r"W^{(1)\mathsf{T}}"),
    ],
)
def test_a_mark_joins_the_superscript_that_is_there(latex: str, mark: str, marked: str) -> None:
    assert with_superscript(latex, mark) == marked
    assert read(marked).latex == marked


def test_a_superscript_is_never_raised_upon_another() -> None:
    assert in_notation("W^{*}", {"first_layer": "W^{(1)}"}) == "W^{(1)*}"


@pytest.mark.parametrize(
    ("latex", "rewritten"),
    [
        (r"\delta U_{il}", r"\delta W_{2,il}"),
        (r"\partial_U L", r"\partial_{W_2} L"),
        ("g_{U}", "g_{W_2}"),
        (r"\max(n, m)", r"\max(d_0, d_2)"),
        (r"\frac{\partial k_1}{\partial \lambda_1}", r"\frac{\partial k_1}{\partial \rho_{1}}"),
        (r"\ln \gamma", r"\ln \lambda"),
        # The deviation n_t is no number of inputs, and the letter of the expectation no role.
        ("n_{t+1}", "n_{t+1}"),
        ("n_t", "n_t"),
        (r"\mathbb{E}[x_i^2]", r"\mathbb{E}[x_i^2]"),
        (r"\mathrm{U}", r"\mathrm{U}"),
    ],
)
def test_formulas_follow_the_letters_of_the_study(latex: str, rewritten: str) -> None:
    notation = resolve_notation(["numbered_layers", "ridge", "layer_widths"], {})
    assert in_notation(latex, notation) == rewritten
    assert in_notation(latex, {}) == latex


def test_letters_change_places_in_one_go() -> None:
    swapped = {"weight_decay": r"\lambda", "input_variance": r"\gamma"}
    assert in_notation(r"\lambda + \gamma", swapped) == r"\gamma + \lambda"


def test_a_letter_never_runs_into_the_next_one() -> None:
    assert in_notation("Wx", {"first_layer": r"\omega"}) == r"\omega x"
    assert in_notation(r"\bar U", {"second_layer": "W_2"}) == r"\bar {W_2}"


def letter_of(latex: str) -> Node | None:
    """Letter of a symbol without scripts, groups and accents; None for other formulas."""
    node: Node = parse(latex)
    while not isinstance(node, Symbol | Word):
        match node:
            case Row(nodes=(only,)) | Scripts(base=only) | Accented(body=only):
                node = only
            case _:
                return None
    return node


def test_every_letter_that_the_derivation_uses_is_reserved_or_belongs_to_a_role() -> None:
    known = {letter_of(latex) for latex in (*VOCABULARY, *INDICES)}
    known |= {letter_of(role.latex) for role in ROLES.values()}
    modules = [
        import_module(module.name)
        for package in (symdrift.theory, symdrift.derivation)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    printed = [latex for module in modules for latex in getattr(module, "LATEX", {}).values()]
    letters = {latex: letter_of(latex) for latex in printed}
    symbols = {
        latex: letter
        for latex, letter in letters.items()
        if isinstance(letter, Symbol) and letter.character.isalpha()
    }
    assert len(symbols) > 50
    assert {latex for latex, letter in symbols.items() if letter not in known} == set()


# What stands in a document between prose, and which of it is no letter of mathematics.
MATHEMATICS = re.compile(
    r"\$([^$]+)\$|\\begin\{(?:equation|align\*?|alignat)\}(.*?)\\end\{(?:equation|align\*?|alignat)\}",
    re.DOTALL,
)
INNER = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
REASON = re.compile(rf"\\(?:text|parbox\[t\]\{{[^{{}}]*\}}){INNER}")
WORDS = re.compile(r"\\(?:label|text|mathrm|mathsf|operatorname|begin|end|eqref)\{[^{}]*\}")
LETTER = re.compile(r"\\math(?:cal|bb|bf)\{\w\}|\\tilde\{?\\Omega\}?|\\[A-Za-z]+|[A-Za-z]")
GREEK = {latex for latex, glyph in GLYPHS.items() if glyph.kind is Kind.ORD} - {
    r"\partial",
    r"\infty",
    r"\top",
    r"\perp",
    r"\prime",
}


@pytest.mark.parametrize("fragment", sorted(GENERATED.glob("*/fragment.tex")), ids=str)
def test_no_letter_of_a_document_has_two_meanings(fragment: Path) -> None:
    study = read_study(fragment.parent.name)
    letters: set[str] = set()
    for match in MATHEMATICS.finditer(fragment.read_text("utf-8")):
        found = set(LETTER.findall(WORDS.sub("", REASON.sub("", match[1] or match[2]))))
        letters |= {x for x in found if x in GREEK or not re.fullmatch(r"\\[A-Za-z]+", x)}
    letters = {r"\tilde\Omega" if "tilde" in letter else letter for letter in letters}
    own = {name.partition("_")[0] for name in study.symbols}
    meanings = {*VOCABULARY, *INDICES, *(role.latex for role in ROLES.values())}
    assert len(letters) >= 40
    assert letters - own <= meanings


def test_tables_index_a_letter_that_has_a_subscript(write_study: Callable[[str], Path]) -> None:
    problem = read_study(write_study(ANISOTROPIC)).problem()
    table = parameter_table(problem, {"input_variance": "v_x", "label_noise": r"\sigma_y"})
    cells = [row[0].latex for row in table.rows if isinstance(row[0], Formula)]
    assert {"v_{x,i}", r"\sigma_{y,i}^{2}"} <= set(cells)
