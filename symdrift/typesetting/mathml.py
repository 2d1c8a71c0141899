"""MathML from the tree of a formula, so that a page prints what the article prints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeGuard

from markupsafe import Markup, escape

from symdrift.typesetting.mathlist import (
    Accented,
    Delimiter,
    Fenced,
    Fraction,
    Grid,
    Kind,
    Letters,
    Node,
    Root,
    Row,
    Scripts,
    Space,
    Symbol,
    parse,
)

_SIZES = ("", "1.2em", "1.8em", "2.4em", "3em")
_SCRIPT_EXCEPTIONS = {
    "B": "ℬ", "E": "ℰ", "F": "ℱ", "H": "ℋ", "I": "ℐ", "L": "ℒ", "M": "ℳ", "R": "ℛ",
}  # fmt: skip
_DOUBLE_EXCEPTIONS = {
    "C": "ℂ", "H": "ℍ", "N": "ℕ", "P": "ℙ", "Q": "ℚ", "R": "ℝ", "Z": "ℤ",
}  # fmt: skip

_PUNCTUATED = re.compile(r"\(?<math>(?:(?!</math>).)*</math>[.,;:?!)]+")
_THIN_SPACE = Markup('<mspace width="0.1667em"></mspace>')
_NO_SPACE_AFTER = (Kind.BIN, Kind.REL, Kind.OPEN, Kind.PUNCT, None)
_NO_SPACE_BEFORE = (Kind.BIN, Kind.REL, Kind.OPEN, Kind.CLOSE, Kind.PUNCT, None)


def inline(latex: str) -> Markup:
    """Inline ``<math>`` of a formula.

    Raises
    ------
    NotMathematics
        When the formula cannot be read.
    """
    return Markup("<math>{}</math>").format(_row(parse(latex)))


def joined(pieces: Iterable[str]) -> Markup:
    """Prose with inline formulas, none of which leaves its punctuation to the next line."""
    text = str(Markup("").join(pieces))
    return Markup(_PUNCTUATED.sub(r'<span class="unbroken">\g<0></span>', text))


def block(rows: Sequence[tuple[str, str]]) -> Markup:
    """Display ``<math>`` of aligned rows, left and right of their alignment point."""
    lines = Markup("").join(
        Markup('<mtr><mtd class="left">{}</mtd><mtd class="right">{}</mtd></mtr>').format(
            _row(parse(left)), _row(parse(right))
        )
        for left, right in rows
    )
    return Markup(
        '<math display="block"><mtable displaystyle="true" columnalign="right left">{}</mtable>'
        "</math>"
    ).format(lines)


def _row(row: Row) -> Markup:
    """``<mrow>`` of a row; digits that follow each other make one number."""
    pieces: list[Markup] = []
    number = ""
    previous: Node | None = None
    for node in row.nodes:
        if _is_digit(node):
            number += node.character
        elif number and isinstance(node, Scripts) and _is_digit(node.base):
            # A power of ten: its exponent belongs to the whole number.
            pieces.append(_scripts(node, _element("mn", number + node.base.character)))
            number = ""
        else:
            if number:
                pieces.append(_element("mn", number))
                number = ""
            if previous is not None and _thin_space_between(previous, node):
                pieces.append(_THIN_SPACE)
            pieces.append(_node(node))
        previous = node
    if number:
        pieces.append(_element("mn", number))
    return Markup("<mrow>{}</mrow>").format(Markup("").join(pieces))


def _is_digit(node: Node) -> TypeGuard[Symbol]:
    return isinstance(node, Symbol) and (node.character.isdigit() or node.character == ".")


def _thin_space_between(left: Node, right: Node) -> bool:
    """Whether TeX puts a thin space beside the name of a function, such as ``ln``."""
    if not (_is_name(left) or _is_name(right)):
        return False
    return _kind(left) not in _NO_SPACE_AFTER and _kind(right) not in _NO_SPACE_BEFORE


def _is_name(node: Node) -> bool:
    base = node.base if isinstance(node, Scripts) else node
    return isinstance(base, Letters) and base.kind is Kind.OP


def _kind(node: Node) -> Kind | None:
    """TeX's class of a node; None for a space."""
    match node:
        case Scripts(base=base):
            return _kind(base)
        case Symbol(kind=kind) | Letters(kind=kind) | Delimiter(kind=kind):
            return kind
        case Space():
            return None
    return Kind.ORD


