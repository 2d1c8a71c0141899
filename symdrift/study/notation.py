"""The letters that a study's file gives to the roles of the theory, as far as text can tell."""

from __future__ import annotations

import re
from typing import Any

from symdrift.errors import RequestError
from symdrift.study.kinds import LONGEST_LABEL, Kind, Schema, as_table, key, quoted, suggest
from symdrift.study.roles import PRESETS, ROLES

# A command takes all the letters behind it and gives none back: linear in the text.
_LATEX = re.compile(r"(?:\\[A-Za-z]++|[A-Za-z0-9 {}^_,'()*+-]|\\[,;!])*+")
# Notation comes from files of unknown origin and ends up in a document that TeX runs.
_ALLOWED_COMMANDS = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu
nu xi pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar imath jmath
star ast prime dagger top perp parallel circ bullet infty
hat widehat tilde widetilde bar overline vec dot ddot check breve
mathrm mathbf mathit mathsf mathcal mathbb mathfrak boldsymbol operatorname text
"""
_LATEX_COMMANDS = frozenset(_ALLOWED_COMMANDS.split())


def _notation(value: Any, field: str) -> dict[str, str]:
    table = as_table(value, field)
    presets = table.get("preset", [])
    presets = [presets] if isinstance(presets, str) else presets
    if not isinstance(presets, list) or not all(isinstance(name, str) for name in presets):
        raise RequestError(
            f"{field}.preset", f"= {quoted(presets)} must be the name of a preset, or a list"
        )
    own = {role: latex for role, latex in table.items() if role != "preset"}
    for role, latex in own.items():
        _refuse_other_latex(role, latex, f"{field}.{key(role)}")
    if not table:
        return {}
    # Looks at letters as they are typeset, which most studies do not need.
    from symdrift.study.letters import resolve_notation

    return resolve_notation(presets, own)


def _schema() -> Schema:
    preset = {"enum": list(PRESETS)}
    latex = {"type": "string", "pattern": r"\S", "maxLength": LONGEST_LABEL}
    roles = {
        role: {"description": entry.meaning, "default": entry.latex, **latex}
        for role, entry in ROLES.items()
    }
    presets = {
        "description": "letters by name",
        "anyOf": [preset, {"type": "array", "items": preset}],
    }
    return {
        "type": "object",
        "properties": {"preset": presets, **roles},
        "additionalProperties": False,
    }


def _refuse_other_latex(role: str, latex: Any, field: str) -> None:
    if role not in ROLES:
        raise RequestError(field, f"is no role; {suggest(role, ROLES, 'roles')}")
    if not isinstance(latex, str) or not latex.strip() or len(latex) > LONGEST_LABEL:
        raise RequestError(
            field, f"= {quoted(latex)} must be LaTeX of 1 to {LONGEST_LABEL} characters"
        )
    if not _balanced(latex):
        raise RequestError(field, f"= {quoted(latex)} must close every brace that it opens")
    if rest := _LATEX.sub("", latex, count=1):
        raise RequestError(
            field,
            f"= {quoted(latex)} holds {quoted(rest[0])}; it must be LaTeX mathematics: "
            "letters, digits, spaces, commands and {}^_,'()*+-",
        )
    for command in re.findall(r"\\([A-Za-z]+)", latex):
        if command not in _LATEX_COMMANDS:
            raise RequestError(
                field,
                f"= {quoted(latex)} uses \\{command}; only Greek letters, accents and "
                "alphabets are allowed",
            )


def _balanced(latex: str) -> bool:
    depth = 0
    for character in latex:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


NOTATION = Kind(_notation, "LaTeX by role, and presets", _schema())
