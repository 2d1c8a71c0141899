r"""Formulas, composed: each knows its LaTeX, its MathML and the room that TeX would give it.

A formula is built from parts by the constructors below, never from text: what is printed in
an article, what is shown on a page and what decides where lines break is one object.  The
spacing follows TeX's rules (The TeXbook, chapter 18 and appendix G) in the widths of Latin
Modern.  Estimates lean to the wide side by a few percent, never to the narrow side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, partial

from markupsafe import escape

from symdrift.typesetting.glyphs import (
    ALPHABETS,
    DELIMITERS,
    FONTS,
    FUNCTIONS,
    GLYPHS,
    LIMITS,
    NO_BINARY_AFTER,
    NO_BINARY_BEFORE,
    NO_SPACE_AFTER,
    NO_SPACE_BEFORE,
    SPACES,
    SPACING,
    Glyph,
    Kind,
    styled,
    word_width,
)

DISPLAY, TEXT, SCRIPT, SCRIPTSCRIPT = range(4)
"""TeX's styles, from large to small."""

_SCALE = (1.0, 1.0, 0.77, 0.66)
"""Size of characters in each style, relative to text."""
_SMALLER = (SCRIPT, SCRIPT, SCRIPTSCRIPT, SCRIPTSCRIPT)
"""Style of the scripts of each style."""
_WITHIN_FRACTION = (TEXT, SCRIPT, SCRIPTSCRIPT, SCRIPTSCRIPT)

BIG = ("", "big", "Big", "bigg", "Bigg")
"""Sizes of delimiters: plain, and by the commands of LaTeX."""
_HEIGHTS = ("", "1.2em", "1.8em", "2.4em", "3em")
_DELIMITER_WIDTH = (0.39, 0.46, 0.6, 0.74, 0.8, 0.9)
"""Width of a parenthesis: plain, big, Big, bigg, Bigg, taller."""
_DELIMITER_REACH = (0.5, 0.6, 0.9, 1.2, 1.5)
"""Height above the axis that each of these sizes covers, in em."""
_SIDES = {"l": Kind.OPEN, "r": Kind.CLOSE, "m": Kind.REL, "": Kind.ORD}
_FRACTION_PADDING = 0.26
_COLUMN_GAP = 1.02
_ROW_GAP = 0.25


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

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.above + self.below


class Form(Enum):
    """What an atom shows, where its neighbours or a reader must know."""

    LETTER = "letter"
    WORD = "upright word"
    NUMBER = "number"
    FUNCTION = "name of a function"
    FRACTION = "fraction"
    OTHER = "anything else"


LETTERS = (Form.LETTER, Form.WORD, Form.FUNCTION)
"""Forms of what may stand for a quantity."""


@dataclass(frozen=True)
class Atom:
    """A part of a formula that stands in a row with others.

    Attributes
    ----------
    mathml : str
    kind : Kind or None
        TeX's class; None for explicit space.
    boxes : tuple of Box
        In each of TeX's styles.
    form : Form
    text : str
        Characters of a number, a sign or a word; the left delimiter of a fence.
    scripts : tuple of (Atom, Formula or None, Formula or None), or None
        What carries a subscript and a superscript, and these.
    inside : Atom or None
        The only atom of a group.
    parts : tuple of Formula
        Formulas that it holds, such as numerator and denominator.
    """

    mathml: str
    kind: Kind | None
    boxes: tuple[Box, ...]
    form: Form = Form.OTHER
    text: str = ""
    scripts: tuple[Atom, Formula | None, Formula | None] | None = None
    inside: Atom | None = None
    parts: tuple[Formula, ...] = ()

    @property
    def nucleus(self) -> Atom:
        """What is left without its scripts."""
        return self.scripts[0] if self.scripts else self