def _node(node: Node) -> Markup:
    match node:
        case Symbol():
            return _symbol(node)
        case Space(width=width):
            return Markup('<mspace width="{}em"></mspace>').format(f"{width:g}")
        case Row():
            return _row(node)
        case Letters():
            return _letters(node)
        case Scripts():
            return _scripts(node, _node(node.base))
        case Fraction(numerator=numerator, denominator=denominator, bar=bar):
            thickness = Markup("") if bar else Markup(' linethickness="0"')
            return Markup("<mfrac{}>{}{}</mfrac>").format(
                thickness, _row(numerator), _row(denominator)
            )
        case Root(body=body, index=None):
            return _wrap("msqrt", [_row(body)])
        case Root(body=body, index=Row() as index):
            return _wrap("mroot", [_row(body), _row(index)])
        case Fenced(left=left, body=body, right=right):
            return _wrap("mrow", [_fence(left), _row(body), _fence(right)])
        case Delimiter(character=character, size=size):
            return _delimiter(character, size)
        case Grid():
            return _grid(node)
        case Accented(body=body, accent="_"):
            return _wrap("munder", [_row(body), _element("mo", "_")])
        case Accented(body=body, accent=accent):
            return Markup('<mover accent="true">{}{}</mover>').format(
                _row(body), _element("mo", accent)
            )
    raise TypeError(f"{type(node).__name__} is not part of a formula")


def _symbol(node: Symbol) -> Markup:
    if node.kind is not Kind.ORD or not node.character.isalpha():
        return _element("mo", node.character)
    if node.upright:
        return Markup('<mi mathvariant="normal">{}</mi>').format(node.character)
    return _element("mi", node.character)


def _letters(node: Letters) -> Markup:
    if node.font == "text":
        # Spaces at the ends of a text would be dropped.
        return _element("mtext", node.text.replace(" ", "\u00a0"))
    if node.font == "cal":
        return _element("mi", "".join(_styled(c, 0x1D49C, _SCRIPT_EXCEPTIONS) for c in node.text))
    if node.font == "bb":
        return _element("mi", "".join(_styled(c, 0x1D538, _DOUBLE_EXCEPTIONS) for c in node.text))
    if node.font == "it":
        return _element("mi", node.text)
    look = {"bf": Markup(' class="bold"'), "sf": Markup(' class="sans"')}.get(node.font, "")
    return Markup('<mi mathvariant="normal"{}>{}</mi>').format(look, node.text)


def _styled(character: str, first: int, exceptions: dict[str, str]) -> str:
    """Capital letter of a mathematical alphabet that starts at code point ``first``."""
    if character in exceptions:
        return exceptions[character]
    return chr(first + ord(character) - ord("A")) if "A" <= character <= "Z" else character


def _scripts(node: Scripts, base: Markup) -> Markup:
    names = ("munder", "mover", "munderover") if node.limits else ("msub", "msup", "msubsup")
    if node.sub is not None and node.sup is not None:
        return _wrap(names[2], [base, _row(node.sub), _row(node.sup)])
    if node.sub is not None:
        return _wrap(names[0], [base, _row(node.sub)])
    return _wrap(names[1], [base, *([] if node.sup is None else [_row(node.sup)])])


def _fence(character: str) -> Markup:
    return Markup('<mo fence="true">{}</mo>').format(character) if character else Markup("")


def _delimiter(character: str, size: int) -> Markup:
    if size == 0:
        return Markup('<mo stretchy="false">{}</mo>').format(character)
    return Markup('<mo stretchy="true" minsize="{0}" maxsize="{0}">{1}</mo>').format(
        _SIZES[size], character
    )


def _grid(node: Grid) -> Markup:
    style = Markup(' columnalign="left" class="cases"') if node.cases else Markup("")
    rows = Markup("").join(
        _wrap("mtr", [_wrap("mtd", [_row(cell)]) for cell in row]) for row in node.rows
    )
    return Markup("<mtable{}>{}</mtable>").format(style, rows)


def _element(tag: str, text: str) -> Markup:
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), escape(text))


def _wrap(tag: str, children: Iterable[Markup]) -> Markup:
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), Markup("").join(children))
