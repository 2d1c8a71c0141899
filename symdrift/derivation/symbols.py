"""The symbols of the theory: one SymPy symbol per role.

Indices (``i``, ``j``, ``l`` or numbers) are attached to a role, never part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import sympy as sp

from symdrift.study.letters import in_notation
from symdrift.study.roles import ROLES
from symdrift.study.symbol_names import index_latex, plain_latex
from symdrift.typesetting.reading import with_index


def symbol(role: str, index: str | int = "", **assumptions: bool) -> sp.Symbol:
    """The symbol of a role, with an index attached; positive unless told otherwise."""
    stem = ROLES[role].name
    name = f"{stem}_{index}" if index != "" else stem
    return sp.Symbol(name, **(assumptions or {"positive": True}))


ETA = symbol("learning_rate")
GAMMA = symbol("weight_decay")
BATCH = symbol("batch")
TIME = symbol("time")
INPUTS = symbol("inputs", positive=True, integer=True)


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
            index = index_latex(index)
            names[item] = with_index(by_stem[stem], index) if index else by_stem[stem]
    return names


def in_order(symbols: Iterable[sp.Basic]) -> list[sp.Basic]:
    """By name, then kind, then assumptions: the same order in every run."""
    return sorted(symbols, key=lambda item: (str(item), str(type(item)), sp.srepr(item)))


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
    used = in_order(symbols)
    present = {item.label if isinstance(item, sp.IndexedBase) else item for item in used}
    adapted = {
        item: in_notation(latex, overrides) for item, latex in fixed.items() if item in present
    }
    for item in used:
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
