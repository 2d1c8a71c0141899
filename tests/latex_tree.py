"""What a reader of LaTeX mathematics sees, as a tree: an oracle for what is composed.

It is read from the text alone, with Unicode's names of the characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Symbol:
    """One letter, digit or sign."""

    character: str


@dataclass(frozen=True)
class Word:
    """A word in one font."""

    text: str
    font: str


@dataclass(frozen=True)
class Row:
    """A group."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Scripts:
    """A base with subscript and superscript."""

    base: Node
    sub: Row | None
    sup: Row | None


@dataclass(frozen=True)
class Fraction:
    """Numerator over denominator."""

    numerator: Row
    denominator: Row


@dataclass(frozen=True)
class Root:
    """A root, with its index when it is no square root."""

    body: Row
    index: Row | None = None


@dataclass(frozen=True)
class Fenced:
    """A body between delimiters that grow with it."""

    left: str
    body: Row
    right: str


@dataclass(frozen=True)
class Delimiter:
    """A delimiter of fixed size; ``side`` is ``l``, ``r`` or empty."""

    character: str
    size: str
    side: str


@dataclass(frozen=True)
class Grid:
    """Rows of cells."""

    rows: tuple[tuple[Row, ...], ...]


@dataclass(frozen=True)
class Accented:
    """A body under an accent."""

    body: Row
    accent: str


Node = Symbol | Word | Row | Scripts | Fraction | Root | Fenced | Delimiter | Grid | Accented

_SIGNS = {
    r"\prime": "PRIME",
    "-": "MINUS SIGN", "*": "ASTERISK OPERATOR", "'": "PRIME", r"\times": "MULTIPLICATION SIGN",
    r"\cdot": "DOT OPERATOR", r"\leq": "LESS-THAN OR EQUAL TO",
    r"\geq": "GREATER-THAN OR EQUAL TO", r"\neq": "NOT EQUAL TO", r"\in": "ELEMENT OF",
    r"\approx": "ALMOST EQUAL TO", r"\propto": "PROPORTIONAL TO", r"\perp": "UP TACK",
    r"\sum": "N-ARY SUMMATION", r"\int": "INTEGRAL", r"\infty": "INFINITY",
    r"\partial": "PARTIAL DIFFERENTIAL", r"\ell": "SCRIPT SMALL L",
    r"\ldots": "HORIZONTAL ELLIPSIS", r"\phi": "GREEK PHI SYMBOL",
    r"\epsilon": "GREEK LUNATE EPSILON SYMBOL", r"\varepsilon": "GREEK SMALL LETTER EPSILON",
    r"\varphi": "GREEK SMALL LETTER PHI", r"\varsigma": "GREEK SMALL LETTER FINAL SIGMA",
    r"\vartheta": "GREEK THETA SYMBOL",
}  # fmt: skip
_FENCES = {
    "(": "(", ")": ")", "[": "[", "]": "]", "|": "|", r"\{": "{", r"\}": "}", ".": "",
    r"\langle": "⟨", r"\rangle": "⟩", r"\lvert": "|", r"\rvert": "|", r"\lVert": "‖",
    r"\rVert": "‖",
}  # fmt: skip
_CLOSING = ")]}⟩"
_FONTS = ["mathrm", "mathsf", "mathbf", "mathcal", "mathbb", "mathit", "text", "operatorname"]
_FUNCTIONS = ["exp", "log", "ln", "sin", "cos", "det", "dim", "deg", "lim", "max", "min"]
_ACCENTS = {"hat": "^", "tilde": "~", "bar": "¯"}
_SPACES = ("\\quad", "\\qquad", "\\enspace", "\\,", "\\;", "\\ ")
_BIG = re.compile(r"\\(big|Big|bigg|Bigg)([lrm]?)")


def parse(latex: str) -> Row:
    """Tree of a formula; fails on what it does not know."""
    tokens = re.findall(r"\\[A-Za-z]+|\\.|\S", latex)
    row = _row(tokens, ())
    assert not tokens, f"{tokens[0]} in {latex}"
    return row


