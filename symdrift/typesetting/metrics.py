"""How wide TeX would set a formula, without asking TeX.

The widths are those of Latin Modern, in em of the text size; the spacing between
atoms follows TeX's rules (The TeXbook, chapter 18 and appendix G).  Estimates lean to
the wide side by a few percent, never to the narrow side.
"""

from __future__ import annotations

from dataclasses import dataclass

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

_SCRIPT_SCALE = (1.0, 0.77, 0.66)
"""Size of text, script and second-order script characters, relative to text."""

_THIN, _MEDIUM, _THICK = 0.167, 0.222, 0.278
_SPACING = (
    # left neighbour in rows, right neighbour in columns: ORD OP BIN REL OPEN CLOSE PUNCT INNER;
    # negative entries vanish in scripts.
    (0, _THIN, -_MEDIUM, -_THICK, 0, 0, 0, -_THIN),
    (_THIN, _THIN, 0, -_THICK, 0, 0, 0, -_THIN),
    (-_MEDIUM, -_MEDIUM, 0, 0, -_MEDIUM, 0, 0, -_MEDIUM),
    (-_THICK, -_THICK, 0, 0, -_THICK, 0, 0, -_THICK),
    (0, 0, 0, 0, 0, 0, 0, 0),
    (0, _THIN, -_MEDIUM, -_THICK, 0, 0, 0, -_THIN),
    (-_THIN, -_THIN, 0, -_THIN, -_THIN, -_THIN, -_THIN, -_THIN),
    (-_THIN, _THIN, -_MEDIUM, -_THICK, -_THIN, 0, -_THIN, -_THIN),
)
_NO_BINARY_AFTER = frozenset([Kind.BIN, Kind.OP, Kind.REL, Kind.OPEN, Kind.PUNCT])
_NO_BINARY_BEFORE = frozenset([Kind.REL, Kind.CLOSE, Kind.PUNCT])

_DELIMITER_WIDTH = (0.39, 0.46, 0.6, 0.74, 0.8, 0.9)
"""Width of a parenthesis: plain, big, Big, bigg, Bigg, taller."""
_DELIMITER_REACH = (0.5, 0.6, 0.9, 1.2, 1.5)
"""Height above the axis that each of these sizes covers, in em."""
_FRACTION_PADDING = 0.26
_COLUMN_GAP = 1.02
_ROW_GAP = 0.25
_LETTER_WIDTH = {"rm": 0.53, "text": 0.53, "sf": 0.52, "bf": 0.62, "cal": 0.62, "bb": 0.54,
                 "it": 0.56}  # fmt: skip
_NARROW, _BROAD = frozenset("fijlrt ,.;:'()[]I|!1"), frozenset("mwMW")


@dataclass(frozen=True)
class Box:
    """Width of a formula and how far it reaches above and below the axis, in em."""

    width: float
    above: float = 0.5
    below: float = 0.5

    @property
    def reach(self) -> float:
        """The larger of both reaches: what centred delimiters must cover."""
        return max(self.above, self.below)


def measure(latex: str) -> Box:
    """Box of a formula in display style.

    Raises
    ------
    NotMathematics
        When the formula cannot be read.
    """
    return _row(parse(latex), 0, display=True)


def width(latex: str) -> float:
    """Width of a formula in display style, in em of the text size."""
    return measure(latex).width


def delimiter_size(reach: float) -> int:
    r"""Smallest of plain (0), ``\big`` (1) to ``\Bigg`` (4) that covers ``reach``."""
    for size, limit in enumerate(_DELIMITER_REACH):
        # TeX accepts a delimiter that falls short of its body by about a tenth.
        if reach * 0.901 <= limit:
            return size
    return len(_DELIMITER_REACH) - 1


def _row(row: Row, level: int, display: bool) -> Box:
    total = 0.0
    above = below = 0.0
    previous: Kind | None = None
    kinds = _kinds(row.nodes)
    for node, kind in zip(row.nodes, kinds, strict=True):
        box = _box(node, level, display)
        if kind is not None:
            if previous is not None:
                space = _SPACING[previous.value][kind.value]
                total += abs(space) if space > 0 or level == 0 else 0.0
            previous = kind
        total += box.width
        above, below = max(above, box.above), max(below, box.below)
    return Box(total, above, below)


def _kinds(nodes: tuple[Node, ...]) -> list[Kind | None]:
    """Class of each atom, with binary signs that have nothing to join made ordinary."""
    kinds = [_kind(node) for node in nodes]
    previous: int | None = None
    for position, kind in enumerate(kinds):
        if kind is None:
            continue
        before = None if previous is None else kinds[previous]
        if kind is Kind.BIN and (before is None or before in _NO_BINARY_AFTER):
            kinds[position] = Kind.ORD
        elif kind in _NO_BINARY_BEFORE and before is Kind.BIN and previous is not None:
            kinds[previous] = Kind.ORD
        previous = position
    if previous is not None and kinds[previous] is Kind.BIN:
        kinds[previous] = Kind.ORD
    return kinds