@dataclass(frozen=True)
class Formula:
    """LaTeX and what it shows; formulas with the same LaTeX are equal.

    Attributes
    ----------
    latex : str
    atoms : tuple of Atom
    """

    latex: str
    atoms: tuple[Atom, ...] = field(default=(), compare=False, repr=False)

    def __add__(self, other: Formula) -> Formula:
        return Formula(self.latex + other.latex, self.atoms + other.atoms)

    def __bool__(self) -> bool:
        return bool(self.latex)

    @cached_property
    def box(self) -> Box:
        """The room that the formula takes in a display."""
        return self.box_in(DISPLAY)

    @property
    def opening(self) -> Atom | None:
        """What it begins with, without scripts; None when it is empty."""
        return self.atoms[0].nucleus if self.atoms else None

    @property
    def subscripted(self) -> bool:
        """Whether a part of the row has a subscript."""
        return any(atom.scripts and atom.scripts[1] is not None for atom in self.atoms)

    @property
    def superscripted(self) -> bool:
        """Whether a part of the row has a superscript."""
        return any(atom.scripts and atom.scripts[2] is not None for atom in self.atoms)

    @cached_property
    def nesting(self) -> int:
        """How deep its round brackets are nested."""
        deepest = depth = 0
        for atom in self.atoms:
            own = atom.nucleus
            depth += (own.text == "(") - (own.kind is Kind.CLOSE and own.text == ")")
            deepest = max(deepest, depth + max((part.nesting for part in atom.parts), default=0))
            # The bracket of a fence closes with it.
            depth -= own.kind is Kind.INNER and own.text == "("
        return deepest

    @cached_property
    def holds_fraction(self) -> bool:
        """Whether there is a fraction anywhere in it."""
        return any(
            atom.nucleus.form is Form.FRACTION or any(part.holds_fraction for part in atom.parts)
            for atom in self.atoms
        )

    @property
    def width(self) -> float:
        """Width in a display, in em of the text size."""
        return self.box.width

    def box_in(self, style: int) -> Box:
        """The room that the formula takes in one of TeX's styles."""
        total = above = below = 0.0
        previous: Kind | None = None
        for atom, kind in zip(self.atoms, self._kinds, strict=True):
            box = atom.boxes[style]
            if kind is not None:
                if previous is not None:
                    space = SPACING[previous.value][kind.value]
                    total += abs(space) if space > 0 or style <= TEXT else 0.0
                previous = kind
            total += box.width
            above, below = max(above, box.above), max(below, box.below)
        return Box(total, above, below)

    @cached_property
    def _kinds(self) -> list[Kind | None]:
        """Class of each atom, with binary signs that have nothing to join made ordinary."""
        kinds = [atom.kind for atom in self.atoms]
        previous: int | None = None
        for position, kind in enumerate(kinds):
            if kind is None:
                continue
            before = None if previous is None else kinds[previous]
            if kind is Kind.BIN and (before is None or before in NO_BINARY_AFTER):
                kinds[position] = Kind.ORD
            elif kind in NO_BINARY_BEFORE and before is Kind.BIN and previous is not None:
                kinds[previous] = Kind.ORD
            previous = position
        if previous is not None and kinds[previous] is Kind.BIN:
            kinds[previous] = Kind.ORD
        return kinds

    @cached_property
    def mathml(self) -> str:
        """One ``<mrow>``; numbers that touch are one number."""
        pieces: list[str] = []
        digits = ""
        previous: Atom | None = None
        for atom in self.atoms:
            if atom.form is Form.NUMBER:
                digits += atom.text
            else:
                if digits:
                    pieces.append(_element("mn", digits))
                    digits = ""
                if previous is not None and _thin_space_between(previous, atom):
                    pieces.append('<mspace width="0.1667em"></mspace>')
                pieces.append(atom.mathml)
            previous = atom
        if digits:
            pieces.append(_element("mn", digits))
        return f"<mrow>{''.join(pieces)}</mrow>"


