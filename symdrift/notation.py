"""The symbols of the theory: one SymPy symbol per role.

Indices (``i``, ``j``, ``l`` or numbers) are attached to a role, never part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from symdrift.roles import ROLES


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
            names[item] = by_stem[stem] + (f"_{{{index}}}" if index else "")
    return names
