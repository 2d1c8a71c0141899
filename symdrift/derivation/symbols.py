"""The symbols of the theory: one SymPy symbol per role.

Indices (``i``, ``j``, ``l`` or numbers) are attached to a role, never part of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import sympy as sp

from symdrift.study import Study
from symdrift.study.letters import in_notation, replaced_letters
from symdrift.study.roles import ROLES
from symdrift.typesetting.reading import with_index


def symbol(role: str, index: str | int = "", **assumptions: bool) -> sp.Symbol:
    """The symbol of a role, with an index attached; positive unless told otherwise."""
    stem = ROLES[role].name
    name = f"{stem}_{index}" if index != "" else stem
    return sp.Symbol(name, **(assumptions or {"positive": True}))


_GREEK = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu
xi pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
GREEK = frozenset(_GREEK.split())
"""Names that print as Greek letters."""

ETA = symbol("learning_rate")
GAMMA = symbol("weight_decay")
BATCH = symbol("batch")
TIME = symbol("time")
INPUTS = symbol("inputs", positive=True, integer=True)


def letters_of(study: Study) -> dict[str, str]:
    """LaTeX by role, and by each letter that the theory does without because the study uses it."""
    uses = (
        (field, name, plain_latex(name))
        for field, value in study.numbers.items()
        for name in value.symbols
    )
    return {**study.notation, **replaced_letters(study.notation, uses)}


def latex_names(overrides: Mapping[str, str], symbols: Iterable[sp.Symbol]) -> dict[sp.Basic, str]:
    """LaTeX of every symbol whose stem is the stem of a role.

    Parameters
    ----------
    overrides : Mapping[str, str]
        Role to LaTeX, from the study's ``[notation]``.
    symbols : iterable of sympy.Symbol
        The symbols that the document prints; others keep SymPy's own print.
    """
    by_stem = {role.name: overrides.get(key, role.latex) for key, role in ROLES.items()}
    names: dict[sp.Basic, str] = {}
    for item in symbols:
        stem, _, index = item.name.partition("_")
        if stem in by_stem:
            index = _index(index)
            names[item] = with_index(by_stem[stem], index) if index else by_stem[stem]
    return names


def plain_latex(name: str) -> str:
    r"""LaTeX of a symbol that has no print of its own: a name of several letters is one word.

    >>> plain_latex("wd_in2"), plain_latex("xi_4"), plain_latex("var1"), plain_latex("q")
    ('\\mathrm{wd}_{\\mathrm{in2}}', '\\xi_{4}', '\\mathrm{var}_{1}', 'q')
    """
    if not name.strip("_"):
        underscores = r"\_" * len(name)
        return rf"\mathrm{{{underscores}}}"
    stem, index = stem_of(name)
    return f"{_word(stem)}{f'_{{{_index(index)}}}' if index else ''}"


def stem_of(name: str) -> tuple[str, str]:
    """The letter or word that a name begins with, and its index, empty if it has none."""
    stem, _, index = name.strip("_").partition("_")
    letters = stem.rstrip("0123456789")
    if letters and letters != stem and not index:
        return letters, stem[len(letters) :]
    return stem, index


def _index(index: str) -> str:
    """LaTeX of what stands behind the first underscore of a name: words, numbers, or ``il``."""
    return ",".join(
        _word(part) if re.match("[A-Za-z]{2}", part) and not set(part) <= set("ijkl") else part
        for part in index.split("_")
        if part
    )


def _word(word: str) -> str:
    """LaTeX of a letter, a number, a Greek letter by its name, or any other word."""
    if word in GREEK:
        return f"\\{word}"
    return word if len(word) == 1 or word.isdigit() else rf"\mathrm{{{word}}}"


def adapted_names(
    overrides: Mapping[str, str],
    symbols: Iterable[sp.Basic],
    fixed: Mapping[sp.Basic, str],
    own: Collection[sp.Basic] = (),
) -> dict[sp.Basic, str]:
    r"""LaTeX of the symbols that are no role, with the roles named in it in a study's letters.

    Only of those that SymPy would print otherwise.  With ``U`` printed as ``W_2``, the
    variation ``\delta U`` prints as ``\delta W_2`` and the gradient ``g_U``, which has no fixed
    print, as ``g_{W_2}``.

    Parameters
    ----------
    overrides : Mapping[str, str]
        Role to LaTeX, from the study's ``[notation]``.
    symbols : iterable of sympy.Basic
        The symbols that the document prints.
    fixed : Mapping[sympy.Basic, str]
        Print of the symbols that are no role, in the default letters.
    own : collection of sympy.Basic
        Symbols of the study, which keep their letters.
    """
    stems = {role.name for role in ROLES.values()}
    adapted = {item: in_notation(latex, overrides) for item, latex in fixed.items()}
    for item in sorted(symbols, key=lambda item: (str(item), str(type(item)))):
        name = str(item)
        printed = item.label if isinstance(item, sp.IndexedBase) else item
        if printed in fixed or name.partition("_")[0] in stems:
            continue
        latex = str(sp.latex(item))
        # SymPy would print wd as a product and xbar with an accent.
        letters = plain_latex(name)
        if (printed_as := letters if item in own else in_notation(letters, overrides)) != latex:
            adapted[item] = printed_as
    return adapted
