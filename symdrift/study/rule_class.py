"""A learning rule as a Python class: its methods are asked once, what they return is text."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from math import inf
from typing import Any

from symdrift.algebra.matrix_terms import SAMPLE, SCALAR, AxesDoNotFit, Letter, Term, written
from symdrift.errors import RequestError
from symdrift.rules.own_rule import TABLE, require_axes

_ASKED = "update", "loss", "activity"


def rule_document(rule: Any) -> dict[str, Any]:
    """The table ``[rule]`` of a study that says what a class says.

    Parameters
    ----------
    rule : object
        See :meth:`symdrift.study.Study.with_rule`.

    Raises
    ------
    RequestError
        When it lacks something, a method asks for what is not there, or does with matrices what
        a rule cannot do.
    """
    if isinstance(rule, type):
        raise RequestError(TABLE, f"is the class {rule.__name__}; give an object of it")
    weights, parameters = _mapping(rule, "weights"), _mapping(rule, "parameters")
    letters = {
        "x": Letter("inputs", SAMPLE, "x"),
        "target": Letter("outputs", SAMPLE, "target"),
        **{name: Letter(SCALAR, SCALAR, name) for name in ("weight_decay", *parameters)},
    }
    for name, axes in weights.items():
        pair = isinstance(axes, list | tuple) and len(axes) == 2
        if not (pair and all(isinstance(axis, str) for axis in axes)):
            raise RequestError(f"{TABLE}.weights.{name}", f"= {axes!r} must be its two axes")
        rows, columns = axes
        require_axes(name, (rows, columns), outputs=True)
        letters[name] = Letter(rows, columns, name)
    document: dict[str, Any] = {
        "weights": {name: list(axes) for name, axes in weights.items()},
        "parameters": dict(parameters),
    }
    for name in _ASKED:
        if (method := getattr(rule, name, None)) is not None:
            found = _answer(method, name, letters)
            place = f"{TABLE}.{name}"
            document[name] = (
                {key: _text(f"{place}.{key}", term) for key, term in found.items()}
                if isinstance(found, Mapping)
                else _text(place, found)
            )
    return document


def _mapping(rule: Any, name: str) -> Mapping[str, Any]:
    found = getattr(rule, name, {})
    if not isinstance(found, Mapping):
        raise RequestError(f"{TABLE}.{name}", f"= {found!r} must be a dictionary")
    return found


def _answer(method: Any, name: str, letters: Mapping[str, Term]) -> Any:
    """What a method makes of the letters that it asks for by name."""
    place = f"{TABLE}.{name}"
    if not callable(method):
        raise RequestError(place, f"= {method!r} must be a method")
    asked = [*signature(method).parameters]
    for argument in asked:
        if argument not in letters:
            raise RequestError(
                place, f'asks for "{argument}", which is not there: known are {", ".join(letters)}'
            )
    try:
        return method(**{argument: letters[argument] for argument in asked})
    except AxesDoNotFit as problem:
        raise RequestError(place, f"does not fit: {problem}") from None
    except (AttributeError, TypeError) as problem:
        raise RequestError(
            place,
            f"does what a rule cannot do ({problem}); @ + - *, / by a scalar, .T, .inv() and "
            ".trace() are understood, and what acts entry by entry would depend on the basis of "
            "the hidden layer",
        ) from None


def _text(place: str, found: Any) -> str:
    if not isinstance(found, Term):
        raise RequestError(place, f"= {found!r} must be made of the weights and the sample")
    return written(found, inf, inf)