def characters(node: Node) -> Iterator[str]:
    """Everything that is seen, in the order in which it is written."""
    match node:
        case Symbol(character) | Delimiter(character):
            yield character
        case Word(text):
            yield text
        case Row(nodes):
            for part in nodes:
                yield from characters(part)
        case Scripts(base, sub, sup):
            for script in (base, sub, sup):
                if script is not None:
                    yield from characters(script)
        case Fraction(top, bottom):
            yield from (*characters(top), *characters(bottom))
        case Root(body, index):
            yield from characters(body)
            if index is not None:
                yield from characters(index)
        case Fenced(left, body, right):
            yield from (left, *characters(body), right)
        case Grid(rows):
            for cell in (cell for cells in rows for cell in cells):
                yield from characters(cell)
        case Accented(body, accent):
            yield from (*characters(body), accent)


def _row(tokens: list[str], stop: tuple[str, ...]) -> Row:
    nodes: list[Node] = []
    while tokens and tokens[0] not in stop:
        token = tokens.pop(0)
        if token in ("_", "^"):
            base = nodes.pop() if nodes else Row(())
            found = base if isinstance(base, Scripts) else Scripts(base, None, None)
            script = _argument(tokens)
            assert (found.sub if token == "_" else found.sup) is None, "double script"
            nodes.append(
                Scripts(found.base, script, found.sup)
                if token == "_"
                else Scripts(found.base, found.sub, script)
            )
        elif token not in _SPACES:
            nodes.append(_node(token, tokens))
    return Row(tuple(nodes))


def _argument(tokens: list[str]) -> Row:
    token = tokens.pop(0)
    if token != "{":
        return Row((_node(token, tokens),))
    row = _row(tokens, ("}",))
    assert tokens.pop(0) == "}"
    return row


def _node(token: str, tokens: list[str]) -> Node:
    name = token[1:]
    if token == "{":
        tokens.insert(0, token)
        return _argument(tokens)
    if token in _FENCES and token != ".":
        character = _FENCES[token]
        side = "" if character in "|‖" else "r" if character in _CLOSING else "l"
        return Delimiter(character, "", side)
    if name in _FUNCTIONS:
        return Word(name, "function")
    if name in _FONTS:
        assert tokens.pop(0) == "{"
        end = tokens.index("}")
        word = "".join(tokens[:end]).replace("\\", "")
        del tokens[: end + 1]
        return Word(word, name)
    if name == "frac":
        return Fraction(_argument(tokens), _argument(tokens))
    if name == "sqrt":
        index = None
        if tokens[0] == "[":
            tokens.pop(0)
            index = _row(tokens, ("]",))
            tokens.pop(0)
        return Root(_argument(tokens), index)
    if name == "left":
        left, body = _FENCES[tokens.pop(0)], _row(tokens, (r"\right",))
        tokens.pop(0)
        return Fenced(left, body, _FENCES[tokens.pop(0)])
    if name == "begin":
        return _grid(tokens)
    if name in _ACCENTS:
        return Accented(_argument(tokens), _ACCENTS[name])
    if (sized := _BIG.fullmatch(token)) is not None:
        return Delimiter(_FENCES[tokens.pop(0)], sized[1], sized[2])
    return Symbol(_character(token))


def _grid(tokens: list[str]) -> Node:
    name = "".join(tokens[1 : (end := tokens.index("}"))])
    del tokens[: end + 1]
    rows: list[tuple[Row, ...]] = []
    cells: list[Row] = []
    while True:
        cells.append(_row(tokens, ("&", r"\\", r"\end")))
        if (token := tokens.pop(0)) != "&":
            rows.append(tuple(cells))
            cells = []
        if token == r"\end":
            break
    del tokens[: tokens.index("}") + 1]
    grid = Grid(tuple(rows))
    return Fenced("{", Row((grid,)), "") if name == "cases" else grid


def _character(token: str) -> str:
    if token in _SIGNS:
        return unicodedata.lookup(_SIGNS[token])
    if len(token) == 1 or not token[1:].isalpha():
        return token[-1]
    size = "CAPITAL" if token[1].isupper() else "SMALL"
    # LaTeX spells it lambda, Unicode lamda.
    greek = token[1:].upper().replace("LAMBDA", "LAMDA")
    return unicodedata.lookup(f"GREEK {size} LETTER {greek}")