def _thin_space_between(left: Atom, right: Atom) -> bool:
    """Whether TeX puts a thin space beside the name of a function, such as ``ln``."""
    if Form.FUNCTION not in (left.form, right.form):
        return False
    return left.kind not in NO_SPACE_AFTER and right.kind not in NO_SPACE_BEFORE


def _element(tag: str, text: str, attributes: str = "") -> str:
    return f"<{tag}{attributes}>{escape(text)}</{tag}>"


def _everywhere(box: Callable[[int], Box]) -> tuple[Box, ...]:
    """A box in each of TeX's styles."""
    return tuple(map(box, (DISPLAY, TEXT, SCRIPT, SCRIPTSCRIPT)))


# -- characters and words ---------------------------------------------------------------


def _line(width: float) -> tuple[Box, ...]:
    """Boxes of what is as high as a letter."""
    return tuple(Box(width * size, 0.5 * size, 0.5 * size) for size in _SCALE)


def letter(latex: str) -> Formula:
    r"""One letter or sign, such as ``W``, ``\gamma``, ``+`` or ``\leq``.

    Raises
    ------
    KeyError
        When it is not one of :data:`symdrift.typesetting.glyphs.GLYPHS`.
    """
    return Formula(latex, (_CHARACTERS[latex],))


def _character(glyph: Glyph) -> Atom:
    character, width, kind, upright = glyph
    if kind is Kind.ORD and character.isalpha():
        look = ' mathvariant="normal"' if upright else ""
        return Atom(_element("mi", character, look), kind, _line(width), Form.LETTER, character)
    boxes = _everywhere(partial(_large, width)) if kind is Kind.OP else _line(width)
    return Atom(_element("mo", character), kind, boxes, text=character)


def _large(width: float, style: int) -> Box:
    """Box of a sign of summation and the like, which is larger in a display."""
    reach = 0.7 * _SCALE[style]
    return Box(width if style == DISPLAY else 0.75 * width * _SCALE[style], reach, reach)


_CHARACTERS = {latex: _character(glyph) for latex, glyph in GLYPHS.items()}


def numeral(text: str) -> Formula:
    """Digits, perhaps with a decimal point and a sign."""
    sign, digits = (letter(text[0]), text[1:]) if text[0] in "+-" else (EMPTY, text)
    boxes = _line(sum(0.28 if character == "." else 0.5 for character in digits))
    atom = Atom(_element("mn", digits), Kind.ORD, boxes, Form.NUMBER, digits)
    return sign + Formula(digits, (atom,))


def scientific(mantissa: str, times: Formula, exponent: int) -> Formula:
    """A number with a power of ten."""
    return row(numeral(mantissa), times, scripts(numeral("10"), sup=numeral(str(exponent))))


def word(command: str, text: str) -> Formula:
    r"""A word in the font of a command, such as ``mathcal``; spaces count in ``text`` only.

    ``operatorname`` makes it the name of a function.
    """
    font = FONTS[command]
    function = command == "operatorname"
    return Formula(rf"\{command}{{{_quoted(text)}}}", (_word(text, font, function),))


def function(name: str) -> Formula:
    r"""Name of a function, such as ``\ln`` or ``\operatorname{tr}``."""
    if name not in FUNCTIONS or name == "tr":
        return word("operatorname", name)
    return Formula(f"\\{name}", (_word(name, "rm", function=True),))


def _quoted(text: str) -> str:
    return "".join(f"\\{character}" if character in "%#&_$" else character for character in text)


def _word(text: str, font: str, function: bool) -> Atom:
    width = word_width(text, font)
    if font == "text":
        # Spaces at the ends of a text would be dropped.
        mathml = _element("mtext", text.replace(" ", "\u00a0"))
    elif font in ALPHABETS:
        mathml = _element("mi", "".join(styled(c, font) for c in text))
    elif font == "it":
        mathml = _element("mi", text)
    else:
        look = {"bf": ' class="bold"', "sf": ' class="sans"'}.get(font, "")
        mathml = _element("mi", text, f' mathvariant="normal"{look}')
    if function:
        return Atom(mathml, Kind.OP, _line(width), Form.FUNCTION, text)
    form = Form.OTHER if not text.strip() else Form.WORD if font == "rm" else Form.LETTER
    return Atom(mathml, Kind.ORD, _line(width), form, text)