def _kind(node: Node) -> Kind | None:
    match node:
        case Symbol() | Letters() | Delimiter():
            return node.kind
        case Scripts():
            return _kind(node.base)
        case Fraction() | Fenced():
            return Kind.INNER
        case Space():
            return None
        case _:
            return Kind.ORD


def _box(node: Node, level: int, display: bool) -> Box:
    scale = _SCRIPT_SCALE[min(level, 2)]
    match node:
        case Symbol(width=natural, kind=Kind.OP):
            return Box(natural if display else 0.75 * natural * scale, 0.7 * scale, 0.7 * scale)
        case Symbol(width=natural):
            return Box(natural * scale, 0.5 * scale, 0.5 * scale)
        case Space(width=natural):
            return Box(natural)
        case Row():
            return _row(node, level, display)
        case Letters():
            return Box(_letters(node) * scale, 0.5 * scale, 0.5 * scale)
        case Scripts():
            return _scripts(node, level, display)
        case Fraction():
            return _fraction(node, level, display)
        case Root(body=body, index=index):
            inner = _row(body, level, display)
            extra = 0.0 if index is None else _row(index, 2, display=False).width
            return Box(inner.width + 1.02 * scale + extra, inner.above + 0.2, inner.below)
        case Fenced():
            return _fenced(node, level, display)
        case Delimiter(character=character, size=size):
            reach = _DELIMITER_REACH[size]
            # Sized delimiters do not shrink in scripts.
            shrink = scale if size == 0 else 1.0
            return Box(_delimiter_width(character, size) * shrink, reach, reach)
        case Grid():
            return _grid(node)
        case Accented(body=body):
            inner = _row(body, level, display)
            return Box(max(inner.width, 0.5 * scale) + 0.04, inner.above + 0.25, inner.below)


def _letters(node: Letters) -> float:
    base = _LETTER_WIDTH[node.font]
    return sum(
        (0.4 if c in _NARROW else 0.92 if c in _BROAD else base * (1.4 if c.isupper() else 1.0))
        for c in node.text
    )


def _scripts(node: Scripts, level: int, display: bool) -> Box:
    base = _box(node.base, level, display)
    sub = None if node.sub is None else _row(node.sub, level + 1, display=False)
    sup = None if node.sup is None else _row(node.sup, level + 1, display=False)
    widest = max((box.width for box in (sub, sup) if box is not None), default=0.0)
    rise = 0.0 if sup is None else sup.above + sup.below
    drop = 0.0 if sub is None else sub.above + sub.below
    if node.limits and display:
        return Box(max(base.width, widest), base.above + rise + 0.2, base.below + drop + 0.2)
    return Box(
        base.width + widest + 0.05, max(base.above, 0.25 + 0.6 * rise), max(base.below, 0.6 * drop)
    )


def _fraction(node: Fraction, level: int, display: bool) -> Box:
    inner = level if display else level + 1
    numerator = _row(node.numerator, inner, display=False)
    denominator = _row(node.denominator, inner, display=False)
    gap = 0.2 if display else 0.08
    return Box(
        max(numerator.width, denominator.width) + _FRACTION_PADDING,
        numerator.above + numerator.below + gap,
        denominator.above + denominator.below + gap,
    )


def _fenced(node: Fenced, level: int, display: bool) -> Box:
    body = _row(node.body, level, display)
    scale = _SCRIPT_SCALE[min(level, 2)]
    size = delimiter_size(body.reach / scale)
    if body.reach / scale * 0.901 > _DELIMITER_REACH[-1]:
        size = len(_DELIMITER_REACH)
    sides = sum(_delimiter_width(side, size) for side in (node.left, node.right))
    return Box(body.width + sides * scale, body.reach, body.reach)


def _delimiter_width(character: str, size: int) -> float:
    if character == "":
        return 0.13
    if character in "|‖":
        return 0.28 if character == "|" else 0.5
    return _DELIMITER_WIDTH[size]


def _grid(node: Grid) -> Box:
    """Box of a matrix; TeX sets it in text style even inside a script."""
    columns = max(len(row) for row in node.rows)
    widths = [0.0] * columns
    height = 0.0
    for row in node.rows:
        cells = [_row(cell, 0, display=False) for cell in row]
        for column, cell in enumerate(cells):
            widths[column] = max(widths[column], cell.width)
        above = max(0.7, max(cell.above for cell in cells))
        height += above + max(0.7, max(cell.below for cell in cells)) + _ROW_GAP
    gaps = _COLUMN_GAP * (columns - 1) + (0.4 if node.cases else 0.0)
    return Box(sum(widths) + gaps, height / 2, height / 2)
