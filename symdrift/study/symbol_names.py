"""How the symbols of a study print, and which of them no derivation takes; without SymPy."""

from __future__ import annotations

import re

from symdrift.expressions import Symbol
from symdrift.study.letters import (
    other_meaning,
    refuse_letters_of_the_theory,
    refuse_wide_symbols,
    replaced_letters,
)
from symdrift.study.model import Specification

_GREEK = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu
xi pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
GREEK = frozenset(_GREEK.split())
"""Names that print as Greek letters."""


def letters_of(study: Specification) -> dict[str, str]:
    """LaTeX by role, and by each letter that the theory does without because the study uses it."""
    uses = (
        (field, name, plain_latex(name))
        for field, value in study.numbers.items()
        for name in value.symbols
    )
    return {**study.notation, **replaced_letters(study.notation, uses)}


def renamed_variances(study: Specification) -> dict[str, str | int]:
    """Variances of the label noise that a derivation calls by the theory's letter.

    The theory has a letter for the standard deviation alone, so that a study has to find a
    name for the variance.  Where that has a letter which stands for something else, the
    square of the theory's letter takes its place: it means the same.

    Returns
    -------
    dict
        The index of the theory's letter, by symbol; empty where all outputs have one variance.
    """
    noise = study.teacher.label_noise
    entries = noise if isinstance(noise, tuple) else (noise,)
    whole = [entry.name for entry in entries if isinstance(entry, Symbol)]
    uses = [name for value in study.numbers.values() for name in value.symbols]
    found: dict[str, str | int] = {}
    letters = letters_of(study)
    for k, entry in enumerate(entries):
        if not isinstance(entry, Symbol) or uses.count(entry.name) > whole.count(entry.name):
            continue
        field = "teacher.label_noise"
        if other_meaning(letters, field, entry.name, plain_latex(entry.name)):
            found.setdefault(entry.name, k + 1 if isinstance(noise, tuple) else "")
    taken = any(stem_of(name)[0] == "sigma" for name in study.symbols)
    return {} if taken else found


def printed_symbols(study: Specification) -> list[tuple[str, str, str]]:
    """Fields of a study, each with a symbol that its number names, and its LaTeX.

    Raises
    ------
    RequestError
        When formulas have no room for a symbol, or its letter means something else in them.
    """
    renamed = renamed_variances(study)
    uses = [
        (field, name, plain_latex(name))
        for field, value in study.numbers.items()
        for name in value.symbols
        if name not in renamed
    ]
    refuse_wide_symbols(uses)
    refuse_letters_of_the_theory(letters_of(study), uses)
    return uses


def plain_latex(name: str) -> str:
    r"""LaTeX of a symbol that has no print of its own: a name of several letters is one word.

    >>> plain_latex("wd_in2"), plain_latex("xi_4"), plain_latex("var1"), plain_latex("q")
    ('\\mathrm{wd}_{\\mathrm{in2}}', '\\xi_{4}', '\\mathrm{var}_{1}', 'q')
    """
    if not name.strip("_"):
        underscores = r"\_" * len(name)
        return rf"\mathrm{{{underscores}}}"
    stem, index = stem_of(name)
    return f"{_word(stem)}{f'_{{{index_latex(index)}}}' if index else ''}"


def stem_of(name: str) -> tuple[str, str]:
    """The letter or word that a name begins with, and its index, empty if it has none."""
    stem, _, index = name.strip("_").partition("_")
    letters = stem.rstrip("0123456789")
    if letters and letters != stem and not index:
        return letters, stem[len(letters) :]
    return stem, index


def index_latex(index: str) -> str:
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