def space(latex: str) -> Formula:
    r"""Explicit space, such as ``\quad``."""
    width = SPACES[latex]
    boxes = _everywhere(lambda style: Box(width))
    return Formula(latex, (Atom(f'<mspace width="{width:g}em"></mspace>', None, boxes),))


EMPTY = Formula("")
"""Nothing."""
BLANK = Formula(" ")
"""A space between two commands of LaTeX, which shows nothing."""
PLUS, MINUS, COMMA = map(letter, "+-,")


# -- rows -------------------------------------------------------------------------------


def row(*parts: Formula) -> Formula:
    """Parts side by side, those that are empty left out."""
    return joined(BLANK, (part for part in parts if part))


def joined(joint: Formula, parts: Iterable[Formula]) -> Formula:
    """Parts with a joint between neighbours."""
    pieces: list[Formula] = []
    for part in parts:
        pieces += [joint, part] if pieces else [part]
    return Formula(
        "".join(piece.latex for piece in pieces),
        tuple(atom for piece in pieces for atom in piece.atoms),
    )


def group(body: Formula) -> Formula:
    """``{body}``: one atom, whatever it holds."""
    inside = body.atoms[0] if len(body.atoms) == 1 else None
    atom = Atom(body.mathml, Kind.ORD, _everywhere(body.box_in), inside=inside, parts=(body,))
    return Formula(f"{{{body.latex}}}", (atom,))


# -- what holds formulas ----------------------------------------------------------------


def scripts(base: Formula, sub: Formula | None = None, sup: Formula | None = None) -> Formula:
    """Subscript and superscript, which as in TeX belong to the last atom of the base.

    Raises
    ------
    ValueError
        When that atom has such a script already.
    """
    nucleus, below, above = base.atoms[-1].scripts or (base.atoms[-1], None, None)
    if None not in (sub, below) or None not in (sup, above):
        raise ValueError(f"double script on {base.latex!r}")
    latex = base.latex
    latex += "" if sub is None else f"_{{{sub.latex}}}"
    latex += "" if sup is None else f"^{{{sup.latex}}}"
    atom = _scripted(nucleus, below if sub is None else sub, above if sup is None else sup)
    return Formula(latex, (*base.atoms[:-1], atom))


def _scripted(base: Atom, sub: Formula | None, sup: Formula | None) -> Atom:
    limits = base.kind is Kind.OP and base.text in LIMITS

    def box(style: int) -> Box:
        inner = base.boxes[style]
        small = [s.box_in(_SMALLER[style]) for s in (sub, sup) if s is not None]
        widest = max(one.width for one in small)
        drop = 0.0 if sub is None else small[0].height
        rise = 0.0 if sup is None else small[-1].height
        if limits and style == DISPLAY:
            wide = max(inner.width, widest)
            return Box(wide, inner.above + rise + 0.2, inner.below + drop + 0.2)
        return Box(
            inner.width + widest + 0.05,
            max(inner.above, 0.25 + 0.6 * rise),
            max(inner.below, 0.6 * drop),
        )

    tags = ("munder", "mover", "munderover") if limits else ("msub", "msup", "msubsup")
    tag = tags[2] if sub is not None and sup is not None else tags[0 if sup is None else 1]
    shown = [script for script in (sub, sup) if script is not None]
    inner = "".join(script.mathml for script in shown)
    form = Form.FUNCTION if base.form is Form.FUNCTION else Form.OTHER
    return Atom(f"<{tag}>{base.mathml}{inner}</{tag}>", base.kind, _everywhere(box), form,
                scripts=(base, sub, sup), parts=(*base.parts, *shown))  # fmt: skip


