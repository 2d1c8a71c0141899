"""Matrix expressions read from text without ever evaluating code.

The language is names, decimal numbers, ``@ + - *``, ``/`` by a scalar, ``.T``, ``inv()``,
``trace()`` and parentheses.  ``@`` and ``*`` bind alike, from left to right, as in Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np

from symdrift.algebra.matrix_terms import SCALAR, AxesDoNotFit, Given, Term
from symdrift.quoting import shown

LONGEST_TEXT = 500
"""Characters in one expression."""

DEEPEST_NESTING = 40
"""Parentheses and signs inside one another."""

RESERVED = ("inv", "trace", "T")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<operator>\.T(?![A-Za-z0-9_])|\*\*|[-+*/@()]))",
    re.ASCII,
)
_MOST_NAMED = 20
"""Names that a message lists."""


class NotATerm(ValueError):
    """Rest of the sentence that says what is wrong with a text."""


def is_name(text: str) -> bool:
    """Whether a text can name a matrix or a parameter."""
    return _NAME.fullmatch(text) is not None and text not in RESERVED


def term_of(text: str, names: Mapping[str, Term]) -> Term:
    """Read an expression.

    Parameters
    ----------
    text : str
        For example ``"(y @ y.T - M) / tau"``.
    names : Mapping of str to Term
        What the names in it mean.

    Raises
    ------
    NotATerm
        When the text is no expression, names what is not there, or axes in it do not fit; the
        message continues a sentence about the text.
    """
    if len(text) > LONGEST_TEXT:
        raise NotATerm(f"has {len(text)} characters; at most {LONGEST_TEXT} are allowed")
    try:
        return _Reader(text, names).whole()
    except AxesDoNotFit as problem:
        raise NotATerm(f"does not fit: {problem}") from None


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, names: Mapping[str, Term]) -> None:
        self._tokens = _tokens(text)
        self._names = names
        self._position = self._depth = 0

    def whole(self) -> Term:
        found = self._sum()
        if self._peek():
            raise NotATerm(f'is not an expression: "{self._peek()}" is not expected there')
        return found

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _sum(self) -> Term:
        left = self._product()
        while self._peek() in ("+", "-"):
            left = left + self._product() if self._take() == "+" else left - self._product()
        return left

    def _product(self) -> Term:
        left = self._signed()
        while (token := self._peek()) in ("@", "*", "/"):
            self._take()
            right = self._signed()
            left = left @ right if token == "@" else left * right if token == "*" else left / right
        return left

    def _signed(self) -> Term:
        self._depth += 1
        if self._depth > DEEPEST_NESTING:
            raise NotATerm(f"is nested more than {DEEPEST_NESTING} levels deep")
        if self._peek() in ("+", "-"):
            found = self._signed() if self._take() == "+" else -self._signed()
        else:
            found = self._transposed()
        self._depth -= 1
        return found

    def _transposed(self) -> Term:
        found = self._atom()
        while self._peek() == ".T":
            self._take()
            found = found.T
        return found

    def _atom(self) -> Term:
        token = self._take()
        if token == "(" or (token in ("inv", "trace") and self._peek() == "("):
            if token != "(":
                self._take()
            inside = self._sum()
            if self._take() != ")":
                raise NotATerm('is not an expression: a ")" is missing')
            return inside if token == "(" else inside.inv() if token == "inv" else inside.trace()
        if _NAME.fullmatch(token):
            return self._named(token)
        if token[:1] in {*"0123456789."} and token != ".T":
            return Given(SCALAR, SCALAR, np.full((1, 1), float(token)))
        what = f'"{token}" is not expected there' if token else "it ends too early"
        raise NotATerm(f"is not an expression: {what}")

    def _named(self, token: str) -> Term:
        if self._peek() == "(":
            raise NotATerm(
                f'has "{token}(": functions are inv and trace; one that acts entry by entry would '
                "depend on the basis of the hidden layer"
            )
        if token not in self._names:
            close = get_close_matches(token, self._names, n=1)
            hint = f'did you mean "{close[0]}"? ' if close else ""
            known = ", ".join([*self._names][:_MOST_NAMED])
            raise NotATerm(f'names "{token}", which is not there: {hint}known are {known}')
        return self._names[token]


def _tokens(text: str) -> tuple[str, ...]:
    found, position, text = [], 0, text.rstrip()
    while position < len(text):
        if (match := _TOKEN.match(text, position)) is None or match.group().lstrip() == "**":
            at_fault = "**" if match else text[position:].lstrip()[:1]
            raise NotATerm(
                f'has "{shown(at_fault)}", which is not allowed in it; names, numbers, '
                "@ + - * /, .T, inv(), trace() and parentheses are"
            )
        found.append(match.group().lstrip())
        position = match.end()
    return tuple(found)
