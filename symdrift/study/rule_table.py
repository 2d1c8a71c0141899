"""A rule of one's own, from the table ``[rule]`` of a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symdrift.errors import RequestError
from symdrift.rules.own_rule import TABLE, RuleText
from symdrift.rules.rule import Axes
from symdrift.study.kinds import VALUES, as_table, key, quoted, suggest

_FIELDS = ("weights", "define", "update", "loss", "activity", "parameters")
_NEEDED = ("weights", "activity")

MOST_TEXTS = 50
"""Entries of one table of a rule."""


def rule_text(table: Mapping[str, Any]) -> RuleText:
    """A rule as it is written; `symdrift.rules.own_rule.OwnRule` reads its texts.

    Parameters
    ----------
    table : Mapping
        The parsed table ``[rule]``.

    Raises
    ------
    RequestError
        When a field is unknown, missing, or holds what it may not.
    """
    for name in table:
        if name not in _FIELDS:
            raise RequestError(
                f"{TABLE}.{key(name)}", f"is unknown; {suggest(name, _FIELDS, 'fields')}"
            )
    for name in _NEEDED:
        if name not in table:
            raise RequestError(f"{TABLE}.{name}", "is missing")
    weights = as_table(table["weights"], f"{TABLE}.weights")
    loss = table.get("loss", "")
    if "loss" in table and (not isinstance(loss, str) or not loss.strip()):
        raise RequestError(f"{TABLE}.loss", f"= {quoted(loss)} must be an expression, as text")
    numbers = VALUES.read(table.get("parameters", {}), f"{TABLE}.parameters")
    return RuleText(
        weights={
            name: _axes(value, f"{TABLE}.weights.{key(name)}") for name, value in weights.items()
        },
        activity=_texts(table, "activity"),
        update=_texts(table, "update"),
        loss=loss,
        define=_texts(table, "define"),
        parameters={
            name: number.evaluate({}, f"{TABLE}.parameters.{name}")
            for name, number in numbers.items()
        },
    )


def _axes(value: Any, field: str) -> Axes:
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(a, str) for a in value)):
        raise RequestError(
            field, f'= {quoted(value)} must be its two axes, as ["hidden", "inputs"] for example'
        )
    return value[0], value[1]


def _texts(table: Mapping[str, Any], name: str) -> dict[str, str]:
    place = f"{TABLE}.{name}"
    found = as_table(table.get(name, {}), place)
    if len(found) > MOST_TEXTS:
        raise RequestError(place, f"has {len(found)} entries; at most {MOST_TEXTS} are allowed")
    for entry, text in found.items():
        if not isinstance(text, str):
            raise RequestError(
                f"{place}.{key(entry)}", f"= {quoted(text)} must be an expression, as text"
            )
    return dict(found)
