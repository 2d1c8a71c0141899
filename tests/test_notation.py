from __future__ import annotations

import pytest
import sympy as sp

from symdrift.derivation.symbols import adapted_names, in_order, latex_names, symbol
from symdrift.study.roles import ROLES
from symdrift.study.symbol_names import plain_latex
from symdrift.typesetting import mathml
from symdrift.typesetting.printer import TheoryPrinter
from symdrift.typesetting.reading import read


def test_an_index_is_attached_to_a_role() -> None:
    assert symbol("input_variance", "i").name == "lambda_i"
    assert symbol("input_variance", 2) == symbol("input_variance", "2")
    assert symbol("gain").is_positive
    assert symbol("input", 1, real=True).is_positive is None


def test_symbols_of_one_name_have_an_order() -> None:
    named = [*(sp.Symbol("a", **{kind: True}) for kind in ("integer", "positive")), sp.Symbol("a")]
    assert in_order(named) == in_order(reversed(named))


def test_no_two_roles_share_a_symbol() -> None:
    assert len({role.name for role in ROLES.values()}) == len(ROLES)


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(KeyError):
        symbol("temperature")


def test_a_study_renames_a_role_with_all_of_its_indices() -> None:
    used = [symbol("input_variance", "i"), symbol("input_variance"), symbol("learning_rate")]
    names = latex_names({"input_variance": "v"}, used)
    assert names == {used[0]: "v_{i}", used[1]: "v", used[2]: r"\eta"}


def test_symbols_without_role_are_left_to_sympy() -> None:
    assert latex_names({}, [sp.Symbol("rho"), sp.Symbol("rho_1")]) == {}


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("wd", r"\mathrm{wd}"),
        ("lr", r"\mathrm{lr}"),
        ("var1", r"\mathrm{var}_{1}"),
        ("noise_out", r"\mathrm{noise}_{\mathrm{out}}"),
        # SymPy reads these as accents.
        ("xbar", r"\mathrm{xbar}"),
        ("what", r"\mathrm{what}"),
        ("q_in", r"q_{\mathrm{in}}"),
        ("phi", r"\phi"),
        ("rho_12", r"\rho_{12}"),
        ("v", "v"),
        ("_", r"\mathrm{\_}"),
    ],
)
def test_a_name_of_several_letters_prints_as_a_word(name: str, latex: str) -> None:
    assert plain_latex(name) == latex
    assert read(latex).latex == latex


def test_words_keep_apart_from_their_neighbours() -> None:
    wd, lr, q = sp.symbols("wd lr q", positive=True)
    printer = TheoryPrinter(adapted_names({}, [wd, lr, q], {}))
    assert printer.doprint(4 * lr * q * wd**4).latex == r"4 \, \mathrm{lr} \, \mathrm{wd}^{4} \, q"
    assert printer.doprint(wd / (lr + q)).latex == r"\frac{\mathrm{wd}}{\mathrm{lr} + q}"
    assert '<mi mathvariant="normal">wd</mi>' in mathml.inline(printer.doprint(4 * lr * wd))


def test_the_index_of_a_role_prints_as_a_word() -> None:
    variance, pair = sp.Symbol("lambda_freq"), sp.Symbol("Gamma_il")
    names = latex_names({}, [variance, pair])
    assert names == {variance: r"\lambda_{\mathrm{freq}}", pair: r"\Gamma_{il}"}