def fraction(top: Formula, bottom: Formula) -> Formula:
    """Numerator over denominator."""

    def box(style: int) -> Box:
        inner = _WITHIN_FRACTION[style]
        above, below = top.box_in(inner), bottom.box_in(inner)
        gap = 0.2 if style == DISPLAY else 0.08
        wide = max(above.width, below.width) + _FRACTION_PADDING
        return Box(wide, above.height + gap, below.height + gap)

    mathml = f"<mfrac>{top.mathml}{bottom.mathml}</mfrac>"
    atom = Atom(mathml, Kind.INNER, _everywhere(box), Form.FRACTION, parts=(top, bottom))
    return Formula(rf"\frac{{{top.latex}}}{{{bottom.latex}}}", (atom,))


def root(body: Formula, index: Formula | None = None) -> Formula:
    """Square root, or the root of the given index."""

    def box(style: int) -> Box:
        inner = body.box_in(style)
        extra = 0.0 if index is None else index.box_in(SCRIPTSCRIPT).width
        return Box(inner.width + 1.02 * _SCALE[style] + extra, inner.above + 0.2, inner.below)

    if index is None:
        mathml, sign = f"<msqrt>{body.mathml}</msqrt>", r"\sqrt"
    else:
        mathml, sign = f"<mroot>{body.mathml}{index.mathml}</mroot>", rf"\sqrt[{index.latex}]"
    atom = Atom(mathml, Kind.ORD, _everywhere(box), parts=(body,))
    return Formula(f"{sign}{{{body.latex}}}", (atom,))


def accent(command: str, sign: str, body: Formula) -> Formula:
    """A body under an accent, or over or under a line."""

    def box(style: int) -> Box:
        inner = body.box_in(style)
        return Box(max(inner.width, 0.5 * _SCALE[style]) + 0.04, inner.above + 0.25, inner.below)

    if sign == "_":
        mathml = f"<munder>{body.mathml}<mo>_</mo></munder>"
    else:
        mathml = f'<mover accent="true">{body.mathml}{_element("mo", sign)}</mover>'
    bare = bare_atom(body.atoms)
    form = Form.LETTER if bare is not None and bare.form in LETTERS else Form.OTHER
    atom = Atom(mathml, Kind.ORD, _everywhere(box), form, parts=(body,))
    return Formula(rf"\{command}{{{body.latex}}}", (atom,))


def bare_atom(atoms: Sequence[Atom]) -> Atom | None:
    """The only one of some atoms, without the groups around it; None when there are more."""
    atom = atoms[0] if len(atoms) == 1 else None
    while atom is not None and atom.inside is not None:
        atom = atom.inside
    return atom


# -- brackets ---------------------------------------------------------------------------


def delimiter_size(reach: float) -> int:
    r"""Smallest of plain (0), ``\big`` (1) to ``\Bigg`` (4) that covers ``reach``."""
    for size, limit in enumerate(_DELIMITER_REACH):
        # TeX accepts a delimiter that falls short of its body by about a tenth.
        if reach * 0.901 <= limit:
            return size
    return len(_DELIMITER_REACH) - 1


def _delimiter_width(character: str, size: int) -> float:
    if character == "":
        return 0.13
    if character in "|‖":
        return 0.28 if character == "|" else 0.5
    return _DELIMITER_WIDTH[size]


