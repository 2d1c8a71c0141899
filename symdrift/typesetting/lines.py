r"""Displayed equations that fit their line, however long the expression.

A wide equation is broken, in this order of preference: after its left-hand side, at
the signs of a sum, between the factors of a product, inside the brackets of a factor.
A quotient is written as ``\frac{c}{Q} [P]`` with ``P`` broken.  What has no place to
break (a denominator, an entry of a matrix, a branch of a case distinction) is named
and defined below the equation.  The type size never changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import sympy as sp
from sympy.matrices import MatrixBase

from symdrift.typesetting.formula import (
    BLANK,
    COMMA,
    EMPTY,
    MINUS,
    PLUS,
    Form,
    Formula,
    bare_atom,
    delimiter,
    delimiter_size,
    fence,
    fraction,
    group,
    joined,
    letter,
    numeral,
    row,
    scripts,
    space,
    word,
)
from symdrift.typesetting.formula import matrix as matrix_formula
from symdrift.typesetting.glyphs import Kind
from symdrift.typesetting.printer import (
    AND,
    DOT,
    OR,
    QUAD,
    RELATIONS,
    TIMES,
    TRACE,
    TheoryPrinter,
    is_number,
    is_simple,
)

GROUP_ABOVE = 16
"""Sums of more terms than this are grouped by powers of the small parameter."""

_BRACKETS = ((r"[", r"]"), (r"\{", r"\}"), ("(", ")"))
_NARROW = 22.0
"""Below this room (em) rows are indented by half as much."""
_LARGEST_SMALL_ENTRY = 4.0
"""An entry of a matrix with a fraction is named when it is wider than this (em)."""
_ALIKE = 0.6
"""Entries of a matrix that differ by less in width (em) are named together."""
_WIDEST_MARGIN = 0.34
"""A left-hand side wider than this part of the line does not set the alignment."""
_ENTRY_STEMS = {"Γ": "g", "Σ": "s", "Λ": "l", "Ω": "w", "Δ": "d", "Π": r"\pi"}
_EQUALS, _ENSPACE, _QQUAD = RELATIONS[sp.Eq], space(r"\enspace"), space(r"\qquad")
_JOINT_DOT = group(EMPTY) + DOT


@dataclass(frozen=True)
class Layout:
    """A displayed equation, broken into rows, and the parts named in it.

    Attributes
    ----------
    rows : tuple of (Formula, Formula)
        Left and right of the alignment point.
    definitions : tuple of Layout
        Displays of the named parts, in the order of their appearance.
    remark : str
        Plain text that completes the definitions, possibly empty.
    """

    rows: tuple[tuple[Formula, Formula], ...]
    definitions: tuple[Layout, ...] = ()
    remark: str = ""

    def all_definitions(self) -> tuple[Layout, ...]:
        """Definitions of the named parts, and of the parts named in those."""
        return tuple(
            inner for part in self.definitions for inner in (part, *part.all_definitions())
        )


@dataclass
class Names:
    """Names for parts of equations, each given out once per document.

    ``taken`` holds every name in use, ``parts`` the names of parts by their print.
    """

    taken: set[str] = field(default_factory=set)
    parts: dict[str, Formula] = field(default_factory=dict)

    def entry(self, stem: str, row: int, column: int) -> Formula:
        """Name of a matrix entry, such as ``h_{12}``, primed while it is taken."""
        joint = EMPTY if max(row, column) < 10 else COMMA
        index = joined(joint, (numeral(str(row)), numeral(str(column))))
        name = scripts(letter(stem), index)
        count = 1
        while name.latex in self.taken:
            count += 1
            mark = delimiter("(", 0, "l") + numeral(str(count)) + delimiter(")", 0, "r")
            name = scripts(scripts(letter(stem), sup=mark), index)
        self.taken.add(name.latex)
        return name

    def part(self, capital: str) -> Formula:
        r"""Name of a part, such as ``\mathcal{Q}_{3}``."""
        count = 1
        while (name := scripts(word("mathcal", capital), numeral(str(count)))).latex in self.taken:
            count += 1
        self.taken.add(name.latex)
        return name

    def repeated(self, capital: str, part: Formula) -> Formula:
        """Name of a part; the same wherever it occurs again."""
        if part.latex not in self.parts:
            self.parts[part.latex] = self.part(capital)
        return self.parts[part.latex]


def lay_out(
    expression: sp.Basic,
    printer: TheoryPrinter,
    width: float,
    names: Names,
    condition: sp.Basic | None = None,
) -> Layout:
    """Break a relation or expression into rows no wider than ``width`` (em).

    Parameters
    ----------
    expression : sympy.Basic
        Relation, expression, matrix, or a conjunction of these.
    printer : TheoryPrinter
    width : float
        Room for the rows, in em of the text size.
    names : Names
        Source of names for parts that cannot be broken.
    condition : sympy.Basic or None
        Printed behind the equation.
    """
    tail = EMPTY
    if condition is not None and condition != sp.true:
        tail = COMMA + BLANK + row(_QQUAD, printer.doprint(condition))
    operator = RELATIONS.get(expression.func)
    if operator is None:
        writer = _Writer(printer, width, names, stem="m")
        writer.emit(expression, tail, 1)
        return writer.layout(EMPTY)
    left, right = printer.doprint(expression.args[0]), expression.args[1]
    stem = _entry_stem(left)
    if (
        row(left, operator).width <= _WIDEST_MARGIN * width
        or (row(left, operator, printer.doprint(right)) + tail).width <= width
    ):
        writer = _Writer(printer, width - left.width - 0.3, names, stem)
        writer.put(operator)
        writer.emit(right, tail, 1)
        return writer.layout(left)
    writer = _Writer(printer, width, names, stem)
    writer.emit(expression.args[0], EMPTY, 1)
    writer.relate(operator, right, tail)
    return writer.layout(EMPTY)


def lay_out_chain(
    start: sp.Basic,
    lines: Sequence[sp.Basic],
    printer: TheoryPrinter,
    width: float,
    names: Names,
) -> list[Layout]:
    """Break a chain of equalities, a layout for each line; the first has ``start`` before it.

    Parameters
    ----------
    start : sympy.Basic
    lines : Sequence[sympy.Basic]
        What it equals, one after the other.
    printer, width, names
        As for `lay_out`.
    """
    left = printer.doprint(start)
    stem = _entry_stem(left)
    wide = row(left, _EQUALS).width > _WIDEST_MARGIN * width
    room = width if wide else width - left.width - 0.3
    layouts = []
    for position, line in enumerate(lines):
        writer = _Writer(printer, room, names, stem)
        if wide and position == 0:
            writer.emit(start, EMPTY, 1)
            writer.new_row(0)
        writer.put(row(QUAD, _EQUALS) if wide else _EQUALS)
        writer.emit(line, EMPTY, 2 if wide else 1)
        layouts.append(writer.layout(EMPTY if wide or position else left))
    return layouts


def _entry_stem(left: Formula) -> str:
    r"""Letter for entries of a matrix called ``left``: ``H_{il}``, ``\mathcal{H}`` give ``h``."""
    head = bare_atom([left.opening]) if left.opening else None
    if head is None or head.form is not Form.LETTER or len(head.text) > 1:
        return "m"
    capital = head.text.isascii() and head.text.isupper()
    return head.text.lower() if capital else _ENTRY_STEMS.get(head.text, "m")


class _Writer:
    """Fills rows with pieces of one expression."""

    def __init__(self, printer: TheoryPrinter, width: float, names: Names, stem: str) -> None:
        self._printer = printer
        self._limit = width
        self._names = names
        self._stem = stem
        self._rows: list[Formula] = []
        self._current = EMPTY
        self._fresh = True
        self._nesting = 0
        self._definitions: list[Layout] = []
        self._full_width = width
        self._remark = ""

    # -- rows ---------------------------------------------------------------------

    def put(self, piece: Formula) -> None:
        """Append to the current row whatever its width."""
        self._current = row(self._current, piece)
        self._fresh = False

    def new_row(self, depth: int) -> None:
        """End the current row; the next one is indented by ``depth``.

        A row that holds a sign only goes on: no sign stands alone at the end of a row.
        """
        if self._fresh and self._current.atoms and self._current.atoms[-1].kind is Kind.BIN:
            return
        if not self._fresh:
            self._rows.append(self._current)
        self._current = self._indent(depth)
        self._fresh = True

    def layout(self, left: Formula) -> Layout:
        """The rows written so far, the first one behind ``left``."""
        rows = [*self._rows, self._current]
        aligned = tuple((EMPTY if k else left, line) for k, line in enumerate(rows))
        return Layout(aligned, tuple(self._definitions), self._remark)

    def relate(self, operator: Formula, right: sp.Basic, tail: Formula) -> None:
        """Append ``operator right`` behind a wide left-hand side, in rows of its own if need be."""
        if not self._fits(row(operator, self._printer.doprint(right)) + tail):
            self.new_row(1)
        self.put(operator)
        self.emit(right, tail, 2)

    def _indent(self, depth: int) -> Formula:
        unit = QUAD if self._full_width >= _NARROW else _ENSPACE
        return joined(EMPTY, (*[unit] * min(depth, 4), group(EMPTY))) if depth else EMPTY

    def _fits(self, piece: Formula) -> bool:
        return row(self._current, piece).width <= self._limit

    def _fits_fresh(self, piece: Formula, depth: int) -> bool:
        return row(self._indent(depth), piece).width <= self._limit

    # -- expressions --------------------------------------------------------------

    def emit(self, expression: sp.Basic, tail: Formula, depth: int) -> None:
        """Write an expression, broken where it must be; ``tail`` stays with its end."""
        flat = self._printer.doprint(expression)
        if isinstance(expression, MatrixBase) and self._has_small_print(expression):
            self._matrix(expression, tail, depth)
        elif self._fits(flat + tail):
            self.put(flat + tail)
        elif isinstance(expression, sp.Add | sp.MatAdd):
            self._sum(self._terms(expression), tail, depth)
        elif isinstance(expression, sp.MatMul) or (
            isinstance(expression, sp.Mul) and not expression.is_commutative
        ):
            self._ordered_product(expression, tail, depth)
        elif isinstance(expression, sp.Mul):
            self._product(expression, tail, depth)
        elif isinstance(expression, sp.Sum):
            self._big_sum(expression, tail, depth)
        elif isinstance(expression, sp.Pow) and isinstance(expression.base, sp.Add):
            self._power(expression, tail, depth)
        elif isinstance(expression, sp.Trace):
            head = EMPTY if is_number(expression) else TRACE
            self._bracketed(expression.arg, tail, depth, head=head)
        elif isinstance(expression, MatrixBase):
            self._matrix(expression, tail, depth)
        elif isinstance(expression, sp.Piecewise):
            self._cases(expression, tail, depth)
        elif isinstance(expression, sp.And | sp.Or | sp.Tuple):
            self._list(expression, tail, depth)
        elif expression.func in RELATIONS:
            self.emit(expression.args[0], EMPTY, depth)
            self.relate(RELATIONS[expression.func], expression.args[1], tail)
        else:
            self._unbreakable(expression, tail, depth)

    def _terms(self, expression: sp.Basic) -> list[tuple[Formula, sp.Basic]]:
        """Signed terms, grouped by powers of the small parameter when they are many."""
        terms = self._printer.ordered_terms(expression)
        if len(terms) > GROUP_ABOVE and not isinstance(expression, sp.MatAdd):
            terms = self._printer.grouped_terms(terms)
        signed = []
        for position, term in enumerate(terms):
            negative, size = self._printer.split_sign(term)
            signed.append((MINUS if negative else PLUS if position else EMPTY, size))
        return signed

    def _sum(self, terms: Sequence[tuple[Formula, sp.Basic]], tail: Formula, depth: int) -> None:
        for position, (sign, term) in enumerate(terms):
            end = tail if position == len(terms) - 1 else EMPTY
            flat = joined(BLANK, (sign, self._printer.term(term))) + end
            if self._fits(flat):
                self.put(flat)
                continue
            if not self._fresh and (position or self._fits_fresh(flat, depth)):
                self.new_row(depth)
            if self._fits(flat):
                self.put(flat)
            else:
                fresh = self._fresh
                self.put(sign)
                self._fresh = fresh
                self._loose_or_emit(term, end, depth + 1)

    def _loose_or_emit(self, term: sp.Basic, tail: Formula, depth: int) -> None:
        if isinstance(term, sp.Add):
            self._bracketed(term, tail, depth)
        else:
            self.emit(term, tail, depth)

    def _product(self, expression: sp.Mul, tail: Formula, depth: int) -> None:
        negative, expression = self._printer.split_sign(expression)
        numerator, denominator = self._printer.quotient(expression)
        simple = [factor for factor in numerator if is_simple(factor)]
        breakable = [factor for factor in numerator if not is_simple(factor)]
        if not breakable and not denominator:
            simple, breakable = numerator[:-1], numerator[-1:]
        if denominator:
            head = self._fraction_head(simple, denominator, depth)
        else:
            head = self._printer.product(simple) if simple else EMPTY
        bare = not head
        if negative:
            head = row(MINUS, head)
        if head:
            if not self._fits(head) and self._fits_fresh(head, depth):
                self.new_row(depth)
            self.put(head)
        for position, factor in enumerate(breakable):
            last = position == len(breakable) - 1
            self._factor(factor, tail if last else EMPTY, depth, last, bare and not position)
        if not breakable:
            self.put(tail)

    def _fraction_head(
        self, simple: Sequence[sp.Expr], denominator: Sequence[sp.Expr], depth: int
    ) -> Formula:
        top = self._printer.product(simple)
        head = fraction(top, self._printer.product(denominator))
        if self._fits_fresh(head, depth):
            return head
        return fraction(top, self._define("Q", sp.Mul(*denominator, evaluate=False)))

    def _factor(self, factor: sp.Expr, tail: Formula, depth: int, last: bool, first: bool) -> None:
        flat = self._printer.factor(factor, last=last) + tail
        if self._fits(flat):
            self.put(flat)
            return
        times = EMPTY if first else TIMES
        if not self._fresh and self._fits_fresh(row(times, flat), depth):
            self.new_row(depth)
            self.put(row(times, flat))
        elif isinstance(factor, sp.Add):
            self._bracketed(factor, tail, depth, joint=times + BLANK if times else EMPTY)
        else:
            self.emit(factor, tail, depth)

    def _ordered_product(self, expression: sp.Basic, tail: Formula, depth: int) -> None:
        factors = expression.args
        for position, factor in enumerate(factors):
            end = tail if position == len(factors) - 1 else EMPTY
            flat = self._printer.matrix_factor(factor) + end
            if self._fits(flat):
                self.put(flat)
            elif not self._fresh and self._fits_fresh(row(DOT, flat), depth):
                self.new_row(depth)
                self.put(flat if position == 0 else row(_JOINT_DOT, flat))
            elif isinstance(factor, sp.Add | sp.MatAdd):
                self._bracketed(factor, end, depth, joint=_JOINT_DOT if position else EMPTY)
            else:
                self.emit(factor, end, depth)

    def _big_sum(self, expression: sp.Sum, tail: Formula, depth: int) -> None:
        head = self._printer.sum_sign(expression)
        if not self._fits(head) and not self._fresh:
            self.new_row(depth)
        self.put(head)
        if isinstance(expression.function, sp.Add):
            self._bracketed(expression.function, tail, depth)
        else:
            self.emit(expression.function, tail, depth)

    def _power(self, expression: sp.Pow, tail: Formula, depth: int) -> None:
        exponent = self._printer.doprint(expression.exp)
        self._bracketed(expression.base, tail, depth, exponent=exponent)

    def _bracketed(
        self,
        inside: sp.Basic,
        tail: Formula,
        depth: int,
        head: Formula = EMPTY,
        joint: Formula = EMPTY,
        exponent: Formula | None = None,
    ) -> None:
        """A bracket over several rows; ``joint`` leads it when it opens a row."""
        size = max(1, delimiter_size(self._printer.doprint(inside).box.reach))
        left, right = _BRACKETS[self._nesting % len(_BRACKETS)]
        opening, closing = head + delimiter(left, size, "l"), delimiter(right, size, "r")
        if exponent is not None:
            closing = scripts(closing, sup=exponent)
        begun = row(opening, self._beginning(inside))
        if not (self._fresh or self._fits(begun)) and self._fits_fresh(row(joint, begun), depth):
            # No bracket opens at the end of a row.
            self.new_row(depth)
            opening = joint + opening
        self.put(opening)
        self._nesting += 1
        self.emit(inside, BLANK + closing + tail, depth + 1)
        self._nesting -= 1

    def _beginning(self, expression: sp.Basic) -> Formula:
        """Print of the first term of a sum, or of the whole of anything else."""
        if not isinstance(expression, sp.Add | sp.MatAdd):
            return self._printer.doprint(expression)
        sign, term = self._terms(expression)[0]
        return row(sign, self._printer.term(term))

    def _list(self, expression: sp.Basic, tail: Formula, depth: int) -> None:
        joint = {sp.And: AND + QUAD, sp.Or: OR + QUAD}.get(expression.func, EMPTY)
        parts = expression.args
        if not isinstance(expression, sp.Tuple):
            parts = sorted(parts, key=sp.default_sort_key)
        for position, part in enumerate(parts):
            end = tail if position == len(parts) - 1 else BLANK + QUAD if joint else COMMA
            flat = row(joint if position else EMPTY, self._printer.doprint(part)) + end
            if position and not self._fits(flat):
                self.new_row(depth)
            if position and joint:
                self.put(joint)
            self.emit(part, end, depth + 1)

    # -- naming -------------------------------------------------------------------

    def _define(self, letter: str, expression: sp.Basic) -> Formula:
        name = self._names.repeated(letter, self._printer.doprint(expression))
        if all(part.rows[0][0] != name for part in self._definitions):
            self._add_definition(name, expression)
        return name

    def _add_definition(self, name: Formula, expression: sp.Basic) -> None:
        width = max(self._full_width, 12.0)
        writer = _Writer(self._printer, width - name.width - 0.3, self._names, "m")
        writer.put(_EQUALS)
        writer.emit(expression, EMPTY, 1)
        self._definitions.append(writer.layout(name))

    def _named(self, piece: Formula, tail: Formula, depth: int) -> None:
        if not self._fits(piece + tail) and not self._fresh:
            self.new_row(depth)
        self.put(piece + tail)

    def _matrix(self, matrix: MatrixBase, tail: Formula, depth: int) -> None:
        # Entries that differ in their sign only share a name.
        signed = {
            (row, column): self._printer.split_sign(matrix[row, column])
            for row in range(matrix.rows)
            for column in range(matrix.cols)
        }
        cells = {place: self._printer.doprint(size) for place, (_, size) in signed.items()}
        named: dict[Formula, Formula] = {}
        before = len(self._definitions)

        def entry(place: tuple[int, int]) -> Formula:
            body = named.get(cells[place])
            if body is None:
                return self._printer.doprint(matrix[place])
            return row(MINUS, body) if signed[place][0] else body

        def grid() -> Formula:
            return matrix_formula(
                [[entry((line, column)) for column in range(matrix.cols)]
                 for line in range(matrix.rows)]
            )  # fmt: skip

        narrowest = math.inf
        long = (place for place, cell in cells.items() if cell.width > 2.0)
        for place in sorted(long, key=lambda place: (-cells[place].width, place)):
            cell = cells[place]
            fits = self._fits(grid() + tail) or (
                not self._fresh and self._fits_fresh(grid() + tail, depth) and named
            )
            if not fits:
                narrowest = cell.width
            # What is as wide as an entry that had to be named is named as well.
            kept = cell.width < narrowest - _ALIKE and not _is_small_print(cell)
            if cell not in named and not kept:
                named[cell] = self._names.entry(self._stem, place[0] + 1, place[1] + 1)
                self._add_definition(named[cell], signed[place][1])
        if not self._fits_fresh(grid() + tail, depth):
            del self._definitions[before:]
            self._large_matrix(matrix, tail, depth)
            return
        self._named(grid(), tail, depth)

    def _has_small_print(self, matrix: MatrixBase) -> bool:
        return any(_is_small_print(self._printer.doprint(entry)) for entry in matrix)

    def _large_matrix(self, matrix: MatrixBase, tail: Formula, depth: int) -> None:
        """Name a matrix of too many columns and list its entries that do not vanish."""
        name = self._names.part("M")
        for line in range(matrix.rows):
            for column in range(matrix.cols):
                if matrix[line, column] != 0:
                    place = joined(COMMA, (numeral(str(line + 1)), numeral(str(column + 1))))
                    entry = scripts(fence("(", name, ")"), place)
                    self._add_definition(entry, matrix[line, column])
        self._remark = "All other entries vanish."
        self._named(name, tail, depth)

    def _cases(self, expression: sp.Piecewise, tail: Formula, depth: int) -> None:
        branches = list(expression.args)
        order = sorted(
            range(len(branches)), key=lambda k: -self._printer.doprint(branches[k][0]).width
        )
        printer = self._printer
        for k in order:
            if self._fits_fresh(printer.doprint(sp.Piecewise(*branches, evaluate=False)), depth):
                break
            name = self._define("P", branches[k][0])
            part = sp.Symbol(name.latex)
            printer = printer.with_names({part: name.latex})
            branches[k] = (part, branches[k][1])
        self._named(printer.doprint(sp.Piecewise(*branches, evaluate=False)), tail, depth)

    def _unbreakable(self, expression: sp.Basic, tail: Formula, depth: int) -> None:
        """Name the widest parts of an expression until it fits a row of its own."""
        printer = self._printer
        while not self._fits_fresh(printer.doprint(expression) + tail, depth):
            part = _widest_part(expression, printer)
            if part is None:
                break
            name = self._define("P", part)
            stand_in = _stand_in(part, name.latex)
            expression = expression.xreplace({part: stand_in})
            printer = printer.with_names({stand_in: name.latex})
        self._named(printer.doprint(expression), tail, depth)


def _is_small_print(entry: Formula) -> bool:
    """Whether an entry of a matrix holds a long fraction, which TeX would set in small type."""
    return entry.holds_fraction and entry.width > _LARGEST_SMALL_ENTRY


def _widest_part(expression: sp.Basic, printer: TheoryPrinter) -> sp.Basic | None:
    parts = [
        part
        for part in expression.args
        if isinstance(part, sp.Expr | sp.MatrixExpr | MatrixBase) and part.args
    ]
    return max(parts, key=lambda part: printer.doprint(part).width, default=None)


def _stand_in(part: sp.Basic, name: str) -> sp.Basic:
    """Symbol of the same shape as ``part``, called ``name`` (names are unique)."""
    if isinstance(part, sp.MatrixExpr | MatrixBase):
        return sp.MatrixSymbol(name, *part.shape)
    return sp.Symbol(name, commutative=bool(getattr(part, "is_commutative", True)))
