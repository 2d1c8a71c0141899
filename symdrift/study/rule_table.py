"""The table ``[rule]`` of a study, which holds a rule of one's own as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from symdrift.errors import RequestError
from symdrift.expressions import Expression
from symdrift.rules.rule import Axes
from symdrift.study.kinds import Kind, NamedNumbers, as_table, key, quoted, table_of

MOST_TEXTS = 50
"""Entries of one table of a rule."""


def _axes(value: Any, field: str) -> dict[str, Axes]:
    found: dict[str, Axes] = {}
    for name, axes in _bounded(value, field).items():
        pair = isinstance(axes, list) and len(axes) == 2
        if not (pair and all(isinstance(axis, str) for axis in axes)):
            raise RequestError(
                f"{field}.{key(name)}",
                f'= {quoted(axes)} must be its two axes, as ["hidden", "inputs"] for example',
            )
        found[name] = axes[0], axes[1]
    return found


def _term(value: Any, field: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RequestError(field, f"= {quoted(value)} must be an expression, as text")
    return value


def _terms(value: Any, field: str) -> dict[str, str]:
    table = _bounded(value, field)
    return {name: _term(text, f"{field}.{key(name)}") for name, text in table.items()}


def _bounded(value: Any, field: str) -> Mapping[str, Any]:
    found = as_table(value, field)
    if len(found) > MOST_TEXTS:
        raise RequestError(field, f"has {len(found)} entries; at most {MOST_TEXTS} are allowed")
    return found


_TEXT = {"type": "string", "pattern": r"\S"}
_PAIR = {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string"}}
_AXES = Kind(_axes, "two axes for each", {**table_of(_PAIR), "maxProperties": MOST_TEXTS})
_TERM = Kind(_term, "an expression, as text", _TEXT)
_TERMS = Kind(
    _terms, "an expression for each, as text", {**table_of(_TEXT), "maxProperties": MOST_TEXTS}
)


@dataclass(frozen=True)
class RuleTable:
    """What one sample does, or what it costs; `symdrift.rules.own_rule` reads the texts."""

    weights: Annotated[
        Mapping[str, Axes],
        _AXES,
        "weight matrices, with what their rows and columns count: inputs, outputs, hidden, or "
        "hidden_1, hidden_2 and so on",
    ]
    activity: Annotated[Mapping[str, str], _TERMS, "by hidden axis the activity that is watched"]
    update: Annotated[
        Mapping[str, str],
        _TERMS,
        "by weight matrix what one sample changes, per unit of the learning rate",
    ] = field(default_factory=dict)
    loss: Annotated[str, _TERM, "in the place of update what one sample costs"] = ""
    define: Annotated[
        Mapping[str, str], _TERMS, "names for terms, in order; later ones may use earlier ones"
    ] = field(default_factory=dict)
    parameters: Annotated[
        Mapping[str, Expression], NamedNumbers(), "numbers that the texts name"
    ] = field(default_factory=dict)