def delimiter(latex: str, size: int, side: str) -> Formula:
    r"""Delimiter of fixed size: 0 plain, 1 to 4 for ``\big`` to ``\Bigg``.

    ``side`` is ``l``, ``r``, ``m`` or empty, as in ``\bigl``, ``\bigr``, ``\bigm``, ``\big``.
    """
    character, reach = DELIMITERS[latex], _DELIMITER_REACH[size]
    width = _delimiter_width(character, size)
    # Sized delimiters do not shrink in scripts.
    boxes = _everywhere(lambda style: Box(width * (1.0 if size else _SCALE[style]), reach, reach))
    look = (
        ' stretchy="true" minsize="{0}" maxsize="{0}"'.format(_HEIGHTS[size])
        if size
        else ' stretchy="false"'
    )
    atom = Atom(_element("mo", character, look), _SIDES[side], boxes, text=character)
    return Formula(rf"\{BIG[size]}{side}{latex}" if size else latex, (atom,))


def brackets(body: Formula, size: int) -> Formula:
    """A body between parentheses of fixed size."""
    return delimiter("(", size, "l") + body + delimiter(")", size, "r")


def fence(left: str, body: Formula, right: str) -> Formula:
    r"""``\left( body \right)``: delimiters as tall as the body."""
    return Formula(rf"\left{left}{body.latex}\right{right}", (_fenced(left, body, right),))


def _fenced(left: str, body: Formula, right: str) -> Atom:
    signs = DELIMITERS[left], DELIMITERS[right]

    def box(style: int) -> Box:
        inner, scale = body.box_in(style), _SCALE[style]
        size = delimiter_size(inner.reach / scale)
        if inner.reach / scale * 0.901 > _DELIMITER_REACH[-1]:
            size = len(_DELIMITER_REACH)
        sides = sum(_delimiter_width(sign, size) for sign in signs)
        return Box(inner.width + sides * scale, inner.reach, inner.reach)

    before, after = (_element("mo", sign, ' fence="true"') if sign else "" for sign in signs)
    mathml = f"<mrow>{before}{body.mathml}{after}</mrow>"
    return Atom(mathml, Kind.INNER, _everywhere(box), text=signs[0], parts=(body,))


# -- rows below each other --------------------------------------------------------------


def matrix(rows: Sequence[Sequence[Formula]], gap: str = " ") -> Formula:
    """A matrix between parentheses; ``gap`` is the white space of its LaTeX."""
    grid = Formula(
        rf"\begin{{matrix}}{gap}{_cells(rows, gap)}{gap}\end{{matrix}}", (_grid(rows, "", 0.0),)
    )
    return fence("(", grid, ")")


def cases(branches: Sequence[tuple[Formula, Formula]]) -> Formula:
    """Values beside their conditions."""
    grid = Formula("", (_grid(branches, ' columnalign="left" class="cases"', 0.4),))
    return Formula(
        rf"\begin{{cases}} {_cells(branches, ' ')} \end{{cases}}", (_fenced(r"\{", grid, "."),)
    )


def _cells(rows: Sequence[Sequence[Formula]], gap: str) -> str:
    return rf"{gap}\\{gap}".join(" & ".join(cell.latex for cell in cells) for cells in rows)


def _grid(rows: Sequence[Sequence[Formula]], look: str, padding: float) -> Atom:
    """Rows of cells; TeX sets them in text style even inside a script."""
    widths = [0.0] * max(map(len, rows))
    height = 0.0
    for cells in rows:
        boxes = [cell.box_in(TEXT) for cell in cells]
        widths = [max(width, box.width) for width, box in zip(widths, boxes, strict=True)]
        above = max(0.7, max(box.above for box in boxes))
        height += above + max(0.7, max(box.below for box in boxes)) + _ROW_GAP
    gaps = _COLUMN_GAP * (len(widths) - 1) + padding
    box = Box(sum(widths) + gaps, height / 2, height / 2)
    lines = "".join(
        f"<mtr>{''.join(f'<mtd>{cell.mathml}</mtd>' for cell in cells)}</mtr>" for cells in rows
    )
    held = tuple(cell for cells in rows for cell in cells)
    return Atom(f"<mtable{look}>{lines}</mtable>", Kind.ORD, (box,) * 4, parts=held)
